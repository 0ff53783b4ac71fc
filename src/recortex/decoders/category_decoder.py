"""Which category was seen, by a linear classifier."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.data.base import Responses
from recortex.errors import InvalidInput, did_you_mean
from recortex.progress import steps
from recortex.splits.base import Split
from recortex.splits.held_out import HELD_OUT, held_out_table
from recortex.splits.k_fold import KFold
from recortex.stage import Array, Stage


class CategoryDecoder(Stage):
    """A linear classifier of scikit-learn on standardised responses, fitted on the training trials of each fold.

    Parameters
    ----------
    brain : Responses
        What is read.
    column : str
        The label that is decoded: a column of the trial table.
    split : Split
        Which trials fit and which score.
    classifier : "logistic", "svm", "ridge" or "lda"
        Logistic regression, linear support vectors (one against the rest), ridge classifier, or linear discriminant with
        shrinkage by Ledoit and Wolf.
    strength : float
        Inverse penalty C of "logistic" and "svm", penalty alpha of "ridge"; "lda" has none.
    """

    brain: Responses
    column: str = "category"
    split: Split = KFold(by="stimulus", folds=5)
    classifier: Literal["logistic", "svm", "ridge", "lda"] = "svm"
    strength: float = Field(default=1.0, gt=0)

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

    def compute(self) -> dict[str, Any]:
        """Fit and decode.

        Raises
        ------
        InvalidInput
            The column is not there, holds one label only, or a fold's training trials lack a label.
        """
        from sklearn.preprocessing import StandardScaler

        trials = self.brain.trial_table()
        if self.column not in trials:
            raise InvalidInput(f"the trials have no column {self.column}{did_you_mean(self.column, trials)}")
        labels, responses = trials[self.column], self.brain.run()["responses"]
        categories = np.unique(labels)
        if len(categories) < 2:
            raise InvalidInput(f"column {self.column} holds one label only ({categories[0]}); there is nothing to tell apart")
        folds = self.split.apply(trials)
        predicted = np.empty_like(labels)
        scored = np.zeros(len(labels), dtype=bool)
        fitted: dict[str, list[np.ndarray]] = {name: [] for name in ("coef", "intercept", "mean", "scale")}
        for fold in steps(folds, "folds"):
            if lacking := sorted(set(categories) - set(labels[fold.train])):
                raise InvalidInput(f"fold {fold.name} has no training trial of {lacking[0]}; use another split")
            scaler = StandardScaler().fit(responses[fold.train])
            model = self._model().fit(scaler.transform(responses[fold.train]), labels[fold.train])
            first = fold.test[~scored[fold.test]]
            predicted[first] = model.predict(scaler.transform(responses[first])) if len(first) else predicted[first]
            scored[fold.test] = True
            # two labels share one boundary, which some classifiers give without an axis of its own
            arrays = (np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_), scaler.mean_, scaler.scale_)
            for name, value in zip(fitted, arrays, strict=True):
                fitted[name].append(value)
        table = held_out_table(folds, trials)
        return (
            table
            | {"label": labels[table["row"]], "predicted": predicted[table["row"]], "category": categories}
            | {name: np.stack(values) for name, values in fitted.items()}
        )

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
