"""Each reader has its own errors and warnings for a broken file; here each becomes one line that names it."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recortex.errors import InvalidInput, RecortexError

LONGEST = 200  # letters of another program's message
# line ends in any script, and halves of letters, which stand for bytes of a file name that are no text
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
ADDRESS = re.compile(" at 0x[0-9a-f]+")  # of an object in memory: another one each time
# what a file begins with, what it then is, and the suffixes that are right for it
BEGINNINGS = (
    (b"PK\x03\x04", "a zip archive, as spreadsheets (.xlsx, .ods) and .npz files are", (".npz",)),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", ()),
    (b"\x1f\x8b", "a file packed with gzip; if it is an image, call it .nii.gz", (".gz",)),
    (b"\xff\xfe", "text in UTF-16; save it in UTF-8", ()),
    (b"\xfe\xff", "text in UTF-16; save it in UTF-8", ()),
    (b"\x93NUMPY", "a NumPy array (.npy)", (".npy",)),
    (b"\x89HDF", "an HDF5 file (.h5)", (".h5", ".hdf5", ".mat")),
    (b"MATLAB 5.0", "a MATLAB file (.mat)", (".mat",)),
    (b"MATLAB 7.3", "a MATLAB file (.mat)", (".mat",)),
    (b"\x89PNG", "a PNG picture", (".png",)),
    (b"\xff\xd8\xff", "a JPEG picture", (".jpg", ".jpeg")),
    (b"%PDF", "a PDF", ()),
    (b"%!PS", "a PostScript file", ()),
    (b"<svg", "an SVG drawing", ()),
    (b"<?xml", "XML, as SVG drawings are", ()),
    (b"<!doctype html", "a web page", ()),
    (b"<html", "a web page", ()),
    (b"version https://git-lfs", "the stand-in of a file that Git LFS has not brought here; run git lfs pull", ()),
)


@contextmanager
def in_our_words(path: Path, kind: str = "") -> Iterator[None]:
    """Turn whatever goes wrong while a file is read inside a with block into one line.

    Parameters
    ----------
    path : Path
    kind : str
        As what it is read, for the message: "a picture".

    Raises
    ------
    InvalidInput
        It cannot be read.
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            yield
        except RecortexError:
            raise
        except Exception as error:
            manner = f" as {kind}" if kind else ""
            raise InvalidInput(f"{path} cannot be read{manner}: {_reason(path, error)}") from error
    for text in dict.fromkeys(quoted(warning.message) for warning in said):
        logging.getLogger("recortex").warning("%s: %s", path.name, text)


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "it needs more memory than is left; make it smaller, or read it where there is more"
    if isinstance(error, OSError) and error.errno and error.strerror:
        return error.strerror
    if really := what_it_is(path):
        return really if ";" in really else f"{really}; save it again in the format of its name"
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8; save it again in that encoding"
    return f"{quoted(error)}; copy or save it again"


def quoted(said: object) -> str:
    """Another program's message without line ends, and not longer than a person reads."""
    text = CONTROL.sub("?", ADDRESS.sub("", " ".join(str(said).split()))) or type(said).__name__
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."


def what_it_is(path: Path) -> str:
    """What a file is by its first bytes, as a clause; empty where they tell nothing, or what its name tells."""
    try:
        with open(path, "rb") as handle:
            start = handle.read(64)
    except OSError:
        return ""
    if not start.strip(b"\0"):
        return "its bytes are all 0, as after a copy that broke off" if start else "it is empty"
    if start[4:8] == b"ftyp":
        return "it begins like a HEIC picture or an MP4 film"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    found = [(words, right) for magic, words, right in BEGINNINGS if start.startswith(magic) or text.startswith(magic)]
    return f"it begins like {found[0][0]}" if found and path.suffix.lower() not in found[0][1] else ""
