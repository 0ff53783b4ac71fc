"""Faces, with what is worn on the head in the thing's colour."""

from __future__ import annotations

from recortex.data.simulated.painting.pen import INK, WHITE, Colour, Pen, dark, light, mix

Chances = tuple[float, ...]
SKINS: tuple[Colour, ...] = ((255, 224, 196), (244, 200, 164), (224, 172, 128), (176, 122, 84), (128, 84, 58))
HAIRS: tuple[Colour, ...] = ((58, 40, 34), (104, 66, 40), (196, 140, 70), (176, 84, 44), (36, 32, 40))
LIPS: Colour = (196, 72, 78)


def skin_of(c: Chances) -> Colour:
    """The skin of a person."""
    return SKINS[int(c[0] * len(SKINS))]


def hair_of(c: Chances) -> Colour:
    """The hair of a person."""
    return HAIRS[int(c[1] * len(HAIRS))]


def _bust(pen: Pen, colour: Colour, skin: Colour, wide: float) -> None:
    """Neck and shoulders."""
    pen.blob([(-wide, 0), (-wide * 0.95, 0.12), (-0.12, 0.2), (0.12, 0.2), (wide * 0.95, 0.12), (wide, 0)], colour)
    pen.box(-wide, -0.005, 2 * wide, 0.05, colour, False)
    pen.shade([(0.1, 0), (wide, 0), (wide, 0.1), (0.16, 0.18)], 0.16)
    pen.box(-0.085, 0.14, 0.17, 0.16, dark(skin, 0.14), False)


def _features(pen: Pen, skin: Colour, c: Chances, v: float = 0.5, apart: float = 0.12, eye: float = 0.038) -> None:
    """Eyes, brows, nose, cheeks and mouth around height v."""
    for side in (-1, 1):
        pen.disc(side * apart, v, eye * 1.35, WHITE, False, high=eye * 1.25)
        pen.disc(side * apart + (c[2] - 0.5) * 0.02, v, eye * 0.85, INK, False, high=eye * 1.1)
        pen.disc(side * apart - 0.01, v + 0.015, eye * 0.3, WHITE, False)
        pen.disc(side * (apart + 0.06), v - 0.105, 0.05, mix(skin, (236, 92, 92), 0.5), False, high=0.036)
    pen.stroke([(0.0, v - 0.01), (0.022, v - 0.085), (-0.015, v - 0.09)], 0.016, dark(skin, 0.32))
    smile = 0.02 + 0.035 * c[3]
    if c[4] < 0.35:
        pen.polygon([(-0.085, v - 0.15), (0.085, v - 0.15), (0.05, v - 0.2 - smile), (-0.05, v - 0.2 - smile)], LIPS, False)
        pen.box(-0.065, v - 0.168, 0.13, 0.022, WHITE, False)
    else:
        pen.stroke(
            [(-0.085, v - 0.15), (-0.04, v - 0.165 - smile * 0.7), (0.04, v - 0.165 - smile * 0.7), (0.085, v - 0.15)], 0.03, LIPS
        )


def _brows(pen: Pen, hair: Colour, v: float, apart: float, tilt: float) -> None:
    for side in (-1, 1):
        pen.stroke([(side * (apart - 0.05), v), (side * (apart + 0.055), v + tilt)], 0.024, hair)


def man(pen: Pen, colour: Colour, c: Chances) -> None:
    """A man in a cap."""
    skin, hair = skin_of(c), hair_of(c)
    wide = 0.29 + 0.03 * c[5]
    _bust(pen, colour, skin, 0.42)
    for side in (-1, 1):
        pen.disc(side * wide, 0.49, 0.05, dark(skin, 0.1), high=0.07)
    pen.blob([(-wide, 0.62), (-wide, 0.42), (-0.2, 0.24), (0, 0.19), (0.2, 0.24), (wide, 0.42), (wide, 0.62), (0, 0.86)], skin)
    pen.shade([(wide * 0.62, 0.72), (wide, 0.62), (wide, 0.42), (0.2, 0.25), (0.1, 0.22)], 0.1)
    for side in (-1, 1):
        pen.polygon([(side * wide, 0.72), (side * wide, 0.5), (side * wide * 0.86, 0.58), (side * wide * 0.8, 0.72)], hair, False)
    _features(pen, skin, c, 0.5)
    _brows(pen, hair, 0.575, 0.12, 0.012)
    if c[6] < 0.4:
        pen.blob([(-0.12, 0.37), (0, 0.42), (0.12, 0.37), (0.06, 0.365), (0, 0.385), (-0.06, 0.365)], hair, False)
    pen.blob(
        [(-wide - 0.03, 0.68), (-wide * 0.95, 0.86), (-0.1, 0.98), (0.1, 0.98), (wide * 0.95, 0.86), (wide + 0.03, 0.68)], colour
    )
    pen.shade([(0.08, 0.68), (wide, 0.68), (wide * 0.95, 0.84), (0.12, 0.95)], 0.14)
    pen.blob(
        [(-wide - 0.02, 0.7), (0.0, 0.72), (wide + 0.12, 0.68), (wide + 0.14, 0.63), (0.05, 0.635), (-wide - 0.02, 0.65)],
        dark(colour, 0.2),
    )


def woman(pen: Pen, colour: Colour, c: Chances) -> None:
    """A woman with long hair and a wide hat."""
    skin, hair = skin_of(c), hair_of(c)
    length = 0.12 + 0.12 * c[5]
    pen.blob(
        [
            (-0.36, 0.6),
            (-0.4, length),
            (-0.2, length + 0.02),
            (0, 0.3),
            (0.2, length + 0.02),
            (0.4, length),
            (0.36, 0.6),
            (0, 0.9),
        ],
        hair,
    )
    _bust(pen, colour, skin, 0.34)
    pen.blob([(-0.26, 0.62), (-0.25, 0.42), (-0.15, 0.26), (0, 0.2), (0.15, 0.26), (0.25, 0.42), (0.26, 0.62), (0, 0.82)], skin)
    pen.blob(
        [(-0.27, 0.7), (-0.29, 0.46), (-0.22, 0.56), (-0.02, 0.68), (0.2, 0.58), (0.29, 0.46), (0.27, 0.7), (0, 0.8)], hair, False
    )
    _features(pen, skin, c, 0.49, 0.115, 0.042)
    _brows(pen, hair, 0.57, 0.115, -0.004)
    pen.disc(0, 0.72, 0.46, dark(colour, 0.12), high=0.085)
    pen.blob([(-0.25, 0.73), (-0.24, 0.88), (-0.1, 0.99), (0.1, 0.99), (0.24, 0.88), (0.25, 0.73), (0, 0.7)], colour)
    pen.polygon([(-0.25, 0.74), (-0.245, 0.8), (0, 0.775), (0.245, 0.8), (0.25, 0.74), (0, 0.71)], light(colour, 0.55), False)


def girl(pen: Pen, colour: Colour, c: Chances) -> None:
    """A girl with two bunches and bows."""
    skin, hair = skin_of(c), hair_of(c)
    high = 0.56 + 0.14 * c[5]
    _bust(pen, colour, skin, 0.33)
    for side in (-1, 1):
        pen.blob(
            [
                (side * 0.28, high),
                (side * 0.42, high + 0.1),
                (side * 0.52, high - 0.08),
                (side * 0.44, high - 0.3),
                (side * 0.34, high - 0.2),
            ],
            hair,
        )
    pen.disc(0, 0.62, 0.33, hair, high=0.34)
    pen.blob(
        [(-0.27, 0.6), (-0.27, 0.42), (-0.16, 0.25), (0, 0.2), (0.16, 0.25), (0.27, 0.42), (0.27, 0.6), (0, 0.74)], skin, False
    )
    pen.blob([(-0.3, 0.56), (-0.2, 0.66), (0, 0.7), (0.2, 0.66), (0.3, 0.56), (0.27, 0.8), (0, 0.95), (-0.27, 0.8)], hair, False)
    pen.gleam([(-0.2, 0.8), (-0.08, 0.88), (-0.06, 0.84), (-0.18, 0.76)], 0.25)
    _features(pen, skin, c, 0.49, 0.115, 0.045)
    for side in (-1, 1):
        u = side * 0.3
        for wing in (-1, 1):
            pen.polygon([(u, high + 0.07), (u + wing * 0.13, high + 0.16), (u + wing * 0.13, high - 0.02)], colour)
        pen.disc(u, high + 0.07, 0.04, light(colour, 0.3))


def grandfather(pen: Pen, colour: Colour, c: Chances) -> None:
    """An old man with a white beard, glasses and a woollen hat."""
    skin = skin_of(c)
    beard = mix((236, 236, 238), (190, 190, 200), c[1])
    _bust(pen, colour, skin, 0.42)
    for side in (-1, 1):
        pen.disc(side * 0.29, 0.5, 0.05, dark(skin, 0.1), high=0.07)
    pen.blob([(-0.29, 0.64), (-0.28, 0.42), (-0.18, 0.26), (0.18, 0.26), (0.28, 0.42), (0.29, 0.64), (0, 0.82)], skin)
    low = 0.02 + 0.1 * c[5]
    pen.blob(
        [
            (-0.3, 0.52),
            (-0.3, 0.3),
            (-0.16, low + 0.04),
            (0, low),
            (0.16, low + 0.04),
            (0.3, 0.3),
            (0.3, 0.52),
            (0.2, 0.4),
            (0, 0.38),
            (-0.2, 0.4),
        ],
        beard,
    )
    pen.stroke([(-0.07, 0.31), (0, 0.285), (0.07, 0.31)], 0.03, LIPS)
    pen.blob(
        [(-0.18, 0.35), (-0.08, 0.42), (0, 0.4), (0.08, 0.42), (0.18, 0.35), (0.08, 0.355), (0, 0.375), (-0.08, 0.355)], WHITE
    )
    pen.disc(0, 0.45, 0.05, mix(skin, (230, 110, 100), 0.3))
    for side in (-1, 1):
        pen.disc(side * 0.125, 0.54, 0.085, (60, 60, 76), False)
        pen.disc(side * 0.125, 0.54, 0.064, (238, 246, 250), False)
        pen.disc(side * 0.125, 0.535, 0.03, INK, False)
    pen.box(-0.05, 0.54, 0.1, 0.018, (60, 60, 76), False)
    pen.blob([(-0.3, 0.68), (-0.27, 0.86), (0, 0.94), (0.27, 0.86), (0.3, 0.68), (0, 0.7)], colour)
    pen.box(-0.32, 0.64, 0.64, 0.1, light(colour, 0.35), round_=0.04)
    pen.disc(0, 0.95, 0.06, light(colour, 0.55))


def baby(pen: Pen, colour: Colour, c: Chances) -> None:
    """A baby in a bonnet."""
    skin = skin_of(c)
    pen.blob([(-0.3, 0), (-0.28, 0.12), (0, 0.2), (0.28, 0.12), (0.3, 0)], colour)
    pen.box(-0.3, -0.005, 0.6, 0.04, colour, False)
    pen.disc(0, 0.56, 0.45, light(colour, 0.6), high=0.43)
    pen.disc(0, 0.56, 0.41, colour, high=0.4)
    pen.blob(
        [
            (-0.33, 0.58),
            (-0.35, 0.42),
            (-0.22, 0.24),
            (0, 0.18),
            (0.22, 0.24),
            (0.35, 0.42),
            (0.33, 0.58),
            (0.18, 0.78),
            (-0.18, 0.78),
        ],
        skin,
    )
    _features(pen, skin, c, 0.47, 0.145, 0.052)
    if c[5] < 0.5:
        pen.disc(0, 0.305, 0.07, light(colour, 0.4))
        pen.disc(0, 0.305, 0.035, WHITE)
    pen.stroke([(0, 0.78), (0.03, 0.7), (0.08, 0.72)], 0.03, hair_of(c), True)
    for side in (-1, 1):
        pen.polygon([(0, 0.15), (side * 0.14, 0.21), (side * 0.14, 0.08)], light(colour, 0.5))


FACES = {"man": man, "woman": woman, "girl": girl, "grandfather": grandfather, "baby": baby}
