"""What the doctor says of the cache, of data, of the hub and of the disks they lie on."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from recortex import store
from recortex.cli.doctor import cache, disk, hub
from recortex.cli.doctor.cache import Inventory, Trial, cache_root, file_system, judge_inventory, judge_place, judge_trial, take
from recortex.cli.doctor.cache import try_folder as tried
from recortex.cli.doctor.examination import Scope
from tests.engine.findings import ill, one, well
from tests.engine.stages import Doubled, Numbers

ROOT = Path("/scratch/cache")
MOUNTS = [("/home", "nfs4"), ("/scratch", "lustre"), ("/my disk", "cifs"), ("/home/in", "overlay"), ("/", "ext4")]


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/home/ada/x", "nfs4"), ("/home/in/x", "overlay"), ("/homes/x", "ext4"), ("/my disk/x", "cifs"), ("/scratch", "lustre")],
)
def test_the_file_system_of_a_folder_is_that_of_its_longest_mount(folder: str, kind: str) -> None:
    assert file_system(Path(folder), MOUNTS) == kind


def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = tried(tmp_path / "not" / "yet")
    assert (trial.refused, trial.replaces) == ("", True)
    well(judge_trial(ROOT, Trial()))
    for answer in (True, None):
        monkeypatch.setattr("recortex.unfinished.hold", lambda file, answer=answer: answer)
        assert not tried(tmp_path).locks
    monkeypatch.setattr(os, "replace", lambda new, old: Path(old).write_bytes(Path(new).read_bytes()))
    assert not tried(tmp_path).replaces
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "taken").write_text("")
    assert tried(tmp_path / "taken" / "cache").refused.endswith("taken is a file, not a folder")


@pytest.mark.parametrize(
    ("trial", "state", "what"),
    [
        (Trial(refused="Read-only file system"), "problem", "nothing can be written to /scratch/cache (Read-only file system)"),
        (Trial(replaces=False), "problem", "does not replace a file that is open"),
        (Trial(locks=False), "note", "has no locks that exclude: two processes may compute a stage twice, never damage it"),
    ],
)
def test_a_file_system_that_does_not_do_what_results_need(trial: Trial, state: str, what: str) -> None:
    ill(judge_trial(ROOT, trial), state, what, "export RECORTEX_CACHE=")


@pytest.mark.parametrize(
    ("kind", "cluster", "what"),
    [
        ("lustre", True, "network file system (lustre)"),
        ("fuse.s3fs", False, "network file system (fuse.s3fs)"),
        ("tmpfs", False, "in memory"),
        ("overlay", False, "inside of a container"),
        ("ext4", True, "SLURM jobs on other nodes do not see it"),
    ],
)
def test_a_place_that_surprises_is_noted(kind: str, cluster: bool, what: str) -> None:
    ill([judge_place("/cache (--cache)", kind, cluster)], "note", what, "export RECORTEX_CACHE=")
    well([judge_place("/cache (--cache)", "ext4", False)], "/cache (--cache)", "ext4")


def test_a_remedy_changes_what_decided_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An option goes before the variable: with it, another variable would change nothing."""
    monkeypatch.delenv("RECORTEX_CACHE", raising=False)
    monkeypatch.setattr(cache, "try_folder", lambda root: Trial("no permission"))
    ill(
        cache.look_cache(Scope(tmp_path)),
        "problem",
        "nothing can be written",
        "recortex doctor --cache FOLDER  # one that you may",
    )
    ill(cache.look_cache(Scope()), "problem", "nothing can be written", "export RECORTEX_CACHE=FOLDER  # one that you may")
    monkeypatch.setattr(disk, "LITTLE", float("inf"))
    monkeypatch.setattr(disk, "FEW_FILES", 0)
    full = [finding for finding in disk.look_disk(Scope(tmp_path)) if "cache" in finding.what.split(" (")[0]]
    ill(full, "note", "cache", f"recortex cache prune --cache {tmp_path}  # then: --cache FOLDER on another disk")


def test_the_cache_folder_is_told_with_who_decided_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for named, by in (("~/c", "RECORTEX_CACHE"), ("c", "RECORTEX_CACHE"), ("", "the default of this platform")):
        monkeypatch.setenv("RECORTEX_CACHE", named)
        assert cache_root(None) == (store.current().root, by)
        assert cache_root(tmp_path) == (tmp_path, "--cache")
        assert not named or cache_root(Path(named)) == cache_root(None)  # typer hands the variable over as if it were the option


def results(count: int) -> list[Path]:
    return [Doubled(numbers=Numbers(seed=seed)).run().path for seed in range(count)]


def test_sound_results_are_counted_and_well() -> None:
    results(2)
    root = store.current().root
    held = take(root, 60, whole=True)
    assert (len(held.results), held.looked, held.damaged, held.counted) == (4, 4, [], True)
    well(judge_inventory(held), "4 results", "each opened")
    well(judge_inventory(take(root / "absent", 60)), "no results yet")
    late = take(root, -1.0)
    assert (len(late.results), late.looked, late.counted) == (0, 0, False)


def test_damaged_results_are_named_and_nothing_is_moved() -> None:
    cut, zeroed, renamed = results(3)
    for path in (cut, zeroed, renamed):
        path.chmod(0o644)
    os.truncate(cut, 500)
    data = bytearray(zeroed.read_bytes())
    place = data.find(Doubled(numbers=Numbers(seed=1)).run()["doubled"].tobytes())
    assert place > 0
    data[place : place + 8] = bytes(8)
    zeroed.write_bytes(data)
    renamed.rename(renamed.with_name("0123.h5"))
    root = store.current().root
    before = sorted(root.rglob("*"))
    quick, whole = take(root, 60), take(root, 60, whole=True)
    assert {name.split()[0].split("/")[1] for name in quick.damaged} == {cut.name, "0123.h5"}
    assert {name.split()[0].split("/")[1] for name in whole.damaged} == {cut.name, "0123.h5", zeroed.name}
    ill(judge_inventory(whole, thorough=True), "problem", zeroed.name, "recortex cache prune")
    assert sorted(root.rglob("*")) == before


def test_what_was_left_lying_is_for_prune() -> None:
    (path,) = results(1)
    path.with_suffix(".lock").write_text("")
    path.with_suffix(".damaged").write_bytes(bytes(700))
    for name in (path.name, "0123.h5"):  # parts of a finished result, and of one that a run goes on from
        path.with_name(name).with_suffix(".parts").mkdir()
        (path.with_name(name).with_suffix(".parts") / "a.h5").write_bytes(bytes(300))
    old = path.with_name(".x.elsewhere.1-a.tmp")
    old.write_bytes(bytes(50))
    os.utime(old, (0, 0))
    held = take(store.current().root, 60)
    assert (len(held.results), held.waste, held.waste_bytes, held.damaged) == (2, 3, 1050, [])
    ill(judge_inventory(held), "note", "left over: 3 files or folders that no result needs, 1.1 kB", "recortex cache prune")


def test_results_that_may_not_be_read_are_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    results(1)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("recortex.result.Result", refuse)
    held = take(store.current().root, 60)
    assert (len(held.unreadable), held.damaged) == (2, [])
    ill(judge_inventory(held), "problem", "Permission denied", "RECORTEX_CACHE")
    assert judge_inventory(Inventory(unreadable=["x"]))[0].state == "problem"


def test_mirrors_are_looked_for(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "file").write_text("")
    here = str(tmp_path / "mirror")
    well(hub.judge_mirrors(""), "no folder")
    well(hub.judge_mirrors(f"{here}:"), "1 folder")
    ill(hub.judge_mirrors(f"{tmp_path}/mirrro"), "problem", "mirrro, which does not exist", "unset RECORTEX_MIRROR")
    ill(hub.judge_mirrors(f"{here}:/absent"), "problem", "/absent, which does not exist", f"export RECORTEX_MIRROR={here}")
    ill(hub.judge_mirrors(f"{tmp_path}/file"), "problem", "is a file", "unset RECORTEX_MIRROR")


def test_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    well(disk.look_outputs(Scope()), f"{tmp_path}/outputs")
    (tmp_path / "outputs").write_text("")
    ill(disk.look_outputs(Scope()), "note", "is a file", "--outputs")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    ill(disk.look_outputs(Scope()), "problem", "does not exist any more", "cd")
    ill(disk.look_disk(Scope()), "problem", "no folder to write to", "TMPDIR")


@pytest.mark.parametrize(
    ("free", "files", "state", "what"),
    [
        (4e9, None, "note", "4.0 GB free of 1.0 TB"),
        (1e8, None, "problem", "100 MB free"),
        (1e11, 5000, "note", "5000 more files"),
        (1e11, 0, "problem", "0 more files"),
    ],
)
def test_a_disk_that_runs_full(free: float, files: int | None, state: str, what: str) -> None:
    ill([disk.judge_room("cache (/x)", free, 1e12, files, "recortex cache prune")], state, what, "recortex cache prune")


def test_a_disk_with_room_is_well(tmp_path: Path) -> None:
    well([disk.judge_room("cache (/x)", 1e11, 1e12, 10**6, "ls")], "100 GB free")
    well([disk.judge_room("cache (/x)", 0, 0, None, "ls")])  # nothing is counted there
    assert list(disk.by_disk({"cache": tmp_path / "a" / "b", "data": tmp_path}).values()) == [(["cache", "data"], tmp_path)]


class Head(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        code = int(self.path.strip("/") or 200)
        self.send_response(code)
        if code == 302:
            self.send_header("Location", f"http://localhost:{self.server.server_address[1]}/200")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "*")
    with HTTPServer(("127.0.0.1", 0), Head) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "what"), [("", ""), ("404", ""), ("403", "status 403"), ("503", "status 503"), ("302", "login page")]
)
def test_a_hub_that_answers_or_is_in_the_way(host: str, path: str, what: str) -> None:
    found = hub.judge_hub(f"{host}/{path}")
    ill([found], "note", what, "RECORTEX_MIRROR") if what else well([found], "answers in")


def test_a_hub_behind_a_closed_port_or_one_that_hangs_is_a_note(host: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        ill([hub.judge_hub(address)], "note", "cannot be reached", "HF_HOME")
        closed.listen(1)  # takes the call, never answers
        ill([hub.judge_hub(address, asked=lambda one: hub.ask(one, 0.3))], "note", "does not answer", "HF_HUB_OFFLINE=1")


def test_nobody_is_asked_where_the_network_is_forbidden_or_the_address_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(endpoint: str) -> str:
        raise AssertionError(endpoint)

    for bad in ("hf.co", "ftp://hf.co", "http://", "http://hf.co:port"):
        ill([hub.judge_hub(bad, asked=never)], "problem", "HF_ENDPOINT is no address", "unset HF_ENDPOINT")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "judge_hub", never)
    assert "HF_HUB_OFFLINE is set" in hub.look_hub(Scope())[0].what


def test_a_certificate_and_a_proxy_are_named() -> None:
    bad = "has a certificate that is not trusted here (self-signed)"
    found = one([hub.judge_hub("https://hub", "HTTPS_PROXY", lambda endpoint: bad)], "note")
    assert found.what.startswith("hub (through HTTPS_PROXY) has a certificate") and "SSL_CERT_FILE" in found.remedy
