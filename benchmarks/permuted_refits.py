"""What fitting many permuted pairs at once saves: the ratio of one by one to together, in one run on this machine."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from recortex import HandwrittenDigits, Pixels, PlantedUnits, RidgeDecoder, RidgeEncoder, store

PERMUTATIONS = 20


def main() -> None:
    """Time both ways, for an encoder and a decoder."""
    with tempfile.TemporaryDirectory() as folder, store.use(store.Store(Path(folder))):
        digits = HandwrittenDigits(count=400)
        brain = PlantedUnits(stimuli=digits, units=600, repeats="average")
        for kind in (RidgeEncoder, RidgeDecoder):
            fit = kind(brain=brain, features=Pixels(stimuli=digits))
            pairs = fit.pairs()
            sources = list(pairs.exchanges(PERMUTATIONS, np.random.default_rng(0)))
            begun = time.perf_counter()
            for source in sources:
                fit.fit_folds(replace(pairs, targets=pairs.targets[source]))
            alone = time.perf_counter() - begun
            begun = time.perf_counter()
            for _ in fit.refits(pairs, sources):
                pass
            together = time.perf_counter() - begun
            print(
                f"{kind.__name__}: {PERMUTATIONS} refits one by one {alone:.1f} s, together {together:.1f} s: {alone / together:.1f} x"
            )


if __name__ == "__main__":
    main()
