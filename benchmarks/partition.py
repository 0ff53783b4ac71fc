"""Variance partition over all subsets of bands, beside as many plain refits from the same stored statistics.

`python benchmarks/partition.py` makes statistics of rows once, a set a fold, and then takes turns: `variance_partition` over all 31
subsets of 5 bands, and 31 plain refits, each on all features: decompose, choose an alpha for every target over the folds, solve. The
statistics count in neither, as both have them. A second kind of refit is on the features of its subset alone, and so the least that 31
fits could cost. `--write` keeps the table in `results/partition.md`. To try it: `--targets 2000`.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import numpy as np
import psutil
from threadpoolctl import threadpool_info

from recortex.linear import SufficientStatistics, variance_partition
from recortex.linear.primal import FeatureSide
from recortex.linear.selection import Selection
from recortex.linear.threads import threads_for_fit

RESULTS = Path(__file__).parent / "results" / "partition.md"
ALPHAS = np.logspace(0, 6, 10)
FOLDS, TARGETS_AT_ONCE = 5, 4096
WORDS = (
    "float32, 10 alphas, 5 folds, an intercept; the fastest of the repeats counts. A refit on all features decomposes the Gram matrices "
    "of folds and of all rows, scores every alpha for every target, and solves; a refit on the subset does so with the features that the "
    "subset has, and scores nothing on held-out rows. The partition does all that and scores held-out rows. Load is the load average at "
    "the start: where it is above the threads used here, other work was running beside it."
)


def statistics(n_rows: int, n_features: int, n_targets: int) -> tuple[list[SufficientStatistics], SufficientStatistics]:
    """Of training rows, a set a fold, and of a quarter as many held-out rows; a share of signal between 0 and 0.9."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows + n_rows // 4, n_features), dtype=np.float32)
    X *= np.arange(1, n_features + 1, dtype=np.float32) ** -0.25
    rng.shuffle(X, axis=1)
    w = rng.standard_normal((n_features, n_targets), dtype=np.float32)
    y = X @ w
    share = rng.uniform(0, 0.9, n_targets).astype(np.float32)
    y *= np.sqrt(share) / y.std(axis=0)
    y += np.sqrt(1 - share) * rng.standard_normal(y.shape, dtype=np.float32)
    parts = [
        slice(*ends) for ends in zip(*(np.linspace(0, n_rows, FOLDS + 1).astype(int)[k:][:FOLDS] for k in (0, 1)), strict=True)
    ]
    none_x, none_y = np.zeros(n_features), np.zeros(n_targets)
    made = [SufficientStatistics.from_rows(X[rows], y[rows], None, none_x, none_y) for rows in [*parts, slice(n_rows, None)]]
    return made[:-1], made[-1]


def refit(groups: list[SufficientStatistics], features: np.ndarray | None) -> float:
    """One plain fit from the statistics; the mean weight, so that nothing is left out."""
    if features is not None:
        groups = [group.restricted(features) for group in groups]
    every = np.arange(FOLDS)
    side = FeatureSide.build(groups, [(np.delete(every, left), every[[left]]) for left in every], True, False)
    selection = Selection("kfold", "neg_mse", ALPHAS, side, None)
    total = 0.0
    for start in range(0, groups[0].xy.shape[1], TARGETS_AT_ONCE):
        tile = [group.targets(slice(start, start + TARGETS_AT_ONCE)) for group in groups]
        coef, _ = side.final.solve(tile, ALPHAS[selection.choose(tile, None).place])
        total += float(coef.sum(dtype=np.float64))
    return total


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def machine() -> str:
    blas = next(info for info in threadpool_info() if info["user_api"] == "blas")
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "recortex"))
    memory = f"{psutil.virtual_memory().total / 2**30:.0f} GiB of memory"
    threads = f"{blas['internal_api']} {blas['version']} with {blas['num_threads']} thread(s)"
    return f"{time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores ({platform.machine()}), {memory}, {threads}; {packages}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--bands", type=int, default=5)
    parser.add_argument("--width", type=int, default=100, help="features of a band")
    parser.add_argument("--targets", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    n_features = options.bands * options.width
    groups, test = statistics(options.rows, n_features, options.targets)
    index = np.arange(n_features)
    bands = {f"band {number}": index[number * options.width :][: options.width] for number in range(options.bands)}
    subsets = [subset for size in range(1, options.bands + 1) for subset in combinations(bands, size)]
    columns = [np.concatenate([bands[name] for name in subset]) for subset in subsets]
    tasks: dict[str, Callable[[], object]] = {
        f"{len(subsets)} plain refits, on all features": lambda: [refit(groups, None) for _ in subsets],
        f"{len(subsets)} plain refits, each on its subset": lambda: [refit(groups, some) for some in columns],
        "variance_partition": lambda: variance_partition(groups, test, bands, ALPHAS),
    }
    taken = dict.fromkeys(tasks, np.inf)
    with threads_for_fit(options.rows, n_features, options.targets):
        refit([group.targets(slice(0, 64)) for group in groups], None)  # what libraries do once
        for _ in range(options.repeats):
            for name, work in tasks.items():
                taken[name] = min(taken[name], timed(work))
    first = next(iter(taken.values()))
    lines = ["| what | seconds | x plain refits |", "| --- | ---: | ---: |"]
    lines += [f"| {name} | {seconds:.2f} | {seconds / first:.2f} |" for name, seconds in taken.items()]
    shape = (
        f"{options.rows} rows, {options.bands} bands of {options.width} features, {options.targets:,} targets; load {load:.1f}."
    )
    print("\n".join([machine(), shape, *lines]), flush=True)
    if options.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text("\n\n".join(["# Variance partition", machine(), WORDS, shape, "\n".join(lines)]) + "\n")


if __name__ == "__main__":
    main()
