"""How long a person waits before anything happens: help, import, and a pipeline that is done already.

`python benchmarks/start_up.py` prints a table: the median of five runs, and its ratio to starting Python with NumPy.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
SMALL = ["--set", "brain.units=60", "--set", "digits.count=100", "--set", "picture_scores.permutations=2"]


def seconds(*words: str, repeats: int = 5, **environment: str) -> float:
    """Median wall time of a command."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True, cwd=ROOT, env={**os.environ, **environment})
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def main() -> None:
    recortex = str(Path(sys.executable).with_name("recortex"))
    with tempfile.TemporaryDirectory() as folder:
        run = [
            recortex,
            "run",
            "pipelines/first_light.yaml",
            *SMALL,
            "--cache",
            f"{folder}/cache",
            "--outputs",
            f"{folder}/outputs",
        ]
        first = seconds(*run, repeats=1)
        floor = seconds(sys.executable, "-c", "import numpy")
        rows = {
            "python -c 'import numpy'": floor,
            "python -c 'import recortex'": seconds(sys.executable, "-c", "import recortex"),
            "recortex --help": seconds(recortex, "--help"),
            "recortex run, all cached": seconds(*run),
            "recortex run, nothing cached": first,
        }
    for name, taken in rows.items():
        print(f"{name:<32} {taken:6.2f} s   {taken / floor:6.1f} x")


if __name__ == "__main__":
    main()
