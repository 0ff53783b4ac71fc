"""Furniture."""

from __future__ import annotations

from recortex.data.simulated.painting.pen import WHITE, WOOD, Colour, Pen, dark, light, mix

Chances = tuple[float, ...]
SPINES: tuple[Colour, ...] = ((202, 72, 66), (74, 120, 190), (236, 196, 84), (92, 156, 96), (150, 100, 170), (236, 228, 210))


def chair(pen: Pen, colour: Colour, c: Chances) -> None:
    """A wooden chair, seen a little from the side."""
    seat = 0.44 + 0.04 * c[0]
    pen.shadow(0.38, 0.08)
    for u in (-0.12, 0.36):
        pen.box(u, 0.06, 0.055, seat - 0.06, dark(colour, 0.35))
    pen.box(-0.32, seat, 0.06, 0.98 - seat, colour)
    pen.box(0.06, seat + 0.06, 0.06, 0.92 - seat, colour)
    pen.box(-0.33, 0.86, 0.46, 0.13, colour, round_=0.03)
    for v in (0.62, 0.74) if c[1] < 0.5 else ():
        pen.box(-0.28, v, 0.38, 0.06, light(colour, 0.15))
    for u in (-0.2, -0.1, 0.0) if c[1] >= 0.5 else ():
        pen.box(u, seat + 0.06, 0.04, 0.82 - seat, light(colour, 0.15))
    pen.polygon([(-0.34, seat), (-0.16, seat + 0.11), (0.44, seat + 0.11), (0.3, seat)], light(colour, 0.22))
    pen.polygon(
        [(-0.34, seat), (0.3, seat), (0.44, seat + 0.11), (0.44, seat + 0.04), (0.3, seat - 0.08), (-0.34, seat - 0.08)],
        dark(colour, 0.12),
    )
    for u in (-0.34, 0.235):
        pen.box(u, 0, 0.065, seat - 0.06, colour)


def table(pen: Pen, colour: Colour, c: Chances) -> None:
    """A table, sometimes with a vase."""
    top = 0.6 if c[0] < 0.5 else 0.78
    pen.shadow(0.58, 0.05, 0.09)
    for u in (-0.36, 0.3):
        pen.box(u, 0.08, 0.055, top - 0.1, dark(colour, 0.4))
    for u in (-0.54, 0.46):
        pen.box(u, 0, 0.08, top - 0.04, dark(colour, 0.1))
    pen.box(-0.52, top - 0.14, 1.04, 0.1, dark(colour, 0.22))
    pen.polygon([(-0.62, top - 0.03), (-0.46, top + 0.13), (0.46, top + 0.13), (0.62, top - 0.03)], light(colour, 0.18))
    pen.box(-0.62, top - 0.08, 1.24, 0.055, colour)
    pen.gleam([(-0.4, top + 0.02), (-0.32, top + 0.1), (-0.1, top + 0.1), (-0.18, top + 0.02)], 0.3)
    if c[0] < 0.5:
        at = 0.3 * (c[1] - 0.5)
        pen.stroke([(at, 0.8), (at - 0.06, 0.92)], 0.02, (82, 148, 66))
        pen.stroke([(at, 0.8), (at + 0.07, 0.9)], 0.02, (82, 148, 66))
        pen.disc(at - 0.07, 0.94, 0.055, (240, 140, 160))
        pen.disc(at + 0.08, 0.92, 0.055, (250, 224, 130))
        pen.blob(
            [(at - 0.05, 0.84), (at - 0.09, 0.72), (at - 0.05, 0.65), (at + 0.05, 0.65), (at + 0.09, 0.72), (at + 0.05, 0.84)],
            (224, 232, 240),
        )


def bed(pen: Pen, colour: Colour, c: Chances) -> None:
    """A bed with a pillow under a cover."""
    frame = mix(WOOD, (110, 74, 52), c[0])
    pen.shadow(0.62, 0.04, 0.08)
    pen.box(-0.62, 0, 0.1, 0.96, frame, round_=0.03)
    pen.box(0.54, 0, 0.09, 0.52, frame, round_=0.03)
    pen.box(-0.56, 0.14, 1.12, 0.14, dark(frame, 0.2))
    pen.box(-0.53, 0.26, 1.06, 0.14, WHITE, round_=0.03)
    pen.blob([(-0.52, 0.4), (-0.5, 0.6), (-0.34, 0.64), (-0.2, 0.56), (-0.2, 0.4)], WHITE)
    pen.shade([(-0.5, 0.41), (-0.22, 0.41), (-0.22, 0.47), (-0.5, 0.46)], 0.12)
    pen.blob(
        [(-0.26, 0.2), (-0.24, 0.5), (-0.02, 0.6 + 0.06 * c[1]), (0.34, 0.56), (0.54, 0.44), (0.55, 0.2), (0.14, 0.17)], colour
    )
    pen.blob([(-0.26, 0.3), (-0.25, 0.5), (-0.1, 0.57), (-0.06, 0.3)], light(colour, 0.62), False)
    for u in (0.08, 0.26, 0.42):
        pen.shade([(u, 0.22), (u + 0.04, 0.22), (u + 0.02, 0.53), (u - 0.01, 0.53)], 0.16)
    pen.shade([(-0.24, 0.2), (0.14, 0.17), (0.54, 0.2), (0.54, 0.27), (-0.24, 0.28)], 0.15)


def sofa(pen: Pen, colour: Colour, c: Chances) -> None:
    """A sofa with cushions."""
    half = 0.58 + 0.05 * c[0]
    pen.shadow(half, 0.05, 0.08)
    for u in (-half + 0.06, half - 0.13):
        pen.box(u, 0, 0.07, 0.12, (96, 64, 44))
    pen.box(-half + 0.06, 0.3, 2 * half - 0.12, 0.66, colour, round_=0.14)
    pen.shade([(-half + 0.14, 0.46), (half - 0.14, 0.46), (half - 0.14, 0.56), (-half + 0.14, 0.56)], 0.22)
    pen.gleam([(-half + 0.22, 0.92), (half - 0.22, 0.92), (half - 0.22, 0.87), (-half + 0.22, 0.87)], 0.35)
    pen.box(-half + 0.1, 0.1, 2 * half - 0.2, 0.26, dark(colour, 0.16), round_=0.03)
    wide = half - 0.15
    for u in (-wide, 0):
        pen.box(u, 0.3, wide, 0.17, light(colour, 0.16), round_=0.05)
    pen.stroke([(0, 0.5), (0, 0.92)], 0.014, dark(colour, 0.35))
    for side in (-1, 1):
        pen.box(side * (half - 0.09) - 0.09, 0.08, 0.18, 0.54, colour, round_=0.08)
    if c[1] < 0.6:
        at = half * 0.45
        pen.polygon(
            [(at - 0.17, 0.48), (at - 0.11, 0.76), (at + 0.15, 0.74), (at + 0.1, 0.46)],
            mix(light(colour, 0.7), (250, 220, 140), 0.4),
        )


def bookcase(pen: Pen, colour: Colour, c: Chances) -> None:
    """A bookcase with three shelves of books."""
    half = 0.36 + 0.1 * c[0]
    pen.shadow(half + 0.06, 0.07, 0.06)
    pen.box(-half, 0, 2 * half, 1.0, colour, round_=0.02)
    for row in range(3):
        low = 0.08 + 0.3 * row
        pen.box(-half + 0.05, low, 2 * half - 0.1, 0.25, dark(colour, 0.55), False)
        u, step = -half + 0.065, row * 3 + int(c[1] * 6)
        while u < half - 0.14 - 0.12 * (row == 1):
            wide = 0.07 + 0.02 * ((step * 5) % 3)
            pen.box(u, low, wide, 0.16 + 0.03 * ((step * 7 + row) % 3), SPINES[step % 6], False)
            u, step = u + wide + 0.012, step + 1
        if row == 1:
            pen.disc(half - 0.14, low + 0.08, 0.07, light(colour, 0.5))
    pen.box(-half - 0.03, 0.96, 2 * half + 0.06, 0.045, light(colour, 0.2))


FURNITURE = {"chair": chair, "table": table, "bed": bed, "sofa": sofa, "bookcase": bookcase}
