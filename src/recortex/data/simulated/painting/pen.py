"""A pen that paints one thing in its own coordinates, in the light of the scene."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]]

RGB: dict[str, Colour] = {
    "red": (214, 52, 46),
    "pink": (246, 146, 176),
    "orange": (242, 138, 34),
    "brown": (144, 92, 56),
    "yellow": (250, 212, 62),
    "green": (76, 156, 66),
    "turquoise": (54, 184, 178),
    "blue": (54, 104, 204),
    "purple": (136, 82, 182),
    "white": (248, 246, 240),
    "grey": (142, 146, 152),
}
DAY = (1.0, 1.0, 1.0)
MOONLIGHT = (0.42, 0.47, 0.66)
LAMPLIGHT = (0.62, 0.52, 0.46)
NEAR_MOONLIGHT = (0.66, 0.68, 0.86)  # things are seen a little better than what is behind them
NEAR_LAMPLIGHT = (0.85, 0.77, 0.67)
INK = (52, 44, 48)
WHITE = (250, 248, 242)
WOOD = (168, 116, 70)
METAL = (176, 184, 194)
STEPS = 6  # points of a smooth curve between two given ones


@lru_cache(maxsize=4096)
def mix(one: Colour, other: Colour, share: float) -> Colour:
    """A colour between two, `share` of the way to the other."""
    return tuple(round(a + (b - a) * share) for a, b in zip(one, other, strict=True))  # type: ignore[return-value]


def dark(colour: Colour, share: float = 0.3) -> Colour:
    """The colour in shade: towards a deep violet rather than black, as in a painting."""
    return mix(colour, (34, 22, 54), share)


def light(colour: Colour, share: float = 0.35) -> Colour:
    """The colour in the sun."""
    return mix(colour, (255, 252, 236), share)


@lru_cache(maxsize=8192)
def _toned(colour: Colour, tone: tuple[float, float, float]) -> Colour:
    return tuple(min(255, round(c * t)) for c, t in zip(colour, tone, strict=True))  # type: ignore[return-value]


def _weights() -> np.ndarray:
    t = np.arange(STEPS)[:, None] / STEPS
    return np.hstack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3]) / 2


_CURVE = _weights()


def smooth(points: Points, closed: bool = True) -> list[tuple[float, float]]:
    """A smooth curve through points (Catmull-Rom)."""
    p = list(points)
    around = [p[-1], *p, p[0], p[1]] if closed else [p[0], *p, p[-1]]
    four = np.array([around[at : at + 4] for at in range(len(around) - 3)])
    curve: list[tuple[float, float]] = np.matmul(_CURVE, four).reshape(-1, 2).tolist()
    return curve if closed else [*curve, p[-1]]


class Pen:
    """Paints in a thing's coordinates: u to the right from its middle, v up from the ground, both in its heights.

    Parameters
    ----------
    image : PIL.Image.Image
        RGB, painted on.
    tone : (float, float, float)
        The light: what red, green and blue are multiplied by.
    x, base, size : float
        Where u = v = 0 stands and how high the thing is, as shares of the picture.
    mirrored : bool
        Whether u runs to the left.
    breadth : float
        How much broader it is than drawn; what is round stays round.
    """

    def __init__(self, image: Any, tone: tuple[float, float, float], x: float, base: float, size: float, mirrored: bool = False,
                 breadth: float = 1.0):  # fmt: skip
        from PIL import ImageDraw

        side = image.size[0]
        self.image, self.tone = image, tone
        self.solid, self.glass = ImageDraw.Draw(image), ImageDraw.Draw(image, "RGBA")
        self.left, self.ground, self.unit = x * side, base * side, size * side
        self.along = (-self.unit if mirrored else self.unit) * breadth
        self.breadth = breadth
        self.rim = max(1, round(side / 128 + self.unit / 120))

    def at(self, points: Points) -> list[tuple[float, float]]:
        """Pixels of points."""
        return [(self.left + u * self.along, self.ground - v * self.unit) for u, v in points]

    def ink(self, colour: Colour, alpha: int = 255, lit: bool = False) -> tuple[int, ...]:
        """The colour in the light of the scene; what is `lit` shines by itself."""
        seen = colour if lit else _toned(colour, self.tone)
        return seen if alpha == 255 else (*seen, alpha)

    def polygon(self, points: Points, colour: Colour, rim: bool = True, alpha: int = 255, lit: bool = False) -> None:
        """A filled polygon, with a darker rim."""
        where = self.at(points)
        (self.solid if alpha == 255 else self.glass).polygon(where, fill=self.ink(colour, alpha, lit))
        if rim and alpha == 255:
            self.solid.line([*where, where[0]], fill=self.ink(dark(colour, 0.45), lit=lit), width=self.rim)

    def blob(self, points: Points, colour: Colour, rim: bool = True, alpha: int = 255) -> None:
        """A smooth closed shape through points."""
        self.polygon(smooth(points), colour, rim, alpha)

    def box(self, u: float, v: float, wide: float, high: float, colour: Colour, rim: bool = True, alpha: int = 255,
            lit: bool = False, round_: float = 0) -> None:  # fmt: skip
        """A rectangle from its lower left corner; `round_` is the radius of its corners."""
        (x0, y0), (x1, y1) = self.at([(u, v), (u + wide, v + high)])
        where = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        edge = self.ink(dark(colour, 0.45), lit=lit) if rim and alpha == 255 else None
        draw = self.solid if alpha == 255 else self.glass
        if round_:
            draw.rounded_rectangle(where, round_ * self.unit, self.ink(colour, alpha, lit), edge, self.rim if edge else 0)
        else:
            draw.rectangle(where, self.ink(colour, alpha, lit), edge, self.rim if edge else 0)

    def disc(self, u: float, v: float, radius: float, colour: Colour, rim: bool = True, alpha: int = 255, lit: bool = False,
             high: float | None = None) -> None:  # fmt: skip
        """A disc, or an ellipse where `high` is given, by its centre."""
        [(x, y)] = self.at([(u, v)])
        rx, ry = radius * self.unit, radius * self.unit
        if high is not None:
            rx, ry = rx * self.breadth, high * self.unit
        edge = self.ink(dark(colour, 0.45), lit=lit) if rim and alpha == 255 else None
        draw = self.solid if alpha == 255 else self.glass
        draw.ellipse((x - rx, y - ry, x + rx, y + ry), self.ink(colour, alpha, lit), edge, self.rim if edge else 0)

    def sphere(self, u: float, v: float, radius: float, colour: Colour, high: float | None = None) -> None:
        """A disc that looks round: light comes from the upper left, whichever way the thing faces."""
        high = radius if high is None else high
        side = math.copysign(1, self.along)
        self.disc(u, v, radius, dark(colour, 0.3), high=high)
        for share in (0.2, 0.45, 0.7, 1.0):
            shift, rest = 0.14 * share, 0.93 - 0.5 * share**1.5
            shade = mix(dark(colour, 0.22), light(colour, 0.3), share)
            self.disc(u - side * shift * 1.3 * radius, v + shift * 1.5 * high, radius * rest, shade, False, high=high * rest)

    def shade(self, points: Points, share: float = 0.25) -> None:
        """Darken a part of what is there."""
        self.polygon(points, (20, 14, 44), False, round(255 * share))

    def gleam(self, points: Points, share: float = 0.3) -> None:
        """Lighten a part of what is there."""
        self.polygon(points, (255, 252, 238), False, round(255 * share))

    def stroke(
        self, points: Points, width: float, colour: Colour, curved: bool = False, rim: bool = False, lit: bool = False
    ) -> None:
        """A thick line with round ends."""
        where = self.at(smooth(points, False) if curved else points)
        thick = max(1, round(width * self.unit))
        passes = [(thick + 2 * self.rim, self.ink(dark(colour, 0.45)))] if rim else []
        for broad, ink in [*passes, (thick, self.ink(colour, lit=lit))]:
            self.solid.line(where, fill=ink, width=broad)
            if broad > 2:
                for x, y in where[::2] if curved else where:
                    self.solid.ellipse((x - broad / 2, y - broad / 2, x + broad / 2 - 1, y + broad / 2 - 1), fill=ink)
                x, y = where[-1]
                self.solid.ellipse((x - broad / 2, y - broad / 2, x + broad / 2 - 1, y + broad / 2 - 1), fill=ink)

    def shadow(self, half: float, u: float = 0.06, deep: float = 0.075) -> None:
        """A soft shadow on the ground."""
        for share, alpha in ((1.15, 26), (1.0, 34), (0.82, 44)):
            self.disc(u, 0.012, half * share, (16, 12, 40), False, alpha, True, high=deep * share)

    def glow(self, u: float, v: float, radius: float, colour: Colour, strength: int = 30) -> None:
        """Light in the air around a lamp."""
        for share in (1.0, 0.72, 0.48, 0.3):
            self.disc(u, v, radius * share, colour, False, strength, True)

    def text(self, words: str, u: float, v: float, wide: float, high: float, colour: Colour, lit: bool = False) -> None:
        """Words as large as fit into a box around (u, v); never mirrored."""
        mask = _letters(words, max(4, round(wide * abs(self.along))), max(4, round(high * self.unit)))
        [(x, y)] = self.at([(u, v)])
        corner = (round(x - mask.size[0] / 2), round(y - mask.size[1] / 2))
        self.solid.bitmap(corner, mask, fill=self.ink(colour, lit=lit))


@lru_cache(maxsize=1)
def _font() -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size=64)


@lru_cache(maxsize=512)
def _drawn(words: str) -> Any:
    from PIL import Image, ImageDraw

    box = _font().getbbox(words, stroke_width=2)
    mask = Image.new("L", (int(box[2] - box[0]), int(box[3] - box[1])))
    ImageDraw.Draw(mask).text((-box[0], -box[1]), words, 255, _font(), stroke_width=2)
    return mask


@lru_cache(maxsize=4096)
def _letters(words: str, wide: int, high: int) -> Any:
    mask = _drawn(words)
    scale = min(wide / mask.size[0], 1.35 * high / mask.size[1])
    size = (max(1, round(mask.size[0] * scale)), max(1, min(high, round(mask.size[1] * scale))))
    return mask.resize(size, 2)
