"""A recording that does not fit into memory is read, fitted and audited some units at a time, with the same result."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from recortex import store
from recortex.audit.fits import FitAudit
from recortex.data.response_file import ResponseFile
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.errors import InvalidInput
from recortex.features.pixels import Pixels
from recortex.fits.pairs import Pairs
from recortex.splits.k_fold import KFold
from recortex.stage import Stage
from tests.laws import planted, recording

UNITS = 23


@pytest.fixture
def own(tmp_path):
    return recording(tmp_path / "own", *planted(units=UNITS))


@pytest.fixture
def small(monkeypatch):
    """Parts of 5 units."""
    monkeypatch.setattr("recortex.encoders.base.AT_ONCE", 5 * 48)
    monkeypatch.setattr("recortex.data.response_file.AT_ONCE", 5 * 48)


def fresh(folder, stage: Stage) -> store.Result:
    """A result in a cache of its own."""
    with store.use(store.Store(folder)):
        return stage.run()


def same(one: store.Result, other: store.Result) -> None:
    assert list(one) == list(other)
    for name in one:
        if one[name].dtype.kind == "f":
            np.testing.assert_allclose(one[name], other[name], rtol=1e-5, atol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("repeats", ["keep", "average"])
@pytest.mark.parametrize("kind", ["npy", "h5", "h5 turned"])
def test_a_recording_in_parts_is_the_recording(own, tmp_path, request, kind, repeats) -> None:
    brain, _ = own
    values = np.load(brain.path)
    fields = {"trials": brain.trials, "path": brain.path, "repeats": repeats}
    if kind != "npy":
        fields |= {"path": tmp_path / "betas.h5", "trial_axis": int("turned" in kind)}
        with h5py.File(fields["path"], "w") as file:
            file["betas"] = values.T if "turned" in kind else values
    stage = ResponseFile(**fields)
    assert stage.tiling() is None
    whole = fresh(tmp_path / "whole", stage)
    request.getfixturevalue("small")
    assert len(stage.tiling().tiles()) == 5
    same(fresh(tmp_path / "parts", stage), whole)


def test_units_are_numbered_through_all_parts(own, small) -> None:
    brain, _ = own
    values = np.load(brain.path)
    values[3, 17] = np.nan
    np.save(brain.path, values)
    with pytest.raises(InvalidInput, match=r"NaN or infinite somewhere \(units 17, the first in trial 3"):
        ResponseFile(path=brain.path, trials=brain.trials).run()
    values[3, 17], values[:, 21] = 0, 4
    np.save(brain.path, values)
    with pytest.raises(InvalidInput, match=r"never change \(units 21, counted from 0\)"):
        ResponseFile(path=brain.path, trials=brain.trials).run()


@pytest.mark.parametrize(
    "fields", [{}, {"normalise": "training", "normalise_by": "run"}, {"selection": "gcv", "standardise": True}]
)
def test_an_encoder_in_parts_is_the_encoder(own, tmp_path, request, fields) -> None:
    brain, stimuli = own
    encoder = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=KFold(by="stimulus", folds=3), **fields)
    whole = fresh(tmp_path / "whole", encoder)
    request.getfixturevalue("small")
    assert len(encoder.tiling().tiles()) == 5
    same(fresh(tmp_path / "parts", encoder), whole)


class Peeks(RidgeEncoder):
    """Takes the mean of all trials off, test trials among them."""

    def pairs(self, units: slice = slice(None)) -> Pairs:
        pairs = super().pairs(units)
        pairs.targets[:] -= pairs.targets.mean(axis=0)
        return pairs


@pytest.mark.parametrize("cls", [RidgeEncoder, Peeks])
def test_the_audit_of_parts_looks_at_some_units_of_all(own, small, monkeypatch, cls) -> None:
    monkeypatch.setattr("recortex.encoders.base.SAMPLE", 6)
    brain, stimuli = own
    encoder = cls(brain=brain, features=Pixels(stimuli=stimuli))
    assert encoder.sample() == slice(None, None, 4)
    assert encoder.sampled_pairs().targets.shape == (48, 6)
    if cls is RidgeEncoder:
        assert FitAudit.findings(FitAudit(fit=encoder).run()) == []
        return
    with pytest.raises(InvalidInput, match="fit_saw_test_rows"):
        FitAudit(fit=encoder).run()
