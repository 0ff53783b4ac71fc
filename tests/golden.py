"""What every class of the catalog is by default, and what it computes on a tiny example; `python -m tests.golden` writes it anew.

A default that moves, or a result that moves, would give old keys to new results. So each needs a new `version` of its class.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from recortex import catalog, store
from recortex.stage import NOT_IN_KEY, Node, Stage
from tests import tiny_models
from tests.data import bold
from tests.laws import planted, recording

FILE = Path(__file__).with_name("golden.json")
TRAININGS = (
    "ImageTextTraining", "AutoencoderTraining", "AutoencoderDecoderTraining", "LatentDiffusionTraining", "CaptionerTraining",
    "JudgeTraining", "ShippedModels",
)  # fmt: skip
WITHOUT_DIGEST = {
    "Digits69": "a published file that is not part of the project",
    "Digits69Pictures": "a published file that is not part of the project",
    "HaxbySlice": "published files that are not part of the project",
    **dict.fromkeys(TRAININGS, "trained step after step, so that another machine's rounding grows; see tests/pretraining"),
    "TorchvisionNet": "published weights; its features are held to human recordings in tests/features",
}


def versions(cls: type[Node]) -> list[int]:
    """Versions of a class and its bases, nearest first."""
    return [vars(base)["version"] for base in cls.__mro__ if "version" in vars(base)]


def defaults(cls: type[Node]) -> dict[str, str]:
    """Every field that counts in the key, with its default."""
    return {
        name: "required" if field.is_required() else repr(field.get_default(call_default_factory=True))
        for name, field in cls.model_fields.items()
        if NOT_IN_KEY not in field.metadata
    }


def examples(folder: Path) -> dict[str, Callable[[], Stage]]:
    """A tiny instance of every stage that needs nothing but the project."""

    def of(name: str, **fields: Any) -> Any:
        return catalog.find(name)(**fields)

    brain, stimuli = recording(folder, *planted(stimuli=16, units=4))
    (folder / "captions.csv").write_text('stimulus,caption\nsix,"a six, slanted"\nsix,a digit\nnine,a nine\n')
    (folder / "words.csv").write_text("stimulus,caption\none,a red cup\none,a cup\ntwo,a blue dog on grass\n")
    (folder / "labels.csv").write_text("label,size,age\neven,2,1\nodd,1,0.5\n")
    np.save(folder / "features.npy", np.random.default_rng(0).standard_normal((16, 2, 3)).astype(np.float32))
    (folder / "pictures").mkdir()
    from PIL import Image

    for number in range(3):
        Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3) + 20 * number).save(folder / f"pictures/{number}.png")
    digits = of("HandwrittenDigits", count=40)
    units = of("PlantedUnits", stimuli=digits, units=5)
    scenes = of("SimulatedScenes", count=24)
    person = of("SimulatedBetas", stimuli=scenes, shared=4, own=8, sessions=2, runs=2, voxel_mm=12.0, cover="visual")
    scan = of(
        "SimulatedBold", stimuli=scenes, shared=4, own=8, presentations=1, sessions=1, runs=2, voxel_mm=12.0, cover="visual"
    )
    pixels = of("Pixels", stimuli=stimuli)
    decoder = of("RidgeDecoder", brain=brain, features=pixels)
    encoder = of("RidgeEncoder", brain=brain, features=pixels)
    bands = of("Bands", spaces={"fine": pixels, "coarse": of("Pixels", stimuli=stimuli, size=2)})
    fixed = of("RidgeDecoder", brain=brain, features=pixels, split=of("FixedSplit"))
    _, _, table = planted(stimuli=16, units=4)
    test = table["split"] == "test"
    new, _ = recording(
        folder / "new", planted(stimuli=16, units=4)[0][test], planted(stimuli=16)[1], {k: v[test] for k, v in table.items()}
    )
    pictures = of("PixelPictures", decoder=of("RidgeDecoder", brain=units, features=of("Pixels", stimuli=digits)))
    category = of("CategoryDecoder", brain=brain)
    seen = of("CLIP", stimuli=digits, folder=tiny_models.open_clip(folder / "open_clip"))
    latents = of("AutoencoderLatents", stimuli=digits, folder=tiny_models.autoencoder(folder / "autoencoder", "kl"), size=16)
    content = of("RidgeDecoder", brain=units, features=seen, split=of("HoldOut"))
    captioner = tiny_models.captioner(folder / "captioner", 12, planted=False)
    drawn = of(
        "UnCLIP",
        decoder=content,
        captions=of("ClipCap", decoder=content, folder=captioner, most=6),
        samples=2,
        start=of("RidgeDecoder", brain=units, features=latents, split=of("HoldOut")),
        folder=tiny_models.latent_diffusion(folder / "diffusion", side=4),
        steps=2,
    )
    said = of("SimulatedCaptions", scenes=scenes)
    embedded = of(
        "RidgeDecoder", brain=person, features=of("CLIP", stimuli=scenes, folder=folder / "open_clip"), split=of("FixedSplit")
    )
    written = of("ClipCap", decoder=embedded, folder=captioner, most=6)
    chosen = of("RidgeEncoder", brain=person, features=embedded.features, split=of("Within", split=of("HoldOut", test=0.5)), cv=2)
    bank = of("CLIP", stimuli=of("SimulatedScenes", count=12, seed=3), folder=folder / "open_clip")
    meant = of("BrainSCUBA", encoder=chosen, bank=bank, neighbours=3.0, level=0.99, folder=captioner, most=6)
    judge = tiny_models.judge(folder / "judge", {"kind": ("house", "ball"), "count": ("1", "2")})
    made = [
        brain,
        bold.read(bold.written(folder / "bids"), confounds=("trans_x", "rot_z")),
        stimuli,
        of("PictureFolder", path=folder / "pictures"),
        of("CaptionTable", path=folder / "captions.csv"),
        digits,
        scenes,
        said,
        person,
        of("SimulatedDrive", brain=person, most=4),
        scan,
        of("LeastSquaresAll", recording=scan),
        units,
        pixels,
        of("GaborEnergy", stimuli=digits, frequencies=(1, 2), orientations=4, size=8),
        maps := of("LowLevelMaps", stimuli=digits, cells=4, orientations=2, size=8),
        seen,
        of("CLIPText", captions=of("CaptionTable", path=folder / "words.csv"), folder=folder / "open_clip"),
        of("DINO", stimuli=digits, folder=tiny_models.dino(folder / "dino")),
        latents,
        of("PlantedFeatures", brain=units),
        of("CategoryFeatures", brain=brain),
        of("LabelTable", brain=brain, path=folder / "labels.csv"),
        of("FeatureFile", path=folder / "features.npy", stimuli=stimuli),
        bands,
        of("NoiseCeiling", brain=brain, resamples=20),
        of("DataAudit", fit=encoder),
        of("FitAudit", fit=decoder),
        encoder,
        of("BandedRidgeEncoder", brain=brain, features=bands, candidates=6),
        of("ReceptiveFieldEncoder", brain=units, features=maps, sizes=(0.1, 0.3)),
        of("VariancePartition", brain=brain, features=bands),
        of("Predict", encoder=encoder, features=pixels),
        decoder,
        category,
        of("Decode", decoder=fixed, brain=new),
        pictures,
        of("NearestPicture", decoder=decoder, stimuli=stimuli),
        drawn,
        of("LatentPictures", decoder=drawn.start),
        of("EncodingScores", encoder=encoder, permutations=2, resamples=20),
        of("ImageScores", pictures=pictures, stimuli=digits, permutations=2, resamples=20),
        written,
        of("NearestCaption", decoder=embedded, captions=said),
        of(
            "CaptionScores",
            captions=of("NearestCaption", decoder=embedded, captions=said),
            truth=said,
            permutations=1,
            resamples=20,
        ),
        meant,
        of("UnitCaptionScores", captions=meant, pictures=embedded.features, permutations=40, resamples=20),
        of("JudgeScores", pictures=drawn, stimuli=digits, folder=judge, permutations=1, resamples=20),
        of("CategoryScores", decoder=category, permutations=2),
    ]
    return {stage.type_name(): stage for stage in made}


def digest(stage: Stage) -> dict[str, Any]:
    """Names and shapes of a result, and its numbers condensed so that another machine's rounding does not show."""
    result = stage.run()
    out: dict[str, Any] = {}
    for name in result:
        values = result[name]
        if values.dtype.kind in "fiub":
            flat = values[np.isfinite(values)].astype(np.float64).ravel()
            # the second moment with a ramp: a transposed or permuted array differs
            ramp = np.linspace(1, 2, len(flat))
            out[name] = (
                [list(values.shape), float(flat.mean()), float((flat * ramp).mean())] if len(flat) else [list(values.shape)]
            )
        elif name not in ("split", "split_hash"):
            out[name] = [list(values.shape), "|".join(values.ravel()[:6].tolist())]
    return out


def current() -> dict[str, Any]:
    """The golden file as the code is now."""
    with tempfile.TemporaryDirectory() as name, store.use(store.Store(Path(name) / "cache")):
        made = {kind: digest(stage) for kind, stage in examples(Path(name) / "files").items()}
    out = {}
    for name in catalog.STAGES:
        cls = catalog.find(name)
        out[name] = {"versions": versions(cls), "defaults": defaults(cls), "digest": made.get(name)}
    return out


if __name__ == "__main__":
    FILE.write_text(json.dumps(current(), indent=1, sort_keys=True) + "\n")
    print(f"wrote {FILE}")
