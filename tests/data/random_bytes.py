"""Sound files of every format, what random changes make of them, and a process of its own in which the outcome is tried.

A reader in C may crash on a broken file, take all memory or never end. So each batch is read in a fresh child of a fork server, which
may have little more memory than it starts with, and not much time.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import nibabel
import numpy as np
import scipy.io
from PIL import Image

from recortex.data._array_files import array_names, read_array, shape_of
from recortex.data._in_our_words import CONTROL
from recortex.data._nifti import read_volumes, size_of
from recortex.data._picture_bytes import read_picture, upright_size
from recortex.data._trial_table import read_trials
from recortex.data.caption_table import CaptionTable
from recortex.errors import InvalidInput
from tests.data import files

MORE_MEMORY = 2**30
SECONDS_A_FILE = 10
LARGEST = 600_000_000  # numbers that a changed header may claim and get: a GIF of zeros may have as many pixels as Pillow takes
Change = tuple[str, int, int, Any]

VALUES = files.numbers()
PICTURE = np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8)
TABLE = 'stimulus,run,onset,note\na,1,0.5,"x, y"\nb,1,2.5,é\n"c ""d""",2,1e1,\n'


def _npy(path: Path) -> None:
    np.save(path, VALUES)


def _npz(path: Path) -> None:
    np.savez(path, betas=VALUES, tr=np.float32(2))


def _npz_packed(path: Path) -> None:
    np.savez_compressed(path, betas=VALUES, tr=np.float32(2))


def _mat(path: Path) -> None:
    scipy.io.savemat(path, {"tr": 2.0, "betas": VALUES, "label": "words"})


def _mat_packed(path: Path) -> None:
    scipy.io.savemat(path, {"tr": 2.0, "betas": VALUES.astype(np.float32)}, do_compression=True)


def _mat_struct(path: Path) -> None:
    scipy.io.savemat(path, {"data": {"betas": VALUES, "subject": "s1", "cells": np.array([1, "a"], dtype=object)}})


def _mat4(path: Path) -> None:
    scipy.io.savemat(path, {"tr": 2.0, "betas": VALUES}, format="4")


def _mat73(path: Path) -> None:
    files.write_mat73(path, {"data/betas": VALUES, "tr": np.ones((1, 1))})


def _h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["run/betas"], file["words"] = VALUES, ["a", "b"]
        file["run/betas"].attrs["unit"] = "per cent"


def _h5_packed(path: Path) -> None:
    with h5py.File(path, "w", libver="latest") as file:
        file.create_dataset("run/betas", data=VALUES, chunks=(3, 2), compression="gzip", shuffle=True, fletcher32=True)


def _csv(path: Path) -> None:
    np.savetxt(path, VALUES, delimiter=",", header="a,b,c,d,e", comments="", fmt="%.2f")


def _nifti(path: Path) -> None:
    files.write_nifti(path, files.volumes(VALUES))


def _nifti2(path: Path) -> None:
    nibabel.save(nibabel.Nifti2Image(files.volumes(VALUES).astype(np.float32), files.AFFINE), path)


def _mask(path: Path) -> None:
    files.write_nifti(path, files.mask(), dtype=np.uint8)


def _table(path: Path) -> None:
    path.write_text(TABLE, encoding="utf-8")


def _captions(path: Path) -> None:
    path.write_text(TABLE.replace("note", "caption").replace(",\n", ",z\n"), encoding="utf-8")


def _picture(kind: str, mode: str = "RGB", **options: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(PICTURE).convert(mode).save(path, kind, exif=exif, **options)

    return write


def _array(name: str | None) -> Callable[[Path], dict[str, np.ndarray]]:
    def read(path: Path) -> dict[str, np.ndarray]:
        with suppress(InvalidInput):
            array_names(path)
        with suppress(InvalidInput):
            shape_of(path, name)
        return {"values": read_array(path, name)}

    return read


def _image(path: Path) -> dict[str, Any]:
    beside = path.with_name("sound_mask.nii")
    _mask(beside)
    with suppress(InvalidInput):
        size_of(path, beside)
    return read_volumes(path, beside)


def _masked(path: Path) -> dict[str, Any]:
    beside = path.with_name("sound_image.nii")
    _nifti(beside)
    return read_volumes(beside, path)


def _seen(path: Path) -> dict[str, np.ndarray]:
    with suppress(InvalidInput):
        upright_size(path)
    return {"picture": read_picture(path, None, "rgb")}


def _words(path: Path) -> dict[str, Any]:
    return CaptionTable(path=path).compute()


@dataclass(frozen=True)
class Format:
    """A kind of file: its name, what writes a sound one, and what reads it."""

    name: str
    write: Callable[[Path], None]
    read: Callable[[Path], dict[str, Any]]


FORMATS = {
    "npy": Format("betas.npy", _npy, _array(None)),
    "npz": Format("betas.npz", _npz, _array("betas")),
    "npz packed": Format("betas.npz", _npz_packed, _array("betas")),
    "mat": Format("betas.mat", _mat, _array("betas")),
    "mat packed": Format("betas.mat", _mat_packed, _array("betas")),
    "mat struct": Format("betas.mat", _mat_struct, _array("data.betas")),
    "mat v4": Format("betas.mat", _mat4, _array("betas")),
    "mat v7.3": Format("betas.mat", _mat73, _array("data.betas")),
    "h5": Format("betas.h5", _h5, _array("run/betas")),
    "h5 packed": Format("betas.h5", _h5_packed, _array("run/betas")),
    "csv": Format("betas.csv", _csv, _array(None)),
    "nii": Format("bold.nii", _nifti, _image),
    "nii.gz": Format("bold.nii.gz", _nifti, _image),
    "nii 2": Format("bold.nii", _nifti2, _image),
    "mask": Format("mask.nii.gz", _mask, _masked),
    "table": Format("trials.csv", _table, read_trials),
    "captions": Format("captions.csv", _captions, _words),
    "png": Format("a.png", _picture("PNG"), _seen),
    "png palette": Format("a.png", _picture("PNG", "P"), _seen),
    "jpg": Format("a.jpg", _picture("JPEG", quality=90), _seen),
    "jpg cmyk": Format("a.jpg", _picture("JPEG", "CMYK"), _seen),
    "webp": Format("a.webp", _picture("WEBP"), _seen),
    "tif": Format("a.tif", _picture("TIFF"), _seen),
    "tif packed": Format("a.tif", _picture("TIFF", compression="tiff_lzw"), _seen),
    "gif": Format("a.gif", _picture("GIF", "P"), _seen),
    "bmp": Format("a.bmp", _picture("BMP"), _seen),
}


def _sound(path: Path) -> None:
    path.write_bytes(b"sound")


def _but_if_not(act: Callable[[], Any]) -> Callable[[Path], dict[str, Any]]:
    return lambda path: {} if path.read_bytes() == b"sound" else act()


def _hang() -> None:
    while True:
        pass


# readers that do what none may, to see that it would be seen
WRONG = {
    "crashes": Format("x", _sound, _but_if_not(lambda: os.kill(os.getpid(), signal.SIGSEGV))),
    "hangs": Format("x", _sound, _but_if_not(_hang)),
    "errs": Format("x", _sound, _but_if_not(lambda: [][0])),
    "takes": Format("x", _sound, _but_if_not(lambda: {"much": np.zeros(LARGEST + 1, dtype=np.uint8)})),
    "writes": Format("x", _sound, lambda path: (path.with_name(f"y{path.stat().st_size}").touch(), {})[1]),
}


def changed(content: bytes, changes: Iterable[Change]) -> bytes:
    """A file with some changes, each at a place and over a length that are taken modulo its size."""
    made = bytearray(content)
    for kind, place, length, value in changes:
        at = place % max(len(made), 1)
        stop = min(at + 1 + length % 64, len(made))
        if kind == "flip":
            made[at:stop] = bytes(byte ^ value for byte in made[at:stop][:1]) + made[at + 1 : stop]
        elif kind == "number":
            made[at : at + len(value)] = value
        elif kind == "cut":
            del made[at:]
        elif kind == "double":
            made[at:at] = made[at:stop] * (1 + value % 8)
        elif kind == "zero":
            made[at:stop] = b"\0" * (stop - at)
        elif kind == "remove":
            del made[at:stop]
        elif kind == "insert":
            made[at:at] = bytes([value]) * (stop - at)
    return bytes(made)


def outcomes(format_name: str, contents: Sequence[bytes], folder: Path, seconds: int = SECONDS_A_FILE) -> list[str]:
    """What becomes of each content: "same", "other", "refused", or what is wrong with that.

    Returns
    -------
    list of str
        As many as there are contents; the first that ends the process ends the list with "crash" and the signal.
    """
    said = folder / "said"
    said.unlink(missing_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_try, args=(format_name, list(contents), folder, said, seconds))
    process.start()
    process.join()
    told = said.read_text().splitlines() if said.exists() else []
    found = [json.loads(line) for line in told]
    if process.exitcode != 0:
        code = process.exitcode or 0
        reason = "it never ended" if -code == signal.SIGALRM else signal.Signals(-code).name if code < 0 else f"exit code {code}"
        found.append(f"crash: {reason}")
    return found


def _try(format_name: str, contents: list[bytes], folder: Path, said: Path, seconds: int) -> None:
    kind = (FORMATS | WRONG)[format_name]
    path, out = folder / kind.name, os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    kind.write(path)
    truth = kind.read(path)
    now = (
        int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if Path("/proc/self/statm").exists() else 0
    )
    if now:
        resource.setrlimit(resource.RLIMIT_AS, (now + MORE_MEMORY, now + MORE_MEMORY))
    for content in contents:
        signal.alarm(seconds)
        path.write_bytes(content)
        before = {other.name for other in folder.iterdir()}
        found = _outcome(kind, path, truth)
        if {other.name for other in folder.iterdir()} - before - {"sound_mask.nii", "sound_image.nii"}:
            found = "wrong: it wrote a file"
        os.write(out, (json.dumps(found) + "\n").encode())
    signal.alarm(0)


def _outcome(kind: Format, path: Path, truth: dict[str, Any]) -> str:
    try:
        made = kind.read(path)
    except InvalidInput as error:
        said = str(error)
        if CONTROL.search(said) or len(said) > 1000:
            return f"wrong: it is not one line of a readable length: {said[:1000]!r}"
        return "refused" if path.name in said or "sound_" in said else f"wrong: it does not name the file: {said}"
    except BaseException:
        return f"wrong: {traceback.format_exc()}"
    if sum(np.asarray(values).size for values in made.values()) > LARGEST:
        return f"wrong: it made arrays of {[np.shape(values) for values in made.values()]}"
    same = made.keys() == truth.keys() and all(np.array_equal(made[name], truth[name], equal_nan=False) for name in truth)
    return "same" if same else "other"
