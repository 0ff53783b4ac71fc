"""What was tried, what was survived, and what was not."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Trials by kind; a failure carries the name by which its trial can be repeated."""

    seed: int = 0
    only: str = ""
    tried: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    notes: dict[str, dict[str, int]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def wanted(self, trial: str) -> bool:
        """Whether to do a trial: all, or those that `only` names."""
        return trial.startswith(self.only) or self.only.startswith(trial)

    def add(self, kind: str, trial: str, problems: list[str], count: int = 1, lost: int | None = None) -> None:
        """Count a trial, or `count` that are looked at together, `lost` of which (all, unless said) were not survived."""
        if count == 0 and not problems:
            return
        self.tried[kind] = self.tried.get(kind, 0) + count
        if problems:
            self.lost[kind] = self.lost.get(kind, 0) + (count if lost is None else lost)
            self.failures += [f"{kind} | {trial} --seed {self.seed} | {problem}" for problem in dict.fromkeys(problems)]
        said = f"FAILED  {problems[0][:160]}" if problems else "survived"
        print(f"{time.monotonic() - self.began:7.1f} s  {kind:<28} {trial:<32} {said}", flush=True)

    def note(self, kind: str, what: str, count: int = 1) -> None:
        """Count something worth telling that is no failure."""
        here = self.notes.setdefault(kind, {})
        here[what] = here.get(what, 0) + count

    def skip(self, kind: str, reason: str) -> None:
        """Say why a kind was not tried."""
        self.skipped[kind] = reason

    def table(self) -> str:
        """All of it."""
        width = max(map(len, [*self.tried, *self.skipped, "kind"])) + 2
        lines = ["", f"{'kind':<{width}}{'tried':>7}{'survived':>10}"]
        for kind, tried in self.tried.items():
            notes = ", ".join(f"{count} {what}" for what, count in sorted(self.notes.get(kind, {}).items()))
            lines.append(f"{kind:<{width}}{tried:>7}{tried - self.lost.get(kind, 0):>10}   {notes}".rstrip())
        lines += [f"{kind:<{width}}skipped: {reason}" for kind, reason in self.skipped.items()]
        if self.failures:
            lines += ["", "failures (kind | trial to repeat with --only | what was wrong)", *self.failures]
        return "\n".join(lines)
