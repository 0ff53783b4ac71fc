"""The project's own papers agree with each other, and its tools are content."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
README = (ROOT / "README.md").read_text()


def tool(*words: str) -> str:
    path = Path(sys.executable).with_name(words[0])
    done = subprocess.run(
        [str(path) if path.exists() else words[0], *words[1:]], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_environment_yml_lists_what_pyproject_lists():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"][-1]["pip"]
    assert listed == PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]


def test_ci_runs_the_readmes_test_command_in_a_fresh_environment():
    commands = re.findall(r"```\n(.+?)\n```", README)
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert commands[1] == lines[-1] == "pytest"
    assert any("venv" in line for line in lines)


def test_the_readmes_python_is_right():
    block = re.search(r"```python\n(.+?)```", README, re.DOTALL)
    assert block is not None
    names = [
        alias.name for node in ast.walk(ast.parse(block.group(1))) if isinstance(node, ast.ImportFrom) for alias in node.names
    ]
    import recortex

    assert all(getattr(recortex, name) for name in names)


def test_the_readmes_yaml_is_the_pipeline_it_names():
    block = yaml.safe_load(re.search(r"```yaml\n(.+?)```", README, re.DOTALL).group(1))
    real = yaml.safe_load((ROOT / "pipelines/digits69.yaml").read_text())
    assert all(real[name] == entry for name, entry in block.items())


def test_ruff_is_content():
    tool("ruff", "check", "--no-cache", "src", "tests", "benchmarks")
    tool("ruff", "format", "--no-cache", "--check", "src", "tests", "benchmarks")


def test_imports_go_one_way():
    assert "1 kept, 0 broken" in tool("lint-imports", "--no-cache")


def test_mypy_is_content():
    tool("mypy", "--no-incremental")


def test_no_file_says_nothing_by_its_name():
    silent = {"utils.py", "util.py", "helpers.py", "misc.py", "common.py", "manager.py"}
    assert not [path for path in (ROOT / "src").rglob("*.py") if path.name in silent]


def test_versions_agree():
    import recortex

    assert recortex.__version__ == PROJECT["version"] == yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]


@pytest.mark.slow
def test_the_wheel_holds_manifests_pipelines_and_templates(tmp_path):
    import zipfile

    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", str(tmp_path), str(ROOT)], check=True, timeout=600
    )
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    for wanted in ("recortex/data_manifests/digits69.yaml", "recortex/pipelines/first_light.yaml", "recortex/report/page.html"):
        assert wanted in names
    shutil.rmtree(ROOT / "build", ignore_errors=True)
