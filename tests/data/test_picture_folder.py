"""A folder of pictures gives what a person sees when opening the files."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from recortex.data.picture_folder import PictureFolder
from recortex.errors import InvalidInput
from tests.data.files import LETTER, refused

COLOURED = np.stack([LETTER, LETTER // 2, 255 - LETTER], axis=2)


def save(path, values, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).convert(mode or Image.fromarray(values).mode).save(path, **options)
    return path


def only(folder, **fields) -> np.ndarray:
    made = PictureFolder(path=folder, **fields).run()
    assert len(made["stimulus"]) == 1
    return made["picture"][0]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "tiff", "PNG"])
def test_pictures_come_upright_with_rows_first_and_red_first(suffix, tmp_path):
    save(tmp_path / f"letter.{suffix}", COLOURED)
    assert np.array_equal(only(tmp_path), COLOURED)


def test_names_are_those_of_the_files_in_any_subfolder_in_order(tmp_path):
    for name in ("b/two.png", "a/x/three.one.png", "zero.png"):
        save(tmp_path / name, COLOURED)
    assert PictureFolder(path=tmp_path).run()["stimulus"].tolist() == ["three.one", "two", "zero"]


def test_what_is_not_a_picture_and_what_is_hidden_is_passed_over(tmp_path):
    save(tmp_path / "a.png", COLOURED)
    (tmp_path / "readme.txt").write_text("x")
    (tmp_path / "._a.png").write_bytes(b"resource fork")
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    assert PictureFolder(path=tmp_path).run()["stimulus"].tolist() == ["a"]


def test_a_hidden_folder_is_passed_over_as_it_is_in_the_key(tmp_path):
    save(tmp_path / "a.png", COLOURED)
    before = PictureFolder(path=tmp_path).key()
    save(tmp_path / ".ipynb_checkpoints" / "a-checkpoint.png", COLOURED)
    assert PictureFolder(path=tmp_path).key() == before
    assert PictureFolder(path=tmp_path).run()["stimulus"].tolist() == ["a"]


def test_a_folder_that_is_called_like_a_picture_is_passed_over(tmp_path):
    save(tmp_path / "faces.png" / "a.png", COLOURED)
    assert PictureFolder(path=tmp_path).run()["stimulus"].tolist() == ["a"]


def test_grey_keeps_one_channel_with_the_eyes_weights(tmp_path):
    save(tmp_path / "a.png", COLOURED)
    grey = only(tmp_path, colours="grey")
    assert grey.shape == (4, 3, 1)
    assert np.abs(grey[..., 0] - COLOURED @ [0.299, 0.587, 0.114]).max() <= 1


def test_a_grey_file_read_as_colour_has_three_equal_channels(tmp_path):
    save(tmp_path / "a.png", LETTER)
    assert np.array_equal(only(tmp_path), np.repeat(LETTER[..., None], 3, axis=2))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_that_was_turned_is_turned_back(orientation, tmp_path):
    """What is stored, for each of the eight EXIF orientations, when the scene is upright as `COLOURED`."""
    stored = {
        1: COLOURED,
        2: COLOURED[:, ::-1],
        3: COLOURED[::-1, ::-1],
        4: COLOURED[::-1],
        5: COLOURED.transpose(1, 0, 2),
        6: np.rot90(COLOURED, 1),
        7: COLOURED[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(COLOURED, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(only(tmp_path), COLOURED)


def test_a_palette_is_looked_up(tmp_path):
    picture = Image.fromarray(COLOURED).quantize(256)
    picture.save(tmp_path / "a.png")
    assert np.array_equal(only(tmp_path), np.asarray(picture.convert("RGB")))
    assert np.abs(only(tmp_path).astype(int) - COLOURED).mean() < 12


def test_what_is_transparent_shows_a_mid_grey_ground(tmp_path):
    alpha = np.array([[255, 0, 255], [0, 255, 255], [255, 255, 0], [128, 255, 255]], dtype=np.uint8)
    save(tmp_path / "a.png", np.dstack([COLOURED, alpha]))
    seen = only(tmp_path)
    assert np.array_equal(seen[alpha == 255], COLOURED[alpha == 255])
    assert (seen[alpha == 0] == 128).all()
    assert np.abs(seen[3, 0] - (COLOURED[3, 0] / 2 + 64)).max() <= 2


def test_a_transparent_palette_shows_the_ground_too(tmp_path):
    picture = Image.fromarray(np.array([[0, 1], [1, 0]], dtype=np.uint8), mode="P")
    picture.putpalette([10, 20, 30, 200, 210, 220])
    picture.save(tmp_path / "a.png", transparency=0)
    assert only(tmp_path).tolist() == [[[128] * 3, [200, 210, 220]], [[200, 210, 220], [128] * 3]]


def test_inks_of_a_printer_become_light(tmp_path):
    flat = np.zeros((8, 8, 3), dtype=np.uint8) + np.array([200, 30, 60], dtype=np.uint8)
    Image.fromarray(flat).convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    assert np.abs(only(tmp_path).astype(int) - flat).max() < 8


def test_black_and_white_is_black_and_white(tmp_path):
    save(tmp_path / "a.png", (LETTER > 100).astype(np.uint8) * 255, "1")
    assert np.array_equal(only(tmp_path, colours="grey")[..., 0], (LETTER > 100) * 255)


def test_sixteen_bits_are_brought_to_eight_by_their_range(tmp_path):
    deep = LETTER.astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "a.png")
    assert np.array_equal(only(tmp_path, colours="grey")[..., 0], LETTER)


def test_a_dark_sixteen_bit_picture_stays_dark(tmp_path):
    """The range is the file's, not what the darkest picture happens to fill, or one dim picture would outshine its neighbours."""
    save_deep = Image.fromarray(np.full((4, 3), 200, dtype=np.uint16))
    save_deep.save(tmp_path / "a.png")
    assert only(tmp_path, colours="grey").max() <= 1


def test_a_tiff_of_fractions_is_refused_or_scaled_but_not_black(tmp_path):
    Image.fromarray((LETTER / 255).astype(np.float32)).save(tmp_path / "a.tif")
    try:
        seen = only(tmp_path, colours="grey")[..., 0]
    except InvalidInput:
        return
    assert np.array_equal(seen, LETTER)


def test_a_size_resizes_the_shorter_side_and_keeps_the_middle(tmp_path):
    quarters = np.kron(np.array([[50, 100], [150, 200]], dtype=np.uint8), np.ones((10, 10), dtype=np.uint8))
    wide = np.pad(quarters, ((0, 0), (10, 10)), constant_values=255)[..., None].repeat(3, axis=2)
    save(tmp_path / "a.png", wide)
    seen = only(tmp_path, size=10)
    assert seen.shape == (10, 10, 3)
    quadrants = [seen[:4, :4], seen[:4, 6:], seen[6:, :4], seen[6:, 6:]]
    assert [float(part[1:3, 1:3].mean()) for part in quadrants] == pytest.approx([50, 100, 150, 200], abs=2)


def test_pictures_of_several_sizes_are_brought_to_one(tmp_path):
    for name, shape in {"a": (9, 12), "b": (20, 9), "c": (30, 30)}.items():
        save(tmp_path / f"{name}.png", np.full((*shape, 3), 77, dtype=np.uint8))
    assert PictureFolder(path=tmp_path, size=8).run()["picture"].shape == (3, 8, 8, 3)
    refused(lambda: PictureFolder(path=tmp_path), InvalidInput, "b.png", "20 x 9", "a.png", "9 x 12", "size: 9")


def test_a_large_picture_is_shrunk_without_moire(tmp_path):
    fine = np.tile(np.array([[0, 255]], dtype=np.uint8), (64, 32))
    save(tmp_path / "a.png", fine)
    seen = only(tmp_path, size=16, colours="grey").astype(float)
    assert np.abs(seen[:, 2:-2] - 127.5).max() < 12


def test_two_files_of_one_name_are_refused(tmp_path):
    for name in ("x/a.png", "y/a.jpg", "b.png"):
        save(tmp_path / name, COLOURED)
    refused(
        lambda: PictureFolder(path=tmp_path),
        InvalidInput,
        str(tmp_path),
        "a names more than one file (",
        "; keep one of each name",
    )


def test_the_number_that_is_foretold_is_the_number_that_comes(tmp_path):
    save(tmp_path / "a.png", COLOURED)
    save(tmp_path / "._a.png", COLOURED)
    stage = PictureFolder(path=tmp_path, size=8)
    foretold = stage.foresee()
    stage.run()
    assert foretold == stage.foresee()
