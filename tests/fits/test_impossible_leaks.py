"""Leaks without a code path: the best test epoch, a model that is not made anew, features of another make, candidates by hardware."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from recortex import catalog
from recortex.checkpoints.pretrained import Pretrained
from recortex.data.response_file import ResponseFile
from recortex.decoders.category_decoder import CategoryDecoder
from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.encoders.predict import Predict
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.errors import InvalidInput
from recortex.features.pixels import Pixels
from recortex.fits.base import Fit
from recortex.fits.pairs import Pairs
from recortex.generators.pixel_pictures import PixelPictures
from recortex.scores.base import Scores
from recortex.scores.image_scores import ImageScores
from recortex.splits.base import Fold
from recortex.splits.fixed import FixedSplit
from recortex.splits.k_fold import KFold
from recortex.stage import NOT_IN_KEY, walk
from tests.laws import planted, recording

Call = tuple[str, "Spy", np.ndarray, np.ndarray | None, np.ndarray | None]
ALPHAS = (1.0, 100.0)


class Spy:
    """An estimator that leaves a note of everything it is given."""

    def __init__(self, inner: Any, calls: list[Call]):
        self.inner, self.calls = inner, calls

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> Spy:
        self.calls.append(("fit", self, X.copy(), y.copy(), groups))
        self.inner.fit(X, y, **({} if groups is None else {"groups": groups}))
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        self.calls.append(("predict", self, X.copy(), None, None))
        return self.inner.predict(X)


CALLS: list[Call] = []


class Spied(Fit):
    """A fit whose estimators are spied on."""

    def estimator(self) -> Any:
        """The usual one, with a spy around it."""
        return Spy(super().estimator(), CALLS)

    def learned(self, estimator: Any) -> dict[str, np.ndarray]:
        """The usual arrays."""
        return super().learned(estimator.inner)


class SpiedEncoder(Spied, RidgeEncoder):
    """A spied encoder."""


class SpiedDecoder(Spied, RidgeDecoder):
    """A spied decoder."""


class SpiedClassifier(Spied, CategoryDecoder):
    """A spied classifier."""


Make = Callable[..., Fit]
FITS: dict[str, Make] = {
    "encoder": lambda brain, stimuli, **more: SpiedEncoder(
        brain=brain, features=Pixels(stimuli=stimuli), alphas=ALPHAS, cv=2, **more
    ),
    "decoder": lambda brain, stimuli, **more: SpiedDecoder(
        brain=brain, features=Pixels(stimuli=stimuli), alphas=ALPHAS, cv=2, **more
    ),
    "classifier": lambda brain, stimuli, **more: SpiedClassifier(brain=brain, classifier="ridge", **more),
}
SPLITS = [KFold(by="stimulus", folds=4), FixedSplit()]


@pytest.fixture
def own(tmp_path):
    return recording(tmp_path / "own", *planted())


@pytest.fixture
def calls():
    CALLS.clear()
    return CALLS


def has_row_of(rows: np.ndarray, others: np.ndarray) -> bool:
    """Whether any row stands among the others."""
    return bool((rows[:, None, :] == others[None, :, :]).all(axis=2).any())


def check_fold(pairs: Pairs, fold: Fold, fitted: Call, predicted: Call, targets: np.ndarray) -> None:
    """One fold's two calls: a fit on its training rows and nothing else, then one look at the inputs of its test rows."""
    assert (fitted[0], predicted[0]) == ("fit", "predict") and predicted[1] is fitted[1]
    inputs = pairs.inside(fold)[0]
    np.testing.assert_array_equal(fitted[2], inputs[fold.train])
    np.testing.assert_array_equal(fitted[3], targets[fold.train])
    assert not has_row_of(inputs[fold.test], fitted[2])
    np.testing.assert_array_equal(predicted[2], inputs[fold.test])
    if fitted[4] is not None:
        np.testing.assert_array_equal(fitted[4], pairs.groups[fold.train])


@pytest.mark.parametrize("normalise", ["none", "training"])
@pytest.mark.parametrize("split", SPLITS, ids=["folds", "fixed"])
@pytest.mark.parametrize("name", FITS)
def test_a_fold_has_a_model_of_its_own_that_is_fitted_once_and_never_meets_a_test_row(own, calls, name, split, normalise):
    fit = FITS[name](*own, split=split, normalise=normalise, normalise_by="run")
    fit.run()
    pairs = fit.pairs()
    assert len(calls) == 2 * len(pairs.folds)
    assert len({id(call[1]) for call in calls}) == len({id(call[1].inner) for call in calls}) == len(pairs.folds)
    for number, fold in enumerate(pairs.folds):
        check_fold(pairs, fold, *calls[2 * number : 2 * number + 2], pairs.inside(fold)[1])


@pytest.mark.parametrize("name", FITS)
def test_refits_make_their_models_anew_too(own, calls, name):
    fit = FITS[name](*own, split=KFold(by="stimulus", folds=4))
    pairs = fit.pairs()
    sources = list(pairs.exchanges(3, np.random.default_rng(0)))
    made = list(fit.refits(pairs, sources))
    assert len(made) == 3
    together = fit.separable and pairs.targets.ndim == 2
    rounds = 1 if together else 3
    assert len(calls) == 2 * len(pairs.folds) * rounds
    assert len({id(call[1]) for call in calls}) == len(pairs.folds) * rounds
    for round_ in range(rounds):
        moved = np.hstack([pairs.targets[source] for source in sources]) if together else pairs.targets[sources[round_]]
        for number, fold in enumerate(pairs.folds):
            place = 2 * (round_ * len(pairs.folds) + number)
            check_fold(pairs, fold, *calls[place : place + 2], moved)


def test_the_spy_would_see_a_test_row(own, calls):
    fit = FITS["decoder"](*own, split=KFold(by="stimulus", folds=4))
    fit.run()
    pairs = fit.pairs()
    first, second = pairs.folds[:2]
    with pytest.raises(AssertionError):
        check_fold(pairs, first, *calls[2:4], pairs.targets)  # the second fold's calls
    assert has_row_of(pairs.inputs[second.train], pairs.inputs[first.test])


def test_features_made_otherwise_have_another_key_and_are_made_again(own, monkeypatch):
    brain, stimuli = own
    made = []
    compute = Pixels.compute

    def noted(self: Pixels) -> dict[str, Any]:
        made.append(self.key())
        return compute(self)

    monkeypatch.setattr(Pixels, "compute", noted)
    kinds = [Pixels(stimuli=stimuli), Pixels(stimuli=stimuli, size=2), Pixels(stimuli=stimuli, grey=True)]
    encoders = [RidgeEncoder(brain=brain, features=features, alphas=ALPHAS, cv=2) for features in kinds]
    for encoder in encoders:
        encoder.run()
        encoder.run()
    assert made == [features.key() for features in kinds] and len(set(made)) == 3
    before = [encoder.key() for encoder in encoders]
    assert len(set(before)) == 3
    monkeypatch.setattr(Pixels, "version", Pixels.version + 1)
    for encoder, old in zip(encoders, before, strict=True):
        assert encoder.key() != old and encoder.cached() is None and encoder.features.cached() is None
    encoders[0].run()
    assert len(made) == 4 and made[3] not in made[:3]


@pytest.mark.parametrize("other", [{"size": 2}, {"grey": True}, {"size": 4}])
def test_an_encoder_meets_no_features_that_were_made_otherwise(own, tmp_path, other):
    brain, stimuli = own
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), alphas=ALPHAS, cv=2)
    _, new = recording(tmp_path / "new", *planted(seed=5))
    name = next(iter(other))
    with pytest.raises(InvalidInput, match=f"fitted on features with {name} = .*make both in the same way"):
        Predict(encoder=encoder, features=Pixels(stimuli=new, **other)).run()
    assert np.isfinite(Predict(encoder=encoder, features=Pixels(stimuli=new)).run()["prediction"]).all()


HARDWARE = ("batch", "device", "worker", "gpu", "thread", "process", "tile", "chunk", "memory", "host")


def test_no_field_of_a_score_depends_on_hardware_or_stays_out_of_its_key():
    scores = [cls for name in catalog.STAGES if issubclass(cls := catalog.find(name), Scores)]
    assert len(scores) >= 3
    for cls in scores:
        for name, field in cls.model_fields.items():
            if issubclass(cls, Pretrained) and name in Pretrained.model_fields:
                continue  # a judge's files count by their content, wherever they lie
            assert NOT_IN_KEY not in field.metadata, f"{cls.__name__}.{name} can change no key"
            assert not any(word in name for word in HARDWARE), f"{cls.__name__}.{name} names hardware"


def scored(brain: ResponseFile, stimuli: Any, split: Any, **more: Any) -> tuple[dict[tuple, tuple], Any]:
    decoder = RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli), split=split, alphas=ALPHAS, cv=2)
    stage = ImageScores(pictures=PixelPictures(decoder=decoder), stimuli=stimuli, permutations=0, resamples=10, **more)
    result = stage.run()
    named = zip(*(result[name] for name in ("metric", "subset", "control", "candidates", "value")), strict=True)
    real = {(metric, subset): (count, value) for metric, subset, control, count, value in named if not control}
    return real, dict(zip(result["stimulus"].tolist(), result["identification"].tolist(), strict=False)) | {"stage": stage}


@pytest.mark.parametrize("split", SPLITS, ids=["folds", "fixed"])
def test_candidates_are_the_tested_stimuli_whatever_the_order_of_trials(tmp_path, split):
    responses, pictures, table = planted(stimuli=30, repeats=1)
    order = np.random.default_rng(3).permutation(len(responses))
    here, each = scored(*recording(tmp_path / "here", responses, pictures, table), split)
    moved = responses[order], pictures, {name: values[order] for name, values in table.items()}
    there, each_moved = scored(*recording(tmp_path / "there", *moved), split)
    tested = 30 if isinstance(split, KFold) else 5
    assert here["two_way_identification", ""][0] == here["top1_retrieval", ""][0] == tested
    assert here.keys() == there.keys()
    for name in here:
        assert here[name][0] == there[name][0]
        assert here[name][1] == pytest.approx(there[name][1], abs=1e-5), name
    one, other = each.pop("stage"), each_moved.pop("stage")
    assert each.keys() == each_moved.keys() and all(each[name] == pytest.approx(each_moved[name]) for name in each)
    assert one.key() != other.key()
    fields = {name: field for node in walk(one) for name, field in type(node).model_fields.items()}
    assert {name for name, field in fields.items() if NOT_IN_KEY in field.metadata} <= {"device"}
