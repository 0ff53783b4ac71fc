"""Progress inside a stage: `steps` is a for loop that a terminal or a log file can follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
Listener = Callable[[str, int, int | None], None]
_listener: ContextVar[Listener | None] = ContextVar("progress", default=None)


def steps(items: Iterable[T], what: str, total: int | None = None, before: int = 0) -> Iterator[T]:
    """Loop over items and tell whoever listens how far it is.

    Parameters
    ----------
    items : iterable
        What to loop over.
    what : str
        A plural noun: "folds", "pictures".
    total : int, optional
        How many there are, where `items` does not know.
    before : int
        How many of them were done before these.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    listener = _listener.get()
    for done, item in enumerate(items, before + 1):
        yield item
        if listener is not None:
            listener(what, done, total)


@contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Hear of every step taken inside a with block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
