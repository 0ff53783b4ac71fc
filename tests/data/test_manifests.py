"""Published data: found in mirrors, held against what was published, fetched only where that is allowed."""

from __future__ import annotations

import hashlib
import os

import pytest
import yaml

from recortex.data import manifests
from recortex.errors import InvalidInput, MissingData, NeedsAgreement
from tests.data.files import recortex, refused

BYTES = b"what was published"


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


@pytest.fixture
def network(monkeypatch):
    """A network that gives what it is told to, and remembers what it was asked for."""
    import pooch

    asked: list[tuple] = []

    def retrieve(url, known_hash, fname, path, **options):
        asked.append((url, known_hash))
        if network.gives is None:
            raise OSError("no route to host")
        if known_hash and known_hash != "sha256:" + hashlib.sha256(network.gives).hexdigest():
            raise ValueError("SHA256 hash of downloaded file does not match the known hash")
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, fname), "wb") as handle:
            handle.write(network.gives)
        return os.path.join(path, fname)

    def network() -> list[tuple]:
        return asked

    network.gives = BYTES
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    return network


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
    published()
    monkeypatch.setenv("RECORTEX_DATA", str(tmp_path / "data"))
    assert manifests.fetch("toy") == [tmp_path / "data" / "toy" / "toy.bin"]
    assert manifests.fetch("toy")[0].read_bytes() == BYTES
    assert network() == [("https://example.org/toy.bin", "sha256:" + hashlib.sha256(BYTES).hexdigest())]


def test_a_mirror_spares_the_network(published, network, tmp_path, monkeypatch):
    published()
    monkeypatch.setenv("RECORTEX_MIRROR", str(put(tmp_path / "mirror")))
    assert manifests.fetch("toy") == [tmp_path / "mirror" / "toy" / "toy.bin"]
    assert network() == []


@pytest.mark.parametrize("gives", [None, b"an error page"])
def test_a_network_that_does_not_give_the_file_is_told_in_one_line(gives, published, network):
    published()
    network.gives = gives
    refused(lambda: manifests.fetch("toy"), MissingData, "toy", "https://example.org/toy.bin")


@pytest.mark.parametrize("access", ["agreement", "on request"])
def test_data_that_need_an_agreement_are_not_fetched_and_the_page_is_named(access, published, network, tmp_path, monkeypatch):
    published(access=access)
    refused(lambda: manifests.fetch("toy"), NeedsAgreement, "A toy", access, "https://example.org/terms", "toy")
    assert network() == []
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
    published()
    monkeypatch.setenv("RECORTEX_DATA", str(put(tmp_path / "data", b"half of it")))
    said = refused(lambda: manifests.load("toy").locate("toy/toy.bin"), InvalidInput, str(tmp_path / "data"))
    if "delete" in said:
        (tmp_path / "data" / "toy" / "toy.bin").unlink()
    assert manifests.fetch("toy")[0].read_bytes() == BYTES


def test_a_misspelt_dataset_gets_the_right_name(published):
    published()
    refused(lambda: manifests.load("toi"), InvalidInput, "toi", "did you mean toy?")


def test_the_command_shows_licence_and_file(published, network):
    published()
    said = recortex("fetch", "toy")
    assert said.code == 0
    assert "CC0" in said.out and "toy.bin" in said.out


def test_the_command_tells_a_failure_in_one_line(published, network):
    published()
    network.gives = None
    assert recortex("fetch", "toy").complaint.startswith("MissingData: toy: https://example.org/toy.bin")


@pytest.mark.parametrize("name", manifests.names())
def test_every_manifest_that_ships_is_whole(name):
    manifest = manifests.load(name)
    assert manifest.name == name and manifest.licence and manifest.citation and manifest.url.startswith("https://")
    for file in manifest.files:
        assert file.path.split("/")[0] == name
        assert file.url.startswith("https://")
        assert file.sha256 is None or len(file.sha256) == 64
