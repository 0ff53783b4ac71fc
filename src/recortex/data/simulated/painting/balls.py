"""Balls."""

from __future__ import annotations

import math

from recortex.data.simulated.painting.pen import INK, WHITE, Colour, Pen, dark, light

Chances = tuple[float, ...]
RADIUS = 0.49


def _round_off(pen: Pen) -> None:
    """Shade the lower right, gleam at the upper left, as light comes from there."""
    side = math.copysign(1, pen.along)
    for share in (0.5, 0.7, 0.86):
        inner = [(RADIUS * math.cos(t), 0.5 + RADIUS * math.sin(t)) for t in (step * math.pi / 10 - 2.2 for step in range(15))]
        back = [(-0.3 * (1 - share) + u * share * 0.98, v * share + 0.5 * (1 - share) + 0.11) for u, v in reversed(inner)]
        pen.shade([(side * u, min(max(v, 0.5 - RADIUS), 0.99)) for u, v in (*inner, *back)], 0.11)
    pen.disc(-side * 0.19, 0.72, 0.12, (255, 255, 250), False, 90, high=0.09)
    pen.disc(-side * 0.2, 0.735, 0.05, (255, 255, 250), False, 150, high=0.038)


def football(pen: Pen, colour: Colour, c: Chances) -> None:
    """A ball with a pattern of pentagons."""
    pen.shadow(0.42, 0.1)
    pen.disc(0, 0.5, RADIUS, colour)
    turn = c[0] * 2 * math.pi / 5
    patch = INK if sum(colour) > 300 else WHITE

    def pentagon(u: float, v: float, radius: float, angle: float, flat: float = 1.0) -> list[tuple[float, float]]:
        around = [angle + 2 * math.pi * step / 5 for step in range(5)]
        return [(u + radius * math.cos(t) * flat, v + radius * math.sin(t)) for t in around]

    pen.polygon(pentagon(0, 0.5, 0.17, turn), patch, False)
    for step in range(5):
        angle = turn + 2 * math.pi * step / 5
        near, far = (0.17, 0.33)
        pen.stroke(
            [(near * math.cos(angle), 0.5 + near * math.sin(angle)), (far * math.cos(angle), 0.5 + far * math.sin(angle))],
            0.022,
            patch,
        )
        rim = [
            (r * math.cos(angle + d), 0.5 + r * math.sin(angle + d))
            for r, d in ((0.33, 0), (0.4, 0.33), (0.475, 0.26), (0.475, -0.26), (0.4, -0.33))
        ]
        pen.polygon(rim, patch, False)
    _round_off(pen)


def basketball(pen: Pen, colour: Colour, c: Chances) -> None:
    """A ball with curved seams."""
    pen.shadow(0.42, 0.1)
    pen.disc(0, 0.5, RADIUS, colour)
    turn = (c[0] - 0.5) * 1.6

    def turned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(u * math.cos(turn) - v * math.sin(turn), 0.5 + u * math.sin(turn) + v * math.cos(turn)) for u, v in points]

    seam = dark(colour, 0.72)
    pen.stroke(turned([(0, -0.47), (0, 0.47)]), 0.034, seam)
    pen.stroke(turned([(-0.47, 0), (0.47, 0)]), 0.034, seam)
    for side in (-1, 1):
        pen.stroke(
            turned([(side * 0.36, 0.31), (side * 0.22, 0.14), (side * 0.2, 0), (side * 0.22, -0.14), (side * 0.36, -0.31)]),
            0.034,
            seam,
            True,
        )
    _round_off(pen)


def striped_ball(pen: Pen, colour: Colour, c: Chances) -> None:
    """A ball of coloured and white segments that meet at a pole."""
    pen.shadow(0.42, 0.1)
    pen.disc(0, 0.5, RADIUS, colour)
    u, v = 0.22 * math.cos(6.3 * c[0]), 0.5 + 0.22 * math.sin(6.3 * c[0])
    count = 6
    for step in range(0, count, 2):
        around = [2 * math.pi * (step + share / 4 + c[1]) / count for share in range(5)]
        pen.polygon([(u, v), *((0.98 * RADIUS * math.cos(t), 0.5 + 0.98 * RADIUS * math.sin(t)) for t in around)], WHITE, False)
    pen.disc(u, v, 0.07, light(colour, 0.3))
    _round_off(pen)


def tennis_ball(pen: Pen, colour: Colour, c: Chances) -> None:
    """A fuzzy ball with two white curves."""
    pen.shadow(0.42, 0.1)
    pen.disc(0, 0.5, RADIUS, colour)
    turn = c[0] * math.pi
    line = WHITE if sum(colour) < 680 else (150, 150, 160)
    for side in (-1, 1):
        points = [(side * (0.16 + 0.21 * t * t * 4), 0.46 * t * 1.9) for t in (-0.48, -0.3, -0.12, 0.12, 0.3, 0.48)]
        points = [(u * math.cos(turn) - w * math.sin(turn), 0.5 + u * math.sin(turn) + w * math.cos(turn)) for u, w in points]
        points = [(u, w) for u, w in points if math.hypot(u, w - 0.5) < 0.47]
        pen.stroke(points, 0.055, line, True)
    _round_off(pen)


def spotted_ball(pen: Pen, colour: Colour, c: Chances) -> None:
    """A ball with spots all over."""
    pen.shadow(0.42, 0.1)
    pen.disc(0, 0.5, RADIUS, colour)
    spot = light(colour, 0.72) if sum(colour) < 640 else (96, 110, 140)
    pen.disc(0.02, 0.52, 0.1, spot, False)
    for ring, (reach, flat) in enumerate(((0.26, 0.85), (0.41, 0.55))):
        count = 6 + 3 * ring
        for step in range(count):
            angle = 2 * math.pi * (step + c[ring]) / count
            wide = high = 0.085 * (0.55 + 0.45 * flat)
            if abs(math.sin(angle)) > 0.6:
                high *= flat
            else:
                wide *= flat
            pen.disc(reach * math.cos(angle), 0.5 + reach * math.sin(angle), wide, spot, False, high=high)
    _round_off(pen)


BALLS = {
    "football": football,
    "basketball": basketball,
    "striped ball": striped_ball,
    "tennis ball": tennis_ball,
    "spotted ball": spotted_ball,
}
