"""Result files: whole or absent, read back as written, and never trusted when they are not."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest
import xarray
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from stages import Doubled, Numbers, Sum, Tiled, noted

from recortex import keys, store
from recortex.arrays import check_arrays
from recortex.cli.cache import prune_cache
from recortex.errors import DamagedFile, InvalidInput
from recortex.stage import Array, LocalPath, Node, Stage, Tiling
from recortex.store import Draft, Result, Store

KEY = "0" * 32
KINDS = {"f": "float", "i": "int", "u": "int", "b": "bool", "U": "str", "O": "str"}


def write(arrays: dict[str, np.ndarray], promised: dict[str, Array] | None = None, key: str = KEY) -> Result:
    """Write arrays as a stage would; dimensions named after the array where none are given."""
    if promised is None:
        promised = {
            name: Array(*(f"{name}_{axis}" for axis in range(np.ndim(values))), dtype=KINDS[values.dtype.kind])
            for name, values in arrays.items()
        }

    def fill(draft: Draft) -> None:
        for name, values in arrays.items():
            draft.put(name, values)

    check_arrays(promised, arrays, "Test")
    return store.current().write("Test", key, promised, fill, {"made": "now"})


def flip(path: Path, needle: bytes, into: bytes) -> None:
    """Change bytes of a result as a bad disk would."""
    data = path.read_bytes()
    assert data.count(needle) >= 1
    at = data.rindex(needle)
    path.chmod(0o644)
    path.write_bytes(data[:at] + into + data[at + len(needle) :])


def damage_array(path: Path, name: str) -> None:
    """Flip one bit in an array's first chunk."""
    with h5py.File(path, "r") as file:
        place = file[name].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[place + 3] ^= 0x10
    path.chmod(0o644)
    path.write_bytes(data)


# round trips


@pytest.mark.parametrize(
    "dtype",
    ["f2", "f4", "f8", ">f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "<U5"],
    ids=lambda text: text.strip("<>"),
)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 4), (2, 3, 4)], ids=str)
def test_arrays_of_every_kind_and_shape_come_back_as_they_were(dtype: str, shape: tuple[int, ...]) -> None:
    values = np.asarray(np.random.default_rng(0).integers(0, 2, shape)).astype(dtype)
    back = write({"x": values})["x"]
    assert back.shape == shape
    assert back.dtype.kind == np.dtype(dtype).kind
    assert back.dtype.itemsize == np.dtype(dtype).itemsize or dtype == "<U5"
    np.testing.assert_array_equal(back, values)


@given(values=hnp.arrays(st.sampled_from(["f4", "f8", "i4", "?", "u1"]), hnp.array_shapes(max_dims=3, max_side=5)))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_numbers_come_back_bit_for_bit(values: np.ndarray) -> None:
    back = write({"x": values})["x"]
    assert back.dtype == values.dtype
    assert back.tobytes() == values.tobytes()  # NaN payloads and -0.0 too


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@given(values=st.lists(words, min_size=1, max_size=6), scalar=words)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_words_come_back_as_they_were(values: list[str], scalar: str) -> None:
    result = write({"x": np.array(values, dtype=str), "one": np.array(scalar)})
    assert result["x"].tolist() == values
    assert result["x"].dtype.kind == "U"
    assert result["one"].shape == ()
    assert str(result["one"]) == scalar


def test_empty_words_and_scripts_of_all_kinds_come_back() -> None:
    values = np.array([["", "a", "Zürich"], ["日本", "🧠 ", "\n"]])
    result = write({"x": values, "none": np.array(["", ""])})
    assert result["x"].tolist() == values.tolist()
    assert result["none"].tolist() == ["", ""]


def test_special_numbers_come_back() -> None:
    values = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.8e308])
    assert write({"x": values})["x"].tobytes() == values.tobytes()


def test_rows_can_be_read_without_the_rest() -> None:
    values = np.arange(40.0).reshape(10, 4)
    result = write({"x": values, "flag": values[:, 0] > 3, "word": values[:, 0].astype(str), "one": np.array(3)})
    np.testing.assert_array_equal(result.read("x", slice(2, 5)), values[2:5])
    np.testing.assert_array_equal(result.read("x", np.array([0, 7, 9])), values[[0, 7, 9]])
    assert result.read("flag", slice(0, 2)).tolist() == [False, True]
    assert result.read("word", slice(1, 3)).tolist() == ["4.0", "8.0"]
    assert result.shape("x") == (10, 4)
    assert list(result) == ["x", "flag", "word", "one"]
    assert len(result) == 4


def test_an_array_larger_than_a_chunk_comes_back_whole() -> None:
    values = np.random.default_rng(0).standard_normal((3000, 700)).astype(np.float32)
    result = write({"x": values, "y": values.T[:, ::2]}, {"x": Array("a", "b"), "y": Array("b", "c")})
    np.testing.assert_array_equal(result["x"], values)
    np.testing.assert_array_equal(result["y"], values.T[:, ::2])
    with h5py.File(result.path) as file:
        assert file["x"].chunks is not None
        assert np.prod(file["x"].chunks) < values.size


def test_an_unknown_array_is_answered_with_those_there_are() -> None:
    with pytest.raises(KeyError, match=r"corelation.*holds correlation"):
        write({"correlation": np.zeros(3)})["corelation"]


# what a file says of itself


def test_dimensions_are_named_as_hdf5_scales() -> None:
    promised = {"x": Array("trial", "unit"), "trial": Array("trial", dtype="int"), "name": Array("unit", dtype="str")}
    arrays = {"x": np.zeros((3, 2)), "trial": np.arange(3), "name": np.array(["a", "b"])}
    result = write(arrays, promised)
    assert result.dims("x") == ("trial", "unit")
    assert result.dims("name") == ("unit",)
    with h5py.File(result.path) as file:
        assert [len(dim) for dim in file["x"].dims] == [1, 1]
        assert file["trial"].is_scale
        assert file["unit"].is_scale


def test_a_file_opens_in_xarray_with_names_units_booleans_and_words() -> None:
    promised = {
        "x": Array("trial", "unit", units="mV", about="responses"),
        "kept": Array("unit", dtype="bool"),
        "stimulus": Array("trial", dtype="str", units=""),
        "hash": Array(dtype="str", units=""),
        "count": Array(dtype="int"),
    }
    arrays = {
        "x": np.arange(6, dtype=np.float32).reshape(3, 2),
        "kept": np.array([True, False]),
        "stimulus": np.array(["é", "", "c"]),
        "hash": np.array("abc"),
        "count": np.array(4),
    }
    result = write(arrays, promised)
    with xarray.open_dataset(result.path, engine="h5netcdf") as data:
        assert data["x"].dims == ("trial", "unit")
        assert data["x"].attrs == {"units": "mV", "long_name": "responses"}
        assert data["x"].dtype == np.float32
        assert data["kept"].dtype == bool
        assert data["kept"].values.tolist() == [True, False]
        assert data["stimulus"].values.tolist() == ["é", "", "c"]
        assert data["hash"].item() == "abc"
        assert data["count"].item() == 4
        assert "units" not in data["stimulus"].attrs
        assert data.attrs["recortex_stage"] == "Test"
    with result.dataset() as data:
        assert set(data) == set(arrays)


def test_a_result_says_how_it_was_made() -> None:
    result = Doubled(numbers=Numbers(seed=4)).run()
    told = result.provenance
    assert told["configuration"]["numbers"] == {"type": "stages:Numbers", "seed": 4, "count": 6, "wait_s": 0.0, "log": ""}
    assert told["inputs"] == {Numbers(seed=4).key(): "stages:Numbers"}
    assert {"numpy", "h5py", "recortex"} <= set(told["versions"])
    assert {"git", "sources", "made"} <= set(told)
    with h5py.File(result.path) as file:
        assert json.loads(file.attrs["recortex_provenance"]) == told
    assert result.key == Doubled(numbers=Numbers(seed=4)).key()


def test_a_long_provenance_fits() -> None:
    class Wide(Numbers):
        alphas: tuple[float, ...] = ()

    result = Wide(alphas=tuple(np.arange(20_000) / 7)).run()
    assert len(result.provenance["configuration"]["alphas"]) == 20_000


def test_a_result_is_read_only_and_stands_under_its_type_and_key() -> None:
    stage = Numbers()
    result = stage.run()
    assert result.path == store.current().root / "results" / "stages.Numbers" / f"{stage.key()}.h5"
    assert stat.S_IMODE(result.path.stat().st_mode) == 0o444
    assert [path.name for path in result.path.parent.glob("*") if path.suffix == ".tmp"] == []


def test_a_result_travels_between_processes() -> None:
    import pickle

    result = pickle.loads(pickle.dumps(Numbers().run()))
    np.testing.assert_array_equal(result["value"], Numbers().run()["value"])


# damage


def mangle_truncate(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def mangle_empty(path: Path) -> None:
    path.write_bytes(b"")


def mangle_text(path: Path) -> None:
    path.write_text("not HDF5 at all")


def mangle_foreign(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["value"] = np.zeros(6)


def mangle_other_key(path: Path) -> None:
    path.write_bytes(Numbers(seed=99).run().path.read_bytes())


def mangle_no_list(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file.attrs["recortex_arrays"]


def mangle_array_gone(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["value"]


def mangle_group(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["value"]
        file.create_group("value")


def mangle_odd_list(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["recortex_arrays"] = '["value"]'


def mangle_odd_attribute(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["recortex_arrays"] = 3


MANGLES = [
    mangle_truncate,
    mangle_empty,
    mangle_text,
    mangle_foreign,
    mangle_other_key,
    mangle_no_list,
    mangle_array_gone,
    mangle_group,
    mangle_odd_list,
    mangle_odd_attribute,
]


@pytest.mark.parametrize("mangle", MANGLES, ids=lambda function: function.__name__.removeprefix("mangle_"))
def test_a_file_that_is_no_result_is_set_aside_named_and_made_again(
    mangle: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Numbers(log=str(tmp_path / "log"))
    before = stage.run()["value"]
    path = stage.run().path
    path.chmod(0o644)
    mangle(path)
    with caplog.at_level(logging.WARNING, "recortex"):
        again = stage.run()
    np.testing.assert_array_equal(again["value"], before)
    assert noted(tmp_path / "log") == ["numbers", "numbers"]
    assert f"the cached result {path} was damaged (" in caplog.text
    assert f"set aside as {path.stem}.damaged; a run computes it again, nothing is for you to do" in caplog.text
    assert path.with_suffix(".damaged").exists()


def test_a_flipped_bit_in_an_array_is_found_on_read(tmp_path: Path) -> None:
    result = Numbers().run()
    damage_array(result.path, "value")
    with pytest.raises(DamagedFile, match=f"{result.path.name}.*value cannot be read"):
        Numbers().run()["value"]


@pytest.mark.parametrize("into", [b"n\xff", b"n8"], ids=["not UTF-8", "other words"])
def test_flipped_bits_in_words_are_found_on_read(into: bytes) -> None:
    result = Numbers().run()
    flip(result.path, b"n3", into)
    with pytest.raises(DamagedFile, match=result.path.name):
        Numbers().run()["name"]


def test_a_user_of_a_damaged_result_has_it_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = str(tmp_path / "log")
    numbers = Numbers(log=log)
    before = numbers.run()["value"]
    damage_array(numbers.run().path, "value")
    with caplog.at_level(logging.WARNING, "recortex"):
        doubled = Doubled(numbers=numbers, log=log).run()
    np.testing.assert_array_equal(doubled["doubled"], 2 * before)
    assert noted(log) == ["numbers", "doubled", "numbers", "doubled"]
    assert numbers.run().path.name in caplog.text
    np.testing.assert_array_equal(numbers.run()["value"], before)


def test_a_user_of_two_damaged_results_has_both_made_again(tmp_path: Path) -> None:
    a, b = Numbers(seed=1), Numbers(seed=2)
    expected = a.run()["value"] + b.run()["value"]
    for stage in (a, b):
        damage_array(stage.run().path, "value")
    np.testing.assert_array_equal(Sum(a=a, b=b).run()["sum"], expected)


def test_a_damaged_result_two_steps_up_is_made_again() -> None:
    numbers, tiled = Numbers(count=4), Tiled(numbers=Numbers(count=4))
    before = tiled.run()["wave"]
    os.remove(tiled.run().path)
    damage_array(numbers.run().path, "value")
    np.testing.assert_array_equal(tiled.run()["wave"], before)


def fuzz(result: Result, out: Path) -> None:
    """Flip one bit at a time anywhere in a file, read everything, and write down what happened; a hang is killed."""
    sound, path = result.path.read_bytes(), result.path
    before = {name: result[name].tobytes() for name in result}, result.attributes
    path.chmod(0o644)
    rng = np.random.default_rng(0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # HDF5 may follow damaged links for ever, where no Python handler runs
    with open(out, "w", buffering=1) as told:
        for place in rng.choice(len(sound), 400, replace=False).tolist():
            data = bytearray(sound)
            data[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(data)
            told.write(f"{place} ")
            signal.alarm(5)
            try:
                again = Result(path)
                same = ({name: again[name].tobytes() for name in again}, again.attributes) == before
                told.write("same\n" if same else "WRONG\n")
            except DamagedFile:
                told.write("damaged\n")
            except Exception as error:
                told.write(f"{type(error).__name__}\n")
            signal.alarm(0)


def test_a_flipped_bit_anywhere_is_found_or_harmless(tmp_path: Path) -> None:
    result = Numbers(count=50).run()
    child = multiprocessing.get_context("fork").Process(target=fuzz, args=(result, tmp_path / "told"))
    child.start()
    child.join(120)
    told = [line.split() for line in (tmp_path / "told").read_text().splitlines()]
    assert [line for line in told if line[1:] not in (["same"], ["damaged"])] == []
    assert child.exitcode == 0
    assert sum(line[1] == "damaged" for line in told) > 50


def test_a_file_that_may_not_be_opened_now_is_not_called_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    # too many open files, a server that does not answer: the result is sound, and must not be moved away
    result = Numbers().run()

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(24, "Unable to synchronously open file (errno = 24, error message = Too many open files)")

    monkeypatch.setattr(h5py, "File", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        Numbers().cached()
    monkeypatch.undo()
    assert result.path.exists()


# inputs that change meanwhile


@pytest.mark.parametrize("settled", [False, True], ids=["alone", "in a run"])
def test_a_file_that_changes_while_it_is_used_never_poisons_the_cache(settled: bool, tmp_path: Path) -> None:
    class Reader(Stage):
        path: LocalPath

        returns: ClassVar[dict[str, Array]] = {"text": Array(dtype="str", units="")}

        def compute(self) -> dict[str, Any]:
            if (tmp_path / "edit").exists():  # someone saves the file just now
                self.path.write_text("new")
            return {"text": np.array(self.path.read_text())}

    file = tmp_path / "a.txt"
    file.write_text("old")
    (tmp_path / "edit").touch()
    with keys.settled() if settled else nullcontext(), suppress(InvalidInput):
        Reader(path=file).run()
    (tmp_path / "edit").unlink()
    file.write_text("old")
    assert str(Reader(path=file).run()["text"]) == "old"


# kill -9 in mid-write

VICTIM = """
import os, sys, time
from recortex import store
from stages import *
where = sys.argv[1]
def hang(*_):
    print("here", flush=True)
    time.sleep(60)
class Large(Stage):
    returns = {"x": Array("a", "b"), "y": Array("a")}
    def compute(self):
        if where == "computing":
            hang()
        return {"x": np.ones((3000, 1000)), "y": np.ones(3000)}
Large.__module__ = "victim"
put = store.Draft.put
def slow(draft, name, values):
    if where == "before " + name:
        hang()
    put(draft, name, values)
    if where == "after " + name:
        draft.file.flush()
        hang()
store.Draft.put = slow
if where == "syncing":
    os.fsync = hang
if where == "renaming":
    os.replace = hang
stage = Large()
print(stage.key(), flush=True)
if where == "any time":
    print("here", flush=True)
stage.run()
print("done", flush=True)
time.sleep(60)
"""

MOMENTS = ["computing", "before x", "after x", "after y", "syncing", "renaming"]


def start(program: str, *words: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        stdout=subprocess.PIPE,
        text=True,
    )


def killed(moment: str, after_s: float = 0.0) -> str:
    """Kill a process that writes a result at this moment; return the key."""
    with start(VICTIM, moment) as victim:
        try:
            key = victim.stdout.readline().strip()
            assert victim.stdout.readline().strip() == "here"
            time.sleep(after_s)
        finally:
            victim.send_signal(signal.SIGKILL)
    return key


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_killed_in_mid_write_leaves_no_result(moment: str) -> None:
    key = killed(moment)
    here = store.current()
    assert here.load("victim:Large", key) is None
    assert list((here.root / "results").rglob("*.h5")) == []
    left = list((here.root / "results").rglob("*.tmp"))
    assert len(left) == (moment != "computing")
    # and nothing is in the way of the next
    write({"x": np.zeros(3)}, key=key)


def test_a_process_killed_at_any_time_leaves_a_whole_result_or_none() -> None:
    for after_s in (0.0, 0.005, 0.02, 0.05):
        key = killed("any time", after_s)
        result = store.current().load("victim:Large", key)
        if result is not None:
            assert (result["x"] == 1).all()
            os.remove(result.path)


def test_prune_removes_what_a_killed_process_left_and_nothing_of_a_living_one(capsys: pytest.CaptureFixture) -> None:
    here = store.current()
    killed("after x")
    with start(VICTIM, "syncing") as living:
        try:
            living.stdout.readline()
            assert living.stdout.readline().strip() == "here"
            assert len(list((here.root / "results").rglob("*.tmp"))) == 2
            prune_cache(here)
            assert len(list((here.root / "results").rglob("*.tmp"))) == 1
            assert len(list((here.root / "results").rglob("*.lock"))) == 1  # of the same result: the living one holds it
        finally:
            living.kill()
    prune_cache(here)
    assert [path for path in (here.root / "results").rglob("*") if path.is_file()] == []


def test_prune_keeps_results_and_parts_of_unfinished_ones_and_removes_the_rest(capsys: pytest.CaptureFixture) -> None:
    result = Numbers().run()
    unfinished = Tiled(numbers=Numbers(), stop_at=5)
    with pytest.raises(RuntimeError, match="stopped"):
        unfinished.run()
    (part,) = (store.current().root / "results").rglob("0*.h5")
    Numbers(seed=2).run()
    damage_array(Numbers(seed=2).run().path, "value")
    with pytest.raises(DamagedFile) as found:
        Numbers(seed=2).run()["value"]
    store.current().set_aside(found.value)
    finished = Numbers(seed=3).run()
    finished.path.with_suffix(".parts").mkdir()

    prune_cache(store.current())
    assert result.path.exists()
    assert part.exists()
    assert finished.path.exists()
    assert not finished.path.with_suffix(".parts").exists()
    assert list((store.current().root / "results").rglob("*.damaged")) == []
    prune_cache(store.current())
    assert "removed 0 files" in capsys.readouterr().out


# two at once

PAIR = """
import fcntl, os, sys, time
from pathlib import Path
from stages import *
folder, name, locks = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
if locks == "none":
    def flock(*_):
        raise OSError(38, "Function not implemented")
    fcntl.flock = flock
stage = Numbers(seed=5, count=200_000, wait_s=0.5, log=str(folder / "log"))
(folder / name).touch()
while not ((folder / "one").exists() and (folder / "two").exists()):
    time.sleep(0.005)
print(float(stage.run()["value"].sum()))
"""


@pytest.mark.parametrize("locks", ["flock", "none"])
def test_two_processes_at_once_both_get_the_result_and_with_locks_it_is_made_once(locks: str, tmp_path: Path) -> None:
    both = [start(PAIR, str(tmp_path), name, locks) for name in ("one", "two")]
    told = [process.communicate(timeout=60)[0].strip() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    expected = np.random.default_rng(5).standard_normal(200_000)
    assert told == [str(float(expected.sum()))] * 2
    assert len(noted(tmp_path / "log")) == (1 if locks == "flock" else 2)
    np.testing.assert_array_equal(Numbers(seed=5, count=200_000, log="").run()["value"], expected)
    assert len(noted(tmp_path / "log")) == (1 if locks == "flock" else 2)


def test_a_store_that_is_read_only_is_read() -> None:
    Numbers().run()
    folder = store.current().root / "results" / "stages.Numbers"
    folder.chmod(0o555)
    try:
        assert Numbers().run()["value"].shape == (6,)
    finally:
        folder.chmod(0o755)


# which store


def test_the_store_is_that_of_use_then_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECORTEX_CACHE", str(tmp_path / "env"))
    assert store.current().root == tmp_path / "env"
    with store.use(Store(tmp_path / "used")):
        assert store.current().root == tmp_path / "used"
        Numbers().run()
    assert store.current().root == tmp_path / "env"
    assert (tmp_path / "used" / "results").exists()
    assert not (tmp_path / "env").exists()


# what a stage promises

PROMISED = {
    "x": Array("trial", "unit"),
    "n": Array("trial", dtype="int"),
    "word": Array("unit", dtype="str", optional=True),
    "unit": Array("unit", dtype="int", optional=True),
}
GOOD = {"x": np.zeros((3, 2)), "n": np.arange(3)}


def test_arrays_as_promised_pass_and_give_the_sizes() -> None:
    assert check_arrays(PROMISED, GOOD, "Test") == {"trial": 3, "unit": 2}
    assert check_arrays(PROMISED, GOOD | {"word": np.array(["a", "b"]), "unit": np.arange(2)}, "Test")


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.zeros((3, 2))}, r"missing \['n'\]"),
        (GOOD | {"y": np.zeros(3)}, r"unknown \['y'\]"),
        (GOOD | {"x": np.zeros(3)}, r"x has shape \(3,\)"),
        (GOOD | {"x": np.zeros((3, 2), dtype=int)}, "x is int64, promised float"),
        (GOOD | {"x": np.zeros((3, 2), dtype=complex)}, "x is complex128"),
        (GOOD | {"n": np.zeros(3, dtype=bool)}, "n is bool, promised int"),
        (GOOD | {"word": np.array([b"a", b"b"])}, "word is .*S1, promised str"),
        (GOOD | {"n": np.arange(4)}, "n has 4 along trial, another array 3"),
    ],
)
def test_arrays_other_than_promised_are_refused_as_a_mistake_of_the_stage(arrays: dict, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        check_arrays(PROMISED, arrays, "Test")


def test_an_array_named_like_a_dimension_runs_along_it() -> None:
    promised = {"unit": Array("trial", dtype="int"), "x": Array("unit")}
    with pytest.raises(TypeError, match="unit is also a dimension"):
        check_arrays(promised, {"unit": np.arange(3), "x": np.zeros(2)}, "Test")


def test_nothing_along_a_dimension_is_the_users_input() -> None:
    with pytest.raises(InvalidInput, match="nothing is left along trial"):
        check_arrays(PROMISED, {"x": np.zeros((0, 2)), "n": np.arange(0)}, "Test")


def test_a_stage_that_breaks_its_promise_leaves_no_file() -> None:
    class Liar(Stage):
        returns: ClassVar[dict[str, Array]] = {"x": Array("a")}

        def compute(self) -> dict[str, Any]:
            return {"x": np.arange(3)}

    with pytest.raises(TypeError, match="Liar: x is int64, promised float"):
        Liar().run()
    assert Liar().cached() is None


def test_a_write_that_fails_leaves_no_file_at_all() -> None:
    class Odd(Stage):
        returns: ClassVar[dict[str, Array]] = {"x": Array("a", dtype="str")}

        def compute(self) -> dict[str, Any]:
            return {"x": np.array([object(), object()])}

    with pytest.raises(TypeError):
        Odd().run()
    folder = store.current().file(Odd().type_name(), Odd().key()).parent
    assert [path.suffix for path in folder.iterdir()] == [".lock"]


# inputs


def test_inputs_through_plain_nodes_are_made_first_and_named(tmp_path: Path) -> None:
    class Link(Node):
        numbers: Numbers

    class User(Stage):
        link: Link
        path: LocalPath

        returns: ClassVar[dict[str, Array]] = {"x": Array("item")}

        def compute(self) -> dict[str, Any]:
            assert self.link.numbers.cached() is not None
            return {"x": self.link.numbers.run()["value"]}

    numbers = Numbers()
    stage = User(link=Link(numbers=numbers), path=tmp_path)
    assert stage.inputs() == {numbers.key(): numbers}
    assert stage.run().provenance["inputs"] == {numbers.key(): "stages:Numbers"}
    assert isinstance(Tiled(numbers=numbers).tiling(), Tiling)
