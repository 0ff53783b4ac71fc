"""Every stage by its name in YAML, one line each; the module is loaded when the name is asked for."""

from __future__ import annotations

from importlib import import_module

from recortex.errors import InvalidInput, did_you_mean
from recortex.stage import Node

STAGES = {
    # data: responses
    "ResponseFile": "recortex.data.response_file",
    "BidsBold": "recortex.data.bids",
    "Digits69": "recortex.data.digits69",
    "HaxbySlice": "recortex.data.haxby_slice",
    "PlantedUnits": "recortex.data.planted_units",
    "SimulatedBetas": "recortex.data.simulated.betas",
    "SimulatedBold": "recortex.data.simulated.bold",
    "SimulatedDrive": "recortex.data.simulated.drive",
    # data: stimuli
    "PictureFolder": "recortex.data.picture_folder",
    "PictureFile": "recortex.data.picture_file",
    "CaptionTable": "recortex.data.caption_table",
    "Digits69Pictures": "recortex.data.digits69",
    "HandwrittenDigits": "recortex.data.handwritten_digits",
    "SimulatedScenes": "recortex.data.simulated.scenes",
    "SimulatedCaptions": "recortex.data.simulated.captions",
    # splits
    "KFold": "recortex.splits.k_fold",
    "FixedSplit": "recortex.splits.fixed",
    "HoldOut": "recortex.splits.hold_out",
    "Within": "recortex.splits.within",
    # features
    "Pixels": "recortex.features.pixels",
    "GaborEnergy": "recortex.features.gabor_energy",
    "LowLevelMaps": "recortex.features.low_level_maps",
    "TorchvisionNet": "recortex.features.torchvision_net",
    "CLIP": "recortex.features.clip",
    "CLIPText": "recortex.features.clip_text",
    "DINO": "recortex.features.dino",
    "AutoencoderLatents": "recortex.features.autoencoder_latents",
    "PlantedFeatures": "recortex.features.planted_features",
    "CategoryFeatures": "recortex.features.category_features",
    "LabelTable": "recortex.features.label_table",
    "FeatureFile": "recortex.features.feature_file",
    "Bands": "recortex.features.bands",
    # responses
    "LeastSquaresAll": "recortex.responses.least_squares_all",
    "NoiseCeiling": "recortex.responses.noise_ceiling",
    # encoders
    "RidgeEncoder": "recortex.encoders.ridge_encoder",
    "BandedRidgeEncoder": "recortex.encoders.banded_ridge_encoder",
    "ReceptiveFieldEncoder": "recortex.encoders.receptive_field_encoder",
    "VariancePartition": "recortex.encoders.variance_partition",
    "Predict": "recortex.encoders.predict",
    # decoders
    "RidgeDecoder": "recortex.decoders.ridge_decoder",
    "CategoryDecoder": "recortex.decoders.category_decoder",
    "Decode": "recortex.decoders.decode",
    # generators
    "PixelPictures": "recortex.generators.pixel_pictures",
    "NearestPicture": "recortex.generators.nearest_picture",
    "LatentPictures": "recortex.generators.latent_pictures",
    "UnCLIP": "recortex.generators.un_clip",
    # captioners
    "ClipCap": "recortex.captioners.clip_cap",
    "NearestCaption": "recortex.captioners.nearest_caption",
    # selectivity
    "BrainSCUBA": "recortex.selectivity.brainscuba",
    # pretraining
    "ImageTextTraining": "recortex.pretraining.image_text",
    "AutoencoderTraining": "recortex.pretraining.autoencoder",
    "AutoencoderDecoderTraining": "recortex.pretraining.autoencoder_decoder",
    "LatentDiffusionTraining": "recortex.pretraining.latent_diffusion",
    "CaptionerTraining": "recortex.pretraining.captioner",
    "JudgeTraining": "recortex.pretraining.judge",
    "ShippedModels": "recortex.pretraining.shipped_models",
    # audit
    "DataAudit": "recortex.audit.fits",
    "FitAudit": "recortex.audit.fits",
    # scores
    "EncodingScores": "recortex.scores.encoding_scores",
    "ImageScores": "recortex.scores.image_scores",
    "JudgeScores": "recortex.scores.judge_scores",
    "CaptionScores": "recortex.scores.caption_scores",
    "UnitCaptionScores": "recortex.scores.unit_caption_scores",
    "CategoryScores": "recortex.scores.category_scores",
}


def find(name: str) -> type[Node]:
    """The class behind a name.

    Raises
    ------
    InvalidInput
        There is no such stage; the message holds the nearest name.
    """
    if name not in STAGES:
        raise InvalidInput(f"there is no stage {name}{did_you_mean(name, STAGES)}")
    return getattr(import_module(STAGES[name]), name)


def room(name: str) -> str:
    """The room that a stage stands in: "data", "features" ..."""
    return STAGES[name].split(".")[1]
