"""What data stages return, and how the two sides find each other.

Responses have one row a trial and name the stimulus of each; stimuli have one row a stimulus. They are joined by that name and
never by row number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from recortex.errors import InvalidInput, did_you_mean, listed
from recortex.stage import Array, Figure, Result, Stage

LABELS = ("session", "run", "block", "clip", "repetition", "split", "category", "concept")
WHOLE = re.compile(r"0*[0-9]+(?:\.0*)?")  # 1, 01 and 1.0, as spreadsheets and pandas turn one into the other
NUMBERS = {
    "onset_s": "onset of the stimulus within its run",
    "window_s": "length of the raw recording, from the onset on, that went into the trial; filters included",
    "trigger_s": "onset as the recording device's own trigger has it",
}
ON_CORTEX = {
    "hemisphere": Array("unit", dtype="str", units="", optional=True, about="left or right"),
    "vertex": Array(
        "unit", dtype="int", units="", optional=True, about="nearest vertex of fsaverage5, from 0 in each hemisphere"
    ),
}
"""Where units are on the cortical sheet that all people share."""


class Responses(Stage):
    """Brain responses, a row a trial and a column a unit (voxel, vertex, parcel, sensor, electrode).

    Parameters
    ----------
    repeats : "keep" or "average"
        Whether presentations of one stimulus stay single trials or are averaged into one row.
    """

    repeats: Literal["keep", "average"] = "keep"

    returns: ClassVar[dict[str, Array]] = {
        "responses": Array("trial", "unit", units="", about="response of each unit in each trial, in the recording's own unit"),
        "stimulus": Array("trial", dtype="str", units="", about="which stimulus was shown"),
        "n_repeats": Array("trial", dtype="int", about="how many presentations were averaged into this row"),
        **{name: Array("trial", dtype="str", units="", optional=True, about=f"{name} of each trial") for name in LABELS},
        "extra": Array("trial", "extra_column", dtype="str", units="", optional=True, about="further columns of the trial table"),
        "extra_column": Array("extra_column", dtype="str", units="", optional=True, about="names of the further columns"),
        **{name: Array("trial", units="s", optional=True, about=about) for name, about in NUMBERS.items()},
        "column": Array("unit", dtype="int", units="", optional=True, about="which column of the file each unit was"),
        "voxel": Array("unit", "axis", dtype="int", units="", optional=True, about="voxel indices i, j, k of each unit"),
        "affine": Array("row", "column", units="mm", optional=True, about="voxel indices to millimetres"),
        "grid": Array("axis", dtype="int", units="", optional=True, about="number of voxels along i, j, k"),
        **ON_CORTEX,
    }

    def where(self) -> str:
        """What messages about the responses call them."""
        return self.type_name()

    def measure(self) -> dict[str, Any]:
        """The recorded trials, every presentation a row: the arrays of `returns` except n_repeats."""
        raise TypeError(f"{type(self).__name__} does not say where its responses come from")

    def gives_units(self) -> bool:
        """Whether the recorded trials of some units are had without those of the others in memory."""
        return self.repeats == "keep"

    def recorded(self, units: slice = slice(None)) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Single presentations, (presentation, unit), of all units or of some, and their trial table."""
        if self.repeats == "keep":  # they are the rows
            return self.run().read("responses", columns=units), self.trial_table()
        arrays = self.measure()
        return np.asarray(arrays["responses"])[:, units], table_of(arrays)

    def compute(self) -> dict[str, Any]:
        """Check the recorded trials and average repeats where asked."""
        return self.checked(self.measure())

    def checked(self, arrays: dict[str, Any], first: int = 0) -> dict[str, Any]:
        """The arrays of `returns`, from recorded trials of units from the first on."""
        check_responses(np.asarray(arrays["responses"]), self.where(), first)
        arrays.setdefault("n_repeats", np.ones(len(arrays["stimulus"]), dtype=int))
        return average_repeats(arrays, self.returns, self.where()) if self.repeats == "average" else arrays

    def row_words(self) -> str:
        """What a row is, where it is neither a single presentation nor a mean of `n_repeats`; for the table of scores."""
        return ""

    def disclosures(self) -> tuple[str, ...]:
        """What was done to these responses that a reader of scores must know, and that no later stage can undo."""
        return ()

    def trial_table(self) -> dict[str, np.ndarray]:
        """The trial table: stimulus and whatever other columns there are."""
        return table_of(self.run())


class Stimuli(Stage):
    """What was shown or played, a row a stimulus."""

    returns: ClassVar[dict[str, Array]] = {
        "stimulus": Array("stimulus", dtype="str", units="", about="names, distinct"),
        "category": Array("stimulus", dtype="str", units="", optional=True, about="what kind of thing it is"),
    }

    def where(self) -> str:
        """What messages about the stimuli call them: their file or folder, where they have one."""
        return str(getattr(self, "path", self.type_name()))


class Pictures(Stimuli):
    """Stimuli that are pictures, all of one size."""

    returns: ClassVar[dict[str, Array]] = Stimuli.returns | {
        "picture": Array("stimulus", "height", "width", "channel", dtype="uint8", about="grey (1 channel) or RGB (3), 0 to 255"),
    }

    def figures(self, result: Result) -> list[Figure]:
        """A sheet of the first pictures."""
        from recortex.drawing import picture_sheet

        some = slice(0, 16)
        return [
            Figure(
                "Stimuli",
                f"{result.shape('picture')[0]} pictures of {result.shape('picture')[1]} x {result.shape('picture')[2]} pixels; "
                "the first of them.",
                picture_sheet([result.read("picture", some) / 255], ["shown"], result["stimulus"][some].tolist()),
                "data",
            )
        ]


class Captions(Stimuli):
    """Stimuli that are words, or words about stimuli; where there are fewer wordings than columns the rest is empty."""

    returns: ClassVar[dict[str, Array]] = Stimuli.returns | {
        "caption": Array("stimulus", "wording", dtype="str", units="", about="wordings, padded with empty ones"),
    }


def check_responses(responses: np.ndarray, owner: str, first: int = 0) -> None:
    """Refuse responses that no fit can use; `first` is the number of their first unit.

    Raises
    ------
    InvalidInput
        NaN, infinite or constant units; the message names the first of them and the way out.
    """
    if responses.ndim != 2:
        raise InvalidInput(f"{owner}: responses have shape {responses.shape}, not (trial, unit)")
    # a column sum of finite numbers is finite unless it overflows: one pass, no boolean copy of the whole array
    with np.errstate(over="ignore", invalid="ignore"):
        suspect = np.flatnonzero(~np.isfinite(responses.sum(axis=0, dtype=np.float64)))
    broken = [unit for unit in suspect if not np.isfinite(responses[:, unit]).all()]
    if broken:
        row = int(np.flatnonzero(~np.isfinite(responses[:, broken[0]]))[0])
        named = listed(first + unit for unit in broken)
        raise InvalidInput(
            f"{owner}: {len(broken)} of {responses.shape[1]} units are NaN or infinite somewhere (units {named}, the first in trial "
            f"{row}, counted from 0); leave them out with drop_units: invalid, or mend the file"
        )
    constant = np.flatnonzero((responses == responses[:1]).all(axis=0)) if len(responses) > 1 else np.array([], dtype=int)
    if len(constant):
        raise InvalidInput(
            f"{owner}: {len(constant)} of {responses.shape[1]} units never change (units {listed(first + constant)}, counted from 0), as "
            "outside the brain; leave them out with drop_units: invalid, or give a mask"
        )


def table_of(arrays: Mapping[str, Any] | Result) -> dict[str, np.ndarray]:
    """The columns of a trial table among the arrays of a recording."""
    table = {name: np.asarray(arrays[name]) for name in ("stimulus", *LABELS, *NUMBERS) if name in arrays}
    if "extra" in arrays:
        table |= dict(zip(arrays["extra_column"].tolist(), arrays["extra"].T, strict=True))
    return table


def average_repeats(arrays: Mapping[str, Any], promised: Mapping[str, Array], owner: str = "") -> dict[str, Any]:
    """Average the rows of each stimulus; rows come in order of first appearance.

    Numbers of a trial are averaged, weighted by the presentations they already hold. A label is kept when it is the same in all
    rows of every stimulus, and dropped otherwise, as are onsets.

    Raises
    ------
    InvalidInput
        A stimulus has two values of split or category.
    """
    names = list(dict.fromkeys(np.asarray(arrays["stimulus"]).tolist()))
    number = {name: row for row, name in enumerate(names)}
    group = np.array([number[name] for name in np.asarray(arrays["stimulus"]).tolist()])
    weight = np.asarray(arrays["n_repeats"])
    total = np.bincount(group, weights=weight)
    first = np.unique(group, return_index=True)[1]
    out: dict[str, Any] = {"stimulus": np.array(names), "n_repeats": total.astype(int)}
    for name in arrays:
        values = np.asarray(arrays[name])
        if name in out or name in (*NUMBERS, "extra_column"):
            continue
        if promised[name].dims[0] != "trial":
            out[name] = values
        elif values.dtype.kind == "f":
            summed = np.zeros((len(names), *values.shape[1:]))
            np.add.at(summed, group, values * weight.reshape(-1, *[1] * (values.ndim - 1)))
            out[name] = (summed / total.reshape(-1, *[1] * (values.ndim - 1))).astype(values.dtype)
        elif name == "extra":
            same = (values == values[first][group]).all(axis=0)
            if same.any():
                out["extra"], out["extra_column"] = values[first][:, same], np.asarray(arrays["extra_column"])[same]
        elif not (differs := values != values[first][group]).any():
            out[name] = values[first]
        elif name in ("split", "category"):
            row = int(np.flatnonzero(differs)[0])
            one, other = (value or "none" for value in (values[first][group][row], values[row]))
            raise InvalidInput(
                f"{owner}{': ' if owner else ''}stimulus {names[group[row]]} has two values of {name} ({one} in trial "
                f"{first[group[row]]} and {other} in trial {row}, counted from 0), so its repeats cannot be averaged; correct the trial "
                "table, or set repeats: keep"
            )
    return out


def rows_of(wanted: np.ndarray, available: np.ndarray, what: str, where: str) -> np.ndarray:
    """For each wanted name its row among the available ones.

    Parameters
    ----------
    wanted, available : (n,) str arrays
        Names; those available are distinct.
    what, where : str
        For the message: "stimuli of the trials", "the picture folder".

    Returns
    -------
    (len(wanted),) int array

    Raises
    ------
    InvalidInput
        A wanted name is not available, or an available one stands twice.
    """
    position = {str(name): row for row, name in enumerate(available)}
    if len(position) != len(available):
        names, counts = np.unique(available, return_counts=True)
        raise InvalidInput(f"{where}: {listed(names[counts > 1], 3)} more than once; names must be distinct")
    names = np.asarray(wanted).tolist()
    if missing := [name for name in dict.fromkeys(names) if name not in position]:
        near = nearest(missing, names, position)
        raise InvalidInput(
            f"{len(missing)} of the {what} {'is' if len(missing) == 1 else 'are'} not in {where}: {listed(missing)}{near}"
        )
    return np.array([position[name] for name in names], dtype=int)


def nearest(missing: list[str], wanted: list[str], available: Mapping[str, int]) -> str:
    """What the missing names may have meant: the same numbers written otherwise or counted from elsewhere, or a likely misprint."""
    numbers = {int(name): name for name in available if WHOLE.fullmatch(name) and "." not in name}
    if len(numbers) == len(available) and all(WHOLE.fullmatch(name) for name in wanted):
        asked = {int(float(name)) for name in wanted}
        if asked <= set(numbers):
            return f"; there {missing[0]} is written {numbers[int(float(missing[0]))]}: write numbers in one way"
        ranges = f"; they run from {min(asked)} to {max(asked)} and those from {min(numbers)} to {max(numbers)}"
        if min(asked) == min(numbers):
            return f"{ranges}: add what is missing there, or take these trials out"
        return f"{ranges}: count both from 0 or both from 1 (numbered_from: 1 in a PictureFile)"
    stem = missing[0].rpartition(".")[0]
    if stem in available:
        return f"; did you mean {stem}? A picture's name is without its file's suffix"
    # never a name that another trial goes by, or that has another number: followed, it would pair the trial with a wrong picture
    used, number = set(wanted), _numbers_in(missing[0])
    likely = [name for name in available if name not in used and _numbers_in(name) == number]
    if "did you mean" in (near := did_you_mean(missing[0], likely)):
        return near
    if used & set(available):
        them, their = ("it", "its") if len(missing) == 1 else ("them", "their")
        return f"; add {them} there, or leave {their} trials out"
    return f"; it holds {listed(available, 3)}: name each as there"


def _numbers_in(name: str) -> list[str]:
    """However many zeros they are written with."""
    return [digits.lstrip("0") for digits in re.findall("[0-9]+", name)]
