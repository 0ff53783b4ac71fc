"""Written words: on signs, screens, banners, books and notes."""

from __future__ import annotations

from recortex.data.simulated.painting.pen import INK, WHITE, WOOD, Colour, Pen, dark, light, smooth

Chances = tuple[float, ...]


def _letters_on(colour: Colour) -> Colour:
    """What can be read on a ground of this colour."""
    return WHITE if 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2] < 165 else INK


def sign(pen: Pen, colour: Colour, c: Chances, text: str) -> None:
    """A board on a post."""
    low = 0.36 + 0.08 * c[0]
    pen.shadow(0.3, 0.05, 0.05)
    pen.box(-0.05, 0, 0.1, low + 0.1, WOOD)
    pen.shade([(0.01, 0), (0.05, 0), (0.05, low), (0.01, low)], 0.25)
    if c[1] < 0.4:
        pen.polygon([(-0.56, low), (-0.56, 0.99), (0.42, 0.99), (0.64, (low + 0.99) / 2), (0.42, low)], colour)
    else:
        pen.box(-0.58, low, 1.16, 0.99 - low, colour, round_=0.06)
        pen.box(-0.55, low + 0.03, 1.1, 0.93 - low, light(colour, 0.12), False, round_=0.05)
    pen.text(text, -0.02, (low + 0.99) / 2, 0.96, 0.45, _letters_on(colour))


def screen(pen: Pen, colour: Colour, c: Chances, text: str) -> None:
    """A computer screen that shines."""
    pen.shadow(0.36, 0.06, 0.05)
    pen.polygon([(-0.24, 0), (-0.08, 0.08), (-0.06, 0.22), (0.06, 0.22), (0.08, 0.08), (0.24, 0)], (120, 124, 134))
    pen.box(-0.6, 0.18, 1.2, 0.81, (50, 52, 62), round_=0.05)
    pen.box(-0.55, 0.25, 1.1, 0.69, colour, False, lit=True)
    pen.gleam([(-0.55, 0.94), (-0.25 + 0.2 * c[0], 0.94), (-0.55, 0.5)], 0.2)
    pen.disc(0.0, 0.215, 0.02, (120, 230, 130), False, lit=True)
    pen.text(text, 0, 0.59, 0.98, 0.52, _letters_on(colour), True)


def banner(pen: Pen, colour: Colour, c: Chances, text: str) -> None:
    """Cloth between two poles."""
    low = 0.42 + 0.06 * c[0]
    pen.shadow(0.6, 0.04, 0.04)
    for side in (-1, 1):
        pen.box(side * 0.57 - 0.03, 0, 0.06, 0.97, WOOD)
        pen.disc(side * 0.57, 0.965, 0.05, (232, 190, 76))
    sag = 0.02 + 0.03 * c[1]
    edge = [(-0.55, 0.0), (-0.28, -0.75 * sag), (0, -sag), (0.28, -0.75 * sag), (0.55, 0.0)]
    lower = [(u, low + v) for u, v in smooth(edge, False)]
    pen.polygon([*lower, *((u, 0.93 + v) for u, v in reversed(smooth(edge, False)))], colour)
    for u in (-0.42, 0.42):
        pen.shade([(u - 0.04, low), (u + 0.03, low), (u + 0.05, 0.89), (u - 0.01, 0.89)], 0.12)
    pen.text(text, 0, (low + 0.9) / 2 - sag / 2, 0.92, 0.4, _letters_on(colour))


def book(pen: Pen, colour: Colour, c: Chances, text: str) -> None:
    """A closed book, standing."""
    pen.shadow(0.5, 0.08, 0.06)
    pen.polygon([(0.42, 0.02), (0.54, 0.08), (0.54, 0.98), (0.42, 0.93)], (240, 232, 212))
    for u in (0.455, 0.49, 0.52):
        pen.stroke([(u, 0.05), (u, 0.95)], 0.008, (190, 178, 156))
    pen.polygon([(-0.5, 0.93), (0.42, 0.93), (0.55, 0.99), (-0.36, 0.99)], dark(colour, 0.3))
    pen.box(-0.52, 0, 0.95, 0.94, colour, round_=0.02)
    pen.box(-0.52, 0, 0.12, 0.94, dark(colour, 0.25), round_=0.02)
    pen.text(text, 0.03, 0.66, 0.76, 0.4, _letters_on(colour))
    for v in (0.32, 0.22):
        pen.box(-0.28, v, 0.6 * (0.6 + 0.4 * c[0]), 0.035, light(colour, 0.5), False)


def note(pen: Pen, colour: Colour, c: Chances, text: str) -> None:
    """A sheet of paper on an easel, pinned."""
    pen.shadow(0.42, 0.06, 0.06)
    for side in (-1, 1):
        pen.stroke([(side * 0.2, 0.5), (side * 0.38, 0.0)], 0.05, WOOD, rim=True)
    fold = 0.12 + 0.06 * c[0]
    pen.polygon([(-0.5, 0.14), (0.5 - fold, 0.14), (0.5, 0.14 + fold), (0.5, 0.97), (-0.5, 0.97)], light(colour, 0.25))
    pen.polygon([(0.5 - fold, 0.14), (0.5 - fold, 0.14 + fold), (0.5, 0.14 + fold)], dark(colour, 0.2))
    ink = _letters_on(light(colour, 0.25))
    pen.text(text, 0, 0.63, 0.86, 0.44, ink)
    for v in (0.34, 0.25):
        pen.stroke([(-0.38, v), (0.1 + 0.2 * c[1], v)], 0.022, dark(colour, 0.25))
    pen.disc(0, 0.93, 0.055, (214, 56, 56) if colour[0] < 190 else (60, 100, 190))


WORDS = {"sign": sign, "screen": screen, "banner": banner, "book": book, "note": note}
