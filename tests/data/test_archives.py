"""Archives of strangers: unpacked whole into a new folder, or refused in one line that names archive and member, with nothing left."""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import io
import json
import lzma
import os
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recortex import unfinished
from recortex.data import _archive_members, archives
from recortex.data.archives import SEAL, unpack, unpacked
from recortex.errors import CannotWrite, InvalidInput

CONTENT = {"a.txt": b"first", "deep/er/b.bin": bytes(range(256)) * 5000, "empty": b"", "t\u00e4st [1].txt": b"x"}
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress,
}  # fmt: skip


def zipped(members: Sequence[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as file:
        for name, content in members:
            file.writestr(name, content)
    return made.getvalue()


def zip_info(name: str, mode: int = stat.S_IFREG | 0o644, **fields: object) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.create_system = 3
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def tarred(members: Sequence[tuple[str, bytes] | tarfile.TarInfo], packing: str = "", form: int = tarfile.PAX_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as file:
        for member in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member[0])
            content = b"" if isinstance(member, tarfile.TarInfo) else member[1]
            info.size = info.size or len(content)
            file.addfile(info, io.BytesIO(content))
    return PACKINGS[packing](made.getvalue())


def tar_info(name: str, type_: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = type_
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def tar_header(name: str = "x", size: int = 0, type_: bytes = b"0", size_field: bytes | None = None) -> bytes:
    """A header by hand, for what tarfile would not write."""
    info = tarfile.TarInfo(name)
    info.type = type_
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = size_field if size_field is not None else b"%011o\0" % size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


END = b"\0" * 1024
NEGATIVE = b"\xff" * 4 + struct.pack(">q", -512)  # base 256, as GNU tar writes what octal cannot hold

EXABYTE = b"\x80" + (10**18).to_bytes(11, "big")


def patched(content: bytes, old: bytes, new: bytes, count: int = 1) -> bytes:
    assert old in content and len(old) == len(new)
    return content.replace(old, new, count)


def spoilt(content: bytes) -> bytes:
    return content[:60] + b"\0\0" + content[62:]


def renamed(real: str, false: bytes) -> bytes:
    """A zip with a name that zipfile would not write, in both of its places."""
    return zipped([(real, b"x" * 9)]).replace(real.encode(), false)


def zip_field(content: bytes, offset: int, value: bytes) -> bytes:
    """Change a field of the first entry of the directory."""
    place = content.index(b"PK\x01\x02") + offset
    return content[:place] + value + content[place + len(value) :]


def quine_of_zeros(size: int) -> bytes:
    return zipped([("zeros", b"\0" * size)])


def overlapping() -> bytes:
    """Many entries of the directory, one kernel: each is true, together they are a bomb."""
    one = zipped([("a", b"\0" * 1_000_000)])
    start, end = one.index(b"PK\x01\x02"), one.rindex(b"PK\x05\x06")
    entries = b"".join(one[start:end] for _ in range(500))
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 500, 500, len(entries), start, 0)
    return one[:start] + entries + tail


def sparse_claim() -> bytes:
    """A tar of a kilobyte that claims a file of a terabyte, all of it holes."""
    info = tarfile.TarInfo("holes")
    info.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[386:410] = b"00000000000\0" + b"00000000000\0"
    block[483:495] = b"\x80" + (10**12).to_bytes(11, "big")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + END


def endless_sparse_map() -> bytes:
    """A header that says again and again that more of it follows."""
    info = tarfile.TarInfo("holes")
    info.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[482] = 1
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    more = bytearray(b"00000000001\0" * 42 + b"\0" * 8)
    more[504] = 1
    return gzip.compress(bytes(block) + bytes(more) * 40_000 + END)


SOUND_ZIP = zipped([("a.txt", b"first" * 100), ("b.txt", b"second" * 100)])
SOUND_TAR = tarred([("a.txt", b"first" * 100), ("b.txt", b"second" * 100)])

# what is unpacked, and what is said about it
BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    # names that lead elsewhere
    "zip: up": (lambda: zipped([("ok", b"x"), ("../up", b"x")]), "../up leads out of its folder"),
    "zip: up from within": (lambda: zipped([("a/../../up", b"x")]), "a/../../up leads out"),
    "zip: up and back": (lambda: zipped([("a/../b", b"x")]), "a/../b leads out"),
    "zip: the root": (lambda: renamed("aetc/passwd", b"/etc/passwd"), "/etc/passwd is an absolute path"),
    "zip: a drive": (lambda: zipped([("C:x", b"x")]), "C:x is an absolute path"),
    "zip: a backslash": (lambda: renamed("a-b", b"a\\b"), "has the character U+005C in its name"),
    "zip: a way up with backslashes": (lambda: renamed("..-..-b", b"..\\..\\b"), "has the character U+005C in its name"),
    "zip: a NUL": (lambda: renamed("a-b", b"a\0b"), "has the character U+0000 in its name"),
    "zip: a newline": (lambda: renamed("a-b", b"a\nb"), "has the character U+000A in its name"),
    "zip: an escape for the terminal": (lambda: renamed("a-b", b"a\x1bb"), "has the character U+001B in its name"),
    "zip: a name of 300 letters": (lambda: zipped([("x" * 300, b"x")]), "has too long a name"),
    "zip: a name of 100 wide letters": (lambda: zipped([("\u540d" * 100, b"x")]), "has too long a name"),
    "zip: 3000 folders": (lambda: zipped([("a/" * 3000 + "b", b"x")]), "has too long a name"),
    "zip: no name": (lambda: zipped([(".", b"x")]), ". has no name"),
    "zip: the name of the seal": (lambda: zipped([(SEAL, b"{}")]), "has the name of what is written there last"),
    "tar: up": (lambda: tarred([("ok", b"x"), ("../up", b"x")]), "../up leads out of its folder"),
    "tar: up by a long name": (lambda: tarred([("../" + "x" * 150, b"x")], form=tarfile.GNU_FORMAT), "leads out of its folder"),
    "tar: up by a pax header": (lambda: tarred([tar_info("x", pax_headers={"path": "../up"})]), "../up leads out"),
    "tar: the root": (lambda: tarred([("/etc/passwd", b"x")]), "/etc/passwd is an absolute path"),
    "tar: a newline": (lambda: tarred([("a\nb", b"x")]), "has the character U+000A in its name"),
    "tar: bytes that are no text": (lambda: tar_header("a-b").replace(b"a-b", b"a\xffb") + END, "bad checksum"),
    "tar: a name of 300 letters": (lambda: tarred([("x" * 300, b"x")]), "has too long a name"),
    "tar: a name of 60,000 letters": (lambda: tarred([("x/" * 30_000, b"x")]), "has too long a name"),
    # what is no plain file
    "zip: a link": (lambda: zipped([(zip_info("l", stat.S_IFLNK | 0o777), b"/etc/passwd")]), "l is a link"),
    "zip: a device": (lambda: zipped([(zip_info("d", stat.S_IFCHR | 0o666), b"")]), "d is a device or pipe"),
    "zip: a pipe": (lambda: zipped([(zip_info("p", stat.S_IFIFO | 0o666), b"")]), "p is a device or pipe"),
    "zip: a folder by mode, a file by name": (lambda: zipped([(zip_info("f", stat.S_IFDIR), b"x")]), "f is a file and a folder at once"),
    "zip: a folder with bytes": (lambda: zipped([("f/", b"x" * 9)]), "f/ claims 9 bytes"),
    "zip: encrypted": (lambda: zip_field(SOUND_ZIP, 8, b"\x01\0"), "a.txt is encrypted"),
    "zip: strongly encrypted": (lambda: zip_field(SOUND_ZIP, 8, b"\x41\0"), "a.txt is encrypted"),
    "tar: a link": (lambda: tarred([tar_info("l", tarfile.SYMTYPE, linkname="/etc/passwd")]), "l is a link"),
    "tar: a link inside": (lambda: tarred([("a", b"x"), tar_info("l", tarfile.SYMTYPE, linkname="a")]), "l is a link"),
    "tar: a link, a file through it": (lambda: tarred([tar_info("d", tarfile.SYMTYPE, linkname="/"), ("d/x", b"x")]), "d is a link"),
    "tar: a hard link": (lambda: tarred([("a", b"x"), tar_info("l", tarfile.LNKTYPE, linkname="a")]), "l is a link"),
    "tar: a hard link to the root": (lambda: tarred([tar_info("l", tarfile.LNKTYPE, linkname="/etc/passwd")]), "l is a link"),
    "tar: a device": (lambda: tarred([tar_info("d", tarfile.CHRTYPE, devmajor=1, devminor=5)]), "d is no plain file or folder"),
    "tar: a disk": (lambda: tarred([tar_info("d", tarfile.BLKTYPE)]), "d is no plain file or folder"),
    "tar: a pipe": (lambda: tarred([tar_info("p", tarfile.FIFOTYPE)]), "p is no plain file or folder"),
    "tar: a kind that nobody knows": (lambda: tar_header("q", type_=b"Q") + END, "q is no plain file or folder"),
    "tar: a sparse file of a terabyte": (sparse_claim, "holes is no plain file or folder"),
    "tar: a sparse map without end": (endless_sparse_map, "it claims 512 bytes where"),
    # members that meet
    "zip: one name twice": (lambda: zipped([("a", b"x"), ("a", b"y")]), "a is there twice"),
    "zip: names that differ by case": (lambda: zipped([("Data/a", b"x"), ("data/b", b"y")]), "data/b meets Data"),
    "zip: names that one disk takes for the same": (lambda: zipped([("\u00e9", b"x"), ("e\u0301", b"y")]), "meets \u00e9"),
    "zip: a file and a folder": (lambda: zipped([("a", b"x"), ("a/b", b"y")]), "a/b meets a"),
    "zip: a folder and a file": (lambda: zipped([("a/b", b"x"), ("a", b"y")]), "a meets a"),
    "zip: one name in two ways": (lambda: zipped([("a/b", b"x"), ("a/./b", b"y")]), "a/./b is there twice"),
    "tar: one name twice": (lambda: tarred([("a", b"x"), ("a", b"y")]), "a is there twice"),
    "tar: names that differ by case": (lambda: tarred([("A", b"x"), ("a", b"y")]), "a meets A"),
    # sizes
    "zip: more than is wanted": (lambda: quine_of_zeros(2_000_001), "zeros would make it 2,000,001 bytes; at most 2,000,000"),
    "zip: more than the disk": (lambda: zip_field(quine_of_zeros(99), 24, b"\xfe\xff\xff\xff"), "would make it 4,294,967,294 bytes"),
    "zip: less than it says": (lambda: zip_field(SOUND_ZIP, 24, b"\xff\xff\0\0"), "a.txt holds 500 of the 65,535 bytes it claims"),
    "zip: more than it says": (lambda: zip_field(SOUND_ZIP, 24, b"\x05\0\0\0"), "damaged or cut off at a.txt"),
    "zip: members that share their bytes": (overlapping, "its members claim more bytes than it has"),
    "tar: more than is wanted": (lambda: tarred([("a", b"\0" * 2_000_001)]), "a would make it 2,000,001 bytes; at most 2,000,000"),
    "tar.gz: more than is wanted": (lambda: tarred([("a", b"x"), ("b", bytes(2_000_000))], ".gz"), "b would make it 2,000,001 bytes"),
    "tar: an exabyte": (lambda: tar_header("a", size_field=EXABYTE) + END, "would make it 1,000,000,000,000,000,000 bytes"),
    "tar: fewer than no bytes": (lambda: tar_header("a", size_field=NEGATIVE) + tar_header("b") + END, "a claims -512 bytes"),
    "tar: a header of fewer than no bytes": (lambda: tar_header("a", type_=b"x", size_field=NEGATIVE) + END, ""),
    "tar: a long name of a gigabyte": (lambda: tar_header("a", 10**9, b"L") + END, "it claims 1,000,000,000 bytes where 65,"),
    "tar: a pax header of a gigabyte": (lambda: tar_header("a", 10**9, b"x") + END, "it claims 1,000,000,000 bytes where 65,"),
    "tar: headers that head headers": (lambda: tar_header("a", 0, b"x") * 5000 + END, "damaged or cut off|holds no files"),
    "tar: a size by pax that is none": (lambda: tarred([tar_info("a", pax_headers={"size": "-9"})]), "a claims -9 bytes"),
    # damage
    "nothing": (lambda: b"", "is no .zip or .tar archive"),
    "zeros": (lambda: b"\0" * 10_240, "holds no files"),
    "text": (lambda: b"<html>not found</html>" * 100, "is no .zip or .tar archive"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "is no .zip or .tar archive"),
    "a packed file that is no tar": (lambda: gzip.compress(b"just a text " * 100), "is no .zip or .tar archive"),
    "a packed nothing": (lambda: gzip.compress(b""), "is no .zip or .tar archive"),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c" + bytes(100), "is no .zip or .tar archive"),
    "zip: empty": (lambda: zipped([]), "holds no files"),
    "zip: folders alone": (lambda: zipped([("a/", b""), ("b/", b"")]), "holds no files"),
    "zip: cut off": (lambda: SOUND_ZIP[:-30], "damaged or cut off"),
    "zip: half": (lambda: SOUND_ZIP[: len(SOUND_ZIP) // 2], "damaged or cut off"),
    "zip: its head gone": (lambda: b"PK\x03\x04" + SOUND_ZIP[50:], "damaged or cut off"),
    "zip: another checksum": (lambda: zip_field(SOUND_ZIP, 16, b"\1\2\3\4"), "damaged or cut off at a.txt"),
    "zip: another byte": (lambda: zipped([("a", b"first")], zipfile.ZIP_STORED).replace(b"first", b"fjrst"), "damaged or cut off at a"),
    "zip: another name in the directory": (lambda: zipped([("aa", b"x")]).replace(b"aa", b"bb", 1), "damaged or cut off at aa"),
    "zip: a packing that nobody knows": (lambda: zip_field(SOUND_ZIP, 10, b"\x62\0"), "damaged or cut off at a.txt"),
    "zip: a directory that is elsewhere": (lambda: SOUND_ZIP[:-6] + b"\xff\xff\xff\x7f\0\0", "damaged or cut off"),
    "zip: a directory of four gigabytes": (lambda: SOUND_ZIP[:-10] + b"\xff\xff\xff\xfe\0\0\0\0\0\0", "damaged or cut off|it claims"),
    "tar: cut off in a member": (lambda: SOUND_TAR[:700], "damaged or cut off at a.txt"),
    "tar: cut off between members": (lambda: SOUND_TAR[:1024], "there is no end mark"),
    "tar: cut off in a header": (lambda: SOUND_TAR[:1224], "damaged or cut off at a.txt|no end mark"),
    "tar: without an end mark": (lambda: SOUND_TAR[:2560], "unexpected end of data|no end mark"),
    "tar: a broken second header": (lambda: patched(SOUND_TAR, b"b.txt", b"c.txt"), "there is no end mark"),
    "tar: bytes behind its end": (lambda: tarred([("a", b"x")]) + b"hidden", "there are bytes behind its end mark"),
    "tar: a second tar behind its end": (lambda: tarred([("a", b"x")]) + tarred([("b", b"x")]), "there are bytes behind its end mark"),
    "tar.gz: cut off": (lambda: gzip.compress(SOUND_TAR)[:-20], "damaged or cut off"),
    "tar.gz: another checksum": (lambda: gzip.compress(SOUND_TAR)[:-8] + b"\1\2\3\4\0\0\0\0", "damaged or cut off"),
    "tar.gz: bytes behind its end": (lambda: gzip.compress(SOUND_TAR) + b"hidden", "damaged or cut off"),
    "tar.gz: zeros without end": (lambda: gzip.compress(SOUND_TAR + b"\0" * 2**25), "damaged or cut off"),
    "tar.bz2: cut off": (lambda: bz2.compress(SOUND_TAR)[:-20], "damaged or cut off"),
    "tar.bz2: another byte": (lambda: spoilt(bz2.compress(SOUND_TAR)), "damaged or cut off|no .zip or .tar"),
    "tar.xz: cut off": (lambda: lzma.compress(SOUND_TAR)[:-20], "damaged or cut off"),
    "tar.xz: another byte": (lambda: spoilt(lzma.compress(SOUND_TAR)), "damaged or cut off|no .zip or .tar"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_hangs() -> Iterator[None]:
    def late(number: int, frame: object) -> None:
        raise TimeoutError("not done after 60 s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with 3 GB left, whatever this one has."""
    real = shutil.disk_usage
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: real(path)._replace(free=3 * 10**9))


def put(folder: Path, content: bytes, name: str = "pack") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def refusal(archive: Path, into: Path, kind: type[Exception] = InvalidInput, **options: int) -> str:
    before = sorted(into.parent.rglob("*"))
    with pytest.raises(kind) as caught:
        unpack(archive, into, **options)
    said = str(caught.value)
    assert said.isprintable() and len(said) < 1000, repr(said[:2000])
    assert archive.name in said
    assert sorted(into.parent.rglob("*")) == before, "something was left behind"
    return said


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_archive_is_refused_in_one_line_and_nothing_is_left(broken: str, tmp_path: Path) -> None:
    content, words = BROKEN[broken]
    tracemalloc.start()
    try:
        archive = put(tmp_path, content())
        tracemalloc.reset_peak()
        held = tracemalloc.get_traced_memory()[0]
        said = refusal(archive, tmp_path / "into", most_bytes=2_000_000 if "2,000,001" in words else 10**19)
        assert tracemalloc.get_traced_memory()[1] - held < 50e6
    finally:
        tracemalloc.stop()
    assert any(word in said for word in words.split("|")), said


# sound ones


def sound() -> dict[str, bytes]:
    members = list(CONTENT.items())
    zips = {f"zip {method}": zipped(members, method) for method in (0, 8, 12, 14)}
    tars = {
        f"tar{packing} {form}": tarred(members, packing, form)
        for packing in PACKINGS
        for form in (0, 1, 2)
        if form or not packing
    }
    return zips | tars


SOUND = sound()


@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_archive_is_unpacked_whole(kind: str, tmp_path: Path) -> None:
    into = tmp_path / "a" / "into"
    made = unpack(put(tmp_path, SOUND[kind]), into)
    assert {path.relative_to(into).as_posix(): path.read_bytes() for path in made} == CONTENT
    assert {path.name for path in into.iterdir()} == {"a.txt", "deep", "empty", "t\u00e4st [1].txt", SEAL}
    assert [path.name for path in into.parent.iterdir()] == ["into"]


def test_folders_dots_and_what_git_writes_are_fine(tmp_path: Path) -> None:
    members = [
        tar_info("./", tarfile.DIRTYPE),
        tar_info("./d", tarfile.DIRTYPE),
        ("./d/a", b"x"),
        tar_info("d/", tarfile.DIRTYPE),
    ]
    made = unpack(put(tmp_path, tarred(members)), tmp_path / "into")
    assert [path.relative_to(tmp_path / "into").as_posix() for path in made] == ["d/a"]
    made = unpack(put(tmp_path, zipped([("d/", b""), ("d/a", b"x"), ("e/", b"")])), tmp_path / "other")
    assert (tmp_path / "other" / "e").is_dir() and len(made) == 1


def test_an_archive_in_an_archive_is_a_file(tmp_path: Path) -> None:
    inner = zipped([("../up", b"x")])
    for number, outer in enumerate(
        (zipped([("in.zip", inner)], 0), tarred([("in.zip", inner)]), tarred([("in.zip", inner)], ".gz"))
    ):
        (made,) = unpack(put(tmp_path, outer), tmp_path / f"into{number}")
        assert made.read_bytes() == inner


def test_nobody_gets_more_rights_than_a_file_of_ones_own_has(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        info = tar_info("t", mode=0o6777, uid=0, gid=0, size=1)
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as file:
            file.addfile(info, io.BytesIO(b"x"))
            file.addfile(tar_info("d", tarfile.DIRTYPE, mode=0o000))
        packs = {"zip": zipped([(zip_info("z", stat.S_IFREG | 0o6777), b"x")]), "tar": tar.getvalue()}
        for name, content in packs.items():
            for path in unpack(put(tmp_path, content), tmp_path / name):
                assert stat.S_IMODE(path.stat().st_mode) == 0o644
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o755
        assert stat.S_IMODE((tmp_path / "tar" / "d").stat().st_mode) == 0o755
    finally:
        os.umask(before)


def test_just_as_many_bytes_as_are_wanted_are_not_too_many(tmp_path: Path) -> None:
    unpack(put(tmp_path, zipped([("a", b"x" * 600), ("b", b"x" * 400)])), tmp_path / "into", most_bytes=1000)
    assert "b would make it 1,000 bytes; at most 999" in refusal(tmp_path / "pack", tmp_path / "other", most_bytes=999)


def test_a_reader_that_gives_more_than_was_claimed_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return b"x" * size

    member = archives.Member("a", 10**6, False, "", Endless)
    monkeypatch.setattr(archives, "members_of", lambda archive: (one for one in [member]))
    assert "a holds more than the 1,000,000 bytes it claims" in refusal(put(tmp_path, b""), tmp_path / "into")


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 3)
    for make in (zipped, tarred):
        archive = put(tmp_path, make([(f"m{i}", b"x") for i in range(4)]))
        assert "m3 is its member number 4; at most 3 are unpacked" in refusal(archive, tmp_path / "into")
        (archive).unlink()
    unpack(put(tmp_path, zipped([(f"m{i}", b"x") for i in range(3)])), tmp_path / "into")


def test_a_zip_whose_directory_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_archive_members, "DIRECTORY", 1000)
    archive = put(tmp_path, zipped([(f"m{i}", b"x") for i in range(100)]))
    assert "bytes where" in refusal(archive, tmp_path / "into")


def test_where_something_stands_already_nothing_is_touched(tmp_path: Path) -> None:
    archive = put(tmp_path, SOUND_ZIP)
    (tmp_path / "into").mkdir()
    assert "is there already" in refusal(archive, tmp_path / "into")
    (tmp_path / "file").write_text("mine")
    assert "is there already" in refusal(archive, tmp_path / "file")
    (tmp_path / "link").symlink_to("nowhere")
    assert "is there already" in refusal(archive, tmp_path / "link")


@pytest.mark.parametrize("name", ["nowhere.zip", "folder", "."])
def test_what_is_no_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidInput) as caught:
        unpack(tmp_path / name, tmp_path / "into")
    assert "cannot be read" in str(caught.value)
    assert not (tmp_path / "into").exists()


# the seal


def test_a_seal_says_which_archive_and_which_files(tmp_path: Path) -> None:
    import hashlib

    unpack(put(tmp_path, SOUND_ZIP), tmp_path / "into")
    sealed = unpacked(tmp_path / "into")
    assert sealed is not None
    assert sealed.sha256 == hashlib.sha256(SOUND_ZIP).hexdigest()
    assert sealed.sizes == {"a.txt": 500, "b.txt": 600}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        "{",
        '{"sha256": "x"}',
        '{"sha256": "x", "sizes": []}',
        '{"sha256": 1, "sizes": {"a": "many"}}',
        "\xff",
    ],
)
def test_a_seal_that_is_none_seals_nothing(text: str, tmp_path: Path) -> None:
    assert unpacked(tmp_path) is None
    (tmp_path / SEAL).write_bytes(text.encode("latin-1"))
    assert unpacked(tmp_path) is None


# disks and interruptions


def test_a_full_disk_is_told_as_such_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.FileIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    real = open
    monkeypatch.setattr(archives, "open", lambda path, mode: (Full if "x" in mode else real)(path, mode), raising=False)
    archive = put(tmp_path, SOUND_ZIP)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CannotWrite) as caught:
        unpack(archive, tmp_path / "into")
    assert "the disk is full" in str(caught.value) and "RECORTEX_DATA" in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_disk_with_too_little_room_is_told_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = shutil.disk_usage
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: real(path)._replace(free=999))
    said = refusal(put(tmp_path, SOUND_ZIP), tmp_path / "into")
    assert "b.txt would make it 1,100 bytes" in said and "has room for 999; make room" in said


def test_an_interrupted_unpacking_leaves_no_folder_and_the_next_one_tidies_up(tmp_path: Path) -> None:
    archive = put(tmp_path, zipped([(f"m{i}", b"x" * 2000) for i in range(5)]))
    program = f"""
import time
from pathlib import Path
from recortex.data import _archive_members, archives
copy = archives._copy
archives._copy = lambda member, path: copy(member, path) or (member.name == "m3" and time.sleep(60))
archives.unpack(Path({str(archive)!r}), Path({str(tmp_path / "into")!r}))
"""
    done = subprocess.Popen([sys.executable, "-c", program])
    for _ in range(1000):
        if list(tmp_path.glob(".*/m3")):
            break
        time.sleep(0.02)
    done.kill()
    assert done.wait() == -signal.SIGKILL
    assert not (tmp_path / "into").exists()
    assert len(list(tmp_path.glob(".*"))) == 2  # the folder, and the mark that says whose it is
    unpack(archive, tmp_path / "into")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["into", "pack"]


def test_the_folder_of_somebody_who_is_still_at_it_stays(tmp_path: Path) -> None:
    with unfinished.Unfinished(tmp_path / "into") as mark:
        mark.path.with_suffix("").mkdir()
        unpack(put(tmp_path, SOUND_ZIP), tmp_path / "into")
        assert mark.path.with_suffix("").exists() and mark.path.exists()


# whatever an archive holds

NAMES = st.text(st.sampled_from("abA./\\ ~:\u00e9\u0301\n-"), min_size=1, max_size=8)
anything = settings(max_examples=150, suppress_health_check=list(HealthCheck))


def law(content: bytes, folder: Path) -> None:
    """Whole, below its folder and sealed; or refused in one line; and the world around it as it was."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    archive = put(folder, content)
    try:
        made = unpack(archive, folder / "into", most_bytes=10**7)
    except InvalidInput as error:
        assert str(error).isprintable()
        assert [path.name for path in folder.iterdir()] == ["pack"]
        return
    assert sorted(path.name for path in folder.iterdir()) == ["into", "pack"]
    there = {path for path in (folder / "into").rglob("*") if not path.is_dir()}
    assert there == {*made, folder / "into" / SEAL}
    assert all(path.is_file() and not path.is_symlink() and ".." not in path.parts for path in made)
    sizes = json.loads((folder / "into" / SEAL).read_text())["sizes"]
    assert {folder / "into" / name: size for name, size in sizes.items()} == {path: path.stat().st_size for path in made}


@anything
@given(st.lists(st.tuples(NAMES, st.binary(max_size=20)), max_size=5), st.booleans())
def test_any_names_are_unpacked_inside_or_refused(tmp_path: Path, members: list[tuple[str, bytes]], as_zip: bool) -> None:
    with contextlib.suppress(ValueError):
        law(zipped(members) if as_zip else tarred(members), tmp_path / "law")


@anything
@given(
    st.sampled_from(sorted(SOUND)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4),
)
def test_an_archive_with_a_few_bytes_changed_is_the_same_or_refused(
    tmp_path: Path, kind: str, changes: list[tuple[float, bytes]]
) -> None:
    small = {name: content[:40] for name, content in CONTENT.items()}
    parts = kind.split()
    content = bytearray(
        zipped(list(small.items()), int(parts[1]))
        if parts[0] == "zip"
        else tarred(list(small.items()), parts[0][3:], int(parts[1]))
    )
    for place, new in changes:
        start = int(place * (len(content) - 1))
        content[start : start + len(new)] = new
    law(bytes(content), tmp_path / "law")


@anything
@given(st.sampled_from([b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\0", b""]), st.binary(max_size=600))
def test_any_bytes_are_refused(tmp_path: Path, start: bytes, rest: bytes) -> None:
    law(start + rest, tmp_path / "law")


@settings(anything, max_examples=60)
@given(st.integers(0, 10_240))
def test_a_tar_cut_off_anywhere_is_refused_unless_it_was_padding(tmp_path: Path, length: int) -> None:
    whole = tarred([("a", b"first"), ("b", b"second" * 200)])
    law(whole[:length], tmp_path / "law")
    assert (tmp_path / "law" / "into").exists() == (length >= 6 * 512 + 512)  # two headers, 1 + 3 blocks, and one that ends it
