"""The short form of benchmarks/faults: kills, signals, bad disks, several writers and damage, through the command line."""

from __future__ import annotations

import random
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from faults import damage, damaged_runs, disks, kills, writers
from faults.failing import EVERY, calls_made, failing, one_failing, shim
from faults.runs import QUICK, Place, run, scratch, start
from faults.sound import Reference, arrays, parts, results
from faults.tally import Tally

pytestmark = [
    pytest.mark.xdist_group("faults"),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the processes of a run are found in /proc"),
]
SLOWER = replace(QUICK, tile_s=0.2)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with scratch() as here:
        yield here


@pytest.fixture(scope="module")
def reference(folder: Path) -> Reference:
    return Reference.make(QUICK, folder, workers=False)


@pytest.fixture(scope="module")
def slower(reference: Reference) -> Reference:
    # four parts take longer, and two workers have to start
    return replace(reference, pipeline=SLOWER, seconds={0: reference.seconds[0] + 0.8, 2: reference.seconds[0] + 3})


@pytest.fixture(scope="module")
def library(folder: Path) -> Path:
    made = shim(folder)
    if made is None:
        pytest.skip("there is no C compiler to make calls fail with")
    return made


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.mark.parametrize(("where", "share"), [("cache", 0.5), ("outputs", 0.6)])
def test_a_kill_at_a_files_call_leaves_nothing_by_halves(
    where: str, share: float, reference: Reference, library: Path, tmp_path: Path
) -> None:
    place = Place.at(tmp_path)
    total = calls_made(QUICK, library, EVERY, where)
    env = failing(library, getattr(place, where), EVERY, after=int(share * total), kill=1)
    assert run(QUICK, place, env=env).code == -signal.SIGKILL
    assert reference.array_differences(place.cache, complete=False) == []
    assert run(QUICK, place).problems() == []
    assert reference.aftermath(place) == []


def test_a_run_goes_on_without_a_worker_that_died(slower: Reference, tmp_path: Path) -> None:
    assert kills.one_dead_worker(slower, Place.at(tmp_path), random.Random(0)) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=["kill -9", "Ctrl-C", "SIGTERM"])
def test_a_run_that_is_stopped_in_a_stage_goes_on_at_the_part_and_says_at_most_one_line(
    number: signal.Signals, slower: Reference, tally: Tally, tmp_path: Path
) -> None:
    place = Place.at(tmp_path)
    one = start(SLOWER, place)
    while not parts(place.cache):  # it is at work
        assert one.wait(0.01) is None
    one.strike(number, "group")
    if number != signal.SIGKILL:
        assert kills.polite(tally, "", one, number) == []
    assert one.orphans() == []
    assert slower.array_differences(place.cache, complete=False) == []
    there = parts(place.cache)
    assert run(QUICK, place, env=kills.log(place, 1)).problems() == []
    assert set(kills.logged(place, 1)) == {"0-10", "10-20", "20-30", "30-40", "sums"} - there
    assert slower.aftermath(place) == []


@pytest.mark.parametrize("name", ["quota used up"])
def test_a_disk_that_refuses_is_told_in_one_line_and_the_run_goes_on_later(
    name: str, reference: Reference, library: Path, tally: Tally
) -> None:
    one_failing(tally, reference, library, name, "cache", 1)
    assert tally.failures == []
    assert tally.tried


def test_full_and_read_only_disks(reference: Reference, tally: Tally) -> None:
    if reason := disks.no_room():
        pytest.skip(reason)
    disks.in_room(disks.a_few, tally, reference)
    assert tally.failures == []
    assert len(tally.tried) == 2


@pytest.mark.parametrize("locks", [True, False], ids=["with locks", "without locks"])
def test_three_runs_at_once_make_each_result_once_or_at_least_do_no_harm(
    locks: bool, slower: Reference, tally: Tally, tmp_path: Path
) -> None:
    assert writers.at_once(tally, "", slower, Place.at(tmp_path), random.Random(0), count=3, locks=locks) == []


@pytest.mark.parametrize("kind", list(damage.BYTES))
def test_damage_anywhere_is_found_or_harmless(kind: str, reference: Reference, tmp_path: Path) -> None:
    for original in results(reference.place.cache):
        said = damage.read_damaged(original, kind, kind, 12, tmp_path)
        assert set(said) <= {"found", "harmless", "nothing changed"}


@pytest.mark.parametrize("kind", ["another", "a folder"])
def test_a_damaged_result_is_named_set_aside_and_made_again(
    kind: str, reference: Reference, tally: Tally, tmp_path: Path
) -> None:
    assert damaged_runs.one_command(tally, "", kind, reference, Place.at(tmp_path), random.Random(2)) == []


# the harness itself: its checks can fail


def test_a_lost_result_a_changed_one_and_a_leftover_are_noticed(reference: Reference, tmp_path: Path) -> None:
    import shutil

    import h5py

    place = Place.at(tmp_path)
    shutil.copytree(reference.place.cache, place.cache)
    numbers, sums, waves = sorted(results(place.cache), key=lambda path: path.parent.name)
    waves.unlink()
    sums.chmod(0o644)
    with h5py.File(sums, "r+") as file:
        file["sum"][3] += 1e-6
    assert arrays(sums) != arrays(reference.place.cache / sums.relative_to(place.cache))
    names = [path.relative_to(place.cache).as_posix() for path in (sums, waves)]
    assert reference.array_differences(place.cache) == [f"{names[0]}: WRONG sum", f"{names[1]} is not there"]
    assert reference.layout_differences(place)
    (numbers.parent / ".left.tmp").touch()
    assert f"prune left 1: results/{numbers.parent.name}/.left.tmp" in " ".join(reference.aftermath(place))
