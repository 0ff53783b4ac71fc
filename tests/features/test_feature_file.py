"""Features of one's own: what the file holds comes, under the right names, or a line says why not."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from recortex.data.handwritten_digits import HandwrittenDigits
from recortex.encoders.predict import Predict
from recortex.encoders.ridge_encoder import RidgeEncoder
from recortex.errors import InvalidInput
from recortex.features.feature_file import FeatureFile
from recortex.features.pixels import Pixels
from recortex.splits.fixed import FixedSplit
from tests.laws import planted, recording

VALUES = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)


@pytest.fixture
def saved(tmp_path):
    """saved(suffix, values, **more) -> the path of a file of that kind."""

    def make(suffix=".npy", values=VALUES, **more):
        path = tmp_path / f"features{suffix}"
        if suffix == ".npy":
            np.save(path, values)
        elif suffix == ".npz":
            np.savez(path, net=values, **more)
        elif suffix == ".mat":
            savemat(path, {"net": values, **more})
        elif suffix in (".h5", ".hdf5"):
            with h5py.File(path, "w") as file:
                for name, array in {"net": values, **more}.items():
                    file[name] = array
        else:
            separator = "\t" if suffix == ".tsv" else ","
            path.write_text("\n".join(separator.join(map(str, row)) for row in values.tolist()) + "\n")
        return path

    return make


def table(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".mat", ".h5", ".hdf5", ".csv", ".tsv"])
def test_every_kind_of_file_gives_its_numbers(saved, suffix):
    stage = FeatureFile(path=saved(suffix), numbered_from=1)
    foretold = stage.foresee()
    made = stage.run()
    assert made["stimulus"].tolist() == ["1", "2", "3", "4"]
    np.testing.assert_allclose(made["features"], VALUES, rtol=1e-6)
    assert foretold == ({} if suffix in (".csv", ".tsv") else {"stimulus": 4, "feature": 3})


def test_a_column_a_table_an_array_or_a_stage_names_the_rows(saved, tmp_path):
    names = ["s3", "s1", "s2", "s9"]
    lines = ["size,stimulus,age", *(f"{row},{name},{-row}" for row, name in enumerate(names))]
    by_column = FeatureFile(path=table(tmp_path / "own.csv", lines)).run()
    assert by_column["stimulus"].tolist() == names and by_column["feature_name"].tolist() == ["size", "age"]
    assert by_column["features"].tolist() == [[row, -row] for row in range(4)]
    listed = table(tmp_path / "names.csv", ["stimulus,more", *(f"{name},x" for name in names)])
    assert FeatureFile(path=saved(), names=listed).run()["stimulus"].tolist() == names
    with_ids = saved(".h5", image_id=np.array([[7.0, 73000.0, 12.0, 3.0]]))
    assert FeatureFile(path=with_ids, array="net", names_array="image_id").run()["stimulus"].tolist() == ["7", "73000", "12", "3"]
    digits = HandwrittenDigits(count=20)
    assert (
        FeatureFile(path=saved(values=np.tile(VALUES, (5, 1))), stimuli=digits).run()["stimulus"].tolist()
        == digits.run()["stimulus"].tolist()
    )


def test_the_other_axis_and_more_axes_are_laid_flat(saved):
    assert np.array_equal(FeatureFile(path=saved(values=VALUES.T), stimulus_axis=1).run()["features"], VALUES)
    cube = np.arange(24).reshape(2, 3, 4)
    made = FeatureFile(path=saved(values=cube)).run()
    assert made["shape"].tolist() == [3, 4] and made["features"][1].tolist() == list(range(12, 24))
    turned = FeatureFile(path=saved(values=cube), stimulus_axis=1)
    assert turned.foresee() == {"stimulus": 3, "feature": 8}
    assert np.array_equal(turned.run()["features"], cube.transpose(1, 0, 2).reshape(3, 8))
    assert turned.run()["shape"].tolist() == [2, 4]


@pytest.mark.parametrize(
    ("dtype", "kept"), [("f2", "f4"), ("f4", "f4"), ("f8", "f8"), ("i2", "f4"), ("i4", "f8"), ("u1", "f4"), ("?", "f4")]
)
def test_numbers_keep_what_they_hold(saved, dtype, kept):
    values = np.arange(6).reshape(3, 2).astype(dtype)
    made = FeatureFile(path=saved(values=values)).run()["features"]
    assert made.dtype == np.dtype(kept) and np.array_equal(made, values)


@pytest.mark.parametrize(
    ("values", "fields", "words"),
    [
        (
            np.where(np.eye(4, 3) > 0, np.nan, VALUES),
            {},
            r"3 of 4 stimuli .* NaN or infinite \(the first is stimulus 0, feature 0",
        ),
        (VALUES[0], {}, r"shape \(3,\); features are numbers of shape \(stimulus, feature\)"),
        (VALUES.T, {"names": ["stimulus", *"abcd"]}, r"features of 3 stimuli and .*names\.csv names 4; set stimulus_axis: 1"),
        (VALUES, {"names": ["stimulus", *"abcde"]}, r"features of 4 stimuli and .*names\.csv names 5; give a row for each"),
        (VALUES, {"names": ["stimulus", *"abca"]}, r"names\.csv: stimulus a stands on lines 2 and 5; keep one"),
        (VALUES, {"names": ["stimulus,x", "a,1", ",2", "b,3"]}, r"names\.csv: line 3 names no stimulus"),
        (VALUES, {"names": ["name", *"abcd"]}, "has no column stimulus"),
        (VALUES, {"names": ["stimulus", *"abcd"], "numbered_from": 1}, "named by names and by numbered_from; keep one"),
        (VALUES, {"array": "net"}, "leave out array"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(saved, tmp_path, values, fields, words):
    if "names" in fields:
        fields = fields | {"names": table(tmp_path / "names.csv", fields["names"])}
    with pytest.raises(InvalidInput, match=words) as refused:
        FeatureFile(path=saved(values=values), **fields).run()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["stimulus,x", "a,1", "b,"], r"line 3 \(b\) has in column x an empty cell"),
        (["stimulus,x", "a,1", "b,two"], r"line 3 \(b\) has in column x 'two', not a number"),
        (["stimulus,x", "a,1", "a,2"], "stimulus a stands on lines 2 and 3"),
        (["stimulus,x", "a,1", "b,nan"], r"NaN or infinite \(the first is stimulus b, feature 0"),
        (["stimulus,x", "a,1", "b,inf"], "NaN or infinite"),
        (["stimulus", "a", "b"], "beside stimulus there is no column of numbers"),
        (["stimulus,x,x", "a,1,2"], "column x stands twice"),
    ],
)
def test_a_table_is_refused_by_its_line(tmp_path, lines, words):
    with pytest.raises(InvalidInput, match=words):
        FeatureFile(path=table(tmp_path / "own.csv", lines)).run()


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([1.0, 2.0, 2.5, 3.0], "holds other than whole numbers"),
        ([1, 2, 2, 3], "holds 2 twice"),
        ([1, 2, 3], "features of 4 stimuli and .*names 3"),
        ([np.nan, 1, 2, 3], "holds other than whole numbers"),
        ([[1, 2], [3, 4]], r"has shape \(2, 2\); names are one whole number"),
    ],
)
def test_numbers_that_name_no_stimulus_are_refused(saved, ids, words):
    with pytest.raises(InvalidInput, match=words):
        FeatureFile(path=saved(".npz", ids=np.array(ids)), array="net", names_array="ids").run()


def test_before_it_runs_a_header_tells_what_is_wrong(saved, tmp_path):
    with pytest.raises(InvalidInput, match="features are numbers of shape"):
        FeatureFile(path=saved(values=VALUES[0])).check_ready()
    own = table(tmp_path / "own.csv", ["stimulus,x", "a,1"])
    with pytest.raises(InvalidInput, match="named by its column stimulus and by stimuli; keep one"):
        FeatureFile(path=own, stimuli=HandwrittenDigits(count=20)).check_ready()
    with pytest.raises(InvalidInput, match="leave out stimulus_axis"):
        FeatureFile(path=own, stimulus_axis=1).check_ready()
    with pytest.raises(InvalidInput, match="name two arrays"):
        FeatureFile(path=saved(".npz", b=VALUES), array="net", names_array="net").check_ready()


def test_an_encoder_of_a_file_is_that_of_the_features_and_meets_new_ones_of_the_same_making(tmp_path):
    brain, stimuli = recording(tmp_path / "own", *planted())
    pixels = Pixels(stimuli=stimuli).run()["features"]
    np.save(tmp_path / "pixels.npy", pixels)
    np.save(tmp_path / "new.npy", pixels[::-1])
    mine = FeatureFile(path=tmp_path / "pixels.npy", stimuli=stimuli, made_by="pixels")
    encoder = RidgeEncoder(brain=brain, features=mine, split=FixedSplit())
    other = RidgeEncoder(brain=brain, features=Pixels(stimuli=stimuli), split=FixedSplit())
    assert np.array_equal(encoder.run()["prediction"], other.run()["prediction"])
    new = {"path": tmp_path / "new.npy", "numbered_from": 100}
    made = Predict(encoder=encoder, features=FeatureFile(**new, made_by="pixels")).run()
    np.testing.assert_allclose(made["prediction"][::-1], encoder.apply(pixels), rtol=1e-4, atol=1e-5)
    with pytest.raises(InvalidInput, match="made_by = pixels and these have a net"):
        Predict(encoder=encoder, features=FeatureFile(**new, made_by="a net")).run()


def test_a_header_that_counts_columns_is_not_taken_for_a_row(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("0,1,2\n5,6,7\n8,9,10\n")
    with pytest.raises(InvalidInput, match=r"f.csv: its first line counts the columns .*header=False"):
        FeatureFile(path=tmp_path / "f.csv").run()


@pytest.mark.parametrize("name", ["Stimulus", " stimulus ", "image_id", "ID"])
def test_a_column_that_looks_like_names_is_not_taken_for_a_feature(tmp_path: Path, name: str) -> None:
    (tmp_path / "f.csv").write_text(f'"{name}",f0,f1\n3,.3,.3\n0,0,0\n2,.2,.2\n')
    stage = FeatureFile(path=tmp_path / "f.csv", numbered_from=0)
    if name == " stimulus ":  # cells are read without the blanks around them
        assert stage.run()["stimulus"].tolist() == ["3", "0", "2"]
        return
    with pytest.raises(InvalidInput, match=f"its column {name} looks like their names; call it stimulus"):
        stage.check_ready()
