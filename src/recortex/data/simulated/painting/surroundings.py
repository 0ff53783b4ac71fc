"""What is close to things: what carries them, what hides their feet, what falls before them."""

from __future__ import annotations

import math

from recortex.data.simulated.painting.pen import DAY, WOOD, Pen, dark

Chances = tuple[float, ...]


def under(pen: Pen, where: str, kind: str, design: str) -> None:
    """What carries a thing on the water: an island or a raft."""
    if where != "water" or design == "boat":
        return
    pen.disc(0.0, -0.05, 0.66, (12, 44, 84), False, 70, high=0.09)
    if kind in ("landscape", "plant", "house"):
        pen.disc(0.0, -0.015, 0.64, (222, 190, 128), high=0.085)
        pen.disc(0.0, 0.0, 0.56, (126, 176, 88), False, high=0.062)
        return
    pen.box(-0.6, -0.1, 1.2, 0.07, dark(WOOD, 0.35), round_=0.02)
    pen.polygon([(-0.6, -0.05), (-0.5, 0.07), (0.5, 0.07), (0.6, -0.05)], WOOD)
    for u in (-0.36, -0.12, 0.12, 0.36):
        pen.stroke([(u * 1.15, -0.045), (u * 0.96, 0.065)], 0.014, dark(WOOD, 0.3))


def before(pen: Pen, where: str, chance: float) -> None:
    """What stands a little in front of a thing's foot: grass, drifts, ripples."""
    if where == "meadow":
        for u, high in ((-0.36, 0.05), (-0.31, 0.02), (-0.1 + 0.3 * chance, 0.015), (0.27, 0.03), (0.32, 0.05)):
            for lean in (-0.02, 0.012):
                pen.stroke([(u, -0.04), (u + lean, high)], 0.02, (86, 150, 62))
    elif where == "snow":
        for u, wide in ((-0.28, 0.16), (0.02 + 0.2 * chance, 0.2), (0.3, 0.12)):
            pen.disc(u, -0.02, wide, (240, 245, 251), False, high=0.035)
    elif where == "water":
        for u, v, wide in ((-0.4, -0.11, 0.18), (0.12, -0.14, 0.26), (0.5, -0.1, 0.12)):
            pen.stroke([(u - wide + 0.1 * chance, v), (u + wide, v)], 0.02, (206, 232, 242))


def frame(pen: Pen) -> None:
    """A painting in a frame, for landscapes indoors."""
    pen.shadow(0.56, 0.06, 0.05)
    pen.box(-0.56, 0, 1.12, 1.0, (206, 160, 76), round_=0.02)
    pen.box(-0.5, 0.06, 1.0, 0.88, (190, 222, 238))
    pen.box(-0.5, 0.06, 1.0, 0.16, (196, 206, 150), False)


def air(pen: Pen, where: str, c: Chances) -> None:
    """What is between the things and the eye: falling snow."""
    if where == "snow":
        for step in range(22):
            u, v = math.modf(c[0] * 5 + step * 0.7549)[0], math.modf(c[1] * 7 + step * 0.5698)[0]
            pen.disc(u - 0.5, v, 0.004 + 0.003 * (step % 3), (255, 255, 255), False, 190, pen.tone == DAY)
