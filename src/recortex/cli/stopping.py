"""Ctrl-C and SIGTERM: one clean last line within two seconds, whatever the process is doing.

Python hears of a signal only between two of its own steps, and a decomposition or a network may take minutes for one. So a thread
listens too: when the signal has not unwound the run by then, it says the last line itself and ends the process. It does so as well
where a library swallows what the signal raised. Nothing is lost by that: a result exists whole or not at all.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from recortex.interrupts import SIGNALS

GRACE_S = 1.0
LAST_LINE = "stopped: what was finished is kept; run again to go on from there"
_said = threading.Lock()


class Stopped(BaseException):
    """Ctrl-C, or SIGTERM as a cluster sends it before it kills a job; no KeyboardInterrupt, which libraries swallow.

    Parameters
    ----------
    number : int
        The signal.
    """

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


@contextmanager
def stoppable() -> Iterator[list[Stopped]]:
    """Listen for both signals inside a with block, in the main thread.

    Yields
    ------
    list of Stopped
        What was raised so far. Where it holds one, any other error that arrives may be that one in a library's words.
    """
    raised: list[Stopped] = []

    def stop(number: int, frame: Any) -> NoReturn:
        raised.append(Stopped(number))
        raise raised[-1]

    def swallowed(lost: Any) -> None:
        # Python ignores, aloud, what is raised in a finaliser or a weak reference's callback
        if not isinstance(lost.exc_value, Stopped):
            aloud(lost)

    # what was told to be ignored stays so: by nohup, or by a script that runs this in the background
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    if threading.current_thread() is not threading.main_thread():
        yield raised
        return
    aloud, sys.unraisablehook = sys.unraisablehook, swallowed
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    before = {number: signal.signal(number, stop) for number in heard}
    wakeup = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(ours,), daemon=True).start()
    try:
        yield raised
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        theirs.close()
        sys.unraisablehook = aloud


def _watch(signals: socket.socket) -> None:
    """End the process a moment after its first signal; the second ends it at once."""
    with signals:
        number = _next(signals)
        if number is None:
            return
        signals.settimeout(GRACE_S)
        _next(signals)
    end(Stopped(number))


def _next(signals: socket.socket) -> int | None:
    """The next of the signals that stop a run; None when there will be none."""
    while True:
        try:
            came = signals.recv(1)
        except TimeoutError:
            return None
        if not came:
            return None
        if came[0] in SIGNALS:
            return came[0]


def end(stopped: Stopped) -> NoReturn:
    """Say the last line and end the process here, without waiting for threads, workers or C code."""
    if _said.acquire(blocking=False):
        try:
            if sys.stderr.isatty():
                print("\r\x1b[2K\x1b[?25h", end="", file=sys.stderr)  # the live line goes, the cursor comes back
            print(LAST_LINE, file=sys.stderr, flush=True)
            sys.stdout.flush()
        finally:  # whoever read the lines may be gone
            os._exit(128 + stopped.number)
    threading.Event().wait()  # the other thread is about to end the process
    raise AssertionError("unreachable")
