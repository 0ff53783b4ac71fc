"""What every fit shares: pairs, normalisation, refits on permuted pairs, and the leak pair that the split guards against."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recortex.decoders.category_decoder import CategoryDecoder
from recortex.decoders.decode import Decode
from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.errors import InvalidInput
from recortex.features.pixels import Pixels
from recortex.fits.baselines import training_means
from recortex.metrics import unit_correlation
from recortex.splits.fixed import FixedSplit
from recortex.splits.hold_out import HoldOut
from recortex.splits.k_fold import KFold
from tests.laws import check_universal_law, planted, recording

ALPHAS = (0.1, 10.0, 1000.0)


@pytest.fixture
def own(tmp_path):
    return recording(tmp_path / "own", *planted())


def encoder_of(brain, stimuli, **more):
    return RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), alphas=ALPHAS, cv=3, **more)


def decoder_of(brain, stimuli, **more):
    return RidgeDecoder(brain=brain, features=Pixels(stimuli=stimuli), alphas=ALPHAS, cv=3, **more)


def by_reliability(brain, stimuli, **more):
    return decoder_of(brain, stimuli, by_reliability=True, **more)


@pytest.mark.parametrize("make", [encoder_of, decoder_of, by_reliability])
@pytest.mark.parametrize("split", [KFold(folds=4), FixedSplit()], ids=["folds", "fixed"])
def test_many_refits_at_once_equal_a_fit_of_each_permuted_pair(own, make, split):
    fit = make(*own, split=split)
    pairs = fit.pairs()
    sources = list(pairs.exchanges(5, np.random.default_rng(0)))
    for source, refit in fit.refits(pairs, sources):
        alone, _ = fit.fit_folds(replace(pairs, targets=pairs.targets[source]))
        np.testing.assert_allclose(refit, alone, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(pairs.measured(source), pairs.targets[source][pairs.held_out()])


def test_repeats_move_together_and_one_exchange_holds_for_all_trials(own):
    fit = encoder_of(*own)
    pairs = fit.pairs()
    stimulus = np.asarray(pairs.trials["stimulus"])
    moved = 0
    for source in pairs.exchanges(20, np.random.default_rng(0)):
        for name in np.unique(stimulus):
            assert len(np.unique(stimulus[source][stimulus == name])) == 1
        assert sorted(source.tolist()) == list(range(len(stimulus)))
        moved += np.mean(stimulus[source] != stimulus)
    assert moved / 20 > 0.8


def test_stimuli_change_places_within_a_category_where_asked(own):
    pairs = encoder_of(*own).pairs()
    category = np.asarray(pairs.trials["category"])
    for source in pairs.exchanges(5, np.random.default_rng(0), within="category"):
        assert np.array_equal(category[source], category)
    with pytest.raises(InvalidInput, match="run"):
        next(pairs.exchanges(1, np.random.default_rng(0), within="run"))
    with pytest.raises(InvalidInput, match="no column blok"):
        next(pairs.exchanges(1, np.random.default_rng(0), exchange="blok"))


def test_with_a_fixed_split_tested_stimuli_change_places_among_themselves(own):
    pairs = encoder_of(*own, split=FixedSplit()).pairs()
    side = np.asarray(pairs.trials["split"])
    for source in pairs.exchanges(5, np.random.default_rng(0)):
        assert np.array_equal(side[source], side)


def test_series_are_shifted_within_their_run(own):
    pairs = encoder_of(*own).pairs()
    run = np.asarray(pairs.trials["run"])
    for source in pairs.exchanges(5, np.random.default_rng(0), exchange="circular_shift"):
        assert np.array_equal(run[source], run)
        for name in np.unique(run):
            steps = np.diff(source[run == name])
            assert np.sum(steps != 1) <= 1  # in order, but for one wrap
    with pytest.raises(InvalidInput, match="leave out permute_within"):
        next(pairs.exchanges(1, np.random.default_rng(0), exchange="circular_shift", within="run"))


def test_series_are_shifted_in_time_however_their_rows_stand(tmp_path):
    responses, pictures, table = planted(stimuli=40, repeats=1)
    turned = np.random.default_rng(3).permutation(40)
    table = {name: values[turned] for name, values in table.items()} | {"run": turned // 20, "onset_s": 2.0 * (turned % 20)}
    pairs = encoder_of(*recording(tmp_path / "own", responses, pictures, table)).pairs()
    for source in pairs.exchanges(5, np.random.default_rng(0), exchange="circular_shift"):
        for run in range(2):
            rows = np.flatnonzero(table["run"] == run)
            rows = rows[np.argsort(table["onset_s"][rows])]
            assert np.sum(np.diff(table["onset_s"][source[rows]]) != 2) <= 1
    assert not np.array_equal(source, np.arange(40))


def test_a_shift_of_few_rows_is_refused(tmp_path):
    responses, pictures, table = planted(stimuli=12, repeats=1)
    pairs = encoder_of(*recording(tmp_path / "own", responses, pictures, table | {"run": np.zeros(12, int)})).pairs()
    with pytest.raises(InvalidInput, match="circular_shift leaves 12 shifts of the held-out runs, so no p-value could be small"):
        next(pairs.exchanges(1, np.random.default_rng(0), exchange="circular_shift"))


def with_sessions(seed: int = 0):
    """A planted recording whose sessions differ in offset and scale."""
    responses, pictures, table = planted(seed, stimuli=30, repeats=2)
    session = np.where(np.arange(len(responses)) % 2, "one", "two")
    responses = np.where((session == "one")[:, None], 40 + 5 * responses, responses)
    return responses, pictures, table | {"session": session}


def test_refits_normalise_what_has_moved_by_what_is_in_training_then(tmp_path):
    fit = encoder_of(*recording(tmp_path / "own", *with_sessions()), normalise="training")
    pairs = fit.pairs()
    for source, refit in fit.refits(pairs, pairs.exchanges(3, np.random.default_rng(0))):
        # every response takes the name of its session along, and nothing else is known of where it was
        moved = replace(pairs, targets=pairs.targets[source], z_score=replace(pairs.z_score, labels=pairs.z_score.labels[source]))
        np.testing.assert_allclose(refit, fit.fit_folds(moved)[0], rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(pairs.measured(source), moved.measured())
        for fold in pairs.folds:
            np.testing.assert_allclose(pairs.moved(fold, source, fold.train).mean(axis=0), 0, atol=1e-5)


def test_only_what_can_be_normalised_is_drawn_and_where_nothing_can_the_way_out_is_told(tmp_path):
    responses, pictures, table = planted(stimuli=40, repeats=1)
    table["session"] = np.where(np.isin(np.arange(40), [0, 1, 38, 39]), "two", "one")
    fit = encoder_of(
        *recording(tmp_path / "own", responses, pictures, table), normalise="training", split=KFold(folds=2, seed=None)
    )
    pairs = fit.pairs()
    for within in ("", "session"):
        sources = list(pairs.exchanges(30, np.random.default_rng(0), within=within))
        assert len(list(fit.refits(pairs, sources))) == 30
    sessions = np.asarray(pairs.trials["session"])
    drawn = [
        np.sum(sessions[source[fold.train]] == "two")
        for source in pairs.exchanges(200, np.random.default_rng(1))
        for fold in pairs.folds
    ]
    assert set(drawn) == {2}  # of four, two in each half, as in the recording
    stretches = replace(pairs, z_score=replace(pairs.z_score, labels=np.repeat(np.arange(20).astype(str), 2)))
    with pytest.raises(InvalidInput, match=r"^exchange: hardly an arrangement leaves every session enough training trials"):
        list(stretches.exchanges(1, np.random.default_rng(0)))


def test_runs_that_scale_themselves_are_exchanged_over_few_folds(tmp_path):
    responses, pictures, table = planted(stimuli=96, repeats=1)
    table["run"] = np.arange(96) // 8
    brain, stimuli = recording(tmp_path / "own", responses, pictures, table)
    fields = {"normalise": "unsupervised", "normalise_by": "run", "split": KFold(by="run", folds=2)}
    fit = encoder_of(brain, stimuli, **fields)
    pairs = fit.pairs()
    assert len(list(fit.refits(pairs, pairs.exchanges(40, np.random.default_rng(0))))) == 40


def test_sessions_are_scaled_by_their_own_training_trials(tmp_path):
    brain, stimuli = recording(tmp_path / "own", *with_sessions())
    plain, scaled = encoder_of(brain, stimuli), encoder_of(brain, stimuli, normalise="training")
    assert np.mean(scaled.run()["correlation"]) > np.mean(plain.run()["correlation"]) + 0.2
    pairs = scaled.pairs()
    session = np.asarray(pairs.trials["session"])
    for fold in pairs.folds:
        seen = pairs.inside(fold)[1]
        for name in ("one", "two"):
            train = fold.train[session[fold.train] == name]
            np.testing.assert_allclose(seen[train].mean(axis=0), 0, atol=1e-5)
            np.testing.assert_allclose(seen[train].std(axis=0), 1, atol=1e-4)
            test = fold.test[session[fold.test] == name]
            own = pairs.targets[train].astype(float)
            expected = (pairs.targets[test] - own.mean(axis=0)) / own.std(axis=0)
            np.testing.assert_allclose(seen[test], expected, atol=1e-4)


@pytest.mark.parametrize("make", [encoder_of, decoder_of, lambda brain, stimuli, **more: CategoryDecoder(brain=brain, **more)])
def test_a_session_without_training_trials_must_be_asked_for(tmp_path, make):
    responses, pictures, table = planted(stimuli=30, repeats=1)
    table["session"] = np.arange(30) // 6
    table["category"] = np.where(np.arange(30) % 2, "a", "b")
    brain, stimuli = recording(tmp_path / "own", responses, pictures, table)
    split = KFold(by="session")
    with pytest.raises(InvalidInput, match=r"session 0 has no training trials.*unsupervised"):
        make(brain, stimuli, split=split, normalise="training").run()
    assert make(brain, stimuli, split=split, normalise="unsupervised").run()
    with pytest.raises(InvalidInput, match=r"no column sesion.*session"):
        make(brain, stimuli, split=split, normalise="training", normalise_by="sesion").run()


@pytest.mark.parametrize("normalise", ["training", "unsupervised"])
def test_the_universal_law_holds_with_normalised_sessions(tmp_path, normalise):
    more = {"normalise": normalise, "normalise_by": "run"}
    check_universal_law(tmp_path / "e", lambda *own: encoder_of(*own, **more), ("coef", "intercept", "best_alpha"))
    check_universal_law(
        tmp_path / "d", lambda *own: decoder_of(*own, **more), ("coef", "intercept", "best_alpha", "slope", "offset")
    )
    check_universal_law(
        tmp_path / "c", lambda brain, _: CategoryDecoder(brain=brain, **more), ("coef", "intercept", "mean", "scale")
    )


def test_a_unit_that_is_flat_in_a_session_is_named(tmp_path):
    responses, pictures, table = with_sessions()
    responses[table["session"] == "one", 3] = 2.0
    brain, stimuli = recording(tmp_path / "own", responses, pictures, table)
    with pytest.raises(InvalidInput, match=r"units 3\).*session one"):
        encoder_of(brain, stimuli, normalise="training").run()


def test_new_responses_are_normalised_only_where_they_can_be(own, tmp_path):
    brain, stimuli = own
    responses, pictures, table = planted(seed=4)
    table["stimulus"] = table["stimulus"] + 100
    new, _ = recording(tmp_path / "new", responses, pictures, table)
    fitted = decoder_of(brain, stimuli, normalise="unsupervised", normalise_by="run")
    assert np.isfinite(Decode(decoder=fitted, brain=new).run()["decoded"]).all()
    with pytest.raises(InvalidInput, match="normalise: unsupervised"):
        Decode(decoder=decoder_of(brain, stimuli, normalise="training", normalise_by="run"), brain=new).run()


def test_training_means_look_at_training_trials_only(own):
    pairs = encoder_of(*own).pairs()
    means = training_means(pairs, pairs.trials["category"])
    category = np.asarray(pairs.trials["category"])
    fold = pairs.folds[1]
    row = fold.test[0]
    same = fold.train[category[fold.train] == category[row]]
    np.testing.assert_allclose(means[row], pairs.targets[same].mean(axis=0), rtol=1e-5)
    alone = np.asarray(pairs.trials["stimulus"])
    assert training_means(pairs, alone) is None  # no held-out stimulus was fitted on


def test_trial_order_finds_a_drift_and_nothing_else(tmp_path):
    responses, pictures, table = planted(stimuli=60, repeats=1)
    slow = np.cos(np.linspace(0, 3, len(responses)))[:, None]
    drifting, stimuli = recording(
        tmp_path / "drift", slow + 0.3 * np.random.default_rng(0).standard_normal(responses.shape), pictures, table
    )
    steady, _ = recording(tmp_path / "steady", responses, pictures, table)
    for brain, low, high in ((drifting, 0.7, 1.0), (steady, -1.0, 0.2)):
        fit = encoder_of(brain, stimuli)
        pairs = fit.pairs()
        found = np.mean(unit_correlation(pairs.measured(), fit.from_trial_order(pairs)))
        assert low <= found <= high


def test_the_leak_pair(tmp_path):
    """Responses that know a stimulus by its identity alone: a split by trial remembers it, one by stimulus has nothing to say."""
    from sklearn.model_selection import KFold as ByTrial

    from recortex.linear import RidgeCV, held_out_predictions

    rng = np.random.default_rng(0)
    stimuli, repeats, units = 300, 3, 20
    pictures = rng.integers(0, 256, (stimuli, 32, 32)).astype(np.uint8)
    order = np.tile(np.arange(stimuli), repeats)
    responses = rng.standard_normal((stimuli, units))[order] + rng.standard_normal((len(order), units))
    table = {"stimulus": order, "trial": (np.arange(len(order)) + np.arange(len(order)) // stimuli) % 5}
    brain, shown = recording(tmp_path / "own", responses, pictures, table)
    features = Pixels(stimuli=shown)
    X, Y = features.of(brain.trial_table()["stimulus"]), brain.run()["responses"]
    leaking = ByTrial(5, shuffle=True, random_state=0).split(X)
    by_trial = held_out_predictions(lambda: RidgeCV((1.0, 100.0), cv=3), X, Y, list(leaking)).predictions
    assert 0.4 < np.mean(unit_correlation(Y, by_trial)) < 0.6
    by_stimulus = encoder_of(brain, shown).run()["correlation"]
    assert abs(np.mean(by_stimulus)) < 0.06
    with pytest.raises(InvalidInput, match=r"split: fold .* stimuli in training and test"):
        encoder_of(brain, shown, split=KFold(by="trial")).run()


def test_what_its_owner_discloses_stands_in_the_audit(tmp_path):
    from recortex.audit.fits import DataAudit, found

    brain, stimuli = recording(tmp_path / "own", *planted())
    said = "z-scored by session, test trials included"
    audit = DataAudit(fit=encoder_of(brain.model_copy(update={"disclosed": (said,)}), stimuli))
    audit.run()
    assert [finding.about for finding in found([audit]) if finding.leak == "disclosed"] == [said]


def test_runs_whose_names_start_anew_in_each_session_are_told_apart(tmp_path):
    responses, pictures, table = planted(stimuli=32, repeats=1)
    table |= {"session": np.arange(32) // 16, "run": np.arange(32) // 8 % 2, "block": np.arange(32) // 2 % 4}
    pairs = encoder_of(*recording(tmp_path / "own", responses, pictures, table), normalise="training", normalise_by="run").pairs()
    assert len(np.unique(pairs.column("run", ""))) == 4 and len(np.unique(pairs.column("block", ""))) == 16
    for source in pairs.exchanges(5, np.random.default_rng(0), exchange="circular_shift"):
        assert np.array_equal(table["session"][source], table["session"])
    assert len(np.unique(pairs.z_score.labels)) == 4


@pytest.mark.parametrize(
    ("exchange", "within", "said"),
    [
        (
            "session",
            "",
            "leaves 1 arrangement .*small; set exchange: stimulus if their order was random, or set permutations: 0 for",
        ),
        ("half", "", "leaves 2 arrangements"),
        ("session", "category", "or exchange what lies within one category$"),
        ("half", "half", "small; set exchange: stimulus if their order was random, or set permutations"),
        (
            "stimulus",
            "stimulus",
            "leaves 1 arrangement .*small; leave out permute_within, or set permutations: 0 for no p-value$",
        ),
        ("category", "", "only renames the categories"),
        (
            "stimulus",
            "category",
            "permute_within: category keeps every trial among those of its own category.*; leave out permute_within$",
        ),
        ("half", "category", "or exchange what lies within one category$"),
    ],
)
def test_an_exchange_that_moves_nothing_is_refused(tmp_path, exchange, within, said):
    responses, pictures, table = planted(stimuli=40, repeats=1)
    category = np.arange(40) % 8
    table |= {"session": np.zeros(40, int), "half": np.arange(40) % 2, "category": category}
    brain, _ = recording(tmp_path / "own", responses, pictures, table)
    pairs = CategoryDecoder(brain=brain, split=KFold(by="stimulus", folds=4)).pairs()
    with pytest.raises(InvalidInput, match=said):
        list(pairs.exchanges(3, np.random.default_rng(0), exchange=exchange, within=within))


def blocked(folder, blocks: int, per_block: int = 5):
    """Two categories in blocks by turns, half of the blocks a run."""
    responses, pictures, table = planted(stimuli=blocks * per_block, repeats=1)
    block = np.arange(len(responses)) // per_block
    table |= {"block": block, "category": np.array(["face", "house"])[block % 2], "run": 2 * block // blocks}
    return recording(folder, responses, pictures, table)[0]


@pytest.mark.parametrize("blocks", [6, 8])
def test_few_blocks_of_two_categories_are_not_refused_for_one_unlucky_draw(tmp_path, blocks):
    pairs = CategoryDecoder(brain=blocked(tmp_path, blocks), split=KFold(by="block")).pairs()
    for seed in range(40):
        next(pairs.exchanges(1, np.random.default_rng(seed), exchange="block"))


def test_a_permuted_fold_of_one_category_names_that_one(tmp_path):
    decoder = CategoryDecoder(brain=blocked(tmp_path, 4), split=KFold(by="run"))
    pairs = decoder.pairs()
    alone = 0
    for source, named in decoder.refits(pairs, pairs.exchanges(40, np.random.default_rng(0), exchange="block")):
        for fold in pairs.folds:
            fitted = np.unique(pairs.targets[source[fold.train]])
            if len(fitted) == 1:
                alone += 1
                assert set(named[fold.test]) == set(fitted)
    assert alone


def test_where_too_little_is_held_out_more_is_asked_for(own):
    brain, stimuli = own
    pairs = encoder_of(brain, stimuli, split=HoldOut(test=0.1)).pairs()
    assert len(set(pairs.trials["stimulus"][pairs.held_out()])) < 4
    with pytest.raises(InvalidInput, match=r"could be small; hold out more, or set permutations: 0 for no p-value$"):
        next(pairs.exchanges(1, np.random.default_rng(0)))


def test_a_single_held_out_trial_has_no_correlation(tmp_path):
    responses, pictures, table = planted(stimuli=20, repeats=1)
    encoder = encoder_of(*recording(tmp_path / "own", responses, pictures, table), split=HoldOut(test=0.05))
    with pytest.raises(InvalidInput, match=r"only one trial is held out.*hold out more"):
        encoder.run()


def test_only_units_with_equal_numbers_of_trials_change_places(tmp_path):
    responses, pictures, table = planted(stimuli=20, repeats=2)
    once = np.concatenate([np.arange(20), 20 + np.flatnonzero(table["stimulus"][20:] < 10)])
    brain, stimuli = recording(
        tmp_path / "own", responses[once], pictures, {name: values[once] for name, values in table.items()}
    )
    pairs = encoder_of(brain, stimuli).pairs()
    stimulus = np.asarray(pairs.trials["stimulus"]).astype(int)
    for source in pairs.exchanges(5, np.random.default_rng(0)):
        assert np.array_equal(stimulus[source] < 10, stimulus < 10)
        assert sorted(source) == list(range(len(source)))


def test_a_shift_that_would_carry_training_trials_into_the_test_is_refused(own):
    pairs = encoder_of(*own, split=FixedSplit()).pairs()
    with pytest.raises(InvalidInput, match="what is held out and what is not differs between them; split by run"):
        next(pairs.exchanges(1, np.random.default_rng(0), exchange="circular_shift"))
