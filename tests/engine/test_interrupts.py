"""Ctrl-C and SIGTERM at any moment: a clean last line within two seconds, and nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recortex import store
from recortex.interrupts import held_back

# one way to be busy each: Python, C code that lets other threads run, writing a result, reading a pipe that says nothing, and a
# finaliser and a library which make something else of what a signal raises
RUN = """
import hashlib, os, sys, time
from typing import Any, ClassVar
import numpy as np
from recortex import catalog, store
from recortex.arrays import Array
from recortex.cli.main import main
from recortex.stage import Stage
how, ahead = sys.argv.pop(1), int(os.environ.get("AHEAD", 0))
class Busy(Stage):
    returns = {"x": Array("a", "b")}
    def compute(self):
        print("here", flush=True)
        if how == "python":
            while True:
                sum(range(1000))
        if how == "c":
            hashlib.pbkdf2_hmac("sha256", b"a", b"b", 2_000_000_000)
        if how == "finaliser":
            class Thing:
                def __del__(self):
                    os.kill(os.getpid(), ahead)
                    sum(range(1000))
            Thing()
        if how == "library":
            try:
                os.kill(os.getpid(), ahead)
                sum(range(1000))
            except BaseException as error:
                raise ValueError("the library's own words") from error
        if how == "waiting":
            os.read(os.pipe()[0], 1)
        return {"x": np.ones((4000, 5000), dtype=np.float32)}
if how == "writing":
    pwrite = os.pwrite
    def slow(*words):
        time.sleep(0.005)
        return pwrite(*words)
    os.pwrite = slow
sys.modules["busy"] = sys.modules["__main__"]
catalog.STAGES["Busy"] = "busy"
main()
"""


def start(how: str, folder: Path, ignoring: bool = False) -> subprocess.Popen:
    (folder / "p.yaml").write_text("busy: {type: Busy}\n")
    words = [sys.executable, "-c", RUN, how, "run", "p.yaml"]
    before = signal.getsignal(signal.SIGINT)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN if ignoring else signal.SIG_DFL
    )  # children inherit it, whatever started the tests
    try:
        process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    if how == "writing":
        deadline = time.monotonic() + 20
        while not list(store.current().root.rglob("*.tmp")) and time.monotonic() < deadline:
            time.sleep(0.01)
    time.sleep(0.05)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
@pytest.mark.parametrize("how", ["python", "c", "waiting", "writing"])
def test_a_run_that_is_stopped_says_so_in_one_line_at_once(how: str, number: signal.Signals, tmp_path: Path) -> None:
    with start(how, tmp_path) as process:
        sent = time.monotonic()
        process.send_signal(number)
        said, complaint = process.communicate(timeout=30)
        taken = time.monotonic() - sent
    assert process.returncode == 128 + number
    assert complaint.splitlines() == ["stopped: what was finished is kept; run again to go on from there"]
    assert "Traceback" not in said
    assert taken < 2
    assert list(store.current().root.rglob("*.h5")) == []
    if how == "writing":  # it unwound by itself and took its unfinished file along
        assert list(store.current().root.rglob("*.tmp")) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
@pytest.mark.parametrize("how", ["finaliser", "library"])
def test_a_stop_that_a_library_swallows_or_renames_is_a_stop(
    how: str, number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AHEAD", str(int(number)))
    with start(how, tmp_path) as process:
        _, complaint = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert complaint.splitlines()[-1] == "stopped: what was finished is kept; run again to go on from there"
    assert "Traceback" not in complaint
    assert "ignored" not in complaint


def test_a_second_signal_ends_it_without_the_grace_of_the_first(tmp_path: Path) -> None:
    with start("c", tmp_path) as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - sent < 0.8


@pytest.mark.parametrize("how", ["python", "c"])
def test_a_run_whose_lines_nobody_reads_any_more_ends_as_well(how: str, tmp_path: Path) -> None:
    with start(how, tmp_path) as process:
        process.stderr.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143


def test_a_run_that_was_started_to_ignore_ctrl_c_ignores_it(tmp_path: Path) -> None:
    with start("python", tmp_path, ignoring=True) as process:
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 143


@pytest.fixture
def hearing() -> Iterator[None]:
    """Ctrl-C as in a terminal; a shell that runs the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hearing")
def test_a_signal_whose_handler_only_notes_it_interrupts_nothing() -> None:
    noted: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: noted.append(number))
    told: list[BaseException] = []
    try:
        with held_back(told.append):
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1000):
                pass
    finally:
        signal.signal(signal.SIGTERM, before)
    assert noted == [signal.SIGTERM]
    assert told == []


@pytest.mark.usefixtures("hearing")
def test_a_signal_waits_for_the_end_of_a_block_and_is_told_of_at_once() -> None:
    told: list[BaseException] = []
    reached = []
    with pytest.raises(KeyboardInterrupt):
        with held_back(told.append):
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):
                pass
            reached.append(len(told))
        reached.append("after")
    assert reached == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_a_signal_or_in_another_thread_nothing_is_changed() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def look() -> None:
        with held_back(seen.append):
            seen.append(signal.getsignal(signal.SIGINT) is before)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    with held_back(seen.append):
        pass
    assert seen == [True]
    assert signal.getsignal(signal.SIGINT) is before
