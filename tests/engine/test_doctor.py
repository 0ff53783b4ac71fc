"""`recortex doctor` as a person meets it: whole runs, here and where things are broken, in a terminal and as JSON."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console

from recortex.cli.doctor import as_json, examination, print_findings
from recortex.cli.doctor.examination import Scope
from recortex.cli.doctor.finding import SUBJECTS, Finding, note, number, ok, one_line, problem, size
from recortex.cli.doctor.printed import masked
from tests.engine.findings import checked
from tests.engine.stages import Numbers

PROGRAM = Path(sys.executable).parent / "recortex"
FINDINGS = [
    ok("python", "Python 3.12.1"),
    note("gpu", "torch is built for CUDA 12.6; this machine has no NVIDIA driver: everything runs on the CPU", "nvidia-smi"),
    problem("cache", "nothing can be written to /cache", "export RECORTEX_CACHE=/home/ada/" + "very-long-" * 12 + "name"),
    ok("cache", "no results yet"),
]


def doctor(tmp_path: Path, **env: str) -> list[Finding]:
    """What the command tells, with a home of its own and a hub that is a closed port."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    apart = {"HOME": str(home), "HF_ENDPOINT": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1", "LD_LIBRARY_PATH": ""}
    environment = {**os.environ, **apart, **env}
    for name in ("XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE"):
        environment.pop(name, None)
    done = subprocess.run([PROGRAM, "doctor", "--json"], capture_output=True, text=True, timeout=300, cwd=home, env=environment)
    assert done.stderr == ""
    report = json.loads(done.stdout)
    found = [Finding(**finding) for finding in report["findings"]]
    assert report["problems"] == sum(finding.state == "problem" for finding in found)
    assert done.returncode == (1 if report["problems"] else 0)
    return list(checked(found))


def test_a_whole_run_tells_of_every_subject_without_names(tmp_path: Path) -> None:
    Numbers().run()
    found = doctor(tmp_path, LOGNAME="ada", RECORTEX_MIRROR=str(tmp_path / "home" / "ada" / "mirror"))
    assert {finding.subject for finding in found} == set(SUBJECTS)
    assert [SUBJECTS.index(finding.subject) for finding in found] == sorted(SUBJECTS.index(finding.subject) for finding in found)
    assert any(finding.what.startswith("its cache ~/.cache/huggingface") for finding in found)
    assert any(finding.what.startswith("127.0.0.1:9 cannot be reached") for finding in found)
    assert any(finding.what.startswith("RECORTEX_MIRROR names ~/USER/mirror,") for finding in found)
    assert any("1 result" in finding.what for finding in found if finding.subject == "cache")
    assert str(tmp_path / "home") not in " ".join(finding.what + finding.remedy for finding in found)


def test_a_broken_environment_is_told_with_its_remedies(tmp_path: Path, own_folders: Path) -> None:
    about = tmp_path / "front" / "torchaudio-2.1.0+cu118.dist-info" / "METADATA"
    about.parent.mkdir(parents=True)
    about.write_text("Metadata-Version: 2.1\nName: torchaudio\nVersion: 2.1.0+cu118\nRequires-Dist: torch==2.1.0\n")
    front = tmp_path / "front"
    (front / "torch").mkdir()
    (front / "torch" / "__init__.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    Numbers().run().path.chmod(0o644)
    os.truncate(Numbers().run().path, 300)
    found = [one for one in doctor(tmp_path, PYTHONPATH=str(front), RECORTEX_DATA=__file__) if one.state == "problem"]
    remedies = {"torchaudio 2.1.0": "uninstall torchaudio", "SIGSEGV": "install --force-reinstall torch"}
    remedies |= {"damaged": "recortex run", "is a file": "RECORTEX_DATA"}
    for words, remedy in remedies.items():
        (told,) = [finding for finding in found if words in finding.what]
        assert remedy in told.remedy
    assert not list(own_folders.rglob("*.damaged"))


def test_a_numpy_that_cannot_be_imported_is_told_first(tmp_path: Path) -> None:
    front = tmp_path / "front" / "numpy"
    front.mkdir(parents=True)
    (front / "__init__.py").write_text("raise ImportError('libopenblas.so.0: cannot open shared object file')")
    found = doctor(tmp_path, PYTHONPATH=str(front.parent))
    assert {finding.subject for finding in found} == {"python", "packages"}
    assert "NumPy cannot be imported: libopenblas" in found[0].what
    assert "install --force-reinstall --no-deps numpy" in found[0].remedy
    assert any("PYTHONPATH" in finding.what for finding in found)


def test_a_subject_that_fails_or_hangs_becomes_a_finding() -> None:
    release = threading.Event()

    def fails(scope: Scope) -> list[Finding]:
        raise ZeroDivisionError("by zero")

    def lacks(scope: Scope) -> list[Finding]:
        raise ImportError("libfoo")

    def hangs(scope: Scope) -> list[Finding]:
        release.wait(60)
        return []

    each = {"site": lambda scope: [ok("site", "fine")], "hub": fails, "cores": lacks, "disk": hangs}
    patience_s = dict.fromkeys(each, 30.0) | {"disk": 0.2}
    found = {finding.subject: finding for finding in checked(examination.side_by_side(each, Scope(), patience_s))}
    release.set()
    assert list(found) == ["cores", "hub", "disk", "site"]
    assert [finding.state for finding in found.values()] == ["problem", "note", "problem", "ok"]
    assert "ZeroDivisionError: by zero" in found["hub"].what
    assert "no answer within" in found["disk"].what


def printed(findings: list[Finding], width: int) -> list[str]:
    file = io.StringIO()
    print_findings(findings, 1.0, Console(file=file, width=width, force_terminal=True, color_system=None))
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 130])
def test_lines_fit_the_terminal_and_remedies_are_never_broken(width: int) -> None:
    lines = printed(FINDINGS, width)
    remedies = [finding.remedy for finding in FINDINGS if finding.remedy]
    assert all(any(line.endswith(f"do       {remedy}") for line in lines) for remedy in remedies)
    others = [line for line in lines if not any(line.endswith(remedy) for remedy in remedies)]
    assert max(map(len, others)) <= min(width, 118)
    assert sum("cache " in line[:10] for line in lines) == 1  # a subject is named once
    assert lines[-2].startswith("1 problem, 1 note")


def test_a_version_stays_beside_its_name_and_a_unit_beside_its_number() -> None:
    told = ok("packages", ", ".join(f"package {number}.{number} takes {number} MB" for number in range(40)))
    for width in range(60, 90):
        assert not any(line[19:].startswith(tuple("0123456789M")) for line in printed([told], width)[:-2])


def test_a_terminal_of_another_alphabet_gets_its_lines_too() -> None:
    console_text = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_findings([note("hub", "cut off…", "ls")], 1.0, Console(file=console_text, width=80))
    console_text.flush()
    assert b"cut off?" in console_text.buffer.getvalue()  # type: ignore[attr-defined]


def test_json_counts_and_hides_homes_and_names() -> None:
    report = json.loads(as_json(FINDINGS))
    assert (report["problems"], report["notes"], len(report["findings"])) == (1, 1, 4)
    told = masked("export X='/home/ada/x' /home/ada and /scratch/ada/y, not /scratch/adam /home/adam", {"/home/ada"}, "ada")
    assert told == "export X='~/x' ~ and /scratch/USER/y, not /scratch/adam /home/adam"


def test_a_finding_is_one_line_with_a_remedy_where_it_needs_one() -> None:
    for state, *words in (
        ("note", "hub", "something"),
        ("ok", "hub", "fine", "ls"),
        ("ok", "sun", "fine"),
        ("ok", "hub", "a\nb"),
    ):
        with pytest.raises(ValueError, match=r"remedy|one line"):
            Finding(state, *words)  # type: ignore[arg-type]
    assert one_line("a\n  b" + "c" * 300, 10) == "a bcccccc…"
    assert [size(count) for count in (999, 4_300_000, 10**11, 2 * 10**15)] == ["999 B", "4.3 MB", "100 GB", "2000.0 TB"]
    assert [number(count, "core") for count in (0, 1)] == ["0 cores", "1 core"]
