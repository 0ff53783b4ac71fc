"""Published data: found in mirrors, held against what was published, fetched only where that is allowed, whole or not at all."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from recortex import unfinished
from recortex.data import download, manifests
from recortex.errors import CannotWrite, InvalidInput, MissingData, NeedsAgreement
from tests.data.files import recortex, refused

BYTES = b"what was published"
PACKED = gzip.compress(BYTES, mtime=0)


class Host(ThreadingHTTPServer):
    """A host on this machine, that gives what the path asks for and counts what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked: Counter[str] = Counter()
        self.ends = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def handle_error(self, request: object, client: object) -> None:
        """People hang up on it."""


class Answers(BaseHTTPRequestHandler):
    server: Host

    def log_message(self, *words: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        name = self.path.strip("/").split("/")[0]
        self.server.asked[name] += 1
        getattr(self, name)()

    def give(self, content: bytes, code: int = 200, length: object = None, **headers: str) -> None:
        self.send_response(code)
        if length != "":
            self.send_header("Content-Length", str(len(content) if length is None else length))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def good(self) -> None:
        self.give(BYTES)

    def moved(self) -> None:
        self.give(b"", 302, Location="/good")

    def archive(self) -> None:
        self.give(archive())

    def cut_off(self) -> None:
        self.give(BYTES[:7], length=len(BYTES))

    def short(self) -> None:
        self.give(BYTES[:7])

    def long(self) -> None:
        self.give(BYTES + b"!")

    def endless(self) -> None:
        self.give(b"", length="")
        while not self.server.ends.is_set():
            self.wfile.write(b"x" * 2**16)

    def other(self) -> None:
        self.give(BYTES[::-1])

    def empty(self) -> None:
        self.give(b"")

    def page(self) -> None:
        self.give(b"<html>please log in</html>", Content_Type="text/html")

    def nothing(self) -> None:
        self.give(b"no", 404)

    def forbidden(self) -> None:
        self.give(b"no", 403)

    def busy(self) -> None:
        self.give(b"later", 503)

    def breaks(self) -> None:
        self.give(b"oh", 500)

    def strange(self) -> None:
        self.give(b"", 418, length=0)

    def closes(self) -> None:
        self.close_connection = True

    def resets(self) -> None:
        import socket
        import struct

        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def circle(self) -> None:
        self.give(b"", 302, Location="/circle")

    def to_a_file(self) -> None:
        self.give(b"", 302, Location="file:///etc/passwd")

    def to_nowhere(self) -> None:
        self.give(b"", 302, Location="http://127.0.0.1:1/x")

    def silent(self) -> None:
        self.server.ends.wait(60)

    def falls_silent(self) -> None:
        self.give(BYTES[:7], length=len(BYTES))
        self.wfile.flush()
        self.server.ends.wait(60)

    def falls_silent_late(self) -> None:
        self.give(b"x" * 2**19, length=2**20)
        self.wfile.flush()
        self.server.ends.wait(60)

    def no_number(self) -> None:
        self.give(BYTES, length="many")

    def below_nothing(self) -> None:
        self.give(BYTES, length=-5)

    def bad_chunks(self) -> None:
        self.give(b"zz\r\nhello\r\n", length="", Transfer_Encoding="chunked")

    def claims_to_pack(self) -> None:
        self.give(BYTES, Content_Encoding="gzip")

    def packs(self) -> None:
        self.give(gzip.compress(BYTES), Content_Encoding="gzip")

    def labels(self) -> None:
        """As some hosts give a file that is packed itself: to whoever takes packed answers, as the packing of an answer."""
        asked = "gzip" in self.headers.get("Accept-Encoding", "")
        self.give(PACKED, **{"Content_Encoding": "gzip"} if asked else {})

    def no_http(self) -> None:
        self.wfile.write(b"\0\1\2 hello\r\n\r\n")
        self.close_connection = True

    def endless_header(self) -> None:
        self.send_response(200)
        self.send_header("X", "x" * 100_000)
        self.end_headers()


def archive() -> bytes:
    import io

    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(zipfile.ZipInfo("one.bin"), b"first")
        file.writestr(zipfile.ZipInfo("deep/two.bin"), b"second")
    return made.getvalue()


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    made = Host()
    yield made
    made.ends.set()
    made.shutdown()
    made.server_close()


@pytest.fixture
def network(host, monkeypatch) -> Host:
    """The host, which may here be asked without https; and a person's own proxy is not."""
    monkeypatch.setattr(manifests, "PUBLISHED", re.compile(r"https://\S+|http://127\.0\.0\.1:\S+"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    host.asked.clear()
    return host


@pytest.fixture
def published(tmp_path, monkeypatch):
    """publish(**changes) writes the manifest of a dataset of one file; `tmp_path / "manifests"` takes the place of the real ones."""
    folder = tmp_path / "manifests"
    folder.mkdir()
    monkeypatch.setattr(manifests, "manifest_folder", lambda: folder)
    manifests.load.cache_clear()

    def publish(access: str = "open", **changes) -> manifests.Manifest:
        file = {"path": "toy/toy.bin", "url": "https://example.org/toy.bin", "size": len(BYTES)}
        file |= {"sha256": hashlib.sha256(BYTES).hexdigest()} | changes
        body = {"name": "toy", "title": "A toy", "licence": "CC0", "citation": "nobody", "url": "https://example.org/terms"}
        (folder / "toy.yaml").write_text(yaml.safe_dump({**body, "access": access, "files": [file]}))
        manifests.load.cache_clear()
        return manifests.load("toy")

    yield publish
    manifests.load.cache_clear()


def put(folder, content=BYTES):
    (folder / "toy").mkdir(parents=True)
    (folder / "toy" / "toy.bin").write_bytes(content)
    return folder


def test_the_first_mirror_that_has_a_file_gives_it(published, tmp_path, monkeypatch):
    manifest = published()
    empty, first, second = tmp_path / "empty", put(tmp_path / "first"), put(tmp_path / "second")
    monkeypatch.setenv("RECORTEX_MIRROR", os.pathsep.join(map(str, (empty, "", first, second))))
    assert manifest.locate("toy/toy.bin") == first / "toy" / "toy.bin"
    assert manifest.missing() == []


def test_the_data_folder_comes_after_the_mirrors(published, tmp_path, monkeypatch):
    manifest = published()
    monkeypatch.setenv("RECORTEX_DATA", str(put(tmp_path / "data")))
    assert manifest.locate("toy/toy.bin") == tmp_path / "data" / "toy" / "toy.bin"
    monkeypatch.setenv("RECORTEX_MIRROR", str(put(tmp_path / "mirror")))
    assert manifest.locate("toy/toy.bin") == tmp_path / "mirror" / "toy" / "toy.bin"


def test_a_file_that_is_nowhere_is_missing_and_the_message_says_how_to_get_it(published):
    manifest = published()
    refused(lambda: manifest.locate("toy/toy.bin"), MissingData, "toy.bin", "recortex fetch toy", "RECORTEX_MIRROR")
    assert [file.path for file in manifest.missing()] == ["toy/toy.bin"]


@pytest.mark.parametrize(("content", "words"), [(b"short", ["5 bytes", "18"]), (BYTES[::-1], ["sha256"])])
def test_a_file_that_is_not_the_published_one_is_refused(content, words, published, tmp_path, monkeypatch):
    monkeypatch.setenv("RECORTEX_MIRROR", str(put(tmp_path / "mirror", content)))
    refused(lambda: published().locate("toy/toy.bin"), InvalidInput, "toy.bin", *words)


def test_what_was_never_seen_is_not_held_against_a_file(published, tmp_path, monkeypatch):
    monkeypatch.setenv("RECORTEX_MIRROR", str(put(tmp_path / "mirror", b"whatever")))
    manifest = published(size=None, sha256=None)
    assert manifest.locate("toy/toy.bin").read_bytes() == b"whatever"
    assert manifest.checksums() == {"toy/toy.bin": hashlib.sha256(b"whatever").hexdigest()}


def test_a_known_checksum_stands_for_the_file_wherever_it_is_or_is_not(published):
    assert published().checksums() == {"toy/toy.bin": hashlib.sha256(BYTES).hexdigest()}


def test_fetching_brings_the_file_once(published, network, tmp_path, monkeypatch):
    published(url=network.address("good"))
    monkeypatch.setenv("RECORTEX_DATA", str(tmp_path / "data"))
    assert manifests.fetch("toy") == [tmp_path / "data" / "toy" / "toy.bin"]
    assert manifests.fetch("toy")[0].read_bytes() == BYTES
    assert network.asked == {"good": 1}
    assert [path.name for path in (tmp_path / "data" / "toy").iterdir()] == ["toy.bin"]


def test_a_mirror_spares_the_network(published, network, tmp_path, monkeypatch):
    published(url=network.address("good"))
    monkeypatch.setenv("RECORTEX_MIRROR", str(put(tmp_path / "mirror")))
    assert manifests.fetch("toy") == [tmp_path / "mirror" / "toy" / "toy.bin"]
    assert not network.asked


@pytest.mark.parametrize("access", ["agreement", "on request"])
def test_data_that_need_an_agreement_are_not_fetched_and_the_page_is_named(access, published, network, tmp_path, monkeypatch):
    published(access=access, url=network.address("good"))
    refused(lambda: manifests.fetch("toy"), NeedsAgreement, "A toy", access, "https://example.org/terms", "toy")
    assert not network.asked
    monkeypatch.setenv("RECORTEX_MIRROR", str(put(tmp_path / "mirror")))
    assert manifests.fetch("toy")[0].read_bytes() == BYTES


def test_files_put_where_the_agreement_message_says_are_found(published, network, monkeypatch, tmp_path):
    """The message names a folder; a person who drops the file into it is done."""
    manifest = published(access="agreement")
    monkeypatch.setenv("RECORTEX_DATA", str(tmp_path / "data"))
    said = refused(lambda: manifests.fetch("toy"), NeedsAgreement)
    named = said.rsplit("put the files into ", 1)[1].split()[0]
    os.makedirs(named)
    with open(os.path.join(named, "toy.bin"), "wb") as handle:
        handle.write(BYTES)
    assert manifest.missing() == []


def test_what_the_message_about_a_wrong_file_says_mends_it(published, network, monkeypatch, tmp_path):
    """Whoever does what it says has the right file afterwards."""
    published(url=network.address("good"))
    monkeypatch.setenv("RECORTEX_DATA", str(put(tmp_path / "data", b"half of it")))
    said = refused(lambda: manifests.load("toy").locate("toy/toy.bin"), InvalidInput, str(tmp_path / "data"))
    if "delete" in said:
        (tmp_path / "data" / "toy" / "toy.bin").unlink()
    assert manifests.fetch("toy")[0].read_bytes() == BYTES


def test_a_misspelt_dataset_gets_the_right_name(published):
    published()
    refused(lambda: manifests.load("toi"), InvalidInput, "toi", "toy")


def test_the_command_shows_licence_and_file(published, network):
    published(url=network.address("good"))
    said = recortex("fetch", "toy")
    assert said.code == 0
    assert "CC0" in said.out and "toy.bin" in said.out


def test_the_command_tells_a_failure_in_one_line(published, network):
    published(url=network.address("nothing"))
    assert recortex("fetch", "toy").complaint.startswith(f"MissingData: toy: {network.address('nothing')} could not be fetched")


@pytest.mark.parametrize("name", manifests.names())
def test_every_manifest_that_ships_is_whole(name):
    manifest = manifests.load(name)
    assert manifest.name == name and manifest.licence and manifest.citation and manifest.url.startswith("https://")
    for file in manifest.files:
        assert file.path.split("/")[0] == name
        assert file.url.startswith("https://")
        assert file.sha256 is None or len(file.sha256) == 64


# hosts that do not give what was published

WRONG_HOSTS = {
    "cut_off": "the connection broke off",
    "short": "gave 7 of 18 bytes",
    "long": "gave more than 18 bytes",
    "endless": "gave more than 18 bytes",
    "other": "its sha256 differs",
    "empty": "gave 0 of 18 bytes",
    "page": "gave more than 18 bytes",
    "nothing": "its host answers 404 .Not Found.",
    "forbidden": "its host answers 403",
    "busy": "its host answers 503",
    "breaks": "its host answers 500",
    "strange": "its host answers 418",
    "closes": "there is no network here, or its host is down",
    "resets": "could not be",
    "circle": "its host sends us round in a circle",
    "to_a_file": "could not be fetched",
    "to_nowhere": "there is no network here, or its host is down",
    "silent": "its host was silent for 0.3 s",
    "falls_silent": "its host was silent for 0.3 s",
    "no_number": "could not be fetched",
    "bad_chunks": "broke off",
    "claims_to_pack": "broke off|could not be fetched",
    "no_http": "could not be",
    "endless_header": "could not be",
}


@pytest.mark.parametrize("way", WRONG_HOSTS)
def test_a_host_that_does_not_give_the_file_is_told_in_one_line_and_nothing_is_kept(
    way, published, network, tmp_path, monkeypatch
):
    monkeypatch.setattr(download, "TIMEOUT_S", 0.3)
    monkeypatch.setenv("RECORTEX_DATA", str(tmp_path / "data"))
    published(url=network.address(way))
    said = refused(
        lambda: manifests.fetch("toy"),
        MissingData,
        "toy: ",
        network.address(way),
        "download it elsewhere and put it here as ",
        "toy.bin",
    )
    assert re.search(WRONG_HOSTS[way], said), said
    assert list((tmp_path / "data" / "toy").iterdir()) == []
    assert network.asked[way] <= (31 if way == "circle" else 1)


@pytest.mark.parametrize("way", ["other", "below_nothing", "page"])
def test_what_was_never_seen_is_taken_as_it_comes(way, published, network, tmp_path, monkeypatch):
    monkeypatch.setenv("RECORTEX_DATA", str(tmp_path / "data"))
    published(url=network.address(way), size=None, sha256=None)
    assert manifests.fetch("toy")[0].stat().st_size > 0


@pytest.mark.parametrize("way", ["empty", "cut_off", "nothing", "silent"])
def test_what_was_never_seen_is_still_refused_where_nothing_or_half_of_it_comes(way, published, network, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT_S", 0.3)
    published(url=network.address(way), size=None, sha256=None)
    refused(lambda: manifests.fetch("toy"), MissingData, "toy", network.address(way))


@pytest.mark.parametrize("way", ["moved", "packs"])
def test_a_file_that_moved_or_was_packed_for_the_way_is_the_file(way, published, network):
    published(url=network.address(way))
    assert manifests.fetch("toy")[0].read_bytes() == BYTES


def test_a_packed_file_comes_packed_whatever_its_host_says_of_it(published, network):
    published(url=network.address("labels"), size=len(PACKED), sha256=hashlib.sha256(PACKED).hexdigest())
    assert manifests.fetch("toy")[0].read_bytes() == PACKED


def test_a_failure_leaves_the_copy_that_was_there(published, network, tmp_path, monkeypatch):
    monkeypatch.setenv("RECORTEX_DATA", str(put(tmp_path / "data", b"an older one")))
    published(url=network.address("other"))
    refused(lambda: manifests.fetch("toy"), MissingData)
    assert (tmp_path / "data" / "toy" / "toy.bin").read_bytes() == b"an older one"


# disks that do not take it


def test_a_full_disk_is_told_as_such_and_not_blamed_on_the_network(published, network, tmp_path, monkeypatch):
    def full(*words: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(unfinished.os, "pwrite", full)
    monkeypatch.setenv("RECORTEX_DATA", str(tmp_path / "data"))
    published(url=network.address("good"))
    refused(lambda: manifests.fetch("toy"), CannotWrite, "toy.bin cannot be written", "the disk is full", "RECORTEX_DATA")
    assert list((tmp_path / "data" / "toy").iterdir()) == []


def test_a_file_larger_than_the_disk_is_not_begun(published, network):
    published(url=network.address("endless"), size=10**18)
    refused(lambda: manifests.fetch("toy"), CannotWrite, "needs 1,000,000,000,000,000,000 bytes", "RECORTEX_DATA")
    assert not network.asked


def test_a_file_in_the_place_of_the_folder_is_told_as_such(published, network, tmp_path, monkeypatch):
    (tmp_path / "data").write_text("in the way")
    monkeypatch.setenv("RECORTEX_DATA", str(tmp_path / "data"))
    published(url=network.address("good"))
    refused(lambda: manifests.fetch("toy"), CannotWrite, "toy.bin cannot be written: ", "RECORTEX_DATA")
    (tmp_path / "data").unlink()
    (tmp_path / "data" / "toy" / "toy.bin").mkdir(parents=True)
    refused(lambda: manifests.fetch("toy"), CannotWrite, "toy.bin cannot be written: ", "RECORTEX_DATA")


def test_a_folder_that_may_not_be_written_is_told_as_such(published, network, tmp_path, monkeypatch):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "data").mkdir(mode=0o555)
    monkeypatch.setenv("RECORTEX_DATA", str(tmp_path / "data"))
    published(url=network.address("good"))
    refused(lambda: manifests.fetch("toy"), CannotWrite, "you have no permission", "RECORTEX_DATA")


# being interrupted


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_fetch_leaves_no_half_file_and_the_next_one_tidies_up(by, published, network, tmp_path, monkeypatch):
    folder = tmp_path / "data" / "toy"
    monkeypatch.setenv("RECORTEX_DATA", str(tmp_path / "data"))
    program = f"""
import signal
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs these tests in the background ignores it
from recortex.data.download import download
download({network.address("falls_silent_late")!r}, Path({str(folder / "toy.bin")!r}), "", {2**20})
"""
    done = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    begun = lambda: [path for path in folder.glob(".*") if path.stat().st_size] if folder.exists() else []  # noqa: E731
    for _ in range(600):
        if begun():
            break
        time.sleep(0.05)
    assert begun()
    done.send_signal(by)
    assert done.wait(20) != 0
    assert not (folder / "toy.bin").exists()
    assert bool(begun()) == (by == signal.SIGKILL)  # who is killed cannot tidy up
    published(url=network.address("good"))
    assert manifests.fetch("toy")[0].read_bytes() == BYTES
    assert [path.name for path in folder.iterdir()] == ["toy.bin"]


# archives


@pytest.fixture
def packed(published, network, tmp_path, monkeypatch):
    """The manifest of a dataset of one archive."""
    monkeypatch.setenv("RECORTEX_DATA", str(tmp_path / "data"))

    def publish(**changes) -> manifests.Manifest:
        seen = {"size": len(archive()), "sha256": hashlib.sha256(archive()).hexdigest()}
        return published(**{"path": "toy/pack.zip", "url": network.address("archive"), "unpack": True} | seen | changes)

    return publish


def test_an_archive_is_fetched_and_unpacked_beside_itself(packed, network, tmp_path):
    manifest = packed()
    refused(lambda: manifest.locate("toy/pack/one.bin"), MissingData, "one.bin", "recortex fetch toy")
    refused(lambda: manifest.locate("toy/pack.zip"), MissingData, "pack.zip", "recortex fetch toy")
    assert manifests.fetch("toy") == [tmp_path / "data" / "toy" / "pack"]
    assert manifest.locate("toy/pack/one.bin").read_bytes() == b"first"
    assert manifest.locate("toy/pack/deep/two.bin").read_bytes() == b"second"
    assert manifest.locate("toy/pack.zip") == tmp_path / "data" / "toy" / "pack"
    assert manifest.missing() == []
    manifests.fetch("toy")
    assert network.asked == {"archive": 1}


def test_an_archive_may_be_deleted_once_it_is_unpacked(packed, network, tmp_path):
    manifest = packed(sha256=None, size=None)
    manifests.fetch("toy")
    (tmp_path / "data" / "toy" / "pack.zip").unlink()
    assert manifest.missing() == []
    assert manifest.checksums() == {"toy/pack.zip": hashlib.sha256(archive()).hexdigest()}
    assert manifest.locate("toy/pack/one.bin").read_bytes() == b"first"


def test_an_archive_in_a_mirror_is_unpacked_into_the_data_folder(packed, network, tmp_path, monkeypatch):
    (tmp_path / "mirror" / "toy").mkdir(parents=True)
    (tmp_path / "mirror" / "toy" / "pack.zip").write_bytes(archive())
    monkeypatch.setenv("RECORTEX_MIRROR", str(tmp_path / "mirror"))
    packed(access="agreement")
    assert manifests.fetch("toy") == [tmp_path / "data" / "toy" / "pack"]
    assert not network.asked
    assert sorted(path.name for path in (tmp_path / "mirror" / "toy").iterdir()) == ["pack.zip"]


def test_a_folder_in_a_mirror_that_was_unpacked_there_is_used_where_it_lies(packed, network, tmp_path, monkeypatch):
    from recortex.data.archives import unpack

    (tmp_path / "pack.zip").write_bytes(archive())
    unpack(tmp_path / "pack.zip", tmp_path / "mirror" / "toy" / "pack")
    monkeypatch.setenv("RECORTEX_MIRROR", str(tmp_path / "mirror"))
    assert packed().locate("toy/pack/one.bin") == tmp_path / "mirror" / "toy" / "pack" / "one.bin"
    assert not network.asked


def test_a_folder_of_another_archive_or_of_nobody_knows_which_is_not_taken_for_it(packed, tmp_path):
    folder = tmp_path / "data" / "toy" / "pack"
    folder.mkdir(parents=True)
    (folder / "one.bin").write_bytes(b"first")
    manifest = packed()
    refused(lambda: manifest.locate("toy/pack/one.bin"), MissingData)
    refused(lambda: manifests.fetch("toy"), InvalidInput, str(folder), "is there already", "pack.zip", "delete it")
    assert (folder / "one.bin").exists()
    (folder / "one.bin").unlink()
    folder.rmdir()
    manifests.fetch("toy")
    refused(lambda: packed(sha256="0" * 64).locate("toy/pack/one.bin"), MissingData)


def test_a_member_that_is_no_more_what_was_unpacked_is_refused_by_name(packed, tmp_path):
    manifest = packed()
    manifests.fetch("toy")
    refused(lambda: manifest.locate("toy/pack/onne.bin"), InvalidInput, "pack.zip holds no onne.bin; did you mean one.bin?")
    refused(lambda: manifest.locate("toy/pack/.unpacked.json"), InvalidInput, "holds no .unpacked.json")
    refused(lambda: manifest.locate("toy/pack/../pack/one.bin"), InvalidInput, "holds no ../pack/one.bin")
    (tmp_path / "data" / "toy" / "pack" / "one.bin").write_bytes(b"firs")
    refused(lambda: manifest.locate("toy/pack/one.bin"), InvalidInput, "one.bin", "5 bytes", "recortex fetch toy")
    (tmp_path / "data" / "toy" / "pack" / "one.bin").unlink()
    refused(lambda: manifest.locate("toy/pack/one.bin"), InvalidInput, "one.bin", "recortex fetch toy")


def test_the_command_says_what_was_unpacked(packed):
    packed()
    assert "11 B in 2 files" in recortex("fetch", "toy").out


def test_the_command_prints_a_folder_with_brackets_in_its_name(published, network, tmp_path, monkeypatch):
    published(url=network.address("good"))
    monkeypatch.setenv("RECORTEX_DATA", str(tmp_path / "[red]a[" / "x]"))
    said = recortex("fetch", "toy")
    assert said.code == 0, said.err
    assert str(tmp_path / "[red]a[" / "x]" / "toy" / "toy.bin") in said.out


def test_an_archive_that_is_none_is_told_as_such_and_no_folder_is_left(packed, network, tmp_path):
    packed(url=network.address("good"), sha256=None, size=None)
    refused(lambda: manifests.fetch("toy"), InvalidInput, "pack.zip is no .zip or .tar archive")
    assert [path.name for path in (tmp_path / "data" / "toy").iterdir()] == ["pack.zip"]


def test_a_file_that_no_manifest_names_gets_the_nearest_that_it_does(published):
    refused(lambda: published().locate("toy/toi.bin"), InvalidInput, "toy has no file toy/toi.bin; did you mean toy/toy.bin?")


# manifests that are none

WRONG_FIELDS = {
    "a path out of the folder": ({"path": "toy/../../x"}, "files.0.path: must be a path below the dataset's own folder"),
    "a path to the root": ({"path": "/etc/passwd"}, "files.0.path: must be a path below"),
    "a path of Windows": ({"path": "toy\\x"}, "files.0.path: must be a path below"),
    "a drive": ({"path": "C:/x"}, "files.0.path: must be a path below"),
    "a path of dots": ({"path": "toy/.."}, "files.0.path: must be a path below"),
    "a path with nothing in it": ({"path": "toy//x"}, "files.0.path: must be a path below"),
    "a path that is a folder": ({"path": "toy/"}, "files.0.path: must be a path below"),
    "a path without a folder": ({"path": "toy.bin"}, "files.0.path: must be a path below"),
    "an empty path": ({"path": ""}, "files.0.path: must be a path below"),
    "a home": ({"path": "~/toy.bin"}, "files.0.path: must be a path below"),
    "a path of many lines": ({"path": "toy/a\nb"}, "files.0.path: must be a path below"),
    "somebody else's folder": ({"path": "nsd/toy.bin"}, "nsd/toy.bin must lie in the dataset's own folder, toy/"),
    "a file on this machine": ({"url": "file:///etc/passwd"}, "files.0.url: must be an address that begins with https"),
    "no https": ({"url": "http://example.org/x"}, "files.0.url: must be an address that begins with https"),
    "ftp": ({"url": "ftp://example.org/x"}, "files.0.url: must be"),
    "no address": ({"url": "toy.bin"}, "files.0.url: must be"),
    "an address with a name and word": ({"url": "https://me:secret@example.org/x"}, "files.0.url: must be"),
    "an address of many lines": ({"url": "https://example.org/x\ny"}, "files.0.url: must be"),
    "no bytes": ({"size": 0}, "files.0.size: must be above 0, got 0"),
    "fewer than no bytes": ({"size": -1}, "files.0.size: must be above 0, got -1"),
    "a fraction of bytes": ({"size": 1.5}, "files.0.size: must be a whole number, got 1.5"),
    "bytes in words": ({"size": "18"}, "files.0.size: must be a whole number, got '18'"),
    "a short checksum": ({"sha256": "abc"}, "files.0.sha256: "),
    "a checksum of md5": ({"sha256": "0" * 32}, "files.0.sha256: "),
    "a checksum in capitals": ({"sha256": "A" * 64}, "files.0.sha256: "),
    "a checksum of zeros that YAML takes for a number": ({"sha256": 0}, "files.0.sha256: must be text"),
    "a field that is none": ({"md5": "x"}, "files.0.md5: there is no field of this name"),
    "unpacking what is no archive": ({"unpack": True}, "toy/toy.bin cannot be unpacked: its name must end in one of .zip, .tar"),
    "unpacking by a word": ({"unpack": "true"}, "files.0.unpack: must be true or false"),
    "no path": ({"path": None}, "files.0.path: must be text, got nothing"),
}


@pytest.mark.parametrize("wrong", WRONG_FIELDS)
def test_a_manifest_with_a_wrong_file_is_refused_in_one_line(wrong, published):
    changes, words = WRONG_FIELDS[wrong]
    refused(lambda: published(**changes), InvalidInput, "toy.yaml: ", words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "toy.yaml is empty"),
        ("- toy\n", "toy.yaml is not a manifest"),
        ("name: toy\n", "is missing"),
        ("name: &x toy\ntitle: *x\n", "line 1: anchors"),
        ("name: !!python/name:os.system\n", "line 1: the tag"),
        ("name: toy\nname: toy\n", "line 2: name stands twice"),
        ("x: " + "[" * 5000, "line 1: nested more than 20 deep"),
        ("#" * 2_000_001, "toy.yaml has 2,000,001 bytes; a manifest has at most 2,000,000"),
        ("WHOLE\nname: other\n", "name: must be that of the file, toy, got 'other'"),
        ("WHOLE\naccess: free\n", "access: "),
        ("WHOLE\nurl: example.org\n", "url: must be an address that begins with https"),
        ("WHOLE\nfiles: []\n", "files: "),
        ("WHOLE\nfiles: {}\n", "files: "),
        ("WHOLE\ncounts: {trials: many}\n", "counts.trials: "),
        ("WHOLE\nlicense: MIT\n", "license: there is no field of this name"),
        ("WHOLE\nfiles: [{path: toy/a, url: https://x.org/a}, {path: toy/A, url: https://x.org/b}]\n", "two files would stand at toy/A"),
        (
            "WHOLE\nfiles: [{path: toy/a.zip, url: https://x.org/a, unpack: true}, {path: toy/a, url: https://x.org/b}]\n",
            "two files would stand at toy/a",
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_no_manifest_is_refused_in_one_line(text, words, published):
    published()
    path = manifests.manifest_folder() / "toy.yaml"
    whole = yaml.safe_load(path.read_text())
    if text.startswith("WHOLE\n"):
        text = yaml.safe_dump(whole | yaml.safe_load(text.removeprefix("WHOLE\n")))
    path.write_text(text)
    manifests.load.cache_clear()
    refused(lambda: manifests.load("toy"), InvalidInput, "toy.yaml", words)
    assert "toy.yaml" in recortex("fetch", "toy").complaint


@pytest.mark.parametrize("name", ["../toy", "/etc/passwd", "toy.yaml", "", "a\nb", "x" * 5000])
def test_a_name_that_is_no_datasets_is_refused_in_one_line(name, published):
    published()
    refused(lambda: manifests.load(name), InvalidInput, "there is no dataset")
