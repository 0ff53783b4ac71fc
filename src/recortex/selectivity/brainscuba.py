"""BrainSCUBA: what a unit's weights would say if they were a picture (Luo, Henderson, Tarr & Wehbe 2024, ICLR)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from recortex.checkpoints.captioner import choose_captioner, sizes_of_captioner
from recortex.checkpoints.finding import Found
from recortex.checkpoints.pretrained import Pretrained
from recortex.encoders._linear import LinearEncoder
from recortex.errors import InvalidInput, listed
from recortex.features.bands import Bands
from recortex.features.clip import CLIP
from recortex.progress import steps
from recortex.selectivity.base import UnitCaptions
from recortex.selectivity.projection import Projection, choose_temperature, unit_length
from recortex.splits.held_out import training_stimuli
from recortex.stage import Array

SHARD = 2**16  # pictures of the bank that are read at a time
SAME_PICTURE = 1 - 1e-5  # cosine of two embeddings of one picture, computed in different batches


class BrainSCUBA(Pretrained, UnitCaptions):
    """Captions of units: an encoder's weights, brought to natural pictures by a softmax over a bank of them, and put into words.

    The mean weights over folds, brought to length 1, are projected: each picture of the bank counts by
    ``softmax(temperature * cosine)``. The projected embedding is as long as the bank's are on average, which is what the captioner was
    trained on. Units that the encoder does not predict in held-out trials get no caption.

    Parameters
    ----------
    encoder : LinearEncoder
        On CLIP embeddings, or on Bands with one CLIP among its spaces, whose weights and predictions alone count here.
    bank : CLIP
        Embeddings of the bank's pictures by the same model, as long as it makes them. A bank may hold training pictures, but none that
        the brain was shown otherwise: on these captions are scored.
    temperature : float, optional
        Of the softmax; 150 in the released code. Without it, it is chosen by `neighbours`.
    neighbours : float
        How many pictures of the bank are to count for the median captioned unit (the exponential of the softmax's entropy).
    beams : int
        How many beginnings of a caption are followed at a time.
    most : int
        Longest caption in tokens.
    model, revision, folder, trained, device, batch
        The captioner, as of any pretrained model: a causal language model of transformers with a prefix.safetensors.
    """

    encoder: LinearEncoder
    bank: CLIP
    temperature: float | None = Field(default=None, gt=0, le=1e4)
    neighbours: float = Field(default=50, gt=1)
    beams: int = Field(default=5, ge=1)
    most: int = Field(default=50, ge=1)

    shipped: ClassVar[str] = "captioner"
    returns: ClassVar[dict[str, Array]] = UnitCaptions.returns | {
        "projected": Array(
            "unit", "feature", about="projected embedding that the caption is written from; NaN without a caption"
        ),
        "neighbours": Array("unit", about="how many pictures of the bank count in it: exp(entropy); NaN without a caption"),
        "cosine": Array("unit", about="cosine of the weights and the projected embedding; NaN without a caption"),
        "temperature": Array(about="what cosines were multiplied by before the softmax"),
    }

    def choose(self, names: set[str], where: str) -> list[str]:
        """The files of a captioner."""
        return choose_captioner(names, where)

    def embedding(self) -> CLIP:
        """The embeddings that the encoder was fitted on.

        Raises
        ------
        InvalidInput
            There are none among its features, or several.
        """
        features = self.encoder.features
        spaces = features.spaces.values() if isinstance(features, Bands) else [features]
        found = [space for space in spaces if isinstance(space, CLIP)]
        if len(found) != 1:
            held = listed([space.type_name() for space in spaces])
            raise InvalidInput(
                f"encoder: its features are {held}, and captions are written from the weights of exactly one CLIP; fit it on CLIP, or on "
                "Bands with one CLIP among them"
            )
        return found[0]

    def check_fields(self) -> None:
        """The bank's embeddings are of the encoder's own kind, and can be told how long they are."""
        super().check_fields()
        mine, bank = self.embedding().recipe(), self.bank.recipe()
        for name in mine | bank:
            if name != "unit_length" and mine.get(name) != bank.get(name):
                raise InvalidInput(
                    f"bank: the encoder was fitted on embeddings with {name} = {mine.get(name)} and these have {bank.get(name)}; make "
                    "both in the same way"
                )
        if self.bank.output != "pooled":
            raise InvalidInput("bank: captions are written from pooled embeddings, not from tokens; set output: pooled in both")
        if self.bank.unit_length:
            raise InvalidInput(
                "bank: its embeddings were brought to unit length, and the captioner has to know how long they are; leave unit_length out"
            )

    def check_files(self, found: Found) -> None:
        """The captioner reads embeddings of the bank's width."""
        super().check_files(found)
        reads, room = sizes_of_captioner(found.folder)
        width = self.bank.foresee().get("feature")
        if width is not None and reads != width:
            raise InvalidInput(
                f"BrainSCUBA: its captioner in {found.folder} reads embeddings of shape ({reads},) and those of the bank have "
                f"({width},); use the captioner that was trained with their model"
            )
        if room is not None and self.most > room:
            raise InvalidInput(
                f"BrainSCUBA: most: {self.most} tokens are more than the {room} that the captioner in {found.folder} can write; "
                "give fewer"
            )

    def expect(self) -> dict[str, int]:
        """And the features of the bank."""
        sizes, bank = super().expect(), self.bank.foresee()
        return sizes | {"feature": bank["feature"]} if sizes and bank else {}

    def compute(self) -> dict[str, Any]:
        """Choose the units, project their weights, and write.

        Raises
        ------
        InvalidInput
            Features, bank or captioner that do not go together; a bank that holds what captions will be scored on.
        MissingData
            The captioner is not on this machine and cannot be fetched.
        """
        self.check_fields()
        self._check_bank()
        found = self.reliable()
        units, features = len(found["captioned"]), self.bank.run().shape("features")[1]
        directions, rows = self._directions(found["captioned"])
        made: dict[str, np.ndarray] = {
            "caption": np.full(units, "", dtype=object),
            "projected": np.full((units, features), np.nan, np.float32),
            "neighbours": np.full(units, np.nan),
            "cosine": np.full(units, np.nan),
            "temperature": np.array(np.nan if self.temperature is None else self.temperature),
        }
        if len(rows):
            if self.temperature is None:
                made["temperature"] = np.array(choose_temperature(directions, self._shards(), self.neighbours))
            projection = Projection(directions, float(made["temperature"]))
            for shard in self._shards():
                projection.add(shard)
            projected = projection.result()
            made["projected"][rows], made["neighbours"][rows] = projected.embedding, projected.neighbours
            made["cosine"][rows] = projected.cosine
            made["caption"][rows] = self._written(made["projected"][rows])
        caption = made["caption"].astype(str)
        return found | made | {"caption": caption, "captioned": caption != ""}

    def predicted(self, units: slice, row: np.ndarray) -> np.ndarray:
        """As the encoder predicts them; from Bands, what its CLIP adds to that, by the weights of the fold that held a trial out."""
        fitted = self.encoder.run()
        if not isinstance(self.encoder.features, Bands):
            return super().predicted(units, row)
        mine = self._features()
        seen = self.encoder.features.of(fitted["stimulus"])[:, mine]
        made = np.empty((len(row), units.stop - units.start), np.float32)
        coef = fitted.read("coef", columns=units)[:, mine]
        # without the offset of its own training trials each fold would lie elsewhere
        trials = self.encoder.brain.trial_table()
        folds = self.encoder.split.apply(trials)
        middle = [self.encoder.features.of(trials["stimulus"][fold.train])[:, mine].mean(axis=0) for fold in folds]
        for number, fold in enumerate(fitted["fold"].tolist()):
            here = fitted["held_out_in"] == fold
            made[here] = (seen[here] - middle[number]) @ coef[number]
        return made

    def _features(self) -> np.ndarray:
        """Which of the encoder's features are the embedding."""
        features = self.encoder.features
        if not isinstance(features, Bands):
            return np.arange(features.run().shape("features")[1])
        own = next(name for name, space in features.spaces.items() if isinstance(space, CLIP))
        return np.flatnonzero(features.run()["band"] == own)

    def _directions(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights of wanted units at length 1, (n, feature), and which units they are; weights of 0 point nowhere."""
        fitted, mine, found, rows = self.encoder.run(), self._features(), [np.empty((0, len(self._features())))], []
        for block in self.unit_blocks():
            asked = np.flatnonzero(wanted[block])
            if len(asked):
                coef = fitted.read("coef", columns=block)[:, mine][:, :, asked].mean(axis=0, dtype=np.float64).T
                there = np.abs(coef).max(axis=1) > 0
                found.append(unit_length(coef[there], "weights")[0])
                rows += (block.start + asked[there]).tolist()
        return np.concatenate(found), np.array(rows, dtype=int)

    def _shards(self) -> Iterator[np.ndarray]:
        """The bank, some pictures at a time."""
        bank = self.bank.run()
        starts = range(0, bank.shape("features")[0], SHARD)
        return (bank.read("features", slice(start, start + SHARD)) for start in steps(starts, "shards of the bank"))

    def _check_bank(self) -> None:
        """Refuse a bank with pictures that the brain was shown and the encoder not fitted on.

        Raises
        ------
        InvalidInput
        """
        trials, bank, seen = self.encoder.brain.trial_table(), self.bank.run(), self.embedding()
        kept = np.setdiff1d(trials["stimulus"], training_stimuli(self.encoder.split.apply(trials), trials))
        if self.bank.stimuli.key() == seen.stimuli.key():
            same = np.intersect1d(bank["stimulus"], kept)
        else:  # names say nothing of pictures from elsewhere: embeddings tell
            kept = np.intersect1d(kept, seen.run()["stimulus"])
            other = unit_length(seen.of(kept), "embeddings of the encoder")[0].astype(np.float32)
            found = np.zeros(len(kept), dtype=bool)
            for shard in self._shards() if len(kept) else ():
                one = unit_length(shard, "embeddings of the bank")[0].astype(np.float32)
                found |= (other @ one.T).max(axis=1) > SAME_PICTURE
            same = kept[found]
        if len(same):
            raise InvalidInput(
                f"bank: {len(same)} of its pictures were shown to the brain outside of the encoder's training ({listed(same, 3)}), and "
                "on such captions are scored; take them out of the bank, or use other pictures"
            )

    def _written(self, embeddings: np.ndarray) -> np.ndarray:
        """A caption of each embedding."""
        import torch

        from recortex.checkpoints.captioner import load_captioner

        with self.model_folder() as folder:
            captioner = load_captioner(folder).to(self.device)
            written = captioner.captions(torch.from_numpy(embeddings), beams=self.beams, most=self.most, batch=self.batch)
        return np.array(written, dtype=object)
