"""Whole people, dressed in the thing's colour."""

from __future__ import annotations

from recortex.data.simulated.painting.faces import Chances, hair_of, skin_of
from recortex.data.simulated.painting.pen import WHITE, WOOD, Colour, Pen, dark, light, mix


def _head(pen: Pen, u: float, v: float, radius: float, c: Chances) -> None:
    """A small head, seen from the side, without much of a face."""
    skin, hair = skin_of(c), hair_of(c)
    pen.disc(u, v, radius, skin, high=radius * 1.08)
    pen.blob(
        [
            (u + radius * 0.5, v + radius * 0.85),
            (u - radius * 0.2, v + radius * 1.2),
            (u - radius * 1.1, v + radius * 0.5),
            (u - radius * 1.05, v - radius * 0.4),
            (u - radius * 0.5, v - radius * 0.1),
            (u - radius * 0.1, v + radius * 0.5),
        ],
        hair,
        False,
    )


def dancer(pen: Pen, colour: Colour, c: Chances) -> None:
    """A dancer on one leg in a wide skirt."""
    skin = skin_of(c)
    pen.shadow(0.2)
    lift = 0.12 * c[5]
    pen.stroke([(-0.02, 0.42), (0.0, 0.22), (-0.01, 0.03)], 0.07, skin, True, True)
    pen.stroke([(0.02, 0.42), (0.18, 0.3 + lift), (0.08, 0.2 + lift)], 0.065, skin, rim=True)
    pen.stroke([(-0.01, 0.03), (0.05, 0.0)], 0.05, dark(colour, 0.25))
    for side in (-1, 1):
        pen.stroke([(side * 0.09, 0.7), (side * (0.2 + 0.05 * c[6]), 0.84), (side * 0.06, 0.99)], 0.05, skin, True, True)
    pen.blob([(-0.1, 0.52), (-0.11, 0.7), (0, 0.75), (0.11, 0.7), (0.1, 0.52)], colour)
    wide = 0.3 + 0.08 * c[7]
    pen.blob(
        [
            (-0.08, 0.56),
            (-wide * 0.8, 0.48),
            (-wide, 0.36),
            (-wide * 0.5, 0.38),
            (0, 0.34),
            (wide * 0.5, 0.38),
            (wide, 0.36),
            (wide * 0.8, 0.48),
            (0.08, 0.56),
        ],
        light(colour, 0.25),
    )
    pen.shade([(0.05, 0.54), (wide * 0.8, 0.47), (wide, 0.37), (0.1, 0.37)], 0.14)
    pen.disc(0, 0.82, 0.085, skin, high=0.095)
    pen.disc(0, 0.87, 0.08, hair_of(c), False, high=0.05)
    pen.disc(0, 0.93, 0.045, hair_of(c))


def runner(pen: Pen, colour: Colour, c: Chances) -> None:
    """A runner in full stride."""
    skin = skin_of(c)
    stride = 0.03 * c[5]
    pen.shadow(0.3)
    pen.stroke([(-0.02, 0.46), (-0.17, 0.3), (-0.36 - stride, 0.27)], 0.085, dark(skin, 0.15), rim=True)
    pen.stroke([(-0.36 - stride, 0.29), (-0.39 - stride, 0.2)], 0.06, dark(colour, 0.2), rim=True)
    pen.stroke([(0.03, 0.7), (-0.17, 0.62), (-0.27, 0.72)], 0.065, dark(skin, 0.15), rim=True)
    pen.stroke([(0.02, 0.46), (0.21, 0.36), (0.19 + stride, 0.09)], 0.09, skin, rim=True)
    pen.stroke([(0.18 + stride, 0.045), (0.29 + stride, 0.04)], 0.07, dark(colour, 0.2), rim=True)
    pen.blob([(-0.12, 0.5), (-0.09, 0.38), (0.04, 0.4), (0.17, 0.36), (0.14, 0.52), (0.02, 0.54)], dark(colour, 0.4))
    pen.blob([(-0.11, 0.48), (-0.05, 0.72), (0.06, 0.79), (0.16, 0.73), (0.13, 0.5), (0, 0.46)], colour)
    pen.box(-0.02, 0.56, 0.1, 0.1, WHITE, False)
    pen.stroke([(0.08, 0.71), (0.19, 0.55), (0.33, 0.64)], 0.065, skin, rim=True)
    _head(pen, 0.14, 0.9, 0.095, c)


def gymnast(pen: Pen, colour: Colour, c: Chances) -> None:
    """A gymnast standing on the hands."""
    skin = skin_of(c)
    split = 0.22 + 0.12 * c[5]
    pen.shadow(0.24)
    _head(pen, 0.02, 0.2, 0.085, c)
    for side in (-1, 1):
        pen.stroke([(side * 0.09, 0.36), (side * 0.15, 0.18), (side * 0.13, 0.03)], 0.06, skin, True, True)
    pen.stroke([(-0.04, 0.6), (-split, 0.78), (-split * 0.9, 0.97)], 0.085, skin, rim=True)
    pen.stroke([(0.04, 0.6), (split, 0.74), (split + 0.12, 0.92)], 0.085, dark(skin, 0.1), rim=True)
    pen.blob(
        [(-0.12, 0.36), (-0.09, 0.52), (-0.12, 0.64), (0, 0.68), (0.12, 0.64), (0.09, 0.52), (0.12, 0.36), (0, 0.31)], colour
    )
    pen.gleam([(-0.1, 0.48), (0.1, 0.54), (0.1, 0.58), (-0.1, 0.52)], 0.6)
    pen.shade([(0.04, 0.33), (0.11, 0.37), (0.08, 0.52), (0.11, 0.62), (0.04, 0.66)], 0.14)


def hiker(pen: Pen, colour: Colour, c: Chances) -> None:
    """A hiker with a rucksack and a stick."""
    skin = skin_of(c)
    reach = 0.24 + 0.08 * c[5]
    pen.shadow(0.26)
    pen.stroke([(reach, 0.62), (reach + 0.04, 0.0)], 0.03, WOOD, rim=True)
    pen.stroke([(-0.04, 0.42), (-0.1, 0.05)], 0.1, (70, 76, 104), rim=True)
    pen.stroke([(0.03, 0.42), (0.1, 0.05)], 0.1, (86, 92, 122), rim=True)
    for u in (-0.08, 0.12):
        pen.box(u - 0.06, 0, 0.14, 0.07, (92, 58, 40), round_=0.02)
    pen.blob([(-0.32, 0.5), (-0.34, 0.68), (-0.26, 0.78), (-0.1, 0.76), (-0.1, 0.46)], mix(colour, (110, 80, 50), 0.55))
    pen.blob([(-0.14, 0.4), (-0.15, 0.72), (0, 0.79), (0.13, 0.73), (0.13, 0.4)], colour)
    pen.shade([(0.03, 0.42), (0.13, 0.42), (0.12, 0.72), (0.05, 0.76)], 0.14)
    pen.stroke([(0.04, 0.7), (0.12, 0.56), (reach, 0.56)], 0.075, dark(colour, 0.12), rim=True)
    pen.disc(reach + 0.01, 0.56, 0.04, skin)
    _head(pen, 0.02, 0.86, 0.09, c)
    pen.disc(0.03, 0.93, 0.16, light(colour, 0.2), high=0.035)
    pen.blob([(-0.08, 0.93), (-0.06, 0.99), (0.1, 0.99), (0.12, 0.93)], light(colour, 0.2))


BODIES = {"dancer": dancer, "runner": runner, "gymnast": gymnast, "hiker": hiker}
