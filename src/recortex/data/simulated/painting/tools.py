"""Tools, standing up as in a picture book."""

from __future__ import annotations

from recortex.data.simulated.painting.pen import INK, METAL, WHITE, WOOD, Colour, Pen, dark, light

Chances = tuple[float, ...]


def hammer(pen: Pen, colour: Colour, c: Chances) -> None:
    """A claw hammer."""
    lean = 0.16 * (c[0] - 0.5)
    pen.shadow(0.24, 0.06, 0.05)
    pen.polygon([(-0.07, 0), (0.08, 0), (0.05 + lean, 0.78), (-0.05 + lean, 0.78)], WOOD)
    pen.polygon([(-0.085, 0), (0.095, 0), (0.075 + lean * 0.55, 0.46), (-0.065 + lean * 0.55, 0.46)], colour)
    for v in (0.12, 0.22, 0.32):
        pen.stroke([(-0.07 + lean * v, v), (0.08 + lean * v, v)], 0.018, dark(colour, 0.3))
    u = lean
    pen.blob([(u - 0.02, 0.74), (u - 0.02, 0.94), (u - 0.2, 0.96), (u - 0.46, 0.74), (u - 0.44, 0.7), (u - 0.22, 0.8)], METAL)
    pen.box(u - 0.09, 0.72, 0.2, 0.24, METAL)
    pen.box(u + 0.1, 0.75, 0.14, 0.17, dark(METAL, 0.15))
    pen.box(u + 0.22, 0.7, 0.16, 0.28, METAL, round_=0.03)
    pen.gleam([(u - 0.08, 0.9), (u + 0.36, 0.9), (u + 0.36, 0.95), (u - 0.08, 0.95)], 0.6)
    pen.shade([(u - 0.08, 0.72), (u + 0.36, 0.72), (u + 0.36, 0.78), (u - 0.08, 0.78)], 0.2)


def saw(pen: Pen, colour: Colour, c: Chances) -> None:
    """A hand saw leaning over."""
    pen.shadow(0.4, 0.06, 0.05)
    lean = 0.1 * (c[0] - 0.5)
    blade = [(-0.16, 0.34), (0.34 + lean, 0.98), (0.48 + lean, 0.9)]
    teeth: list[tuple[float, float]] = []
    for step in range(9):
        share = step / 8.5
        u, v = 0.48 + lean - (0.36 + lean) * share, 0.9 - 0.72 * share
        teeth += [(u, v), (u + 0.045, v - 0.06)]
    pen.polygon([*blade, *teeth, (0.1, 0.16)], METAL)
    pen.gleam([(-0.1, 0.38), (0.33 + lean, 0.94), (0.38 + lean, 0.91), (-0.04, 0.33)], 0.6)
    pen.blob([(-0.22, 0.42), (-0.06, 0.42), (0.16, 0.18), (0.12, 0.04), (-0.12, 0.0), (-0.36, 0.1), (-0.4, 0.3)], colour)
    pen.shade([(-0.3, 0.08), (-0.1, 0.01), (0.12, 0.05), (0.15, 0.16), (-0.06, 0.1)], 0.22)
    pen.blob([(-0.24, 0.32), (-0.1, 0.3), (0.0, 0.16), (-0.1, 0.1), (-0.26, 0.16)], (92, 84, 84))
    for u, v in ((-0.08, 0.35), (0.07, 0.2)):
        pen.disc(u, v, 0.022, METAL, False)


def spade(pen: Pen, colour: Colour, c: Chances) -> None:
    """A spade with a coloured blade, its handle up."""
    wide = 0.19 + 0.05 * c[0]
    pen.shadow(0.28, 0.06, 0.055)
    pen.box(-0.035, 0.36, 0.07, 0.54, WOOD)
    pen.gleam([(-0.03, 0.4), (-0.008, 0.4), (-0.008, 0.88), (-0.03, 0.88)], 0.35)
    pen.box(-0.17, 0.87, 0.34, 0.11, dark(colour, 0.12), round_=0.05)
    pen.polygon(
        [(-wide, 0.46), (-wide, 0.2), (-wide * 0.6, 0.06), (0, 0.0), (wide * 0.6, 0.06), (wide, 0.2), (wide, 0.46)], colour
    )
    pen.shade([(0.02, 0.01), (wide * 0.6, 0.07), (wide, 0.2), (wide, 0.46), (0.02, 0.46)], 0.2)
    pen.gleam([(-wide * 0.8, 0.42), (-wide * 0.45, 0.42), (-wide * 0.45, 0.14), (-wide * 0.8, 0.2)], 0.35)
    pen.polygon([(-0.07, 0.46), (0.07, 0.46), (0.03, 0.58), (-0.03, 0.58)], METAL)


def paintbrush(pen: Pen, colour: Colour, c: Chances) -> None:
    """A paintbrush, bristles up and full of paint."""
    wide = 0.15 + 0.05 * c[0]
    pen.shadow(0.18, 0.05, 0.05)
    pen.blob(
        [(-0.045, 0.0), (-0.09, 0.16), (-0.04, 0.36), (-0.08, 0.48), (0.08, 0.48), (0.04, 0.36), (0.09, 0.16), (0.045, 0.0)], WOOD
    )
    pen.gleam([(-0.06, 0.1), (-0.03, 0.1), (-0.02, 0.4), (-0.04, 0.4)], 0.4)
    pen.polygon([(-wide, 0.62), (-wide, 0.7), (-wide * 1.06, 0.8), (wide * 1.06, 0.8), (wide, 0.62)], (222, 196, 146))
    pen.blob(
        [
            (-wide * 1.08, 0.76),
            (-wide * 1.15, 0.9),
            (-wide * 0.5, 0.94),
            (-0.02, 1.0),
            (wide * 0.6, 0.95),
            (wide * 1.15, 0.9),
            (wide * 1.08, 0.76),
            (0, 0.73),
        ],
        colour,
    )
    pen.gleam([(-wide * 0.8, 0.79), (-wide * 0.5, 0.79), (-wide * 0.5, 0.92), (-wide * 0.8, 0.9)], 0.4)
    pen.blob([(wide * 0.4, 0.78), (wide * 0.7, 0.66), (wide * 0.9, 0.78)], colour, False)
    pen.box(-wide, 0.46, 2 * wide, 0.2, METAL)
    pen.shade([(wide * 0.2, 0.46), (wide, 0.46), (wide, 0.66), (wide * 0.2, 0.66)], 0.25)
    pen.gleam([(-wide * 0.8, 0.47), (-wide * 0.4, 0.47), (-wide * 0.4, 0.65), (-wide * 0.8, 0.65)], 0.6)


def scissors(pen: Pen, colour: Colour, c: Chances) -> None:
    """A pair of scissors, half open."""
    open_ = 0.1 + 0.1 * c[0]
    pen.shadow(0.34, 0.06, 0.05)
    for side in (-1, 1):
        pen.polygon(
            [(side * -0.06, 0.36), (side * (open_ + 0.06), 0.99), (side * (open_ + 0.12), 0.78), (side * 0.07, 0.4)],
            METAL if side > 0 else light(METAL, 0.4),
        )
        pen.stroke([(side * -0.02, 0.46), (side * -0.13, 0.3)], 0.07, METAL)
    for side in (-1, 1):
        pen.disc(side * 0.19, 0.16, 0.17, colour, high=0.16)
        pen.disc(side * 0.2, 0.16, 0.085, light(colour, 0.75) if pen.tone == (1.0, 1.0, 1.0) else dark(colour, 0.5), high=0.08)
        pen.stroke([(side * 0.1, 0.27), (side * 0.03, 0.4)], 0.075, colour)
    pen.disc(0, 0.44, 0.04, INK)
    pen.disc(-0.01, 0.45, 0.014, WHITE, False)


TOOLS = {"hammer": hammer, "saw": saw, "spade": spade, "paintbrush": paintbrush, "scissors": scissors}
