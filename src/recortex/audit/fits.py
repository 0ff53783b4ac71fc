"""The audits that a pipeline runs around every fit: of the data and the split before it, of the fit itself after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from recortex.audit.base import Case, Finding
from recortex.audit.examination import examine
from recortex.audit.mirrored import mirrored
from recortex.audit.noise import NoisyBrain, with_noise
from recortex.data.base import Pictures
from recortex.data.picture_file import PictureFile
from recortex.decoders.category_decoder import CategoryDecoder
from recortex.decoders.decode import Decode
from recortex.errors import InvalidInput
from recortex.fits.base import Fit
from recortex.fits.pairs import Pairs
from recortex.splits.base import qualified
from recortex.stage import Array, Node, Result, Stage, walk


class Audit(Stage):
    """What was found about a fit.

    Parameters
    ----------
    fit : Fit
        What is audited.
    """

    fit: Fit

    returns: ClassVar[dict[str, Array]] = {
        "found": Array(dtype="int", units="", about="how many findings there are; the columns are absent where there are none"),
        **{
            name: Array("finding", dtype="str", units="", optional=True, about=about)
            for name, about in {
                "verdict": "warn or note; what is refused leaves no result",
                "leak": "short name of what was found",
                "about": "what was found, in a sentence",
                "remedy": "what to do",
                "evidence": "the offenders, a line each",
            }.items()
        },
    }

    def examine(self) -> list[Finding]:
        """Look."""
        raise TypeError(f"{type(self).__name__} examines nothing")

    def expect(self) -> dict[str, int]:
        """A few findings."""
        return {"finding": 3}

    def compute(self) -> dict[str, Any]:
        """Findings as columns.

        Raises
        ------
        InvalidInput
            Something is refused; the message names it and the way out.
        """
        found = self.examine()
        if refused := [finding for finding in found if finding.verdict == "refuse"]:
            first = refused[0]
            raise InvalidInput(f"audit: {first.leak}: {first.about}; {first.remedy}")
        count = {"found": np.array(len(found))}
        if not found:
            return count
        columns = {name: [getattr(finding, name) for finding in found] for name in ("verdict", "leak", "about", "remedy")}
        columns["evidence"] = ["\n".join(finding.evidence) for finding in found]
        return count | {name: np.array(values, dtype=str) for name, values in columns.items()}

    @staticmethod
    def findings(result: Result) -> list[Finding]:
        """The findings of a result."""
        if not int(result["found"]):
            return []
        columns = (result[name].tolist() for name in ("verdict", "leak", "about", "remedy", "evidence"))
        return [
            Finding(verdict, leak, about, remedy, tuple(filter(None, evidence.split("\n"))))
            for verdict, leak, about, remedy, evidence in zip(*columns, strict=True)
        ]


class DataAudit(Audit):
    """Looks, before anything is fitted, at what stands on both sides of the split and at how the data came to be."""

    def inputs(self) -> dict[str, Stage]:
        """What the fit reads; not the fit itself."""
        return self.fit.inputs()

    def examine(self) -> list[Finding]:
        """All detectors on the fit's trials, folds, pictures and features."""
        return examine(case_of(self.fit))


class FitAudit(Audit):
    """Fits the first and the last fold again with noise in place of the last one's test trials: nothing learned may differ by a bit.

    Both folds, as the first fit sees trials that the last one must not remember; and the noise stands in the recording already, before
    the fit joins and splits. One test trial keeps its input, and what is predicted for it may depend neither on its own target nor on
    other test trials: a prediction that does was peeked at, or normalised by its neighbours and could not be made for one trial alone.
    What the audited fit predicts must be what its result holds. A memory that outlives a whole call of `fit_folds` is met by both fits
    and stays unseen. What stages below the fit do (a recording normalised as a whole, features fitted on all stimuli) is beyond this
    test; they disclose it themselves.

    Where the fit found receptive fields and voxels have places, it also asks whether units look away from their own side of the brain.
    """

    version: ClassVar[int] = 2

    def examine(self) -> list[Finding]:
        """What the fit saw, and what it found."""
        return [*self._seen(), *self._sides()]

    def _sides(self) -> list[Finding]:
        fitted, brain = self.fit.run(), self.fit.brain.run()
        if not {"field_x", "correlation"} <= set(fitted) or not {"voxel", "affine"} <= set(brain):
            return []
        right_mm = (brain["voxel"] @ brain["affine"][:3, :3].T + brain["affine"][:3, 3])[:, 0]
        predicted = fitted["correlation"] > 2 / np.sqrt(len(np.unique(brain["stimulus"][fitted["row"]])))
        return mirrored(right_mm[predicted], fitted["field_x"].mean(axis=0)[predicted])

    def _seen(self) -> list[Finding]:
        """Fit twice, with and without noise."""
        pairs, kind = self.fit.sampled_pairs(), type(self.fit).__name__
        fold = pairs.folds[-1]
        some = replace(pairs, folds=[pairs.folds[0], fold] if len(pairs.folds) > 1 else [fold])
        kept = self._kept(pairs)
        # from the recording on, so that what a fit does before it splits is seen too
        blind = self.fit.model_copy(update={"brain": NoisyBrain(self.fit.brain, fold.test)})
        noisy = with_noise(replace(blind.sampled_pairs(), folds=some.folds), fold.test)
        (prediction, learned), (_, relearned) = self.fit.fit_folds(some), blind.fit_folds(noisy)
        if differing := _differing(learned, relearned):
            if _differing(learned, self.fit.fit_folds(some)[1]):
                return [
                    Finding(
                        "warn",
                        "fit_not_repeatable",
                        f"{kind}: the same training trials gave another {', '.join(differing)} the second time, so nobody can tell "
                        "whether test trials were seen",
                        "seed the fit",
                    )
                ]
            return [
                Finding(
                    "refuse",
                    "fit_saw_test_rows",
                    f"{kind}: {', '.join(differing)} of fold {fold.name} changed when its test trials were replaced by noise",
                    "fit everything, scalers and choices included, on training rows alone, from a fresh model",
                )
            ]
        alone = replace(some, folds=[fold])
        noise = with_noise(alone, fold.test)
        inputs = noise.inputs.copy()
        inputs[kept] = pairs.inputs[kept]
        place = int(np.searchsorted(np.sort(fold.test), kept))
        mine = prediction[np.searchsorted(some.held_out(), kept)]
        # one fit for what a prediction may depend on neither of; only where it does, another one tells which
        by_itself = _same(mine, self.fit.fit_folds(replace(alone, inputs=inputs, targets=noise.targets))[0][place])
        if not by_itself and not _same(mine, self.fit.fit_folds(replace(alone, targets=noise.targets))[0][place]):
            return [
                Finding(
                    "refuse",
                    "prediction_saw_target",
                    f"{kind}: what is predicted for a test trial of fold {fold.name} changed with that fold's test targets",
                    "predict from inputs alone",
                )
            ]
        stored = self.fit.run()
        there = np.isin(stored["row"], fold.test)
        predicted = stored.read(self.fit.predicts, columns=self.fit.sample())
        if not _same(predicted[there], prediction[np.isin(some.held_out(), fold.test)]):
            return [
                Finding(
                    "refuse",
                    "stored_result_differs",
                    f"{kind}: the result holds other values of {self.fit.predicts} for fold {fold.name} than the audited fit",
                    "make the result with the fit's own pairs and fit_folds, or clear the cache if code changed without a new version",
                )
            ]
        if by_itself:
            return []
        said = f"{kind}: what is predicted for a test trial of fold {fold.name} depends on the other test trials"
        if self.fit.normalise == "unsupervised":
            said += ", as normalise: unsupervised implies"
            return [Finding("note", "needs_whole_test_set", said, "no single trial can be decoded so")]
        remedy = "take means and scales from training trials, so that one trial can be decoded"
        return [Finding("warn", "needs_whole_test_set", said, remedy)]

    def _kept(self, pairs: Pairs) -> int:
        """A test trial of the last fold, of a stretch without training trials if there is one."""
        fold = pairs.folds[-1]
        if pairs.z_score is not None:
            labels = pairs.z_score.labels
            alone = fold.test[~np.isin(labels[fold.test], labels[fold.train])]
            if len(alone):
                return int(alone[0])
        return int(fold.test[0])


def _differing(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> list[str]:
    """Learned arrays whose last fold differs."""
    return [name for name in one if not np.array_equal(one[name][-1], other[name][-1], equal_nan=one[name].dtype.kind == "f")]


def case_of(fit: Fit) -> Case:
    """What the detectors look at, of one fit."""
    pairs = fit.sampled_pairs()
    brain = fit.brain.run()
    known: dict[str, Any] = {"n_repeats": brain["n_repeats"], "disclosures": _disclosures(fit, pairs)}
    if isinstance(fit, CategoryDecoder):
        known["label"] = fit.column
    features = fit.stimulus_side()
    if features is not None:
        result = features.run()
        known |= {"context_s": features.context_s(), "embedding": features.embedding}
        if features.embedding:
            known |= {"features": result["features"], "feature_names_of_rows": result["stimulus"]}
        shown = [node for node in walk(features) if isinstance(node, Pictures)]
        if shown:
            pictures = shown[0].run()  # a stage of features looks at one set of pictures
            known |= {"pictures": pictures["picture"], "picture_names": pictures["stimulus"]}
            known["numbered"] = isinstance(shown[0], PictureFile) and shown[0].names is None
    return Case(pairs.trials, pairs.folds, **known)


def _disclosures(fit: Fit, pairs: Pairs) -> tuple[str, ...]:
    said = list(fit.brain.disclosures())
    if fit.normalise == "unsupervised":
        labels = qualified(pairs.trials, fit.normalise_by)
        alone = sorted({label for fold in pairs.folds for label in set(labels[fold.test]) - set(labels[fold.train])})
        if alone:
            said.append(
                f"{len(alone)} of {len(set(labels.tolist()))} {fit.normalise_by}s without training trials were z-scored by their own "
                "test trials (normalise: unsupervised); nothing was fitted on these"
            )
    return tuple(said)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype.kind != "f":
        return bool(np.array_equal(one, other))
    return bool(np.allclose(one, other, rtol=1e-3, atol=1e-4 * float(np.abs(one).max() or 1)))


def audits_around(node: Node) -> list[Audit]:
    """The audits of every fit at or below a node, those before a fit first."""
    fits = {fit.key(): fit for fit in walk(node) if isinstance(fit, Fit)}
    return [audit(fit=fit) for audit in (DataAudit, FitAudit) for fit in fits.values()]


def audited(stage: Stage) -> Result | None:
    """The result of a stage; None where it is not there, or an audit around a fit at or below it is not: nothing refused is shown."""
    result = stage.cached()
    return result if result is None or all(audit.cached() is not None for audit in audits_around(stage)) else None


def found(audits: Sequence[Audit]) -> list[Finding]:
    """What finished audits found, the gravest first, each once."""
    results = [audit.cached() for audit in audits]
    findings = [finding for result in results if result is not None for finding in Audit.findings(result)]
    order = {"warn": 0, "note": 1}
    return sorted(dict.fromkeys(findings), key=lambda finding: order.get(finding.verdict, 0))


def in_words(node: Node) -> str:
    """For the table of scores: "clean", or each verdict with the names of what was found; empty where there is nothing to audit."""
    audits = audits_around(node)
    if not audits:
        return ""
    by_verdict: dict[str, list[str]] = {"warn": [], "note": []}
    for finding in found(audits):
        if finding.leak not in by_verdict[finding.verdict]:
            by_verdict[finding.verdict].append(finding.leak)
    if any(isinstance(below, Decode) for below in walk(node)):
        by_verdict["note"].append("new_data_not_audited")
    return "; ".join(f"{verdict}: {', '.join(names)}" for verdict, names in by_verdict.items() if names) or "clean"
