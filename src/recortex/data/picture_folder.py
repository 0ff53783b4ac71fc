"""Pictures from a folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from recortex.data._memory import afford
from recortex.data._picture_bytes import SUFFIXES, Colours, picture_name, read_picture
from recortex.data.base import Pictures
from recortex.errors import InvalidInput, listed, shown
from recortex.keys import visible_files
from recortex.progress import steps
from recortex.stage import LocalPath


class PictureFolder(Pictures):
    """All pictures of a folder; a picture's name is its file's, without folder and suffix.

    They come folder by folder in the order of names: cat/1, cat-big/2.

    Parameters
    ----------
    path : folder
        Picture files, in any subfolders.
    size : int, optional
        Side in pixels to bring all pictures to (shorter side resized, middle square kept). Without it they must have one size.
    colours : "rgb" or "grey"
        What is kept.
    """

    path: LocalPath
    size: int | None = Field(default=None, ge=1, le=4096)
    colours: Colours = "rgb"

    def _files(self) -> list[Path]:
        return [file for file in visible_files(self.path) if file.suffix.lower() in SUFFIXES]

    def expect(self) -> dict[str, int]:
        """Known beforehand where the size is given."""
        if self.size is None or not self.path.is_dir():
            return {}
        return {
            "stimulus": len(self._files()),
            "height": self.size,
            "width": self.size,
            "channel": 3 if self.colours == "rgb" else 1,
        }

    def compute(self) -> dict[str, Any]:
        """Read every picture.

        Raises
        ------
        InvalidInput
            No pictures, two of one name, sizes that differ, a file that is not a picture.
        """
        if not self.path.is_dir():
            raise InvalidInput(f"{self.path} is not a folder; for pictures in one file use type PictureFile")
        files = self._files()
        if not files:
            raise InvalidInput(f"{self.path} holds no pictures ({', '.join(SUFFIXES)})")
        names = [picture_name(file) for file in files]
        if twice := sorted(name for name, count in Counter(names).items() if count > 1):
            alike = [str(file.relative_to(self.path)) for file, name in zip(files, names, strict=True) if name == twice[0]]
            more = f", as do {len(twice) - 1} other names" if len(twice) > 1 else ""
            raise InvalidInput(
                f"{self.path}: {shown(twice[0])} names more than one file ({listed(map(shown, alike), 3)}){more}; keep one of each name"
            )
        pictures: np.ndarray | None = None
        for row, file in enumerate(steps(files, "pictures")):
            picture = read_picture(file, self.size, self.colours)
            if pictures is None:
                what = f"{self.path}: {len(files)} pictures of {picture.shape[0]} x {picture.shape[1]} pixels"
                afford(len(files) * picture.nbytes, what, "bring them to a smaller size with size: 256")
                pictures = np.empty((len(files), *picture.shape), dtype=np.uint8)
            if picture.shape != pictures.shape[1:]:
                raise InvalidInput(
                    f"{file.name} is {picture.shape[0]} x {picture.shape[1]} pixels and {files[0].name} {pictures.shape[1]} x "
                    f"{pictures.shape[2]}; bring all to one size with size: {min(picture.shape[:2])}"
                )
            pictures[row] = picture
        return {"stimulus": np.array(names), "picture": pictures}
