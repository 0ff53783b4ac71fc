"""A recording of functional MRI as a BIDS dataset: what `BidsBold` and other programs read back."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from recortex import disk
from recortex.data._bids_files import check_label, put_together
from recortex.data._in_our_words import CONTROL, in_our_words
from recortex.data._table_file import read_table
from recortex.data.recording import OF_EVENTS, Bold
from recortex.errors import InvalidInput, listed, shown
from recortex.unfinished import Unfinished

BIDS_VERSION = "1.9.0"
DERIVATIVES = "derivatives/recortex"
EVENLY_S = 1e-6
KNOWN = ("onset", "duration", "trial_type")  # columns that BIDS itself describes


def write_bids(
    recording: Bold | Mapping[str, Any],
    folder: str | Path,
    subject: str,
    task: str,
    *,
    name: str | None = None,
    licence: str | None = None,
    dtype: Literal["float32", "int16"] = "float32",
    replace: bool = False,
) -> Path:
    """Write a recording of one person and task; a dataset that is there gains the person.

    Images, events and their sidecars are raw BIDS; the mask of each run and its confounds go to ``derivatives/recortex``, as raw BIDS
    has no name for them. Voxels without a unit are 0. The same recording gives the same bytes.

    Parameters
    ----------
    recording : Bold, or its arrays
        Units come back in the order of their voxel indices i, j, k.
    folder : path
    subject, task : str
        Labels, of letters and digits.
    name, licence : str, optional
        Of the dataset; as the recording's own source says, where they are not given.
    dtype : "float32" or "int16"
        float32 is exact for single precision. int16 has one slope a run: numbers come back within half of it, which is the largest
        of them in size divided by 65534, and 0 as 0.
    replace : bool
        Whether files of this person and task that are there are written anew.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InvalidInput
        What BIDS has no way to say: names of sessions that are no labels, of runs that are no numbers, volumes that are not evenly
        spaced; two units in one voxel; files that are there already, of this person or of another dataset.
    CannotWrite
        As the disk says.
    """
    check_label(subject, "subject", "sub")
    check_label(task, "task", "task")
    source = next(iter(recording.sources()), None) if isinstance(recording, Bold) else None
    arrays: Mapping[str, Any] = recording.run() if isinstance(recording, Bold) else recording
    root, runs = Path(folder).expanduser().absolute(), _runs(arrays, subject, task)
    _check_voxels(arrays)
    timing = [_timing(arrays, run, path) for run, path in enumerate(runs)]
    _refuse_what_is_there(root, [f"{path.name}_bold.nii.gz" for path in runs], subject, task, replace)
    about = {"Name": name or (source.name if source else "Recording"), "BIDSVersion": BIDS_VERSION, "DatasetType": "raw"}
    if licence := licence or (source.licence if source else None):
        about["License"] = licence
    _describe(root, about, replace)
    other = {"Name": f"{about['Name']}: masks and confounds", "DatasetType": "derivative", "DatasetLinks": {"raw": "../.."}}
    _describe(root / DERIVATIVES, about | other, replace)
    _add_participant(root, f"sub-{subject}")
    for run, (path, (tr_s, start_s)) in enumerate(zip(runs, timing, strict=True)):
        _write_run(root, path, arrays, run, tr_s, start_s, task, dtype)
    return root


def _runs(arrays: Mapping[str, Any], subject: str, task: str) -> list[Path]:
    """Where the files of each run go, without suffix."""
    names = [str(name) for name in arrays["run"]]
    sessions = [str(name) for name in arrays["session"]] if "session" in arrays else [None] * len(names)
    made = []
    for name, session in zip(names, sessions, strict=True):
        if not (name.isascii() and name.isdigit()):
            raise InvalidInput(f"run {shown(name)!r} is no number, and BIDS counts runs; name the runs 1, 2, 3")
        if session is not None:
            check_label(session, "session", "ses")
        stem = put_together({"sub": subject, "ses": session, "task": task, "run": name}, "bold", "json").removesuffix(
            "_bold.json"
        )
        made.append(Path(f"sub-{subject}", *([f"ses-{session}"] if session else []), "func", stem))
    order = [(_number(session), int(name)) for session, name in zip(sessions, names, strict=True)]
    if order != sorted(set(order)):
        said = listed(path.name for path in made)
        raise InvalidInput(f"runs must be distinct and in the order of session and number, got {said}")
    return made


def _number(label: str | None) -> tuple[int, str]:
    return (int(label), "") if label and label.isdigit() else (2**62, label or "")


def _check_voxels(arrays: Mapping[str, Any]) -> None:
    voxel, grid = np.asarray(arrays["voxel"]), np.asarray(arrays["grid"])
    if ((voxel < 0) | (voxel >= grid)).any():
        raise InvalidInput(f"a unit lies outside of the grid of {' x '.join(map(str, grid))} voxels")
    if len(np.unique(voxel, axis=0)) < len(voxel):
        raise InvalidInput("two units lie in one voxel, and an image holds one number a voxel; keep one of them")


def _rows(arrays: Mapping[str, Any], name: str, run: int) -> np.ndarray:
    """Which volumes or events are of a run."""
    return np.flatnonzero(np.asarray(arrays[name]) == run)


def _timing(arrays: Mapping[str, Any], run: int, path: Path) -> tuple[float, float]:
    """Seconds from volume to volume, and when the first was taken."""
    time_s = np.asarray(arrays["time_s"])[_rows(arrays, "volume_run", run)]
    if len(time_s) < 2:
        raise InvalidInput(f"{path.name} has {len(time_s)} volumes; a run has two or more")
    tr_s = round(float(time_s[-1] - time_s[0]) / (len(time_s) - 1), 9)
    if tr_s <= 0 or np.abs(time_s - time_s[0] - tr_s * np.arange(len(time_s))).max() > EVENLY_S:
        raise InvalidInput(f"{path.name}: its volumes are not evenly spaced in time, as a RepetitionTime says they are")
    if time_s[0] < 0:
        raise InvalidInput(f"{path.name}: its first volume was taken at {time_s[0]:g} s; count from the start of the run")
    return tr_s, float(time_s[0])


def _refuse_what_is_there(root: Path, names: list[str], subject: str, task: str, replace: bool) -> None:
    """Also a run that would stand beside the new ones and be read with them."""
    there = sorted(root.glob(f"sub-{subject}/**/func/sub-{subject}_*task-{task}_*bold.nii*"))
    if there and not replace:
        raise InvalidInput(f"{there[0]} is there already; write to another folder, or replace what is there with replace=True")
    if others := [path for path in there if path.name not in names]:
        raise InvalidInput(f"{others[0]} is a run of this person and task that the recording does not have; move it away first")


def _describe(root: Path, about: dict[str, Any], replace: bool) -> None:
    from recortex import __version__

    made = about | {"GeneratedBy": [{"Name": "recortex", "Version": __version__}]}
    file = root / "dataset_description.json"
    if file.exists():
        with in_our_words(file, "JSON"):
            found = json.loads(file.read_text(encoding="utf-8"))
        ours = isinstance(found, dict) and found.get("GeneratedBy") == made["GeneratedBy"]
        if found != made and not (replace and ours):
            raise InvalidInput(f"{file} is of another dataset; write to another folder, or give this one's name and licence")
    _put(file, _json(made))
    readme = root / "README"
    if not readme.exists():
        said = [about["Name"], "", "Functional images, their events and sidecars." if about["DatasetType"] == "raw" else ""]
        if about["DatasetType"] == "derivative":
            said[-1] = "The mask of each run (desc-brain_mask), 1 where a voxel is a unit, and its confounds where there are any."
        _put(readme, "\n".join([*said, "", "Written by recortex. Voxels outside of the mask are 0.", ""]))


def _add_participant(root: Path, person: str) -> None:
    file = root / "participants.tsv"
    if not file.exists():
        header, rows = ["participant_id"], []
    else:
        read = read_table(file, ("participant_id",))
        header, rows = read.header, read.rows
    place = header.index("participant_id")
    if all(row[place] != person for row in rows):
        rows = [*rows, [person if name == "participant_id" else "n/a" for name in header]]
    _put(file, _tsv(header, sorted(rows, key=lambda row: row[place])))


def _write_run(
    root: Path, path: Path, arrays: Mapping[str, Any], run: int, tr_s: float, start_s: float, task: str, dtype: str
) -> None:
    volumes, events = _rows(arrays, "volume_run", run), _rows(arrays, "event_run", run)
    voxel, grid, affine = (np.asarray(arrays[name]) for name in ("voxel", "grid", "affine"))
    some = slice(int(volumes[0]), int(volumes[-1]) + 1)
    read = getattr(arrays, "read", None)
    bold = np.asarray(read("bold", some) if read else arrays["bold"][some], dtype=np.float32)
    if not np.isfinite(bold).all():
        raise InvalidInput(f"{path.name}: {np.sum(~np.isfinite(bold))} numbers are NaN or infinite; leave these units out")
    mask = np.ones((1, len(voxel)), dtype=np.uint8)
    _put_image(root / DERIVATIVES / f"{path}_desc-brain_mask.nii.gz", mask, voxel, grid, affine, 0.0, "uint8")
    _put(
        root / DERIVATIVES / f"{path}_desc-brain_mask.json", _json({"Type": "Brain", "Sources": [f"bids:raw:{path}_bold.nii.gz"]})
    )
    if "confound" in arrays:
        names = [str(name) for name in arrays["confound_name"]]
        rows = [[repr(float(value)) for value in row] for row in np.asarray(arrays["confound"])[some]]
        _put(root / DERIVATIVES / f"{path}_desc-confounds_timeseries.tsv", _tsv(names, rows))
        _put(root / DERIVATIVES / ".bidsignore", "*_desc-confounds_timeseries.tsv\n")  # fMRIPrep's name, not in the standard yet
    said: dict[str, Any] = {"RepetitionTime": tr_s, "TaskName": task}
    if abs(start_s - tr_s / 2) > 1e-9:  # else what readers take for granted
        said["StartTime"] = start_s
    _put(root / f"{path}_bold.json", _json(said))
    columns = _event_columns(arrays, events, path)
    _put(root / f"{path}_events.tsv", _tsv(list(columns), list(map(list, zip(*columns.values(), strict=True)))))
    words = {
        name: {"Description": f"{name} of the event, as in a trial table of recortex"} for name in columns if name not in KNOWN
    }
    _put(root / f"{path}_events.json", _json(words))
    _put_image(root / f"{path}_bold.nii.gz", bold, voxel, grid, affine, tr_s, dtype)  # last: where it is, all is


def _event_columns(arrays: Mapping[str, Any], events: np.ndarray, path: Path) -> dict[str, list[str]]:
    columns = {name: [repr(float(value)) for value in np.asarray(arrays[f"{name}_s"])[events]] for name in ("onset", "duration")}
    labels = {name: np.asarray(arrays[name])[events].tolist() for name in ("stimulus", *OF_EVENTS) if name in arrays}
    for name, values in labels.items():
        for value in values:
            if CONTROL.search(value) or value != value.strip():
                raise InvalidInput(
                    f"{path.name}: {name} {shown(value)!r} has space around it or ends a line, which no table can write"
                )
    columns["trial_type"] = labels.get("category", ["stimulus"] * len(events))
    columns |= labels
    return {name: [value or "n/a" for value in values] for name, values in columns.items()}


def _put_image(
    path: Path, rows: np.ndarray, voxel: np.ndarray, grid: np.ndarray, affine: np.ndarray, tr_s: float, dtype: str
) -> None:
    """A packed NIfTI image of units laid into their voxels, a volume a row; of one volume it is 3D."""
    from nibabel.nifti1 import Nifti1Header

    shape, step = tuple(map(int, grid)), 0.0
    if max(shape) > np.iinfo(np.int16).max or len(rows) > np.iinfo(np.int16).max:
        raise InvalidInput(f"{path.name}: a NIfTI image has at most 32767 voxels and volumes along an axis")
    header: Any = Nifti1Header()
    header.set_data_dtype(np.dtype(dtype))
    header.set_data_shape(shape if dtype == "uint8" else (*shape, len(rows)))
    header.set_qform(affine, 1, strip_shears=True)
    header.set_sform(affine, 1)
    header.set_xyzt_units("mm", "sec" if tr_s else None)
    header["pixdim"][4] = tr_s
    header["vox_offset"] = 352
    if dtype == "int16":
        header["scl_slope"] = step = max(float(np.abs(rows).max()) / 32767, 1e-30)
        step = float(header["scl_slope"])  # as single precision has it
        header["scl_inter"] = 0

    def content() -> Iterator[bytes]:
        yield header.binaryblock + bytes(4)
        for row in rows:
            volume = np.zeros(shape, dtype=dtype, order="F")
            volume[tuple(voxel.T)] = np.clip(np.rint(row / step), -32767, 32767) if step else row
            yield volume.astype(header.get_data_dtype(), copy=False).tobytes(order="F")

    _make_folder(path)
    with disk.refusals(path, "another folder"), Unfinished(path) as file:
        with gzip.GzipFile(
            filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0
        ) as packed:  # no name, no time: same bytes
            for block in content():
                packed.write(block)
                file.check()
        file.finish()


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _tsv(header: list[str], rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def _make_folder(path: Path) -> None:
    disk.make_folder(path.parent, "another folder")


def _put(path: Path, text: str) -> None:
    _make_folder(path)
    with disk.refusals(path, "another folder"):
        disk.write_whole(path, text)
