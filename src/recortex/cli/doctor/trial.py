"""Packages imported and GPUs tried in a process of its own: what crashes or hangs does so there.

It prints a line of JSON before and after each step, so that `attempt`, which starts it, knows which one it did not come back from.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

FOUNDATIONS = ("numpy", "torch")
MARK = "recortex-trial "
DEVICES, OPERATORS = "devices", "torchvision.operators"
# what is imported lazily shows its faults only when a name is asked for
NAMES = {"transformers": "AutoProcessor", "diffusers": "UNet2DConditionModel"}
KILLED = "it crashed (SIGKILL)"
LATE = "it was not done within"


class Step(NamedTuple):
    """An import, or the trial of the devices, and how it ended."""

    name: str
    error: str = ""
    through: Sequence[str] = ()  # those of the torch family whose files the error came through
    seconds: float = 0.0
    found: Any = None


def attempt(modules: Sequence[str], patience_s: float) -> list[Step]:
    """Import modules in another process; after a crash, the rest in a third."""
    command = (sys.executable, "-P", "-m", "recortex.cli.doctor.trial")
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    deadline = time.monotonic() + patience_s
    steps: list[Step] = []
    todo = list(modules)
    while todo:
        patience_s = max(deadline - time.monotonic(), 1.0)
        try:
            # in a folder that is there, whatever became of the current one
            done = subprocess.run([*command, *todo], capture_output=True, cwd="/", env=environment, timeout=patience_s)
            output, ending = done.stdout, f"it ended Python with code {done.returncode}" if done.returncode else ""
            if done.returncode < 0:
                ending = f"it crashed ({signal.Signals(-done.returncode).name})"
        except subprocess.TimeoutExpired as late:
            output, ending = late.stdout or b"", f"{LATE} {patience_s:.0f} s"
        new = parse(output.decode("utf-8", "replace"), ending, todo[0])
        steps += new
        if not ending or ending.startswith(LATE) or not new or any(step.error for step in new if step.name in FOUNDATIONS):
            break
        todo = [module for module in todo if module not in {step.name for step in steps}]
    return steps


def parse(output: str, ending: str, first: str) -> list[Step]:
    """What the process told before it ended; where it ended before it told anything, the first step gets the blame."""
    steps, begun = [], first
    for line in output.splitlines():
        if line.startswith(MARK):
            words = json.loads(line.removeprefix(MARK))
            begun = words.pop("begins", "")
            steps += [Step(**words)] if words else []
    return [*steps, Step(begun, ending)] if ending and begun else steps


def main(modules: Sequence[str]) -> None:
    """Import modules one after the other; after torch, try its devices."""
    for module in modules:
        done = _step(module)
        if module in FOUNDATIONS and not done:
            return  # what stands on it fails too, and would hide it
        if module == "torch":
            _step(DEVICES)


def _step(name: str) -> bool:
    _tell(begins=name)
    start = time.perf_counter()
    error, through, found = "", [], None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = {DEVICES: devices, OPERATORS: operators}.get(name, partial(_import, name))()
    except BaseException as failure:  # some packages exit when they are imported
        chain = "".join(traceback.format_exception(failure))
        through = [one for one in ("torch", "torchvision", "torchaudio") if f"/{one}/" in chain]
        while failure.__cause__ is not None:  # packages that import lazily wrap what went wrong, twice or more
            failure = failure.__cause__
        error = f"{type(failure).__name__}: {' '.join(str(failure).split())[:400]}"
    _tell(name=name, error=error, through=through, seconds=round(time.perf_counter() - start, 2), found=found)
    return not error


def _tell(**words: Any) -> None:
    print(f"\n{MARK}{json.dumps(words)}", flush=True)


def _import(name: str) -> Any:
    module = import_module(name)
    if name in NAMES:
        getattr(module, NAMES[name])


def operators() -> Any:
    """Load torchvision's compiled operators; its own import takes long, and since 0.29 says nothing where that fails."""
    import torch

    spec = find_spec("torchvision")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        for file in sorted(Path(folder).glob("_C*.so")):
            torch.ops.load_library(str(file))
    if not hasattr(torch.ops.torchvision, "nms"):
        raise ImportError("its compiled operators are not there")


def devices() -> dict[str, Any]:
    """What torch says of GPUs, and whether each one computes."""
    import torch

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = [_device(torch, number) for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    return {"built": built, "devices": found, "said": [str(one.message) for one in caught]}


def _device(torch: Any, number: int) -> dict[str, Any]:
    try:
        free, total = torch.cuda.mem_get_info(number)
        values = torch.arange(4, dtype=torch.float32, device=f"cuda:{number}")
        error = "" if float((values @ values).item()) == 14.0 else "it computes wrong numbers"
    except Exception as failure:
        free, total, error = 0, 0, " ".join(str(failure).split())[:300]
    return {"name": torch.cuda.get_device_name(number), "error": error, "free": free, "total": total}


if __name__ == "__main__":
    main(sys.argv[1:])
