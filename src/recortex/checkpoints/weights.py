"""The one way that weights come in: tensors by name, from safetensors or PyTorch's own files, and nothing that could run."""

from __future__ import annotations

import re
import tarfile
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recortex.errors import InvalidInput, shown

if TYPE_CHECKING:
    import torch

OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how torch.save began before its files were zips, in 2020


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read the weights of a network.

    Parameters
    ----------
    path : Path
        Safetensors, or a file that ``torch.save`` wrote, of which tensors alone are read.

    Returns
    -------
    dict of str to Tensor
        On the CPU, dense, without a gradient.

    Raises
    ------
    InvalidInput
        It cannot be read, holds more or other than tensors by name, claims more numbers than it has, or numbers that are none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's about its own old files
            state = _by_name(path, _read(path))
            for name, value in state.items():
                if wrong := _wrong(value, path.stat().st_size):
                    raise InvalidInput(f"{path}: {shown(name)} {wrong}")
    except InvalidInput:
        raise
    except Exception as error:  # a foreign file raises whatever the parser stumbles over
        raise InvalidInput(f"{path} cannot be read as weights: {_reason(error)}") from error
    return {name: value.detach() for name, value in state.items()}


def _read(path: Path) -> Any:
    """What a file holds, by what it is and not by what it is called."""
    with open(path, "rb") as handle:
        start = handle.read(len(OLD_TORCH))
    if start[8:9] == b"{":
        from safetensors.torch import load_file

        return load_file(path)
    if start.startswith(b"PK\x03\x04"):
        _check_records(path)
    elif start != OLD_TORCH or tarfile.is_tarfile(path):  # a tar is what PyTorch wrote before 2017, and reads with pickle
        raise InvalidInput(f"{path} is neither safetensors nor a file that torch.save wrote")
    import torch

    with open(path, "rb") as handle:
        return torch.load(handle, map_location="cpu", weights_only=True)


def _check_records(path: Path) -> None:
    """Refuse what PyTorch would take into memory, or into its compiler, before it looks."""
    with zipfile.ZipFile(path) as file:
        records = file.infolist()
    if any(record.filename.endswith("/constants.pkl") for record in records):
        raise ValueError("it is a program (TorchScript), which is never run; save its tensors as safetensors")
    # PyTorch packs no tensors; who does may pack a terabyte of zeros into little
    if sum(record.file_size for record in records) > path.stat().st_size:
        raise ValueError("its records are packed, and claim more bytes than the file has")


def _by_name(path: Path, state: Any) -> dict[str, Any]:
    import torch

    if not isinstance(state, dict):
        raise InvalidInput(f"{path} holds a {type(state).__name__}, not weights by name")
    for name, value in state.items():
        if isinstance(value, dict) and any(isinstance(part, torch.Tensor) for part in value.values()):
            raise InvalidInput(f"{path} is a checkpoint that holds weights under {shown(repr(name))}; save that part alone")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise InvalidInput(f"{path}: {shown(repr(name))} is a {type(value).__name__}, not a tensor by name")
    if not state:
        raise InvalidInput(f"{path} holds no weights")
    return state


def _wrong(value: torch.Tensor, bytes_there: int) -> str:
    """What is wrong with a tensor, as the end of a sentence; empty where nothing is."""
    import torch

    if value.layout != torch.strided or value.is_quantized or value.is_nested or value.device.type != "cpu":
        return "is sparse, quantised or without numbers; save it dense"
    if value.numel() * value.element_size() > bytes_there:
        return "claims more numbers than the file holds"
    if not (value.is_floating_point() or value.is_complex()):
        return ""
    wide = value if value.element_size() > 1 else value.to(torch.float32)
    return "holds numbers that are none (NaN); the training that made them went wrong" if bool(wide.isnan().any()) else ""


def _reason(error: Exception) -> str:
    said = " ".join(str(error).split()) or "it is cut off"
    if type(error).__name__ == "UnpicklingError":  # PyTorch would now tell how to run it all the same
        code = re.search(r"GLOBAL ([\w.]+)", said)
        return f"it holds more than tensors{f' ({code[1]})' if code else ''}, which is never run; save its tensors as safetensors"
    return shown(said, 200)
