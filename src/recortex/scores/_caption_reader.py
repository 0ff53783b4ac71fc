"""The side of an image-text model that reads words."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from recortex.checkpoints.from_open_clip import FromOpenClip


class CaptionReader(FromOpenClip):
    """The side of an image-text model that reads words; it only loads, and has no result.

    Parameters
    ----------
    model, weights, revision, folder, trained, device, batch
        As of the model's pictures.
    """

    words: ClassVar[bool] = True

    def read_captions(self, captions: list[str], cut: bool) -> np.ndarray:
        """Embeddings of captions, (caption, feature).

        Raises
        ------
        InvalidInput
            Damaged or foreign files, or a caption that is too long.
        MissingData
            The model is not on this machine and cannot be fetched.
        """
        import torch

        from recortex.checkpoints.image_text import tokens_of
        from recortex.checkpoints.loading import in_one_line, to_device

        made = []
        with self.model_folder() as folder, torch.inference_mode():
            loaded = self.load(folder)
            tokens = tokens_of(loaded, captions, cut=cut)
            model = to_device(loaded.model, self.device)
            for start in range(0, len(captions), self.batch):
                with in_one_line("the captions cannot be read"):
                    some = model.encode_text(tokens[start : start + self.batch].to(self.device), normalize=True)
                    made.append(some.to("cpu", torch.float32).numpy())
        return np.concatenate(made)
