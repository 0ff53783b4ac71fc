"""Pictures that are none, break off, move or would fill the memory are told in one line; odd ones are seen as they were drawn.

What a picture holds is known here without the program that reads it: PNG files are written byte by byte, TIFF by tifffile.
"""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from recortex.data import _memory, _picture_bytes
from recortex.data._picture_bytes import read_picture, upright_size
from recortex.data.base import rows_of
from recortex.data.picture_folder import PictureFolder
from recortex.errors import InvalidInput
from tests.data.broken import Broken, Desk, bounded
from tests.data.files import LETTER, recortex, refused

BROKEN = Broken()
SIDES = (4, 3)
COLOURED = np.stack([LETTER, LETTER // 2, 255 - LETTER], axis=2)
NOISE = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_picture_is_told_in_one_line(name, desk, recwarn):
    BROKEN.check(name, desk)
    assert not recwarn.list, [str(warning.message) for warning in recwarn.list]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, bits: int, colours: int, rows: bytes, *between: bytes, packed: bytes | None = None) -> bytes:
    """A PNG file by its specification: rows of samples, each behind a byte that says it is not filtered."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows, 9) if packed is None else packed)
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(between) + body + chunk(b"IEND", b"")


def rows(values: np.ndarray) -> bytes:
    """Samples of each row as PNG holds them, most significant byte first."""
    big = values.astype(values.dtype.newbyteorder(">"))
    return b"".join(b"\0" + row.tobytes() for row in big)


def folder(desk: Desk, **pictures: bytes) -> PictureFolder:
    """A folder of one sound picture and some others, by their name with an underscore for the dot."""
    (desk.folder / "pictures").mkdir(exist_ok=True)
    Image.fromarray(NOISE).save(desk.folder / "pictures" / "a.png")
    for name, content in pictures.items():
        (desk.folder / "pictures" / name.replace("_", ".")).write_bytes(content)
    return PictureFolder(path=desk.folder / "pictures", size=8)


def saved(values: np.ndarray, kind: str, **options: Any) -> bytes:
    import io

    stream = io.BytesIO()
    Image.fromarray(values).save(stream, kind, **options)
    return stream.getvalue()


# what is no picture


@BROKEN("b.png", "cannot be read as a picture", "a PDF")
def a_pdf_called_png(desk):
    return folder(desk, b_png=b"%PDF-1.7\n" + b"x" * 200)


@BROKEN("b.png", "SVG")
def a_drawing_called_png(desk):
    return folder(desk, b_png=b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"></svg>')


@BROKEN("b.jpg", "HEIC")
def a_photograph_of_a_telephone_called_jpg(desk):
    return folder(desk, b_jpg=b"\0\0\0\x18ftypheic" + b"\0" * 200)


@BROKEN("b.png", "PostScript")
def a_program_of_postscript_called_png(desk):
    """Pillow would have Ghostscript run it."""
    return folder(desk, b_png=b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(executed) (w) file closefile\nshowpage\n")


@BROKEN("b.png", "a web page")
def a_page_that_says_not_found(desk):
    return folder(desk, b_png=b"<html><head><title>404 Not Found</title></head></html>")


@BROKEN("b.jpg", "zip archive")
def an_archive_called_jpg(desk):
    return folder(desk, b_jpg=b"PK\x03\x04" + b"\0" * 100)


@BROKEN("b.png", "bytes are all 0")
def a_picture_of_zero_bytes(desk):
    return folder(desk, b_png=b"\0" * 5000)


@BROKEN("b.gif", "none of PNG, JPEG")
def a_targa_called_gif(desk):
    return folder(desk, b_gif=saved(NOISE, "TGA"))


@BROKEN("b.bmp", "none of PNG, JPEG")
def an_icon_called_bmp(desk):
    return folder(desk, b_bmp=saved(NOISE, "ICO"))


# what breaks off


@BROKEN("b.png", "cannot be read as a picture")
def a_png_of_which_only_the_header_came(desk):
    return folder(desk, b_png=saved(NOISE, "PNG")[:33])


@BROKEN("b.png", "cannot be read as a picture")
def a_png_with_a_flipped_byte(desk):
    content = bytearray(saved(NOISE, "PNG"))
    content[len(content) // 2] ^= 255
    return folder(desk, b_png=bytes(content))


@BROKEN("b.png", "cannot be read as a picture", "checksum")
def a_png_with_another_pixel_than_its_checksum_says(desk):
    """It unpacks well: a pixel is another, and nothing but a checksum tells."""
    content = bytearray(png(3, 4, 8, 0, b"", packed=zlib.compress(rows(LETTER), 0)))
    content[content.index(rows(LETTER)) + 6] ^= 1
    return folder(desk, b_png=bytes(content))


@BROKEN("b.png", "cannot be read as a picture")
def a_png_without_pixels(desk):
    return folder(desk, b_png=png(8, 8, 8, 0, b"", packed=b""))


@BROKEN("b.png", "cannot be read as a picture")
def a_png_of_no_width(desk):
    return folder(desk, b_png=png(0, 8, 8, 0, b""))


@BROKEN("b.png", "cannot be read as a picture")
def a_palette_that_is_not_there(desk):
    return folder(desk, b_png=png(8, 8, 77, 3, rows(np.full((8, 8), 9, dtype=np.uint8))))


@BROKEN("b.jpg", "cannot be read as a picture")
def a_jpeg_that_breaks_off(desk):
    content = saved(NOISE, "JPEG")
    return folder(desk, b_jpg=content[: len(content) // 2])


@BROKEN("b.tif", "cannot be read as a picture")
def a_tiff_that_breaks_off(desk):
    content = saved(NOISE, "TIFF")
    return folder(desk, b_tif=content[: len(content) // 2])


@BROKEN("b.webp", "cannot be read as a picture")
def a_webp_that_breaks_off(desk):
    content = saved(NOISE, "WEBP")
    return folder(desk, b_webp=content[: len(content) // 2])


@BROKEN("b.gif", "cannot be read as a picture")
def a_gif_that_breaks_off(desk):
    content = saved(NOISE, "GIF")
    return folder(desk, b_gif=content[: len(content) // 3])


@BROKEN("b.bmp", "cannot be read as a picture")
def a_bmp_that_breaks_off(desk):
    return folder(desk, b_bmp=saved(NOISE, "BMP")[:200])


# what would fill the memory


@BROKEN("b.png", "more pixels than", "smaller")
def two_hundred_million_pixels_of_nothing(desk):
    return folder(desk, b_png=png(20_000, 10_000, 8, 0, b"\0" * 1000))


@BROKEN("b.png", "more pixels than", "smaller")
def two_milliards_by_two_milliards(desk):
    return folder(desk, b_png=png(2**31 - 1, 2**31 - 1, 8, 2, b"\0" * 1000))


@BROKEN("b.tif")
def a_tiff_that_claims_much(desk):
    tifffile.imwrite(desk.folder / "b.tif", NOISE, photometric="rgb")
    with tifffile.TiffFile(desk.folder / "b.tif", mode="r+") as file:
        for side in ("ImageWidth", "ImageLength"):
            file.pages[0].tags[side].overwrite(10_000)
    return folder(desk, b_tif=(desk.folder / "b.tif").read_bytes())


@BROKEN("b.png", "cannot be read as a picture")
def a_comment_that_is_a_bomb(desk):
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"\0" * 100_000_000, 9))
    return folder(desk, b_png=png(3, 4, 8, 0, rows(LETTER), bomb))


# what moves


@BROKEN("b.gif", "3 pictures", "save the one that was shown")
def a_gif_that_moves(desk):
    frames = [Image.fromarray(np.roll(NOISE, shift, axis=0)) for shift in range(3)]
    frames[0].save(desk.folder / "b.gif", save_all=True, append_images=frames[1:])
    return folder(desk, b_gif=(desk.folder / "b.gif").read_bytes())


@BROKEN("b.webp", "3 pictures", "save the one that was shown")
def a_webp_that_moves(desk):
    frames = [Image.fromarray(np.roll(NOISE, shift, axis=0)) for shift in range(3)]
    frames[0].save(desk.folder / "b.webp", save_all=True, append_images=frames[1:], lossless=True)
    return folder(desk, b_webp=(desk.folder / "b.webp").read_bytes())


@BROKEN("b.png", "3 pictures", "save the one that was shown")
def a_png_that_moves(desk):
    frames = [Image.fromarray(np.roll(NOISE, shift, axis=0)) for shift in range(3)]
    frames[0].save(desk.folder / "b.png", save_all=True, append_images=frames[1:])
    return folder(desk, b_png=(desk.folder / "b.png").read_bytes())


@BROKEN("b.tif", "4 pictures", "save the one that was shown")
def a_tiff_of_pages(desk):
    tifffile.imwrite(desk.folder / "b.tif", np.stack([NOISE] * 4), photometric="rgb")
    return folder(desk, b_tif=(desk.folder / "b.tif").read_bytes())


@BROKEN("b.tif", "cannot be read as a picture", "run from")
def a_tiff_of_negative_numbers(desk):
    Image.fromarray(np.full(SIDES, -3, dtype=np.int32)).save(desk.folder / "b.tif")
    return folder(desk, b_tif=(desk.folder / "b.tif").read_bytes())


@BROKEN("b.tif", "cannot be read as a picture", "nan")
def a_tiff_of_nan(desk):
    Image.fromarray(np.full(SIDES, np.nan, dtype=np.float32)).save(desk.folder / "b.tif")
    return folder(desk, b_tif=(desk.folder / "b.tif").read_bytes())


# folders and names


@BROKEN("pictures: ", "names more than one file")
def one_name_in_two_forms_of_unicode(desk):
    """On a screen they are the same: é as one letter, and as e with an accent."""
    stage = folder(desk)
    for name in ("caf\u00e9.png", "cafe\u0301.png"):
        Image.fromarray(NOISE).save(desk.folder / "pictures" / name)
    return stage


@BROKEN("'", "b\\nc.png", "rename")
def a_name_that_ends_a_line(desk):
    stage = folder(desk)
    Image.fromarray(NOISE).save(desk.folder / "pictures" / "b\nc.png")
    return stage


@BROKEN("'", "\\x1b[2J", "rename")
def a_name_that_clears_the_screen(desk):
    stage = folder(desk)
    Image.fromarray(NOISE).save(desk.folder / "pictures" / "b\x1b[2J.png")
    return stage


@BROKEN("'", "rename")
def a_name_that_is_no_text(desk):
    stage = folder(desk)
    Image.fromarray(NOISE).save(os.fsencode(desk.folder / "pictures") + b"/b\xff.png", "PNG")
    return stage


@BROKEN("faces holds no pictures")
def a_folder_of_hidden_and_foreign_files(desk):
    (desk.folder / "faces" / ".cache").mkdir(parents=True)
    for name in ("._a.png", "Thumbs.db", "desktop.ini", ".DS_Store", ".cache/a.png", "a.png.part", "png"):
        (desk.folder / "faces" / name).write_bytes(b"x")
    return PictureFolder(path=desk.folder / "faces")


# read right


def seen(desk: Desk, name: str, content: bytes, colours: Any = "rgb") -> np.ndarray:
    with bounded():
        return read_picture(desk.bytes(name, content), None, colours)


def test_sixteen_bits_of_colour_are_seen_by_their_upper_eight(desk):
    deep = COLOURED.astype(np.uint16) * 257
    assert np.array_equal(seen(desk, "a.png", png(3, 4, 16, 2, rows(deep))), COLOURED)


def test_sixteen_bits_of_grey_are_seen_by_their_range(desk):
    deep = LETTER.astype(np.uint16) * 257
    assert np.array_equal(seen(desk, "a.png", png(3, 4, 16, 0, rows(deep)), "grey")[..., 0], LETTER)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_deep_tiffs_of_either_byte_order_are_seen_by_their_range(order, kind, desk):
    values = LETTER.astype(np.uint16) * 257 if kind == "u2" else LETTER / 255
    tifffile.imwrite(desk.folder / "a.tif", values.astype(kind), byteorder=order, photometric="minisblack")
    assert np.array_equal(read_picture(desk.folder / "a.tif", None, "grey")[..., 0], LETTER)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("colours", [4, 6])
def test_alpha_of_grey_and_of_colour_shows_the_mid_grey_ground(bits, colours, desk):
    alpha = np.array([[255, 0, 255], [0, 255, 255], [255, 255, 0], [255, 255, 255]], dtype=np.uint8)
    light = COLOURED if colours == 6 else LETTER[..., None]
    values = np.concatenate([light, alpha[..., None]], axis=2).astype(np.uint16)
    values = (values * 257).astype(np.uint16) if bits == 16 else values.astype(np.uint8)
    wanted = np.where(alpha[..., None] == 255, light, 128)
    assert np.array_equal(seen(desk, "a.png", png(3, 4, bits, colours, rows(values))), np.broadcast_to(wanted, (4, 3, 3)))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_grey_of_few_bits_reaches_from_black_to_white(bits, desk):
    levels = np.arange(8) % 2**bits
    packed = np.packbits(np.unpackbits(levels.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :].ravel())
    wanted = np.round(levels * 255 / (2**bits - 1))
    assert np.array_equal(seen(desk, "a.png", png(8, 1, bits, 0, b"\0" + packed.tobytes()), "grey")[0, :, 0], wanted)


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_a_palette_with_transparent_colours_is_looked_up(bits, desk):
    palette = np.array([[10, 20, 30], [200, 210, 220]], dtype=np.uint8)
    packed = {1: b"\x80", 4: b"\x10", 8: b"\x01\x00"}[bits]
    made = png(2, 1, bits, 3, b"\0" + packed, chunk(b"PLTE", palette.tobytes()), chunk(b"tRNS", b"\x00"))
    assert seen(desk, "a.png", made).tolist() == [[[200, 210, 220], [128, 128, 128]]]


def test_one_colour_that_stands_for_transparency_shows_the_ground(desk):
    made = png(3, 4, 8, 2, rows(COLOURED), chunk(b"tRNS", struct.pack(">3H", *COLOURED[1, 1].tolist())))
    wanted = COLOURED.copy()
    wanted[1, 1] = 128
    assert np.array_equal(seen(desk, "a.png", made), wanted)


def test_printers_inks_without_loss_are_seen_as_light(desk):
    inks = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 255, 0], [0, 0, 0, 255], [0, 0, 0, 128]]], dtype=np.uint8)
    tifffile.imwrite(desk.folder / "a.tif", inks, photometric="separated")
    light = [[255, 255, 255], [0, 255, 255], [255, 0, 0], [0, 0, 0], [127, 127, 127]]
    assert read_picture(desk.folder / "a.tif", None, "rgb")[0].tolist() == light


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_that_was_turned_is_turned_back_in_every_format(orientation, suffix, desk):
    """Quarters of four greys, stored as the camera saw them for each of the eight orientations."""
    scene = np.kron(np.array([[20, 90], [160, 230]], dtype=np.uint8), np.ones((16, 24), dtype=np.uint8))
    stored = {
        1: scene,
        2: scene[:, ::-1],
        3: scene[::-1, ::-1],
        4: scene[::-1],
        5: scene.T,
        6: np.rot90(scene),
        7: scene[::-1, ::-1].T,
        8: np.rot90(scene, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = desk.folder / f"a.{suffix}"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, **({"quality": 95} if suffix != "tif" else {}))
    made = read_picture(path, None, "grey")[..., 0].astype(int)
    assert made.shape == scene.shape
    assert np.abs(made - scene).mean() < 3
    assert upright_size(path) == scene.shape[::-1]


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0" + b"\xff" * 60, b"Exif\0\0II*\0\x08\0\0\0\xff\xff"]
)
def test_a_photograph_with_broken_exif_is_seen_as_it_is_stored(exif, desk, recwarn):
    content = saved(NOISE, "JPEG", quality=95)
    path = desk.bytes("a.jpg", content[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + content[2:])
    assert np.array_equal(read_picture(path, None, "rgb"), np.asarray(Image.open(desk.bytes("b.jpg", content))))
    assert upright_size(path) == (48, 48)
    assert not recwarn.list


def test_a_photograph_with_others_in_its_file_is_the_first_of_them(desk):
    first, second = (np.full((16, 16, 3), value, dtype=np.uint8) for value in (200, 30))
    Image.fromarray(first).save(desk.folder / "a.jpg", "MPO", save_all=True, append_images=[Image.fromarray(second)])
    with Image.open(desk.folder / "a.jpg") as opened:
        assert opened.n_frames == 2
    assert (read_picture(desk.folder / "a.jpg", None, "rgb") == 200).all()


def test_a_colour_profile_changes_nothing(desk):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for name, icc in {"lab.png": profile, "broken.png": b"no profile"}.items():
        Image.fromarray(COLOURED).save(desk.folder / name, icc_profile=icc)
        assert np.array_equal(read_picture(desk.folder / name, None, "rgb"), COLOURED), name


@pytest.mark.parametrize("sides", [(1, 1), (1, 5000), (5000, 1), (2, 3)])
@pytest.mark.parametrize("size", [None, 1, 7])
def test_pictures_of_any_sides_are_read_and_brought_to_any_size(sides, size, desk):
    height, width = sides
    flat = np.full((height, width, 3), 77, dtype=np.uint8)
    made = read_picture(desk.bytes("a.png", png(width, height, 8, 2, rows(flat))), size, "rgb")
    assert made.shape == (*(sides if size is None else (size, size)), 3)
    assert (made == 77).all()


def test_forty_million_pixels_are_read(desk, recwarn):
    flat = np.zeros((5000, 8000), dtype=np.uint8)
    flat[:2500] = 200
    path = desk.bytes("a.png", png(8000, 5000, 8, 0, rows(flat)))
    with bounded(memory=900e6):
        made = read_picture(path, 16, "rgb")
    assert (made[:5] == 200).all() and (made[11:] == 0).all()
    assert not recwarn.list


def test_a_hundred_million_pixels_are_read_without_a_warning_where_there_is_room(desk, recwarn, monkeypatch):
    path = desk.bytes("a.png", png(12_000, 9_000, 1, 0, b"\0" * 9_000 * 1501))
    assert upright_size(path) == (12_000, 9_000)
    assert not recwarn.list
    monkeypatch.setattr(_memory, "limit", lambda: 1_000_000_000)
    refused(lambda: read_picture(path, 16, "rgb"), InvalidInput, "a.png, 12000 x 9000 pixels,", "GB of memory", "smaller")


def test_a_stack_that_does_not_fit_into_memory_is_refused_before_it_is_made(desk, monkeypatch):
    pictures = desk.pictures(7)
    monkeypatch.setattr(_memory, "limit", lambda: 700)
    refused(lambda: PictureFolder(path=pictures), InvalidInput, "7 pictures of 6 x 6 pixels", "size: 256")
    monkeypatch.setattr(_memory, "limit", lambda: 1000)
    assert PictureFolder(path=pictures).run()["picture"].shape == (7, 6, 6, 3)


def test_what_is_no_file_in_a_folder_of_pictures_is_passed_over(desk):
    """A pipe would never answer, a device never end, a link lead in circles."""
    pictures = desk.pictures(2)
    os.mkfifo(pictures / "pipe.png")
    (pictures / "folder.png").mkdir()
    for name, target in {"zero.png": "/dev/zero", "gone.png": "nowhere.png", "loop.png": "loop.png", "up": ".."}.items():
        (pictures / name).symlink_to(target)
    with bounded(10):
        assert PictureFolder(path=pictures).run()["stimulus"].tolist() == ["s00", "s01"]


def test_a_link_to_a_picture_is_a_picture(desk):
    pictures = desk.pictures(1)
    Image.fromarray(NOISE).resize((6, 6)).save(desk.folder / "elsewhere.png")
    (pictures / "linked.png").symlink_to(desk.folder / "elsewhere.png")
    assert PictureFolder(path=pictures).run()["stimulus"].tolist() == ["linked", "s00"]


def test_a_picture_and_a_table_in_two_forms_of_unicode_find_each_other(desk):
    (desk.folder / "p").mkdir()
    Image.fromarray(NOISE).save(desk.folder / "p" / "cafe\u0301.png")
    table = desk.bytes("t.csv", "stimulus\ncaf\u00e9\n".encode())
    brain = desk.brain(desk.own.npy(desk.responses[:1]), trials=table)
    shown = PictureFolder(path=desk.folder / "p").run()["stimulus"]
    assert rows_of(brain.run()["stimulus"], shown, "stimuli", "the pictures").tolist() == [0]


def test_names_that_differ_by_a_capital_are_two_names(desk):
    (desk.folder / "p").mkdir()
    for name in ("A", "a"):
        Image.fromarray(NOISE).save(desk.folder / "p" / f"{name}.png")
    if len(list((desk.folder / "p").iterdir())) == 1:
        pytest.skip("this disk does not tell capitals apart")
    assert PictureFolder(path=desk.folder / "p").run()["stimulus"].tolist() == ["A", "a"]


def test_a_picture_that_may_not_be_read_is_named(desk, monkeypatch):
    stage = folder(desk, b_png=saved(NOISE, "PNG"))

    def refusing(file, *arguments):
        if file.name == "b.png":
            raise PermissionError(13, "Permission denied")
        return open(file, *arguments)

    monkeypatch.setattr(_picture_bytes, "open", refusing, raising=False)
    refused(lambda: stage, InvalidInput, "b.png", "Permission denied")


def test_what_libtiff_writes_past_python_does_not_reach_the_terminal(desk, capfd):
    content = bytearray(saved(NOISE, "TIFF", compression="tiff_lzw"))
    content[200:260] = b"\xff" * 60
    refused(lambda: read_picture(desk.bytes("a.tif", bytes(content)), None, "rgb"), InvalidInput, "a.tif")
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"


def test_what_pillow_warns_of_is_a_note_with_the_files_name(desk, caplog, recwarn):
    path = desk.folder / "a.tif"
    tifffile.imwrite(path, COLOURED, photometric="rgb")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        original = Image.open

        def warning(*arguments, **options):
            warnings.warn("Metadata\nWarning", UserWarning, stacklevel=2)
            return original(*arguments, **options)

        Image.open, before = warning, Image.open
        try:
            assert np.array_equal(read_picture(path, None, "rgb"), COLOURED)
        finally:
            Image.open = before
    assert caplog.messages == ["a.tif: Metadata Warning"]
    assert not recwarn.list


def test_the_command_prints_nothing_but_its_line_for_a_bomb(desk):
    folder(desk, b_png=png(20_000, 10_000, 8, 0, b"\0" * 1000))
    desk.own.npy()
    said = recortex("new", desk.folder / "my.yaml", "--brain", desk.folder / "betas.npy", "--stimuli", desk.folder / "pictures")
    assert "7 stimuli" in said.complaint
