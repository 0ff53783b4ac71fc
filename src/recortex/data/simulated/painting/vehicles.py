"""Vehicles."""

from __future__ import annotations

from recortex.data.simulated.painting.pen import DAY, INK, WHITE, Colour, Pen, dark, light, mix

Chances = tuple[float, ...]
GLASS: Colour = (176, 216, 238)
LAMP: Colour = (255, 232, 150)


def _wheel(pen: Pen, u: float, v: float, radius: float) -> None:
    pen.disc(u, v, radius, (44, 42, 50))
    pen.disc(u, v, radius * 0.52, (196, 200, 208), False)
    pen.disc(u, v, radius * 0.2, (104, 106, 116), False)


def _glass(pen: Pen, points: list[tuple[float, float]]) -> None:
    """A window pane with a reflection."""
    pen.polygon(points, GLASS)
    low, high = min(v for _, v in points), max(v for _, v in points)
    middle = (min(points)[0] + max(points)[0]) / 2
    pen.gleam(
        [(middle - 0.03, low + 0.015), (middle, low + 0.015), (middle + 0.05, high - 0.015), (middle + 0.02, high - 0.015)], 0.6
    )


def _lamp(pen: Pen, u: float, v: float, radius: float) -> None:
    night = pen.tone != DAY
    pen.disc(u, v, radius, LAMP, lit=night)
    if night:
        pen.glow(u, v, radius * 4, LAMP, 30)


def car(pen: Pen, colour: Colour, c: Chances) -> None:
    """A small round car."""
    roof = 0.82 + 0.12 * c[0]
    pen.shadow(0.6, 0.05)
    pen.blob([(-0.4, 0.46), (-0.32, roof - 0.06), (-0.1, roof), (0.14, roof), (0.3, roof - 0.12), (0.42, 0.46)], colour)
    _glass(pen, [(-0.31, 0.53), (-0.26, roof - 0.1), (-0.04, roof - 0.07), (-0.04, 0.53)])
    _glass(pen, [(0.02, 0.53), (0.02, roof - 0.07), (0.16, roof - 0.08), (0.32, 0.53)])
    pen.blob([(-0.6, 0.2), (-0.6, 0.42), (-0.5, 0.52), (0.3, 0.53), (0.54, 0.47), (0.62, 0.34), (0.6, 0.18), (0, 0.13)], colour)
    pen.gleam([(-0.54, 0.43), (-0.48, 0.49), (0.3, 0.5), (0.5, 0.45), (0.3, 0.44), (-0.4, 0.43)], 0.4)
    pen.shade([(-0.59, 0.2), (0, 0.13), (0.6, 0.19), (0.6, 0.26), (-0.59, 0.27)], 0.25)
    pen.stroke([(-0.02, 0.2), (-0.02, 0.5)], 0.014, dark(colour, 0.4))
    pen.box(-0.16, 0.4, 0.08, 0.025, WHITE, False)
    _lamp(pen, 0.56, 0.38, 0.05)
    pen.box(-0.62, 0.34, 0.05, 0.07, (220, 60, 50), False)
    for u in (-0.34, 0.34):
        _wheel(pen, u, 0.16, 0.16)


def bus(pen: Pen, colour: Colour, c: Chances) -> None:
    """A bus, sometimes with two decks."""
    pen.shadow(0.62, 0.05)
    double = c[0] < 0.5
    top = 0.98 if double else 0.9
    pen.box(-0.6, 0.12, 1.2, top - 0.12, colour, round_=0.08)
    pen.box(-0.59, 0.36, 1.18, 0.06, light(colour, 0.65), False)
    pen.shade([(-0.58, 0.13), (0.58, 0.13), (0.58, 0.22), (-0.58, 0.22)], 0.22)
    pen.gleam([(-0.54, top - 0.03), (0.54, top - 0.03), (0.54, top - 0.07), (-0.54, top - 0.07)], 0.4)
    rows = ((0.47, 0.17), (0.72, 0.17)) if double else ((0.5, 0.27),)
    for v, high in rows:
        for step in range(4):
            u = -0.54 + 0.22 * step
            pen.box(u, v, 0.17, high, GLASS, round_=0.02)
            pen.gleam([(u + 0.03, v + 0.01), (u + 0.06, v + 0.01), (u + 0.13, v + high - 0.01), (u + 0.1, v + high - 0.01)], 0.55)
        pen.box(0.35, v, 0.21, high, GLASS, round_=0.02)
    pen.box(0.38, 0.14, 0.14, 0.3, mix(GLASS, (90, 120, 150), 0.3))
    _lamp(pen, 0.57, 0.2, 0.035)
    for u in (-0.34, 0.22):
        _wheel(pen, u, 0.13, 0.13)


def truck(pen: Pen, colour: Colour, c: Chances) -> None:
    """A lorry with a box or a heap of sand behind."""
    pen.shadow(0.62, 0.05)
    pen.box(-0.6, 0.16, 1.18, 0.09, (74, 72, 82))
    if c[0] < 0.5:
        pen.box(-0.62, 0.25, 0.8, 0.68, light(colour, 0.5), round_=0.02)
        pen.box(-0.62, 0.48, 0.8, 0.14, colour, False)
        pen.shade([(-0.61, 0.26), (0.17, 0.26), (0.17, 0.34), (-0.61, 0.34)], 0.18)
    else:
        pen.blob([(-0.58, 0.55), (-0.4, 0.8), (-0.2, 0.92), (0.02, 0.76), (0.14, 0.55)], (206, 170, 104))
        pen.polygon([(-0.64, 0.66), (-0.56, 0.26), (0.14, 0.26), (0.18, 0.66)], colour)
        for u in (-0.38, -0.2, -0.02):
            pen.stroke([(u - 0.01, 0.28), (u - 0.02, 0.64)], 0.022, dark(colour, 0.3))
    pen.polygon([(0.22, 0.22), (0.22, 0.88), (0.44, 0.88), (0.56, 0.56), (0.62, 0.5), (0.62, 0.22)], colour)
    _glass(pen, [(0.28, 0.54), (0.28, 0.8), (0.41, 0.8), (0.5, 0.54)])
    pen.shade([(0.23, 0.23), (0.61, 0.23), (0.61, 0.32), (0.23, 0.32)], 0.2)
    pen.box(0.28, 0.44, 0.08, 0.025, WHITE, False)
    _lamp(pen, 0.585, 0.4, 0.042)
    for u in (-0.42, -0.12, 0.42):
        _wheel(pen, u, 0.14, 0.14)


def train(pen: Pen, colour: Colour, c: Chances) -> None:
    """A steam engine."""
    pen.shadow(0.6, 0.05)
    for u, v, radius in ((0.36, 0.86, 0.08), (0.24, 0.92, 0.07), (0.12, 0.94, 0.05)):
        pen.disc(u - 0.08 * c[0], v, radius, (230, 230, 236), False, 190)
    pen.box(0.3, 0.58, 0.14, 0.22, INK)
    pen.polygon([(0.27, 0.78), (0.24, 0.85), (0.5, 0.85), (0.47, 0.78)], dark(colour, 0.3))
    pen.box(-0.2, 0.26, 0.74, 0.36, colour, round_=0.08)
    pen.gleam([(-0.18, 0.52), (0.46, 0.52), (0.46, 0.57), (-0.18, 0.57)], 0.4)
    pen.shade([(-0.18, 0.27), (0.5, 0.27), (0.52, 0.34), (-0.18, 0.34)], 0.25)
    for u in (0.0, 0.2):
        pen.box(u, 0.27, 0.035, 0.34, (226, 184, 80), False)
    pen.disc(0.08, 0.63, 0.07, (226, 184, 80))
    pen.box(-0.58, 0.22, 0.42, 0.62, dark(colour, 0.08))
    pen.box(-0.5, 0.52, 0.26, 0.22, GLASS)
    pen.box(-0.64, 0.83, 0.54, 0.07, dark(colour, 0.35), round_=0.02)
    pen.box(-0.58, 0.2, 1.14, 0.08, (70, 62, 70))
    pen.polygon([(0.5, 0.24), (0.68, 0.02), (0.46, 0.02)], (196, 62, 54))
    _lamp(pen, 0.54, 0.5, 0.05)
    for u, radius in ((-0.38, 0.17), (-0.04, 0.13), (0.24, 0.13)):
        _wheel(pen, u, radius, radius)
    pen.stroke([(-0.38, 0.14), (0.24, 0.12)], 0.035, (200, 204, 212))


def boat(pen: Pen, colour: Colour, c: Chances) -> None:
    """A sailing boat."""
    pen.shadow(0.46, 0.05)
    pen.stroke([(-0.02, 0.22), (-0.02, 0.99)], 0.035, (126, 84, 52), rim=True)
    sail = WHITE if c[0] < 0.5 else light(colour, 0.55)
    pen.polygon([(0.02, 0.3), (0.02, 0.96), (0.2, 0.66), (0.46 + 0.06 * c[1], 0.3)], sail)
    pen.polygon([(0.025, 0.52), (0.025, 0.66), (0.215, 0.64), (0.3, 0.52)], colour, False)
    pen.shade([(0.2, 0.66), (0.46, 0.31), (0.26, 0.31)], 0.14)
    pen.polygon([(-0.06, 0.32), (-0.06, 0.84), (-0.38 - 0.05 * c[1], 0.32)], mix(sail, (170, 180, 205), 0.25))
    pen.polygon([(-0.56, 0.27), (0.6, 0.27), (0.42, 0.0), (-0.38, 0.0)], colour)
    pen.polygon([(-0.56, 0.27), (0.6, 0.27), (0.57, 0.21), (-0.53, 0.21)], light(colour, 0.6), False)
    pen.shade([(-0.44, 0.1), (0.48, 0.1), (0.42, 0.01), (-0.38, 0.01)], 0.24)
    for u in (-0.22, 0.02, 0.26):
        pen.disc(u, 0.15, 0.035, WHITE, False)


VEHICLES = {"car": car, "bus": bus, "truck": truck, "train": train, "boat": boat}
