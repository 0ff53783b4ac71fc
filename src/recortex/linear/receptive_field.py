"""Ridge through a receptive field: each target sees maps of features through one Gaussian, chosen by cross-validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from recortex.errors import InvalidInput
from recortex.linear.atom_rows import AtomRows
from recortex.linear.folds import CrossValidation, resolve_folds
from recortex.linear.inputs import checked_alphas, checked_groups, near_means
from recortex.linear.primal import FeatureSide, Primal
from recortex.linear.statistics import SufficientStatistics
from recortex.linear.threads import threads_for_fit

__all__ = ["ReceptiveFieldCV", "field_grid"]

_TARGETS_AT_ONCE = 1024
_COLUMNS_AT_ONCE = 2048  # pooled features: fields x channels


def field_grid(sizes: Sequence[float], spacing: float = 1.0) -> np.ndarray:
    """Candidates for a receptive field, evenly spread over the picture.

    Parameters
    ----------
    sizes : sequence of float
        Standard deviations of the Gaussians, as shares of the picture.
    spacing : float
        Centres are no further apart than this many standard deviations, in x and in y.

    Returns
    -------
    array, (field, 3)
        Centre from the left, centre from the top, and size, as shares of the picture; the largest fields first.
    """
    fields = []
    for size in sorted(sizes, reverse=True):
        count = max(1, int(np.ceil(1 / (spacing * size) - 1e-9)))
        centres = (np.arange(count) + 0.5) / count
        down, across = np.meshgrid(centres, centres, indexing="ij")
        fields.append(np.column_stack([across.ravel(), down.ravel(), np.full(count**2, float(size))]))
    return np.concatenate(fields)


@dataclass(frozen=True, eq=False)
class PlacedRows:
    """Rows of features that lie at places, channel by channel.

    Attributes
    ----------
    rows : list of arrays, (row, place)
        Of each channel.
    places : list of arrays, (place, 2)
        Of each channel, from the left and from the top.
    """

    rows: list[np.ndarray]
    places: list[np.ndarray]

    @classmethod
    def of(cls, X: np.ndarray, places: np.ndarray, channels: np.ndarray) -> PlacedRows:
        """Sort columns by their channel."""
        mine = [np.flatnonzero(channels == number) for number in range(channels.max() + 1)]
        return cls([np.ascontiguousarray(X[:, columns]) for columns in mine], [places[columns] for columns in mine])

    def through(self, fields: np.ndarray) -> np.ndarray:
        """What fields see of each channel, the weighted mean of its places, (row, field, channel)."""
        out = np.empty((len(self.rows[0]), len(fields), len(self.rows)), self.rows[0].dtype)
        for channel, (rows, places) in enumerate(zip(self.rows, self.places, strict=True)):
            out[:, :, channel] = rows @ gaussian(places, fields).astype(rows.dtype)
        return out

    def each(self, fields: np.ndarray) -> Iterator[np.ndarray]:
        """As `through`, field by field, (row, channel); many are computed at a time."""
        together = max(1, _COLUMNS_AT_ONCE // len(self.rows))
        for start in range(0, len(fields), together):
            yield from self.through(fields[start : start + together]).transpose(1, 0, 2)


def gaussian(places: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """Weights of places under Gaussian fields, (place, field), which add up to 1 over the places that there are."""
    away = ((places[:, None, :] - fields[:, :2]) ** 2).sum(axis=2)
    # about the nearest place: a field between the places of a coarse map sees that one
    weight = np.exp((away.min(axis=0) - away) / (2 * fields[:, 2] ** 2))
    weight[weight < 1e-9] = 0.0
    return weight / weight.sum(axis=0)


class ReceptiveFieldCV(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Feature-weighted receptive fields (St-Yves and Naselaris 2018, NeuroImage 180:188).

    A target is a weighted sum of channels, each averaged under one Gaussian field. Field and alpha are chosen together for every
    target, by the mean squared error over the folds of `cv`; averages are divided by their standard deviation over the training rows
    of each fold, so that an alpha means the same for small fields and large ones.

    Parameters
    ----------
    places : array, (feature, 2), default=None
        Where each feature lies: from the left and from the top, as shares of the picture. Without it all lie in the same place, and
        this is a ridge on scaled features.
    channels : int array, (feature,), default=None
        Which channel each feature belongs to, from 0; without it each is one of its own.
    fields : array, (field, 3), default=None
        Candidates, as `field_grid` makes them; without them those of its sizes .03 to .25.
    alphas : sequence of float, default=(1, 10, ..., 1e4)
        Candidates for the penalty, each >= 0.
    cv : int, splitter or iterable of (train, test), default=5
        As in `RidgeCV`.

    Attributes
    ----------
    best_field_ : int array, (target,)
        Place of the chosen field among `fields_`; the first of equals.
    fields_ : array, (field, 3)
    best_alphas_ : array, (target,)
        The largest of equals.
    best_scores_ : array, (target,)
        Negative mean squared error over folds, of the chosen ones.
    coef_ : array, (target, channel), or (channel,) for 1-D y
        Weights of the channels' averages, as they are.
    intercept_ : array, (target,), or float for 1-D y
    n_features_in_ : int
    """

    def __init__(
        self,
        places: ArrayLike | None = None,
        channels: ArrayLike | None = None,
        fields: ArrayLike | None = None,
        alphas: Sequence[float] = (1.0, 10.0, 1e2, 1e3, 1e4),
        cv: CrossValidation = 5,
    ) -> None:
        self.places = places
        self.channels = channels
        self.fields = fields
        self.alphas = alphas
        self.cv = cv

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> ReceptiveFieldCV:
        """Choose a field and an alpha for every target and fit it on all rows.

        Parameters
        ----------
        X : array, (row, feature)
        y : array, (row, target) or (row,)
        groups : array, (row,), or None
            Rows of one group (stimulus, run, session) stay together in every fold.

        Raises
        ------
        InvalidInput
            Places, channels, fields or alphas do not fit the features or are no such thing.
        """
        alphas = np.sort(checked_alphas(self.alphas))[::-1]
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32), multi_output=True, y_numeric=True)
        X, y = np.asarray(X), np.asarray(y)
        self._flat, dtype = y.ndim == 1, np.result_type(X, y)
        X, targets = X.astype(dtype, copy=False), y.reshape(len(y), -1).astype(dtype, copy=False)
        self._places, self._channels = self._laid_out(X.shape[1])
        self.fields_ = self._candidates()
        folds = resolve_folds(self.cv, X, None, checked_groups(groups, len(X)))
        maps = PlacedRows.of(X, self._places, self._channels)
        shift = near_means(targets)
        best_score = np.full(targets.shape[1], -np.inf)
        self.best_field_, self.best_alphas_ = np.zeros(targets.shape[1], int), np.full(targets.shape[1], alphas[0])
        with threads_for_fit(len(X), _COLUMNS_AT_ONCE, min(targets.shape[1], _TARGETS_AT_ONCE)):
            for number, columns, scores in self._scored(maps, targets, shift, folds, alphas):
                place, score = scores.argmax(axis=0), scores.max(axis=0)
                better = score > best_score[columns]
                mine = columns[better]
                best_score[mine], self.best_field_[mine], self.best_alphas_[mine] = score[better], number, alphas[place[better]]
            self.best_scores_ = best_score
            self._solve(maps, targets, shift)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict targets: (row, feature) to (row, target), or (row,) after a fit to 1-D y."""
        check_is_fitted(self)
        X = np.asarray(validate_data(self, X, dtype=(np.float64, np.float32), reset=False))
        made = seen_through(
            X,
            self._places,
            self._channels,
            self.fields_[self.best_field_],
            np.atleast_2d(self.coef_),
            np.atleast_1d(self.intercept_),
        )
        return made[:, 0] if self._flat else made

    def _scored(
        self, maps: PlacedRows, y: np.ndarray, shift: np.ndarray, folds: list, alphas: np.ndarray
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Each field, a tile of targets, and the score of each alpha and target over the folds."""
        channels = len(maps.rows)
        together = max(1, _COLUMNS_AT_ONCE // channels)
        for start in range(0, len(self.fields_), together):
            pooled = maps.through(self.fields_[start : start + together])
            count = pooled.shape[1]
            wide = pooled.reshape(len(pooled), -1)
            data = AtomRows.build(wide, wide.mean(axis=0, dtype=np.float64).astype(wide.dtype), None, folds, None)
            sides = [FeatureSide.build(_features(data, number, channels), data.sides, True, True) for number in range(count)]
            for first in range(0, y.shape[1], _TARGETS_AT_ONCE):
                columns = np.arange(first, min(first + _TARGETS_AT_ONCE, y.shape[1]))
                tile = data.tile(y[:, columns], shift[columns])
                for number, side in enumerate(sides):
                    mine = [_of_field(atom, number, channels) for atom in tile]
                    total = np.zeros((len(alphas), len(columns)))
                    for fold in range(side.n_splits):
                        total += side.rotated(fold, mine).moments(alphas, False).score("neg_mse")
                    yield start + number, columns, total / side.n_splits

    def _solve(self, maps: PlacedRows, y: np.ndarray, shift: np.ndarray) -> None:
        coef, intercept = np.empty((y.shape[1], len(maps.rows)), y.dtype), np.empty(y.shape[1])
        chosen = np.unique(self.best_field_)
        for field, pooled in zip(chosen, maps.each(self.fields_[chosen]), strict=True):
            mine = np.flatnonzero(self.best_field_ == field)
            mean = pooled.mean(axis=0, dtype=np.float64).astype(pooled.dtype).astype(np.float64)
            design = Primal.of(AtomRows.build(pooled, mean, None, [], None), True, True)
            found, offset = design.whole(design.tile(y[:, mine], shift[mine])).solve(self.best_alphas_[mine])
            coef[mine], intercept[mine] = found, offset - found @ mean
        self.coef_: np.ndarray = coef[0] if self._flat else coef
        self.intercept_: np.ndarray = intercept[0] if self._flat else intercept

    def _laid_out(self, features: int) -> tuple[np.ndarray, np.ndarray]:
        """Place and channel of each feature."""
        places = np.full((features, 2), 0.5) if self.places is None else np.asarray(self.places, np.float64)
        channels = np.arange(features) if self.channels is None else np.asarray(self.channels)
        if places.shape != (features, 2) or not np.isfinite(places).all():
            raise InvalidInput(f"places must hold finite x and y of each of {features} features, got shape {places.shape}")
        if channels.shape != (features,) or not np.array_equal(np.unique(channels), np.arange(channels.max() + 1)):
            raise InvalidInput(f"channels must number the channel of each of {features} features from 0 without a gap")
        return places, channels

    def _candidates(self) -> np.ndarray:
        fields = (
            field_grid((0.03, 0.046, 0.07, 0.107, 0.164, 0.25)) if self.fields is None else np.asarray(self.fields, np.float64)
        )
        if (
            fields.ndim != 2
            or fields.shape[1] != 3
            or not len(fields)
            or not (np.isfinite(fields).all() and (fields[:, 2] > 0).all())
        ):
            raise InvalidInput(
                f"fields must be rows of x, y and a size above 0, got shape {fields.shape}; make them with field_grid"
            )
        # where all features lie in one place every field sees the same
        return fields if np.ptp(self._places, axis=0).any() else fields[:1]


def seen_through(
    X: np.ndarray, places: np.ndarray, channels: np.ndarray, fields: np.ndarray, coef: np.ndarray, intercept: np.ndarray
) -> np.ndarray:
    """Predictions of fitted fields.

    Parameters
    ----------
    X : array, (row, feature)
    places : array, (feature, 2)
    channels : int array, (feature,)
    fields : array, (target, 3)
        Of each target.
    coef : array, (target, channel)
    intercept : array, (target,), float64

    Returns
    -------
    array, (row, target)
    """
    maps = PlacedRows.of(X, places, channels)
    out = np.empty((len(X), len(coef)), np.result_type(X, coef))
    distinct, which = np.unique(fields, axis=0, return_inverse=True)
    for number, pooled in enumerate(maps.each(distinct)):
        mine = np.flatnonzero(which.ravel() == number)
        # wide: where pooled features have a large mean, their product cancels against the intercept
        out[:, mine] = pooled.astype(np.float64) @ coef[mine].T.astype(np.float64) + intercept[mine]
    return out


def _features(data: AtomRows, field: int, channels: int) -> list[SufficientStatistics]:
    """Statistics of one field's channels, a set an atom."""
    columns = slice(field * channels, (field + 1) * channels)
    bounds = zip(data.bounds[:-1], data.bounds[1:], strict=True)
    return [SufficientStatistics.from_rows(data.rows[start:stop, columns], shift_x=np.zeros(channels)) for start, stop in bounds]


def _of_field(atom: SufficientStatistics, field: int, channels: int) -> SufficientStatistics:
    return atom.restricted(slice(field * channels, (field + 1) * channels))
