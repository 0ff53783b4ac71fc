"""Voxelwise receptive fields: where in the picture a unit looks, and what it looks for there."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from recortex.encoders.base import Encoder, check_width
from recortex.features.base import Features
from recortex.features.maps import Maps
from recortex.fits.pairs import Pairs
from recortex.stage import Array, Figure, Result


class ReceptiveFieldEncoder(Encoder):
    """Feature maps seen through one Gaussian field of each unit, and added up with a weight for each channel.

    The feature-weighted receptive field of St-Yves & Naselaris (2018), NeuroImage 180:188. Field and penalty are chosen together for
    every unit, by cross-validation inside each fold's training trials; what is seen is scaled to unit variance by training trials of
    each inner fold alone.

    Parameters
    ----------
    brain, split, normalise, normalise_by
        As in every encoder.
    features : Maps
        Features with places in the picture: LowLevelMaps, GaborEnergy.
    sizes : tuple of float
        Candidates for the size of a field, its standard deviation as a share of the picture.
    spacing : float
        Candidate centres are no further apart than this many sizes, in x and in y; together there are 937 fields by default.
    alphas : tuple of float
        Candidates for the penalty.
    cv : int
        Folds of the choice; they keep together what the split keeps together.
    """

    features: Maps
    sizes: tuple[float, ...] = Field(default=(0.03, 0.046, 0.07, 0.107, 0.164, 0.25), min_length=1)
    spacing: float = Field(default=1.5, ge=0.25, le=8)
    alphas: tuple[float, ...] = Field(default=(1.0, 10.0, 1e2, 1e3, 1e4, 1e5), min_length=1)
    cv: int = Field(default=5, ge=2)

    separable: ClassVar[bool] = True

    returns: ClassVar[dict[str, Array]] = Encoder.returns | {
        "field_x": Array("fold", "unit", about="centre of the field from the left, as a share of the picture"),
        "field_y": Array("fold", "unit", about="centre of the field from the top, as a share of the picture"),
        "field_size": Array("fold", "unit", about="standard deviation of the field, as a share of the picture"),
        "best_alpha": Array("fold", "unit", about="chosen penalty"),
        "channel": Array("channel", dtype="str", units="", about="names of the channels"),
        "coef": Array("fold", "channel", "unit", units="", about="weights of what the field sees of each channel"),
        "intercept": Array("fold", "unit", units="", about="predicted response where all features are 0"),
    }

    @field_validator("features", mode="before")
    @classmethod
    def _placed(cls, features: Any) -> Any:
        if isinstance(features, Features) and not isinstance(features, Maps):
            raise ValueError(
                f"{features.type_name()} does not say where in the picture each feature lies; use LowLevelMaps or GaborEnergy"
            )
        return features

    @field_validator("sizes")
    @classmethod
    def _in_picture(cls, sizes: tuple[float, ...]) -> tuple[float, ...]:
        if wrong := [size for size in sizes if not 0.005 <= size <= 2]:
            raise ValueError(f"sizes are shares of the picture from .005 to 2, got {wrong}")
        return sizes

    def estimator(self) -> Any:
        """A fresh ReceptiveFieldCV on the places of its features."""
        return self._estimator(*self.features.places())

    def _estimator(self, places: np.ndarray | None, channels: np.ndarray | None) -> Any:
        from recortex.linear.receptive_field import ReceptiveFieldCV, field_grid

        return ReceptiveFieldCV(places, channels, field_grid(self.sizes, self.spacing), self.alphas, self.cv)

    def learned(self, estimator: Any) -> dict[str, np.ndarray]:
        """Fields, weights and penalties."""
        x, y, size = estimator.fields_[estimator.best_field_].T
        field = {"field_x": x, "field_y": y, "field_size": size, "best_alpha": estimator.best_alphas_}
        return field | {"coef": estimator.coef_.T, "intercept": estimator.intercept_}

    def apply(self, features: np.ndarray) -> np.ndarray:
        """The mean of the folds' predictions."""
        from recortex.linear.receptive_field import seen_through

        fitted, (places, channels) = self.run(), self.features.places()
        check_width(len(places), features.shape[1], self.type_name())
        field = np.stack([fitted["field_x"], fitted["field_y"], fitted["field_size"]], axis=2)
        folds = zip(field, fitted["coef"], fitted["intercept"], strict=True)
        return np.mean([seen_through(features, places, channels, at, coef.T, zero) for at, coef, zero in folds], axis=0)

    def instead(self, pairs: Pairs, inputs: np.ndarray) -> np.ndarray:
        """Held-out predictions of the same procedure from other inputs, which have no places and are a channel each."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return _OfOnePlace(**fields).instead(pairs, inputs)

    def expect(self) -> dict[str, int]:
        """And the channels of its features."""
        sizes = super().expect()
        return sizes | {"channel": self.features.foresee()["channel"]} if sizes else {}

    def _of(self, units: slice) -> dict[str, Any]:
        return super()._of(units) | {"channel": self.features.run()["channel"]}

    def figures(self, result: Result) -> list[Figure]:
        """How well the units are predicted, and where their fields are."""
        return [*super().figures(result), *self._fields_drawn(result)]

    def _fields_drawn(self, result: Result) -> list[Figure]:
        from recortex.drawing.fields import field_map

        least = 2 / np.sqrt(len(np.unique(result["stimulus"])))
        heard = np.nan_to_num(result["correlation"]) > least
        if not heard.any():
            return []
        x, y, size = (np.median(result[name][:, heard], axis=0) for name in ("field_x", "field_y", "field_size"))
        return [
            Figure(
                "Receptive fields",
                f"Left: centres of the fields in the picture, coloured by their direction from its middle, of the {len(x)} of "
                f"{len(heard)} units whose held-out correlation is above {least:.2f}, twice what its standard error would be without "
                "any relation. Right: sizes of these fields (standard deviation). Medians over folds. Only candidate places and sizes "
                "can be found; points are moved a little so that they do not cover each other.",
                field_map(x, y, size, np.asarray(sorted(self.sizes))),
                "encoding",
            )
        ]


class _OfOnePlace(ReceptiveFieldEncoder):
    """The same on inputs that lie nowhere."""

    def estimator(self) -> Any:
        return self._estimator(None, None)

    def instead(self, pairs: Pairs, inputs: np.ndarray) -> np.ndarray:
        return Encoder.instead(self, pairs, inputs)
