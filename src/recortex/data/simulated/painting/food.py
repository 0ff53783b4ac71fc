"""Things to eat."""

from __future__ import annotations

import math

from recortex.data.simulated.painting.pen import WHITE, Colour, Pen, dark, light, mix, smooth

Chances = tuple[float, ...]
CRUST: Colour = (226, 172, 100)
LEAF: Colour = (88, 158, 64)
CREAM: Colour = (255, 246, 224)
SPRINKLES: tuple[Colour, ...] = ((232, 72, 72), (70, 132, 220), (250, 210, 60), (96, 180, 90))


def apple(pen: Pen, colour: Colour, c: Chances) -> None:
    """An apple, whole or bitten."""
    wide = 0.44 + 0.05 * c[0]
    pen.shadow(0.4, 0.1)
    body = [
        (0, 0.8),
        (0.2, 0.86),
        (wide, 0.68),
        (wide, 0.36),
        (0.24, 0.04),
        (0.08, 0.02),
        (0, 0.05),
        (-0.08, 0.02),
        (-0.24, 0.04),
        (-wide, 0.36),
        (-wide, 0.68),
        (-0.2, 0.86),
    ]
    pen.blob(body, dark(colour, 0.2))
    pen.blob([(u * 0.88 - 0.03, 0.06 + v * 0.9) for u, v in body], colour, False)
    pen.blob([(u * 0.55 - 0.13, 0.26 + v * 0.62) for u, v in body], light(colour, 0.16), False)
    pen.disc(-0.22, 0.64, 0.07, light(colour, 0.7), False, high=0.1)
    if c[1] < 0.4:
        for u, v in ((wide - 0.11, 0.4), (wide - 0.13, 0.5), (wide - 0.11, 0.6)):
            pen.disc(u, v, 0.1, CREAM, False)
        pen.disc(wide - 0.08, 0.5, 0.09, dark(CREAM, 0.08), False, high=0.14)
    pen.stroke([(0, 0.76), (0.02, 0.9), (0.07, 0.98)], 0.045, (104, 68, 42), True)
    pen.blob([(0.04, 0.88), (0.16, 0.98), (0.32, 0.95), (0.2, 0.85)], LEAF)


def cupcake(pen: Pen, colour: Colour, c: Chances) -> None:
    """A cupcake with a swirl of icing and a cherry."""
    pen.shadow(0.36, 0.08)
    cup = mix(CRUST, (150, 98, 66), c[0])
    pen.polygon([(-0.25, 0), (-0.36, 0.42), (0.36, 0.42), (0.25, 0)], cup)
    for step in range(-2, 3):
        pen.stroke([(step * 0.1, 0.02), (step * 0.14, 0.4)], 0.014, dark(cup, 0.3))
    pen.shade([(0.1, 0), (0.25, 0), (0.36, 0.42), (0.14, 0.42)], 0.14)
    for v, wide in ((0.45, 0.42), (0.6, 0.33), (0.73, 0.22)):
        pen.disc(0, v, wide, colour, high=0.12)
        pen.disc(-0.06, v + 0.03, wide * 0.7, light(colour, 0.28), False, high=0.07)
    for step in range(7):
        u, v = -0.3 + 0.1 * step, 0.5 + 0.12 * ((step * 3 + int(c[1] * 5)) % 3)
        pen.disc(u * (1.4 - v), v, 0.026, SPRINKLES[step % 4], False)
    pen.sphere(0.0, 0.89, 0.095, (206, 40, 56))
    pen.stroke([(0.01, 0.96), (0.06, 1.0)], 0.02, (92, 60, 40))


def ice_cream(pen: Pen, colour: Colour, c: Chances) -> None:
    """A cone with one to three scoops."""
    pen.shadow(0.16, 0.04, 0.05)
    pen.polygon([(0, 0), (-0.22, 0.5), (0.22, 0.5)], CRUST)
    for step in (-1, 0, 1):
        pen.stroke([(-0.13 + 0.1 * step, 0.47), (0.06 + 0.04 * step, 0.14)], 0.012, dark(CRUST, 0.3))
        pen.stroke([(0.13 + 0.1 * step, 0.47), (-0.06 + 0.04 * step, 0.14)], 0.012, dark(CRUST, 0.3))
    if c[0] < 0.45:
        pen.sphere(0, 0.7, 0.28, colour)
        pen.blob(
            [(-0.27, 0.52), (-0.2, 0.44), (-0.1, 0.5), (0, 0.42), (0.1, 0.5), (0.2, 0.45), (0.27, 0.52), (0, 0.62)],
            dark(colour, 0.1),
            False,
        )
    else:
        for u, v in ((-0.15, 0.58), (0.15, 0.58), (0.0, 0.77)):
            pen.sphere(u, v, 0.2, colour)
    pen.box(0.1, 0.8, 0.05, 0.18, (150, 98, 60))


def cake(pen: Pen, colour: Colour, c: Chances) -> None:
    """A round cake with candles."""
    half, high = 0.48 + 0.05 * c[0], 0.44 + 0.08 * c[1]
    pen.shadow(0.58, 0.08)
    pen.disc(0, 0.07, half + 0.1, (226, 228, 234), high=0.07)
    pen.box(-half, 0.1, 2 * half, high - 0.1, colour, False)
    pen.disc(0, 0.11, half, colour, False, high=0.08)
    pen.shade([(half * 0.3, 0.06), (half, 0.1), (half, high), (half * 0.3, high)], 0.16)
    pen.gleam([(-half * 0.8, 0.08), (-half * 0.5, 0.06), (-half * 0.5, high), (-half * 0.8, high)], 0.22)
    pen.box(-half, 0.2, 2 * half, 0.05, CREAM, False)
    top = light(colour, 0.62)
    for step in range(9):
        u = half * math.cos(math.pi * (step + 0.5) / 9)
        pen.disc(u * 0.94, high - 0.05 - 0.035 * ((step * 2) % 3), 0.06, top, False, high=0.08)
    pen.disc(0, high, half, top, high=0.1)
    for step in range(3 + int(c[2] * 3)):
        u = (step - (2 + int(c[2] * 3)) / 2) * 0.15
        pen.box(u - 0.022, high, 0.044, 0.27, SPRINKLES[step % 4])
        pen.glow(u, high + 0.33, 0.09, (255, 210, 110), 26)
        pen.blob([(u - 0.028, high + 0.3), (u, high + 0.27), (u + 0.028, high + 0.3), (u, high + 0.4)], (255, 196, 64), False)


def soup(pen: Pen, colour: Colour, c: Chances) -> None:
    """A steaming bowl with a spoon."""
    pen.shadow(0.36, 0.08)
    pen.box(-0.2, 0, 0.4, 0.08, dark(colour, 0.2), round_=0.02)
    pen.polygon(smooth([(-0.54, 0.52), (-0.48, 0.26), (-0.24, 0.06), (0.24, 0.06), (0.48, 0.26), (0.54, 0.52)], False), colour)
    pen.shade(smooth([(0.54, 0.5), (0.48, 0.26), (0.24, 0.07), (0.0, 0.07), (0.24, 0.28), (0.32, 0.46)], False), 0.18)
    pen.box(-0.5, 0.31, 1.0, 0.06, light(colour, 0.6), False)
    pen.disc(0, 0.53, 0.55, light(colour, 0.2), high=0.13)
    broth = mix((232, 130, 50), (236, 190, 90), c[0])
    pen.disc(0, 0.52, 0.48, broth, False, high=0.095)
    for u, v in ((-0.2, 0.55), (0.08, 0.49), (0.22, 0.55), (-0.04, 0.57)):
        pen.disc(u, v, 0.045, LEAF if u > 0.1 or u < -0.1 else CREAM, False, high=0.025)
    pen.stroke([(0.2, 0.55), (0.5, 0.86)], 0.045, (190, 196, 206), rim=True)
    for u in (-0.2, 0.0, 0.18):
        pen.stroke([(u, 0.68), (u + 0.05, 0.77), (u - 0.04, 0.86), (u + 0.03, 0.97)], 0.03, WHITE, True)


FOOD = {"apple": apple, "cupcake": cupcake, "ice cream": ice_cream, "cake": cake, "soup": soup}
