"""What the judge finds in decoded pictures: right where they are the seen ones, at the frequency of the answers where they are not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recortex.data.response_file import ResponseFile
from recortex.data.simulated.scene import BACKGROUNDS, KINDS
from recortex.data.simulated.scenes import SimulatedScenes
from recortex.decoders.ridge_decoder import RidgeDecoder
from recortex.errors import InvalidInput
from recortex.features.pixels import Pixels
from recortex.generators.base import GeneratedPictures
from recortex.generators.pixel_pictures import PixelPictures
from recortex.judging.judge import load_judge
from recortex.scores.judge_scores import JudgeScores
from recortex.splits.fixed import FixedSplit
from tests import tiny_models

ANSWERS = {"kind": tuple(KINDS), "background": tuple(BACKGROUNDS), "count": ("1", "2", "3")}
SCENES, TESTED = 60, 24


class Remembered(GeneratedPictures):
    """Not what was decoded, but pictures of scenes: of those that were seen, or of others."""

    scenes: SimulatedScenes
    other: int = 0

    def render(self, decoded: np.ndarray, beside: Mapping[str, np.ndarray] = {}) -> dict[str, Any]:
        names, shown = self.decoder.run()["stimulus"], self.scenes.run()
        row = {name: number for number, name in enumerate(shown["stimulus"].tolist())}
        rows = np.roll([row[name] for name in names.tolist()], self.other)
        return {"picture": shown["picture"][rows] / np.float32(255)}


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.judge(tmp_path_factory.mktemp("models") / "judge", ANSWERS)


@pytest.fixture
def decoder(tmp_path: Path) -> RidgeDecoder:
    scenes = SimulatedScenes(count=SCENES)
    names = scenes.run()["stimulus"]
    np.save(tmp_path / "betas.npy", np.random.default_rng(0).standard_normal((SCENES, 5)).astype(np.float32))
    lines = [f"{name},{'test' if number < TESTED else 'train'}" for number, name in enumerate(names)]
    (tmp_path / "trials.csv").write_text("\n".join(["stimulus,split", *lines]) + "\n")
    brain = ResponseFile(path=tmp_path / "betas.npy", trials=tmp_path / "trials.csv")
    return RidgeDecoder(brain=brain, features=Pixels(stimuli=scenes, size=4), split=FixedSplit(), alphas=(1e3,), cv=2)


def rows_of(stage: JudgeScores) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    result = stage.run()
    names = ["metric", "subset", "control", "summary", "value", "chance", "p", "ceiling", "candidates", "protocol", "n"]
    rows = zip(*(result[name].tolist() for name in names), strict=True)
    return {row[:4]: dict(zip(names, row, strict=True)) for row in rows}


def test_the_seen_pictures_are_identified_and_hold_what_the_judge_sees_in_them(decoder: RidgeDecoder, judge: Path) -> None:
    scenes = decoder.features.stimuli
    stage = JudgeScores(
        pictures=Remembered(decoder=decoder, scenes=scenes), stimuli=scenes, folder=judge, permutations=0, resamples=50
    )
    rows, result, shown = rows_of(stage), stage.run(), scenes.run()
    assert rows["two_way_identification", "", "", "mean"]["value"] == 1
    assert rows["pixel_correlation", "", "", "mean"]["value"] == pytest.approx(1)
    verdicts = load_judge(judge).verdicts(shown["picture"][:TESTED])
    truth = {"kind": shown["category"], "background": shown["background"], "count": (shown["kind"] != "").sum(1)}
    for place, question in enumerate(result["question"].tolist()):
        right = np.mean(verdicts[question] == truth[question][:TESTED])
        assert rows["accuracy", question, "", "mean"]["value"] == pytest.approx(right)
        assert (result["answer"][:, place] == truth[question][:TESTED].astype(str)).all()
        assert (result["verdict"][:, place] == verdicts[question].astype(str)).all()
    assert rows["accuracy", "kind", "", "mean"]["candidates"] == len(KINDS)
    assert rows["accuracy", "kind", "", "mean"]["protocol"] == "judge"


def test_guessing_by_frequency_knows_the_training_scenes_alone(decoder: RidgeDecoder, judge: Path) -> None:
    scenes = decoder.features.stimuli
    stage = JudgeScores(
        pictures=Remembered(decoder=decoder, scenes=scenes), stimuli=scenes, folder=judge, permutations=0, resamples=50
    )
    rows, shown = rows_of(stage), scenes.run()
    training, tested = shown["background"][TESTED:], shown["background"][:TESTED]
    expected = np.mean([np.mean(training == answer) for answer in tested])
    assert rows["accuracy", "background", "frequency", "mean"]["value"] == pytest.approx(expected)
    real = rows["accuracy", "background", "", "mean"]["value"]
    assert rows["accuracy", "background", "frequency", "difference"]["value"] == pytest.approx(real - expected)
    assert ("two_way_identification", "", "frequency", "mean") not in rows
    labels, count = np.unique(training, return_counts=True)
    always = np.mean(tested == labels[count.argmax()])
    assert rows["accuracy", "background", "commonest", "mean"]["value"] == pytest.approx(always)
    said = load_judge(judge).verdicts(shown["picture"][:TESTED])["background"]
    assert rows["accuracy", "background", "", "mean"]["ceiling"] == pytest.approx(np.mean(said == tested))


def test_pictures_of_other_scenes_are_at_chance(decoder: RidgeDecoder, judge: Path) -> None:
    scenes = decoder.features.stimuli
    values = []
    for other in range(1, 9):
        wrong = Remembered(decoder=decoder, scenes=scenes, other=other)
        stage = JudgeScores(pictures=wrong, stimuli=scenes, folder=judge, permutations=0, resamples=10)
        values.append(rows_of(stage)["two_way_identification", "", "", "mean"]["value"])
    assert abs(np.mean(values) - 0.5) < 0.06  # a permutation of all tested scenes leaves 1/2, but for the scene itself


def test_the_null_refits_and_the_ladder_stands_beside(decoder: RidgeDecoder, judge: Path) -> None:
    scenes = decoder.features.stimuli
    stage = JudgeScores(pictures=PixelPictures(decoder=decoder), stimuli=scenes, folder=judge, permutations=3, resamples=20)
    rows = rows_of(stage)
    assert {row[2] for row in rows} == {
        "", "shuffled", "mean", "class_mean", "trial_order", "nearest", "true_features", "frequency",
        "commonest",
    }  # fmt: skip
    assert stage.run()["null"].shape[0] == 3


def test_seen_pictures_are_above_any_exchange_of_stimuli(decoder: RidgeDecoder, judge: Path) -> None:
    scenes = decoder.features.stimuli
    seen = Remembered(decoder=decoder, scenes=scenes)
    rows = rows_of(JudgeScores(pictures=seen, stimuli=scenes, folder=judge, permutations=19, null="quick", resamples=20))
    identified = rows["two_way_identification", "", "", "mean"]
    assert identified["p"] == pytest.approx(1 / 20) and abs(identified["chance"] - 0.5) < 0.1


@pytest.mark.parametrize("batch", [7, 32])
def test_equal_pictures_tie_whatever_batch_they_are_judged_in(decoder: RidgeDecoder, judge: Path, batch: int) -> None:
    scenes = decoder.features.stimuli
    pictures = PixelPictures(decoder=decoder)
    rows = rows_of(JudgeScores(pictures=pictures, stimuli=scenes, folder=judge, permutations=0, resamples=10, batch=batch))
    assert rows["two_way_identification", "by_stimulus", "mean", "mean"]["value"] == 0.5


def test_a_folder_that_is_no_judge_is_refused_before_a_run(decoder: RidgeDecoder, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    scenes = decoder.features.stimuli
    stage = JudgeScores(pictures=PixelPictures(decoder=decoder), stimuli=scenes, folder=tmp_path / "none")
    with pytest.raises(InvalidInput, match="not a judge"):
        stage.check_ready()
