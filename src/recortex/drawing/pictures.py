"""Pictures as embedded PNG."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np


def png(picture: np.ndarray, alt: str, side: int = 96) -> str:
    """An ``<img>`` of a picture.

    Parameters
    ----------
    picture : (height, width, channel) array
        0 to 1, one or three channels.
    alt : str
        What it shows, for those who cannot see it.
    side : int
        Height in CSS pixels; small pictures are enlarged without smoothing.
    """
    from PIL import Image

    values = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    image = Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values)
    if max(image.size) > 256:
        image.thumbnail((256, 256))
    return f'<img src="{_data(image)}" alt="{html.escape(alt)}" height="{side}" loading="lazy">'


def embedded(picture: np.ndarray, alt: str, style: str, colours: int = 96) -> str:
    """An ``<img>`` of a drawing in few colours, as it is, laid out by a style.

    Parameters
    ----------
    picture : (height, width, 3) array
        0 to 1.
    alt : str
        What it shows.
    style : str
        CSS.
    colours : int
        How many are kept.
    """
    from PIL import Image

    image = Image.fromarray(np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8))
    few = image.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return f'<img src="{_data(few)}" alt="{html.escape(alt)}" style="{style}" loading="lazy">'


def _data(image: Any) -> str:
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def picture_sheet(rows: Sequence[np.ndarray], names: Sequence[str], columns: Sequence[str], notes: Sequence[str] = ()) -> str:
    """Rows of pictures under each other, column by column the same stimulus.

    Parameters
    ----------
    rows : sequence of (column, height, width, channel) arrays
        0 to 1.
    names : sequence of str
        What each row shows: "seen", "decoded".
    columns : sequence of str
        Names of the stimuli.
    notes : sequence of str, optional
        A line below each column, or more than one.
    """
    cells = []
    for column, name in enumerate(columns):
        images = "".join(png(row[column], f"{kind}: {name}") for row, kind in zip(rows, names, strict=True))
        note = f"<figcaption>{html.escape(str(notes[column]))}</figcaption>" if len(notes) else ""
        cells.append(f"<figure>{images}{note}</figure>")
    labels = "".join(f"<span>{html.escape(name)}</span>" for name in names) if len(names) > 1 else ""
    head = f'<div class="labels" aria-hidden="true">{labels}</div>' if labels else ""
    return f'<div class="sheet">{head}<div class="columns">{"".join(cells)}</div></div>'
