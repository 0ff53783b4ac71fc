"""recortex: brain recordings and the pictures, sounds and words that evoked them, mapped both ways.

Every stage of the catalog can be imported from here by its name in YAML::

    from recortex import PictureFolder, Pixels, ResponseFile, RidgeEncoder

Nothing heavy is loaded until a name is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if not name[:1].isupper():  # a submodule on its way in, not a stage: the catalog must not be loaded for it
        raise AttributeError(f"module recortex has no attribute {name}")
    catalog = import_module("recortex.catalog")
    if name in catalog.STAGES:
        return catalog.find(name)
    raise AttributeError(f"recortex has no {name}{catalog.did_you_mean(name, catalog.STAGES)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *import_module("recortex.catalog").STAGES])
