"""Which category was seen, by a linear classifier."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.errors import InvalidInput, did_you_mean, no_column
from recortex.fits.base import Fit
from recortex.fits.pairs import Pairs
from recortex.splits.base import Fold, check
from recortex.splits.held_out import HELD_OUT, held_out_table
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
            The column is not there, holds fewer than two of the labels asked for, or a fold's training trials lack one.
        """
        trials = self.brain.trial_table()
        if self.column not in trials:
            raise InvalidInput(no_column("column", self.column, trials))
        labels = np.asarray(trials[self.column]).astype(str)
        present = np.unique(labels)
        for label in self.among:
            if label not in present:
                raise InvalidInput(f"among: column {self.column} has no label {label}{did_you_mean(label, present.tolist())}")
        wanted = np.unique(self.among) if self.among else present
        if len(wanted) < 2:
            raise InvalidInput(f"column {self.column} holds one label only ({wanted[0]}); there is nothing to tell apart")
        folds = self.split.apply(trials)
        if self.among:
            chosen = np.isin(labels, wanted)
            folds = [Fold(fold.name, fold.train[chosen[fold.train]], fold.test[chosen[fold.test]]) for fold in folds]
            check(folds, trials)
        for fold in folds:
            if lacking := sorted(set(wanted) - set(labels[fold.train])):
                raise InvalidInput(f"fold {fold.name} has no training trial of {lacking[0]}; use another split")
        return Pairs(
            inputs=self.brain.run()["responses"],
            targets=labels,
            trials=trials,
            folds=folds,
            groups=self.split.groups(trials),
            z_score=self.z_score(trials),
            responses="inputs",
        )

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
