"""Responses of one's own, from a file of numbers or a 4D NIfTI image, and a trial table."""

from __future__ import annotations

import logging
from typing import Any, Literal

import numpy as np

from recortex.data._array_files import IN_PARTS, read_array, shape_of
from recortex.data._nifti import is_nifti, read_volumes, size_of
from recortex.data._trial_table import read_trials
from recortex.data.base import Responses, table_of
from recortex.errors import InvalidInput
from recortex.stage import LocalFile, Tiling

AT_ONCE = 2**26  # numbers of a part


class ResponseFile(Responses):
    """Responses of your own: .npy, .npz, .mat, .h5, .csv, or a 4D NIfTI image with a mask.

    Parameters
    ----------
    path : file
        The responses, (trial, unit), or a 4D image with one volume a trial.
    trials : file
        The trial table (.csv or .tsv), a line a trial in the order of the rows; `stimulus` says what was shown.
    array : str, optional
        Which array of the file, where it holds several.
    mask : file, optional
        For an image: a 3D image on the same grid, not 0 where a voxel counts as a unit.
    trial_axis : 0 or 1
        Which axis of an array runs over trials.
    drop_units : "none" or "invalid"
        Whether units that are NaN, infinite or constant are refused or left out; a warning says how many were.
    disclosed : tuple of str
        What was done to these responses before and must stand beside every score, a sentence each: "z-scored with the test trials".
    repeats : "keep" or "average"
        Whether presentations of one stimulus stay single trials or are averaged.
    """

    path: LocalFile
    trials: LocalFile
    array: str | None = None
    mask: LocalFile | None = None
    trial_axis: Literal[0, 1] = 0
    drop_units: Literal["none", "invalid"] = "none"
    disclosed: tuple[str, ...] = ()

    def disclosures(self) -> tuple[str, ...]:
        """As its owner states."""
        return self.disclosed

    def where(self) -> str:
        """The file."""
        return str(self.path)

    def tiling(self) -> Tiling | None:
        """A part for some units, where a file is large and gives some of its columns without the rest."""
        if not self._gives_columns():
            return None
        shape = shape_of(self.path, self.array)
        if shape is None or len(shape) != 2:
            return None
        trials, units = shape[::-1] if self.trial_axis else shape
        self._check_length((trials, units), len(read_trials(self.trials)["stimulus"]))
        step = max(1, AT_ONCE // max(trials, 1))
        return Tiling("unit", units, step) if units > step else None

    def recorded(self, units: slice = slice(None)) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """As of all responses; where repeats are averaged, no more of the file is read than these units."""
        if self.repeats == "keep" or not self._gives_columns():
            return super().recorded(units)
        arrays = self.measure(units)
        return arrays["responses"], table_of(arrays)

    def gives_units(self) -> bool:
        """From a file that gives some of its columns, also where repeats are averaged."""
        return self._gives_columns() or super().gives_units()

    def _gives_columns(self) -> bool:
        return not is_nifti(self.path) and self.drop_units == "none" and self.path.suffix.lower() in IN_PARTS

    def compute_tile(self, rows: range) -> dict[str, Any]:
        """Some units."""
        return self.checked(self.measure(slice(rows.start, rows.stop)), rows.start)

    def measure(self, units: slice | None = None) -> dict[str, Any]:
        """Read the file, or some of its units, and its trial table.

        Raises
        ------
        InvalidInput
            The file cannot be read, has the wrong number of axes, or another number of trials than the table.
        """
        table = read_trials(self.trials)
        self._check_fields()
        if is_nifti(self.path):
            arrays = read_volumes(self.path, self.mask)
        else:
            part = None if units is None else (units, slice(None)) if self.trial_axis else (slice(None), units)
            values = read_array(self.path, self.array, part)
            self._check_axes(values.shape)
            if values.dtype.kind == "b":
                raise InvalidInput(f"{self.path} holds true and false; responses are numbers of shape (trial, unit)")
            values = values.T if self.trial_axis == 1 else values
            arrays = {"responses": values, "column": np.arange(values.shape[1]) + ((units.start or 0) if units else 0)}
        self._check_length(arrays["responses"].shape, len(table["stimulus"]))
        dtype = arrays["responses"].dtype
        # numbers that float32 cannot hold stay float64; either way in this machine's byte order, and as they are where they can be
        wide = dtype.itemsize >= (8 if dtype.kind == "f" else 4)
        arrays["responses"] = arrays["responses"].astype(np.float64 if wide else np.float32, copy=False)
        return (self._valid(arrays) if self.drop_units == "invalid" else arrays) | table

    def _check_fields(self) -> None:
        if is_nifti(self.path):
            if self.trial_axis != 0:
                raise InvalidInput(f"{self.path} is an image, whose volumes are its trials: leave out trial_axis")
            if self.array is not None:
                raise InvalidInput(f"{self.path} is an image, without named arrays: leave out array: {self.array}")
        elif self.mask is not None:
            raise InvalidInput(f"{self.path} is not a NIfTI image, so mask: {self.mask.name} does not apply to it")

    def expect(self) -> dict[str, int]:
        """As the headers and the trial table say; without the units of a table of numbers, which only reading it tells.

        Raises
        ------
        InvalidInput
            What a run would refuse, as far as headers show it.
        """
        table = read_trials(self.trials)
        self._check_fields()
        if is_nifti(self.path):
            shape: tuple[int, ...] | None = size_of(self.path, self.mask)
        else:
            shape = shape_of(self.path, self.array)
        if shape is None:
            return {}
        self._check_axes(shape)
        trials, units = shape[::-1] if self.trial_axis else shape
        self._check_length((trials, units), len(table["stimulus"]))
        return {"trial": len(set(table["stimulus"].tolist())) if self.repeats == "average" else trials, "unit": units}

    def _check_axes(self, shape: tuple[int, ...]) -> None:
        if len(shape) != 2:
            remedy = "flatten what follows the trials (reshape(len(x), -1)), or name another array"
            raise InvalidInput(f"{self.path} has shape {shape}; responses are numbers of shape (trial, unit): {remedy}")

    def _check_length(self, shape: tuple[int, int], lines: int) -> None:
        if shape[0] == lines:
            return
        other = 1 - self.trial_axis
        turn = f"; its other axis has {lines}: set trial_axis: {other}" if shape[1] == lines else ""
        if shape[0] == lines + 1 and self.path.suffix.lower() in (".csv", ".tsv"):
            turn = "; if its first line is a header of numbers, take it away"
        remedy = turn or "; give one line a trial, in the order of the rows"
        raise InvalidInput(f"{self.path} has {shape[0]} trials and {self.trials.name} has {lines} lines below its header{remedy}")

    def _valid(self, arrays: dict[str, Any]) -> dict[str, Any]:
        responses = arrays["responses"]
        valid = np.isfinite(responses).all(axis=0) & (responses != responses[:1]).any(axis=0)
        if not valid.any():
            raise InvalidInput(
                f"{self.path}: every unit is NaN, infinite or constant; is this the right array, and the right mask?"
            )
        if not valid.all():
            logging.getLogger("recortex").warning(
                "%s: %d of %d units are NaN, infinite or constant and were left out",
                self.path.name,
                np.sum(~valid),
                len(valid),
            )
        kept = {name: values[valid] for name, values in arrays.items() if self.returns[name].dims[0] == "unit"}
        return arrays | kept | {"responses": responses[:, valid]}
