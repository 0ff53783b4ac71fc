"""Scores of decoders that name a class: hits, accuracy, area under the ROC curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recortex.errors import InvalidInput
from recortex.metrics._arrays import real_array, same_shape


def hits(true: ArrayLike, predicted: ArrayLike) -> NDArray[np.float64]:
    """1 where the predicted class is the true one, 0 elsewhere; one value a trial, ready for a bootstrap.

    Parameters
    ----------
    true, predicted : array (trial,)
        Class labels of any kind that compares with ``==``.

    Returns
    -------
    array (trial,)

    Raises
    ------
    InvalidInput
        If the shapes differ or are not (trial,), or one holds text and the other numbers.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.ndim != 1:
        raise InvalidInput(f"class labels must have dimensions (trial,), not shape {true.shape}")
    same_shape(true=true, predicted=predicted)
    kinds = {"text" if labels.dtype.kind in "US" else labels.dtype.kind for labels in (true, predicted)}
    if "text" in kinds and not kinds <= {"text", "O"}:
        raise InvalidInput(f"true labels are {true.dtype} and predicted {predicted.dtype}: none can be equal")
    return np.asarray(true == predicted, np.float64)


def accuracy(true: ArrayLike, predicted: ArrayLike) -> float:
    """Share of trials whose predicted class is the true one; NaN without trials.

    With unequal classes, always naming the commonest scores its share, so chance is not 1 / classes.

    Parameters
    ----------
    true, predicted : array (trial,)
        Class labels.

    Raises
    ------
    InvalidInput
        As in `hits`.
    """
    hit = hits(true, predicted)
    return float(hit.mean()) if hit.size else float("nan")


def auc(true: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve: how often a positive trial scores above a negative one, a tie counting half.

    Parameters
    ----------
    true : array (trial,), bool or 0/1
        Which trials are positive.
    score : array (trial,)
        Larger is more positive; only the order matters.

    Returns
    -------
    float
        In 0..1, chance 0.5; NaN if all trials are positive or none is.

    Raises
    ------
    InvalidInput
        If shapes differ, `true` holds anything but 0 and 1, or a score is NaN or infinite.
    """
    from sklearn.metrics import roc_auc_score

    true, score = real_array("true", true, "trial"), real_array("score", score, "trial")
    same_shape(true=true, score=score)
    if not np.isin(true, (0, 1)).all():
        raise InvalidInput("true must be boolean, or 0 and 1: auc compares two classes")
    if not np.isfinite(score).all():
        raise InvalidInput(f"score holds {np.sum(~np.isfinite(score))} values that are NaN or infinite")
    if np.unique(true).size < 2:
        return float("nan")
    return float(roc_auc_score(true, score))
