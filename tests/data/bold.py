"""A small recording of functional MRI whose every number is different, and what BIDS folders are made of."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np

from recortex.data.bids import BidsBold
from recortex.data.bids_writing import DERIVATIVES, write_bids
from tests.data.files import AFFINE, write_nifti

GRID = (5, 4, 3)
FUNC = "sub-01/func/sub-01_task-scenes_run-"


def arrays(sessions: tuple[str, ...] = (), runs: int = 2, volumes: int = 12, tr_s: float = 1.5, **more: Any) -> dict[str, Any]:
    """Runs of unequal length of 17 voxels in C order, with four events a run, labels and two confounds."""
    rng = np.random.default_rng(5)
    voxel = np.argwhere(np.ones(GRID, bool))
    voxel = voxel[np.sort(rng.choice(len(voxel), 17, replace=False))]
    names = [(session, f"{run + 1}") for session in (sessions or (None,)) for run in range(runs)]
    lengths = [volumes + 2 * number for number in range(len(names))]
    total = sum(lengths)
    events = 4 * len(names)
    made = {
        "run": np.array([name for _, name in names]),
        "bold": rng.normal(1000, 100, (total, len(voxel))).astype(np.float32),
        "volume_run": np.repeat(np.arange(len(names)), lengths),
        "time_s": np.concatenate([(np.arange(length) + 0.5) * tr_s for length in lengths]),
        "stimulus": np.array([f"scene {number % 5:02d}" for number in range(events)]),
        "event_run": np.repeat(np.arange(len(names)), 4),
        "onset_s": np.tile([0.0, 3.1, 6.2, 9.3], len(names)) + rng.uniform(0, 1, events),
        "duration_s": rng.uniform(0.5, 2, events),
        "category": np.array([("face", "house")[number % 2] for number in range(events)]),
        "repetition": np.array([f"{number // 5}" for number in range(events)]),
        "voxel": voxel,
        "affine": AFFINE,
        "grid": np.array(GRID),
        "confound": rng.standard_normal((total, 2)),
        "confound_name": np.array(["trans_x", "rot_z"]),
    }
    if sessions:
        made["session"] = np.array([session for session, _ in names])
    return made | more


def written(folder: Path, subject: str = "01", made: dict[str, Any] | None = None, **fields: Any) -> Path:
    """A dataset of one person and the task "scenes"."""
    return write_bids(made or arrays(), folder, subject, "scenes", name="Small", licence="CC0", **fields)


def read(dataset: Path, **fields: Any) -> BidsBold:
    """As it is written, unless fields say otherwise."""
    usual = {"subject": "01", "task": "scenes", "companions": (dataset / DERIVATIVES,)}
    masked = {} if "mask" in fields else {"mask_from": "dataset"}
    return BidsBold(**{"folder": dataset} | usual | masked | fields)


def said(path: Path, **changes: Any) -> Path:
    """A sidecar with other words; None takes one away."""
    words = (json.loads(path.read_text()) if path.exists() else {}) | changes
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name: value for name, value in words.items() if value is not None}))
    return path


def table(path: Path, *rows: tuple[Any, ...]) -> Path:
    """A tab-separated table, its header line first."""
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    return path


def derived(raw: Path, folder: Path, space: str = "MNI", affine: np.ndarray = AFFINE) -> Path:
    """A derivatives folder as fMRIPrep lays it out: images and masks in a space, no events; numbers twice as large."""
    import nibabel

    for path in sorted(raw.glob("sub-*/**/func/*_bold.nii.gz")):
        here = folder / path.parent.relative_to(raw)
        here.mkdir(parents=True, exist_ok=True)
        stem = path.name.removesuffix("_bold.nii.gz")
        image = nibabel.load(path)
        values = 2 * np.asarray(image.dataobj)
        made = write_nifti(here / f"{stem}_space-{space}_desc-preproc_bold.nii.gz", values, affine)
        set_tr(made, 1.5)
        write_nifti(
            here / f"{stem}_space-{space}_desc-brain_mask.nii.gz", (values[..., 0] != 0).astype(np.uint8), affine, dtype=np.uint8
        )
        said(here / f"{stem}_space-{space}_desc-preproc_bold.json", RepetitionTime=1.5, StartTime=0.7)
    said(folder / "dataset_description.json", Name="fMRIPrep", BIDSVersion="1.9.0", DatasetType="derivative")
    return folder


def set_tr(path: Path, step: float, unit: int = 10) -> Path:
    """Write the time from volume to volume, and its unit (2 + 8 is millimetres and seconds), into a header."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[92:96] = np.float32(step).tobytes()
    content[123] = unit
    path.write_bytes(gzip.compress(bytes(content)))
    return path
