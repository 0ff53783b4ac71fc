"""Cross-validated ridge beside himalaya on both of its backends, scikit-learn and fracridge, and beside one product, the floor.

`python benchmarks/ridge.py` fits all of them to the same float32 arrays in one run, each in a process of its own, one after the other,
and prints a table: seconds, peak memory added, ratios, and agreement with himalaya. `--disk` fits responses of many targets from HDF5.
`--write` keeps the tables in `results/ridge.md`. To try it: `--scale 0.1`, or `--disk --targets 4000`. For Linux.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
from threadpoolctl import threadpool_info

RESULTS = Path(__file__).parent / "results" / "ridge.md"
CASES = {"A": (2000, 512, 10_000), "B": (8000, 768, 15_000), "C": (1000, 20_000, 5000)}  # rows, features, targets
NEW_ROWS = {"A": 0, "B": 0, "C": 200}  # predicted within the time, where there are any
REFERENCES = {"A": "himalaya", "B": "himalaya", "C": "himalaya-kernel"}
TORCH = "@torch"  # himalaya's other backend
DISK, CHUNK, ALL_TARGETS = (10_000, 768), 64, 330_000
ALPHAS = np.logspace(0, 6, 10)
SELECTIONS = ("kfold", "gcv", "gcv+kfold", "loo")
FOLDS: dict[str, Any] = {"fit_intercept": True, "cv": 5}
MODELS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "himalaya": ("himalaya RidgeCV", "himalaya.ridge", "RidgeCV", FOLDS),
    "himalaya-kernel": ("himalaya KernelRidgeCV", "himalaya.kernel_ridge", "KernelRidgeCV", {**FOLDS, "warn": False}),
    "scikit-learn": ("scikit-learn RidgeCV, leave-one-out", "sklearn.linear_model", "RidgeCV", {"alpha_per_target": True}),
}
LABELS = {"floor": "floor: X.T @ y", "fracridge": "fracridge, ten fractions without folds"} | {
    key + backend: label + backend.replace("@", ", ")
    for key, (label, *_) in MODELS.items()
    for backend in (("", TORCH) if key.startswith("himalaya") else ("",))
}
SECTIONS = {
    "Arrays in memory": "float32, 10 alphas, 5 folds, an intercept. MB added is the peak during the fit beyond what was resident before "
    "it, without X, y and the weights that the model keeps; memory of a GPU is not in it. C fits and predicts 200 new rows. Same alpha "
    "is the share of targets, and difference the relative one of the coefficients of these (C: predictions), against himalaya RidgeCV "
    "(C: KernelRidgeCV); its faster backend, NumPy or torch, is what x himalaya is held to. gcv and "
    "loo compare alphas by another loss than folds do: in brackets, loo against scikit-learn.",
    "Responses from a file": f"X is {DISK} in memory, y int16 in HDF5, read after the system was asked to forget it. Seconds for "
    f"{ALL_TARGETS:,} targets: those of a fit to {CHUNK} targets, and the rest in proportion.",
}
LOAD = "Load is the load average before a fit: where it is above the threads used here, other work was running beside it."


def features(rng: np.random.Generator, n_rows: int, n_features: int) -> np.ndarray:
    """Without a copy on the way: a fit could hide beneath its peak in memory."""
    X = np.empty((n_rows, n_features), np.float32)
    rng.standard_normal(out=X, dtype=np.float32)
    X *= np.arange(1, n_features + 1, dtype=np.float32) ** -0.5
    return X


def tiles_of_targets(rng: np.random.Generator, X: np.ndarray, n_targets: int, width: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Unit variance, and a share of signal between 0 and 0.9."""
    share = rng.permutation(np.linspace(0, 0.9, n_targets, dtype=np.float32))
    variance = 1 / np.arange(1, X.shape[1] + 1, dtype=np.float32)
    for start in range(0, n_targets, width):
        columns = slice(start, min(start + width, n_targets))
        w = rng.standard_normal((X.shape[1], columns.stop - start), dtype=np.float32)
        w *= np.sqrt(share[columns] / (variance @ w**2))
        y = rng.standard_normal((len(X), w.shape[1]), dtype=np.float32)
        y *= np.sqrt(1 - share[columns])
        y += X @ w
        yield columns, y


def peak() -> int:
    """Most bytes resident so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def fit(method: str, X: np.ndarray, y: np.ndarray) -> Any:
    if method == "floor":
        return X.T @ y
    if method == "fracridge":
        return import_module("fracridge").fracridge(X - X.mean(axis=0), y - y.mean(axis=0), np.arange(1, 11) / 10)[0]
    key, _, device = method.partition("@")
    if key.startswith("himalaya"):
        import_module("himalaya.backend").set_backend(device or "numpy")
    recortex = "", "recortex.linear", "RidgeCV", {**FOLDS, "selection": key, "device": device or None}
    _, module, name, words = MODELS.get(key, recortex)
    return getattr(import_module(module), name)(ALPHAS, **words).fit(X, y)


def fit_case(case: str, method: str, shape: list[int], folder: str) -> dict[str, Any]:
    if method == "fracridge" and find_spec("fracridge") is None:
        return {"words": "not installed"}
    n_rows, n_features, n_targets = shape
    rng = np.random.default_rng(0)
    everything = features(rng, n_rows + NEW_ROWS[case], n_features)
    X, new = everything[:n_rows], everything[n_rows:]
    y = np.empty((n_rows, n_targets), np.float32)
    for columns, tile in tiles_of_targets(rng, X, n_targets, CHUNK):
        y[:, columns] = tile
    del tile
    fit(method, X[:50, :8].copy(), y[:50, :4].copy())  # imports, and what libraries do once
    gc.collect()
    before, peak_before = psutil.Process().memory_info().rss, peak()
    start = time.perf_counter()
    model = fit(method, X, y)
    no_model = isinstance(model, np.ndarray)
    predictions = np.asarray(model.predict(new)) if len(new) and not no_model else None
    seconds, top = time.perf_counter() - start, peak()
    has_coef = not no_model and ("coef_" in vars(model) or getattr(model, "solver_", "") == "primal")
    kept = model if no_model else np.asarray(model.coef_ if has_coef else model.dual_coef_)
    found: dict[str, Any] = {"seconds": seconds, "added": max(0, top - before - kept.nbytes), "at_most": top == peak_before}
    if no_model:
        return found
    alphas = np.asarray(model.alpha_ if method == "scikit-learn" else model.best_alphas_)
    places = np.abs(np.log(alphas)[:, None] - np.log(ALPHAS)).argmin(axis=1)
    values = predictions
    if values is None:  # coefficients, (feature, target)
        kernel, across = method.startswith("himalaya-kernel"), method.startswith("himalaya")
        values = X.T @ np.asarray(model.dual_coef_) if kernel else np.asarray(model.coef_) if across else model.coef_.T
    np.savez(f"{folder}/{method}.npz", places=places, values=values)
    for key, other in (("reference", REFERENCES[case]), ("scikit-learn", "scikit-learn")):
        if other != method and Path(folder, f"{other}.npz").exists():
            known = np.load(f"{folder}/{other}.npz")
            same = places == known["places"]
            theirs = known["values"][:, same]
            found[key] = float(same.mean()), float(np.linalg.norm(values[:, same] - theirs) / np.linalg.norm(theirs))
    return found


def disk_floor(path: str, chunked: bool, targets: int) -> dict[str, Any]:
    """Make the file, and read it once."""
    rng = np.random.default_rng(0)
    X = features(rng, *DISK)
    with h5py.File(path, "w") as file:
        y = file.create_dataset("y", (len(X), targets), "i2", chunks=(len(X), min(CHUNK, targets)) if chunked else None)
        y.attrs["scale_factor"] = 1e-3
        for columns, tile in tiles_of_targets(rng, X, targets, 1024):
            y[:, columns] = np.rint(tile * 1000)
    forget(path)
    reading, start = 0.0, time.perf_counter()
    with h5py.File(path) as file:
        for first in range(0, targets, 2048):
            begun = time.perf_counter()
            tile = file["y"][:, first : first + 2048].astype(np.float32)
            reading += time.perf_counter() - begun
            X.T @ tile
    return {"seconds": time.perf_counter() - start, "reading": reading, "fixed": 0.0, "peak": peak()}


def disk_fit(path: str, selection: str, memory_limit: int) -> dict[str, Any]:
    from recortex.linear import RidgeCV

    X = features(np.random.default_rng(0), *DISK)
    model = RidgeCV(ALPHAS, 5, selection=selection, memory_limit=memory_limit)
    forget(path)
    with h5py.File(path) as file:
        start = time.perf_counter()
        model.fit(X, file["y"])
        seconds, top = time.perf_counter() - start, peak()
        few = file["y"][:, :CHUNK].astype(np.float32)
    start = time.perf_counter()
    model.fit(X, few)
    return {"seconds": seconds, "fixed": min(seconds, time.perf_counter() - start), "peak": top}


def forget(path: str) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def child(task: str, limit: float, **words: Any) -> dict[str, Any]:
    """Run one of the functions above in a fresh process: what it found, or `words` for what came instead."""
    load = f"{os.getloadavg()[0]:.1f}"
    command = [sys.executable, __file__, "--child", json.dumps({"task": task, **words})]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"words": f"> {limit:g} s", "load": load}
    last = (done.stderr.strip().splitlines() or [""])[-1][:100].replace("|", "/")
    found = {"words": f"ended with {done.returncode}: {last}"} if done.returncode else json.loads(done.stdout.splitlines()[-1])
    return {**found, "load": load}


def row(*cells: Any) -> str:
    """A line of a table, printed as soon as it is known; None where nothing is."""
    line = "| " + " | ".join("–" if cell is None else str(cell) for cell in cells) + " |"
    print(line, flush=True)
    return line


def in_memory(options: argparse.Namespace) -> Iterator[str]:
    cuda = subprocess.run([sys.executable, "-c", "import torch; assert torch.cuda.is_available()"], capture_output=True)
    devices = ("", "@cpu") if cuda.returncode else ("", "@cpu", "@cuda")
    every = [*LABELS, *(selection + device for selection in SELECTIONS for device in devices)]
    methods = options.methods.split(",") if options.methods else every
    if unknown := set(methods) - set(every):
        raise SystemExit(f"--methods knows {', '.join(every)}; got {', '.join(unknown)}")
    yield row("case", "method", "seconds", "x floor", "x himalaya", "MB added", "same alpha", "difference", "load")
    yield row("---", "---", *["---:"] * 7)
    for case in options.cases.split(","):
        n_rows, n_features, n_targets = CASES[case]
        shape = int(n_rows * options.scale), n_features, int(n_targets * options.scale)
        taken: dict[str, float] = {}
        with tempfile.TemporaryDirectory() as folder:
            held_to = [REFERENCES[case] + backend for backend in ("", TORCH)]
            for method in sorted(methods, key=["floor", *held_to, *every].index):  # what others are held to comes first
                words = {"case": case, "method": method, "shape": shape, "folder": folder}
                tries = [child("fit_case", options.limit, **words)]
                while "words" not in tries[-1] and len(tries) < options.repeats:
                    tries.append(child("fit_case", options.limit, **words))
                got = min(tries, key=lambda found: found.get("seconds", np.inf))
                cells: list[Any] = [got.get("words"), None, None, None, None, None]
                if "words" not in got:
                    taken[method] = seconds = got["seconds"]
                    floor = [taken["floor"]] if "floor" in taken else []
                    reached = [] if method in held_to else [taken[key] for key in held_to if key in taken]
                    ratios = [f"{seconds / min(bases):.2f}" if bases else None for bases in (floor, reached)]
                    added = ("<= " if got["at_most"] else "") + f"{got['added'] / 1e6:.0f}"
                    cells = [f"{seconds:.2f}", *ratios, added, None, None]
                    if "reference" in got:
                        cells[-2:] = f"{got['reference'][0]:.2%}", f"{got['reference'][1]:.1e}"
                    if method.startswith("loo") and "scikit-learn" in got:
                        cells[-2] = f"{cells[-2]} ({got['scikit-learn'][0]:.2%})"
                label = LABELS.get(method) or f"recortex {method.replace('@', ', torch on ')}"
                yield row(f"{case} {shape}", label, *cells, got["load"])


def from_disk(options: argparse.Namespace) -> Iterator[str]:
    yield row("y in the file", "method", "seconds", "x floor", f"seconds for {ALL_TARGETS:,} targets", "peak MB in all", "load")
    yield row("---", "---", *["---:"] * 5)
    for layout, chunked in ((f"chunks of ({DISK[0]}, {CHUNK})", True), ("contiguous, row after row", False)):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/y.h5"
            floor = got = child("disk_floor", options.limit, path=path, chunked=chunked, targets=options.targets)
            for selection in (None, "kfold", "gcv+kfold"):
                if selection:
                    words = {"path": path, "selection": selection, "memory_limit": options.memory_limit * 10**6}
                    got = child("disk_fit", options.limit, **words)
                cells: list[Any] = [got.get("words"), None, None, None]
                label = f"recortex {selection}" if selection else "floor: read by columns, and X.T @ y"
                if "words" not in got:
                    all_targets = got["fixed"] + (got["seconds"] - got["fixed"]) * ALL_TARGETS / options.targets
                    label += f" ({got['reading']:.2f} s to read)" if "reading" in got else ""
                    cells = [f"{value:.2f}" for value in (got["seconds"], got["seconds"] / floor["seconds"], all_targets)]
                    cells.append(f"{got['peak'] / 1e6:.0f}")
                yield row(layout, label, *cells, got["load"])
                if "words" in floor:
                    break  # there is no file


def machine() -> str:
    blas = next(info for info in threadpool_info() if info["user_api"] == "blas")
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "himalaya", "scikit-learn", "torch", "recortex"))
    memory = f"{psutil.virtual_memory().total / 2**30:.0f} GiB of memory"
    threads = f"{blas['internal_api']} {blas['version']} with {blas['num_threads']} thread(s)"
    names = (
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    )
    processor = next(names, platform.machine())  # whose it is decides how fast torch's MKL is
    return f"{time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores ({processor}), {memory}, {threads}; {packages}."


def write(title: str, lines: list[str]) -> None:
    """Replace one section of the results and leave the others."""
    known = RESULTS.read_text().split("\n## ")[1:] if RESULTS.exists() else []
    kept = [section.strip() for section in known if not section.startswith(f"{title}\n")]
    made = "\n\n".join([title, machine(), f"{SECTIONS[title]} {LOAD}", "\n".join(lines)])
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("# Cross-validated ridge\n" + "".join(f"\n## {section}\n" for section in sorted([*kept, made])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="A,B,C")
    parser.add_argument("--methods", help="some of the lines, as in floor,himalaya,kfold,gcv+kfold@cpu")
    parser.add_argument("--scale", type=float, default=1.0, help="of rows and targets")
    parser.add_argument("--repeats", type=int, default=1, help="the fastest counts")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for one process, with making its data")
    parser.add_argument("--disk", action="store_true")
    parser.add_argument("--targets", type=int, default=100_000, help="with --disk")
    parser.add_argument("--memory-limit", type=int, default=500, help="MB, with --disk")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        warnings.filterwarnings("ignore")
        print(json.dumps(globals()[options.child.pop("task")](**options.child)))
    else:
        print(machine(), flush=True)
        lines = list(from_disk(options) if options.disk else in_memory(options))
        if options.write:
            write(list(SECTIONS)[options.disk], lines)


if __name__ == "__main__":
    main()
