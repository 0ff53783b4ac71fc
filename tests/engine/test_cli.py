"""The command line, as a person meets it: commands, one line for a mistake, and nothing heavy before it is needed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).parent / "recortex"
HEAVY = (
    "torch",
    "torchvision",
    "sklearn",
    "skimage",
    "nilearn",
    "nibabel",
    "mne",
    "xarray",
    "pandas",
    "matplotlib",
    "distributed",
)

TINY = """
digits: {type: HandwrittenDigits, count: 40}
brain:  {type: PlantedUnits, stimuli: digits, units: 12, repeats: average}
pixels: {type: Pixels, stimuli: digits}
encoder: {type: RidgeEncoder, brain: brain, features: pixels}
scores: {type: EncodingScores, encoder: encoder, permutations: 0, resamples: 10}
"""


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY)


def recortex(*words: str, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=120, env=os.environ | env)


def said(*words: str) -> str:
    """What a command that works prints."""
    done = recortex(*words)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def complaint(*words: str, code: int = 2) -> str:
    """The one line of a command that cannot work."""
    done = recortex(*words)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.strip()


# heavy imports wait


def loaded(program: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split("\n")[-2].split()) if done.stdout else set()


TELL = "import sys; print(*[name for name in sys.modules if '.' not in name])"


def test_help_is_quick() -> None:
    recortex("--help")  # compiled once
    start = time.monotonic()
    text = said("--help")
    assert time.monotonic() - start < 2  # generous: other tests run beside this one; benchmarks/ measures it
    for command in ("new", "plan", "run", "show", "list", "fetch", "cache"):
        assert command in text


@pytest.mark.parametrize(
    "program",
    [
        "import recortex",
        "import recortex.stage, recortex.catalog, recortex.pipeline.run",
        "import recortex; recortex.RidgeEncoder",
        "import sys; sys.argv = ['recortex', '--help']\nfrom recortex.cli.main import main\nmain()",
        "import sys; sys.argv = ['recortex', 'plan', 'tiny.yaml']\nfrom recortex.cli.main import main\nmain()",
    ],
    ids=["package", "engine", "a stage", "help", "plan"],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(program: str) -> None:
    assert loaded(program + "\n" + TELL).isdisjoint(HEAVY)


@pytest.mark.parametrize("module", ["stage", "store", "keys", "parts", "catalog", "errors", "pipeline.run", "pipeline.outputs"])
def test_any_module_can_be_the_first_to_be_imported(module: str) -> None:
    subprocess.run([sys.executable, "-c", f"import recortex.{module}"], check=True, timeout=60)


def test_every_stage_can_be_imported_from_the_package() -> None:
    import recortex
    from recortex import catalog

    for name in catalog.STAGES:
        assert getattr(recortex, name).__name__ == name
        assert name in dir(recortex)
    with pytest.raises(AttributeError, match="recortex has no RigdeEncoder; did you mean RidgeEncoder"):
        recortex.RigdeEncoder  # noqa: B018


# mistakes


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["plan", "tinny.yaml"], "InvalidInput: there is no pipeline file tinny.yaml"),
        (["plan", "tiny"], "; did you mean tiny.yaml?"),
        (["run", "frist_light"], "; did you mean first_light?"),
        (["plan", "."], "InvalidInput: . is a folder, not a pipeline file"),
        (
            ["run", "tiny.yaml", "--set", "scores.type=EncodingScore"],
            "there is no stage EncodingScore; did you mean EncodingScores?",
        ),
        (["run", "tiny.yaml", "--set", "brain.unit=3"], "brain: PlantedUnits has no field unit; did you mean units?"),
        (["run", "tiny.yaml", "--set", "pixels.stimuli=digit"], "pixels.stimuli: there is no entry digit; did you mean digits?"),
        (["run", "tiny.yaml", "--set", "brian.units=3"], "--set: there is no entry brian; did you mean brain?"),
        (
            ["run", "tiny.yaml", "--set", "encoder.brain=digits"],
            "encoder.brain needs an entry of kind Responses; digits is a HandwrittenDigits",
        ),
        (["run", "tiny.yaml", "--set", "brain.units"], "write it as ENTRY.FIELD=VALUE"),
        (["run", "tiny.yaml", "--each", "brain.units=3,3"], "the value 3 stands twice"),
        (["run", "tiny.yaml", "--overlay", "nothing.yaml"], "there is no file nothing.yaml"),
        (["run", "tiny.yaml", "--site", "slrum"], "there is no site file slrum; did you mean slurm?"),
        (["run", "tiny.yaml", "--site", "tiny.yaml"], "tiny.yaml is not a site file: it has none of cluster, workers"),
        (["run", "tiny.yaml", "--workers", "two"], "InvalidInput: --workers must be a whole number of 0 or more, got two"),
        (["run", "tiny.yaml", "--workers", "-1"], "InvalidInput: --workers must be a whole number of 0 or more, got -1"),
        (["run", "tiny.yaml", "--set", "encoder.alphas=[1,10"], "--set encoder.alphas=[1,10: the [ is not closed"),
        (
            ["plan", "my", "tiny.yaml"],
            "recortex plan takes one name, and not tiny.yaml too; run it once for each, and put a name with",
        ),
        (["fetch", "a", "b", "c"], "recortex fetch takes one name, and not b c too; run it once for each"),
        (["cache", "list", "x"], "recortex cache list takes no name; leave out x"),
        (["cache", "list", "--cache", "nowhere"], "/nowhere; name its folder with --cache FOLDER or RECORTEX_CACHE"),
        (["cache", "clear", "--yes", "--cache", "nowhere"], "InvalidInput: there is no cache in "),
        (["cache", "prune", "--cache", "tiny.yaml"], "/tiny.yaml is a file, not a cache; name its folder with --cache"),
        (["plan", "tiny.yaml", "--cache", "tiny.yaml"], "/tiny.yaml is a file, and the cache needs a folder there; name another"),
        (["show", "tiny.yaml"], "tiny.yaml is a file; name the folder that `recortex run` wrote, as in outputs/first_light"),
        (["show", "outputs/nothing"], "there is no folder outputs/nothing"),
        (["list", "RigdeEncoder"], "there is no stage or dataset RigdeEncoder; did you mean RidgeEncoder?"),
        (["fetch", "digit69"], "there is no dataset digit69; did you mean digits69?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_gets_one_line_and_code_2(words: list[str], line: str) -> None:
    assert line in complaint(*words)


def test_a_mistake_with_debug_shows_where_it_came_from() -> None:
    done = recortex("run", "tiny.yaml", "--set", "brain.unit=3", "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "pipeline/build.py" in done.stderr
    assert "did you mean units?" in done.stderr.strip().split("\n")[-1]


def test_a_command_line_that_is_wrong_is_code_2_without_a_traceback() -> None:
    for words in (["rnu"], ["run"], ["run", "tiny.yaml", "--worker", "2"], ["run", "tiny.yaml", "--workers", "-1"]):
        done = recortex(*words)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_a_run_with_a_failed_stage_names_it_and_is_code_2() -> None:
    done = recortex("run", "tiny.yaml", "--set", "encoder.split=split", "--overlay", overlay("split: {type: KFold, by: block}\n"))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr + done.stdout
    assert "failed" in done.stdout
    assert "split: the trials have no column block" in done.stdout
    assert "skipped" in done.stdout
    assert "needs data audit of encoder, which failed" in done.stdout
    assert (Path("outputs") / "tiny" / "brain.h5").exists()
    page = (Path("outputs") / "tiny" / "report.html").read_text()
    assert "There are no scores; what failed is told below." in page and "No scores were asked for." not in page
    said = complaint("show", "outputs/tiny")
    assert said.endswith("add a score, as EncodingScores, or run it again to see what failed")


def test_stages_that_fail_for_one_reason_share_the_line_that_says_it() -> None:
    text = "split: {type: KFold, by: block}\nother: {type: RidgeEncoder, brain: brain, features: pixels, split: split, cv: 3}\n"
    done = recortex("run", "tiny.yaml", "--set", "encoder.split=split", "--overlay", overlay(text))
    lines = [line for line in done.stdout.splitlines() if "failed  " in line]
    assert len([line for line in lines if "the trials have no column block" in line]) == 2
    assert any(line.endswith("data audit of other: for the same reason as data audit of encoder") for line in lines)
    assert lines[-1].startswith("failed  data audit of encoder, NoiseCeiling of scores, data audit of other: split: ")


def test_a_failed_stage_with_debug_shows_where() -> None:
    file = overlay("split: {type: KFold, by: block}\n")
    done = recortex("run", "tiny.yaml", "--set", "encoder.split=split", "--overlay", file, "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["plain", "debug"])
def test_a_mistake_of_recortex_in_a_stage_is_code_1_as_one_outside(debug: list[str]) -> None:
    program = (
        "import sys\nfrom recortex.features.pixels import Pixels\n"
        "def broken(self): raise ZeroDivisionError('one')\nPixels.compute = broken\n"
        f"sys.argv = ['recortex', 'run', 'tiny.yaml', *{debug}]\nfrom recortex.cli.main import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    assert "failed  pixels: ZeroDivisionError: one (a mistake in recortex" in done.stdout
    assert ("Traceback" in done.stderr) == bool(debug)


def overlay(text: str) -> str:
    Path("over.yaml").write_text(text)
    return "over.yaml"


# commands


def test_list_names_every_stage_room_by_room() -> None:
    from recortex import catalog

    text = said("list")
    assert all(name in text for name in catalog.STAGES)
    assert all(room in text for room in {catalog.room(name) for name in catalog.STAGES})


def test_list_of_a_stage_tells_its_fields_defaults_and_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # so that no sentence is folded
    text = said("list", "RidgeEncoder")
    for word in ("brain", "features", "split", "alphas", "required"):
        assert word in text
    assert "does not change the result" in said("list", "TorchvisionNet")
    assert "As in every" not in text
    assert "One of none, training, unsupervised." in text
    assert "What is predicted." in text


def test_no_field_of_any_stage_sends_the_reader_elsewhere() -> None:
    from recortex import catalog
    from recortex.cli.listing import _choices, _meanings

    for name in catalog.STAGES:
        cls = catalog.find(name)
        meanings, besides = _meanings(cls)
        assert set(cls.model_fields) <= set(meanings), name
        assert not [text for text in (*meanings.values(), *besides) if text.startswith("As in ")], name
    assert _choices(catalog.find("EncodingScores").model_fields["null"].annotation) == ["refit", "quick"]
    assert _choices(catalog.find("RidgeEncoder").model_fields["cv"].annotation) == []


@pytest.mark.usefixtures("shared")
def test_list_of_datasets_tells_what_is_here() -> None:
    assert "digits69" in said("list", "datasets")
    assert "yes" in said("list", "datasets")


def test_a_plan_computes_nothing_and_writes_nothing() -> None:
    text = said("plan", "tiny.yaml")
    assert "8 to do" in text
    assert "licence" in text
    assert not (Path(os.environ["RECORTEX_CACHE"]) / "results").exists()
    assert not Path("outputs").exists()


def test_a_plan_says_how_to_get_what_is_missing() -> None:
    done = recortex("plan", "digits69")
    assert done.returncode == 2  # for scripts that plan before they submit
    assert "recortex fetch digits69" in done.stdout
    assert done.stderr == ""


def test_a_run_from_the_first_to_the_second_to_show_to_clear() -> None:
    text = said("run", "tiny.yaml")
    assert "ok" in text
    assert "report" in text
    audit = "scores: note: averaged_repeats; the report says what each means and what to do"
    assert f"audit   {audit}" in text
    folder = Path("outputs/tiny")
    assert {path.name for path in folder.iterdir()} == {
        "brain.h5",
        "digits.h5",
        "encoder.h5",
        "pixels.h5",
        "scores.h5",
        "pipeline.yaml",
        "report.html",
        "scores.csv",
    }
    results = Path(os.environ["RECORTEX_CACHE"]) / "results"
    before = {path: path.stat().st_mtime_ns for path in (*results.rglob("*.h5"), *folder.iterdir())}

    again = said("run", "tiny.yaml")
    assert "cached" in again
    assert {path: path.stat().st_mtime_ns for path in (*results.rglob("*.h5"), *folder.iterdir())} == before
    assert "8 cached, 0 to do" in said("plan", "tiny.yaml")
    assert "8 cached, 0 to do" in said("plan", str(folder / "pipeline.yaml"))

    shown = said("show", str(folder))
    assert f"audit     {audit}" in shown
    assert complaint("show", "outputs").endswith("outputs holds no scores.csv; name outputs/tiny")
    assert "unit_correlation" in shown
    assert "scores" in shown

    listed = said("cache", "list")
    assert "RidgeEncoder" in listed
    assert os.environ["RECORTEX_CACHE"] in listed
    said("cache", "prune")
    assert len(list(results.rglob("*.h5"))) == 8
    assert list(results.rglob("*.lock")) == []

    stopped = subprocess.run([PROGRAM, "cache", "clear"], input="n\n", capture_output=True, text=True, timeout=60)
    assert stopped.returncode == 130
    assert len(list(results.rglob("*.h5"))) == 8
    said("cache", "clear", "--yes")
    assert not results.exists()
    assert "8 to do" in said("plan", "tiny.yaml")


def test_a_result_of_the_last_stage_that_went_bad_is_made_again_by_a_run() -> None:
    from test_store import damage_array

    from recortex.store import Result

    said("run", "tiny.yaml")
    damage_array(Path("outputs/tiny/scores.h5").resolve(), "value")
    Path("outputs/tiny/report.html").unlink()
    Path("outputs/tiny/scores.csv").unlink()
    done = recortex("run", "tiny.yaml")
    assert done.returncode == 0, done.stderr
    assert Result(Path("outputs/tiny/scores.h5"))["value"].size
    assert Path("outputs/tiny/scores.csv").exists()


def test_caches_can_be_named_by_option_and_are_apart() -> None:
    said("run", "tiny.yaml", "--cache", "here")
    assert len(list(Path("here/results").rglob("*.h5"))) == 8
    assert "8 cached" in said("plan", "tiny.yaml", "--cache", "here")
    assert "0 cached" in said("plan", "tiny.yaml")


def test_branches_and_overlays_from_the_command_line() -> None:
    said("run", "tiny.yaml", "--each", "brain.seed=1,2", "--overlay", overlay("brain: {units: 6}\n"), "--outputs", "out")
    assert sorted(path.name for path in Path("out/tiny").iterdir() if path.is_dir()) == ["seed=1", "seed=2"]
    shown = said("show", "out/tiny")
    assert "group" in shown


def test_a_run_on_workers_from_the_command_line() -> None:
    said("run", "tiny.yaml", "--workers", "2")
    assert "8 cached, 0 to do" in said("plan", "tiny.yaml")


def test_output_to_a_file_has_no_control_characters() -> None:
    for words in (["run", "tiny.yaml"], ["list"], ["plan", "tiny.yaml"]):
        assert "\x1b" not in said(*words)
