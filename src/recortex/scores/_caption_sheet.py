"""Captions beside the true ones, each with its picture and with what it got right and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from recortex.drawing import png

RIGHT, WRONG, SOFT, LINE = "#2563a8", "#b45309", "#5b6675", "#dfe4ea"


@dataclass(frozen=True)
class Card:
    """One trial.

    Parameters
    ----------
    name : str
        Of the stimulus.
    picture : (height, width, channel) array or None
        What was seen, 0 to 1.
    true, decoded : str
        Captions.
    facts : sequence of (fact, said, true)
        Empty words where nothing is said, or known.
    """

    name: str
    picture: np.ndarray | None
    true: str
    decoded: str
    facts: Sequence[tuple[str, str, str]]


def caption_sheet(cards: Sequence[Card]) -> str:
    """Trials as cards that stand side by side where there is room, and under each other on a narrow page."""
    inside = "".join(_card(card) for card in cards)
    style = "display:grid;flex:1;min-width:0;grid-template-columns:repeat(auto-fill,minmax(min(300px,100%),1fr))"
    return f'<div class="sheet"><div class="columns" style="{style}">{inside}</div></div>'


def _card(card: Card) -> str:
    seen = "" if card.picture is None else f'<div style="flex:none">{png(card.picture, f"seen: {card.name}", 88)}</div>'
    facts = "".join(_fact(*fact) for fact in card.facts)
    decoded = escape(card.decoded) or f'<i style="color:{SOFT}">says nothing</i>'
    words = (
        f'<div style="min-width:0;font-size:13px;line-height:1.4"><div style="color:{SOFT}">{escape(card.true)}</div>'
        f'<div style="margin:4px 0;font-weight:600">{decoded}</div>'
        f'<div style="display:flex;flex-wrap:wrap;gap:0 10px">{facts}</div></div>'
    )
    style = f"flex-direction:row;align-items:flex-start;gap:12px;padding:10px;border:1px solid {LINE};border-radius:8px"
    return f'<figure style="{style}">{seen}{words}</figure>'


def _fact(fact: str, said: str, true: str) -> str:
    """One fact: a tick, or a cross and what would have been right; nothing where the truth is not known."""
    if not true:
        return ""
    right = said == true
    words = _named(fact, said) if said else f"no {'time' if fact == 'night' else fact}"
    words += "" if right else f" (was {_named(fact, true)})"
    return f'<span style="white-space:nowrap;color:{RIGHT if right else WRONG}">{"✓" if right else "✗"} {escape(words)}</span>'


def _named(fact: str, label: str) -> str:
    return f"{label} thing{'' if label == '1' else 's'}" if fact == "count" else label
