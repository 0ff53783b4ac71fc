"""What the doctor says of Python, packages, torch, GPUs and the machine, from planted facts; and of imports that crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recortex.cli.doctor import machine, packages, pytorch
from recortex.cli.doctor.machine import NO_LIMITS, Share
from recortex.cli.doctor.packages import Environment, environment, installed, judge_needs, judge_python
from recortex.cli.doctor.pytorch import judge_gpu, judge_steps
from recortex.cli.doctor.trial import KILLED, LATE, MARK, Step, attempt, parse
from tests.engine.findings import ill, well

RECORTEX = ("numpy>=2.0", "torch>=2.4", 'dask-jobqueue>=0.9; extra == "cluster"', 'old; python_version < "3"')
CPU: dict[str, Any] = {"built": "CPU", "devices": [], "said": []}
CUDA = CPU | {"built": "CUDA 12.6"}
CARD = {"name": "NVIDIA H100", "error": "", "free": 78e9, "total": 80e9}
NOTHING = {"driver": "", "given": 0, "there": False, "hidden": False, "slurm": False}
HERE = NOTHING | {"driver": "560.35.03", "given": 1, "there": True}


@pytest.mark.parametrize(
    ("facts", "state", "what", "remedy"),
    [
        (("3.9.7", ">=3.11", "Linux", "UTF-8", ""), "problem", "needs Python >=3.11", "python=3.11"),
        (("3.12.1", ">=3.11", "Linux", "ANSI_X3.4-1968", ""), "note", "ANSI_X3.4-1968", "PYTHONUTF8=1"),
        (("3.12.1", ">=3.11", "Linux", "utf8", "/apps/python"), "note", "PYTHONPATH puts /apps/python", "unset PYTHONPATH"),
    ],
)
def test_a_python_that_does_not_fit(facts: tuple, state: str, what: str, remedy: str) -> None:
    ill(judge_python(*facts), state, what, remedy)
    well(judge_python("3.12.1", ">=3.11", "Linux", "UTF-8", ""), "Python 3.12.1")


def planted(folder: Path, **changes: str | tuple[str, ...]) -> Environment:
    """An environment of metadata; recortex, NumPy and torch are there unless said otherwise."""
    usual = {"recortex": ("0.1.0", *RECORTEX), "numpy": "2.1.0", "torch": "2.6.0"}
    for name, about in {**usual, **changes}.items():
        version, *needs = [about] if isinstance(about, str) else about
        if version:
            info = folder / f"{name}-{version}.dist-info"
            info.mkdir(parents=True)
            head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            (info / "METADATA").write_text(head + "".join(f"Requires-Dist: {need}\n" for need in needs))
    return installed([str(folder)])


def test_packages_that_are_recent_enough_are_listed_and_extras_are_optional(tmp_path: Path) -> None:
    found = judge_needs(planted(tmp_path / "a", dask_jobqueue="0.9.0", odd=("x.y", "torch (>=1.9.*)", "absent")))
    well(found, "numpy 2.1.0", "torch 2.6.0", "the extra cluster (SLURM jobs) is installed")
    well(judge_needs(planted(tmp_path / "b")), 'is not installed: pip install "recortex[cluster]"')


@pytest.mark.parametrize(
    ("changes", "state", "what", "remedy"),
    [
        ({"torch": ""}, "problem", "torch>=2.4 (it is missing)", "pip install 'torch>=2.4'"),
        ({"numpy": "1.26.4"}, "problem", "numpy>=2.0 (here is 1.26.4)", "pip install 'numpy>=2.0'"),
        ({"torch": ("2.6.0", "sympy<1.14"), "sympy": "1.14"}, "problem", "2.6.0 needs sympy<1.14, here is 1.14", "'sympy<1.14'"),
        ({"recortex": ""}, "problem", "recortex is not installed", "pip install -e ."),
    ],
)
def test_packages_that_do_not_agree(tmp_path: Path, changes: dict, state: str, what: str, remedy: str) -> None:
    ill(judge_needs(planted(tmp_path, **changes)), state, what, remedy)


def test_dask_and_slurm(tmp_path: Path) -> None:
    here = planted(tmp_path, distributed="2026.8.0")
    well([packages.judge_site(here, slurm=False)], "distributed 2026.8.0", "no SLURM")
    ill([packages.judge_site(here, slurm=True)], "note", "dask-jobqueue is not", "recortex[cluster]")


def test_builds_are_read_from_tags_and_from_version_files(tmp_path: Path) -> None:
    here = planted(tmp_path, torchvision="0.21.0+cpu", torchaudio=("2.6.0", "torch==2.6.0"))
    for name, tag in (("torch", "+cu126"), ("torchaudio", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "version.py").write_text(f"from typing import Optional\n__version__ = '2.6.0{tag}'\n")
    assert [pytorch.built_for(here[name]) for name in ("torch", "torchvision", "torchaudio")] == ["cu126", "cpu", ""]
    assert pytorch.misfits(here).keys() == {"torchvision"}
    assert pytorch.misfits(planted(tmp_path / "none", torch="", torchvision="0.21.0+cpu")) == {}


@pytest.mark.parametrize(
    ("changes", "state", "what", "remedy"),
    [
        ({"torchaudio": ("2.1.0", "torch==2.1.0")}, "problem", "torchaudio 2.1.0 and torch 2.6.0", "uninstall torchaudio"),
        ({"torchaudio": "2.6.0+cu118"}, "note", "torch is built for cu126, torchaudio for cu118", "uninstall torchaudio"),
        (
            {"torchaudio": "2.6.0+cu118", "braindecode": ("1.8.1", "torchaudio")},
            "note",
            "torchaudio for cu118",
            "--force-reinstall --index-url=https://download.pytorch.org/whl/cu126 torch torchvision torchaudio",
        ),
        (
            {"torchvision": ("0.20.0", "torch==2.5.0")},
            "problem",
            "it was built for torch ==2.5.0",
            "/whl/cu126 torch torchvision",
        ),
        ({"torchvision": "0.21.0+cpu"}, "note", "torch is built for cu126, torchvision for cpu", "/whl/cu126"),
        ({"torch": "2.6.0", "torchvision": ("0.20", "torch<2")}, "problem", "torch <2", "--force-reinstall torch torchvision"),
    ],
)
def test_builds_that_do_not_fit_are_told_once(tmp_path: Path, changes: dict, state: str, what: str, remedy: str) -> None:
    here = planted(tmp_path, **{"torch": "2.6.0+cu126", **changes})
    ill(judge_steps([], here, {}), state, what, remedy)
    well(judge_needs(here))
    name = next(name for name in ("torchaudio", "torchvision") if name in changes)
    ill(judge_steps([Step("transformers", "OSError: undefined symbol", (name,))], here, {}), "problem", what, remedy)


@pytest.mark.parametrize(
    ("step", "variables", "state", "what", "remedy"),
    [
        (
            Step("torch", "it crashed (SIGSEGV)"),
            {"LD_LIBRARY_PATH": "/cuda"},
            "problem",
            "LD_LIBRARY_PATH",
            "env -u LD_LIBRARY_PATH",
        ),
        (
            Step("torch", "it crashed (SIGSEGV)"),
            {},
            "problem",
            "loading torch fails: it crashed",
            "install --force-reinstall torch",
        ),
        (Step("torch", f"{LATE} 60 s"), {}, "note", "slow network disk", "--thorough"),
        (Step("torch", KILLED), {}, "problem", "lack of memory", "--mem"),
        (Step("numpy", "ImportError: no symbol"), {}, "problem", "loading numpy fails", "--no-deps numpy==2.1.0"),
        (Step("transformers", "RuntimeError: CUDA", ("torchaudio",)), {}, "problem", "transformers", "uninstall torchaudio"),
        (Step("torchvision.operators", "ImportError: gone"), {}, "problem", "operators fails", "torch torchvision"),
        (Step("devices", "RuntimeError: driver"), {}, "problem", "list of GPUs", "nvidia-smi"),
    ],
)
def test_imports_that_fail(tmp_path: Path, step: Step, variables: dict, state: str, what: str, remedy: str) -> None:
    here = planted(tmp_path)
    ill(judge_steps([step], here, variables), state, what, remedy)
    well(judge_steps([Step("torch", seconds=2.04), Step("h5py", seconds=0.02)], here, variables), "torch in 2.0 s, h5py")


def test_a_crash_is_told_and_the_rest_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = {
        "bad_one": "import os, signal\nprint('noise', end='')\nos.kill(os.getpid(), signal.SIGSEGV)\n",
        "bad_two": "raise SystemExit(3)",
        "bad_three": "try:\n    1 / 0\nexcept Exception as error:\n    raise ImportError('wrapped') from error\n",
        "good": "",
        "sleepy": "import time\ntime.sleep(600)\n",
        "torch": "raise ImportError('libcudart.so.13: cannot open shared object file')",
    }
    for name, body in bodies.items():
        (tmp_path / f"{name}.py").write_text(body)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    steps = {step.name: step.error for step in attempt(["bad_one", "bad_two", "bad_three", "good"], 60)}
    assert steps.pop("good") == ""
    assert "SIGSEGV" in steps["bad_one"] and "SystemExit" in steps["bad_two"] and "ZeroDivisionError" in steps["bad_three"]
    (failed,) = attempt(["torch", "good"], 60)  # nothing is tried on a foundation that fails
    assert failed.name == "torch" and "libcudart" in failed.error
    late = attempt(["good", "sleepy"], 1.5)
    assert [(step.name, step.error.startswith(LATE)) for step in late] == [("good", False), ("sleepy", True)]


def test_a_process_that_ends_before_it_speaks_is_told() -> None:
    assert parse("", "it ended Python with code 7", "torch") == [Step("torch", "it ended Python with code 7")]
    assert parse(f"x{MARK}\n{MARK}" + '{"begins": "torch"}', "", "numpy") == []


def test_this_environment_has_recortex_and_what_it_needs() -> None:
    assert environment().version("numpy")
    assert {need.name for need in environment()["recortex"].needs("cluster")} == {"dask-jobqueue"}
    assert {environment().version(pytorch.DISTRIBUTIONS.get(name, name)) != "" for name in pytorch.LARGE.split()} == {True}


def test_torch_and_cards_that_are_well() -> None:
    assert pytorch.cards().keys() == NOTHING.keys()
    well(judge_gpu(CUDA | {"devices": [CARD]}, **HERE), "NVIDIA H100", "78.0 GB of 80.0 GB")
    well(judge_gpu(CPU, **NOTHING), "CPU")
    well(judge_gpu(CUDA, **NOTHING), "no NVIDIA card")


@pytest.mark.parametrize(
    ("torch", "here", "state", "what", "remedy"),
    [
        (CUDA, NOTHING | {"there": True}, "note", "no driver for it: everything runs on the CPU", "nvidia-smi"),
        (CUDA, NOTHING | {"slurm": True}, "note", "jobs may have one", "srun --gres=gpu:1"),
        (CUDA, HERE | {"hidden": True}, "note", "CUDA_VISIBLE_DEVICES", "unset CUDA_VISIBLE_DEVICES"),
        (CUDA, HERE | {"given": 0}, "note", "given no card", "--nv"),
        (CUDA | {"said": ["driver is too old"]}, HERE, "problem", "560.35.03, and torch finds no card: driver is", "nvidia-smi"),
        (CPU, HERE, "note", "built for CPU: the card stays idle", "install --force-reinstall torch"),
        (CUDA | {"devices": [CARD | {"free": 1e9}]}, HERE, "note", "1.0 GB of 80.0 GB free", "nvidia-smi"),
        (CUDA | {"devices": [CARD | {"error": "ECC error"}]}, HERE, "problem", "ECC error", "nvidia-smi"),
        (
            CUDA | {"devices": [CARD | {"error": "no kernel image is available"}]},
            HERE,
            "problem",
            "no kernels",
            "--upgrade torch",
        ),
    ],
)
def test_a_card_that_cannot_be_used(torch: dict, here: dict, state: str, what: str, remedy: str) -> None:
    ill(judge_gpu(torch, **here), state, what, remedy)


@pytest.mark.parametrize(
    ("there", "allowed", "threads", "what", "remedy"),
    [
        (64, {"affinity": 64, "quota": 2.5}, 64, "BLAS (mkl) starts 64 threads", "OMP_NUM_THREADS=2"),
        (64, {"quota": None, "SLURM_CPUS_PER_TASK": 8}, 64, "SLURM_CPUS_PER_TASK", "OPENBLAS_NUM_THREADS=8"),
        (8, {"quota": 0.5}, 8, "1 of them", "OMP_NUM_THREADS=1"),
        (8, {}, 8, "8 cores", ""),
        (64, {"affinity": 64, "quota": 4.0}, 4, "4 of them for this process (quota)", ""),
    ],
)
def test_blas_and_its_cores(there: int, allowed: dict, threads: int, what: str, remedy: str) -> None:
    found = machine.judge_cores(there, allowed, [("openblas", 1), ("mkl", threads)])
    ill([found], "note", what, remedy) if remedy else well([found], what, f"{threads} threads")


def files(root: Path, **texts: str) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (root / name.replace("__", ".")).write_text(text)


def test_the_tightest_control_group_on_the_way_counts(tmp_path: Path) -> None:
    files(tmp_path / "job", cpu__max="400000 100000\n", memory__max=f"{8 * 10**9}\n", memory__current=f"{5 * 10**9}\n")
    files(tmp_path / "job", memory__stat=f"anon 1\ninactive_file {10**9}\n")
    files(tmp_path / "job" / "step", cpu__max="800000 100000\n", memory__max="max\n", memory__current="5\n")
    (tmp_path / "self").write_text("0::/job/step\n")
    assert machine.share(tmp_path, tmp_path / "self") == Share(4.0, 8 * 10**9, 4 * 10**9)


def test_control_groups_of_version_1_count_too(tmp_path: Path) -> None:
    files(tmp_path / "cpu,cpuacct" / "docker" / "a", cpu__cfs_quota_us="150000", cpu__cfs_period_us="100000")
    files(tmp_path / "memory", memory__limit_in_bytes=str(2**63 - 4096), memory__usage_in_bytes="5")
    docker = {"memory__limit_in_bytes": "3000", "memory__usage_in_bytes": "1000", "memory__stat": "total_inactive_file 7"}
    files(tmp_path / "memory" / "docker", **docker)
    (tmp_path / "self").write_text("5:cpu,cpuacct:/docker/a\n4:memory:/docker/b\n")
    assert machine.share(tmp_path, tmp_path / "self") == Share(1.5, 3000, 2007)
    assert machine.share(tmp_path, tmp_path / "absent") == NO_LIMITS


@pytest.mark.parametrize(
    ("free", "share", "job", "state", "what", "remedy"),
    [
        (3 * 10**9, NO_LIMITS, False, "note", "3.0 GB free", "ps "),
        (10**8, NO_LIMITS, False, "problem", "100 MB free", "ps "),
        (60 * 10**9, Share(memory=2 * 10**9, left=10**9), True, "note", "may take 2.0 GB", "--mem"),
    ],
)
def test_too_little_memory(free: int, share: Share, job: bool, state: str, what: str, remedy: str) -> None:
    ill([machine.judge_memory(64 * 10**9, free, share, job)], state, what, remedy)
    well([machine.judge_memory(64 * 10**9, 60 * 10**9)], "60.0 GB free")


@pytest.mark.parametrize(
    ("found", "state", "what"),
    [
        ({"n": 200}, "note", "200 files"),
        ({"f": 2 * 10**9}, "note", "2.0 GB"),
        ({"f": 10**8}, "problem", "100 MB"),
    ],
)
def test_a_limit_in_the_way(found: dict[str, int], state: str, what: str) -> None:
    ill(machine.judge_limits(found), state, what, f"ulimit -{next(iter(found))} $(ulimit -H")
    well(machine.judge_limits({"n": 1024}) + machine.judge_limits({}), "1024 open files")
