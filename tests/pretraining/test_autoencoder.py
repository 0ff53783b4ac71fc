"""The autoencoder's latents are standardised by itself, and it comes back from its folder as it was."""

import copy

import numpy as np
import pytest
import torch
from diffusers import AutoencoderDC

from recortex import SimulatedScenes
from recortex.errors import InvalidInput
from recortex.pretraining.autoencoder import ASKED, AutoencoderTraining, as_input, as_pictures, fold, local_contrast, psnr

SCENES, HELD_OUT = SimulatedScenes(count=32, seed=5), SimulatedScenes(count=16, seed=6)
FEW = {"steps": 3, "batch": 4, "channels": 4, "encoder_blocks": (1, 1), "decoder_blocks": (1, 1)}
FEW |= {"encoder_widths": (16, 64), "decoder_widths": (16, 64)}
THREE = {
    "encoder_widths": (16, 64, 128),
    "decoder_widths": (16, 64, 64),
    "encoder_blocks": (1, 1, 1),
    "decoder_blocks": (1, 1, 1),
}


def training(**fields) -> AutoencoderTraining:
    return AutoencoderTraining(scenes=SCENES, held_out=HELD_OUT, **FEW | fields)


def figures(made) -> dict[str, float]:
    return dict(zip(made["figure"].tolist(), made["value"].tolist(), strict=True))


def test_a_folded_normalisation_is_the_same_function():
    torch.manual_seed(0)
    last, standard = torch.nn.Conv2d(5, 4, 3, padding=1).double(), torch.nn.BatchNorm2d(4, affine=False).double()
    standard.running_mean.uniform_(-2, 2)
    standard.running_var.uniform_(0.1, 5)
    pictures = torch.randn(3, 5, 9, 9, dtype=torch.float64)
    wanted = standard.eval()(last(pictures))
    fold(last, standard)
    torch.testing.assert_close(last(pictures), wanted, rtol=1e-12, atol=1e-12)


def test_latents_of_the_saved_model_are_standardised(tmp_path):
    """Whatever the statistics were that the training ran up."""
    stage = training()
    network = stage.recipe().network
    network["standard"].running_mean.fill_(7)
    before = copy.deepcopy(network.state_dict())
    stage.save(network.eval(), tmp_path)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())  # saving changes nothing
    pictures = as_input(SCENES.run()["picture"])
    saved = AutoencoderDC.from_pretrained(tmp_path)
    with torch.no_grad():
        latents = saved.encode(pictures).latent
        wanted = network["standard"].train()(network["autoencoder"].encoder(pictures))
    assert latents.shape == (32, 4, 16, 16)
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(4), atol=0.02, rtol=0)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(4), atol=0.02, rtol=0)
    torch.testing.assert_close(latents, wanted, atol=0.03, rtol=0.01)
    assert saved.config.scaling_factor == 1


def test_training_brings_pictures_nearer_and_measures_the_saved_model():
    stage = training(steps=60, batch=8)
    made = stage.run()
    measured = figures(made)
    assert made["loss"][-1].sum() < made["loss"][0].sum()
    assert measured["psnr_db"] > 19
    assert made["term"].tolist() == ["square", "kind", "design", "part"]
    with stage.folder() as folder:
        model = AutoencoderDC.from_pretrained(folder).eval()
    pictures = HELD_OUT.run()["picture"]
    with torch.no_grad():
        latents = model.encode(as_input(pictures)).latent
        decoded = as_pictures(model.decode(latents).sample)
    error = np.mean((pictures / 255 - decoded) ** 2)
    assert measured["psnr_db"] == pytest.approx(-10 * np.log10(error), abs=1e-3)
    assert measured["latent_sd_2"] == pytest.approx(float(latents[:, 1].std()), abs=1e-4)
    assert measured["latent_mean_4"] == pytest.approx(float(latents[:, 3].mean()), abs=1e-4)
    assert 8 < measured["psnr_db_latent_noise"] < measured["psnr_db"] + 0.1
    assert made["sheet"].shape == (3, 12, 64, 64, 3)
    np.testing.assert_array_equal(made["sheet"][0], pictures[:12])


def test_weights_are_in_half_precision():
    from safetensors.torch import load_file

    with training().folder() as folder:
        state = load_file(folder / "diffusion_pytorch_model.safetensors")
    assert {value.dtype for value in state.values()} == {torch.float16}


def test_pictures_come_back_from_their_scale():
    pictures = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    np.testing.assert_allclose(as_pictures(as_input(pictures)), pictures / 255, atol=1e-6)
    assert float(as_input(np.full((1, 2, 2, 3), 255, np.uint8)).max()) == 1
    assert float(as_input(np.zeros((1, 2, 2, 3), np.uint8)).min()) == -1


def test_local_contrast_is_the_standard_deviation_around():
    pictures = torch.rand(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    made = local_contrast(pictures)
    inside = pictures[1, :, 2:7, 1:6].numpy()
    assert float(made[1, 0, 4, 3]) == pytest.approx(np.sqrt(inside.var((1, 2)).mean()))
    corner = pictures[0, :, :3, :3].numpy()
    assert float(made[0, 0, 0, 0]) == pytest.approx(np.sqrt(corner.var((1, 2)).mean()))
    assert float(local_contrast(torch.ones(1, 3, 6, 6)).max()) == 0


def test_the_ratio_of_peak_to_error_is_that_by_hand():
    seen = np.zeros((2, 4, 4, 3))
    assert psnr(seen, seen + 0.1) == pytest.approx(20)
    assert psnr(seen, np.stack([seen[0], seen[1] + 0.1])) == pytest.approx(20 + 10 * np.log10(2))


@pytest.mark.parametrize(("channels", "more"), [(2, {}), (8, {}), (24, THREE)])
def test_it_starts_as_the_principal_components_of_patches(channels, more):
    """Held against scikit-learn's, on pictures that the components were not taken from."""
    from sklearn.decomposition import PCA

    stage = training(channels=channels, **more)
    torch.manual_seed(0)
    network, side = stage.recipe().network["autoencoder"].eval(), 2 ** len(stage.encoder_widths)
    seen, other = as_input(SCENES.run()["picture"]), as_input(HELD_OUT.run()["picture"])
    patches = [torch.nn.functional.pixel_unshuffle(some, side).movedim(1, -1).flatten(0, 2).numpy() for some in (seen, other)]
    components = PCA(channels).fit(patches[0])
    wanted = components.inverse_transform(components.transform(patches[1]))
    with torch.no_grad():
        decoded = network.decode(network.encode(other).latent).sample
    made = torch.nn.functional.pixel_unshuffle(decoded, side).movedim(1, -1).flatten(0, 2).numpy()
    error, best = np.mean((made - patches[1]) ** 2), np.mean((wanted - patches[1]) ** 2)
    assert 0.99 * best < error < 1.1 * best
    assert np.corrcoef(made.ravel(), wanted.ravel())[0, 1] > 0.995


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"decoder_blocks": (0, 1)}, "encoder_blocks and decoder_blocks are 1 or more"),
        ({"decoder_blocks": (1, 1, 1)}, "one number each per resolution"),
        ({"encoder_widths": (18, 64)}, "encoder_widths: each is a multiple of 4 and divides four times the one before"),
        ({"decoder_widths": (16, 48)}, "decoder_widths: each is a multiple of 4 and divides four times the one before"),
        ({"decoder_widths": (12, 48)}, "decoder_widths: all but the last have room for a patch's colours, 13 or more"),
        (THREE | {"decoder_widths": (16, 32, 64)}, "all but the last have room for a patch's colours, 13, 48 or more"),
        ({"encoder_widths": (4, 8), "channels": 12}, "end with no fewer than the latents' channels, 12"),
    ],
)
def test_widths_that_cannot_be_are_refused(changed, said):
    with pytest.raises(InvalidInput, match=said):
        training(**changed).check_ready()


def test_training_makes_what_is_where_readable_from_the_latents():
    """The reading itself is learnt as well, but from latents that stay as they are it cannot learn as much (6.3 against 7.0)."""
    from recortex.pretraining._cells import cell_losses, cells_of

    cells, pictures = cells_of(SCENES.run(), 16, ASKED), as_input(SCENES.run()["picture"])

    def cost(parts: list[str]) -> float:
        torch.manual_seed(0)
        recipe = training(meaning=1.0, meaning_noise=0.0, batch=8).recipe()
        network, rng = recipe.network.train(), np.random.default_rng(0)
        optimiser = torch.optim.Adam([weight for part in parts for weight in network[part].parameters()], 2e-3)
        for _ in range(100):
            optimiser.zero_grad()
            terms = recipe.losses(rng)
            sum(loss for name, loss in terms.items() if name != "square").backward()
            optimiser.step()
        with torch.no_grad():
            latents = network["standard"](network["autoencoder"].encoder(pictures))
            return float(sum(cell_losses(network["read"](latents), cells).values()))

    together, alone = cost(["autoencoder", "read"]), cost(["read"])
    assert together < 0.95 * alone, (together, alone)


def test_held_out_scenes_that_are_trained_on_are_refused():
    with pytest.raises(InvalidInput, match=r"held_out: 32 of its scenes are trained on \(s5_000000\); give them another seed"):
        AutoencoderTraining(scenes=SCENES, held_out=SimulatedScenes(count=40, seed=5)).check_ready()
