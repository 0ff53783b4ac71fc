"""What an independent network sees in decoded pictures, beside what was in the seen ones."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from recortex.checkpoints.finding import Found, require
from recortex.checkpoints.loading import read_json
from recortex.checkpoints.pretrained import Pretrained
from recortex.data.base import rows_of
from recortex.judging.judge import Judge, answers_in, load_judge
from recortex.scores._decoded_scores import Control, Measure, Values
from recortex.scores._picture_scores import PictureScores, Tested, identified, resembles
from recortex.scores.image_scores import Grid, by_pixel
from recortex.stage import Array, Result

SAME_PICTURE = 1e-5  # a network's numbers for one picture differ this little, whatever else is in the batch
QUESTIONS = ("kind", "background", "design", "colour", "count")


class JudgeScores(Pretrained, PictureScores):
    """Decoded pictures as the judge sees them, a network that has no part in making any: identification, and what is in them.

    Identification compares the judge's embedding of each decoded picture with those of all tested seen ones, ties counting half; its
    subsets are those of ImageScores. `accuracy` says how often the judge finds in the decoded picture what was in the seen one: the
    kind, design and colour of the largest thing, the background, and how many things there are, as the scenes themselves hold it.
    Pixel correlation and SSIM stand beside.

    To the ladder of controls come two guesses that know nothing but the answers of the training stimuli: `frequency`, which gives each
    answer as often as it comes there, and `commonest`, which always gives the most frequent one. The ceiling of accuracy is how often
    the judge is right about the seen pictures.

    Parameters
    ----------
    pictures : GeneratedPictures
        The decoded pictures.
    stimuli : Pictures
        The seen ones. Accuracy needs ones whose content is known, such as SimulatedScenes.
    model : str
        "shipped", or the hub id of another judge.
    permutations, null, exchange, permute_within, resamples, seed
        As in every tested score. The candidates stay fixed in the bootstrap.
    """

    shipped: ClassVar[str] = "judge"
    returns: ClassVar[dict[str, Array]] = PictureScores.returns | {
        "question": Array("question", dtype="str", units="", about="what is asked of each picture"),
        "answer": Array(
            "trial", "question", dtype="str", units="", about="what was in the seen picture; empty where it is not known"
        ),
        "verdict": Array("trial", "question", dtype="str", units="", about="what the judge finds in the decoded one"),
    }

    def choose(self, names: set[str], where: str) -> list[str]:
        """Configuration and weights, as timm saves them."""
        return require(names, ("config.json", "model.safetensors"), where, "a judge")

    def check_files(self, found: Found) -> None:
        """It has questions and answers."""
        super().check_files(found)
        answers_in(read_json(found.folder / "config.json"), found.folder / "config.json")

    def measure(self, tested: Tested) -> tuple[str, Measure]:
        """By the judge's embedding and answers, and by pixels."""
        judge = self._judge()
        shown = self.stimuli.run()
        _, height, width, channels = self.pictures.run().shape("picture")
        grid = Grid(height, width, 1 in (channels, shown.shape("picture")[3]))
        candidates = self._of_seen(tested)["embedding"]
        seen = grid.lay(shown["picture"][tested.row] / np.float32(255))
        answers = self.answers(tested.row)
        asked = [question for question in answers if question in judge.answers]

        def measure(pictures: np.ndarray, truth: np.ndarray) -> Values:
            said = judge.verdicts(_in_colour(pictures), self.batch)
            values = by_pixel(grid.lay(pictures), seen[truth])
            values |= identified(resembles(said["embedding"], candidates), truth, tested.category, tested.fold, SAME_PICTURE)
            for question in asked:
                right = (said[question] == answers[question][truth]).astype(float)
                values["accuracy", question] = right, len(judge.answers[question])
            return values

        return "judge", measure

    def guesses(self, tested: Tested, truth: np.ndarray) -> dict[str, Control]:
        """Guesses by the answers of the training stimuli: as often as each comes, and always the commonest."""
        shown = self.stimuli.run()
        questions = self.answers(tested.row)
        frequency = {("accuracy", question): np.zeros(len(truth)) for question in questions}
        commonest = {("accuracy", question): np.zeros(len(truth)) for question in questions}
        for rows, names in self.pictures.decoder.known() if questions else ():
            known = self.answers(rows_of(names, shown["stimulus"], "training stimuli", self.stimuli.where()))
            for question, answers in self.answers(tested.row[truth[rows]]).items():
                labels, count = np.unique(known[question], return_counts=True)
                frequency["accuracy", question][rows] = [np.mean(known[question] == answer) for answer in answers]
                commonest["accuracy", question][rows] = answers == labels[count.argmax()]
        return {"frequency": frequency, "commonest": commonest} if questions else {}

    def ceilings(self, tested: Tested, truth: np.ndarray) -> dict[tuple[str, str], float]:
        """How often the judge is right about the seen pictures themselves."""
        said, known = self._of_seen(tested), self.answers(tested.row)
        asked = [question for question in known if question in said]
        return {("accuracy", question): float(np.mean((said[question] == known[question])[truth])) for question in asked}

    def details(self, tested: Tested, truth: np.ndarray) -> dict[str, Any]:
        """The judge's answers, trial by trial."""
        judge = self._judge()
        said, known = judge.verdicts(_in_colour(self.pictures.run()["picture"]), self.batch), self.answers(tested.row)
        empty = np.full(len(tested.row), "")
        return {
            "question": np.array(list(judge.answers)),
            "answer": np.stack([known.get(question, empty)[truth].astype(str) for question in judge.answers], axis=1),
            "verdict": np.stack([said[question].astype(str) for question in judge.answers], axis=1),
        }

    def note(self, result: Result, row: int) -> str:
        """The judge's word for the largest thing and the place, and what it was where that is another."""
        said = []
        for place, question in enumerate(result["question"].tolist()):
            if question in ("kind", "background"):
                verdict, answer = result["verdict"][row, place], result["answer"][row, place]
                said.append(str(verdict) if verdict == answer or not answer else f"not {answer} but {verdict}")
        return ", ".join(said) or super().note(result, row)

    def _of_seen(self, tested: Tested) -> dict[str, np.ndarray]:
        """The judge's verdicts on the seen pictures."""
        return self._judge().verdicts(_in_colour(self.stimuli.run()["picture"][tested.row] / np.float32(255)), self.batch)

    def _judge(self) -> Judge:
        with self.model_folder() as folder:
            return load_judge(folder, self.device)

    def answers(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """What is in some of the seen pictures, by question, as far as it is known: (stimulus,) arrays."""
        shown = self.stimuli.run()
        found: dict[str, Any] = {}
        if "kind" in shown and shown["kind"].ndim == 2:  # (stimulus, thing), the largest first
            things = shown["kind"][rows]
            found = {"kind": things[:, 0], "count": (things != "").sum(axis=1)}
            found |= {name: shown[name][rows][:, 0] for name in ("design", "colour") if name in shown}
        if "background" in shown:
            found["background"] = shown["background"][rows]
        return {question: found[question] for question in QUESTIONS if question in found}


def _in_colour(pictures: np.ndarray) -> np.ndarray:
    """Grey pictures with three equal channels, which is what the judge takes."""
    return pictures if pictures.shape[3] == 3 else np.repeat(pictures, 3, axis=3)
