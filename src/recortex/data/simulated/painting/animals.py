"""Animals."""

from __future__ import annotations

from recortex.data.simulated.painting.pen import INK, WHITE, Colour, Pen, dark, light, mix

Chances = tuple[float, ...]
NOSE: Colour = (232, 120, 130)


def _eye(pen: Pen, u: float, v: float, radius: float) -> None:
    pen.disc(u, v, radius, INK, False)
    pen.disc(u + radius * 0.3, v + radius * 0.35, radius * 0.36, WHITE, False)


def dog(pen: Pen, colour: Colour, c: Chances) -> None:
    """A dog from the side, its tail up."""
    back, spot = 0.5 + 0.04 * c[0], dark(colour, 0.35)
    pen.shadow(0.46, 0.06)
    for u in (-0.26, 0.2):
        pen.stroke([(u + 0.07, 0.3), (u + 0.08, 0.05)], 0.1, dark(colour, 0.25), rim=True)
    pen.stroke([(-0.38, 0.46), (-0.5, 0.58), (-0.52, 0.76 + 0.1 * c[1])], 0.075, colour, True, True)
    pen.blob(
        [
            (-0.42, 0.4),
            (-0.34, back + 0.06),
            (0, back),
            (0.26, back + 0.06),
            (0.34, 0.4),
            (0.24, 0.24),
            (-0.05, 0.27),
            (-0.34, 0.22),
        ],
        colour,
    )
    for u in (-0.32, 0.18):
        pen.stroke([(u, 0.3), (u - 0.01, 0.05)], 0.11, colour, rim=True)
        pen.disc(u + 0.02, 0.035, 0.075, light(colour, 0.5), high=0.04)
    if c[2] < 0.5:
        pen.blob([(-0.2, back - 0.01), (0.0, back - 0.02), (0.02, 0.38), (-0.14, 0.36)], spot, False)
    pen.blob(
        [(0.12, 0.56), (0.12, 0.8), (0.24, 0.93), (0.4, 0.9), (0.46, 0.76), (0.6, 0.71), (0.61, 0.6), (0.46, 0.54), (0.28, 0.5)],
        colour,
    )
    pen.blob([(0.46, 0.72), (0.6, 0.7), (0.61, 0.6), (0.48, 0.56)], light(colour, 0.5), False)
    pen.disc(0.59, 0.69, 0.048, INK, False)
    pen.stroke([(0.58, 0.6), (0.48, 0.6)], 0.018, INK)
    pen.blob([(0.2, 0.92), (0.08, 0.86), (0.04, 0.64), (0.12, 0.56), (0.22, 0.66), (0.28, 0.86)], spot)
    _eye(pen, 0.39, 0.78, 0.042)
    pen.stroke([(0.14, 0.53), (0.34, 0.49)], 0.05, (206, 60, 60) if c[3] < 0.5 else (60, 110, 200))


def cat(pen: Pen, colour: Colour, c: Chances) -> None:
    """A sitting cat with stripes."""
    stripe = dark(colour, 0.35)
    pen.shadow(0.36, 0.06)
    pen.stroke([(0.22, 0.08), (0.46, 0.1), (0.5, 0.3), (0.38 + 0.12 * c[0], 0.46)], 0.085, colour, True, True)
    pen.blob([(-0.28, 0.02), (-0.3, 0.26), (-0.17, 0.52), (0.17, 0.52), (0.3, 0.26), (0.28, 0.02), (0, -0.01)], colour)
    pen.blob([(-0.1, 0.08), (-0.12, 0.3), (0, 0.44), (0.12, 0.3), (0.1, 0.08)], light(colour, 0.6), False)
    for side in (-1, 1):
        pen.stroke([(side * 0.27, 0.34), (side * 0.19, 0.33)], 0.035, stripe)
        pen.stroke([(side * 0.29, 0.24), (side * 0.2, 0.23)], 0.035, stripe)
        pen.disc(side * 0.12, 0.045, 0.1, light(colour, 0.35), high=0.055)
        pen.polygon([(side * 0.33, 0.74), (side * 0.31, 1.0), (side * 0.08, 0.88)], colour)
        pen.polygon([(side * 0.28, 0.8), (side * 0.275, 0.93), (side * 0.15, 0.86)], NOSE, False)
    pen.blob([(-0.36, 0.66), (-0.26, 0.86), (0, 0.91), (0.26, 0.86), (0.36, 0.66), (0.24, 0.5), (0, 0.45), (-0.24, 0.5)], colour)
    for u in (-0.09, 0, 0.09):
        pen.stroke([(u, 0.89), (u * 0.8, 0.8)], 0.032, stripe)
    pen.disc(0, 0.56, 0.13, light(colour, 0.65), False, high=0.075)
    for side in (-1, 1):
        pen.disc(side * 0.15, 0.69, 0.07, (196, 226, 110), False, high=0.075)
        pen.disc(side * 0.15, 0.69, 0.03, INK, False, high=0.07)
        pen.stroke([(side * 0.1, 0.57), (side * 0.42, 0.6)], 0.012, WHITE)
        pen.stroke([(side * 0.1, 0.55), (side * 0.41, 0.52)], 0.012, WHITE)
        pen.stroke([(0, 0.56), (side * 0.03, 0.525), (side * 0.08, 0.535)], 0.016, INK)
    pen.polygon([(-0.04, 0.61), (0.04, 0.61), (0, 0.56)], NOSE, False)


def bird(pen: Pen, colour: Colour, c: Chances) -> None:
    """A round bird on thin legs."""
    beak = (244, 162, 44)
    pen.shadow(0.3, 0.04, 0.06)
    for u in (-0.04, 0.12):
        pen.stroke([(u, 0.24), (u + 0.02, 0.03), (u + 0.1, 0.015)], 0.03, beak)
    pen.polygon([(-0.28, 0.4), (-0.6, 0.44 + 0.16 * c[0]), (-0.56, 0.58 + 0.16 * c[0]), (-0.2, 0.58)], dark(colour, 0.25))
    pen.blob(
        [
            (-0.36, 0.46),
            (-0.12, 0.68),
            (0.0, 0.88),
            (0.2, 0.98),
            (0.38, 0.86),
            (0.38, 0.66),
            (0.34, 0.4),
            (0.16, 0.2),
            (-0.12, 0.2),
        ],
        colour,
    )
    pen.blob([(0.1, 0.24), (0.32, 0.42), (0.34, 0.6), (0.2, 0.56), (0.04, 0.36)], light(colour, 0.6), False)
    lift = 0.2 * c[1]
    pen.blob([(0.08, 0.56), (-0.1, 0.62), (-0.42, 0.44 + lift), (-0.24, 0.34 + lift * 0.5), (0.02, 0.36)], dark(colour, 0.22))
    pen.stroke([(-0.26, 0.42 + lift * 0.7), (0.0, 0.46)], 0.018, dark(colour, 0.45))
    pen.polygon([(0.36, 0.82), (0.6, 0.74), (0.37, 0.68)], beak)
    pen.disc(0.24, 0.8, 0.07, WHITE, False)
    _eye(pen, 0.25, 0.8, 0.048)


def rabbit(pen: Pen, colour: Colour, c: Chances) -> None:
    """A rabbit with long ears."""
    pen.shadow(0.36, 0.05)
    pen.disc(-0.36, 0.16, 0.1, light(colour, 0.75))
    pen.blob([(-0.36, 0.04), (-0.38, 0.28), (-0.16, 0.48), (0.14, 0.44), (0.26, 0.22), (0.22, 0.02)], colour)
    pen.blob([(-0.3, 0.04), (-0.3, 0.24), (-0.12, 0.28), (0.0, 0.12), (-0.04, 0.02)], dark(colour, 0.16))
    pen.disc(-0.08, 0.04, 0.16, light(colour, 0.3), high=0.05)
    pen.stroke([(0.18, 0.24), (0.2, 0.06)], 0.09, light(colour, 0.15), rim=True)
    lean = 0.12 * (c[0] - 0.5)
    for u, shift in ((0.06, -0.1 + lean), (0.22, 0.04 + lean)):
        pen.blob(
            [(u - 0.05, 0.62), (u - 0.07 + shift, 0.84), (u + shift, 1.0), (u + 0.07 + shift, 0.84), (u + 0.05, 0.62)], colour
        )
        pen.blob(
            [(u - 0.015, 0.66), (u - 0.03 + shift, 0.84), (u + shift, 0.94), (u + 0.03 + shift, 0.84), (u + 0.015, 0.66)],
            NOSE,
            False,
        )
    pen.blob([(-0.06, 0.5), (0.0, 0.66), (0.16, 0.71), (0.34, 0.64), (0.42, 0.5), (0.34, 0.38), (0.14, 0.34), (0, 0.4)], colour)
    pen.disc(0.32, 0.46, 0.09, light(colour, 0.6), False, high=0.07)
    pen.disc(0.41, 0.51, 0.034, NOSE, False)
    pen.box(0.33, 0.37, 0.05, 0.05, WHITE, False)
    _eye(pen, 0.2, 0.56, 0.048)


def elephant(pen: Pen, colour: Colour, c: Chances) -> None:
    """An elephant with a curled trunk."""
    pen.shadow(0.5, 0.06)
    pen.stroke([(-0.5, 0.56), (-0.58, 0.42), (-0.56, 0.3)], 0.035, dark(colour, 0.3), True)
    for u in (-0.24, 0.16):
        pen.box(u, 0, 0.15, 0.36, dark(colour, 0.25), round_=0.03)
    pen.blob(
        [(-0.52, 0.5), (-0.42, 0.78), (-0.1, 0.88), (0.2, 0.8), (0.3, 0.5), (0.18, 0.24), (-0.2, 0.22), (-0.46, 0.28)], colour
    )
    for u in (-0.44, 0.02):
        pen.box(u, 0, 0.18, 0.4, colour, False, round_=0.04)
        for nail in (0.03, 0.09, 0.15):
            pen.disc(u + nail, 0.03, 0.024, WHITE, False)
    tip = 0.2 + 0.5 * c[0]
    pen.stroke(
        [(0.38, 0.62), (0.48, 0.44), (0.46, 0.24), (0.54, 0.15 + 0.12 * tip), (0.58, 0.22 + 0.2 * tip)], 0.1, colour, True, True
    )
    pen.polygon([(0.36, 0.48), (0.42, 0.34), (0.52, 0.36), (0.44, 0.48)], WHITE)
    pen.blob([(0.16, 0.6), (0.18, 0.86), (0.34, 0.94), (0.5, 0.84), (0.52, 0.62), (0.4, 0.46), (0.26, 0.46)], colour)
    pen.blob(
        [(0.22, 0.86), (0.02, 0.96), (-0.14, 0.76), (-0.06, 0.46), (0.12, 0.4), (0.24, 0.58)],
        mix(colour, dark(colour, 0.5), 0.35),
    )
    pen.blob([(0.16, 0.8), (0.04, 0.86), (-0.06, 0.72), (-0.0, 0.52), (0.1, 0.48), (0.17, 0.6)], mix(colour, NOSE, 0.45), False)
    _eye(pen, 0.38, 0.74, 0.04)


ANIMALS = {"dog": dog, "cat": cat, "bird": bird, "rabbit": rabbit, "elephant": elephant}
