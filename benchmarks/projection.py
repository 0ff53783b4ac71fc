"""The streaming softmax projection of BrainSCUBA, beside the plain matrix products of the same sizes.

`python benchmarks/projection.py` projects directions of units onto a bank that is made shard by shard, so that no more than a shard of
it is ever there: time inside `Projection.add`, and how far the process grew beyond what it was with its directions and one shard.
Beside it stand one matrix product of directions and bank in blocks of the same size, and the two that any softmax projection holds
(similarities, and their exponentials times the bank). What the bank is made of, random numbers, takes no part in the times. `--write`
keeps the table in `results/projection.md`. To try it: `--pictures 20000 --units 500`.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import psutil
from threadpoolctl import threadpool_info

from recortex.selectivity.projection import AT_ONCE, Projection, choose_temperature

RESULTS = Path(__file__).parent / "results" / "projection.md"
WORDS = (
    "float32 products, sums in float64. The plain products run on the first shard, in blocks of as many rows, and count times the "
    "shards. Growth is that of the largest resident size, beyond directions and one shard, during the whole projection. Load is the load "
    "average at the start: where it is above the threads used here, other work was running beside it."
)


def shards(pictures: int, features: int, at_once: int) -> Iterator[np.ndarray]:
    """Random embeddings around a common mean, as those of a CLIP lie in a cone."""
    mean = np.random.default_rng(0).standard_normal(features, dtype=np.float32)
    for number, start in enumerate(range(0, pictures, at_once)):
        made = np.random.default_rng([1, number]).standard_normal((min(at_once, pictures - start), features), dtype=np.float32)
        made += mean
        yield made


def plain(directions: np.ndarray, shard: np.ndarray, both: bool) -> float:
    """Seconds of one product, or of both, in blocks as large as those of the projection."""
    step = max(1, AT_ONCE // (4 * max(directions.shape)))
    similar = np.empty((len(directions), step), np.float32)
    summed = np.empty(directions.shape, np.float32)
    start = time.perf_counter()
    for first in range(0, len(shard), step):
        some = shard[first : first + step]
        np.matmul(directions, some.T, out=similar[:, : len(some)])
        if both:
            np.matmul(similar[:, : len(some)], some, out=summed)
    return time.perf_counter() - start


def grown() -> float:
    """The largest resident size so far, MiB; macOS counts bytes, Linux KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if platform.system() == "Darwin" else 2**10)


def machine() -> str:
    blas = next(info for info in threadpool_info() if info["user_api"] == "blas")
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "recortex"))
    memory = f"{psutil.virtual_memory().total / 2**30:.0f} GiB of memory"
    threads = f"{blas['internal_api']} {blas['version']} with {blas['num_threads']} thread(s)"
    return f"{time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores ({platform.machine()}), {memory}, {threads}; {packages}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=2_000_000)
    parser.add_argument("--units", type=int, default=5000)
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--shard", type=int, default=65_536, help="pictures that are there at a time")
    parser.add_argument("--temperature", type=float, default=150.0)
    parser.add_argument(
        "--choose", action="store_true", help="choose the temperature first, for 50 neighbours, and time that, too"
    )
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    size = (options.pictures, options.features, options.shard)
    directions = np.random.default_rng(2).standard_normal((options.units, options.features))
    first = next(shards(*size))
    first[:1] @ directions[:1].T.astype(np.float32)  # what libraries do once
    before = grown()
    temperature, chosen = options.temperature, 0.0
    if options.choose:
        start = time.perf_counter()
        temperature = choose_temperature(directions, shards(*size), 50)
        chosen = time.perf_counter() - start
    projection, taken = Projection(directions, temperature), 0.0
    del first
    for shard in shards(*size):
        start = time.perf_counter()
        projection.add(shard)
        taken += time.perf_counter() - start
        del shard
    found = projection.result()
    growth = grown() - before

    shard, repeats = next(shards(*size)), options.pictures / min(options.shard, options.pictures)
    single = directions.astype(np.float32)
    one, two = (min(plain(single, shard, both) for _ in range(2)) * repeats for both in (False, True))
    lines = ["| what | seconds | x one product | x both products |", "| --- | ---: | ---: | ---: |"]
    for name, seconds in (("one matrix product", one), ("both matrix products", two), ("streaming projection", taken)):
        lines.append(f"| {name} | {seconds:.2f} | {seconds / one:.2f} | {seconds / two:.2f} |")
    about = (
        f"{options.pictures:,} embeddings of {options.features} features x {options.units:,} units, temperature {temperature:g}"
    )
    shape = f"{about}, shards of {options.shard:,}; load {load:.1f}."
    memory = (
        f"Growth of the largest resident size: {growth:.0f} MiB (all embeddings: {4 * options.pictures * options.features / 2**20:,.0f} "
        f"MiB, all similarities: {4 * options.pictures * options.units / 2**20:,.0f} MiB). Median neighbours: "
        f"{np.median(found.neighbours):.1f}."
    )
    if options.choose:
        memory += f" Choosing the temperature took {chosen:.1f} s, with making the bank once more."
    print("\n".join([machine(), shape, *lines, memory]), flush=True)
    if options.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text("\n\n".join(["# Softmax projection", machine(), WORDS, shape, "\n".join(lines), memory]) + "\n")


if __name__ == "__main__":
    main()
