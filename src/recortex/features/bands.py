"""Several feature spaces side by side."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from recortex.errors import InvalidInput, listed
from recortex.features.base import Features
from recortex.plain_yaml import no_text
from recortex.stage import Array


class Bands(Features):
    """Several feature spaces of the same stimuli side by side, each a band with a name.

    Parameters
    ----------
    spaces : mapping of str to Features
        The feature spaces by the names of their bands, as in {edges: gabor, brightness: pixels}. Bands stand in alphabetical order, and
        a stimulus is there if all spaces have it.
    """

    spaces: dict[str, Features] = Field(min_length=1)

    returns: ClassVar[dict[str, Array]] = Features.returns | {
        "band": Array("feature", dtype="str", units="", about="the band of each feature"),
    }

    @field_validator("spaces")
    @classmethod
    def _sorted(cls, spaces: dict[str, Features]) -> dict[str, Features]:
        """In alphabetical order: that of a mapping does not count in a key."""
        for name in spaces:
            if name != name.strip() or not name or no_text(name) or "+" in name:
                raise ValueError(f"a band's name is a word without + or spaces around it, not {name!r}")
        return dict(sorted(spaces.items()))

    def names(self) -> np.ndarray:
        """The bands, (band,), in the order of the features."""
        return np.array(list(self.spaces))

    def context_s(self) -> float:
        """That of the space that looks farthest."""
        return max(space.context_s() for space in self.spaces.values())

    def recipe(self) -> dict[str, Any]:
        """The recipe of every band, under its name."""
        made = {f"{name}.{key}": value for name, space in self.spaces.items() for key, value in space.recipe().items()}
        return {"type": self.type_name(), "bands": list(self.spaces)} | made

    def expect(self) -> dict[str, int]:
        """All features of all bands."""
        seen = [space.foresee() for space in self.spaces.values()]
        if not all(seen):
            return {}
        return {"stimulus": min(one["stimulus"] for one in seen), "feature": sum(one["feature"] for one in seen)}

    def compute(self) -> dict[str, Any]:
        """Put the features of every stimulus that all spaces have side by side.

        Raises
        ------
        InvalidInput
            There is no stimulus that all spaces have.
        """
        known = [space.run()["stimulus"] for space in self.spaces.values()]
        common = set(known[0].tolist()).intersection(*(names.tolist() for names in known[1:]))
        stimulus = np.array([name for name in known[0].tolist() if name in common])
        if not len(stimulus):
            held = "; ".join(f"{name} has {listed(there, 3)}" for name, there in zip(self.spaces, known, strict=True))
            raise InvalidInput(f"spaces: no stimulus has features in all of them ({held}); make them of the same stimuli")
        if (most := max(map(len, known))) > len(stimulus):
            logging.getLogger("recortex").info("Bands: %d of %d stimuli have features in every space", len(stimulus), most)
        made = [space.of(stimulus) for space in self.spaces.values()]
        band = np.repeat(self.names(), [features.shape[1] for features in made])
        return {"stimulus": stimulus, "features": np.concatenate(made, axis=1), "band": band}

    def of(self, stimulus: np.ndarray) -> np.ndarray:
        """As of any features; a stimulus that is not there is named by the space that lacks it."""
        missing = stimulus[~np.isin(stimulus, self.run()["stimulus"])]
        if len(missing):
            for space in self.spaces.values():
                space.of(missing)
        return super().of(stimulus)
