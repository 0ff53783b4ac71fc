"""Layers of the picture networks that torchvision names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from recortex import keys
from recortex.checkpoints.weights import read_weights
from recortex.data.base import Pictures
from recortex.data.download import download
from recortex.errors import InvalidInput, MissingData, did_you_mean, listed
from recortex.features.base import Features
from recortex.progress import steps
from recortex.stage import NOT_IN_KEY, LocalFile, Tiling

if TYPE_CHECKING:
    import torch

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_SD = (0.229, 0.224, 0.225)


class TorchvisionNet(Features):
    """Responses of one layer of a torchvision classification network to pictures.

    Pictures are brought to RGB, resized (shorter side to `size`, bilinear with antialiasing), cut to the middle square, and
    normalised by ImageNet's mean and standard deviation.

    Parameters
    ----------
    stimuli : Pictures
        The pictures.
    model : str
        A builder of ``torchvision.models``: "squeezenet1_0", "alexnet", "resnet50" ...
    layer : str
        A module of it, as ``named_modules`` calls it: "features.12", "layer4.2".
    weights : str
        Which of torchvision's published weights, from its cache, ``RECORTEX_MIRROR`` or the network; not used with `weights_file`.
    weights_file : file, optional
        Weights in torchvision's own naming, .safetensors or .pth (loaded without pickle).
    pool : "none" or "mean"
        Whether a map of (channel, y, x) is flattened, or averaged over places.
    size : int
        Side in pixels of what the network sees.
    device : str
        Where it is computed: "cpu", "cuda" ...
    batch : int
        How many pictures at a time.
    """

    stimuli: Pictures
    model: str = "squeezenet1_0"
    layer: str = "features.12"
    weights: str = "IMAGENET1K_V1"
    weights_file: LocalFile | None = None
    pool: Literal["none", "mean"] = "none"
    size: int = Field(default=224, ge=32, le=1024)
    device: Annotated[str, NOT_IN_KEY] = "cpu"
    batch: Annotated[int, NOT_IN_KEY] = Field(default=32, ge=1)

    embedding: ClassVar[bool] = True

    def tiling(self) -> Tiling:
        """Some hundred pictures at a time."""
        return Tiling("stimulus", self.stimuli.run().shape("picture")[0], 256)

    def compute_tile(self, rows: range) -> dict[str, Any]:
        """Features of some pictures.

        Raises
        ------
        InvalidInput
            No such model or layer, or weights that do not fit it.
        MissingData
            The weights are not on this machine and cannot be fetched.
        """
        import torch

        seen = self.stimuli.run()
        names = seen["stimulus"][rows.start : rows.stop]
        pictures = torch.from_numpy(seen.read("picture", slice(rows.start, rows.stop))).permute(0, 3, 1, 2)
        network = self._network().eval().to(self.device)
        kept: list[torch.Tensor] = []
        modules = dict(network.named_modules())
        if self.layer not in modules or not self.layer:
            hint = did_you_mean(self.layer, [name for name in modules if name])
            raise InvalidInput(f"{self.model} has no layer {self.layer}{hint}")

        def keep(module: torch.nn.Module, given: Any, made: torch.Tensor) -> None:
            if not isinstance(made, torch.Tensor):
                raise InvalidInput(f"{self.model}: layer {self.layer} gives several arrays; choose a layer inside or after it")
            kept.append(made.detach().to("cpu", copy=True))  # a copy: a ReLU in place would overwrite it

        handle = modules[self.layer].register_forward_hook(keep)
        features: list[np.ndarray] = []
        shape: tuple[int, ...] = ()
        with torch.inference_mode():
            for start in steps(range(0, len(pictures), self.batch), "batches of pictures"):
                kept.clear()
                try:
                    network(prepare(pictures[start : start + self.batch], self.size).to(self.device))
                except InvalidInput:
                    raise
                except (RuntimeError, AssertionError) as error:
                    said = str(error).split("\n")[0]
                    raise InvalidInput(
                        f"{self.model} cannot see pictures of size {self.size} on {self.device}: {said}"
                    ) from error
                if not kept:
                    raise InvalidInput(f"{self.model} does not pass through layer {self.layer} on its own; choose another layer")
                # a module that is used twice in one pass would be seen twice: its last use counts
                made = kept[-1]
                made = made.mean(dim=(2, 3)) if self.pool == "mean" and made.ndim == 4 else made
                shape = tuple(made.shape[1:])
                features.append(made.flatten(1).numpy())
        handle.remove()
        return {"stimulus": names, "features": np.concatenate(features), "shape": np.array(shape)}

    def _network(self) -> torch.nn.Module:
        import torch
        import torchvision

        builders = torchvision.models.list_models(module=torchvision.models)
        if self.model not in builders:
            raise InvalidInput(f"torchvision has no model {self.model}{did_you_mean(self.model, builders)}")
        network = torchvision.models.get_model(self.model, weights=None)
        path = self.weights_file or self._published()
        state = read_weights(path)
        try:
            network.load_state_dict(state)
        except (RuntimeError, TypeError, AttributeError) as error:
            expected = set(network.state_dict())
            wrong = sorted(expected ^ set(state)) or [str(error).splitlines()[-1].strip()]
            raise InvalidInput(f"{path}: the weights do not fit {self.model}: {listed(wrong, 3)}") from error
        if hasattr(network, "transform_input"):
            network.transform_input = True  # torchvision's own weights of these models want another normalisation
        return network.to(torch.float32)

    def _usual(self) -> list[str]:
        """The model's published weights that want ImageNet's normalisation."""
        import torchvision

        choices = torchvision.models.get_model_weights(self.model)
        return [choice.name for choice in choices if tuple(choice.transforms().mean) == IMAGENET_MEAN] or ["another model"]

    def _published(self) -> Path:
        """The file of torchvision's own weights: in a mirror, in PyTorch's cache, or fetched into it."""
        import torch
        import torchvision

        choices = torchvision.models.get_model_weights(self.model)
        if self.weights not in choices.__members__:
            raise InvalidInput(f"{self.model} has no weights {self.weights}{did_you_mean(self.weights, choices.__members__)}")
        weights = choices[self.weights]
        wanted = weights.transforms()
        if (
            tuple(getattr(wanted, "mean", IMAGENET_MEAN)) != IMAGENET_MEAN
            or tuple(getattr(wanted, "std", IMAGENET_SD)) != IMAGENET_SD
        ):
            raise InvalidInput(
                f"{self.model}'s weights {self.weights} want another normalisation than ImageNet's; use {listed(self._usual())}"
            )
        name = weights.url.rsplit("/", 1)[-1]
        digest = Path(name).stem.rsplit("-", 1)[-1]  # torchvision's names end in the first digits of the file's sha256
        cached = Path(torch.hub.get_dir()) / "checkpoints" / name
        mirrors = [Path(folder) for folder in os.environ.get("RECORTEX_MIRROR", "").split(os.pathsep) if folder]
        for found in (*(path for folder in mirrors for path in sorted(folder.rglob(name))), cached):
            if found.is_file():
                if not keys.content(found).startswith(digest):
                    raise InvalidInput(f"{found} is not the published file of that name (its sha256 differs); replace it")
                return found
        try:
            return download(weights.url, cached, sha256=digest, elsewhere="TORCH_HOME")
        except MissingData as error:
            raise MissingData(
                f"the weights {name} of {self.model} are not on this machine: {error}, or name it with weights_file"
            ) from error


def prepare(pictures: torch.Tensor, size: int) -> torch.Tensor:
    """(n, 1 or 3, height, width) uint8 to what an ImageNet network expects: (n, 3, size, size) float32."""
    import torch
    from torchvision.transforms.v2 import functional

    colour = pictures.expand(-1, 3, -1, -1).to(torch.float32) / 255
    small = functional.resize(colour, [size], antialias=True)
    return functional.normalize(functional.center_crop(small, [size, size]), list(IMAGENET_MEAN), list(IMAGENET_SD))
