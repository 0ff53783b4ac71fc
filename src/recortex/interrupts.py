"""Ctrl-C where it must not become an exception: in C code that calls back into Python, and in worker processes."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_back(told: Callable[[BaseException], None]) -> Iterator[None]:
    """Let signals that Python handles wait until the end of a with block.

    Parameters
    ----------
    told : callable
        Hears at once of what a handler raises, to end the block early.
    """
    if threading.current_thread() is not threading.main_thread():  # handlers run in the main thread alone
        yield
        return
    raised: list[BaseException] = []

    def wait(number: int, frame: Any) -> None:
        try:
            ours[signal.Signals(number)](number, frame)
        except BaseException as error:
            raised.append(error)
            told(error)

    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    ours = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in ours:
        signal.signal(number, wait)
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
        if raised:
            raise raised[0]


@contextmanager
def unheard_by_children() -> Iterator[None]:
    """Let processes that are started inside a with block, and those that its threads start later, never hear of Ctrl-C.

    A terminal sends it to all of them, and each would print where it was; this process hears of it and they end with it.
    """
    # Python's tracker of semaphores is one of them. It comes first, as starting it unblocks the signal, and it need not complain
    # when this process ends in the midst.
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    resource_tracker.ensure_running()
    sys.warnoptions.pop()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # children and threads inherit what is blocked
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
