"""``recortex new``: look at a person's files, and write a commented pipeline that fits them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from recortex import disk
from recortex.data._array_files import SUFFIXES as ARRAY_SUFFIXES
from recortex.data._array_files import array_names, read_array, shape_of
from recortex.data._in_our_words import CONTROL
from recortex.data._nifti import is_nifti, size_of
from recortex.data._picture_bytes import SUFFIXES as PICTURE_SUFFIXES
from recortex.data._picture_bytes import picture_name, upright_size
from recortex.data._trial_table import read_trials
from recortex.data.base import nearest
from recortex.errors import InvalidInput, listed, shown
from recortex.keys import visible_files
from recortex.plain_yaml import is_word
from recortex.splits.base import UNSTATED


@dataclass(frozen=True)
class Seen:
    """What was found in a file: the fields for its entry, and a remark for the comment above it."""

    fields: dict[str, object]
    remark: str


def write_pipeline(file: Path, brain: Path, trials: Path | None, stimuli: Path | None, mask: Path | None, force: bool) -> None:
    """Write a pipeline file for someone's own recording.

    Raises
    ------
    InvalidInput
        The file is there already, an input is not, or does not fit the others.
    """
    _check_output(file, force)
    for path, folder in ((brain, False), (trials, False), (stimuli, True), (mask, False)):
        if path is not None:
            _check_input(path, folder)
    table_path = trials or _beside(brain)
    table = read_trials(table_path)
    count = len(table["stimulus"])
    columns = [name for name in table if name not in ("extra", "extra_column")] + list(table.get("extra_column", []))
    base = file.absolute().parent.resolve()
    if len(set(table["stimulus"].tolist())) < 2:
        raise InvalidInput(f"{table_path.name} names one stimulus only; name at least two, one to fit on and one to score")
    responses = _look_at_brain(brain, mask, count, table_path)
    pictures = _look_at_stimuli(stimuli, set(table["stimulus"].tolist())) if stimuli else None

    distinct = len(set(table["stimulus"].tolist()))
    repeated = distinct < count
    lines = [
        f"# Written by `recortex new` for {brain.name}. Check it with `recortex plan {file}`, run it with `recortex run {file}`.",
        "# Names on the left are yours to choose; a name in a field refers to that entry. `recortex list TYPE` shows all fields.",
        "",
        f"# {responses.remark}",
        f"# {table_path.name}: {count} trials of {distinct} stimuli; columns {listed(columns, 9)}.",
    ]
    brain_fields: dict[str, object] = {"path": _relative(brain, base), "trials": _relative(table_path, base)}
    if mask:
        brain_fields["mask"] = _relative(mask, base)
    brain_fields |= responses.fields
    if repeated:
        lines.append("# Stimuli repeat: their trials are averaged. `repeats: keep` scores single trials instead.")
        brain_fields["repeats"] = "average"
    lines += _entry("brain", "ResponseFile", brain_fields)
    lines += ["", *_split_lines(table, distinct)]
    if pictures is not None and stimuli is not None:
        kind = "PictureFolder" if stimuli.is_dir() else "PictureFile"
        lines += ["", f"# {pictures.remark}"]
        lines += _entry("stimuli", kind, {"path": _relative(stimuli, base), **pictures.fields})
        lines += [
            "",
            "# Features of the pictures. Others: GaborEnergy, TorchvisionNet; see `recortex list`.",
            *_entry("pixels", "Pixels", {"stimuli": "stimuli", "size": 32, "grey": True}),
            "",
            "# Forward: how well does each unit follow the features? `permutations` refits with permuted pairs.",
            *_entry("encoder", "RidgeEncoder", {"brain": "brain", "features": "pixels", "split": "split"}),
            *_entry("encoding", "EncodingScores", {"encoder": "encoder", "permutations": 20}),
            "",
            "# Backward: the picture that was seen, pixel by pixel, beside the nearest training picture.",
            *_entry("decoder", "RidgeDecoder", {"brain": "brain", "features": "pixels", "split": "split"}),
            *_entry("pictures", "PixelPictures", {"decoder": "decoder"}),
            *_entry("picture_scores", "ImageScores", {"pictures": "pictures", "stimuli": "stimuli", "size": 32, "grey": True}),
            *_entry("nearest", "NearestPicture", {"decoder": "decoder", "stimuli": "stimuli"}),
            *_entry("nearest_scores", "ImageScores", {"pictures": "nearest", "stimuli": "stimuli", "size": 32, "grey": True}),
        ]
    lines += _category_lines(table["category"].tolist()) if "category" in table else []
    if pictures is None and "category" not in table:
        lines += ["", "# Give --stimuli to encode and decode pictures, or a column category in the trial table to decode that."]
    with disk.refusals(file, "FILE, as in ~/my.yaml"):
        disk.write_whole(file, "\n".join(lines) + "\n")
    Console().print(f"wrote {file}; look at it, then: recortex plan {file}", highlight=False, soft_wrap=True, markup=False)


def _category_lines(labels: list[str]) -> list[str]:
    categories = sorted(set(labels) - set(UNSTATED))
    fields: dict[str, object] = {"brain": "brain", "split": "split"}
    if len(categories) < 2:
        return []
    left_out = sum(label in UNSTATED for label in labels)
    if left_out:
        fields["among"] = categories
    return [
        "",
        f"# Which of {len(categories)} categories was seen."
        + (f" {left_out} trials state none and are left out." if left_out else ""),
        *_entry("category", "CategoryDecoder", fields),
        *_entry("category_scores", "CategoryScores", {"decoder": "category"}),
    ]


def _check_output(file: Path, force: bool) -> None:
    _check_name(file)
    if file.suffix.lower() not in (".yaml", ".yml"):  # --force must not put a pipeline in a recording's place
        raise InvalidInput(f"{file} is no name for a pipeline file; let it end in .yaml, as in {file.with_suffix('.yaml')}")
    with disk.refusals(file, "FILE, as in ~/my.yaml"):
        if file.is_dir():
            raise InvalidInput(f"{file} is a folder; name the pipeline file to write, as in {file / 'my.yaml'}")
        if file.exists() and not file.is_file():
            raise InvalidInput(f"{file} is a device or pipe; name a file to write")
        if file.exists() and not force:
            raise InvalidInput(f"{file} is there already; choose another name, or --force to replace it")


def _check_name(path: Path) -> None:
    if CONTROL.search(str(path)):
        raise InvalidInput(f"{shown(path, 200)} has a name that no pipeline file can write; rename it")


def _check_input(path: Path, folder: bool) -> None:
    _check_name(path)
    try:
        there = path.exists()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be looked at: {error.strerror}") from error
    if not there:
        raise InvalidInput(f"there is no file or folder {path}")
    if path.is_dir() and not folder:
        raise InvalidInput(f"{path} is a folder; name a file in it")
    if not path.is_file() and not path.is_dir():
        raise InvalidInput(f"{path} is a device or pipe; save what it gives to a file, and name that")


def _beside(brain: Path) -> Path:
    beside = (path for path in brain.absolute().parent.iterdir() if path.suffix.lower() in (".csv", ".tsv"))
    tables = sorted(path for path in beside if path.is_file() and path != brain.absolute() and not path.name.startswith("."))
    if len(tables) == 1:
        return tables[0]
    found = f"found {listed([path.name for path in tables])}" if tables else "found none"
    raise InvalidInput(f"say which trial table belongs to {brain.name} with --trials FILE ({found} beside it)")


def _look_at_brain(path: Path, mask: Path | None, count: int, table: Path) -> Seen:
    if is_nifti(path):
        if mask is None:
            raise InvalidInput(f"{path.name} is an image: say which voxels count with --mask FILE")
        volumes, voxels = size_of(path, mask)
        if volumes != count:
            raise InvalidInput(f"{path.name} has {volumes} volumes; it needs one for each of the {count} trials of the table")
        return Seen({}, f"{path.name}: {volumes} volumes, of which {mask.name} takes {voxels} voxels.")
    if mask is not None:
        raise InvalidInput(f"{path.name} is not a NIfTI image, so --mask {mask.name} does not apply to it")
    if path.suffix.lower() not in ARRAY_SUFFIXES:
        raise InvalidInput(f"{path.name}: responses are {', '.join(ARRAY_SUFFIXES)}, .nii or .nii.gz")
    shapes, refusals = _shapes(path)
    fitting = [(name, shape) for name, shape in shapes.items() if len(shape) == 2 and count in shape]
    if not fitting:
        if refusals and not any(len(shape) == 2 and min(shape) > 1 for shape in shapes.values()):
            raise refusals[0]  # nothing else could be the responses
        raise InvalidInput(
            f"{path.name} holds no array (trial, unit) with {count} trials, as many as {table.name} has lines below its header; it holds "
            f"{_listed(shapes)}: give the table one line a trial, or name the right file"
        )
    name, shape = fitting[0]
    fields: dict[str, object] = {}
    if len(shapes) + len(refusals) > 1 or _in_struct(path, name):
        fields["array"] = name
    if shape[0] != count:
        fields["trial_axis"] = 1
    others = f" Also of that length: {listed([shown(str(other)) for other, _ in fitting[1:]])}." if len(fitting) > 1 else ""
    units = shape[1] if shape[0] == count else shape[0]
    return Seen(fields, f"{path.name}: {count} trials of {units} units{f' in {shown(name)}' if name else ''}.{others}")


def _shapes(path: Path) -> tuple[dict[str | None, tuple[int, ...]], list[InvalidInput]]:
    """The shape of every array of numbers in a file, by name, and what is wrong with what is none."""
    shapes: dict[str | None, tuple[int, ...]] = {}
    refusals = []
    for name in array_names(path) or [None]:  # type: ignore[list-item]
        try:
            shapes[name] = shape_of(path, name) or read_array(path, name).shape
        except InvalidInput as error:
            refusals.append(error)
    return shapes, refusals


def _in_struct(path: Path, name: str | None) -> bool:
    """Whether an array has to be named though a .mat file holds no other."""
    return path.suffix.lower() == ".mat" and "." in (name or "")


def _listed(shapes: dict[str | None, tuple[int, ...]]) -> str:
    """Arrays as a message lists them: ``betas: 40 x 30``."""
    return listed((f"{shown(name)}: " if name else "") + (_by(shape) or "one number") for name, shape in shapes.items())


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _look_at_stimuli(path: Path, wanted: set[str]) -> Seen:
    if path.is_dir():
        files = [file for file in visible_files(path) if file.suffix.lower() in PICTURE_SUFFIXES]
        if not files:
            raise InvalidInput(f"{path} holds no pictures ({', '.join(PICTURE_SUFFIXES)})")
        names = {picture_name(file): row for row, file in enumerate(files)}
        missing = sorted(wanted - set(names))
        if missing:
            many = "1 stimulus of the trial table is" if len(missing) == 1 else f"{len(missing)} stimuli of the trial table are"
            near = nearest(missing, sorted(wanted), names)
            raise InvalidInput(f"{many} not in {path}: {listed(missing, 3)}{near}")
        sizes = {upright_size(file) for file in files}
        one = len(sizes) == 1
        remark = f"{len(files)} pictures of {_by(next(iter(sizes))) if one else f'{len(sizes)} different sizes'} pixels"
        return Seen(
            {} if one else {"size": min(256, *(min(size) for size in sizes))}, remark + ("." if one else ", brought to one.")
        )
    if path.suffix.lower() not in ARRAY_SUFFIXES:
        raise InvalidInput(f"{path.name}: stimuli are a folder of pictures, or one of {', '.join(ARRAY_SUFFIXES)}")
    shapes, refusals = _shapes(path)
    candidates = [name for name, shape in shapes.items() if len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3))]
    if not candidates:
        if refusals and not shapes:
            raise refusals[0]
        raise InvalidInput(
            f"{path.name} holds {_listed(shapes)}; pictures are (picture, height, width) or (picture, height, width, 3): reshape and "
            "save it again, or give a folder of pictures"
        )
    named = len(shapes) + len(refusals) > 1 or _in_struct(path, candidates[0])
    fields: dict[str, object] = {"array": candidates[0]} if named else {}
    count = shapes[candidates[0]][0]
    start = 1 if "0" not in wanted and str(count) in wanted else 0
    if start:
        fields["numbered_from"] = start
    if missing := sorted(wanted - {str(number) for number in range(start, start + count)}):
        raise InvalidInput(
            f"{len(missing)} of the stimuli of the trial table are none of the {count} pictures of {path.name}, numbered from {start}: "
            f"{listed(missing, 3)}; use these numbers in the table, or leave --stimuli out and add an entry {{type: PictureFile, path: "
            f"{path.name}, names: FILE}}, FILE a text file with one name a line"
        )
    return Seen(fields, f"{path.name}: {count} pictures.")


def _split_lines(table: dict[str, np.ndarray], distinct: int) -> list[str]:
    if "split" in table and {"train", "test"} <= set(table["split"].tolist()):
        return ["# The table's own split into train and test.", *_entry("split", "FixedSplit", {"column": "split"})]
    folds = min(10, distinct)
    lines = [
        f"# {folds} folds by stimulus: no stimulus is in training and test. For series in time use by: run or session, with "
        "repeats: keep."
    ]
    return lines + _entry("split", "KFold", {"by": "stimulus", "folds": folds, "seed": 0})


def _entry(name: str, type_: str, fields: dict[str, object]) -> list[str]:
    inner = ", ".join([f"type: {type_}", *(f"{key}: {_plain(value)}" for key, value in fields.items())])
    return [f"{name + ':':<16} {{{inner}}}"]


def _plain(value: object) -> str:
    """A value as YAML that reads back as itself: a folder called `no` or `1e3` needs quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    if not isinstance(value, str):
        return str(value)
    safe = all(character.isalnum() or character in "/._-" for character in value)
    return value if safe and is_word(value) else json.dumps(value, ensure_ascii=False)


def _relative(path: Path, base: Path) -> str:
    return os.path.relpath(path.absolute().resolve(), base)
