"""Accuracy and the area under the ROC curve against scikit-learn and the definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import accuracy_score

from recortex.errors import InvalidInput
from recortex.metrics import accuracy, auc, hits


def test_accuracy_equals_scikit_learn_and_is_the_mean_hit():
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 4, (2, 100))
    assert accuracy(true, predicted) == accuracy_score(true, predicted) == hits(true, predicted).mean()
    words = np.array(["left", "right", "feet", "rest"])
    np.testing.assert_array_equal(hits(words[true], words[predicted]), hits(true, predicted))
    assert np.isnan(accuracy([], []))


def test_auc_is_the_share_of_ordered_pairs_with_ties_at_half():
    rng = np.random.default_rng(1)
    true = rng.random(80) < 0.3
    score = np.round(rng.normal(size=80) + true, 1)
    pairs = score[true][:, None] - score[~true]
    assert auc(true, score) == pytest.approx(np.mean((pairs > 0) + 0.5 * (pairs == 0)), rel=1e-12)
    u = mannwhitneyu(score[true], score[~true]).statistic
    assert auc(true, score) == pytest.approx(u / pairs.size, rel=1e-12)
    assert auc(true, np.exp(score)) == pytest.approx(auc(true, score), rel=1e-12)
    assert auc(true, -score) == pytest.approx(1 - auc(true, score), rel=1e-12)
    assert auc(true, np.zeros(80)) == 0.5


@pytest.mark.parametrize("true", [[0, 0, 0], [True, True, True], []])
def test_auc_of_a_single_class_is_undefined(true):
    assert np.isnan(auc(true, np.arange(len(true))))


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(InvalidInput, match="none can be equal"):
        hits(["1", "2"], [1, 2])
    with pytest.raises(InvalidInput, match="shapes"):
        hits([1, 2], [1, 2, 3])
    with pytest.raises(InvalidInput, match="trial"):
        accuracy([[1], [2]], [[1], [2]])
    with pytest.raises(InvalidInput, match="two classes"):
        auc([0, 1, 2], [0.1, 0.2, 0.3])
    with pytest.raises(InvalidInput, match="1 values that are NaN"):
        auc([0, 1], [np.nan, 1])
