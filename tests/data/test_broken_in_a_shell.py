"""The same from a shell, in processes of their own: exit code 2, one line, no traceback, no file but in the folders of the run."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from tests.data import files
from tests.data.broken import Desk
from tests.data.test_broken_arrays import Runs, mat5, nested, npy, npz, struct_of
from tests.data.test_broken_images import NOISE, png

RECORTEX = [sys.executable, "-c", "from recortex.cli.main import main; main()"]
TRIALS = "trials: trials.csv"
BROKEN: dict[str, tuple[Callable[[Desk], str], tuple[str, ...]]] = {}


def case(*words: str) -> Callable:
    """What makes the files and gives the one entry of a pipeline, and what must stand in the line."""

    def register(make: Callable[[Desk], str]) -> Callable[[Desk], str]:
        BROKEN[make.__name__] = (make, words)
        return make

    return register


@case("betas.npy", "Python objects")
def a_pickle_that_would_run(desk):
    np.save(desk.folder / "betas.npy", np.array([Runs()], dtype=object), allow_pickle=True)
    return f"type: ResponseFile, path: betas.npy, {TRIALS}"


@case("betas.mat", "data.betas holds cells")
def cells_that_would_crash_a_reader_that_recurses(desk):
    desk.bytes("betas.mat", mat5(struct_of(nested(100_000))))
    return f"type: ResponseFile, path: betas.mat, array: data.betas, {TRIALS}"


@case("betas.npz", "promises 8,000,000,000,000 bytes")
def an_archive_that_claims_all_memory(desk):
    npz(desk, ("betas.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }")))
    return f"type: ResponseFile, path: betas.npz, {TRIALS}"


@case("betas.h5", "takes 8.4 GB of memory", "this process can have 6 GB")
def more_than_ulimit_allows(desk):
    with h5py.File(desk.folder / "betas.h5", "w") as file:
        file.create_dataset("betas", (7, 150_000_000), "f8", chunks=(1, 1000))[0, 0] = 1
    return f"type: ResponseFile, path: betas.h5, drop_units: invalid, {TRIALS}"  # else it is read some units at a time


@case("betas.h5", "another file", "other.h5")
def a_link_to_another_file(desk):
    with h5py.File(desk.folder / "betas.h5", "w") as file:
        file["betas"] = h5py.ExternalLink("other.h5", "/betas")
    return f"type: ResponseFile, path: betas.h5, {TRIALS}"


@case("bold.nii.gz", "CRC")
def an_image_with_a_flipped_bit(desk):
    content = bytearray(desk.image(np.random.default_rng(0).standard_normal((*files.GRID, 7))).read_bytes())
    content[-6] ^= 1
    desk.bytes("bold.nii.gz", bytes(content))
    desk.mask()
    return f"type: ResponseFile, path: bold.nii.gz, mask: mask.nii.gz, {TRIALS}"


@case("trials.csv", "UTF-16")
def a_table_of_another_encoding(desk):
    desk.own.npy()
    desk.bytes("trials.csv", "stimulus\na\n".encode("utf-16"))
    return f"type: ResponseFile, path: betas.npy, {TRIALS}"


@case("b.png", "more pixels than")
def a_bomb_among_pictures(desk):
    (desk.pictures(2) / "b.png").write_bytes(png(20_000, 10_000, 8, 0, b"\0" * 1000))
    return "type: PictureFolder, path: pictures, size: 8"


@case("b.tif", "cannot be read as a picture")
def a_tiff_of_which_its_library_complains(desk):
    path = desk.pictures(2) / "b.tif"
    Image.fromarray(NOISE).save(path, compression="tiff_lzw")
    content = bytearray(path.read_bytes())
    content[200:260] = b"\xff" * 60
    path.write_bytes(bytes(content))
    return "type: PictureFolder, path: pictures, size: 8"


@case("captions.csv: line 2", "\\x1b")
def captions_that_clear_the_screen(desk):
    desk.bytes("captions.csv", b"stimulus,caption\n\x1b[2Ja,b\n")
    return "type: CaptionTable, path: captions.csv"


def shell(desk: Desk, *arguments: object, memory: int | None = None) -> tuple[int, str, str, float]:
    def limit() -> None:
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    start = time.monotonic()
    ended = subprocess.run(
        [*RECORTEX, *map(str, arguments)], cwd=desk.folder, capture_output=True, text=True, timeout=120, preexec_fn=limit
    )
    return ended.returncode, ended.stdout, ended.stderr, time.monotonic() - start


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_input_is_told_in_one_line_in_a_shell(name, desk):
    make, words = BROKEN[name]
    (desk.folder / "my.yaml").write_text(f"broken: {{{make(desk)}}}\n")
    before = {path: path.lstat().st_mtime_ns for path in desk.folder.rglob("*")}
    memory = 6_000_000_000 if name == "more_than_ulimit_allows" else None
    code, out, err, _ = shell(desk, "run", "my.yaml", "--outputs", desk.elsewhere, memory=memory)
    assert (code, err) == (2, ""), (code, out, err)
    lines = {line.partition("broken: ")[2] for line in out.splitlines() if "broken: " in line}
    assert len(lines) == 1 and all(word in next(iter(lines)) for word in words), out
    assert {path: path.lstat().st_mtime_ns for path in desk.folder.rglob("*")} == before


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_what_never_ends_or_never_answers_is_refused_at_once(kind, desk):
    path = Path("/dev/zero")
    if kind == "pipe":
        path = desk.folder / "pipe.npy"
        os.mkfifo(path)
    (desk.folder / "my.yaml").write_text(f"broken: {{type: ResponseFile, path: {path}, {TRIALS}}}\n")
    code, _, err, seconds = shell(desk, "run", "my.yaml", "--outputs", desk.elsewhere)
    assert code == 2 and len(err.splitlines()) == 1 and path.name in err
    assert seconds < 60
