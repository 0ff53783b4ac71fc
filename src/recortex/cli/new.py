"""``recortex new``: look at a person's files, and write a commented pipeline that fits them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from recortex.data._array_files import SUFFIXES as ARRAY_SUFFIXES
from recortex.data._array_files import array_names, read_array
from recortex.data._nifti import is_nifti, shape_of
from recortex.data._picture_bytes import SUFFIXES as PICTURE_SUFFIXES
from recortex.data._trial_table import read_trials
from recortex.errors import InvalidInput, listed
from recortex.keys import visible_files
from recortex.pipeline.entries import parse

EXIF_ORIENTATION = 0x0112  # 5 to 8: a picture that is shown lying on its side


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
    if file.exists() and not force:
        raise InvalidInput(f"{file} is there already; choose another name, or --force to replace it")
    if file.is_dir():
        raise InvalidInput(f"{file} is a folder; name the pipeline file to write, as in {file / 'my.yaml'}")
    for path in (brain, trials, stimuli, mask):
        if path is not None and not path.exists():
            raise InvalidInput(f"there is no file or folder {path}")
    table_path = trials or _beside(brain)
    table = read_trials(table_path)
    count = len(table["stimulus"])
    columns = [name for name in table if name not in ("extra", "extra_column")] + list(table.get("extra_column", []))
    base = file.absolute().parent.resolve()
    if len(set(table["stimulus"].tolist())) < 2:
        raise InvalidInput(f"{table_path.name} names one stimulus only; without another to be scored on, nothing can be fitted")
    responses = _look_at_brain(brain, mask, count)
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
    if "category" in table and len(set(table["category"].tolist())) > 1:
        lines += [
            "",
            f"# Which of {len(set(table['category'].tolist()))} categories was seen.",
            *_entry("category", "CategoryDecoder", {"brain": "brain", "split": "split"}),
            *_entry("category_scores", "CategoryScores", {"decoder": "category"}),
        ]
    if pictures is None and "category" not in table:
        lines += ["", "# Give --stimuli to encode and decode pictures, or a column category in the trial table to decode that."]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    Console().print(f"wrote {file}; look at it, then: recortex plan {file}", highlight=False, soft_wrap=True, markup=False)


def _beside(brain: Path) -> Path:
    tables = sorted(path for path in brain.parent.iterdir() if path.suffix in (".csv", ".tsv") and path != brain)
    if len(tables) == 1:
        return tables[0]
    found = f"found {listed([path.name for path in tables])}" if tables else "found none"
    raise InvalidInput(f"say which trial table belongs to {brain.name} with --trials FILE ({found} beside it)")


def _look_at_brain(path: Path, mask: Path | None, count: int) -> Seen:
    if is_nifti(path):
        if mask is None:
            raise InvalidInput(f"{path.name} is an image: say which voxels count with --mask FILE")
        shape = shape_of(path, 4, f"an image of the {count} trials of the table, one volume a trial,")
        grid = shape_of(mask, 3, "a mask")
        if grid != shape[:3]:
            raise InvalidInput(f"{mask.name} has shape {grid} and the image {path.name} {shape[:3]}; resample one")
        if shape[3] != count:
            raise InvalidInput(f"{path.name} has shape {shape}; it needs one volume for each of the {count} trials of the table")
        return Seen({}, f"{path.name}: {shape[3]} volumes of {' x '.join(map(str, shape[:3]))} voxels.")
    if mask is not None:
        raise InvalidInput(f"{path.name} is not a NIfTI image, so --mask {mask.name} does not apply to it")
    if path.suffix.lower() not in ARRAY_SUFFIXES:
        raise InvalidInput(f"{path.name}: responses are {', '.join(ARRAY_SUFFIXES)}, .nii or .nii.gz")
    fitting = []
    for name in array_names(path) or [None]:  # type: ignore[list-item]
        try:
            shape = read_array(path, name).shape
        except InvalidInput:
            if name is None:
                raise
            continue  # a struct or cell next to the responses
        if len(shape) == 2 and count in shape:
            fitting.append((name, shape))
    if not fitting and path.suffix.lower() == ".mat":
        for name in array_names(path):
            try:
                read_array(path, name)
            except InvalidInput as error:
                if "is a struct" in str(error):
                    raise
    if not fitting:
        raise InvalidInput(
            f"{path.name} holds no two-dimensional array with {count} trials, as many as the trial table has lines"
        )
    name, shape = fitting[0]
    fields: dict[str, object] = {}
    if len(array_names(path)) > 1:
        fields["array"] = name
    if shape[0] != count:
        fields["trial_axis"] = 1
    others = f" Also of that length: {listed([str(other) for other, _ in fitting[1:]])}." if len(fitting) > 1 else ""
    units = shape[1] if shape[0] == count else shape[0]
    return Seen(fields, f"{path.name}: {count} trials of {units} units{f' in {name}' if name else ''}.{others}")


def _look_at_stimuli(path: Path, wanted: set[str]) -> Seen:
    if path.is_dir():
        from PIL import Image

        files = [file for file in visible_files(path) if file.suffix.lower() in PICTURE_SUFFIXES]
        if not files:
            raise InvalidInput(f"{path} holds no pictures ({', '.join(PICTURE_SUFFIXES)})")
        missing = sorted(wanted - {file.stem for file in files})
        if missing:
            raise InvalidInput(
                f"{len(missing)} stimuli of the trial table have no picture in {path}: {listed(missing)}; a picture's name without "
                "its suffix must be the stimulus"
            )
        sizes = set()
        for file in files:
            try:
                with Image.open(file) as picture:
                    turned = picture.getexif().get(EXIF_ORIENTATION, 1) >= 5
                    sizes.add(picture.size[::-1] if turned else picture.size)
            except Exception as error:
                raise InvalidInput(f"{file} cannot be read as a picture: {error}") from error
        one = len(sizes) == 1
        remark = f"{len(files)} pictures of {next(iter(sizes)) if one else f'{len(sizes)} different sizes'} pixels"
        return Seen(
            {} if one else {"size": min(256, *(min(size) for size in sizes))}, remark + ("." if one else ", brought to one.")
        )
    if path.suffix.lower() not in ARRAY_SUFFIXES:
        raise InvalidInput(f"{path.name}: stimuli are a folder of pictures, or one of {', '.join(ARRAY_SUFFIXES)}")
    names = array_names(path)
    candidates = [name for name in names or [None] if _is_pictures(path, name)]  # type: ignore[list-item]
    if not candidates:
        raise InvalidInput(f"{path.name} holds no array of pictures, (picture, height, width) or (picture, height, width, 3)")
    fields: dict[str, object] = {"array": candidates[0]} if len(names) > 1 else {}
    count = len(read_array(path, candidates[0]))
    start = 1 if "0" not in wanted and str(count) in wanted else 0
    if start:
        fields["numbered_from"] = start
    if missing := sorted(wanted - {str(number) for number in range(start, start + count)}):
        raise InvalidInput(
            f"{len(missing)} stimuli of the trial table are none of the {count} pictures of {path.name}, numbered from {start}: "
            f"{listed(missing)}; name the pictures in a text file (names: FILE in the pipeline), or use their numbers in the table"
        )
    return Seen(fields, f"{path.name}: {count} pictures.")


def _is_pictures(path: Path, name: str | None) -> bool:
    try:
        values = read_array(path, name)
    except InvalidInput:
        return False
    return values.ndim == 3 or (values.ndim == 4 and values.shape[3] in (1, 3))


def _split_lines(table: dict[str, np.ndarray], distinct: int) -> list[str]:
    if "split" in table and {"train", "test"} <= set(table["split"].tolist()):
        return ["# The table's own split into train and test.", *_entry("split", "FixedSplit", {"column": "split"})]
    folds = min(10, distinct)
    lines = [f"# {folds} folds by stimulus: no stimulus is in training and test. For series in time, split by run or session."]
    return lines + _entry("split", "KFold", {"by": "stimulus", "folds": folds, "seed": 0})


def _entry(name: str, type_: str, fields: dict[str, object]) -> list[str]:
    inner = ", ".join([f"type: {type_}", *(f"{key}: {_plain(value)}" for key, value in fields.items())])
    return [f"{name + ':':<16} {{{inner}}}"]


def _plain(value: object) -> str:
    """A value as YAML that reads back as itself: a folder called `no` or `1e3` needs quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    safe = all(character.isalnum() or character in "/._-" for character in value)
    return value if safe and parse(value) == value else json.dumps(value, ensure_ascii=False)


def _relative(path: Path, base: Path) -> str:
    return os.path.relpath(path.absolute().resolve(), base)
