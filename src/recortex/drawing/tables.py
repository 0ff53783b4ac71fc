"""Tables as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of words under their heads, as an HTML table.

    >>> table(["what", "how much"], [["a < b", "1"]])
    '<table><tr><th>what</th><th>how much</th></tr><tr><td>a &lt; b</td><td>1</td></tr></table>'
    """
    first = "".join(f"<th>{escape(word)}</th>" for word in head)
    rest = "".join(f"<tr>{''.join(f'<td>{escape(word)}</td>' for word in row)}</tr>" for row in rows)
    return f"<table><tr>{first}</tr>{rest}</table>"
