"""Plants."""

from __future__ import annotations

import math

from recortex.data.simulated.painting.pen import WHITE, Colour, Pen, dark, light

Chances = tuple[float, ...]
BARK: Colour = (122, 82, 52)
LEAF: Colour = (82, 148, 66)
POT: Colour = (196, 108, 70)


def tree(pen: Pen, colour: Colour, c: Chances) -> None:
    """A broad tree with a round crown."""
    pen.shadow(0.4, 0.1)
    pen.polygon([(-0.1, 0), (-0.06, 0.3), (-0.05, 0.5), (0.05, 0.5), (0.06, 0.3), (0.11, 0)], BARK)
    pen.stroke([(0.02, 0.34), (0.16, 0.48)], 0.045, BARK)
    pen.shade([(0.02, 0), (0.11, 0), (0.06, 0.3), (0.05, 0.5), (0.02, 0.5)], 0.25)
    spread = 0.22 + 0.05 * c[0]
    tufts = [(-spread, 0.52), (spread, 0.52), (0.0, 0.48), (-0.17, 0.72), (0.18, 0.72 + 0.04 * c[1]), (0.0, 0.8)]
    for u, v in tufts:
        pen.disc(u, v, 0.21, dark(colour, 0.3))
    for u, v in tufts:
        pen.disc(u - 0.01, v + 0.015, 0.195, dark(colour, 0.06), False)
    for u, v in tufts:
        pen.disc(u - 0.05, v + 0.06, 0.1, light(colour, 0.24), False)
    if c[2] < 0.35:
        for u, v in ((-0.24, 0.5), (0.06, 0.6), (0.26, 0.56), (-0.08, 0.8), (0.16, 0.78)):
            pen.disc(u, v, 0.035, (214, 50, 50) if colour[0] < 180 else (250, 226, 120))


def fir(pen: Pen, colour: Colour, c: Chances) -> None:
    """A fir tree of four tiers."""
    pen.shadow(0.36, 0.08)
    pen.box(-0.06, 0, 0.12, 0.2, BARK)
    wide = 0.36 + 0.06 * c[0]
    for step in range(4):
        share = 1 - step * 0.22
        low, high = 0.12 + 0.2 * step, 0.46 + 0.18 * step
        half = wide * share
        pen.polygon(
            [
                (-half, low),
                (-half * 0.55, low + 0.045),
                (-half * 0.3, low - 0.015),
                (0, low + 0.03),
                (half * 0.3, low - 0.015),
                (half * 0.6, low + 0.045),
                (half, low),
                (0, min(high, 1.0)),
            ],
            colour,
        )
        pen.shade([(half * 0.15, low), (half * 0.6, low + 0.045), (half, low), (0, min(high, 1.0))], 0.2)
        pen.gleam([(-half * 0.7, low + 0.05), (-half * 0.4, low + 0.06), (0, min(high, 1.0) - 0.04)], 0.2)


def flower(pen: Pen, colour: Colour, c: Chances) -> None:
    """A flower with large petals and two leaves."""
    pen.shadow(0.26, 0.06, 0.055)
    bend = 0.1 * (c[0] - 0.5)
    pen.stroke([(0, 0.01), (bend, 0.3), (0, 0.6)], 0.05, LEAF, True, True)
    pen.blob([(0.0, 0.14), (-0.16, 0.34), (-0.36, 0.38), (-0.24, 0.18)], LEAF)
    pen.blob([(0.0, 0.08), (0.18, 0.26), (0.38, 0.26), (0.24, 0.08)], dark(LEAF, 0.15))
    petals = 5 + int(4 * c[1])
    for ring, reach, shade in ((0, 0.21, dark(colour, 0.12)), (1, 0.19, colour)):
        for step in range(petals):
            angle = 2 * math.pi * (step + 0.5 * ring + c[2]) / petals
            u, v = reach * math.cos(angle), 0.68 + reach * math.sin(angle)
            pen.disc(u, v, 0.11, shade, ring == 1)
    pen.sphere(0, 0.68, 0.115, (246, 196, 60) if colour[2] > 90 or colour[1] < 120 else (122, 76, 44))


def cactus(pen: Pen, colour: Colour, c: Chances) -> None:
    """A cactus with two arms in a pot."""
    pen.shadow(0.28, 0.07, 0.06)
    left, right = 0.5 + 0.08 * c[0], 0.42 + 0.1 * c[1]
    for side, v in ((-1, left), (1, right)):
        pen.stroke([(side * 0.08, v - 0.04), (side * 0.3, v - 0.02), (side * 0.31, v + 0.22)], 0.13, colour, rim=True)
    pen.box(-0.15, 0.2, 0.3, 0.75, colour, round_=0.15)
    pen.shade([(0.04, 0.22), (0.15, 0.22), (0.15, 0.85), (0.04, 0.93)], 0.2)
    pen.gleam([(-0.11, 0.26), (-0.06, 0.26), (-0.06, 0.86), (-0.11, 0.84)], 0.3)
    for v in (0.34, 0.48, 0.62, 0.76, 0.88):
        for u in (-0.08, 0.0, 0.08):
            pen.stroke([(u, v), (u + 0.015, v + 0.035)], 0.014, light(colour, 0.7))
    if c[2] < 0.6:
        pen.disc(0.0, 0.96, 0.05, (240, 110, 150) if colour[0] < 200 else WHITE)
    pen.polygon([(-0.18, 0), (-0.23, 0.2), (0.23, 0.2), (0.18, 0)], POT)
    pen.box(-0.26, 0.17, 0.52, 0.08, light(POT, 0.15), round_=0.02)
    pen.shade([(0.04, 0), (0.18, 0), (0.25, 0.24), (0.06, 0.24)], 0.18)


def palm(pen: Pen, colour: Colour, c: Chances) -> None:
    """A palm with a bent trunk."""
    pen.shadow(0.26, 0.06, 0.055)
    bend = 0.16 * c[0]
    u, v = 0.06, 0.7
    pen.stroke([(-0.08, 0.02), (-0.1 + bend, 0.36), (u, v)], 0.085, BARK, True, True)
    for share in (0.15, 0.3, 0.45, 0.6, 0.75):
        at = -0.1 + bend * share * 1.3 + 0.12 * share**2
        pen.stroke([(at - 0.03, share * 0.9 * v), (at + 0.05, share * 0.9 * v + 0.015)], 0.016, dark(BARK, 0.4))
    for step, (du, dv) in enumerate(
        [(-0.54, -0.16), (0.5, -0.18), (-0.46, 0.1), (0.46, 0.08), (-0.24, 0.27), (0.26, 0.26), (0.02, 0.3)]
    ):
        shade = dark(colour, 0.22) if step < 2 else colour if step < 5 else light(colour, 0.14)
        tip, rise = (u + du, v + dv), 0.14 + 0.05 * c[1]
        middle = (u + du * 0.55, v + dv * 0.55 + rise * (1 - abs(dv)))
        low = (u + du * 0.5, v + dv * 0.5 + rise * 0.25)
        pen.blob([(u - 0.02, v), middle, tip, low, (u + 0.02, v - 0.02)], shade)
    for at in (-0.05, 0.05):
        pen.disc(u + at, v - 0.02, 0.05, (128, 84, 50))


PLANTS = {"tree": tree, "fir": fir, "flower": flower, "cactus": cactus, "palm": palm}
