"""Names in BIDS folders: which images are the runs of a person, and which sidecars, tables and masks apply to each.

Names are taken apart here, and nowhere else. Only names are looked at, no file is opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from recortex.errors import InvalidInput, did_you_mean, listed, shown

IMAGES = ("nii.gz", "nii")
FREE = ("sub", "ses", "task", "run", "dir")  # what may differ between the runs of one recording
SPACES = ("space", "res", "den")  # what a mask must share with an image, or both lack


@dataclass(frozen=True)
class Named:
    """A file whose name is BIDS's: ``sub-01_task-scenes_run-1_bold.nii.gz``."""

    path: Path
    entities: Mapping[str, str]
    suffix: str
    extension: str


@dataclass(frozen=True)
class Run:
    """The files of one run.

    Parameters
    ----------
    session : str, optional
    name : str
        As its file's name numbers it; "1" where it does not.
    bold : Path
    sidecars : tuple of Path
        From the outermost, whose words the inner ones may replace.
    events, confounds, mask : Path, optional
    """

    session: str | None
    name: str
    bold: Path
    sidecars: tuple[Path, ...]
    events: Path | None
    confounds: Path | None
    mask: Path | None

    @property
    def files(self) -> list[Path]:
        """All of them."""
        return [self.bold, *self.sidecars, *(file for file in (self.events, self.confounds, self.mask) if file)]


@dataclass(frozen=True)
class Wanted:
    """Which runs are asked for: names of sessions and runs (all, where none is named), and what other entities must be."""

    subject: str
    task: str
    sessions: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    entities: Mapping[str, str] = field(default_factory=dict)


def taken_apart(path: Path) -> Named | None:
    """The parts of a name; None where it is not BIDS's."""
    stem, _, extension = path.name.partition(".")
    *pairs, suffix = stem.split("_")
    entities: dict[str, str] = {}
    for pair in pairs:
        name, _, label = pair.partition("-")
        if not (name.isalnum() and label) or name in entities:
            return None
        entities[name] = label
    return Named(path, entities, suffix, extension) if suffix.isalnum() else None


def put_together(entities: Mapping[str, str | None], suffix: str, extension: str) -> str:
    """The name of a file, from entities in order; those that are None are left out.

    >>> put_together({"sub": "01", "ses": None, "task": "scenes", "run": "2"}, "bold", "nii.gz")
    'sub-01_task-scenes_run-2_bold.nii.gz'
    """
    return "_".join([*(f"{name}-{label}" for name, label in entities.items() if label is not None), f"{suffix}.{extension}"])


def check_label(value: str, what: str, prefix: str) -> None:
    """Refuse what cannot be the label of an entity.

    Raises
    ------
    InvalidInput
        It is not made of letters and digits.
    """
    if value.startswith(f"{prefix}-"):
        raise InvalidInput(f"{what}: write {shown(value.removeprefix(f'{prefix}-'))}, without {prefix}-")
    if not value.replace("+", "").isalnum() or not value.isascii():
        raise InvalidInput(f"{what}: {shown(value)!r} is no label of BIDS, which has letters and digits only")


def find_runs(folder: Path, companions: Sequence[Path], wanted: Wanted) -> list[Run]:
    """The runs that are asked for, by session and number, each with its files.

    Parameters
    ----------
    folder : Path
        Holds the images.
    companions : sequence of Path
        Where sidecars, events, confounds and masks lie that are not in the folder, first come first served.
    wanted : Wanted

    Raises
    ------
    InvalidInput
        The folder is not BIDS's, does not hold what is asked for, or holds several things that could be meant.
    """
    images = _runs_of(_of_task(_images(folder, wanted), wanted), wanted)
    roots = [_Tree(folder), *map(_Tree, companions)]
    made = []
    for image in images:
        here = image.path.parent.relative_to(folder)
        sidecars = next((them for tree in roots if (them := tree.sidecars(here, image))), ())
        others = [
            next((found for tree in roots if (found := tree.nearest(here, image, *what))), None)
            for what in (("events", ("tsv",), None), ("timeseries", ("tsv",), "confounds"), ("mask", IMAGES, "brain"))
        ]
        made.append(Run(image.entities.get("ses"), image.entities.get("run", "1"), image.path, sidecars, *others))
    return made


def _images(folder: Path, wanted: Wanted) -> list[Named]:
    for value, what, prefix in [(wanted.subject, "subject", "sub"), (wanted.task, "task", "task")]:
        check_label(value, what, prefix)
    for label in wanted.sessions:
        check_label(label, "sessions", "ses")
    for label in wanted.runs:
        check_label(label, "runs", "run")
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is a file; name the folder of a BIDS dataset, which holds sub-LABEL folders")
    people = sorted(path.name.removeprefix("sub-") for path in folder.glob("sub-*") if path.is_dir())
    if not people:
        above = next((path for path in folder.parents if folder.relative_to(path).parts[0].startswith("sub-")), None)
        way = f"name the folder above the person's: {above}" if above else "name the folder that holds a person's sub-LABEL"
        raise InvalidInput(f"{folder} is no BIDS dataset: it has no folders sub-LABEL; {way}")
    if wanted.subject not in people:
        raise InvalidInput(f"{folder} has no sub-{wanted.subject}{_near(wanted.subject, people)}")
    person = folder / f"sub-{wanted.subject}"
    found = []
    for place in [person / "func", *sorted(person.glob("ses-*/func"))]:
        for path in sorted(place.glob("*_bold.nii*")):
            if path.name.startswith(".") or not path.is_file():
                continue
            made = taken_apart(path)
            stands = "_".join(place.relative_to(folder).parts[:-1]) + "_"
            if made is None or not path.name.startswith(stands) or "task" not in made.entities:
                raise InvalidInput(
                    f"{path} is not named as BIDS names a run there: {stands}task-LABEL[_run-NUMBER]_bold.nii.gz; rename it"
                )
            found += [made] if made.extension in IMAGES else []
    if not found:
        raise InvalidInput(f"{person} has no functional images (func/*_bold.nii.gz)")
    return found


def _of_task(images: list[Named], wanted: Wanted) -> list[Named]:
    """Those whose entities are as asked for."""
    asked = {"task": wanted.task} | dict(wanted.entities)
    where = f"sub-{wanted.subject}"
    for name, value in asked.items():
        there = sorted({image.entities[name] for image in images if name in image.entities})
        images = [image for image in images if image.entities.get(name) == value]
        if not images:
            what = f"{name}-{value}"
            raise InvalidInput(
                f"{where} has no image with {shown(what)}"
                + (_near(value, there) if there else f"; none has {shown(name)} in its name")
            )
        where += f" {name}-{value}"
    for name, labels in (("ses", wanted.sessions), ("run", wanted.runs)):
        there = sorted({image.entities[name] for image in images if name in image.entities})
        for label in labels:
            if label not in there:
                none = f"; none has {name} in its name"
                raise InvalidInput(f"{where} has no image with {name}-{label}{_near(label, there) if there else none}")
        images = [image for image in images if not labels or image.entities.get(name) in labels]
    return images


def _runs_of(images: list[Named], wanted: Wanted) -> list[Named]:
    """In order, once it is sure that each is a run and all are of one kind."""
    where = f"sub-{wanted.subject} task-{wanted.task}"
    for name in sorted({name for image in images for name in image.entities} - set(FREE)):
        values = sorted({image.entities.get(name, "none") for image in images})
        if len(values) > 1:
            way = f"{name}: LABEL" if name in ("space", "desc") else f"entities: {{{name}: LABEL}}"
            raise InvalidInput(f"{where} has images of several {name}: {listed(values, 8)}; choose one with {way}")
    if len({"ses" in image.entities for image in images}) > 1:
        raise InvalidInput(f"{where} has images with and without a session; choose with sessions: [LABEL]")
    place: dict[tuple, Named] = {}
    for image in images:
        key = (_order(image.entities.get("ses", "")), _order(image.entities.get("run", "1")))
        other = place.setdefault(key, image)
        if other is not image:
            differ = [name for name in image.entities if image.entities[name] != other.entities.get(name) and name != "run"]
            way = f"choose with entities: {{{differ[0]}: LABEL}}" if differ else "keep one"
            raise InvalidInput(f"{other.path.name} and {image.path.name} are one run twice; {way}")
    return [place[key] for key in sorted(place)]


def _order(label: str) -> tuple[int, str]:
    """Numbers as numbers, before words; with their zeros, 1 and 01 are one."""
    return (int(label), "") if label.isdecimal() else (2**62, label)


def _near(label: str, there: Iterable[str]) -> str:
    there = list(there)
    same = [other for other in there if _order(other) == _order(label)]
    return f"; did you mean {same[0]}?" if same else did_you_mean(label, there)


class _Tree:
    """The files of a BIDS folder that apply to an image, each folder listed once."""

    def __init__(self, root: Path):
        self.root = root
        self._seen: dict[Path, list[Named]] = {}

    def _levels(self, here: Path) -> list[Path]:
        """The root and the folders on the way to an image."""
        return [self.root, *(self.root / path for path in reversed(here.parents) if path != Path()), self.root / here]

    def _at(self, folder: Path) -> list[Named]:
        if folder not in self._seen:
            there = sorted(folder.iterdir()) if folder.is_dir() else []
            named = (taken_apart(path) for path in there if not path.name.startswith(".") and path.is_file())
            self._seen[folder] = [one for one in named if one is not None]
        return self._seen[folder]

    def _apply(self, folder: Path, image: Named, suffix: str, extensions: tuple[str, ...], desc: str | None) -> list[Named]:
        """What a folder holds for an image: every entity of the name is one of the image's."""
        found = []
        for one in self._at(folder):
            if one.suffix != suffix or one.extension not in extensions:
                continue
            said = dict(one.entities)
            if desc is not None and said.pop("desc", None) != desc:
                continue
            if suffix == "mask" and any(said.get(name) != image.entities.get(name) for name in SPACES):
                continue
            if all(name in image.entities and _order(image.entities[name]) == _order(label) for name, label in said.items()):
                found.append(one)
        return sorted(found, key=lambda one: len(one.entities))

    def sidecars(self, here: Path, image: Named) -> tuple[Path, ...]:
        """Every .json that applies, from the root inwards."""
        return tuple(one.path for level in self._levels(here) for one in self._apply(level, image, "bold", ("json",), None))

    def nearest(self, here: Path, image: Named, suffix: str, extensions: tuple[str, ...], desc: str | None) -> Path | None:
        """The table or mask that applies: of the innermost folder that has one, the one whose name says most.

        Raises
        ------
        InvalidInput
            Two say as much.
        """
        for level in reversed(self._levels(here)):
            found = self._apply(level, image, suffix, extensions, desc)
            if len(found) > 1 and len(found[-1].entities) == len(found[-2].entities):
                raise InvalidInput(f"{found[-2].path} and {found[-1].path.name} both apply to {image.path.name}; keep one")
            if found:
                return found[-1].path
        return None
