"""Disks that are full, read-only or gone: one line that says what to do, nothing half-written, and the way on once there is room."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from recortex import catalog, disk, keys, store
from recortex.cli.cache import prune_cache
from recortex.cli.main import main
from recortex.errors import CannotRead, CannotWrite, DamagedFile
from recortex.pipeline.outputs import lay_out
from recortex.unfinished import Unfinished, is_abandoned
from tests.engine.stages import Doubled, Numbers, Tiled

WORDS = {
    errno.ENOSPC: ("full", "make room", "RECORTEX_CACHE"),
    errno.EDQUOT: ("quota", "make room", "RECORTEX_CACHE"),
    errno.EROFS: ("read-only", "RECORTEX_CACHE"),
    errno.EACCES: ("permission", "RECORTEX_CACHE"),
    errno.EFBIG: ("ulimit -f", "RECORTEX_CACHE"),
    errno.EMFILE: ("ulimit -n", "run again"),
    errno.EIO: ("does not answer", "run again"),
    errno.ESTALE: ("does not answer", "run again"),
    errno.ENAMETOOLONG: ("too long", "RECORTEX_CACHE"),
}


def failing(call: Callable, code: int, after: int, only: str = "") -> Callable:
    """A system call that works some times and then fails, for good; of calls with a path, only for some."""
    left = [after]

    def fails(*words: Any, **more: Any) -> Any:
        if only and not any(only in str(word) for word in words):
            return call(*words, **more)
        left[0] -= 1
        if left[0] < 0:
            raise OSError(code, os.strerror(code))
        return call(*words, **more)

    return fails


def left_behind() -> list[str]:
    found = (path for path in store.current().root.rglob("*") if path.is_file())
    return sorted(path.name for path in found if path.suffix not in (".lock", ".json"))


# at any moment of a write


def test_a_disk_that_fills_up_at_any_write_leaves_nothing_and_the_next_run_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Numbers(count=400_000)  # several chunks, so that HDF5 writes them, its index and its heads at moments of its own
    counting: list[int] = []
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", lambda *words, call=os.pwrite: counting.append(1) or call(*words))
        expected = stage.run()["value"]
    stage.run().path.unlink()
    assert len(counting) > 15
    for moment in range(len(counting)):
        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", failing(os.pwrite, errno.ENOSPC, moment))
            with pytest.raises(CannotWrite) as told:
                stage.run()
        assert "\n" not in str(told.value)
        assert left_behind() == []
        assert stage.cached() is None
    np.testing.assert_array_equal(stage.run()["value"], expected)


@pytest.mark.parametrize("code", WORDS, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["pwrite", "fsync", "replace", "mkdir", "open"])
def test_whatever_the_system_refuses_is_told_in_one_line_with_the_way_on(
    call: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, pytest.raises(CannotWrite) as told:
        patched.setattr(os, call, failing(getattr(os, call), code, 0, only="results" if call in ("mkdir", "open") else ""))
        Doubled(numbers=Numbers()).run()
    line = str(told.value)
    assert "\n" not in line
    assert str(store.current().root) in line
    for word in WORDS[code]:
        assert word in line
    assert left_behind() == []
    assert Doubled(numbers=Numbers()).run()["doubled"].shape == (6,)


def test_a_write_in_parts_that_is_cut_off_goes_on_with_the_parts_it_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    stage = Tiled(numbers=Numbers(), size=30, log=log)
    stage.numbers.run()
    for moment in range(0, 400, 23):
        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", failing(os.pwrite, errno.EDQUOT, moment))
            try:
                stage.run()
            except CannotWrite:
                continue
        break
    np.testing.assert_array_equal(stage.run()["wave"], Tiled(numbers=Numbers(), size=30).compute_tile(range(30))["wave"])
    assert moment > 100
    finished = Path(log).read_text().split()
    # a part is made anew only where it was being made when the disk filled up
    assert len(set(finished)) == 10
    assert len(finished) < 10 + moment // 23


def test_a_disk_without_inodes_is_not_called_full(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = os.statvfs(tmp_path)
    none_left = os.statvfs_result((*here[:7], 0, *here[8:]))
    monkeypatch.setattr(os, "statvfs", lambda _: none_left)
    with pytest.raises(CannotWrite, match="no inodes left"), disk.refusals(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_what_is_no_refusal_passes_as_it_is(tmp_path: Path) -> None:
    for error in (FileNotFoundError(errno.ENOENT, "gone"), DamagedFile(tmp_path, "odd"), ValueError("x"), OSError("no number")):
        with pytest.raises(type(error)) as told, disk.refusals(tmp_path):
            raise error
        assert told.value is error


# a result that is there and may not be read or moved


def test_a_result_that_may_not_be_read_is_said_so_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Numbers().run().path

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Unable to open file")

    monkeypatch.setattr(h5py, "File", refuse)
    with pytest.raises(CannotRead, match="no permission; ask whose cache it is"):
        Numbers().run()
    assert path.exists()


def test_a_file_where_the_cache_needs_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with store.use(store.Store(tmp_path / "notes.txt")), pytest.raises(CannotRead) as told:
        Numbers().run()
    assert f"{tmp_path}/notes.txt is a file, and the cache needs a folder there; name another place with --cache" in str(
        told.value
    )
    with pytest.raises(
        CannotWrite, match=r"notes\.txt is a file where a folder should be; move it, or name another place with --out"
    ):
        lay_out(tmp_path / "notes.txt" / "p", {"": {}}, {"": {}})


def test_a_damaged_result_on_a_read_only_disk_is_named_with_the_way_on(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Numbers().run().path
    path.chmod(0o644)
    path.write_bytes(b"no HDF5")
    monkeypatch.setattr(os, "replace", failing(os.replace, errno.EROFS, 0))
    with pytest.raises(CannotWrite) as told:
        Numbers().run()
    for word in ("is damaged", "cannot be moved away", "read-only", "RECORTEX_CACHE"):
        assert word in str(told.value)


@pytest.mark.parametrize("thing", ["folder", "full folder", "loop", "dangling link"])
def test_what_is_no_file_in_a_results_place_is_set_aside(thing: str) -> None:
    expected = Numbers().run()["value"]
    path = Numbers().run().path
    path.unlink()
    if "folder" in thing:
        path.mkdir()
    if thing == "full folder":
        (path / "a.txt").write_text("somebody's")
        aside = path.with_suffix(".damaged")
        aside.mkdir()  # and something lies where it is to go
        (aside / "b.txt").write_text("older")
    if thing in ("loop", "dangling link"):
        path.symlink_to(path if thing == "loop" else path.with_name("nowhere"))
    np.testing.assert_array_equal(Numbers().run()["value"], expected)
    assert path.is_file() and not path.is_symlink()
    if thing == "full folder":
        assert (path.with_suffix(".damaged") / "a.txt").exists()


# files beside the results


def test_checksums_that_cannot_be_kept_are_computed_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("x")
    os.utime(file, (1e9, 1e9))
    monkeypatch.setattr(keys, "RACY_S", -1e9)
    monkeypatch.setattr(os, "replace", failing(os.replace, errno.EROFS, 0))
    assert keys.content(file) == keys.content(file)


@pytest.mark.parametrize("call", ["pwrite", "replace", "mkdir", "symlink"])
def test_outputs_that_cannot_be_written_are_told_with_their_own_way_on(
    call: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    numbers = Numbers()
    numbers.run()
    monkeypatch.setattr(os, call, failing(getattr(os, call), errno.ENOSPC, 0))
    with pytest.raises(CannotWrite, match="--outputs FOLDER"):
        lay_out(tmp_path / "outputs" / "p", {"": {}}, {"": {"numbers": numbers}})


def test_what_a_killed_run_left_in_its_outputs_goes_with_the_next(tmp_path: Path) -> None:
    numbers = Numbers()
    numbers.run()
    folder = tmp_path / "outputs" / "p"
    folder.mkdir(parents=True)
    old, new = folder / ".report.html.node-1.7-ab.tmp", folder / ".report.html.node-1.8-cd.tmp"
    for path in (old, new):
        path.write_text("half a report")
    os.utime(old, (0, 0))
    lay_out(folder, {"": {}}, {"": {"numbers": numbers}})
    assert sorted(path.name for path in folder.glob(".*")) == [new.name]  # of a run that may be at it just now


def test_a_folder_of_outputs_that_another_run_lays_out_as_well_gets_its_links(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    numbers = Numbers()
    numbers.run()
    link = tmp_path / "p" / "numbers.h5"
    symlink = os.symlink
    monkeypatch.setattr(os, "symlink", lambda *words, **more: [symlink(*words, **more), symlink(*words, **more)])
    lay_out(tmp_path / "p", {"": {}}, {"": {"numbers": numbers}})
    assert os.readlink(link) == str(numbers.run().path)


def test_a_lock_whose_close_is_refused_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "close", failing(os.close, errno.EDQUOT, 0, only=""))
        with store.current().lock(store.current().root / "a.h5", "a"):
            pass
    assert Numbers().run()["value"].shape == (6,)


def test_a_file_is_replaced_whole_or_stays_as_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    disk.write_whole(file, "old")
    for call in ("pwrite", "fsync", "replace"):
        with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
            patched.setattr(os, call, failing(getattr(os, call), errno.ENOSPC, 0))
            disk.write_whole(file, "new and longer")
        assert file.read_text() == "old"
        assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


# the file of HDF5


def test_bytes_that_did_not_get_to_the_disk_are_read_back_from_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros(50_000, dtype=np.uint8)
    with Unfinished(tmp_path / "a") as file:
        for turn in range(300):
            if turn == 100:
                monkeypatch.setattr(os, "pwrite", failing(os.pwrite, errno.ENOSPC, 0))
            start, count = int(rng.integers(49_000)), int(rng.integers(1, 1000))
            data = rng.integers(0, 256, count, dtype=np.uint8)
            truth[start : start + count] = data
            file.seek(start)
            assert file.write(memoryview(data)) == count
            assert file.tell() == start + count
        seen = bytearray(50_000)
        file.seek(0)
        file.readinto(memoryview(seen))
        np.testing.assert_array_equal(np.frombuffer(seen, np.uint8), truth)
        with pytest.raises(OSError, match="No space"):
            file.check()
        with pytest.raises(OSError, match="No space"):
            file.finish()
    assert list(tmp_path.iterdir()) == []


def test_short_writes_of_the_system_are_carried_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "pwrite", lambda file, data, place, call=os.pwrite: call(file, data[:7], place))
    with Unfinished(tmp_path / "a") as file:
        file.write(bytes(range(100)))
        file.finish()
    assert (tmp_path / "a").read_bytes() == bytes(range(100))


# what prune may take


def test_an_unfinished_file_is_kept_while_its_writer_lives_and_goes_when_it_is_dead(tmp_path: Path) -> None:
    with Unfinished(tmp_path / "a") as file:
        assert not is_abandoned(file.path)
        os.utime(file.path, (0, 0))  # a writer that stood still for years is alive all the same
        assert not is_abandoned(file.path)
        dead = tmp_path / file.path.name.replace(".a.", ".b.")
        shutil.copy(file.path, dead)
    assert is_abandoned(dead)
    assert not is_abandoned(file.path)  # gone already


def test_an_unfinished_file_of_another_host_is_kept_for_a_day(tmp_path: Path) -> None:
    other = tmp_path / ".KEY.h5.node-07.123-abcd.tmp"
    other.write_bytes(b"x")
    assert not is_abandoned(other)
    os.utime(other, (other.stat().st_mtime - 2 * 24 * 3600,) * 2)
    assert is_abandoned(other)


def test_prune_of_unfinished_results_spares_those_that_a_process_is_making(capsys: pytest.CaptureFixture) -> None:
    stages = [Tiled(numbers=Numbers(), stop_at=5), Tiled(numbers=Numbers(seed=1), stop_at=5)]
    for stage in stages:
        with pytest.raises(RuntimeError, match="stopped"):
            stage.run()
    here = store.current()
    first, second = (here.file(stage.type_name(), stage.key()) for stage in stages)
    prune_cache(here)
    assert first.with_suffix(".parts").exists()
    with here.lock(first, "numbers"):
        prune_cache(here, unfinished=True)
    assert first.with_suffix(".parts").exists()
    assert not second.with_suffix(".parts").exists()


# beforehand


def test_a_plan_and_a_run_warn_where_the_room_will_not_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setitem(catalog.STAGES, "Roomy", "tests.engine.stages")
    (tmp_path / "p.yaml").write_text("large: {type: Roomy, count: 1000000}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6))  # type: ignore[attr-defined]
    for verb in ("plan", "run"):
        monkeypatch.setattr(sys, "argv", ["recortex", verb, "p.yaml"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        said = capsys.readouterr().out
        assert "1.0 MB free and the results will take 4.0 MB" in said
        assert "RECORTEX_CACHE" in said
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 0, 10**9))  # type: ignore[attr-defined]
    monkeypatch.setattr(sys, "argv", ["recortex", "plan", "p.yaml"])
    with pytest.raises(SystemExit):
        main()
    assert "make room" not in capsys.readouterr().out


# a real one


PROGRAM = """
import os, subprocess, sys
from recortex.errors import CannotWrite
from stages import Doubled, Numbers
numbers = Numbers(count=40_000)
kinds = []
for size in (64, 128, 300, 500, 700, 900, 1200):
    subprocess.run(["mount", "-o", f"remount,size={size}k", os.environ["RECORTEX_CACHE"]], check=True)
    try:
        Doubled(numbers=numbers).run()
        kinds.append("ok")
    except CannotWrite as error:
        kinds.append("full" if "the disk is full" in str(error) else str(error))
subprocess.run(["mount", "-o", "remount,ro", os.environ["RECORTEX_CACHE"]], check=True)
assert Doubled(numbers=numbers).run()["doubled"].size == 40_000
try:
    Numbers(seed=1).run()
except CannotWrite as error:
    kinds.append("read-only" if "read-only" in str(error) else str(error))
print(" ".join(kinds))
"""


def test_a_real_disk_that_is_full_or_read_only(tmp_path: Path) -> None:
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a disk of their own (unshare -rm)")
    (tmp_path / "cache").mkdir()
    (tmp_path / "program.py").write_text(PROGRAM)
    mount = f'mount -t tmpfs -o size=64k tmpfs "{tmp_path}/cache" && exec "{sys.executable}" "{tmp_path}/program.py"'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent), "RECORTEX_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    *tried, locked = done.stdout.split()
    assert locked == "read-only"
    assert tried[0] == "full"
    assert tried[-1] == "ok"
    assert set(tried) == {"full", "ok"}
