"""Freed memory stays with a process that asks for it, and no more of it is used."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest

STEPS = """
import json, resource, sys
import torch
from torch import nn
torch.set_num_threads(1)
if sys.argv[1] == "kept":
    from recortex.pretraining._memory import keep_freed_memory
    assert keep_freed_memory()
network = nn.Sequential(*[nn.Sequential(nn.Conv2d(48, 48, 3, padding=1), nn.GroupNorm(8, 48), nn.SiLU()) for _ in range(24)])
picture = torch.randn(32, 48, 16, 16)
def step():
    network(picture).square().mean().backward()
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    step()
after = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([after.ru_minflt - before, after.ru_maxrss]))
"""


def faults_and_peak(how: str) -> tuple[int, int]:
    said = subprocess.run([sys.executable, "-c", STEPS, how], capture_output=True, text=True, check=True).stdout
    faults, peak = json.loads(said)
    return faults, peak


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_steps_of_a_training_fetch_no_memory_anew() -> None:
    (as_usual, usual_peak), (kept, peak) = faults_and_peak("usual"), faults_and_peak("kept")
    assert as_usual > 1000  # pages of 4 kB: else there is nothing to be gained here
    assert kept < as_usual / 10
    assert peak < 1.2 * usual_peak
