"""Whatever program wrote the responses, the same trials and units come out."""

from __future__ import annotations

import gzip

import h5py
import nibabel
import numpy as np
import pytest
import scipy.io

from recortex.data.response_file import ResponseFile
from recortex.errors import InvalidInput
from tests.data import files
from tests.data.files import GRID, VOXELS, Recording


@pytest.fixture
def own(tmp_path) -> Recording:
    return Recording.of(tmp_path / "own")


def npy(own):
    return own.npy(), {}


def npy_fortran(own):
    return own.npy(np.asfortranarray(own.responses)), {}


def npy_float32(own):
    return own.npy(own.responses.astype(np.float32)), {}


def npy_big_endian(own):
    return own.npy(own.responses.astype(">f8")), {}


def npy_big_endian_float32(own):
    return own.npy(own.responses.astype(">f4")), {}


def npz_one(own):
    np.savez(own.folder / "betas.npz", anything=own.responses)
    return own.folder / "betas.npz", {}


def npz_several(own):
    np.savez_compressed(own.folder / "betas.npz", betas=own.responses, noise=own.responses[::-1], tr=2.0)
    return own.folder / "betas.npz", {"array": "betas"}


def mat_v5(own):
    scipy.io.savemat(own.folder / "betas.mat", {"betas": own.responses})
    return own.folder / "betas.mat", {}


def mat_v5_several(own):
    scipy.io.savemat(own.folder / "b.mat", {"x": own.responses[::-1], "betas": own.responses, "s": "text"}, do_compression=True)
    return own.folder / "b.mat", {"array": "betas"}


def mat_v4(own):
    scipy.io.savemat(own.folder / "betas.mat", {"betas": own.responses}, format="4")
    return own.folder / "betas.mat", {}


def mat_v5_field_of_a_struct(own):
    scipy.io.savemat(own.folder / "betas.mat", {"session": {"betas": own.responses, "subject": "s1"}})
    return own.folder / "betas.mat", {"array": "session.betas"}


def mat_v73(own):
    return files.write_mat73(own.folder / "betas.mat", {"betas": own.responses}), {}


def mat_v73_without_user_block(own):
    path = files.write_mat73(own.folder / "b.mat", {"x": own.responses[::-1], "betas": own.responses}, user_block=False)
    return path, {"array": "betas"}


def mat_v73_field_of_a_struct(own):
    path = files.write_mat73(own.folder / "b.mat", {"session/betas": own.responses, "session/x": own.responses[::-1]})
    return path, {"array": "session.betas"}


def h5_one(own):
    with h5py.File(own.folder / "betas.h5", "w") as file:
        file.create_dataset("betas", data=own.responses, chunks=(2, 3), compression="gzip", shuffle=True)
    return own.folder / "betas.h5", {}


def hdf5_group(own):
    with h5py.File(own.folder / "betas.hdf5", "w") as file:
        file["run/betas"] = own.responses
        file["run/noise"] = own.responses[::-1]
    return own.folder / "betas.hdf5", {"array": "run/betas"}


def csv_bare(own):
    np.savetxt(own.folder / "betas.csv", own.responses, delimiter=",")
    return own.folder / "betas.csv", {}


def csv_with_header(own):
    header = ",".join(f"voxel {n}" for n in range(own.responses.shape[1]))
    np.savetxt(own.folder / "betas.csv", own.responses, delimiter=",", header=header, comments="", fmt="%.3f")
    return own.folder / "betas.csv", {}


def csv_of_windows(own):
    lines = [",".join(f'"{value}"' for value in row) for row in own.responses]
    (own.folder / "betas.csv").write_text("\r\n".join(lines) + "\r\n", encoding="utf-8-sig", newline="")
    return own.folder / "betas.csv", {}


def tsv(own):
    np.savetxt(own.folder / "betas.tsv", own.responses, delimiter="\t")
    return own.folder / "betas.tsv", {}


def nifti(name, affine=files.AFFINE, **header):
    def write(own):
        masked = files.write_nifti(own.folder / f"mask_of_{name}", files.mask(), affine, dtype=np.uint8)
        return files.write_nifti(own.folder / name, files.volumes(own.responses), affine, **header), {"mask": masked}

    return write


IMAGES = {
    "nii": nifti("bold.nii"),
    "nii.gz": nifti("bold.nii.gz"),
    "nii big-endian": nifti("bold.nii", endianness=">"),
    "nii.gz int16 scaled": nifti("bold.nii.gz", dtype=np.int16, slope=0.25, intercept=1.5),
    "nii int16 big-endian scaled": nifti("bold.nii", dtype=np.int16, slope=0.25, endianness=">"),
    "nii float64": nifti("BOLD.NII", dtype=np.float64),
}
ARRAYS = [
    npy, npy_fortran, npy_float32, npy_big_endian, npy_big_endian_float32, npz_one, npz_several, mat_v5, mat_v5_several, mat_v4,
    mat_v5_field_of_a_struct, mat_v73, mat_v73_without_user_block, mat_v73_field_of_a_struct, h5_one, hdf5_group, csv_bare,
    csv_with_header, csv_of_windows, tsv,
]  # fmt: skip


@pytest.mark.parametrize("write", ARRAYS, ids=lambda write: write.__name__)
def test_every_array_file_gives_the_same_trials_and_units(write, own):
    path, fields = write(own)
    made = own.brain(path, **fields).run()
    assert np.array_equal(made["responses"], own.responses)
    assert made["responses"].dtype.isnative
    assert made["stimulus"].tolist() == [f"s{n:02d}" for n in range(7)]
    assert made["column"].tolist() == [0, 1, 2, 3, 4]
    assert made["n_repeats"].tolist() == [1] * 7


@pytest.mark.parametrize("write", ARRAYS, ids=lambda write: write.__name__)
def test_an_array_with_trials_along_its_second_axis_is_turned(write, own):
    turned = Recording(own.folder, own.responses.T)
    if write is csv_with_header:
        pytest.skip("a header names units, which run along columns")
    path, fields = write(turned)
    made = ResponseFile(path=path, trials=own.trials, trial_axis=1, **fields).run()
    assert np.array_equal(made["responses"], own.responses)


@pytest.mark.parametrize("write", IMAGES.values(), ids=IMAGES)
def test_every_image_gives_the_same_trials_and_voxels(write, own):
    path, fields = write(own)
    made = own.brain(path, **fields).run()
    assert np.array_equal(made["responses"], own.responses)
    assert made["responses"].dtype == np.float32
    assert made["voxel"].tolist() == [list(voxel) for voxel in VOXELS]
    assert made["grid"].tolist() == list(GRID)


@pytest.mark.parametrize("write", IMAGES.values(), ids=IMAGES)
def test_the_millimetres_of_a_unit_lead_back_to_the_voxel_it_was_planted_in(write, own):
    path, fields = write(own)
    made = own.brain(path, **fields).run()
    image = nibabel.load(path)
    for unit, voxel in enumerate(made["voxel"]):
        millimetres = made["affine"] @ [*voxel, 1]
        back = np.linalg.inv(image.affine) @ millimetres
        i, j, k = np.round(back[:3]).astype(int)
        assert np.allclose(np.asarray(image.dataobj)[i, j, k], own.responses[:, unit])
    x, y, z = (made["affine"] @ [3, 2, 0, 1])[:3]
    assert np.allclose([x, y, z], [-2 * 3 + 0.1 * 2 + 31, 0.2 * 3 + 2.5 * 2 - 17, 5.5])


def test_numbers_that_single_precision_cannot_hold_stay_as_they_are_in_either_byte_order(own):
    fine = own.responses + 1e-12
    for dtype in ("<f8", ">f8"):
        made = own.brain(own.npy(fine.astype(dtype), f"{dtype[1:]}{dtype[0] == '>'}.npy")).run()
        assert np.array_equal(made["responses"], fine), dtype


def test_whole_numbers_become_single_precision(own):
    made = own.brain(own.npy((own.responses * 4).astype(np.int16))).run()
    assert made["responses"].dtype == np.float32
    assert np.array_equal(made["responses"], own.responses * 4)


def test_units_that_are_broken_or_constant_are_left_out_on_request_and_the_rest_know_their_column(own, caplog):
    values = own.responses.copy()
    values[2, 1], values[:, 3] = np.nan, 4.0
    made = own.brain(own.npy(values), drop_units="invalid").run()
    assert made["column"].tolist() == [0, 2, 4]
    assert np.array_equal(made["responses"], own.responses[:, [0, 2, 4]])
    assert "2 of 5 units" in caplog.text


def test_voxels_that_are_left_out_take_their_indices_with_them(own):
    image = files.volumes(own.responses)
    image[VOXELS[1]] = 7.0
    path = files.write_nifti(own.folder / "bold.nii.gz", image)
    masked = files.write_nifti(own.folder / "mask.nii.gz", files.mask(), dtype=np.uint8)
    made = own.brain(path, mask=masked, drop_units="invalid").run()
    assert made["voxel"].tolist() == [list(voxel) for number, voxel in enumerate(VOXELS) if number != 1]


def test_a_mask_may_hold_any_number_but_zero_and_lie_a_hair_beside(own):
    path, _ = IMAGES["nii"](own)
    beside = files.AFFINE + 1e-4
    masked = files.write_nifti(own.folder / "m.nii.gz", files.mask() * -3.5, beside)
    assert np.array_equal(own.brain(path, mask=masked).run()["responses"], own.responses)


def test_a_mask_with_holes_of_nan_is_refused_or_its_holes_do_not_count(own):
    path, _ = IMAGES["nii"](own)
    holes = np.where(files.mask() > 0, 1.0, np.nan)
    masked = files.write_nifti(own.folder / "m.nii.gz", holes)
    try:
        made = own.brain(path, mask=masked).run()
    except InvalidInput as error:
        assert "NaN" in str(error)
    else:
        assert made["voxel"].tolist() == [list(voxel) for voxel in VOXELS]


def test_a_packed_image_is_unpacked_once(tmp_path, monkeypatch):
    """Each volume from the start of the stream would take a time that grows with the square of their number."""
    own = Recording.of(tmp_path / "long", trials=60)
    path, fields = IMAGES["nii.gz"](own)
    unpacked, original = [], gzip._GzipReader.read

    def counted(self, size=-1):
        got = original(self, size)
        unpacked.append(len(got))
        return got

    monkeypatch.setattr(gzip._GzipReader, "read", counted)
    assert np.array_equal(own.brain(path, **fields).run()["responses"], own.responses)
    whole = 352 + 4 * np.prod(GRID) * 60
    assert whole <= sum(unpacked) < 4 * whole, f"{sum(unpacked)} bytes unpacked for an image of {whole}"


def test_what_is_known_of_trials_comes_along(tmp_path):
    columns = {"run": [1, 1, 2, 2], "category": list("abab"), "split": ["train"] * 3 + ["test"], "onset": [0, 2.5, 0, 3]}
    own = Recording.of(tmp_path, 4, 3, rt=[1, 2, 3, 4], **columns)
    brain = own.brain()
    made = brain.run()
    assert made["run"].tolist() == ["1", "1", "2", "2"]
    assert made["onset_s"].tolist() == [0, 2.5, 0, 3]
    table = brain.trial_table()
    assert set(table) == {"stimulus", "run", "category", "split", "onset_s", "rt"}
    assert table["rt"].tolist() == ["1", "2", "3", "4"]


def test_the_size_that_a_header_foretells_is_the_size_that_comes(own):
    brain = own.brain(own.npy(own.responses.T), trial_axis=1)
    assert brain.foresee() == {"trial": 7, "unit": 5}
    brain.run()
    assert brain.foresee()["unit"] == 5
