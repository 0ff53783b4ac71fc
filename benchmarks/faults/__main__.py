"""Whether recortex survives kills, signals, full disks, many writers and damage.

`python benchmarks/faults [kills|signals|disks|writers|damage ...]` prints a table of what was tried and what was survived, and every
failure with the name of its trial; it exits with 1 if there was one. Everything is drawn from --seed, as far as timing allows. An
hour and a half for all on an idle machine; --trials scales it. A busy machine is slow to heed Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.damaged_runs import damage
from faults.disks import disks
from faults.kills import kills, signals
from faults.runs import scratch
from faults.tally import Tally
from faults.writers import writers

KINDS = {"kills": kills, "signals": signals, "disks": disks, "writers": writers, "damage": damage}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python benchmarks/faults", description=__doc__.split("\n")[0])
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="all, unless some are named")
    parser.add_argument("--trials", type=int, default=100, help="kills; the other kinds scale with it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="a trial, or the beginning of the names of some")
    asked = parser.parse_args()
    tally = Tally(asked.seed, asked.only)
    with scratch() as folder:
        for kind in asked.kinds or KINDS:
            KINDS[kind](tally, asked.trials, folder / kind)
    print(tally.table())
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
