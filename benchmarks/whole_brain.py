"""An encoding model of a whole cortex on a laptop: 16 bit responses in HDF5, exact five-fold choice of alpha, killed and resumed.

`python benchmarks/whole_brain.py` writes a recording of 10,000 trials x 100,000 units to a temporary folder, imports and fits it in a
process of its own, kills that with -9 once some parts of the fit are there, and runs it again: seconds of each stage, peak resident
memory, and whether the parts that were there stayed. Beside it the floor, one X.T @ y in tiles, and the time for 330,000 units in
proportion. `--write` keeps the table in `results/whole_brain.md`. To try it: `--units 20000 --trials 2000`. For Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
from threadpoolctl import threadpool_info

from recortex import store
from recortex.data.response_file import ResponseFile
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.features.base import Features
from recortex.splits.hold_out import HoldOut
from recortex.stage import Array, LocalFile

RESULTS = Path(__file__).parent / "results" / "whole_brain.md"
FEATURES, ALL_UNITS, AT_ONCE = 768, 330_000, 2000
PARTS_BEFORE_THE_KILL = 3


class Given(Features):
    """Features out of a file, a row a stimulus."""

    path: LocalFile
    returns: ClassVar[dict[str, Array]] = Features.returns

    def compute(self) -> dict[str, Any]:
        values = np.load(self.path)
        return {"stimulus": np.arange(len(values)).astype(str), "features": values}


def write_recording(folder: Path, trials: int, units: int) -> None:
    """Units that hear the features more or less, and noise; as scanners' betas are often kept, times 300 in 16 bits."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((trials, FEATURES), dtype=np.float32) * np.geomspace(1, 0.1, FEATURES, dtype=np.float32)
    np.save(folder / "features.npy", X)
    (folder / "trials.csv").write_text("stimulus\n" + "\n".join(map(str, range(trials))) + "\n")
    with h5py.File(folder / "betas.h5", "w") as file:
        data = file.create_dataset("betas", (trials, units), "i2", chunks=(min(trials, 1000), min(units, 500)))
        for start in range(0, units, AT_ONCE):
            width = min(AT_ONCE, units - start)
            weights = rng.standard_normal((FEATURES, width), dtype=np.float32) * rng.uniform(0, 0.05, width).astype(np.float32)
            noisy = X @ weights + rng.standard_normal((trials, width), dtype=np.float32)
            data[:, start : start + width] = np.clip(np.round(300 * noisy), -32768, 32767).astype("i2")


def fit(folder: Path) -> None:
    """Import, fit, and write down seconds and the peak after each stage."""
    said: dict[str, Any] = {}
    with store.use(store.Store(folder / "cache")):
        brain = ResponseFile(path=folder / "betas.h5", trials=folder / "trials.csv")
        encoder = RidgeEncoder(brain=brain, features=Given(path=folder / "features.npy"), split=HoldOut(test=0.1))
        for name, stage in {"import": brain, "fit": encoder}.items():
            began = time.perf_counter()
            result = stage.run()
            said[name] = time.perf_counter() - began
        said["median correlation"] = float(np.median(result["correlation"]))
    said["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(said))


def floor(folder: Path) -> float:
    """Seconds of X.T @ y alone, over what is in memory already."""
    X = np.load(folder / "features.npy")
    with h5py.File(folder / "betas.h5") as file:
        units, some = file["betas"].shape[1], file["betas"][:, :AT_ONCE].astype(np.float32)
    began = time.perf_counter()
    for _ in range(0, units, AT_ONCE):
        X.T @ some
    return time.perf_counter() - began


def started(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, __file__, "--child", str(folder)], stdout=subprocess.PIPE, text=True)


def parts(folder: Path) -> dict[str, int]:
    """Finished parts of the fit, and which file each is."""
    return {path.name: path.stat().st_ino for path in folder.glob("cache/results/RidgeEncoder/*.parts/0*.h5")}


def measure(folder: Path) -> list[str]:
    """The lines of the table."""
    began = time.perf_counter()
    with started(folder) as process:
        while process.poll() is None and len(parts(folder)) < PARTS_BEFORE_THE_KILL:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    before_the_kill, there = time.perf_counter() - began, parts(folder)
    kept: dict[str, int] = {}
    with started(folder) as process:
        while process.poll() is None:
            kept |= {name: inode for name, inode in parts(folder).items() if name in there}
            time.sleep(0.05)
        said = json.loads(process.communicate()[0])
    stayed = sum(kept.get(name) == inode for name, inode in there.items())
    with h5py.File(folder / "betas.h5") as file:
        trials, units = file["betas"].shape
    least = floor(folder)
    resumed = said["fit"] * units / max(units - stayed * (2**26 // trials), 1)
    return [
        f"| trials x features x units | ({trials}, {FEATURES}, {units}) |",
        f"| killed after | {before_the_kill:.0f} s, with {len(there)} parts of the fit |",
        f"| of these kept by the second run | {stayed} |",
        f"| the second run: rest of the fit | {said['fit']:.0f} s |",
        f"| the whole fit, in proportion | {resumed:.0f} s; {resumed * ALL_UNITS / units:.0f} s for {ALL_UNITS:,} units |",
        f"| floor, X.T @ y | {least:.1f} s; {least * ALL_UNITS / units:.0f} s for {ALL_UNITS:,} units |",
        f"| peak resident memory | {said['peak'] / 1e6:.0f} MB |",
        f"| median held-out correlation | {said['median correlation']:.3f} |",
        f"| load average after | {os.getloadavg()[0]:.1f} |",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--units", type=int, default=100_000)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        fit(options.child)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_recording(Path(folder), options.trials, options.units)
        lines = ["| what | measured |", "| --- | --- |", *measure(Path(folder))]
    print("\n".join(lines))
    if options.write:
        blas = next(info for info in threadpool_info() if info["user_api"] == "blas")
        head = f"{time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores ({platform.machine()}), {blas['num_threads']} BLAS threads."
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(f"# A whole cortex\n\n{head}\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
