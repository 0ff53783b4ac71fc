"""What every stage that loads a trained model has: the fields that name it, and the files in its key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from recortex.checkpoints import finding
from recortex.checkpoints.base import Checkpoint
from recortex.checkpoints.finding import Found
from recortex.checkpoints.loading import check_safetensors
from recortex.errors import InvalidInput
from recortex.stage import NOT_IN_KEY, LocalPath, Source, Stage

# in the key all the same, by `key_extra`: not by name, but by the commit or the content that the name stands for
BY_CONTENT = NOT_IN_KEY


class Pretrained(Stage):
    """A stage that loads a trained model: one that recortex ships, one of the hub, a folder, or one trained in the same pipeline.

    Subclasses say which files they read (`choose`), which shipped model is theirs (`shipped`), and may look into configurations
    before a run (`check_files`). In `compute` they load from ``with self.model_folder() as folder``.

    Parameters
    ----------
    model : str
        "shipped", or the id of a model on the Hugging Face hub, as in org/name.
    revision : str, optional
        Which version of a hub model: a commit of 40 hex digits pins it. Its files then count in the key by that commit, and are
        fetched where they are not here; those of other models must be here, and count by their content.
    folder : folder, optional
        A model of your own, in the format that its library saves.
    trained : Checkpoint, optional
        A stage that trains the model.
    device : str
        Where it is computed: "cpu", "cuda" ...
    batch : int
        How many items at a time.
    """

    model: Annotated[str, BY_CONTENT] = "shipped"
    revision: Annotated[str | None, BY_CONTENT] = None
    folder: Annotated[LocalPath | None, BY_CONTENT] = None
    trained: Checkpoint | None = None
    device: Annotated[str, NOT_IN_KEY] = "cpu"
    batch: Annotated[int, NOT_IN_KEY] = Field(default=32, ge=1)

    shipped: ClassVar[str] = ""
    """The folder of the shipped model of this kind; empty where there is none."""

    def choose(self, names: set[str], where: str) -> list[str]:
        """Of the files in a folder those that are read, the model's configuration first.

        Raises
        ------
        InvalidInput
            One that is needed is not there.
        """
        raise TypeError(f"{type(self).__name__} does not say which files it reads")

    def check_files(self, found: Found) -> None:
        """Refuse what can be seen to be wrong without loading weights."""
        for name in found.files:
            if name.endswith(".safetensors"):
                check_safetensors(found.folder / name)

    def hub_id(self) -> str:
        """The model on the hub that is named."""
        finding.check_name(self.model, self.revision)
        return self.model

    def is_shipped(self) -> bool:
        """Whether the model is the one that comes with recortex."""
        return self.model == "shipped" and self.folder is None and self.trained is None

    def check_named(self) -> None:
        """Refuse a model that is named twice or not at all.

        Raises
        ------
        InvalidInput
        """
        mine = self.type_name()
        ways = {"model": self.model != "shipped", "folder": self.folder is not None, "trained": self.trained is not None}
        named = [name for name, there in ways.items() if there]
        if len(named) > 1:
            raise InvalidInput(f"{mine}: its model is named by {' and by '.join(named)}; keep one")
        if not named and not self.shipped:
            raise InvalidInput(f"{mine}: recortex ships no such model; name one of the hub with model:, or a folder with folder:")
        if self.revision is not None and not ways["model"]:
            raise InvalidInput(f"{mine}: revision goes with a model of the hub; leave it out")

    def check_fields(self) -> None:
        """Refuse fields that do not go together.

        Raises
        ------
        InvalidInput
        """
        self.check_named()

    def key_extra(self) -> Any:
        """What decides what the model does: repository and commit where it is pinned, else names and content of its files."""
        self.check_named()
        if self.trained is not None:  # an input, with a key of its own
            return None
        if self.folder is None and self.model != "shipped":
            repository = self.hub_id()
            if finding.is_pinned(self.revision):
                return {"repository": repository, "commit": self.revision}
        found = self._here()
        return None if found is None else {"files": found.content()}

    def check_ready(self) -> None:
        """As far as names, configurations and headers of files show it."""
        super().check_ready()
        self.check_fields()
        found = None if self.trained is not None else self._here()
        if found is not None:
            self.check_files(found)

    @contextmanager
    def model_folder(self) -> Iterator[Path]:
        """The model's folder, as long as the with block lasts; a pinned model that is not here is fetched.

        Raises
        ------
        InvalidInput, MissingData, NeedsAgreement
            The model cannot be had, or is none.
        """
        self.check_fields()
        if self.trained is not None:
            with self.trained.folder() as folder:
                yield self._checked(finding.look_in(folder, self.choose))
            return
        found = self._here() or finding.fetch(self.hub_id(), str(self.revision), self.choose)
        yield self._checked(found)

    def source(self) -> Source | None:
        """The model, where it comes from the hub."""
        if self.model == "shipped" or self.folder is not None or self.trained is not None:
            return None
        repository = self.hub_id()
        page = f"https://huggingface.co/{repository}"
        name = f"{repository}{f' at {self.revision[:12]}' if self.revision else ''}"
        return Source(name, "as its page says", "as its page says", page)

    def _here(self) -> Found | None:
        """The model on this machine; None for a pinned one that is to be fetched."""
        if self.folder is not None:
            return finding.look_in(Path(self.folder), self.choose)
        if self.model == "shipped":
            return finding.look_for_shipped(self.shipped, self.choose)
        return finding.look_for(self.hub_id(), self.revision, self.choose)

    def _checked(self, found: Found) -> Path:
        self.check_files(found)
        return found.folder
