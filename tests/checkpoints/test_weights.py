"""Weights of strangers: tensors by name come in, and nothing else does; whatever a file would run is never run."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tarfile
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from recortex.checkpoints.weights import OLD_TORCH, read_weights
from recortex.errors import InvalidInput

STATE = {
    "a.weight": torch.arange(12.0).reshape(3, 4),
    "a.bias": torch.tensor([1, 2, 3]),
    "b": torch.zeros(0),
    "c": torch.tensor(2.5),
}


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        read_weights(path)
    said = str(caught.value)
    assert said.isprintable() and len(said) < 700, repr(said[:2000])
    assert path.name in said
    return said


def as_torch(value: object, legacy: bool = False) -> bytes:
    made = io.BytesIO()
    torch.save(value, made, _use_new_zipfile_serialization=not legacy)
    return made.getvalue()


def as_safetensors(header: object, content: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + content


def tensor(start: int, end: int, shape: object = (2,), dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


# what runs when it is unpickled


class Runs:
    """Leaves a file behind when it is unpickled, by one of the ways there are."""

    def __init__(self, way: str, trace: Path):
        self.way, self.trace = way, trace

    def __reduce__(self) -> tuple:
        import os
        import subprocess

        return {
            "open": (open, (str(self.trace), "w")),
            "os.system": (os.system, (f"touch {self.trace}",)),
            "eval": (eval, (f"open({str(self.trace)!r}, 'w')",)),
            "exec": (exec, (f"open({str(self.trace)!r}, 'w')",)),
            "subprocess": (subprocess.call, (["touch", str(self.trace)],)),
            "getattr": (getattr, (Path(self.trace), "touch")),
            "torch.load": (torch.load, (str(self.trace),)),
        }[self.way]


WAYS = ["open", "os.system", "eval", "exec", "subprocess", "getattr", "torch.load"]
WRAPS: dict[str, Callable[[object], bytes]] = {
    "torch": as_torch,
    "torch, old": lambda value: as_torch(value, legacy=True),
    "pickle": pickle.dumps,
    "pickle 0": lambda value: pickle.dumps(value, protocol=0),
    "pickle in a zip": lambda value: packed({"archive/data.pkl": pickle.dumps(value), "archive/version": b"3\n"}),
    "pickle in a tar": lambda value: in_a_tar({"sys_info": pickle.dumps(value), "pickle": pickle.dumps(value)}),
}


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return made.getvalue()


def in_a_tar(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return made.getvalue()


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".safetensors", ".ckpt"])
@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("inside", ["alone", "as a value", "as a name", "beside tensors"])
def test_what_a_file_would_run_is_never_run(inside: str, wrap: str, suffix: str, tmp_path: Path) -> None:
    for way in WAYS:
        trace = tmp_path / "it_ran"
        payload = Runs(way, trace)
        value = {
            "alone": payload,
            "as a value": {"a.weight": payload},
            "as a name": [("x", payload)],
            "beside tensors": {**STATE, "hook": payload},
        }[inside]
        path = tmp_path / f"weights{suffix}"
        path.write_bytes(WRAPS[wrap](value))
        refusal(path)
        assert not trace.exists(), way


def test_the_payloads_of_these_tests_do_run_where_nobody_takes_care(tmp_path: Path) -> None:
    for way in ("open", "os.system", "eval", "exec", "subprocess"):
        trace = tmp_path / way.replace(".", "_")
        pickle.loads(pickle.dumps(Runs(way, trace)))
        assert trace.exists(), way


def test_nobody_is_told_how_to_run_it_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(as_torch({"a": Runs("os.system", tmp_path / "it_ran")}))
    said = refusal(path)
    assert "it holds more than tensors (posix.system), which is never run; save its tensors as safetensors" in said
    assert "weights_only" not in said and "trust" not in said


# files that are broken, or hold something else


class Module(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


def jit() -> bytes:
    made = io.BytesIO()
    torch.jit.save(torch.jit.script(Module()), made)
    return made.getvalue()


def bomb() -> bytes:
    """A PyTorch file as it should be, but for one record of 64 MB of zeros, packed."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(as_torch(STATE))) as sound, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name in sound.namelist():
            file.writestr(name, sound.read(name))
        with file.open("archive/data/999", "w", force_zip64=True) as record:
            for _ in range(16):
                record.write(b"\0" * 2**22)
    return made.getvalue()


def tar_of_pytorch() -> bytes:
    made = in_a_tar({OLD_TORCH.decode("utf-8", "surrogateescape"): pickle.dumps(STATE)})
    assert made.startswith(OLD_TORCH)
    return made


def quantised() -> torch.Tensor:
    return torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)


def sparse(layout: str) -> torch.Tensor:
    return getattr(torch.eye(3), f"to_{layout}")()


NEITHER = "is neither safetensors nor a file that torch.save wrote"
SPARSE = "a is sparse, quantised or without numbers"
NAN = "a holds numbers that are none (NaN)"
KINDS = ["float16", "bfloat16", "float64", "float8_e4m3fn", "int8", "uint8", "bool", "complex64"]

BROKEN: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "nothing": (".safetensors", lambda: b"", NEITHER),
    "nothing of PyTorch's": (".pth", lambda: b"", NEITHER),
    "a text": (".safetensors", lambda: b"not found\n" * 99, NEITHER),
    "a web page": (".pth", lambda: b"<html>\nnot found\n</html>", NEITHER),
    "zeros": (".safetensors", lambda: bytes(1000), NEITHER),
    "zeros of PyTorch's": (".pt", lambda: bytes(1000), NEITHER),
    "a picture": (".bin", lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), NEITHER),
    "a stand-in of Git LFS": (".safetensors", lambda: b"version https://git-lfs.github.com/spec/v1\n", NEITHER),
    "a header of 10^15 bytes": (".safetensors", lambda: as_safetensors({}, length=10**15), ""),
    "a header of 2^63 bytes": (".safetensors", lambda: as_safetensors({}, length=2**63), ""),
    "a header longer than the file": (".safetensors", lambda: as_safetensors({}, length=999), ""),
    "a header that is cut off": (".safetensors", lambda: as_safetensors(b'{"a": {"dtype": "F32"'), ""),
    "a header that is a list": (".safetensors", lambda: as_safetensors([1]), ""),
    "a header of brackets": (".safetensors", lambda: as_safetensors(b"[" * 100_000), ""),
    "offsets that overlap": (".safetensors", lambda: as_safetensors({"a": tensor(0, 8), "b": tensor(4, 12)}, bytes(12)), ""),
    "offsets with a hole": (".safetensors", lambda: as_safetensors({"a": tensor(0, 8), "b": tensor(12, 20)}, bytes(20)), ""),
    "offsets behind the end": (".safetensors", lambda: as_safetensors({"a": tensor(0, 8)}, bytes(4)), ""),
    "offsets that go back": (".safetensors", lambda: as_safetensors({"a": tensor(8, 0)}, bytes(8)), ""),
    "bytes that nobody owns": (".safetensors", lambda: as_safetensors({"a": tensor(0, 8)}, bytes(64)), ""),
    "another kind of number than its bytes": (".safetensors", lambda: as_safetensors({"a": tensor(0, 8, dtype="F64")}, bytes(8)), ""),
    "a kind of number that is none": (".safetensors", lambda: as_safetensors({"a": tensor(0, 8, dtype="F33")}, bytes(8)), ""),
    "a shape beyond all numbers": (".safetensors", lambda: as_safetensors({"a": tensor(0, 8, [2**62, 2**62])}, bytes(8)), ""),
    "a shape below nothing": (".safetensors", lambda: as_safetensors({"a": tensor(0, 8, [-2])}, bytes(8)), ""),
    "a shape of words": (".safetensors", lambda: as_safetensors({"a": tensor(0, 8, ["two"])}, bytes(8)), ""),
    "no tensors": (".safetensors", lambda: as_safetensors({}), "holds no weights"),
    "no tensors of PyTorch's": (".pth", lambda: as_torch({}), "holds no weights"),
    "NaN": (".safetensors", lambda: as_safetensors({"a": tensor(0, 8)}, struct.pack("<2f", 1, float("nan"))), NAN),
    "NaN in half": (".pth", lambda: as_torch({"a": torch.tensor([float("nan")], dtype=torch.float16)}), NAN),
    "NaN in a quarter": (".pth", lambda: as_torch({"a": torch.tensor([float("nan")]).to(torch.float8_e4m3fn)}), NAN),
    "NaN in a complex": (".pth", lambda: as_torch({"a": torch.tensor([complex("nan")])}), NAN),
    "a cut-off file of PyTorch's": (".pth", lambda: as_torch(STATE)[:-200], ""),
    "half a file of PyTorch's": (".pth", lambda: as_torch(STATE)[:500], ""),
    "half an old file of PyTorch's": (".pth", lambda: as_torch(STATE, legacy=True)[:500], "it is cut off"),
    "a packed bomb": (".pth", bomb, "its records are packed, and claim more bytes than the file has"),
    "a zip that is none of PyTorch's": (".pth", lambda: packed({"a.txt": b"x"}), ""),
    "an empty zip": (".pth", lambda: packed({}), NEITHER),
    "a tar": (".pth", lambda: in_a_tar({"a": b"x"}), NEITHER),
    "a tar that begins as PyTorch's old files do": (".pth", tar_of_pytorch, NEITHER),
    "TorchScript": (".pt", jit, "it is a program (TorchScript), which is never run"),
    "a list": (".pth", lambda: as_torch([torch.zeros(2)]), "holds a list, not weights by name"),
    "a tensor": (".pth", lambda: as_torch(torch.zeros(2)), "holds a Tensor, not weights by name"),
    "a number": (".pth", lambda: as_torch(3), "holds a int, not weights by name"),
    "nothing, saved": (".pth", lambda: as_torch(None), "holds a NoneType, not weights by name"),
    "numbers by name": (".pth", lambda: as_torch({"a": 1, "b": [2.0]}), "'a' is a int, not a tensor by name"),
    "a number beside tensors": (".pth", lambda: as_torch({**STATE, "epoch": 3}), "'epoch' is a int, not a tensor by name"),
    "tensors by number": (".pth", lambda: as_torch({0: torch.zeros(2)}), "0 is a Tensor, not a tensor by name"),
    "a name of many lines": (".pth", lambda: as_torch({"a\nb": 1}), r"'a\nb' is a int"),
    "a checkpoint": (".ckpt", lambda: as_torch({"epoch": 3, "state_dict": STATE}), "holds weights under 'state_dict'"),
    "a whole module": (".pth", lambda: as_torch(torch.nn.Linear(2, 2)), "it holds more than tensors"),
    "sparse": (".pth", lambda: as_torch({"a": sparse("sparse")}), SPARSE),
    "sparse by rows": (".pth", lambda: as_torch({"a": sparse("sparse_csr")}), SPARSE),
    "quantised": (".pth", lambda: as_torch({"a": quantised()}), SPARSE),
    "without numbers": (".pth", lambda: as_torch({"a": torch.zeros(3, device="meta")}), SPARSE),
    "a terabyte of zero": (".pth", lambda: as_torch({"a": torch.zeros(1).expand(10**12)}), "claims more numbers than the file holds"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_no_weights_is_refused_in_one_line_and_takes_no_memory(broken: str, tmp_path: Path) -> None:
    suffix, content, said = BROKEN[broken]
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content())
    tracemalloc.start()
    try:
        assert said in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name", ["nowhere.pth", "nowhere.safetensors", "folder.pth", "folder.safetensors", "dangling.pth", "dangling.safetensors"]
)
def test_what_is_no_file_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    for suffix in ("pth", "safetensors"):
        (tmp_path / f"folder.{suffix}").mkdir()
        (tmp_path / f"dangling.{suffix}").symlink_to("nowhere")
    refusal(tmp_path / name)


# and what does come in


def same(made: dict[str, torch.Tensor], state: dict[str, torch.Tensor]) -> None:
    assert set(made) == set(state)
    for name, value in state.items():
        assert type(made[name]) is torch.Tensor and not made[name].requires_grad
        assert made[name].dtype == value.dtype and torch.equal(made[name], value.detach())


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".bin", ""])
@pytest.mark.parametrize("wrap", ["safetensors", "torch", "torch, old", "ordered", "parameters"])
def test_sound_weights_are_read_as_they_were_written_whatever_they_are_called(wrap: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    state = dict(STATE)
    if wrap == "parameters":
        state = {name: torch.nn.Parameter(value, requires_grad=value.is_floating_point()) for name, value in STATE.items()}
    if wrap == "safetensors":
        save_file(state, path)
    else:
        path.write_bytes(as_torch(OrderedDict(state) if wrap == "ordered" else state, legacy=wrap == "torch, old"))
    same(read_weights(path), state)


@pytest.mark.parametrize(
    "dtype",
    [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn, torch.int8, torch.uint8, torch.bool, torch.complex64],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_every_kind_of_number_comes_in(dtype: torch.dtype, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    state = {"a": torch.ones(5).to(dtype)}
    if suffix == ".pth":
        path.write_bytes(as_torch(state))
    else:
        save_file(state, path)
    made = read_weights(path)["a"]
    assert made.dtype == dtype and made.to(torch.complex64).tolist() == [1] * 5


def test_infinity_is_a_number_that_masks_are_made_of(tmp_path: Path) -> None:
    save_file({"mask": torch.tensor([0.0, float("-inf")])}, tmp_path / "weights.safetensors")
    assert read_weights(tmp_path / "weights.safetensors")["mask"].tolist() == [0.0, float("-inf")]


def test_two_names_for_one_tensor_come_in_as_two(tmp_path: Path) -> None:
    shared = torch.arange(3.0)
    (tmp_path / "weights.pth").write_bytes(as_torch({"a": shared, "b": shared}))
    same(read_weights(tmp_path / "weights.pth"), {"a": shared, "b": shared})


anything = settings(max_examples=100, suppress_health_check=list(HealthCheck))


@anything
@pytest.mark.filterwarnings("ignore")
@given(
    st.sampled_from([".pth", ".safetensors"]),
    st.sampled_from(["torch", "torch, old", "safetensors"]),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=3)), min_size=1, max_size=4),
)
def test_weights_with_a_few_bytes_changed_are_read_or_refused_in_one_line(
    tmp_path: Path, suffix: str, wrap: str, changes: list[tuple[float, bytes]]
) -> None:
    sound = as_safetensors({"a": tensor(0, 8), "b": tensor(8, 16)}, struct.pack("<4f", 1, 2, 3, 4))
    content = bytearray(sound if wrap == "safetensors" else as_torch(STATE, legacy=wrap == "torch, old"))
    for place, new in changes:
        start = int(place * (len(content) - 1))
        content[start : start + len(new)] = new
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(bytes(content))
    try:
        made = read_weights(path)
    except InvalidInput as error:
        assert str(error).isprintable()
    else:
        assert all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in made.items())
