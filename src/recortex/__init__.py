"""recortex: brain recordings and the pictures, sounds and words that evoked them, mapped both ways.

Every stage of the catalog can be imported from here by its name in YAML::

    from recortex import PictureFolder, Pixels, ResponseFile, RidgeEncoder

The stages of a pipeline file come by the names they have there::

    stages = recortex.load("pipelines/demo.yaml", overlays=["tiny"])
    stages["decoder"].run()

Nothing heavy is loaded until a name is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.1.0"


def load(pipeline: str | Path, overlays: Sequence[str | Path] = (), sets: Sequence[str] = ()) -> dict[str, Any]:
    """The stages of a pipeline, by name. Nothing is computed before one is run; what is in the cache is read from there.

    Parameters
    ----------
    pipeline : str or path
        A YAML file, or the name of a pipeline that comes with recortex.
    overlays : sequence of str or path
        Files of entries that are laid over it, or names of those that come with it, the last one on top.
    sets : sequence of str
        Fields to change, as in ``["scenes.count=100"]``.

    Returns
    -------
    dict of str to Stage

    Raises
    ------
    InvalidInput
        There is no such pipeline, overlay, entry or field.
    """
    entries = import_module("recortex.pipeline.entries")
    return dict(import_module("recortex.pipeline.build").build(entries.gather(pipeline, overlays, sets)[1]))


def __getattr__(name: str) -> Any:
    if not name[:1].isupper():  # a submodule on its way in, not a stage: the catalog must not be loaded for it
        raise AttributeError(f"module recortex has no attribute {name}")
    catalog = import_module("recortex.catalog")
    if name in catalog.STAGES:
        return catalog.find(name)
    raise AttributeError(f"recortex has no {name}{catalog.did_you_mean(name, catalog.STAGES)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *import_module("recortex.catalog").STAGES])
