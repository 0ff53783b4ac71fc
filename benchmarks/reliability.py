"""What weighing units by their reliability is worth, in training scenes: the demo's brain and decoder with and without it.

`python benchmarks/reliability.py` simulates a recording of 2,000 scenes as `pipelines/demo.yaml` does of 1,000, decodes the image-text
embeddings of 300 held-out scenes from parts of the other 1,700 that share no scene, and prints a table. `--write` keeps it in
`results/reliability.md`. To try it: `--scale 0.2`.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from recortex import CLIP, LeastSquaresAll, RidgeDecoder, SimulatedBold, SimulatedScenes, store
from recortex.metrics import identification_ranks
from recortex.splits.base import Fold

RESULTS = Path(__file__).parent / "results" / "reliability.md"
PARTS = (4, 2, 1)  # that training scenes are divided into, for as many decoders each
WORDS = (
    "Two-way identification of {tested} held-out scenes, each against all others, by the correlation of decoded with true embeddings: "
    "the mean over decoders that were fitted on scenes of their own, and the standard error over scenes. Volumes, linear model, voxels "
    "and features are those of pipelines/demo.yaml."
)


def two_way(decoder: RidgeDecoder, train: list[np.ndarray], test: np.ndarray) -> np.ndarray:
    """Of each test scene, the mean over training sets."""
    pairs, found = decoder.pairs(), []
    for rows in train:
        folds = [Fold("test", rows, test)]
        reliability = pairs.reliability and replace(pairs.reliability, folds=folds, _share={})
        decoded, _ = decoder.fit_folds(replace(pairs, folds=folds, reliability=reliability))
        alike = np.corrcoef(decoded, pairs.targets[test])[: len(test), len(test) :]
        found.append(identification_ranks(alike, np.arange(len(test))).two_way_identification())
    return np.mean(found, axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of scenes")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    scenes, tested = int(2000 * options.scale), int(300 * options.scale)
    lines = ["| training scenes | decoders | all voxels alike | by reliability |", "| ---: | ---: | ---: | ---: |"]
    with tempfile.TemporaryDirectory() as folder, store.use(store.Store(Path(folder))):
        shown = SimulatedScenes(count=scenes)
        bold = SimulatedBold(stimuli=shown, shared=tested, own=scenes - tested, presentations=3, voxel_mm=4, cover="visual")
        brain, features = LeastSquaresAll(recording=bold, repeats="average"), CLIP(stimuli=shown)
        side = brain.trial_table()["split"]
        train = np.random.default_rng(0).permutation(np.flatnonzero(side == "train"))
        for parts in PARTS:
            rows = [np.sort(part) for part in np.array_split(train, parts)]
            cells = []
            for by_reliability in (False, True):
                decoder = RidgeDecoder(brain=brain, features=features, by_reliability=by_reliability)
                score = two_way(decoder, rows, np.flatnonzero(side == "test"))
                cells.append(f"{score.mean():.3f} ± {score.std(ddof=1) / len(score) ** 0.5:.3f}")
            lines.append(f"| {len(rows[0])} | {parts} | {cells[0]} | {cells[1]} |")
            print(lines[-1], flush=True)
    if options.write:
        made = f"recortex {version('recortex')}, numpy {version('numpy')}. {WORDS.format(tested=tested)}"
        RESULTS.write_text("\n\n".join(["# Units weighed by their reliability", made, "\n".join(lines)]) + "\n")


if __name__ == "__main__":
    main()
