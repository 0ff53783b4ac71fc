"""Which category was seen, by a linear classifier."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.errors import InvalidInput, did_you_mean, listed, no_column
from recortex.fits.base import Fit
from recortex.fits.pairs import Pairs
from recortex.splits.base import UNSTATED, Fold, Trials, check
from recortex.splits.fixed import FixedSplit
from recortex.splits.held_out import HELD_OUT, held_out_table
from recortex.splits.k_fold import KFold
from recortex.stage import Array


class CategoryDecoder(Fit):
    """A linear classifier of scikit-learn on standardised responses, fitted on the training trials of each fold.

    Parameters
    ----------
    brain, split, normalise, normalise_by
        As in every fit.
    column : str
        The label that is decoded: a column of the trial table.
    among : tuple of str, optional
        Only trials of these labels are fitted and scored, such as ("face", "house"); without it all.
    classifier : "logistic", "svm", "ridge" or "lda"
        Logistic regression, linear support vectors (one against the rest), ridge classifier, or linear discriminant with
        shrinkage by Ledoit and Wolf.
    strength : float
        Inverse penalty C of "logistic" and "svm", penalty alpha of "ridge"; "lda" has none.
    """

    column: str = "category"
    among: tuple[str, ...] = ()
    classifier: Literal["logistic", "svm", "ridge", "lda"] = "svm"
    strength: float = Field(default=1.0, gt=0)

    predicts: ClassVar[str] = "predicted"
    inner_groups: ClassVar[bool] = False
    returns: ClassVar[dict[str, Array]] = HELD_OUT | {
        "label": Array("trial", dtype="str", units="", about="what was shown"),
        "predicted": Array("trial", dtype="str", units="", about="what was decoded"),
        "category": Array("category", dtype="str", units="", about="the labels, sorted"),
        "coef": Array(
            "fold", "boundary", "unit", units="", about="weights on standardised responses; two labels share a boundary"
        ),
        "intercept": Array("fold", "boundary", units="", about="of each boundary"),
        "mean": Array("fold", "unit", units="", about="training mean of each unit"),
        "scale": Array("fold", "unit", units="", about="training standard deviation of each unit"),
    }

    def pairs(self) -> Pairs:
        """Responses and labels, split.

        Raises
        ------
        InvalidInput
            The column is not there, a trial states no label, fewer than two labels are asked for, or a fold's training trials lack
            one.
        """
        trials = self.brain.trial_table()
        if self.column not in trials:
            raise InvalidInput(no_column("column", self.column, trials))
        labels = np.asarray(trials[self.column]).astype(str)
        present = np.unique(labels)
        for label in self.among:
            if label not in present:
                raise InvalidInput(f"among: column {self.column} has no label {label}{did_you_mean(label, present.tolist())}")
        if not self.among:
            self._refuse_unstated(labels, np.asarray(trials["stimulus"]))
        wanted = np.unique(self.among) if self.among else present
        if len(present) < 2:
            raise InvalidInput(
                f"column {self.column} holds one label only ({present[0]}); decode another column, or give it two labels"
            )
        if len(wanted) < 2:
            raise InvalidInput(f"among names one label only ({wanted[0]}); name at least two of {listed(_stated(present))}")
        folds = self.split.apply(trials)
        if self.among:
            chosen = np.isin(labels, wanted)
            folds = [Fold(fold.name, fold.train[chosen[fold.train]], fold.test[chosen[fold.test]]) for fold in folds]
            check(folds, trials)
        kept = sorted(set(wanted).intersection(*(labels[fold.train] for fold in folds)))
        for fold in folds:
            if lacking := sorted(set(wanted) - set(labels[fold.train])):
                raise InvalidInput(
                    f"split: fold {fold.name} has no training trial of {lacking[0]}{self._other_split(lacking[0], labels, trials)}"
                    + (f", or leave labels out with {_among(kept)}" if len(kept) > 1 else "")
                )
        return Pairs(
            inputs=self.brain.run()["responses"],
            targets=labels,
            trials=trials,
            folds=folds,
            groups=self.split.groups(trials),
            z_score=self.z_score(trials),
            responses="inputs",
        )

    def _refuse_unstated(self, labels: np.ndarray, stimulus: np.ndarray) -> None:
        """A trial without a label would be a label of its own."""
        if (unstated := np.flatnonzero(np.isin(labels, UNSTATED))).size:
            stated = _stated(labels)
            ways = ["complete the column"]
            if len(stated) > 1:
                ways.append(f"decode the others alone with {_among(stated)}")
            raise InvalidInput(
                f"{self.brain.where()}: {len(unstated)} of {len(labels)} trials state no {self.column} (the first is of stimulus "
                f"{stimulus[unstated[0]]}); {', or '.join(ways)}"
            )

    def _other_split(self, label: str, labels: np.ndarray, trials: Trials) -> str:
        """In how few groups a label lies, and what split could have it on both sides."""
        groups, stimuli = (np.unique(of[labels == label]) for of in (self.split.groups(trials), np.asarray(trials["stimulus"])))
        if len(stimuli) == 1:
            return f", which has one stimulus only ({stimuli[0]}); decode another column"
        if len(groups) == 1 and not isinstance(self.split, FixedSplit):
            return f", all of whose trials are of {self.split.by} {groups[0]}; split by: stimulus"
        return "; use more folds" if isinstance(self.split, KFold) else "; hold out less of it"

    def compute(self) -> dict[str, Any]:
        """Fit and decode."""
        pairs = self.pairs()
        predicted, learned = self.fit_folds(pairs)
        used = np.unique(np.concatenate([side for fold in pairs.folds for side in (fold.train, fold.test)]))
        found = {"label": pairs.measured(), "predicted": predicted, "category": np.unique(pairs.targets[used])}
        return held_out_table(pairs.folds, pairs.trials) | learned | found

    def estimator(self) -> Any:
        """A scaler and a classifier."""
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), self._model())

    def learned(self, estimator: Any) -> dict[str, np.ndarray]:
        """Weights of the classifier, mean and scale of the scaler."""
        scaler, model = estimator[0], estimator[-1]
        # two labels share one boundary, which some classifiers give without an axis of its own
        return {
            "coef": np.atleast_2d(model.coef_),
            "intercept": np.atleast_1d(model.intercept_),
            "mean": scaler.mean_,
            "scale": scaler.scale_,
        }

    def _model(self) -> Any:
        if self.classifier == "logistic":
            from sklearn.linear_model import LogisticRegression

            return LogisticRegression(C=self.strength, max_iter=5000)
        if self.classifier == "svm":
            from sklearn.svm import LinearSVC

            return LinearSVC(C=self.strength, random_state=0, max_iter=20000)
        if self.classifier == "ridge":
            from sklearn.linear_model import RidgeClassifier

            return RidgeClassifier(alpha=self.strength)
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def _stated(labels: np.ndarray) -> list[str]:
    return sorted(set(labels.tolist()) - set(UNSTATED))


def _among(labels: list[str]) -> str:
    return f"among: [{', '.join(labels[:4])}{', ...' if len(labels) > 4 else ''}]"
