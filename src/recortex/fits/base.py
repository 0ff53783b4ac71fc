"""A fit: a fresh estimator for every fold of a split, fitted on training trials alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, ClassVar, Literal

import numpy as np

from recortex.data.base import Responses
from recortex.errors import InvalidInput, no_column
from recortex.features.base import Features
from recortex.fits.baselines import trial_order
from recortex.fits.pairs import Pairs
from recortex.progress import steps
from recortex.responses.normalisation import ZScore
from recortex.splits.base import Split, qualified
from recortex.splits.k_fold import KFold
from recortex.stage import Stage

# of refits side by side
_TARGETS_AT_ONCE = 2**14
_NUMBERS_AT_ONCE = 2**26  # in trials x targets
_WEIGHT_BYTES = 2**29


class Fit(Stage):
    """What is fitted on the training trials of every fold and tried on its test trials.

    Parameters
    ----------
    brain : Responses
        The recorded side.
    split : Split
        Which trials fit and which score.
    normalise : "none", "training" or "unsupervised"
        Whether responses are z-scored within each stretch of the recording, by that stretch's training trials. A stretch without any
        is refused, or with "unsupervised" scaled by its own test trials; the audit says so.
    normalise_by : str
        What a stretch is: "session", "run" or another column of the trial table.
    """

    brain: Responses
    split: Split = KFold(by="stimulus", folds=5)
    normalise: Literal["none", "training", "unsupervised"] = "none"
    normalise_by: str = "session"

    separable: ClassVar[bool] = False
    """Whether each target is fitted without regard to the others, so that permuted ones can be fitted side by side."""
    predicts: ClassVar[str] = "prediction"
    """Which array of `returns` holds the held-out predictions."""
    inner_groups: ClassVar[bool] = True
    """Whether the estimator's `fit` takes `groups`, to choose something inside a fold."""

    def pairs(self) -> Pairs:
        """What the estimator meets: inputs and targets joined by stimulus, split and checked; before anything is fitted."""
        raise TypeError(f"{type(self).__name__} does not say what it fits on what")

    def sample(self) -> slice:
        """Targets that stand for all of them where not all can be fitted at once, as in an audit."""
        return slice(None)

    def sampled_pairs(self) -> Pairs:
        """As `pairs`, with the targets of `sample` alone."""
        return self.pairs()

    def estimator(self) -> Any:
        """A fresh estimator of scikit-learn's shape."""
        raise TypeError(f"{type(self).__name__} has no estimator")

    def learned(self, estimator: Any) -> dict[str, np.ndarray]:
        """What a fitted estimator has learned: the arrays of `returns` that have a first axis over folds, without that axis."""
        raise TypeError(f"{type(self).__name__} does not say what it learns")

    def fit_folds(self, pairs: Pairs) -> tuple[np.ndarray, dict[str, Any]]:
        """Fit a fresh estimator a fold and predict its test trials.

        Returns
        -------
        prediction : (held-out trial, target) or (held-out trial,) array
            In the order of the trial table.
        learned : dict
            What was learned, a first axis over folds each.
        """
        predictions, learned = [], []
        for fold in steps(pairs.folds, "folds"):
            prediction, fitted = self._fit_fold(pairs, fold, *pairs.inside(fold))
            predictions.append(prediction)
            learned.append(self.learned(fitted))
        return _in_order(pairs, predictions), {name: np.stack([arrays[name] for arrays in learned]) for name in learned[0]}

    def refits(self, pairs: Pairs, sources: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The whole procedure again, choice of alpha included, on targets that were moved.

        Inputs, folds and groups stay, so what depends on them alone is done once for many permutations where targets are separable.

        Parameters
        ----------
        pairs : Pairs
        sources : iterable of (trial,) int arrays
            As `Pairs.exchanges` gives them.

        Yields
        ------
        source : (trial,) int array
        prediction : (held-out trial, target) or (held-out trial,) array
            To be compared with `pairs.measured(source)`.
        """
        width, plain = int(np.prod(pairs.targets.shape[1:])), pairs.targets.ndim != 2
        bounds = (
            _TARGETS_AT_ONCE // width,
            _NUMBERS_AT_ONCE // pairs.targets.size,
            _WEIGHT_BYTES // (8 * width * pairs.inputs.shape[1]),
        )
        together = max(1, min(bounds)) if self.separable and not plain else 1
        waiting = iter(sources)
        while batch := list(islice(waiting, together)):
            predictions = []
            for fold in pairs.folds:
                inputs = pairs.inputs_inside(fold)
                training = np.empty((len(fold.train), len(batch), *pairs.targets.shape[1:]), pairs.targets.dtype)
                for place, source in enumerate(batch):
                    training[:, place] = pairs.moved(fold, source, fold.train)
                training = training[:, 0] if plain else training.reshape(len(training), -1)
                if plain and len(np.unique(training)) == 1:  # no estimator tells one category from nothing
                    predictions.append(np.full(len(fold.test), training[0]))
                    continue
                groups = {"groups": pairs.groups[fold.train]} if self.inner_groups else {}
                fitted = self.estimator().fit(inputs[fold.train], training, **groups)
                predictions.append(fitted.predict(inputs[fold.test]))
                del training, fitted  # before the next ones are made
            for place, source in enumerate(batch):
                mine = ... if plain else (slice(None), slice(place * width, (place + 1) * width))
                yield source, _in_order(pairs, [prediction[mine] for prediction in predictions])

    def from_trial_order(self, pairs: Pairs) -> np.ndarray | None:
        """Held-out predictions of the same procedure from nothing but when each trial came; None where trials are averages."""
        order = trial_order(pairs.trials, self.brain.run()["n_repeats"])
        return None if order is None else self.instead(pairs, order)

    def instead(self, pairs: Pairs, inputs: np.ndarray) -> np.ndarray:
        """Held-out predictions of the same procedure from other inputs."""
        plain = replace(pairs, inputs=inputs, z_score=pairs.z_score if pairs.responses == "targets" else None, reliability=None)
        return _in_order(plain, [self._fit_fold(plain, fold, *plain.inside(fold))[0] for fold in plain.folds])

    def _fit_fold(self, pairs: Pairs, fold: Any, inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, Any]:
        from recortex.linear import held_out_predictions

        groups = pairs.groups if self.inner_groups else None
        made = held_out_predictions(self.estimator, inputs, targets, [(fold.train, fold.test)], groups)
        return made.predictions, made.estimators[0]

    def z_score(self, trials: dict[str, np.ndarray]) -> ZScore | None:
        """How responses of a trial table are normalised; None where they are not.

        Raises
        ------
        InvalidInput
            The trials have no such column.
        """
        if self.normalise == "none":
            return None
        if self.normalise_by not in trials:
            raise InvalidInput(no_column("normalise_by", self.normalise_by, trials))
        return ZScore(qualified(trials, self.normalise_by), self.normalise_by, self.normalise == "unsupervised")

    def expect(self) -> dict[str, int]:
        """Those of its brain and features, and the folds of its split; every trial is counted as held out once."""
        features = self.stimulus_side()
        brain, folds = self.brain.foresee(), self.split.expected_folds()
        seen = features.foresee() if features is not None else {}
        if not {"trial", "unit"} <= set(brain) or "feature" not in seen or folds is None:
            return {}
        return {"trial": brain["trial"], "unit": brain["unit"], "feature": seen["feature"], "fold": folds}

    def stimulus_side(self) -> Features | None:
        """The features that stand against the brain, for the audit; None where there are only labels."""
        return None

    def split_words(self) -> str:
        """The split in a few words, and its digest in brackets."""
        return f"{self.split.describe()} [{self.run()['split_hash']}]"


def _in_order(pairs: Pairs, predictions: list[np.ndarray]) -> np.ndarray:
    """Predictions of all folds' test trials, in the order of the trial table."""
    tested = np.concatenate([fold.test for fold in pairs.folds])
    return np.concatenate(predictions)[np.argsort(tested)]
