"""Functional images, events and confounds of one person from BIDS folders."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex import keys
from recortex.data import _bids_volumes as volumes
from recortex.data._bids_events import check_names, read_confounds, read_events
from recortex.data._bids_files import Run, Wanted, find_runs
from recortex.data._bids_volumes import Series
from recortex.data.recording import OF_EVENTS, Bold
from recortex.errors import InvalidInput, did_you_mean, listed
from recortex.stage import NOT_IN_KEY, LocalFile, LocalPath, Source, Tiling


class BidsBold(Bold):
    """Functional MRI from a BIDS dataset, or from a derivatives folder such as fMRIPrep's.

    A run is a part: one run is in memory at a time, and a killed import goes on with the next. The key is made of the files that are
    read, and not of the rest of the folder. Volumes are taken at the sidecar's StartTime where it has one, as after slice
    timing correction, else half way through their slices: by SliceTiming, or where there is none in the middle of their interval, without
    a pause that DelayTime or AcquisitionDuration tells of. Units come in the order of their voxel indices.

    Parameters
    ----------
    folder : folder
        Holds ``sub-LABEL/[ses-LABEL/]func/*_bold.nii.gz``.
    subject, task : str
        Labels without ``sub-`` and ``task-``; quoted, as '01', where YAML would take them for numbers.
    mask : file, optional
        A 3D image on the grid of the runs; voxels that are not 0 are units.
    mask_from : "dataset" or "mean", optional
        In place of a file: voxels that are not 0 in the ``*_desc-brain_mask.nii.gz`` of every run are units; or those of the mean
        image over all runs that lie above `mean_share` times its own mean.
    companions : tuple of folder
        Further BIDS folders, for sidecars, events, confounds and masks that `folder` does not have: of a derivatives folder the raw
        dataset, of a raw dataset its derivatives. The first that has a file gives it.
    sessions, runs : tuple of str
        Their labels; all, where none is named.
    space, desc : str, optional
        These entities of the images, as MNI152NLin2009cAsym and preproc; needed where there are several.
    entities : dict of str to str
        Further entities of the images, as ``{echo: "2"}``; needed where there are several.
    confounds : tuple of str
        Columns of ``*_desc-confounds_timeseries.tsv``.
    stimulus_column : str
        Column of events.tsv that says what was shown. Of stim_file it is the name of the file without folder and suffix.
    category_column : str, optional
        Column that gives `category`, such as trial_type. The columns category, block, clip, repetition, split and concept count too.
    skip : tuple of str
        Values of trial_type that are no trials: fixation, response.
    mean_share : float
        For mask_from: mean.
    tr_s : float, optional
        Seconds from volume to volume, where header and sidecar disagree or say nothing.
    """

    version: ClassVar[int] = 2

    # what is read of folders counts through `key_extra`: all of it may be hundreds of gigabytes of other people and tasks
    folder: Annotated[LocalPath, NOT_IN_KEY]
    subject: str
    task: str
    mask: LocalFile | None = None
    mask_from: Literal["dataset", "mean"] | None = None
    companions: Annotated[tuple[LocalPath, ...], NOT_IN_KEY] = ()
    sessions: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    space: str | None = None
    desc: str | None = None
    entities: dict[str, str] = {}
    confounds: tuple[str, ...] = ()
    stimulus_column: str = "stimulus"
    category_column: str | None = None
    skip: tuple[str, ...] = ()
    mean_share: float = Field(default=0.8, gt=0, le=10)
    tr_s: float | None = Field(default=None, gt=0, le=100)

    def where(self) -> str:
        """The person and task."""
        return f"{self.folder}, sub-{self.subject} task-{self.task}"

    def key_extra(self) -> Any:
        """Name and content of every file that is read; nothing where they are refused, as then nothing is made."""
        try:
            found = self._files()
        except InvalidInput:
            return None
        roots = (self.folder, *self.companions)

        def token(file: Path) -> list[str]:
            root = next(root for root in roots if file.is_relative_to(root))
            return [file.relative_to(root).as_posix(), keys.content(file)]

        return [[[run.session, run.name], *map(token, run.files)] for run in found]

    def source(self) -> Source:
        """As dataset_description.json says; the folder's, or the first companion's that names a licence."""
        described = [_description(root) for root in (self.folder, *self.companions)]
        best = next((one for one in described if one.get("License")), described[0])
        citation = best.get("HowToAcknowledge") or "; ".join(map(str, best.get("ReferencesAndLinks") or ()))
        name, licence = best.get("Name") or self.folder.name, best.get("License") or "none given"
        return Source(str(name), str(licence), str(citation), str(best.get("DatasetDOI") or ""))

    def check_ready(self) -> None:
        """The runs must be there and fit together, as far as headers and tables show it."""
        self._layout()

    def expect(self) -> dict[str, int]:
        """As headers, masks and tables say; nothing where the mask is made of the volumes.

        Raises
        ------
        InvalidInput
            What a run would refuse, as far as headers show it.
        """
        layout = self._layout()
        if self.mask_from == "mean":
            return {}
        sizes = {"volume": layout.starts[-1], "unit": int(layout.inside.sum()), "run": len(layout.runs)}
        return sizes | {"event": len(layout.events["stimulus"]), "axis": 3, "row": 4, "column": 4}

    def tiling(self) -> Tiling:
        """A part a run."""
        starts = self._layout().starts
        return Tiling("volume", starts[-1], edges=tuple(starts[:-1]))

    def compute_tile(self, rows: range) -> dict[str, Any]:
        """The volumes of some runs, and the events of all."""
        layout = self._layout()
        some = [run for run, start in enumerate(layout.starts[:-1]) if start in rows]
        made: dict[str, Any] = dict(layout.events)
        made["run"] = np.array([run.name for run in layout.runs])
        if layout.runs[0].session is not None:
            made["session"] = np.array([run.session for run in layout.runs])
        series = [layout.series[run] for run in some]
        made["bold"] = np.concatenate([volumes.read_run(one, layout.inside) for one in series])
        made["volume_run"] = np.repeat(some, [one.volumes for one in series])
        made["time_s"] = np.concatenate([one.time_s for one in series])
        made |= {"voxel": np.argwhere(layout.inside), "affine": layout.series[0].affine, "grid": np.array(layout.series[0].grid)}
        if self.confounds:
            made["confound_name"] = np.array(self.confounds)
            made["confound"] = np.concatenate([layout.confounds[run] for run in some])
        return made

    def _files(self) -> list[Run]:
        asked = {name: value for name, value in (("space", self.space), ("desc", self.desc)) if value is not None}
        wanted = Wanted(self.subject, self.task, self.sessions, self.runs, asked | self.entities)
        return find_runs(self.folder, self.companions, wanted)

    def _layout(self) -> Layout:
        """What all parts share, kept in this process until files or fields change."""
        key = (self.key(), self.folder, *self.companions)
        made = _KEPT.get(key)
        if made is None:
            made = self._looked_at()
            _KEPT.clear()
            _KEPT[key] = made
        return made

    def _looked_at(self) -> Layout:
        if (self.mask is None) == (self.mask_from is None):
            both = "one of them, and leave out the other" if self.mask else "mask: FILE, mask_from: dataset or mask_from: mean"
            raise InvalidInput(f"{self.where()}: say which voxels are units with {both}")
        runs = self._files()
        series = [volumes.look_at(run.bold, run.sidecars, self.tr_s) for run in runs]
        for one in series[1:]:
            volumes.check_place(series[0], one)
        masks: list[Path] | None = [Path(self.mask)] if self.mask else None
        if self.mask_from == "dataset":
            masks = [
                run.mask or self._lacking(run, "desc-brain_mask.nii.gz", "a file as mask, or mask_from: mean") for run in runs
            ]
        layout = Layout(runs, series, self._events(runs, series), self._confounds(runs, series), masks, self.mean_share)
        if masks:
            _ = layout.inside
        return layout

    def _events(self, runs: list[Run], series: list[Series]) -> dict[str, np.ndarray]:
        tables, types = [], set()
        for run, one in zip(runs, series, strict=True):
            path = run.events or self._lacking(run, "events.tsv", "the runs that have them with runs")
            table, kinds = read_events(path, one.length_s, self.stimulus_column, self.category_column, self.skip)
            tables.append(table)
            types |= kinds
        for kind in self.skip:
            if kind not in types:
                raise InvalidInput(
                    f"{self.where()}: skip has {kind}, and no event is of that trial_type{did_you_mean(kind, types)}"
                )
        for name in OF_EVENTS:
            without = [run.events for run, table in zip(runs, tables, strict=True) if name not in table]
            if 0 < len(without) < len(runs):
                raise InvalidInput(f"{without[0]} has no column {name}, and other runs have it; give it to all or to none")
        made = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
        run_of = np.repeat(np.arange(len(runs)), [len(table["stimulus"]) for table in tables])
        files = [str(runs[run].events) for run in run_of]
        check_names(made["stimulus"].tolist(), made.pop("cell").tolist(), files, self.stimulus_column)
        return made | {"event_run": run_of}

    def _confounds(self, runs: list[Run], series: list[Series]) -> list[np.ndarray]:
        if not self.confounds:
            return []
        if len(set(self.confounds)) < len(self.confounds):
            raise InvalidInput(f"{self.where()}: confounds names a column twice ({listed(self.confounds)})")
        path = [run.confounds or self._lacking(run, "desc-confounds_timeseries.tsv", "no confounds") for run in runs]
        return [read_confounds(file, self.confounds, one.volumes) for file, one in zip(path, series, strict=True)]

    def _lacking(self, run: Run, what: str, otherwise: str) -> Path:
        """Refuse a run without a file that is needed, naming the folder that may have it."""
        near = [self.folder.parents[1]] if self.folder.parent.name == "derivatives" else sorted(self.folder.glob("derivatives/*"))
        found = [
            str(root) for root in near if root not in self.companions and next(root.glob(f"sub-{self.subject}/**/*{what}"), None)
        ]
        way = f"name {found[0]} in companions" if found else "name the BIDS folder that has it in companions"
        raise InvalidInput(f"{run.bold} has no {what} that goes with it in {self.folder}; {way}, or give {otherwise}")


@dataclass(eq=False)
class Layout:
    """What is known of all runs before a volume is read."""

    runs: list[Run]
    series: list[Series]
    events: dict[str, np.ndarray]
    confounds: list[np.ndarray]
    masks: list[Path] | None
    mean_share: float

    @property
    def starts(self) -> list[int]:
        """The first volume of each run, and the number of all."""
        return [0, *np.cumsum([one.volumes for one in self.series]).tolist()]

    @cached_property
    def inside(self) -> np.ndarray:
        """Which voxels are units, (i, j, k)."""
        if self.masks is None:
            return volumes.bright([one.path for one in self.series], self.mean_share)
        return volumes.common_mask(self.masks, self.series[0])


_KEPT: dict[tuple, Layout] = {}


def _description(root: Path) -> dict[str, Any]:
    try:
        said = json.loads((root / "dataset_description.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
