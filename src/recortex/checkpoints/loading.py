"""What every loader of a model does: look at its files before they are loaded, say in one line what is wrong, find its device."""

from __future__ import annotations

import json
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recortex.errors import InvalidInput, RecortexError, listed, shown

if TYPE_CHECKING:
    import torch

MOST_HEADER = 100_000_000  # bytes, as safetensors itself has it


def read_json(path: Path) -> dict[str, Any]:
    """A configuration file.

    Raises
    ------
    InvalidInput
        It cannot be read, is no JSON object, or asks for code of its own to be run.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} cannot be read as JSON: {_said(error)}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{path} holds a {type(found).__name__}, not a model's configuration")
    if _asks_for_code(found):
        raise InvalidInput(f"{path} asks for code of its own to be run (auto_map or trust_remote_code), which is never done")
    return found


def check_safetensors(path: Path) -> dict[str, tuple[int, ...]]:
    """Look at the header of a file of weights; numbers stay unread.

    Returns
    -------
    dict of str to tuple of int
        The shape of each array.

    Raises
    ------
    InvalidInput
        It is no safetensors file, or not all of one.
    """
    try:
        size = path.stat().st_size
        with open(path, "rb") as handle:
            length = int.from_bytes(handle.read(8), "little")
            if size < 10 or not 2 <= length <= min(size - 8, MOST_HEADER):
                raise ValueError("it has no header; it is cut off, or another kind of file")
            header = json.loads(handle.read(length))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        if not ends:
            raise ValueError("it holds no weights")
        if 8 + length + max(ends) != size:
            raise ValueError(f"it should have {8 + length + max(ends):,} bytes and has {size:,}; fetch or copy it again")
        return {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}
    except (OSError, ValueError, RecursionError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise InvalidInput(f"{path} cannot be read as safetensors: {_said(error)}") from error


@contextmanager
def in_one_line(what: str) -> Iterator[None]:
    """Turn what a library raises on a folder or on pictures inside a with block into one line that begins with `what`."""
    try:
        yield
    except (RecortexError, MemoryError):
        raise
    except Exception as error:  # a foreign file makes a library raise whatever it stumbles over
        if type(error).__name__ == "OutOfMemoryError":
            raise InvalidInput(f"{what}: the device has too little memory left; set a smaller batch, or device: cpu") from error
        raise InvalidInput(f"{what}: {_said(error)}") from error


@contextmanager
def quietly() -> Iterator[None]:
    """Keep libraries from telling on the terminal how they load: what matters is looked at afterwards."""
    from transformers.utils import logging as theirs

    bar, level = theirs.is_progress_bar_enabled(), theirs.get_verbosity()
    own = logging.getLogger("diffusers")
    before = own.level
    theirs.disable_progress_bar()
    theirs.set_verbosity_error()
    own.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        own.setLevel(before)
        theirs.set_verbosity(level)
        if bar:
            theirs.enable_progress_bar()


def check_complete(info: dict[str, Any], where: Path) -> None:
    """Refuse weights that do not fill the model: transformers and diffusers draw the rest by chance.

    Parameters
    ----------
    info : dict
        As ``from_pretrained(..., output_loading_info=True)`` gives it.
    where : Path
        For messages.
    """
    for kind, said in (("missing_keys", "lack"), ("mismatched_keys", "have in another shape")):
        if wrong := sorted(str(entry[0] if isinstance(entry, tuple) else entry) for entry in info.get(kind) or ()):
            raise InvalidInput(
                f"{where}: the weights {said} {listed(wrong, 2)}; they are of another model than its configuration"
            )


def sound(model: torch.nn.Module, where: Path) -> Any:
    """The model in float32, ready to be used, without gradients.

    Raises
    ------
    InvalidInput
        Weights that are no numbers, or that no file gave.
    """
    import torch

    for name, value in (*model.named_parameters(), *model.named_buffers()):
        if value.device.type == "meta":
            raise InvalidInput(f"{where}: the weights lack {name}; they are of another model than its configuration")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()) and not _may_be_infinite(name):
            raise InvalidInput(f"{where}: {name} holds numbers that are none (NaN) or infinite; its training went wrong")
    return model.to(torch.float32).eval().requires_grad_(False)


def to_device(model: torch.nn.Module, device: str) -> Any:
    """Bring a model to a device.

    Raises
    ------
    InvalidInput
        There is no such device here, or it has too little memory left.
    """
    import torch

    try:
        if torch.device(device).type == "meta":
            raise RuntimeError
        return model.to(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise InvalidInput(f"device {device} has too little memory left for this model; use a larger one, or cpu") from error
        raise InvalidInput(f"device: there is no {shown(device)} here; use cpu, or cuda where torch finds a GPU") from error


def three_numbers(value: Any, positive: bool = False) -> bool:
    """Whether a configuration's mean or standard deviation of the three colours is one."""
    return (
        isinstance(value, list | tuple)
        and len(value) == 3
        and all(isinstance(one, int | float) and math.isfinite(one) and (one > 0 or not positive) for one in value)
    )


def _asks_for_code(value: Any) -> bool:
    if isinstance(value, dict):
        return any(name == "auto_map" or (name == "trust_remote_code" and inside) for name, inside in value.items()) or any(
            map(_asks_for_code, value.values())
        )
    return isinstance(value, list) and any(map(_asks_for_code, value))


def _may_be_infinite(name: str) -> bool:
    """A causal mask says with minus infinity what is not seen."""
    return name.endswith("attn_mask")


def _said(error: Exception) -> str:
    said = " ".join((str(error).strip() or type(error).__name__).split())
    return shown(said, 200)
