"""Eight kinds of pictures, seen in blocks: half an axial slice of one person (Haxby et al. 2001)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from recortex.data import manifests
from recortex.data._nifti import read_volumes
from recortex.data.base import Responses
from recortex.errors import InvalidInput
from recortex.stage import Figure, Result, Source

BOLD, MASK, LABELS = (f"haxby_slice/{name}" for name in ("bold.nii.gz", "mask.nii.gz", "attributes_literal.txt"))
TR_S = 2.5
REST = "rest"


class HaxbySlice(Responses):
    """Half an axial slice of one person's brain for 12 runs of 8 blocks: bottle, cat, chair, face, house, scissors, scrambled, shoe.

    A stimulus is a block, named by run and category, as nobody knows which pictures it showed. All preprocessing stays inside a run
    and, but for which volumes are rest, knows no labels. What is standard with these data is the default: a straight line is taken
    off each run, and each run is z-scored by its rest (Hanke et al. 2009, Frontiers in Neuroinformatics 3:3).

    Parameters
    ----------
    trial : "block" or "volume"
        Whether a row is the mean over the volumes of a block or one volume; the volumes of a block share its stimulus name.
    delay_s : float
        By how much the labels, rest included, are moved later, in whole volumes of 2.5 s. The published ones lie on the response
        already, so a delay of 5 s on top of them would be too much.
    detrend : int, optional
        Order of the polynomial that is fitted to all volumes of each run and taken off; without it nothing is.
    scale : "rest", "run" or "none"
        Which volumes of the run give the mean and standard deviation that each voxel is z-scored by.
    repeats : "keep" or "average"
        With trial: volume, "average" gives the mean of each block.
    """

    trial: Literal["block", "volume"] = "block"
    delay_s: float = Field(default=0.0, ge=0, le=15, multiple_of=TR_S)
    detrend: int | None = Field(default=1, ge=0, le=5)
    scale: Literal["rest", "run", "none"] = "rest"

    def key_extra(self) -> Any:
        """The published files."""
        return manifests.load("haxby_slice").checksums()

    def source(self) -> Source:
        """Haxby et al. 2001, as shipped with PyMVPA."""
        return manifests.load("haxby_slice").source()

    def check_ready(self) -> None:
        """The files must be on this machine."""
        for file in (BOLD, MASK, LABELS):
            manifests.load("haxby_slice").locate(file)

    def expect(self) -> dict[str, int]:
        """As the manifest says."""
        counts = manifests.load("haxby_slice").counts
        volumes = self.trial == "volume" and self.repeats == "keep"
        return {"trial": counts["blocks"] * (counts["volumes_of_a_block"] if volumes else 1), "unit": counts["voxels"]}

    def row_words(self) -> str:
        """Means of blocks, or single volumes."""
        return "single volumes" if self.trial == "volume" and self.repeats == "keep" else "means of the volumes of a block"

    def disclosures(self) -> tuple[str, ...]:
        """That whole runs went into every row."""
        done = []
        if self.detrend is not None:
            done.append(f"freed of a polynomial of order {self.detrend} that was fitted to all its volumes")
        if self.scale != "none":
            done.append(f"z-scored by {'its rest volumes' if self.scale == 'rest' else 'all its volumes'}")
        if not done:
            return ()
        return (
            f"each run was {' and '.join(done)}, later ones included; no run saw another, but none could be decoded as it goes on",
        )

    def measure(self) -> dict[str, Any]:
        """Read image, mask and labels, and make rows of them.

        Raises
        ------
        InvalidInput
            The files hold something else than the manifest says.
        """
        manifest = manifests.load("haxby_slice")
        label, run = read_labels(manifest.locate(LABELS))
        read = read_volumes(manifest.locate(BOLD), manifest.locate(MASK))
        check_counts(read["responses"], label, run, manifest.counts)
        delay = round(self.delay_s / TR_S)
        return read | trials(read["responses"], label, run, self.trial, delay, self.detrend, self.scale)

    def figures(self, result: Result) -> list[Figure]:
        """The mean response to each category, on the slice."""
        from recortex.drawing import picture_sheet

        category, voxel, grid = result["category"], result["voxel"], result["grid"]
        names = np.unique(category)
        means = np.stack([result["responses"][category == name].mean(axis=0) for name in names])
        low, high = np.percentile(means, [1, 99])
        pictures = np.zeros((len(names), grid[1], grid[0], 1))
        # the second axis of the image runs up the page
        pictures[:, grid[1] - 1 - voxel[:, 1], voxel[:, 0], 0] = 0.1 + 0.9 * np.clip((means - low) / (high - low), 0, 1)
        return [
            Figure(
                "Mean response to each category",
                f"Mean over {len(category) // len(names)} rows a category, from {low:.2f} (dark) to {high:.2f} (white); black is outside "
                "of the mask. The first axis of the image runs to the right, the second up.",
                picture_sheet([pictures], ["mean response"], names.tolist()),
                "data",
            )
        ]


def read_labels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """What each volume was, and in which run: a line a volume, the label and the run's number from 0.

    Returns
    -------
    label : (volume,) str array
        Categories, and "rest".
    run : (volume,) int array

    Raises
    ------
    InvalidInput
        A line that is not a label and a number.
    """
    labels, runs = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.split()
        if len(words) != 2 or not words[1].isdecimal():
            raise InvalidInput(f"{path}: line {number} is {line!r}, not a label and the number of a run")
        labels.append(words[0])
        runs.append(int(words[1]))
    return np.array(labels), np.array(runs)


def blocks(label: np.ndarray) -> list[tuple[str, int, int]]:
    """Stretches of one label within a run that are not rest: category, first volume, and the volume after the last."""
    edges = [0, *(np.flatnonzero(label[1:] != label[:-1]) + 1).tolist(), len(label)]
    return [(str(label[begin]), begin, stop) for begin, stop in pairwise(edges) if label[begin] != REST]


def check_counts(volumes: np.ndarray, label: np.ndarray, run: np.ndarray, counts: Mapping[str, int]) -> None:
    """Hold the files against the manifest.

    Parameters
    ----------
    volumes : (volume, unit) array
    label, run : (volume,) arrays
    counts : mapping
        Of the manifest: runs, volumes, voxels, categories, blocks, volumes_of_a_block.

    Raises
    ------
    InvalidInput
        Labels and image differ in length, or a count differs.
    """
    if len(volumes) != len(label):
        raise InvalidInput(f"haxby_slice: the image has {len(volumes)} volumes and the labels {len(label)} lines")
    shown = [block for number in np.unique(run) for block in blocks(label[run == number])]
    seen = {
        "runs": len(np.unique(run)),
        "volumes": len(volumes),
        "voxels": volumes.shape[1],
        "categories": len({category for category, _, _ in shown}),
        "blocks": len(shown),
    }
    for name, count in seen.items():
        if count != counts[name]:
            raise InvalidInput(f"haxby_slice: the files hold {count} {name}, the manifest says {counts[name]}")
    for category, begin, stop in shown:
        if stop - begin != counts["volumes_of_a_block"]:
            raise InvalidInput(
                f"haxby_slice: a block of {category} has {stop - begin} volumes, the manifest says {counts['volumes_of_a_block']}"
            )


def trials(
    volumes: np.ndarray,
    label: np.ndarray,
    run: np.ndarray,
    trial: Literal["block", "volume"] = "block",
    delay: int = 0,
    detrend: int | None = 1,
    scale: Literal["rest", "run", "none"] = "rest",
) -> dict[str, np.ndarray]:
    """Rows from labelled volumes, each run by itself.

    Parameters
    ----------
    volumes : (volume, unit) array
    label : (volume,) str array
        Categories, and "rest".
    run : (volume,) int array
        Counted from 0; the volumes of a run follow each other.
    trial : "block" or "volume"
    delay : int
        Volumes by which the labels are moved later.
    detrend : int, optional
        Order of the polynomial that is taken off.
    scale : "rest", "run" or "none"

    Returns
    -------
    dict
        responses (trial, unit) float32; stimulus, block, run, category, onset_s and window_s (trial,). onset_s is that of the labels
        as published. window_s reaches to the end of the run where detrending or scaling brought the whole run into every row.

    Raises
    ------
    InvalidInput
        A run in pieces, a category that a run lacks or shows in two blocks, a delay that leads out of a run, a run without rest to
        scale by, or a voxel that does not vary there.
    """
    order = list(dict.fromkeys(run.tolist()))
    shown = {number: blocks(label[run == number]) for number in order}
    everything = sorted({category for found in shown.values() for category, _, _ in found})
    whole_run = detrend is not None or scale != "none"
    out: dict[str, list] = {name: [] for name in ("responses", "stimulus", "block", "run", "category", "onset_s", "window_s")}
    for number in order:
        name, rows = f"run{number + 1:02d}", np.flatnonzero(run == number)
        if rows[-1] - rows[0] + 1 != len(rows):
            raise InvalidInput(f"{name}: its volumes do not follow each other, so it has no course in time")
        _check_blocks(shown[number], everything, name, len(rows) - delay)
        moved = [(category, begin + delay, stop + delay) for category, begin, stop in shown[number]]
        at_rest = np.ones(len(rows), dtype=bool)
        for _, begin, stop in moved:
            at_rest[begin:stop] = False
        clean = _scaled(_detrended(volumes[rows], detrend), at_rest, scale, name)
        for category, begin, stop in moved:
            made = [clean[begin:stop].mean(axis=0)] if trial == "block" else list(clean[begin:stop])
            for place, row in enumerate(made):
                onset = TR_S * (begin - delay + place)
                length = TR_S * (delay + (stop - begin if trial == "block" else 1))
                out["responses"].append(row)
                out["stimulus"].append(f"{name}_{category}")
                out["block"].append(f"{name}_{category}")
                out["run"].append(name)
                out["category"].append(category)
                out["onset_s"].append(onset)
                out["window_s"].append(TR_S * len(rows) - onset if whole_run else length)
    made_of = {key: np.array(values) for key, values in out.items()}
    return made_of | {"responses": made_of["responses"].astype(np.float32)}


def _check_blocks(shown: list[tuple[str, int, int]], everything: list[str], name: str, last: int) -> None:
    categories = [category for category, _, _ in shown]
    if lacking := sorted(set(everything) - set(categories)):
        raise InvalidInput(f"{name} has no block of {lacking[0]}, which other runs have")
    if twice := sorted({category for category in categories if categories.count(category) > 1}):
        raise InvalidInput(
            f"{name} shows {twice[0]} in {categories.count(twice[0])} blocks, so the name {name}_{twice[0]} is not one block's"
        )
    if shown and shown[-1][2] > last:
        raise InvalidInput(
            f"{name}: the delay moves the block of {shown[-1][0]} beyond the end of the run; set a smaller delay_s"
        )


def _detrended(volumes: np.ndarray, order: int | None) -> np.ndarray:
    """Volumes of a run without the polynomial that fits all of them best."""
    values = volumes.astype(np.float64)
    if order is None:
        return values
    # Legendre polynomials: nearly orthogonal over the run, so the fit is well conditioned
    basis = np.polynomial.legendre.legvander(np.linspace(-1, 1, len(values)), order)
    return values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]


def _scaled(values: np.ndarray, at_rest: np.ndarray, scale: str, name: str) -> np.ndarray:
    if scale == "none":
        return values
    baseline = values[at_rest] if scale == "rest" else values
    if len(baseline) < 2:
        raise InvalidInput(f"{name} has {len(baseline)} rest volumes, too few to scale by; set scale: run or none")
    mean, sd = baseline.mean(axis=0), baseline.std(axis=0)
    # detrending leaves rounding of a constant voxel, not 0
    if (flat := np.flatnonzero(sd <= 1e-9 * np.abs(values).max())).size:
        raise InvalidInput(
            f"{name}: {len(flat)} voxels (the first: {flat[0]}) do not vary over the {len(baseline)} volumes that scale them"
        )
    return (values - mean) / sd
