"""Caption scores say what they claim: planted captions score what they must, and every control stands where it must."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recortex import store
from recortex.captioners.nearest_caption import NearestCaption
from recortex.data.base import Captions
from recortex.data.caption_table import CaptionTable
from recortex.data.picture_file import PictureFile
from recortex.data.response_file import ResponseFile
from recortex.data.simulated.captions import SimulatedCaptions
from recortex.data.simulated.scene import BACKGROUNDS, COLOURS, DESIGNS
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.data.simulated.vocabulary import DESIGN_NOUNS, PLACES, TIMES
from recortex.decoders.decode import Decode
from recortex.decoders.decoded_captions import DecodedCaptions
from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.errors import InvalidInput
from recortex.features.base import Features
from recortex.scores._caption_facts import FACTS, SCORED, read_facts, scene_facts, shares
from recortex.scores.base import Scores
from recortex.scores.caption_scores import CaptionScores, compare
from recortex.splits.hold_out import HoldOut
from recortex.splits.k_fold import KFold

KINDS = ("face", "animal", "vehicle")
SCENES = SimulatedScenes(count=48, kinds=KINDS)
CAPTIONS = SimulatedCaptions(scenes=SCENES)
LABELS = {
    "kind": list(KINDS),
    "background": list(BACKGROUNDS),
    "colour": list(COLOURS),
    "count": ["1", "2", "3"],
    "design": [design for kind in KINDS for design in DESIGNS[kind]],
    "night": ["night", "day"],
}
NUMBERS = {"1": "one thing", "2": "two things", "3": "three things"}


class FactFeatures(Features):
    """One feature a label of each fact of a scene."""

    scenes: SimulatedScenes

    def compute(self) -> dict[str, Any]:
        told = self.scenes.run()
        facts = scene_facts(told)
        hot = [facts[:, [FACTS.index(fact)]] == np.array(labels) for fact, labels in LABELS.items()]
        return {"stimulus": told["stimulus"], "features": np.concatenate(hot, axis=1).astype(np.float32)}


class Told(DecodedCaptions):
    """A sentence of the labels whose features are the largest."""

    def write(self, decoded: np.ndarray) -> np.ndarray:
        stops = np.cumsum([len(labels) for labels in LABELS.values()])
        blocks = dict(zip(LABELS, np.split(decoded, stops[:-1], axis=1), strict=True))
        sentences = []
        for row in range(len(decoded)):
            best = {fact: labels[int(np.argmax(blocks[fact][row]))] for fact, labels in LABELS.items()}
            own = np.array([design in DESIGNS[best["kind"]] for design in LABELS["design"]])
            design = LABELS["design"][int(np.argmax(np.where(own, blocks["design"][row], -np.inf)))]
            place, time = PLACES[best["background"]][0], TIMES[best["night"] == "night"][0]
            noun = DESIGN_NOUNS.get(design, (design,))[0]
            sentences.append(f"a {best['colour']} {noun} {place} {time}, {NUMBERS[best['count']]}")
        return np.array(sentences)


class Written(DecodedCaptions):
    """Captions of the seen stimuli whatever was decoded, or those of other trials' stimuli."""

    given: Captions
    shift: int = 0
    silent: bool = False

    def write(self, decoded: np.ndarray) -> np.ndarray:
        told, names = self.given.run(), np.roll(self.decoder.run()["stimulus"], self.shift)
        place = {name: row for row, name in enumerate(told["stimulus"].tolist())}
        written = told["caption"][[place[name] for name in names.tolist()], 0]
        return np.full_like(written, "") if self.silent else written


@pytest.fixture(scope="module", autouse=True)
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for the whole file, so that what several tests look at is made once."""
    folder = tmp_path_factory.mktemp("kept")
    with store.use(store.Store(folder / "cache")):
        yield folder


def recorded(folder: Path, scenes: SimulatedScenes, noise: float, seed: int = 0) -> ResponseFile:
    """Responses that follow the facts of each scene linearly, with noise; every scene once, in two runs."""
    features = FactFeatures(scenes=scenes).run()
    rng = np.random.default_rng(seed)
    order = rng.permutation(scenes.count)
    weights = np.random.default_rng(9).standard_normal((features.shape("features")[1], 50))
    responses = features["features"][order] @ weights + noise * rng.standard_normal((scenes.count, 50))
    folder.mkdir()
    np.save(folder / "betas.npy", responses.astype(np.float32))
    rows = [f"{name},{place // 24}" for place, name in enumerate(features["stimulus"][order])]
    (folder / "trials.csv").write_text("\n".join(["stimulus,run", *rows]) + "\n")
    return ResponseFile(path=folder / "betas.npy", trials=folder / "trials.csv")


def decoder_of(brain: ResponseFile, scenes: SimulatedScenes = SCENES) -> RidgeDecoder:
    split = KFold(by="stimulus", folds=3)
    return RidgeDecoder(brain=brain, features=FactFeatures(scenes=scenes), split=split, alphas=(1.0, 10.0), cv=2)


@pytest.fixture(scope="module")
def decoder(kept: Path) -> RidgeDecoder:
    return decoder_of(recorded(kept / "own", SCENES, 0.5))


def scores_of(captions: DecodedCaptions, **more: Any) -> CaptionScores:
    return CaptionScores(captions=captions, **{"truth": CAPTIONS, "stimuli": SCENES, "permutations": 9, "resamples": 200} | more)


def rows_of(stage: Scores) -> list[dict[str, Any]]:
    result = stage.run()
    names = [name for name in Scores.returns if name in result]
    return [dict(zip(names, values, strict=True)) for values in zip(*(result[name] for name in names), strict=True)]


def the(rows: list[dict[str, Any]], metric: str, subset: str = "", control: str = "", summary: str = "mean") -> dict[str, Any]:
    wanted = (metric, subset, control, summary)
    (row,) = (row for row in rows if (row["metric"], row["subset"], row["control"], row["summary"]) == wanted)
    return row


def refusal(stage: CaptionScores) -> str:
    with pytest.raises(InvalidInput) as caught:
        stage.run()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    return str(caught.value)


def test_every_fact_of_a_scene_can_be_said_and_read(decoder):
    """What the other tests stand on."""
    told = Told(decoder=decoder).write(FactFeatures(scenes=SCENES).run()["features"])
    assert np.array_equal(read_facts(told.tolist()), scene_facts(SCENES.run()))
    assert np.array_equal(read_facts(CAPTIONS.run()["caption"][:, 0].tolist()), scene_facts(SCENES.run()))


def test_true_captions_are_right_in_every_fact_and_chance_is_the_frequency_of_labels(decoder):
    stage = scores_of(Written(decoder=decoder, given=CAPTIONS), permutations=19)
    rows, result = rows_of(stage), stage.run()
    assert (result["right"] == 1).all() and result["fact"].tolist() == list(FACTS)
    assert set(SCORED) == {row["subset"] for row in rows if row["metric"] == "accuracy"}
    for fact in SCORED:
        row = the(rows, "accuracy", fact)
        assert row["value"] == 1 and row["p"] == pytest.approx(0.05) and row["n"] == 48
        assert row["candidates"] == len(set(scene_facts(SCENES.run())[:, FACTS.index(fact)]))
        assert abs(row["chance"] - the(rows, "accuracy", fact, "frequency")["value"]) < 0.08
        assert the(rows, "accuracy", fact, "shuffled")["value"] == pytest.approx(row["chance"], abs=1e-6)
    identified = the(rows, "two_way_identification")
    assert identified["value"] > 0.98 and identified["candidates"] == 48
    assert identified["chance"] == pytest.approx(0.5, abs=0.05)


def test_captions_of_other_scenes_are_right_as_often_as_labels_meet(decoder):
    rows = rows_of(scores_of(Written(decoder=decoder, given=CAPTIONS, shift=17), permutations=0))
    place = {name: row for row, name in enumerate(SCENES.run()["stimulus"].tolist())}
    facts = scene_facts(SCENES.run())[[place[name] for name in decoder.run()["stimulus"].tolist()]]
    for column, fact in enumerate(SCORED):
        met = np.mean(facts[:, column] == np.roll(facts[:, column], 17))
        assert the(rows, "accuracy", fact)["value"] == pytest.approx(met, abs=1e-6)
        assert abs(met - the(rows, "accuracy", fact, "frequency")["value"]) < 0.2
    assert abs(the(rows, "two_way_identification")["value"] - 0.5) < 0.12


def test_silent_captions_are_wrong_and_identify_nothing(decoder):
    rows = rows_of(scores_of(Written(decoder=decoder, given=CAPTIONS, silent=True), permutations=2, resamples=20))
    assert all(the(rows, "accuracy", fact)["value"] == 0 for fact in SCORED)
    for subset in ("", "within_fold"):
        assert the(rows, "two_way_identification", subset)["value"] == 0.5


def test_guesses_are_right_as_often_as_training_stimuli_have_the_label(decoder):
    rows = rows_of(scores_of(Written(decoder=decoder, given=CAPTIONS, shift=17), permutations=0))
    names = SCENES.run()["stimulus"].tolist()
    facts = dict(zip(names, scene_facts(SCENES.run())[:, FACTS.index("design")].tolist(), strict=True))
    expected = np.empty(48)
    for held_out, training in decoder.known():
        assert len(training) == 32
        for row in held_out:
            mine = facts[decoder.run()["stimulus"][row]]
            expected[row] = sum(facts[name] == mine for name in training) / len(training)
    assert the(rows, "accuracy", "design", "frequency")["value"] == pytest.approx(expected.mean(), abs=1e-6)


def test_every_rung_is_there_with_its_difference_and_true_features_are_the_ceiling(decoder):
    rows = rows_of(scores_of(Told(decoder=decoder)))
    rungs = {"shuffled", "mean", "class_mean", "trial_order", "nearest", "true_features"}
    real = [row for row in rows if not row["control"]]
    places = [("accuracy", fact) for fact in SCORED] + [("two_way_identification", subset) for subset in ("", "within_fold")]
    assert [(row["metric"], row["subset"]) for row in real] == places
    for place in places:
        found = {row["control"] for row in rows if (row["metric"], row["subset"]) == place} - {""}
        assert found == rungs | ({"frequency", "commonest"} if place[0] == "accuracy" else set())
        for control in found:
            row, apart = the(rows, *place, control), the(rows, *place, control, "difference")
            assert apart["value"] == pytest.approx(the(rows, *place)["value"] - row["value"], abs=1e-5)
            assert row["low"] <= row["value"] + 1e-6 and np.isnan(row["p"])
    assert all(the(rows, "accuracy", fact, "true_features")["value"] == 1 for fact in SCORED)
    assert {row["protocol"] for row in rows} == {"facts read in captions"}


def test_what_responses_tell_is_found_and_what_they_do_not_tell_is_not(decoder, kept):
    rows = rows_of(scores_of(Told(decoder=decoder)))
    kind = the(rows, "accuracy", "kind")
    assert kind["value"] > 0.6 and kind["p"] == pytest.approx(0.1)
    assert abs(kind["chance"] - 1 / 3) < 0.12
    assert the(rows, "accuracy", "kind", "frequency", "difference")["low"] > 0
    assert the(rows, "two_way_identification", "within_fold", "mean")["value"] == pytest.approx(0.5, abs=1e-6)
    assert the(rows, "two_way_identification", "", "shuffled", "difference")["low"] > 0
    noise = rows_of(scores_of(Told(decoder=decoder_of(recorded(kept / "noise", SCENES, 1e4, seed=1)))))
    assert the(noise, "two_way_identification")["p"] > 0.1
    assert abs(the(noise, "two_way_identification")["value"] - 0.5) < 0.1
    assert the(noise, "accuracy", "kind", "frequency", "difference")["low"] < 0


def test_scores_are_the_same_when_they_are_made_again(decoder, tmp_path):
    stage = scores_of(Told(decoder=decoder), permutations=2, resamples=20)
    once, again = stage.run(), stage.compute()
    for name, values in again.items():
        same = np.array_equal(once[name], values, equal_nan=values.dtype.kind == "f")
        assert same, name
    assert not np.array_equal(once["null"], scores_of(Told(decoder=decoder), permutations=2, seed=1).run()["null"])


def test_the_null_writes_captions_anew_and_a_quick_one_says_that_it_does_not(decoder):
    told = Told(decoder=decoder.model_copy(update={"split": HoldOut(test=0.5)}))
    refit, quick = (scores_of(told, permutations=2, resamples=20, null=null) for null in ("refit", "quick"))
    assert refit.run()["null"].shape == quick.run()["null"].shape == (2, 6)  # of what is counted in half of the scenes
    assert not np.array_equal(refit.run()["null"], quick.run()["null"])
    assert {row["protocol"] for row in rows_of(quick)} == {"facts read in captions, quick null"}


def test_retrieved_captions_have_no_rung_of_retrieved_captions(decoder):
    rows = rows_of(scores_of(NearestCaption(decoder=decoder, captions=CAPTIONS), permutations=0))
    beside = rows_of(scores_of(Told(decoder=decoder)))
    assert "nearest" not in {row["control"] for row in rows}
    for fact in SCORED:
        assert the(rows, "accuracy", fact)["value"] == the(beside, "accuracy", fact, "nearest")["value"]


def test_the_truth_is_read_in_the_full_captions_where_there_are_no_scenes(decoder):
    rows = rows_of(scores_of(Told(decoder=decoder), stimuli=None))
    for one, other in zip(rows, rows_of(scores_of(Told(decoder=decoder))), strict=True):
        assert {name: str(value) for name, value in one.items()} == {name: str(value) for name, value in other.items()}


def table(folder: Path, caption: Any, leave_out: int = 0) -> CaptionTable:
    """A caption for each scene but the last ones."""
    names = SCENES.run()["stimulus"].tolist()[: 48 - leave_out]
    (folder / "own.csv").write_text(
        "\n".join(["stimulus\tcaption", *(f"{name}\t{caption(row)}" for row, name in enumerate(names))]).replace("\t", ",") + "\n"
    )
    return CaptionTable(path=folder / "own.csv")


def test_captions_that_name_a_few_known_things_are_scored_by_these_alone(decoder, tmp_path):
    truth = table(tmp_path, lambda row: "some dog" if row % 6 == 0 else "a plain car" if row % 6 == 1 else "all sorts of shapes")
    stage = scores_of(Written(decoder=decoder, given=truth), truth=truth, stimuli=None, permutations=2)
    rows = rows_of(stage)
    assert {row["subset"] for row in rows if row["metric"] == "accuracy"} == {"kind", "design", "count"}
    kind = the(rows, "accuracy", "kind")
    assert (kind["value"], kind["n"], kind["candidates"]) == (1, 16, 2)
    identified = the(rows, "two_way_identification")
    assert (identified["n"], identified["candidates"]) == (16, 16)
    assert identified["value"] == pytest.approx((8 + 7 / 2) / 15)  # the other label is told apart, one's own ties
    assert np.isfinite(stage.run()["identification"]).sum() == 16
    assert "all sorts of shapes" in stage.figures(stage.run())[0].html


def test_captions_of_which_nothing_can_be_read_are_refused(decoder, tmp_path):
    truth = table(tmp_path, lambda row: "all sorts of shapes")
    captions = Written(decoder=decoder, given=truth)
    said = refusal(scores_of(captions, truth=truth, stimuli=None))
    assert "own.csv: the captions of the tested stimuli" in said and "so nothing can be scored; leave CaptionScores out" in said


def test_stimuli_that_are_not_told_of_are_named(decoder, tmp_path):
    lacking = table(tmp_path, lambda row: "some dog", leave_out=1)
    said = refusal(scores_of(Told(decoder=decoder), truth=lacking))
    assert "1 of the decoded stimuli is not in" in said and "own.csv: s0" in said
    np.save(tmp_path / "pictures.npy", np.zeros((4, 8, 8), np.uint8))
    pictures = PictureFile(path=tmp_path / "pictures.npy")
    assert "48 of the decoded stimuli are not in" in refusal(scores_of(Told(decoder=decoder), stimuli=pictures))


def test_a_unit_that_trials_do_not_have_is_refused(decoder):
    assert "exchange: the trials have no column block" in refusal(
        scores_of(Told(decoder=decoder), exchange="block", permutations=0)
    )


def test_new_data_are_held_against_finished_predictions(decoder, kept):
    scenes = SimulatedScenes(count=24, kinds=KINDS, seed=4)
    truth = table_of(kept, scenes)
    new = Decode(decoder=decoder, brain=recorded(kept / "new", scenes, 0.5, seed=2))
    rows = rows_of(scores_of(Told(decoder=new), truth=truth, stimuli=None))
    assert {row["control"] for row in rows} == {"", "shuffled", "mean", "nearest", "frequency", "commonest"}
    assert {row["protocol"] for row in rows} == {"facts read in captions, quick null"} and {row["split"] for row in rows} == {
        "new data"
    }
    assert the(rows, "accuracy", "kind")["value"] > 0.6
    assert "within_fold" not in {row["subset"] for row in rows}


def table_of(folder: Path, scenes: SimulatedScenes) -> CaptionTable:
    """Full captions of these scenes and of those that the decoder was fitted on."""
    lines = ["stimulus\tcaption"]
    for told in (SimulatedCaptions(scenes=scenes).run(), CAPTIONS.run()):
        lines += [f"{name}\t{caption}" for name, caption in zip(told["stimulus"], told["caption"][:, 0], strict=True)]
    (folder / "both.tsv").write_text("\n".join(lines) + "\n")
    return CaptionTable(path=folder / "both.tsv")


def test_the_sheet_shows_pictures_captions_and_what_is_right(decoder):
    stage = scores_of(Told(decoder=decoder))
    (figure,) = stage.figures(stage.run())
    assert figure.section == "pictures" and figure.html.count("<figure") == figure.html.count("<img") == 12
    made = Told(decoder=decoder).run()
    assert sum(caption in figure.html for caption in made["caption"].tolist()) >= 12
    assert "✓" in figure.html and "✗" in figure.html
    (bare,) = scores_of(Written(decoder=decoder, given=CAPTIONS, silent=True), stimuli=None, permutations=2).figures(
        scores_of(Written(decoder=decoder, given=CAPTIONS, silent=True), stimuli=None, permutations=2).run()
    )
    assert "<img" not in bare.html and "says nothing" in bare.html and "✓" not in bare.html


def facts_of(*rows: str) -> np.ndarray:
    """(row, fact) words: kind, background, colour, count, design, night; a dot for what is not known."""
    return np.array([["" if word == "." else word for word in row.split()] for row in rows])


TRUE = facts_of("face room red 1 man day", "face room red 2 man day", "animal . . 1 dog day", ". . . . . .")


def test_identification_counts_facts_ties_half_and_leaves_out_what_nothing_is_known_of():
    said = facts_of("face room red 1 man day", "face room . . . .", ". . . 1 . .", "face room red 1 man day")
    values = compare(said, TRUE, np.arange(4))
    identified, candidates = values["two_way_identification", ""]
    # all of its own; tied with the first scene and above the animal; tied with the first and above the second; no truth
    assert identified[:3].tolist() == [1, 0.75, 0.75] and np.isnan(identified[3]) and candidates == 3
    right, kinds = values["accuracy", "kind"]
    assert right[:3].tolist() == [1, 1, 0] and np.isnan(right[3]) and kinds == 2
    assert np.isnan(values["accuracy", "background"][0][2:]).all()
    assert ("two_way_identification", "within_fold") not in values


def test_within_a_fold_others_are_no_rivals():
    said = facts_of("face room red 1 man day", "face room red 1 man day", "animal room red 2 man day")
    fold = np.array(["a", "b", "b"])
    values = compare(said, TRUE[:3], np.arange(3), fold)
    assert values["two_way_identification", ""][0].tolist() == [1, 0.5, 0]
    alone, candidates = values["two_way_identification", "within_fold"]
    assert np.isnan(alone[0]) and alone[1:].tolist() == [1, 0] and candidates == 2


def test_shares_are_of_the_training_stimuli_that_have_the_fact():
    training = facts_of("face room red 1 man day", "face . red 2 man day", "animal . . 1 dog day")
    guessed = shares(training, TRUE)
    assert guessed[0] == pytest.approx([2 / 3, 1, 1, 2 / 3, 2 / 3, 1])
    assert guessed[2, 0] == pytest.approx(1 / 3) and np.isnan(guessed[2, 1]) and np.isnan(guessed[3]).all()
