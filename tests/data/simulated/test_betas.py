"""Simulated betas are what they say: as explainable as planted, smooth, in sessions and runs, the same for a seed; faults are caught."""

from __future__ import annotations

import numpy as np
import pytest

from recortex.audit import examine
from recortex.audit.fits import DataAudit, case_of
from recortex.data.simulated.betas import SimulatedBetas
from recortex.data.simulated.drive import SimulatedDrive
from recortex.data.simulated.noise import BLOCK, NCSNR, spatial_noise
from recortex.data.simulated.person import Person, meet, reference_scenes
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.data.simulated.trials import order
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.errors import InvalidInput
from recortex.features.planted_features import PlantedFeatures
from recortex.responses.noise_ceiling import NoiseCeiling
from recortex.splits.fixed import FixedSplit

SCENES = SimulatedScenes(count=120)
SMALL = {"stimuli": SCENES, "shared": 20, "own": 40, "voxel_mm": 8.0, "cover": "visual", "sessions": 3, "runs": 2}
TRUTH = ("area", "explainable", "field_x", "field_y", "field_size", "preferred", "tuning", "vertex", "hemisphere", "noise_sd")


@pytest.fixture(scope="module")
def world():
    reference_scenes()  # kept for the process, so before anything is patched
    return SCENES.compute()


@pytest.fixture
def scenes(world, monkeypatch):
    """The scenes, painted once for all tests."""
    monkeypatch.setattr(SimulatedScenes, "compute", lambda self: {name: values[: self.count] for name, values in world.items()})


@pytest.fixture(scope="module")
def long(world, tmp_path_factory):
    """Many presentations of every scene to one person."""
    from recortex import store

    brain = SimulatedBetas(**SMALL | {"voxel_mm": 6.0, "own": 100, "presentations": 12, "sessions": 6, "runs": 4})
    with pytest.MonkeyPatch.context() as patch, store.use(store.Store(tmp_path_factory.mktemp("long"))):
        patch.setattr(SimulatedScenes, "compute", lambda self: world)
        made = brain.run()
        ceiling = NoiseCeiling(brain=brain, resamples=10).run()
        arrays = {name: made[name] for name in made}
        person = brain.observer()
        return arrays, ceiling["explainable"], person, person.drive(world["picture"], world)


def rows(world: dict, stimulus: np.ndarray) -> np.ndarray:
    number = {name: row for row, name in enumerate(world["stimulus"].tolist())}
    return np.array([number[name] for name in stimulus.tolist()])


@pytest.mark.usefixtures("scenes")
def test_the_same_seed_gives_the_same_bytes_and_another_seed_or_person_does_not():
    make = SimulatedBetas(**SMALL).compute
    one = make()
    meet.cache_clear()
    again = make()
    assert all(np.asarray(one[name]).tobytes() == np.asarray(again[name]).tobytes() for name in one)
    for change in ({"seed": 1}, {"person": 2}):
        other = SimulatedBetas(**SMALL | change).compute()
        for name in ("responses", "stimulus", "voxel", "affine", *TRUTH):
            assert np.asarray(one[name]).tobytes() != np.asarray(other[name]).tobytes(), (change, name)


def test_single_trials_are_as_explainable_as_planted(long, world):
    made, _, _, drive = long
    seen, responses = drive[rows(world, made["stimulus"])].astype(float), made["responses"].astype(float)
    heard = made["explainable"] > 0
    r = np.array([np.corrcoef(seen[:, unit], responses[:, unit])[0, 1] for unit in np.flatnonzero(heard)])
    error = r**2 - made["explainable"][heard]
    assert abs(error.mean()) < 0.004
    assert np.abs(error).max() < 0.1
    assert np.corrcoef(r**2, made["explainable"][heard])[0, 1] > 0.99
    assert np.allclose(seen.std(axis=0), made["signal_sd"], rtol=1e-3)


def test_the_estimated_ceiling_is_the_planted_one(long):
    made, ceiling, _, _ = long
    heard = made["explainable"] > 0
    assert abs(np.median(ceiling[heard] - made["explainable"][heard])) < 0.005
    assert np.median(np.abs(ceiling - made["explainable"])[heard]) < 0.02
    assert np.corrcoef(ceiling[heard], made["explainable"][heard])[0, 1] > 0.97


def test_the_null_region_hears_nothing(long):
    made, ceiling, _, drive = long
    null = made["area"] == "null"
    assert null.sum() > 10 and not made["explainable"][null].any() and not drive[:, null].any()
    assert made["explainable"][~null].min() > 0
    assert np.median(ceiling[null]) < 0.005
    means = np.array([made["responses"][made["stimulus"] == name][:, null].mean(axis=0) for name in np.unique(made["stimulus"])])
    assert np.abs(means.mean(axis=0)).max() < 5 * made["noise_sd"][null].max() * 0.2


def test_noise_is_as_strong_as_planted_and_sessions_differ(long, world):
    made, _, _, drive = long
    left = made["responses"] - drive[rows(world, made["stimulus"])]
    session = made["session"].astype(int)
    means = np.array([left[session == number].mean(axis=0) for number in range(1, 7)])
    within = np.sqrt(np.mean([left[session == number].var(axis=0) for number in range(1, 7)], axis=0))
    assert np.median(within / made["noise_sd"]) == pytest.approx(1, abs=0.08)
    assert np.corrcoef(within, made["noise_sd"])[0, 1] > 0.97
    # offsets are 0.2 of the noise, far above what 240 trials leave of the noise itself
    assert np.sqrt(np.mean((means / made["noise_sd"]) ** 2)) == pytest.approx(0.2, abs=0.08)


def test_planted_ceilings_follow_the_table_of_areas():
    person = Person(1, 0, 4.0)
    for area, median in NCSNR.items():
        mine = person.ncsnr[person.area == area]
        assert np.median(mine) == pytest.approx(median, rel=0.35, abs=1e-9), area
    assert 0.05 < np.median(person.ncsnr) < 0.15 and 0.9 < person.ncsnr.max() <= 1.6


def test_noise_of_neighbours_correlates_as_planted_and_that_of_distant_voxels_does_not():
    person = Person(1, 0, 4.0, "visual")
    noise = person.spatial_noise(1)
    drawn = noise.at(0, 3000)
    assert np.abs(drawn.mean(axis=0)).max() < 0.1
    assert np.allclose(drawn.var(axis=0), 1, atol=0.15) and abs(drawn.var(axis=0).mean() - 1) < 0.01
    some = np.random.default_rng(0).choice(len(person), 300, replace=False)
    together, planted = np.corrcoef(drawn[:, some].T), noise.covariance(some)
    assert np.abs(together - planted).max() < 0.1
    assert np.allclose(np.diag(planted), 1, atol=1e-5)
    distance = np.linalg.norm(person.position_mm[some, None] - person.position_mm[some][None], axis=2)
    assert together[(distance > 0) & (distance < 5)].mean() > 0.25
    assert abs(together[distance > 14].mean()) < 0.01 and not planted[distance > 14].any()
    # over time nothing is alike
    assert abs(np.mean(drawn[1:] * drawn[:-1])) < 0.005


def test_any_stretch_of_noise_is_the_same_whenever_it_is_asked_for():
    place = np.random.default_rng(0).uniform(0, 20, (30, 3))
    noise = spatial_noise(place, (3, 1))
    whole = noise.at(0, 3 * BLOCK)
    for start, stop in ((0, 1), (5, BLOCK), (BLOCK - 1, BLOCK + 1), (BLOCK, 2 * BLOCK), (17, 2 * BLOCK + 9)):
        assert np.allclose(noise.at(start, stop), whole[start:stop], atol=1e-6)
    assert not np.allclose(spatial_noise(place, (3, 2)).at(0, 4), whole[:4])


@pytest.mark.usefixtures("scenes")
def test_what_is_recorded_is_labelled_and_lies_where_the_affine_says():
    made = SimulatedBetas(**SMALL).run()
    person = Person(1, 0, 8.0, "visual")
    assert np.allclose(made["voxel"] @ made["affine"][:3, :3].T + made["affine"][:3, 3], person.position_mm)
    assert np.all(made["voxel"] < made["grid"])
    assert set(made["split"]) == {"train", "test"} and set(made["repetition"]) == {"1", "2", "3"}
    assert np.unique(made["session"], return_counts=True)[1].tolist() == [60, 60, 60]
    category = dict(zip(SCENES.run()["stimulus"], SCENES.run()["category"], strict=True))
    assert [category[name] for name in made["stimulus"]] == made["category"].tolist()
    shape = made.shape("responses")
    assert {"trial": shape[0], "unit": shape[1], "kind": 12} == SimulatedBetas(**SMALL).expect()
    assert np.abs(made["responses"]).max() * 300 < 32767  # as 16-bit integers at 300 a percent
    in_map = np.isin(made["area"], ["V1", "V2", "V3", "hV4"])
    assert np.all((made["field_x"][in_map] > 0.5) == (made["hemisphere"][in_map] == "left"))
    assert np.allclose(made["field_x"] * 8.4 - 4.2, made["field_x_deg"], equal_nan=True)
    assert np.allclose(4.2 - made["field_y"] * 8.4, made["field_y_deg"], equal_nan=True)
    assert np.allclose(made["field_size"] * 8.4, made["field_size_deg"], equal_nan=True)


@pytest.mark.usefixtures("scenes")
def test_people_share_the_test_scenes_and_have_the_others_to_themselves():
    one, two = (SimulatedBetas(**SMALL | {"person": number}).run() for number in (1, 2))
    shown = [{side: set(made["stimulus"][made["split"] == side]) for side in ("train", "test")} for made in (one, two)]
    assert shown[0]["test"] == shown[1]["test"] == set(SCENES.names()[:20])
    assert not shown[0]["train"] & shown[1]["train"] and len(shown[0]["train"]) == len(shown[1]["train"]) == 40
    assert one.shape("responses")[1] != two.shape("responses")[1]


def test_a_person_without_scenes_is_refused_with_the_number_that_is_needed():
    with pytest.raises(InvalidInput, match=r"takes 140 scenes, and SimulatedScenes has 120; set its count: 140"):
        SimulatedBetas(**SMALL | {"person": 3}).check_ready()


@pytest.mark.parametrize(
    ("pictures", "presentations", "sessions", "runs"), [(500, 3, 4, 6), (10_000, 3, 40, 12), (4, 2, 1, 2), (7, 1, 1, 1)]
)
def test_every_picture_comes_as_often_as_asked_and_never_twice_in_a_run(pictures, presentations, sessions, runs):
    made = order(pictures, presentations, sessions, runs, np.random.default_rng(0))
    assert np.bincount(made.picture).tolist() == [presentations] * pictures
    run = made.session * 1000 + made.run
    assert len(np.unique(np.column_stack([made.picture, run]), axis=0)) == len(run)
    lengths = np.unique(run, return_counts=True)[1]
    assert len(lengths) == sessions * runs and np.ptp(lengths) <= 1
    assert np.all(np.diff(run) >= 0)
    for picture in range(min(pictures, 50)):
        assert made.repetition[made.picture == picture].tolist() == list(range(1, presentations + 1))


def test_some_repeats_come_back_in_the_same_session_and_some_much_later():
    made = order(10_000, 3, 40, 12, np.random.default_rng(0))
    session = made.session[np.argsort(made.picture, kind="stable")].reshape(10_000, 3)
    assert np.unique(made.session, return_counts=True)[1].tolist() == [750] * 40
    apart = np.diff(np.sort(session, axis=1), axis=1)
    assert 0.2 < np.mean(apart == 0) < 0.6 and np.mean(apart > 10) > 0.1


def test_runs_that_must_hold_a_picture_twice_are_refused():
    with pytest.raises(InvalidInput, match="sessions and runs"):
        order(10, 3, 1, 2, np.random.default_rng(0))
    with pytest.raises(InvalidInput, match="sessions and runs"):
        order(2, 1, 3, 1, np.random.default_rng(0))


@pytest.mark.usefixtures("scenes")
def test_the_planted_features_hold_the_drive_of_every_voxel():
    brain = SimulatedBetas(**SMALL)
    oracle = PlantedFeatures(brain=SimulatedDrive(brain=brain))
    world = SCENES.run()
    person = brain.observer()
    drive = person.drive(world["picture"], {name: world[name] for name in ("kind", "x", "y", "size")})
    features = oracle.of(world["stimulus"])
    design = np.column_stack([features, np.ones(len(features))])
    left = drive - design @ np.linalg.lstsq(design, drive, rcond=None)[0]
    heard = person.ncsnr > 0.1
    assert 1 - np.median(left.var(axis=0)[heard] / drive.var(axis=0)[heard]) > 0.99
    assert features.shape[1] < heard.sum() / 3
    drawn = SimulatedDrive(brain=brain).run()
    assert np.all(np.diff(drawn["share"]) <= 1e-12) and 0.999 <= drawn["share"].sum() <= 1
    gram = drawn["drive"].T.astype(float) @ drawn["drive"]
    assert np.abs(gram - np.diag(np.diag(gram))).max() < 1e-3 * gram.max()
    assert SimulatedDrive(brain=brain, most=3).run().shape("drive") == (120, 3)


# faults, and who catches them


@pytest.mark.usefixtures("scenes")
@pytest.mark.parametrize(("fault", "said"), [("nan_run", "NaN or infinite"), ("dead_voxels", "5 of .* units never change")])
def test_a_run_of_nan_and_dead_voxels_are_refused_on_reading(fault, said):
    SimulatedBetas(**SMALL).run()
    with pytest.raises(InvalidInput, match=said):
        SimulatedBetas(**SMALL, faults=(fault,)).run()


@pytest.mark.usefixtures("scenes")
def test_repeats_on_both_sides_of_the_split_are_refused_by_audit_split_and_averaging():
    def fit(*faults: str) -> RidgeEncoder:
        brain = SimulatedBetas(**SMALL, faults=faults)
        return RidgeEncoder(brain=brain, features=PlantedFeatures(brain=SimulatedDrive(brain=brain)), split=FixedSplit())

    assert DataAudit(fit=fit()).run()["found"] >= 0
    with pytest.raises(InvalidInput, match="20 stimuli in training and test"):
        DataAudit(fit=fit("repeats_across_split")).run()
    with pytest.raises(InvalidInput, match="20 stimuli in training and test"):
        fit("repeats_across_split").run()
    with pytest.raises(InvalidInput, match="two values of split"):
        SimulatedBetas(**SMALL, faults=("repeats_across_split",), repeats="average").run()


@pytest.mark.usefixtures("scenes")
def test_a_left_right_flip_shows_in_the_maps_and_in_no_audit():
    """No detector can know: the trial table is sound. The planted asymmetries give it away to whoever looks."""
    sound, flipped = SimulatedBetas(**SMALL), SimulatedBetas(**SMALL, faults=("left_right_flip",))

    def agreement(brain: SimulatedBetas) -> tuple[float, float]:
        made = brain.run()
        x = (made["voxel"] @ made["affine"][:3, :3].T + made["affine"][:3, 3])[:, 0]
        v1, reading = made["area"] == "V1", made["area"] == "VWFA"
        return np.mean((x[v1] < 0) == (made["field_x"][v1] > 0.5)), np.mean(x[reading] < 0)

    assert agreement(sound) == (1.0, 1.0)
    assert max(agreement(flipped)) < 0.2
    assert np.array_equal(sound.run()["responses"], flipped.run()["responses"])
    fits = [
        RidgeEncoder(brain=brain, features=PlantedFeatures(brain=SimulatedDrive(brain=brain)), split=FixedSplit())
        for brain in (sound, flipped)
    ]
    assert [finding.leak for finding in examine(case_of(fits[0]))] == [finding.leak for finding in examine(case_of(fits[1]))]
