"""Whether the caption of a unit says what drives it: its likeness to new pictures as a prediction of the unit's responses to them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex.checkpoints.from_open_clip import ImageTextWords, words_of
from recortex.errors import InvalidInput
from recortex.features.clip import CLIP
from recortex.metrics import false_discovery, permutation_p
from recortex.scores._planted_kinds import first_kinds, planted_in, planted_kinds, truth_scores
from recortex.scores._rank_likeness import Resampled, captions_p, pictures_null, rank_correlation, ranked, resampled
from recortex.scores.base import NAN, Score, Scores, as_columns, mean_of
from recortex.selectivity.base import UnitCaptions
from recortex.selectivity.reliability import check_ways
from recortex.splits.base import Fold
from recortex.stage import Array, Figure, Result

UNITS_AT_ONCE = 4096
SHOWN = 16
SAME = 1e-9


class UnitCaptionScores(Scores):
    """Rank correlation of what captions predict with what was measured, over pictures that the encoder never met.

    A caption predicts for each picture the cosine of its own embedding and the picture's, by an image-text model. Over fresh pictures,
    which the encoder neither was fitted on nor tried on, that is correlated (Spearman) with the mean response to each. Two nulls
    ask two things of each captioned unit:

    - "pictures": fresh pictures change places. Does the caption predict the unit at all?
    - "captions": every other unit's caption takes its place, each distinct one once. Does this caption predict the unit better than
      theirs do? Where many units share a caption or a preference, p cannot be small.

    Controls, each followed by the difference to the real thing (its interval by a paired bootstrap over pictures):

    - `shuffled`: captions change places between units, the mean over all ways.
    - `commonest`: the most frequent caption for every unit; only where units share one.

    Where the brain is simulated, its planted preferences are held against the kind that each caption names first. There `accuracy` has
    as chance what the same named kinds would reach if they changed places between these units.

    Parameters
    ----------
    captions : UnitCaptions
        What is scored. Its encoder's split must leave pictures out, as `Within` does.
    pictures : CLIP
        Embeddings of the pictures that the brain was shown. Its model reads the captions, too.
    null : "pictures" or "captions"
        Which of both decides on the units that pass; the shares by both are in the table.
    level : float
        False discovery rate among the captioned units that pass.
    permutations : int
        Of pictures.
    resamples : int
        Bootstrap samples.
    seed : int
        Draws both.
    too_long : "refuse" or "cut"
        What becomes of a caption with more tokens than the model reads.
    """

    captions: UnitCaptions
    pictures: CLIP
    null: Literal["pictures", "captions"] = "pictures"
    level: float = Field(default=0.05, gt=0, lt=1)
    permutations: int = Field(default=1000, ge=1)
    resamples: int = Field(default=1000, ge=2)
    seed: int = Field(default=0, ge=0)
    too_long: Literal["refuse", "cut"] = "refuse"

    # "scored_unit", as "unit" is a column of every table of scores
    returns: ClassVar[dict[str, Array]] = Scores.returns | {
        "caption_correlation": Array(
            "scored_unit", about="rank correlation of caption and responses over fresh pictures; NaN without a caption"
        ),
        "p_pictures": Array("scored_unit", about="share of permutations of fresh pictures that reach it"),
        "p_captions": Array("scored_unit", about="share of all units' distinct captions that reach it, its own among them"),
        "unit_q": Array("scored_unit", about="p of the chosen null as false discovery rate, over units with a caption"),
        "passing": Array("scored_unit", dtype="bool", units="", about="whether unit_q is at most the level"),
    }

    def reader(self) -> ImageTextWords:
        """The words' side of the pictures' model."""
        return words_of(self.pictures)

    def key_extra(self) -> Any:
        """The model's files with its tokenizer, which embeddings of pictures do not depend on."""
        return self.reader().key_extra()

    def check_ready(self) -> None:
        """There is a tokenizer, and p can be small."""
        super().check_ready()
        self.reader().check_ready()
        self._check()

    def _check(self) -> None:
        if self.pictures.output != "pooled":
            raise InvalidInput("pictures: captions are compared with pooled embeddings; set output: pooled there")
        if (least := 1 / (self.permutations + 1)) > self.level:
            raise InvalidInput(
                f"permutations: {self.permutations} give no p below {least:.2g}, and level is {self.level:g}; give "
                f"{int(np.ceil(1 / self.level)) - 1} or more"
            )

    def compute(self) -> dict[str, Any]:
        """Predict, correlate, permute, resample.

        Raises
        ------
        InvalidInput
            No caption to score, no fresh picture, fewer than three of them, or as for the embeddings.
        """
        self._check()
        made = self.captions.run()
        units = np.flatnonzero(made["captioned"])
        if not len(units):
            raise InvalidInput(
                f"captions: none of {len(made['captioned'])} units has one, as the encoder predicts none in held-out trials, so there "
                "is nothing to score; give the encoder more trials or units with signal, or raise the captions' level"
            )
        fresh = self.fresh()
        names, counts, responses = self._responses(units, fresh)
        check_ways(np.repeat(names, counts), self.level)
        said, which = np.unique(made["caption"][units], return_inverse=True)
        if self.null == "captions" and 1 / len(said) > self.level:
            raise InvalidInput(
                f"null: {len(said)} distinct captions give no p below {1 / len(said):.2g}, and level is {self.level:g}; "
                "take null: pictures"
            )
        rank_p, rank_y = ranked(self._likeness(said, names)), ranked(responses)
        reached = rank_correlation(rank_p[:, which], rank_y)
        null = pictures_null(rank_p, rank_y, which, counts, self.permutations, self.seed)
        p = {"pictures": permutation_p(reached, null, SAME), "captions": captions_p(rank_p, rank_y, reached)}
        q = {name: false_discovery(values) for name, values in p.items()}
        common = int(np.bincount(which).argmax()) if len(said) < len(units) else None
        samples = resampled(rank_p, rank_y, which, common, self.resamples, self.seed)

        shared: dict[str, Any] = {
            "split": self.captions.encoder.split_words(),
            "averaging": _averaging(counts),
            "protocol": "fresh pictures",
        }
        chance = np.nanmean(null, axis=1)
        tested = {"p": float(permutation_p(mean_of(reached), chance, SAME)), "chance": mean_of(chance)}
        scores = _means(samples, len(names), shared, tested)
        defined = np.isfinite(reached)
        of_units = shared | {"n": int(defined.sum()), "n_unit": "unit"}
        for name, values in q.items():
            rate = f"false discovery rate {self.level:g}, null of {name}"
            scores.append(
                Score("passing_captions", "share", float(np.mean(values[defined] <= self.level)), **of_units, subset=rate)
            )

        total = len(made["captioned"])
        arrays = {
            "caption_correlation": _spread(reached, units, total),
            "p_pictures": _spread(p["pictures"], units, total),
            "p_captions": _spread(p["captions"], units, total),
            "unit_q": _spread(q[self.null], units, total),
        }
        arrays["passing"] = arrays["unit_q"] <= self.level
        scores += truth_scores(
            planted_in(self.captions.encoder.brain), made["caption"], made["captioned"], arrays["passing"], shared
        )
        return as_columns(scores) | arrays

    def fresh(self) -> np.ndarray:
        """Rows of trials whose stimuli the encoder was neither fitted on nor tried on.

        Raises
        ------
        InvalidInput
            There are fewer than three such stimuli.
        """
        encoder = self.captions.encoder
        trials = encoder.brain.trial_table()
        used = np.concatenate([side for fold in encoder.split.apply(trials) for side in (fold.train, fold.test)])
        rows = np.flatnonzero(~np.isin(trials["stimulus"], trials["stimulus"][used]))
        if (left := len(np.unique(trials["stimulus"][rows]))) < 3:
            raise InvalidInput(
                f"captions: the encoder's split leaves {left or 'no'} stimuli out, and those that wrote a caption or chose its unit "
                "cannot score it; give the encoder a split of type Within, as in "
                "split: {type: Within, split: {type: KFold}, value: train}"
            )
        return rows

    def _responses(self, units: np.ndarray, fresh: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Fresh stimuli, how often each was shown, and the mean responses of units, (stimulus, unit), normalised as in the encoder."""
        encoder = self.captions.encoder
        brain, trials = encoder.brain.run(), encoder.brain.trial_table()
        names, group = np.unique(trials["stimulus"][fresh], return_inverse=True)
        shown = brain["n_repeats"][fresh].astype(float)
        used = np.concatenate([side for fold in encoder.split.apply(trials) for side in (fold.train, fold.test)])
        made = np.empty((len(names), len(units)))
        every = brain.shape("responses")[1]
        for start in range(0, every, UNITS_AT_ONCE):
            block = slice(start, min(start + UNITS_AT_ONCE, every))
            here = (units >= block.start) & (units < block.stop)
            if not here.any():
                continue
            pairs = encoder.pairs(block)
            responses = pairs.targets
            if pairs.z_score is not None:
                responses = pairs.z_score.of(responses, Fold("fresh", np.unique(used), fresh))
            sums = np.zeros((len(names), int(here.sum())))
            np.add.at(sums, group, responses[fresh][:, units[here] - block.start] * shown[:, None])
            made[:, here] = sums / np.bincount(group, shown)[:, None]
        return names, np.bincount(group, shown).astype(int), made

    def _likeness(self, said: np.ndarray, names: np.ndarray) -> np.ndarray:
        """Cosine of every picture and caption, (stimulus, caption)."""
        pictures = self.pictures.of(names).astype(np.float64)
        words = self.reader().embeddings(said.tolist(), self.too_long == "cut").astype(np.float64)
        pictures /= np.linalg.norm(pictures, axis=1, keepdims=True)
        return pictures @ (words / np.linalg.norm(words, axis=1, keepdims=True)).T

    def figures(self, result: Result) -> list[Figure]:
        """How well captions predict, where; the best of them; and planted beside named kinds where they are known."""
        from recortex.drawing import brain_labels, brain_map, histogram, table

        made, brain = self.captions.run(), self.captions.encoder.brain.run()
        r, passing = result["caption_correlation"], result["passing"]
        known = np.isfinite(r)
        if not known.any():
            return []
        best = np.argsort(-np.where(known, r, -np.inf), kind="stable")[: min(SHOWN, int(known.sum()))]
        planted = planted_in(self.captions.encoder.brain)
        truth = None if planted is None else planted_kinds(planted)
        head, rows = ["unit", "correlation", "q", "caption"], []
        for unit in best.tolist():
            rows.append([str(unit), f"{r[unit]:.2f}", f"{result['unit_q'][unit]:.3f}", str(made["caption"][unit])])
            if truth is not None:
                rows[-1].append(" and ".join(filter(None, truth[unit].tolist())) or "no kind")
        figures = [
            Figure(
                "Captions against new pictures",
                f"Rank correlation of what the caption of each of {int(known.sum())} units predicts for pictures that its encoder never "
                f"met, with the measured responses; {int(passing.sum())} pass at a false discovery rate of {self.level:g}. Below, the "
                "best of them.",
                histogram(r[known], "rank correlation", "units", {"mean": float(r[known].mean())})
                + brain_map(r, brain, "rank correlation of caption and responses", low=0.0)
                + table(head + (["planted"] if truth is not None else []), rows),
                "selectivity",
            )
        ]
        if truth is not None:
            first = first_kinds(made["caption"])
            named = np.where(passing, first, "")
            order = sorted({*truth[:, 0].tolist(), *named.tolist()} - {""})
            figures.append(
                Figure(
                    "Planted and recovered kinds",
                    "Above, the kind that each unit was made to prefer, its first where there are two; below, the kind that its caption "
                    "names first, in the same colours, for captions that pass.",
                    brain_labels(truth[:, 0], brain, "planted", order, _colours(order))
                    + brain_labels(named, brain, "named by the caption", order, _colours(order)),
                    "selectivity",
                )
            )
        return figures


def _means(samples: Resampled, stimuli: int, shared: dict[str, Any], tested: dict[str, Any]) -> list[Score]:
    """The mean over units, then each control and the paired difference to it."""
    metric, counted = "caption_correlation", shared | {"n": stimuli, "n_unit": "stimulus"}
    scores = [Score(metric, "mean", samples.value[""], **counted, **_ends(samples.again[""]), **tested)]
    for control in [name for name in samples.value if name]:
        apart = samples.again[""] - samples.again[control]
        difference = samples.value[""] - samples.value[control]
        scores.append(Score(metric, "mean", samples.value[control], **counted, **_ends(samples.again[control]), control=control))
        scores.append(Score(metric, "difference", difference, **counted, **_ends(apart), control=control))
    return scores


def _ends(samples: np.ndarray) -> dict[str, Any]:
    if not np.isfinite(samples).any():
        return {"low": NAN, "high": NAN}
    low, high = np.nanpercentile(samples, [2.5, 97.5])
    return {"low": float(low), "high": float(high)}


def _averaging(counts: np.ndarray) -> str:
    """How many presentations a scored response is the mean of."""
    low, high = int(counts.min()), int(counts.max())
    if high == 1:
        return "single trials"
    return f"mean of {low} repeats" if low == high else f"mean of {low} to {high} repeats"


def _spread(values: np.ndarray, units: np.ndarray, total: int) -> np.ndarray:
    """Values of some units at their places among all."""
    made = np.full(total, np.nan)
    made[units] = values
    return made


def _colours(order: list[str]) -> dict[str, str]:
    """One colour a kind, the same in both maps."""
    from recortex.drawing.colours import INK, KINDS

    safe = (*KINDS, INK)  # one for each of the twelve kinds of the simulated world
    return {name: safe[place % len(safe)] for place, name in enumerate(order)}
