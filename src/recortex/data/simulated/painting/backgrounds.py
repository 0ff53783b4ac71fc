"""Where things are: six backgrounds, each by day and by night."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from recortex.data.simulated.painting.pen import WHITE, WOOD, Colour, Pen, dark, light, mix, smooth

Chances = tuple[float, ...]
LAMP: Colour = (255, 222, 130)
WALLS: tuple[Colour, ...] = ((198, 170, 150), (150, 156, 178), (186, 140, 124), (204, 196, 180), (158, 166, 160))
NIGHT_SKY = ((0.0, (16, 20, 52)), (1.0, (62, 74, 124)))


def fill(image: Any, low: float, high: float, stops: tuple[tuple[float, Colour], ...], pen: Pen, lit: bool = False) -> None:
    """Colour the whole breadth between two heights (shares of the picture from the top) from one colour to the next."""
    from PIL import Image

    side = image.size[0]
    top, bottom = round(low * side), round(high * side)
    places, colours = zip(*stops, strict=True)
    along = np.linspace(0, 1, bottom - top)
    inks = np.array([pen.ink(colour, lit=lit)[:3] for colour in colours])
    strip = np.empty((bottom - top, side, 3), np.uint8)
    for channel in range(3):
        strip[:, :, channel] = np.interp(along, places, inks[:, channel])[:, None] + 0.5
    image.paste(Image.fromarray(strip), (0, top))


def _sky(image: Any, pen: Pen, c: Chances, night: bool, day: tuple[Colour, Colour], low: float) -> None:
    """Sky down to a height: sun and clouds, or moon and stars."""
    if night:
        fill(image, 0, low, NIGHT_SKY, pen, True)
        for step in range(14):
            u, v = math.modf(c[0] * 7 + step * 0.7549)[0], math.modf(c[1] * 5 + step * 0.5698)[0]
            pen.disc(u - 0.5, 1 - v * low, 0.0055 + 0.004 * (step % 3), (244, 240, 214), False, lit=True)
        u, v = 0.7 * (c[2] - 0.5), 0.9 - 0.07 * c[3]
        pen.glow(u, v, 0.14, (190, 200, 236), 22)
        pen.disc(u, v, 0.062, (250, 244, 212), False, lit=True)
        if c[4] < 0.5:
            pen.disc(u + 0.03, v + 0.012, 0.053, (36, 42, 84), False, lit=True)
        else:
            pen.disc(u - 0.02, v + 0.012, 0.014, (226, 218, 184), False, lit=True)
            pen.disc(u + 0.022, v - 0.018, 0.01, (226, 218, 184), False, lit=True)
        return
    fill(image, 0, low, ((0.0, day[0]), (1.0, day[1])), pen)
    if c[2] < 0.6:
        u, v = 0.8 * (c[3] - 0.5), 0.9 - 0.06 * c[4]
        pen.glow(u, v, 0.15, (255, 244, 190), 34)
        pen.disc(u, v, 0.062, (255, 232, 120), False)
    for at, level, size in ((c[5], c[6], 0.8), (c[6], c[7], 1.0), (c[7], c[5], 0.6)):
        u, v, s = 1.1 * (at - 0.5), 1 - low * (0.2 + 0.5 * level), 0.07 * size
        for du, dv, r in ((-1.3, 0, 0.7), (-0.5, 0.45, 0.9), (0.5, 0.3, 1.0), (1.4, -0.02, 0.65), (0.1, -0.1, 0.9)):
            pen.disc(u + du * s, v + dv * s * 0.7, r * s, (255, 255, 255), False, 150, high=r * s * 0.7)


def meadow(image: Any, pen: Pen, c: Chances, night: bool) -> None:
    """Hills of grass with flowers."""
    low = 0.44 + 0.08 * c[8]
    _sky(image, pen, c, night, ((104, 176, 236), (206, 234, 246)), low + 0.1)
    v = 1 - low
    pen.blob(
        [
            (-0.62, v - 0.12),
            (-0.5, v + 0.05 * c[9]),
            (-0.2, v + 0.06),
            (0.1, v - 0.02),
            (0.3, v + 0.04 + 0.06 * c[10]),
            (0.6, v),
            (0.62, v - 0.2),
            (0, v - 0.24),
        ],
        (128, 186, 112),
        False,
    )
    pen.blob(
        [(-0.62, v - 0.2), (-0.5, v - 0.05), (-0.1, v - 0.1), (0.25, v - 0.02), (0.6, v - 0.12), (0.62, v - 0.3), (0, v - 0.4)],
        (112, 174, 90),
        False,
    )
    fill(image, low + 0.14, 1, ((0.0, (112, 174, 90)), (0.5, (104, 166, 76)), (1.0, (78, 140, 58))), pen)
    for step in range(26):
        u, share = math.modf(c[11] * 3 + step * 0.618)[0] - 0.5, (step + c[12]) / 26
        at = v - 0.18 - share * (v - 0.2)
        size = 0.004 + 0.007 * share
        if step % 3:
            for lean in (-1, 0, 1):
                pen.stroke(
                    [(u, at), (u + lean * size, at + 3.2 * size)], size * 0.6, (62, 124, 52) if step % 2 else (148, 200, 100)
                )
        else:
            petals = ((250, 248, 240), (250, 222, 90), (240, 150, 170))[(step // 3) % 3]
            pen.disc(u, at + size, size * 1.3, petals, False)
            pen.disc(u, at + size, size * 0.5, (240, 180, 50), False)


def beach(image: Any, pen: Pen, c: Chances, night: bool) -> None:
    """Sand, with the sea coming in from behind."""
    low = 0.32 + 0.06 * c[8]
    _sky(image, pen, c, night, ((90, 184, 240), (226, 240, 240)), low)
    fill(image, low, low + 0.22, ((0.0, (30, 110, 176)), (0.6, (52, 160, 196)), (1.0, (128, 212, 214))), pen)
    for step in range(6):
        u, v = math.modf(c[9] * 5 + step * 0.618)[0] - 0.5, 1 - low - 0.025 - 0.02 * step
        pen.stroke([(u - 0.06, v), (u + 0.06, v)], 0.007, (190, 226, 240))
    fill(image, low + 0.22, 1, ((0.0, (252, 232, 184)), (0.5, (244, 212, 148)), (1.0, (226, 186, 118))), pen)
    v, slope = 1 - low - 0.17, 0.08 * (c[10] - 0.5)
    shore = [(-0.52, v + slope), (-0.3, v + 0.02 + 0.02 * c[11]), (-0.05, v - 0.02), (0.2, v + 0.02 * c[12]), (0.52, v - slope)]
    pen.polygon([*smooth(shore, False), (0.56, v - 0.06), (-0.56, v - 0.06)], (252, 232, 184), False)
    pen.stroke(shore, 0.02, WHITE, True)
    for step in range(22):
        u, share = math.modf(c[13] * 3 + step * 0.618)[0] - 0.5, (step + c[14]) / 22
        pen.disc(u, 0.42 * (1 - share), 0.004 + 0.004 * share, (206, 164, 104) if step % 2 else (255, 240, 206), False)
    u = 0.8 * (c[15] - 0.5)
    pen.disc(u, 0.035, 0.022, (246, 190, 160), high=0.016)


def street(image: Any, pen: Pen, c: Chances, night: bool) -> None:
    """A town: a skyline, a pavement and a road that narrows into the distance."""
    low = 0.46 + 0.06 * c[8]
    _sky(image, pen, c, night, ((150, 196, 226), (238, 226, 206)), low + 0.02)
    v, u, step = 1 - low, -0.54, 0
    while u < 0.5:
        roll = math.modf(c[9] * 9 + step * 0.618)[0]
        wide, high = 0.1 + 0.08 * math.modf(roll * 7)[0], 0.1 + 0.28 * math.modf(c[10] + step * 0.7549)[0]
        wall = mix(WALLS[(step + int(c[14] * 5)) % 5], (150, 150, 168), 0.3 + 0.3 * roll)
        pen.box(u, v - 0.02, wide, high + 0.02, wall, False)
        pen.box(u + wide * 0.82, v - 0.02, wide * 0.18, high + 0.02, dark(wall, 0.14), False)
        for row in range(int(high / 0.055)):
            for column in range(2):
                glowing = night and (row * 3 + column * 5 + step * 7) % 5 < 2
                pane = LAMP if glowing else (112, 130, 156)
                pen.box(u + wide * (0.16 + 0.34 * column), v + 0.02 + 0.055 * row, wide * 0.2, 0.028, pane, False, lit=glowing)
        u, step = u + wide + 0.004, step + 1
    fill(image, low, low + 0.14, ((0.0, (182, 178, 174)), (1.0, (204, 200, 192))), pen)
    fill(image, low + 0.14, 1, ((0.0, (112, 114, 124)), (1.0, (84, 86, 98))), pen)
    kerb = v - 0.14
    pen.box(-0.52, kerb - 0.008, 1.04, 0.022, (226, 222, 214), False)
    for at in np.arange(-1.2, 1.3, 0.2) + 0.2 * c[11]:
        pen.stroke([(at * 0.55, v), (at, kerb)], 0.006, (152, 148, 146))
    for step in range(-3, 4):
        at = 0.24 * step + 0.24 * c[12]
        pen.polygon(
            [(at - 0.06, 0.17), (at + 0.06, 0.17), (at * 1.12 + 0.07, 0.135), (at * 1.12 - 0.07, 0.135)], (232, 228, 214), False
        )
    at = -0.44 + 0.88 * (c[13] > 0.5)
    pen.box(at - 0.008, kerb, 0.016, 0.4, (66, 70, 80), False)
    pen.polygon(
        [(at - 0.03, kerb + 0.4), (at + 0.03, kerb + 0.4), (at + 0.02, kerb + 0.46), (at - 0.02, kerb + 0.46)],
        LAMP if night else (236, 234, 220),
        lit=night,
    )
    if night:
        pen.glow(at, kerb + 0.43, 0.13, LAMP, 34)
        pen.disc(at, kerb - 0.01, 0.16, LAMP, False, 40, True, high=0.04)


def room(image: Any, pen: Pen, c: Chances, night: bool) -> None:
    """A room with a window, a lamp and a wooden floor."""
    low = 0.5 + 0.06 * c[8]
    papers: tuple[Colour, ...] = ((236, 214, 190), (222, 216, 226), (214, 226, 214), (240, 222, 200))
    paper = papers[int(c[9] * len(papers))]
    fill(image, 0, low, ((0.0, dark(paper, 0.06)), (1.0, light(paper, 0.1))), pen)
    step = 0.09 + 0.05 * c[10]
    for at in np.arange(-0.5, 0.55, step):
        pen.box(at, 1 - low, step * 0.4, low, dark(paper, 0.07), False, 120)
    fill(image, low, 1, ((0.0, (168, 118, 76)), (1.0, (206, 152, 100))), pen)
    v = 1 - low
    for at in np.arange(-2.1, 2.2, 0.3) + 0.2 * c[11]:
        pen.stroke([(at * 0.42, v), (at, 0)], 0.006, (138, 94, 58))
    for at, share in ((0.12, 0.3), (0.3, 0.7), (0.52, 0.15), (0.78, 0.55)):
        pen.stroke([(share - 0.55, v * (1 - at)), (share - 0.4, v * (1 - at))], 0.005, (138, 94, 58))
    pen.box(-0.52, v - 0.012, 1.04, 0.04, (250, 244, 234), False)
    pen.disc(0.3 * (c[12] - 0.5), v * 0.4, 0.42, mix((176, 104, 96), (96, 120, 150), c[13]), False, 110, high=0.11)
    u = (-0.3 if c[14] < 0.5 else 0.1) + 0.06 * c[15]
    pen.box(u - 0.02, 0.6, 0.26, 0.34, (252, 248, 240))
    pen.box(u, 0.62, 0.22, 0.3, (34, 42, 86) if night else (158, 208, 240), False, lit=True)
    if night:
        pen.disc(u + 0.15, 0.86, 0.03, (250, 244, 212), False, lit=True)
        for du, dv in ((0.04, 0.7), (0.08, 0.84), (0.17, 0.74)):
            pen.disc(u + du, dv, 0.006, WHITE, False, lit=True)
    else:
        pen.disc(u + 0.06, 0.64, 0.09, (120, 178, 96), False, high=0.05)
        pen.disc(u + 0.16, 0.63, 0.08, (104, 164, 84), False, high=0.06)
    pen.box(u + 0.1, 0.62, 0.02, 0.3, (252, 248, 240), False)
    pen.box(u, 0.76, 0.22, 0.018, (252, 248, 240), False)
    cloth = mix((206, 110, 96), (104, 132, 176), c[13])
    for at in (u - 0.05, u + 0.21):
        pen.polygon([(at, 0.95), (at + 0.06, 0.95), (at + 0.065, 0.6), (at - 0.005, 0.6)], cloth)
    pen.stroke([(u - 0.07, 0.95), (u + 0.29, 0.95)], 0.014, WOOD)
    if not night:
        pen.gleam([(u + 0.02, v - 0.04), (u + 0.22, v - 0.04), (u + 0.3, v - 0.22), (u + 0.06, v - 0.22)], 0.13)
    at = 0.34 if u < -0.05 else -0.34
    pen.stroke([(at, 1.0), (at, 0.92)], 0.01, (90, 76, 70))
    pen.polygon(
        [(at - 0.035, 0.93), (at + 0.035, 0.93), (at + 0.09, 0.84), (at - 0.09, 0.84)],
        LAMP if night else (240, 222, 184),
        lit=night,
    )
    if night:
        pen.glow(at, 0.84, 0.32, (255, 210, 120), 20)


def snow(image: Any, pen: Pen, c: Chances, night: bool) -> None:
    """Snow on a slope before pale mountains, with bare posts of a fence."""
    low = 0.5 + 0.06 * c[8]
    _sky(image, pen, c, night, ((156, 186, 214), (228, 234, 240)), low)
    v, slope = 1 - low, 0.12 * (c[9] - 0.5)
    for at, high in ((-0.34 + 0.1 * c[10], 0.2), (0.02, 0.13 + 0.08 * c[11]), (0.34 - 0.1 * c[12], 0.24)):
        pen.polygon([(at - 0.3, v - 0.05), (at, v + high), (at + 0.3, v - 0.05)], (174, 192, 216), False)
        pen.polygon(
            [
                (at - 0.1, v + high - 0.083),
                (at, v + high),
                (at + 0.09, v + high - 0.075),
                (at + 0.03, v + high - 0.05),
                (at - 0.03, v + high - 0.08),
            ],
            (246, 250, 255),
            False,
        )
    pen.blob(
        [
            (-0.6, v - 0.1),
            (-0.5, v + 0.03 + slope),
            (-0.1, v + 0.02),
            (0.25, v - 0.05),
            (0.55, v - slope),
            (0.6, v - 0.2),
            (0, v - 0.3),
        ],
        (224, 234, 246),
        False,
    )
    fill(image, low + 0.13, 1, ((0.0, (226, 235, 246)), (0.5, (240, 245, 251)), (1.0, (214, 226, 242))), pen)
    pen.blob(
        [
            (-0.6, v - 0.3),
            (-0.5, v - 0.14 + slope),
            (-0.1, v - 0.16),
            (0.3, v - 0.09 - slope),
            (0.56, v - 0.12),
            (0.6, v - 0.4),
            (0, v - 0.5),
        ],
        (238, 243, 250),
        False,
    )
    for step in range(3):
        at, share = math.modf(c[13] * 3 + step * 0.618)[0] - 0.5, 0.1 + 0.14 * step
        pen.disc(at, 0.06 + 0.1 * step, 0.2 - share * 0.3, (208, 220, 238), False, 130, high=0.014)
    for step in range(7):
        at = -0.48 + 0.16 * step
        pen.box(at, v - 0.07 + 0.02 * math.sin(step + 6 * c[14]), 0.016, 0.1, (128, 108, 100), False)
        pen.box(at - 0.003, v + 0.025 + 0.02 * math.sin(step + 6 * c[14]), 0.022, 0.012, WHITE, False)


def water(image: Any, pen: Pen, c: Chances, night: bool) -> None:
    """Open water up to a high horizon, with waves that grow nearer."""
    low = 0.2 + 0.07 * c[8]
    _sky(image, pen, c, night, ((120, 190, 232), (230, 238, 240)), low)
    fill(image, low, 1, ((0.0, (120, 186, 208)), (0.25, (72, 152, 190)), (0.6, (44, 122, 172)), (1.0, (26, 88, 144))), pen)
    v = 1 - low
    pen.blob(
        [(-0.56, v - 0.01), (-0.44, v + 0.03 + 0.03 * c[9]), (-0.2, v + 0.02), (-0.06 + 0.1 * c[10], v - 0.004)],
        (126, 158, 150),
        False,
    )
    pen.blob([(0.56, v - 0.01), (0.46, v + 0.02 + 0.03 * c[11]), (0.3, v + 0.02), (0.22, v - 0.004)], (138, 168, 160), False)
    if night:
        for step in range(7):
            wide = 0.03 + 0.008 * (step % 3) + 0.006 * step
            pen.disc(0.7 * (c[2] - 0.5), v - 0.03 - 0.045 * step, wide, (214, 218, 226), False, 110, True, high=0.006)
    for row in range(9):
        share = (row + 0.5) / 9
        at = v - v * share**1.4
        wide, high = 0.03 + 0.07 * share, 0.004 + 0.012 * share
        shift = math.modf(c[12] * 3 + row * 0.618)[0]
        for column in range(-1, int(0.42 / wide) + 2):
            u = -0.5 + 2.4 * wide * (column + shift)
            crest = [(u - wide * 0.7, at), (u - wide * 0.3, at + high), (u + wide * 0.3, at + high), (u + wide * 0.7, at)]
            pen.stroke(crest, 0.004 + 0.005 * share, (146, 204, 226) if (row + column) % 2 else (104, 178, 210))


BACKGROUNDS = {"meadow": meadow, "beach": beach, "street": street, "room": room, "snow": snow, "water": water}
