"""Stages in parts: the same result, and a killed run goes on where it stopped."""

from __future__ import annotations

import json
import multiprocessing
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stages import Numbers, Tiled, Whole, noted

from recortex import parts, progress, store
from recortex.errors import InvalidInput
from recortex.stage import Tiling


def folder(stage: Tiled) -> Path:
    return parts.folder(stage)


@given(size=st.integers(0, 50), step=st.integers(1, 60))
def test_tiles_cover_the_dimension_once_in_order(size: int, step: int) -> None:
    tiles = Tiling("x", size, step).tiles()
    assert [index for tile in tiles for index in tile] == list(range(size))
    assert all(0 < len(tile) <= step for tile in tiles)


@given(size=st.integers(1, 9), step=st.integers(1, 11))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stage_in_parts_gives_the_arrays_of_the_whole_bit_for_bit(size: int, step: int) -> None:
    numbers = Numbers(count=4)
    whole, tiled = Whole(numbers=numbers, size=size).run(), Tiled(numbers=numbers, size=size, step=step).run()
    assert list(whole) == list(tiled)
    for name in whole:
        assert whole[name].dtype == tiled[name].dtype
        assert whole[name].tobytes() == tiled[name].tobytes()
        assert whole.dims(name) == tiled.dims(name)
    os.remove(tiled.path)  # the next example may have the same key


@given(edges=st.sets(st.integers(1, 19)))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_parts_may_be_of_unequal_length(edges: set[int]) -> None:
    cut = (0, *sorted(edges))
    assert [index for tile in Tiling("x", 20, edges=cut).tiles() for index in tile] == list(range(20))
    whole, tiled = Whole(numbers=Numbers(), size=20).run(), Tiled(numbers=Numbers(), size=20, edges=cut).run()
    assert all(whole[name].tobytes() == tiled[name].tobytes() for name in whole)
    os.remove(tiled.path)


@pytest.mark.parametrize("edges", [(1, 5), (0, 5, 5), (0, 20), (0, 7, 3)])
def test_edges_that_do_not_cover_the_dimension_once_are_refused(edges: tuple[int, ...]) -> None:
    with pytest.raises(TypeError, match="rise from 0"):
        Tiling("x", 20, edges=edges)


def test_a_run_that_stopped_goes_on_at_its_edges(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    for stop_at in (7, -1):
        with pytest.raises(RuntimeError) if stop_at > 0 else nullcontext():
            Tiled(numbers=Numbers(), edges=(0, 2, 7), stop_at=stop_at, log=log).run()
    assert noted(log) == ["0-2", "2-7", "7-10"]


def test_parts_are_removed_once_they_are_joined() -> None:
    stage = Tiled(numbers=Numbers())
    result = stage.run()
    assert not folder(stage).exists()
    assert result.provenance["configuration"]["size"] == 10


def test_a_run_that_stopped_goes_on_without_making_finished_parts_again(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    with pytest.raises(RuntimeError, match="stopped at 7"):
        Tiled(numbers=Numbers(), stop_at=7, log=log).run()
    assert noted(log) == ["0-3", "3-6"]
    assert Tiled(numbers=Numbers()).cached() is None
    assert sorted(path.name for path in folder(Tiled(numbers=Numbers())).iterdir() if path.suffix != ".lock") == [
        "0000000000-0000000003.h5",
        "0000000003-0000000006.h5",
        "tiling.json",
    ]
    again = Tiled(numbers=Numbers(), log=log).run()
    assert noted(log) == ["0-3", "3-6", "6-9", "9-10"]
    np.testing.assert_array_equal(again["wave"], Whole(numbers=Numbers()).run()["wave"])


def test_a_run_that_was_killed_goes_on_as_well(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    victim = multiprocessing.get_context("fork").Process(target=Tiled(numbers=Numbers(), stop_at=7, kill=True, log=log).run)
    victim.start()
    victim.join(60)
    assert victim.exitcode == -9
    assert noted(log) == ["0-3", "3-6"]
    Tiled(numbers=Numbers(), log=log).run()
    assert noted(log) == ["0-3", "3-6", "6-9", "9-10"]


def test_another_step_goes_on_with_the_recorded_tiling(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    with pytest.raises(RuntimeError, match="stopped"):
        Tiled(numbers=Numbers(), stop_at=7, log=log).run()
    result = Tiled(numbers=Numbers(), step=4, log=log).run()
    assert noted(log) == ["0-3", "3-6", "6-9", "9-10"]
    np.testing.assert_array_equal(result["wave"], Whole(numbers=Numbers()).run()["wave"])


@pytest.mark.parametrize("record", ["", "{", "3", '{"dim": "column_"}', json.dumps({"dim": "column_", "size": 11, "step": 3})])
def test_a_record_that_does_not_fit_is_replaced(record: str) -> None:
    stage = Tiled(numbers=Numbers())
    folder(stage).mkdir(parents=True)
    (folder(stage) / "tiling.json").write_text(record)
    np.testing.assert_array_equal(stage.run()["wave"], Whole(numbers=Numbers()).run()["wave"])


@pytest.mark.parametrize("how", ["truncated", "flipped"])
def test_a_damaged_part_is_made_again(how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = str(tmp_path / "log")
    with pytest.raises(RuntimeError, match="stopped"):
        Tiled(numbers=Numbers(), stop_at=7, log=log).run()
    path = parts.part_file(Tiled(numbers=Numbers()), range(3))
    with h5py.File(path) as file:
        place = file["wave"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.chmod(0o644)
    path.write_bytes(data[: len(data) // 2] if how == "truncated" else data)
    result = Tiled(numbers=Numbers(), log=log).run()
    np.testing.assert_array_equal(result["wave"], Whole(numbers=Numbers()).run()["wave"])
    assert sorted(noted(log)) == ["0-3", "0-3", "3-6", "6-9", "9-10"]
    assert path.name in caplog.text


def test_an_array_without_the_tiled_dimension_must_be_the_same_in_all_parts() -> None:
    with pytest.raises(InvalidInput, match="base is not the same in all parts"):
        Tiled(numbers=Numbers(), breaks="base").run()
    assert Tiled(numbers=Numbers()).cached() is None


def test_a_tile_of_another_length_than_asked_for_is_refused() -> None:
    # the rest of the final array would be zeros that nobody computed
    with pytest.raises(TypeError, match="column_"):
        Tiled(numbers=Numbers(), breaks="short").run()
    assert Tiled(numbers=Numbers()).cached() is None


def test_two_nodes_without_locks_may_both_join(monkeypatch: pytest.MonkeyPatch) -> None:
    # the other node finishes, and sweeps the parts away, while this one is about to join them
    stage, join, first = Tiled(numbers=Numbers()), parts.join, [True]

    def overtaken(*words: Any) -> store.Result:
        if first.pop() if first else False:
            join(*words)
        return join(*words)

    monkeypatch.setattr(store.Store, "lock", lambda *_: nullcontext())
    monkeypatch.setattr(parts, "join", overtaken)
    np.testing.assert_array_equal(stage.run()["wave"], Whole(numbers=Numbers()).run()["wave"])


def test_progress_counts_the_parts() -> None:
    heard = []
    with progress.listen(lambda *words: heard.append(words)):
        Tiled(numbers=Numbers()).run()
    assert heard == [("parts", done, 4) for done in (1, 2, 3, 4)]
