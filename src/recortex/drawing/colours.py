"""Colours of values and of kinds, told apart by all readers, and the keys that say what they mean."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

INK = "#1f2a37"
BLUE = "#2563a8"
ORANGE = "#d9730d"
GREY = "#8a94a3"

# Okabe & Ito (2008) without black and grey, then darker companions of the same hues
KINDS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#4b3b9c", "#7a4b00", "#004d38", "#84305f")
_STEPS = 32  # of a colour bar


@dataclass(frozen=True)
class Scale:
    """Numbers as colours, from dark for low to bright for high.

    Parameters
    ----------
    low, high : float
        What the ends of the colour bar stand for; numbers beyond them have the colour of the end.
    label : str
        What is measured.
    beyond : (bool, bool)
        Whether there are numbers below and above.
    colour_map : str
        A map of matplotlib's whose lightness rises throughout.
    """

    low: float
    high: float
    label: str
    beyond: tuple[bool, bool] = (False, False)
    colour_map: str = "inferno"

    @classmethod
    def of(
        cls, values: np.ndarray, label: str, low: float | None = None, high: float | None = None, colour_map: str = "inferno"
    ) -> Scale:
        """A scale of round numbers for these values, but for half a percent of them at each end that is not given."""
        known = values[np.isfinite(values)]
        if not len(known):
            return cls(0.0, 1.0, label, colour_map=colour_map)
        found = np.percentile(known, [0.5, 99.5])
        bottom, top = found[0] if low is None else low, found[1] if high is None else high
        step = _step(max(top - bottom, 1e-9 * max(1.0, abs(top))) / 4)
        bottom = float(np.floor(bottom / step + 1e-9) * step) if low is None else low
        top = max(float(np.ceil(top / step - 1e-9) * step), bottom + step) if high is None else high
        return cls(bottom, top, label, (bool((known < bottom).any()), bool((known > top).any())), colour_map)

    def colour(self, values: np.ndarray) -> np.ndarray:
        """Of finite values, (n, 3) from 0 to 1."""
        from matplotlib import colormaps

        share = np.clip((values - self.low) / max(self.high - self.low, 1e-300), 0, 1)
        # the darkest part is left out: shading could not be seen on it
        return colormaps[self.colour_map](0.12 + 0.88 * share)[:, :3].astype(np.float32)

    def key(self) -> str:
        """The colour bar, as SVG."""
        wide, left = 300, 24
        colours = self.colour(self.low + (np.arange(_STEPS) + 0.5) / _STEPS * (self.high - self.low))
        cells = "".join(
            f'<rect x="{left + place * wide / _STEPS:.2f}" y="18" width="{wide / _STEPS + 0.3:.2f}" height="12" '
            f'fill="#{_hex(colour)}"/>'
            for place, colour in enumerate(colours)
        )
        step = _step((self.high - self.low) / 4)
        ticks = np.arange(np.ceil(self.low / step - 1e-9), np.floor(self.high / step + 1e-9) + 1) * step
        digits = max(0, int(np.ceil(-np.log10(step) - 1e-9)) + (f"{step:e}"[0:3] == "2.5"))
        marks = ""
        for tick in ticks.tolist():
            at = left + wide * (tick - self.low) / (self.high - self.low)
            sign = "≤ " if self.beyond[0] and np.isclose(tick, self.low, atol=step / 100) else ""
            sign = "≥ " if self.beyond[1] and np.isclose(tick, self.high, atol=step / 100) else sign
            number = f"{abs(tick) if abs(tick) < step / 100 else tick:.{digits}f}".replace("-", "\u2212")
            marks += f'<path d="M{at:.1f} 30v4" stroke="{GREY}"/>'
            marks += f'<text x="{at:.1f}" y="46" text-anchor="middle" font-size="12" fill="{INK}">{sign}{number}</text>'
        label = html.escape(self.label)
        return (
            f'<svg width="{wide + 2 * left}" height="50" viewBox="0 0 {wide + 2 * left} 50" role="img" '
            f'aria-label="colour bar: {label}"><text x="{left}" y="12" font-size="13" fill="{INK}">{label}</text>{cells}{marks}</svg>'
        )


@dataclass(frozen=True)
class Legend:
    """Kinds as colours.

    Parameters
    ----------
    names : tuple of str
        The kinds.
    colours : tuple of str
        Of each, as #rrggbb.
    label : str
        What they are kinds of.
    """

    names: tuple[str, ...]
    colours: tuple[str, ...]
    label: str

    @classmethod
    def of(cls, labels: np.ndarray, label: str, order: Sequence[str] = (), colours: Mapping[str, str] | None = None) -> Legend:
        """The kinds that are there, those of `order` first; "" is none. Colours that are not given come from a safe list."""
        there = [name for name in dict.fromkeys([*order, *np.unique(labels).tolist()]) if name and (labels == name).any()]
        given = colours or {}
        free = [colour for colour in KINDS if colour not in given.values()]
        unnamed = [name for name in there if name not in given]
        chosen = {name: free[place % len(free)] for place, name in enumerate(unnamed)} | dict(given)
        return cls(tuple(there), tuple(chosen[name] for name in there), label)

    def codes(self, labels: np.ndarray) -> np.ndarray:
        """The number of each label's kind, -1 for none."""
        place = {name: number for number, name in enumerate(self.names)}
        return np.array([place.get(label, -1) for label in labels.tolist()], dtype=int)

    def colour(self, codes: np.ndarray) -> np.ndarray:
        """Of kinds by their number, (n, 3) from 0 to 1."""
        table = [[int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] for colour in self.colours]
        return np.array(table, dtype=np.float32).reshape(-1, 3)[codes]

    def key(self) -> str:
        """The legend, as HTML."""
        entries = "".join(
            f'<span style="white-space:nowrap"><span style="display:inline-block;width:12px;height:12px;border-radius:2px;'
            f'background:{colour};margin-right:5px;vertical-align:-1px"></span>{html.escape(name)}</span>'
            for name, colour in zip(self.names, self.colours, strict=True)
        )
        return (
            f'<div style="display:flex;flex-wrap:wrap;gap:2px 14px;font-size:13px;color:{INK}">'
            f"<span>{html.escape(self.label)}:</span>{entries}</div>"
        )


def _step(about: float) -> float:
    """The round number at or above a distance: 1, 2, 2.5 or 5 with zeros."""
    power = 10.0 ** np.floor(np.log10(about))
    return float(next(power * digit for digit in (1, 2, 2.5, 5, 10) if power * digit >= about * (1 - 1e-9)))


def _hex(colour: np.ndarray) -> str:
    return "".join(f"{round(float(part) * 255):02x}" for part in colour)
