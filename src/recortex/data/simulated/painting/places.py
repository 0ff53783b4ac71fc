"""Houses and landscapes."""

from __future__ import annotations

from recortex.data.simulated.painting.pen import INK, WHITE, Colour, Pen, dark, light, mix, smooth

Chances = tuple[float, ...]
ROOFS: tuple[Colour, ...] = ((178, 72, 54), (96, 74, 82), (122, 88, 58), (70, 88, 112), (150, 104, 62))
DOORS: tuple[Colour, ...] = ((122, 74, 44), (64, 92, 104), (150, 60, 52), (88, 104, 64))
PANE: Colour = (158, 204, 232)
LAMP: Colour = (255, 216, 112)


def _window(pen: Pen, u: float, v: float, wide: float, high: float) -> None:
    """A window, lit at night."""
    night = pen.tone != (1.0, 1.0, 1.0)
    pen.box(u - 0.015, v - 0.015, wide + 0.03, high + 0.03, WHITE, False)
    pen.box(u, v, wide, high, LAMP if night else PANE, False, lit=night)
    if not night:
        pen.gleam([(u, v + high), (u + wide * 0.6, v + high), (u, v + high * 0.4)], 0.45)
    pen.box(u + wide / 2 - 0.008, v, 0.016, high, WHITE, False)
    pen.box(u, v + high / 2 - 0.008, wide, 0.016, WHITE, False)


def _door(pen: Pen, u: float, wide: float, high: float, c: Chances) -> None:
    colour = DOORS[int(c[1] * len(DOORS))]
    pen.box(u, 0, wide, high, colour)
    pen.disc(u + wide * 0.8, high * 0.45, 0.014, LAMP, False)


def cottage(pen: Pen, colour: Colour, c: Chances) -> None:
    """A cottage with a pitched roof and a smoking chimney."""
    roof = ROOFS[int(c[0] * len(ROOFS))]
    half, eaves = 0.4 + 0.07 * c[2], 0.46 + 0.08 * c[3]
    pen.shadow(0.52, 0.1)
    pen.box(half * 0.35, 0.6, 0.13, 0.32, dark(roof, 0.1))
    for step in range(3):
        pen.disc(half * 0.35 + 0.1 + 0.07 * step, 0.95 + 0.012 * step, 0.035 + 0.012 * step, (226, 226, 232), False, 130)
    pen.box(-half, 0, 2 * half, eaves, colour)
    pen.shade([(half * 0.45, 0), (half, 0), (half, eaves), (half * 0.45, eaves)], 0.13)
    pen.shade([(-half, eaves - 0.07), (half, eaves - 0.07), (half, eaves), (-half, eaves)], 0.2)
    pen.polygon([(-half - 0.08, eaves - 0.03), (-half * 0.55, 0.9), (half * 0.55, 0.9), (half + 0.08, eaves - 0.03)], roof)
    for share in (0.35, 0.68):
        u, v = half + 0.08 - (half * 0.45 + 0.08) * share, eaves - 0.03 + (0.93 - eaves) * share
        pen.stroke([(-u, v), (u, v)], 0.014, dark(roof, 0.22))
    _door(pen, -0.08 + 0.1 * (c[4] - 0.5), 0.17, 0.31, c)
    _window(pen, -half + 0.06, 0.17, 0.14, 0.16)
    _window(pen, half - 0.21, 0.17, 0.14, 0.16)


def barn(pen: Pen, colour: Colour, c: Chances) -> None:
    """A barn with a bent roof and a crossed double door."""
    half, eaves = 0.44 + 0.06 * c[2], 0.46 + 0.07 * c[3]
    pen.shadow(0.54, 0.1)
    outline = [(-half, 0), (-half, eaves), (-half * 0.72, 0.78), (0, 0.96), (half * 0.72, 0.78), (half, eaves), (half, 0)]
    pen.polygon(outline, colour)
    pen.shade([(half * 0.5, 0), (half, 0), (half, eaves), (half * 0.72, 0.78), (half * 0.5, 0.83)], 0.15)
    for step in range(1, 7):
        u = -half + 2 * half * step / 7
        pen.stroke([(u, 0.01), (u, eaves)], 0.008, dark(colour, 0.22))
    roof = ROOFS[int(c[0] * len(ROOFS))]
    pen.stroke(
        [(-half - 0.05, eaves - 0.05), (-half * 0.74, 0.8), (0, 0.965), (half * 0.74, 0.8), (half + 0.05, eaves - 0.05)],
        0.06,
        roof,
        rim=True,
    )
    wide, high = 0.2 + 0.03 * c[4], 0.36
    pen.box(-wide, 0, 2 * wide, high, WHITE)
    for side in (-1, 1):
        inner = (min(side * 0.015, side * (wide - 0.025)), 0.02, wide - 0.04, high - 0.045)
        pen.box(*inner, dark(colour, 0.15), False)
        pen.stroke([(side * 0.02, 0.03), (side * (wide - 0.03), high - 0.04)], 0.025, WHITE)
        pen.stroke([(side * 0.02, high - 0.04), (side * (wide - 0.03), 0.03)], 0.025, WHITE)
    _window(pen, -0.08, 0.56, 0.16, 0.16)


def tower(pen: Pen, colour: Colour, c: Chances) -> None:
    """A round tower with a pointed roof and a flag."""
    roof = ROOFS[int(c[0] * len(ROOFS))]
    half, eaves = 0.19 + 0.05 * c[2], 0.6 + 0.06 * c[3]
    pen.shadow(0.32, 0.08)
    pen.polygon([(-half - 0.03, 0), (-half, eaves), (half, eaves), (half + 0.03, 0)], colour)
    pen.shade([(half * 0.3, 0), (half + 0.03, 0), (half, eaves), (half * 0.3, eaves)], 0.16)
    pen.gleam([(-half * 0.75, 0), (-half * 0.35, 0), (-half * 0.35, eaves), (-half * 0.75, eaves)], 0.18)
    pen.shade([(-half, eaves - 0.05), (half, eaves - 0.05), (half, eaves), (-half, eaves)], 0.2)
    pen.polygon([(-half - 0.09, eaves - 0.02), (0, 0.93), (half + 0.09, eaves - 0.02)], roof)
    pen.shade([(0, 0.93), (half + 0.09, eaves - 0.02), (half * 0.3, eaves - 0.02)], 0.18)
    pen.stroke([(0, 0.92), (0, 1.0)], 0.014, INK)
    pen.polygon([(0.01, 1.0), (0.13, 0.97), (0.01, 0.94)], light(colour, 0.1), False)
    _door(pen, -0.075, 0.15, 0.22, c)
    _window(pen, -0.05, 0.31, 0.1, 0.13)
    _window(pen, -0.05 + 0.12 * (c[4] - 0.5), eaves - 0.14, 0.09, 0.1)


def castle(pen: Pen, colour: Colour, c: Chances) -> None:
    """A castle of two towers with a wall and a gate between them."""
    half, high = 0.46 + 0.05 * c[2], 0.72 + 0.08 * c[3]
    roof = ROOFS[int(c[0] * len(ROOFS))]
    pen.shadow(0.55, 0.1)
    wall = 0.5
    pen.box(-half, 0, 2 * half, wall, dark(colour, 0.08))
    for step in range(5):
        pen.box(-0.28 + step * 0.12, wall - 0.01, 0.07, 0.08, dark(colour, 0.08))
    for side in (-1, 1):
        left = side * half - (0.2 if side > 0 else 0)
        pen.box(left, 0, 0.2, high, colour)
        pen.shade([(left + 0.12, 0), (left + 0.2, 0), (left + 0.2, high), (left + 0.12, high)], 0.16)
        pen.polygon(
            [(left - 0.04, high - 0.01), (left + 0.1, 1.0 if side < 0 else 0.94 + 0.06 * c[4]), (left + 0.24, high - 0.01)], roof
        )
        _window(pen, left + 0.065, high - 0.22, 0.07, 0.11)
    pen.blob([(-0.12, 0), (-0.12, 0.2), (0, 0.31), (0.12, 0.2), (0.12, 0)], (64, 46, 40))
    pen.stroke([(-0.05, 0.01), (-0.05, 0.25)], 0.014, (120, 96, 76))
    pen.stroke([(0.05, 0.01), (0.05, 0.25)], 0.014, (120, 96, 76))


def hut(pen: Pen, colour: Colour, c: Chances) -> None:
    """A round hut under a great thatched roof."""
    half = 0.34 + 0.05 * c[2]
    straw = mix((222, 184, 104), (176, 138, 82), c[0])
    pen.shadow(0.46, 0.08)
    pen.blob([(-half, 0.02), (-half, 0.44), (0, 0.5), (half, 0.44), (half, 0.02), (0, -0.02)], colour)
    pen.shade([(half * 0.4, 0), (half, 0.03), (half, 0.44), (half * 0.4, 0.44)], 0.16)
    _door(pen, -0.1, 0.2, 0.3, c)
    _window(pen, half - 0.19, 0.18, 0.11, 0.12)
    top = 0.93 + 0.05 * c[3]
    pen.blob(
        [
            (-half - 0.14, 0.36),
            (-half * 0.6, 0.7),
            (-0.04, top),
            (0.04, top),
            (half * 0.6, 0.7),
            (half + 0.14, 0.36),
            (half * 0.4, 0.4),
            (0, 0.37),
            (-half * 0.4, 0.4),
        ],
        straw,
    )
    for step in range(-3, 4):
        pen.stroke([(step * 0.025, top - 0.12), (step * 0.12, 0.43)], 0.011, dark(straw, 0.28))
    pen.shade([(0.02, top), (half * 0.6, 0.7), (half + 0.12, 0.38), (half * 0.5, 0.4)], 0.12)


def mountain(pen: Pen, colour: Colour, c: Chances) -> None:
    """Two peaks with snow."""
    u, second = 0.08 * (c[0] - 0.5), 0.6 + 0.18 * c[1]
    pen.polygon([(0.02, 0), (0.3, second), (0.38, second - 0.05), (0.6, 0)], dark(colour, 0.18))
    pen.polygon(
        [
            (0.2, second - 0.2),
            (0.3, second),
            (0.38, second - 0.05),
            (0.43, second - 0.17),
            (0.34, second - 0.11),
            (0.28, second - 0.17),
        ],
        WHITE,
        False,
    )
    ridge = [(-0.55, 0), (-0.34, 0.34), (-0.26, 0.4), (u - 0.02, 1.0), (u + 0.14, 0.7), (0.2, 0.6), (0.44, 0)]
    pen.polygon(ridge, colour)
    pen.shade([(u - 0.02, 1.0), (u + 0.14, 0.7), (0.2, 0.6), (0.44, 0), (0.08, 0), (u + 0.06, 0.4), (u - 0.04, 0.6)], 0.24)
    deep = 0.62 + 0.08 * c[2]
    cut = 1 - deep
    cap = [
        (u - 0.02, 1.0),
        (u - 0.02 - cut * 0.42, deep),
        (u - 0.08, deep + 0.07),
        (u - 0.02, deep - 0.05),
        (u + 0.05, deep + 0.05),
        (u + 0.02 + cut * 0.44, deep),
    ]
    pen.polygon(cap, WHITE, False)
    pen.shade([(u - 0.02, 1.0), (u, deep + 0.02), (u + 0.05, deep + 0.05), (u + 0.02 + cut * 0.44, deep)], 0.14)


def volcano(pen: Pen, colour: Colour, c: Chances) -> None:
    """A volcano with glowing lava and a cloud of smoke."""
    top, wide = 0.66 + 0.05 * c[0], 0.12 + 0.03 * c[1]
    for step, (u, v, r) in enumerate([(0.02, 0.78, 0.1), (0.1, 0.87, 0.11), (-0.04, 0.9, 0.09), (0.18, 0.93, 0.07)]):
        pen.disc(u + 0.06 * (c[2] - 0.5), v, r, mix((172, 166, 176), (120, 112, 126), step / 3), False)
    pen.polygon(
        smooth([(-0.58, 0), (-0.36, 0.2), (-wide - 0.05, top - 0.14), (-wide, top)], False)
        + smooth([(wide, top), (wide + 0.05, top - 0.14), (0.36, 0.2), (0.58, 0)], False),
        colour,
    )
    pen.shade([(0.04, 0), (0.56, 0), (0.36, 0.19), (wide + 0.05, top - 0.14), (wide, top), (0.03, top)], 0.24)
    pen.disc(0, top, wide, (120, 40, 30), high=0.035)
    lava = (255, 138, 40)
    pen.polygon(
        [
            (-wide * 0.7, top),
            (wide * 0.7, top),
            (wide * 0.6, top - 0.14),
            (0.05, top - 0.1),
            (0.02, top - 0.34 - 0.1 * c[3]),
            (-0.03, top - 0.14),
            (-wide * 0.8, top - 0.22),
        ],
        lava,
        False,
        lit=True,
    )
    for u, v in ((-0.1, 0.82), (0.02, 0.9), (-0.16, 0.74)):
        pen.disc(u, v, 0.022, (255, 196, 70), False, lit=True)


def waterfall(pen: Pen, colour: Colour, c: Chances) -> None:
    """A waterfall between cliffs into a pool."""
    u = 0.16 * (c[0] - 0.5)
    left, right = 0.86 + 0.14 * c[1], 0.8 + 0.14 * c[2]
    pen.polygon([(-0.52, 0), (-0.5, left - 0.2), (-0.4, left), (u - 0.1, left - 0.06), (u - 0.1, 0)], colour)
    pen.polygon([(0.52, 0), (0.5, right - 0.22), (0.36, right), (u + 0.1, right - 0.04), (u + 0.1, 0)], dark(colour, 0.14))
    for side, high in ((-1, left), (1, right)):
        edge = -0.5 if side < 0 else 0.5
        pen.disc(u + side * 0.24, high - 0.04, 0.17, (104, 166, 76), high=0.06)
        pen.shade([(edge, 0.1), (u + side * 0.12, 0.1), (u + side * 0.12, 0.34), (edge * 0.75, 0.3)], 0.2)
        pen.shade([(edge * 0.6, 0.5), (u + side * 0.12, 0.48), (u + side * 0.12, 0.6)], 0.2)
    pen.polygon(
        [(u - 0.11, min(left, right) - 0.03), (u + 0.11, min(left, right) - 0.03), (u + 0.13, 0.08), (u - 0.13, 0.08)],
        (150, 206, 240),
        False,
    )
    for step in (-0.07, -0.01, 0.05, 0.09):
        pen.stroke([(u + step * 0.9, min(left, right) - 0.06), (u + step * 1.2, 0.1)], 0.018, (232, 246, 252))
    pen.disc(0, 0.06, 0.54, (72, 142, 200), high=0.065)
    for step in range(-2, 3):
        pen.disc(u + step * 0.07, 0.1, 0.06, (238, 248, 252), False, high=0.045)


def hill(pen: Pen, colour: Colour, c: Chances) -> None:
    """Round hills with a winding path and trees on the top."""
    u = 0.16 * (c[0] - 0.5)
    pen.blob([(0.06, 0), (0.14, 0.36), (0.34, 0.52 + 0.08 * c[1]), (0.54, 0.3), (0.6, 0), (0.3, -0.02)], dark(colour, 0.2))
    for at, high in ((u - 0.16, 0.16), (u + 0.05, 0.22), (u - 0.05, 0.18)):
        v = 0.7 - 1.1 * (at - u + 0.04) ** 2
        pen.box(at - 0.012, v - 0.02, 0.024, 0.1, (112, 76, 50), False)
        pen.disc(at, v + 0.06 + high / 2, high * 0.42, (72, 128, 74), high=high * 0.5)
    pen.blob([(-0.6, 0), (-0.5, 0.3), (u - 0.2, 0.68), (u + 0.12, 0.68), (0.36, 0.32), (0.5, 0), (0, -0.02)], colour)
    pen.box(-0.58, -0.02, 1.14, 0.03, colour, False)
    pen.shade([(u + 0.12, 0.67), (0.36, 0.32), (0.48, 0.02), (0.2, 0.02), (0.14, 0.3)], 0.16)
    pen.gleam([(-0.46, 0.32), (u - 0.2, 0.65), (u - 0.06, 0.69), (-0.24, 0.34)], 0.2)
    bend = 0.1 + 0.08 * c[2]
    path = smooth([(-0.16, 0), (0.1 + bend, 0.16), (-bend, 0.36), (u + 0.04, 0.66)], False)
    back = smooth([(u + 0.07, 0.66), (-bend + 0.08, 0.36), (0.22 + bend, 0.15), (0.08, 0)], False)
    pen.polygon(path + back, (236, 216, 164), False)


HOUSES = {"cottage": cottage, "barn": barn, "tower": tower, "castle": castle, "hut": hut}
LANDSCAPES = {"mountain": mountain, "volcano": volcano, "waterfall": waterfall, "hill": hill}
