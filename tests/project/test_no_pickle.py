"""Nothing that recortex reads may run: no pickle, no code from a file, no shell; held by a walk over its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))

MODULES = {"pickle", "_pickle", "cPickle", "dill", "joblib", "shelve", "cloudpickle", "marshal", "jsonpickle", "pickletools"}
# what runs what it is given, or reads by pickle
NEVER = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.hub.load", "torch.hub.load_state_dict_from_url",
    "torch.utils.model_zoo.load_url", "torch.jit.load", "torch.package.PackageImporter", "pandas.read_pickle",
    "pandas.read_hdf", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "yaml.unsafe_load_all", "yaml.full_load_all",
    "shutil.unpack_archive", "runpy.run_path", "runpy.run_module",
}  # fmt: skip
METHODS = {"read_pickle", "to_pickle", "read_hdf", "get_state_dict", "extractall"}
SAFE = {"shell": False, "trust_remote_code": False, "allow_pickle": False, "weights_only": True}
LOADERS = {"_Loader", "SafeLoader", "yaml.SafeLoader"}


def dotted(node: ast.AST) -> str:
    """``a.b.c`` as it stands; empty for what is no plain name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (inner := dotted(node.value)):
        return f"{inner}.{node.attr}"
    return ""


class Names(ast.NodeVisitor):
    """What each name that was imported stands for, wherever in the file it was imported."""

    def __init__(self, tree: ast.AST):
        self.meaning: dict[str, str] = {}
        self.visit(tree)

    def visit_Import(self, node: ast.Import) -> None:
        for name in node.names:
            if name.asname:
                self.meaning[name.asname] = name.name

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for name in node.names:
            self.meaning[name.asname or name.name] = f"{node.module}.{name.name}"

    def full(self, node: ast.AST) -> str:
        first, dot, rest = dotted(node).partition(".")
        return f"{self.meaning.get(first, first)}{dot}{rest}"


def dangers(text: str) -> Iterator[tuple[int, str]]:
    """Every line of a source that reads or runs what it should not."""
    tree = ast.parse(text)
    names = Names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [name.name for name in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            taken = [f"{node.module}.{name.name}" for name in node.names] if isinstance(node, ast.ImportFrom) else []
            yield from ((node.lineno, f"imports {module}") for module in modules if module.split(".")[0] in MODULES)
            yield from ((node.lineno, f"imports {name}") for name in taken if name in NEVER)
        if not isinstance(node, ast.Call):
            continue
        called, last = names.full(node.func), node.func.attr if isinstance(node.func, ast.Attribute) else ""
        called = called.removeprefix("builtins.")
        if called in NEVER or last in METHODS:
            yield node.lineno, f"calls {called or last}"
        if called == "torch.load" and not any(word.arg == "weights_only" for word in node.keywords):
            yield node.lineno, "torch.load without weights_only=True"
        if called == "numpy.load" and not any(word.arg == "allow_pickle" for word in node.keywords):
            yield node.lineno, "numpy.load without allow_pickle=False"
        if called == "yaml.load":
            given = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "Loader")]
            if not given or dotted(given[0]) not in LOADERS:
                yield node.lineno, "yaml.load with a loader that makes more than plain values"
        given = {word.arg: word.value.value if isinstance(word.value, ast.Constant) else ... for word in node.keywords}
        for word, safe in SAFE.items():
            if word in given and given[word] is not safe:
                yield node.lineno, f"{word} that is not {safe}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_that_is_read_may_run(path: Path) -> None:
    assert list(dangers(path.read_text(encoding="utf-8"))) == []


def test_there_is_a_source_to_walk_over() -> None:
    assert len(SOURCES) > 90


def test_weights_have_one_reader() -> None:
    """Whoever wants weights asks `read_weights`, which looks before it reads; a training looks whether its own state is whole."""
    reading = ("torch.load", "safetensors.torch.load_file", "safetensors.torch.load", "safetensors.safe_open")
    found = set()
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = Names(tree)
        if any(isinstance(node, ast.Call) and names.full(node.func) in reading for node in ast.walk(tree)):
            found.add(path.name)
    assert found == {"weights.py", "training.py"}


FIRES = {
    "import pickle": "imports pickle",
    "import pickle as p": "imports pickle",
    "from pickle import loads": "imports pickle",
    "def f():\n    import _pickle": "imports _pickle",
    "import dill": "imports dill",
    "from joblib import load": "imports joblib",
    "import joblib.externals": "imports joblib",
    "import shelve": "imports shelve",
    "import cloudpickle": "imports cloudpickle",
    "import marshal": "imports marshal",
    "import torch\ntorch.load(path)": "torch.load without weights_only=True",
    "import torch\ntorch.load(path, weights_only=False)": "weights_only that is not True",
    "import torch\ntorch.load(path, weights_only=safe)": "weights_only that is not True",
    "import torch\ntorch.load(path, 'cpu', None)": "torch.load without weights_only=True",
    "import torch as t\nt.load(path)": "torch.load without weights_only=True",
    "from torch import load\nload(path)": "torch.load without weights_only=True",
    "from torch import load as get\nget(path)": "torch.load without weights_only=True",
    "import numpy as np\nnp.load(path)": "numpy.load without allow_pickle=False",
    "import numpy as np\nnp.load(path, allow_pickle=True)": "allow_pickle that is not False",
    "from numpy import load\nload(path)": "numpy.load without allow_pickle=False",
    "numpy.lib.format.read_array(handle, allow_pickle=True)": "allow_pickle that is not False",
    "import yaml\nyaml.load(text)": "yaml.load with a loader",
    "import yaml\nyaml.load(text, yaml.Loader)": "yaml.load with a loader",
    "import yaml\nyaml.load(text, Loader=yaml.FullLoader)": "yaml.load with a loader",
    "from yaml import load, UnsafeLoader\nload(text, UnsafeLoader)": "yaml.load with a loader",
    "import yaml\nyaml.unsafe_load(text)": "calls yaml.unsafe_load",
    "import yaml\nyaml.full_load(text)": "calls yaml.full_load",
    "eval(text)": "calls eval",
    "exec(text)": "calls exec",
    "compile(text, '', 'exec')": "calls compile",
    "import builtins\nbuiltins.eval(text)": "calls eval",
    "__import__(name)": "calls __import__",
    "import os\nos.system('ls')": "calls os.system",
    "from os import system\nsystem('ls')": "calls os.system",
    "import os as o\no.popen('ls')": "calls os.popen",
    "import subprocess\nsubprocess.run('ls', shell=True)": "shell that is not False",
    "from subprocess import Popen\nPopen('ls', shell=1)": "shell that is not False",
    "import subprocess\nsubprocess.run('ls', shell=shell)": "shell that is not False",
    "import pandas\npandas.read_pickle(path)": "calls pandas.read_pickle",
    "import pandas as pd\npd.read_pickle(path)": "calls pandas.read_pickle",
    "from pandas import read_pickle\nread_pickle(path)": "imports pandas.read_pickle",
    "frame.to_pickle(path)": "calls frame.to_pickle",
    "import torch\ntorch.hub.load('a/b', 'c')": "calls torch.hub.load",
    "from torch import hub\nhub.load('a/b', 'c')": "calls torch.hub.load",
    "import torch\ntorch.hub.load_state_dict_from_url(url)": "calls torch.hub.load_state_dict_from_url",
    "weights.get_state_dict(progress=False)": "calls weights.get_state_dict",
    "import torch\ntorch.jit.load(path)": "calls torch.jit.load",
    "AutoModel.from_pretrained(name, trust_remote_code=True)": "trust_remote_code that is not False",
    "AutoModel.from_pretrained(name, trust_remote_code=trusted)": "trust_remote_code that is not False",
    "archive.extractall(folder)": "calls archive.extractall",
    "tarfile.open(path).extractall(folder)": "calls extractall",
    "import shutil\nshutil.unpack_archive(path)": "calls shutil.unpack_archive",
}


@pytest.mark.parametrize("text", FIRES)
def test_every_rule_fires(text: str) -> None:
    found = [said for _, said in dangers(text)]
    assert any(said.startswith(FIRES[text]) for said in found), found


@pytest.mark.parametrize(
    "text",
    [
        "import torch\ntorch.load(path, weights_only=True)",
        "import numpy as np\nnp.load(path, allow_pickle=False)",
        "import yaml\nyaml.safe_load(text)",
        "import yaml\nyaml.load(text, _Loader)",
        "import re\nre.compile('x')",
        "network.eval()",
        "json.load(handle)",
        "import subprocess\nsubprocess.run(['git', 'status'])",
        "import subprocess\nsubprocess.run(['git'], shell=False)",
        "frame.eval",
        "model.load_state_dict(state)",
        "from scipy.io import loadmat",
    ],
)
def test_and_none_fires_at_what_is_safe(text: str) -> None:
    assert list(dangers(text)) == []
