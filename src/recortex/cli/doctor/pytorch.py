"""torch: does it import and what stands on it, are torchvision and torchaudio made for it, can it use the cards there are."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from recortex.cli.doctor.examination import Scope
from recortex.cli.doctor.finding import Finding, install, note, ok, one_line, pip, problem, size
from recortex.cli.doctor.packages import COMPANIONS, Environment, Package, environment
from recortex.cli.doctor.trial import DEVICES, KILLED, LATE, OPERATORS, Step, attempt

QUICK, QUICK_S = ("numpy", "scipy.linalg", "h5py", "torch", OPERATORS, "torchaudio"), 60.0
LARGE = "torchvision sklearn skimage nibabel nilearn mne xarray matplotlib distributed open_clip timm lightning transformers diffusers"
LARGE_S = 600.0
DISTRIBUTIONS = {"sklearn": "scikit-learn", "skimage": "scikit-image", "open_clip": "open_clip_torch"}
LITTLE = 2e9  # bytes free on a card


def look_torch(scope: Scope) -> list[Finding]:
    """Gather and judge."""
    modules = [*QUICK, *LARGE.split()] if scope.thorough else QUICK
    steps = attempt([one for one in modules if find_spec(one.split(".")[0])], LARGE_S if scope.thorough else QUICK_S)
    found = [finding for step in steps if step.name == DEVICES and step.found for finding in judge_gpu(step.found, **cards())]
    return judge_steps(steps, environment(), os.environ) + found


def built_for(package: Package) -> str:
    """What a package was built for, as in the local part of its version: cpu, cu126, rocm6.2; empty where nobody can tell."""
    try:
        text = (package.folder / package.name / "version.py").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^__version__ = '[^']*\+(cpu|cu\d+|rocm[\d.]+)'", text, re.MULTILINE)
    found = found or re.search(r"\+(cpu|cu\d+|rocm[\d.]+)$", package.version)
    return found.group(1) if found else ""


def misfits(here: Environment) -> dict[str, tuple[bool, str]]:
    """The companions that were not made for the torch that is here: whether they cannot work at all, and why."""
    torch, found = here.get("torch", Package("torch", "")), {}
    for package in (here[name] for name in COMPANIONS if name in here and torch.version):
        head = f"{package.name} {package.version} and torch {torch.version} do not fit"
        wanted = [need.specifier for need in package.needs() if need.name == "torch" and not here.meets(need)]
        ours, theirs = built_for(torch), built_for(package)
        if wanted:
            found[package.name] = (True, f"{head}: it was built for torch {wanted[0]}")
        elif ours and theirs and ours != theirs:
            found[package.name] = (False, f"{head}: torch is built for {ours}, {package.name} for {theirs}")
    return found


def replace(here: Environment, name: str) -> str:
    """The command that brings torch and what stands on it together; torchaudio goes where nobody needs it."""
    users = [one.name for one in here.values() if "torchaudio" in {need.name for need in one.needs()}]
    if name == "torchaudio" and not users:
        return f"{pip()} uninstall torchaudio  # nothing that is installed here needs it"
    names = ["torch", "torchvision", *(["torchaudio"] if users and "torchaudio" in here else [])]
    _, _, tag = here.version("torch").partition("+")  # from an index of torch's own
    return install(names, "--force-reinstall", *([f"--index-url=https://download.pytorch.org/whl/{tag}"] if tag else []))


def cards() -> dict[str, Any]:
    """What the machine has, whatever torch thinks."""
    module = Path("/proc/driver/nvidia/version")
    version = re.search(r"Kernel Module.*?(\d+\.[\d.]+)", module.read_text() if module.exists() else "")
    return {
        "driver": version.group(1) if version else "",
        "given": len(list(Path("/dev").glob("nvidia[0-9]*"))),  # those that this job or container may open
        "there": any("0x10de" in file.read_text() for file in Path("/sys/bus/pci/devices").glob("*/vendor")),
        "hidden": os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"),
        "slurm": shutil.which("srun") is not None,
    }


def judge_gpu(torch: Mapping[str, Any], driver: str, given: int, there: bool, hidden: bool, slurm: bool) -> list[Finding]:
    """What torch can use, given what `trial.devices` and `cards` tell."""
    if torch["devices"]:
        return [_card(number, card) for number, card in enumerate(torch["devices"])]
    built, rest = f"torch is built for {torch['built']}", "everything runs on the CPU"
    if torch["built"] == "CPU":
        if driver and given:
            what = f"there is an NVIDIA card (driver {driver}), and {built}: the card stays idle"
            return [note("gpu", what, install(["torch", "torchvision"], "--force-reinstall"))]
        return [ok("gpu", f"{built}: {rest}")]
    if not driver:
        if there:
            what = f"{built}; there is an NVIDIA card, and no driver for it: {rest}"
            return [note("gpu", what, "nvidia-smi  # works once NVIDIA's driver is installed, and so does torch")]
        if slurm:
            what = f"{built}; this machine has no NVIDIA driver: {rest}; jobs may have one"
            return [note("gpu", what, "srun --gres=gpu:1 recortex doctor  # the same from a node with a card")]
        return [ok("gpu", f"{built}; this machine has no NVIDIA card: {rest}")]
    if hidden:
        return [note("gpu", f"CUDA_VISIBLE_DEVICES names none, which hides every card: {rest}", "unset CUDA_VISIBLE_DEVICES")]
    if not given:
        what = f"there is an NVIDIA driver ({driver}), and this job or container was given no card: {rest}"
        remedy = "srun --gres=gpu:1 recortex doctor  # in a container: docker run --gpus all, apptainer exec --nv"
        return [note("gpu", what, remedy)]
    said = f": {one_line(torch['said'][0])}" if torch["said"] else ""
    what = f"{built}, the NVIDIA driver is {driver}, and torch finds no card{said}"
    return [problem("gpu", what, "nvidia-smi  # must list the card, and a CUDA version that is no older than torch's")]


def _card(number: int, card: Mapping[str, Any]) -> Finding:
    name = f"GPU {number}, {card['name']}"
    if "no kernel image" in card["error"]:
        what = f"{name}: this torch has no kernels for it"
        return problem("gpu", what, install(["torch", "torchvision"], "--upgrade") + "  # for an old card, an older one")
    if card["error"]:
        remedy = "nvidia-smi  # shows who uses it and its errors; another: export CUDA_VISIBLE_DEVICES=1"
        return problem("gpu", f"{name} does not compute: {one_line(card['error'])}", remedy)
    told = f"{name}, {size(card['free'])} of {size(card['total'])} free"
    if card["free"] < max(LITTLE, card["total"] / 4):
        remedy = "nvidia-smi  # shows who uses it; export CUDA_VISIBLE_DEVICES=N takes another card"
        return note("gpu", f"{told}: somebody uses it", remedy)
    return ok("gpu", f"{told}; it computes")


def judge_steps(steps: Sequence[Step], here: Environment, variables: Mapping[str, str]) -> list[Finding]:
    """Which imports failed, what brings them back, and do the packages of torch fit each other."""
    findings = [_broken(step, here, variables) for step in steps if step.error]
    told = {companion for finding in findings for companion in COMPANIONS if f"{companion} " in finding.what}
    for name, (never, why) in misfits(here).items():
        if name not in told:
            findings.append((problem if never else note)("torch", why, replace(here, name)))
    sound = [step for step in steps if not step.error and step.name != DEVICES]
    if sound:
        listed = ", ".join(_thing(step.name) + (f" in {step.seconds:.1f} s" if step.seconds >= 0.1 else "") for step in sound)
        findings.append(ok("torch", f"loaded: {listed}"))
    return findings


def _thing(name: str) -> str:
    return {DEVICES: "the list of GPUs", OPERATORS: "torchvision's operators"}.get(name, name)


def _broken(step: Step, here: Environment, variables: Mapping[str, str]) -> Finding:
    module = step.name.split(".")[0]
    what = f"loading {_thing(step.name)} fails: {one_line(step.error)}"
    if step.error.startswith(LATE):
        what = f"loading {_thing(step.name)}: {step.error}; a busy machine, or an environment on a slow network disk?"
        return note("torch", what, "recortex doctor --thorough  # waits longer; put the environment on a local disk")
    if step.error == KILLED:
        remedy = "free -h  # torch alone takes about 1 GB; ask the batch system for more: sbatch --mem=16G JOB"
        return problem("memory", f"{what}, mostly for lack of memory", remedy)
    for guilty, (_, why) in misfits(here).items():
        if guilty in (module, *step.through):
            return problem("torch", f"{what}; {why}", replace(here, guilty))
    library = re.search(r"undefined symbol|cannot open shared object|version `|symbol lookup|crashed", step.error)
    subject = "torch" if module in ("torch", *COMPANIONS) else "packages"
    if library and variables.get("LD_LIBRARY_PATH"):
        remedy = "env -u LD_LIBRARY_PATH recortex doctor  # if that works, unload the modules (CUDA, cuDNN) that set it"
        return problem(subject, f"{what}; LD_LIBRARY_PATH puts other libraries first", remedy)
    if step.name == DEVICES:
        return problem("gpu", what, "nvidia-smi  # if that fails or hangs too, it is the driver")
    if subject == "torch" or "torchaudio" in step.through:
        return problem("torch", what, replace(here, "torchaudio" if "torchaudio" in step.through else module))
    name = DISTRIBUTIONS.get(module, module)
    return problem(subject, what, install([f"{name}=={here.version(name)}"], "--force-reinstall", "--no-deps"))
