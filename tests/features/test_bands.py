"""Feature spaces side by side: joined by stimulus, told apart by band, the same in any order."""

from __future__ import annotations

import numpy as np
import pytest

from recortex.errors import InvalidInput
from recortex.features.bands import Bands
from recortex.features.category_features import CategoryFeatures
from recortex.features.feature_file import FeatureFile
from recortex.features.pixels import Pixels
from recortex.pipeline.build import build
from recortex.pipeline.entries import read
from tests.laws import planted, recording


@pytest.fixture
def own(tmp_path):
    return recording(tmp_path / "own", *planted())


@pytest.fixture
def file(tmp_path):
    """file(values, names, name) -> features of named stimuli."""

    def make(values, names, name, **fields) -> FeatureFile:
        np.save(tmp_path / f"{name}.npy", np.asarray(values))
        (tmp_path / f"{name}.csv").write_text("\n".join(["stimulus", *names]) + "\n")
        return FeatureFile(path=tmp_path / f"{name}.npy", names=tmp_path / f"{name}.csv", **fields)

    return make


def test_each_feature_is_of_its_band_and_each_stimulus_has_its_own(file):
    one = file([[1, 2], [3, 4], [5, 6]], "abc", "one")
    two = file([[30], [10], [20]], "cab", "two")
    made = Bands(spaces={"second": two, "first": one}).run()
    assert made["stimulus"].tolist() == ["a", "b", "c"]
    assert made["band"].tolist() == ["first", "first", "second"]
    assert made["features"].tolist() == [[1, 2, 10], [3, 4, 20], [5, 6, 30]]


def test_the_order_in_which_spaces_are_given_changes_neither_key_nor_features(own):
    _, stimuli = own
    fine, coarse = Pixels(stimuli=stimuli), Pixels(stimuli=stimuli, size=2)
    one, other = Bands(spaces={"x": fine, "y": coarse}), Bands(spaces={"y": coarse, "x": fine})
    assert one.key() == other.key() and list(other.spaces) == ["x", "y"]
    assert Bands(spaces={"x": coarse, "y": fine}).key() != one.key()
    assert Bands(spaces={"x": fine, "z": coarse}).key() != one.key()


def test_stimuli_are_those_of_all_spaces_and_a_missing_one_is_named_by_the_space_that_lacks_it(file):
    one, two = file([[1], [2], [3]], "abc", "one"), file([[4], [5]], "bd", "two")
    bands = Bands(spaces={"one": one, "two": two})
    assert bands.run()["stimulus"].tolist() == ["b"]
    assert bands.of(np.array(["b", "b"])).tolist() == [[2, 4], [2, 4]]
    with pytest.raises(InvalidInput, match="1 of the stimuli of the trials is not in the FeatureFile stage: d"):
        bands.of(np.array(["b", "d"]))
    with pytest.raises(InvalidInput, match=r"no stimulus has features in all of them \(one has a, b, c; three has x\)"):
        Bands(spaces={"one": one, "three": file([[1]], "x", "three")}).run()


def test_bands_look_as_far_as_the_farthest_and_say_how_each_was_made(file):
    one, two = (file([[1], [2]], "ab", name, around_s=around) for name, around in (("one", 0.5), ("two", 2.0)))
    bands = Bands(spaces={"one": one, "two": two})
    assert bands.context_s() == 2.0
    assert bands.recipe()["one.around_s"] == 0.5 and bands.recipe()["bands"] == ["one", "two"]


def test_what_is_foretold_comes(own):
    brain, stimuli = own
    bands = Bands(spaces={"fine": Pixels(stimuli=stimuli), "label": CategoryFeatures(brain=brain)})
    assert bands.foresee() == {}  # labels are known once the recording was read
    brain.run(), stimuli.run()
    foretold = bands.foresee()
    bands.run()
    assert foretold == {"stimulus": 24, "feature": 18} == {name: bands.foresee()[name] for name in foretold}


def test_wide_numbers_stay_wide_beside_narrow_ones(file):
    one, two = file(np.array([[1.0], [2.0]], "f4"), "ab", "one"), file(np.array([[1e9 + 0.5], [0.0]]), "ab", "two")
    assert Bands(spaces={"one": one}).run()["features"].dtype == np.float32
    assert Bands(spaces={"one": one, "two": two}).run()["features"][0, 1] == 1e9 + 0.5


@pytest.mark.parametrize("name", ["", " a", "a+b", "a\nb"])
def test_a_name_that_cannot_be_read_is_refused(own, name):
    with pytest.raises(InvalidInput, match="a band's name is a word"):
        Bands(spaces={name: Pixels(stimuli=own[1])})


def test_a_pipeline_names_its_bands(tmp_path):
    (tmp_path / "my.yaml").write_text(
        "digits: {type: HandwrittenDigits, count: 20}\nfine: {type: Pixels, stimuli: digits}\n"
        "coarse: {type: Pixels, stimuli: digits, size: 2}\nbands: {type: Bands, spaces: {low: coarse, high: fine}}\n"
    )
    nodes = build(read(tmp_path / "my.yaml"))
    assert nodes["bands"].spaces == {"high": nodes["fine"], "low": nodes["coarse"]}
    (tmp_path / "my.yaml").write_text(
        "digits: {type: HandwrittenDigits, count: 20}\nbands: {type: Bands, spaces: {low: digits}}\n"
    )
    with pytest.raises(InvalidInput, match=r"bands\.spaces needs an entry of kind Features; digits is a HandwrittenDigits"):
        build(read(tmp_path / "my.yaml"))
    with pytest.raises(InvalidInput, match="spaces"):
        Bands(spaces={})
