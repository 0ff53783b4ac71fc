"""How well a prediction follows a measurement: Pearson correlation, R2 and explained variance.

Sums are float64 whatever the input, and each series is centred before it is squared, so float32 signals
that ride on a mean of 1e4 lose no digits. What is undefined is NaN, never 0: the correlation of a constant
series, and the R2 or explained variance of a constant measurement. A NaN in a series makes that series'
score NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recortex.errors import InvalidInput
from recortex.metrics._arrays import real_array, same_shape

_BLOCK = 2**18
"""Values turned to float64 at a time (2 MiB): they stay in the processor's cache."""

_FEATURES = 1024
"""Features multiplied at a time in a correlation matrix."""


def unit_correlation(measured: ArrayLike, predicted: ArrayLike) -> NDArray[np.float64]:
    """Pearson correlation over trials, one value a unit.

    Parameters
    ----------
    measured, predicted : array (trial, unit)
        Responses in any unit of measurement; correlation is blind to the scale and offset of each.

    Returns
    -------
    array (unit,)
        In -1..1; NaN where either series is constant (with a single trial, everywhere).

    Raises
    ------
    InvalidInput
        If the shapes differ, or there is no trial.
    """
    measured, predicted = _series(measured, predicted)
    return row_correlation(measured.T, predicted.T)


def r2(measured: ArrayLike, predicted: ArrayLike) -> NDArray[np.float64]:
    """Coefficient of determination over trials, one value a unit: an offset of the prediction is punished.

    ``1 - sum((y - p)^2) / sum((y - mean(y))^2)``, with the mean of the *measured trials given here*. See
    `explained_variance` for the score that forgives an offset; papers call both "R2".

    Parameters
    ----------
    measured, predicted : array (trial, unit)
        Responses, both in the same unit of measurement.

    Returns
    -------
    array (unit,)
        At most 1; 0 for predicting the mean, negative for worse; NaN where the measured unit is constant.

    Raises
    ------
    InvalidInput
        If the shapes differ, or there is no trial.
    """
    measured, predicted = _series(measured, predicted)
    score = np.empty(measured.shape[1])
    for units in _blocks(measured.T):
        residual = np.subtract(measured[:, units].T, predicted[:, units].T, dtype=np.float64)
        score[units] = _one_minus_ratio(residual, _centred(measured[:, units].T))
    return score


def explained_variance(measured: ArrayLike, predicted: ArrayLike) -> NDArray[np.float64]:
    """Share of the measured variance that is explained, one value a unit: an offset is not punished.

    ``1 - var(y - p) / var(y)``: the "R2" of BraInCoRL and of many encoding papers. It equals `r2` after
    the mean residual is taken away, so it is never below `r2`.

    Parameters
    ----------
    measured, predicted : array (trial, unit)
        Responses, both in the same unit of measurement.

    Returns
    -------
    array (unit,)
        At most 1; 0 for any constant prediction, negative for worse; NaN where the measured unit is constant.

    Raises
    ------
    InvalidInput
        If the shapes differ, or there is no trial.
    """
    measured, predicted = _series(measured, predicted)
    score = np.empty(measured.shape[1])
    for units in _blocks(measured.T):
        residual = np.subtract(measured[:, units].T, predicted[:, units].T, dtype=np.float64)
        score[units] = _one_minus_ratio(_centred(residual), _centred(measured[:, units].T))
    return score


def row_correlation(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Pearson correlation of each row of `a` with the same row of `b`.

    Parameters
    ----------
    a, b : array (row, feature)
        Paired vectors: decoded and true features of a stimulus, response patterns of a trial.

    Returns
    -------
    array (row,)
        In -1..1; NaN where either row is constant.

    Raises
    ------
    InvalidInput
        If the shapes differ, or there is no feature.
    """
    a, b = real_array("a", a, "row", "feature"), real_array("b", b, "row", "feature")
    same_shape(a=a, b=b)
    _refuse_empty(a, "feature")
    correlation = np.empty(len(a))
    for rows in _blocks(a):
        centred_a, centred_b = _centred(a[rows]), _centred(b[rows])
        unit_a, unit_b = centred_a / _length(centred_a), centred_b / _length(centred_b)
        correlation[rows] = np.einsum("rf,rf->r", unit_a, unit_b)
    return np.clip(correlation, -1, 1)


def correlation_matrix(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Pearson correlation of every row of `a` with every row of `b`.

    With decoded items as `a` and true items as `b` this is the similarity that
    `recortex.metrics.identification_ranks` reads: decoded items query the true ones.

    Parameters
    ----------
    a : array (row_a, feature)
    b : array (row_b, feature)

    Returns
    -------
    array (row_a, row_b)
        In -1..1; a constant row of `a` makes a row of NaN, one of `b` a column of NaN. The sums
        are matrix products, so equal rows may differ here in their last bits (about 1e-15).

    Raises
    ------
    InvalidInput
        If the numbers of features differ, or there is no feature.
    """
    a, b = real_array("a", a, "row", "feature"), real_array("b", b, "row", "feature")
    if a.shape[1] != b.shape[1]:
        raise InvalidInput(f"a has {a.shape[1]} features and b has {b.shape[1]}; they must be the same ones")
    _refuse_empty(a, "feature")
    (mean_a, length_a), (mean_b, length_b) = _mean_and_length(a), _mean_and_length(b)
    correlation = np.zeros((len(a), len(b)))
    for start in range(0, a.shape[1], _FEATURES):
        features = slice(start, start + _FEATURES)
        correlation += ((a[:, features] - mean_a) / length_a) @ ((b[:, features] - mean_b) / length_b).T
    return np.clip(correlation, -1, 1)


def _series(measured: ArrayLike, predicted: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    measured = real_array("measured", measured, "trial", "unit")
    predicted = real_array("predicted", predicted, "trial", "unit")
    same_shape(measured=measured, predicted=predicted)
    _refuse_empty(measured.T, "trial")
    return measured, predicted


def _refuse_empty(rows: NDArray[Any], dimension: str) -> None:
    if rows.shape[1] == 0:
        raise InvalidInput(f"there is no {dimension} to compare over")


def _blocks(rows: NDArray[Any]) -> Iterator[slice]:
    step = max(1, _BLOCK // max(1, rows.shape[1]))
    return (slice(start, start + step) for start in range(0, len(rows), step))


def _centred(rows: NDArray[Any]) -> NDArray[np.float64]:
    """Rows minus their mean, in float64; exactly zero where a row is constant."""
    with np.errstate(invalid="ignore"):  # infinities become NaN
        shifted: NDArray[np.float64] = np.subtract(rows, rows[:, :1], dtype=np.float64)
        shifted -= shifted.mean(axis=1, keepdims=True)
    return shifted


def _length(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """(row, 1): root of the sum of squares; NaN where a row is constant, as nothing correlates with it."""
    largest = np.abs(centred).max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        scaled = centred / largest  # so that squares neither overflow nor vanish
    length: NDArray[np.float64] = largest * np.sqrt(np.einsum("rf,rf->r", scaled, scaled))[:, None]
    return length


def _mean_and_length(rows: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean, length = np.empty((len(rows), 1)), np.empty((len(rows), 1))
    for block in _blocks(rows):
        mean[block] = rows[block].mean(axis=1, dtype=np.float64, keepdims=True)
        length[block] = _length(_centred(rows[block]))
    return mean, length


def _one_minus_ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 - sum of squares of `part` / sum of squares of `whole`, a row at a time."""
    part_squares, whole_squares = (np.einsum("rf,rf->r", rows, rows) for rows in (part, whole))
    ratio: NDArray[np.float64] = part_squares / np.where(whole_squares == 0, np.nan, whole_squares)
    return 1 - ratio
