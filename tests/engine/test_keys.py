"""The key law: two trees that differ in any field at any depth differ in key; equal ones agree, wherever and whenever."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar

import instances
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instances import catalog_classes, changed, essence, places, rebuilt
from pydantic import BaseModel, Field, create_model

from recortex import keys, store
from recortex.data.digits69 import Digits69
from recortex.data.picture_folder import PictureFolder
from recortex.errors import InvalidInput
from recortex.features.torchvision_net import TorchvisionNet
from recortex.splits.base import Split
from recortex.splits.k_fold import KFold
from recortex.stage import NOT_IN_KEY, LocalPath, Node, Stage, walk

same_fixture = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=25)


@pytest.fixture
def maker(tmp_path: Path) -> instances.Maker:
    return instances.Maker(instances.local_files(tmp_path / "files"))


class Any_(Node):
    """A field of any type, to see types told apart."""

    value: Any = None


class Base(Node):
    """Two levels of subclasses add a field each; `Holder` declares only the base."""

    a: int = 0


class Middle(Base):
    b: int = 0


class Leaf(Middle):
    c: int = 0


class Holder(Node):
    one: Base
    many: tuple[Base, ...] = ()


class One(Node):
    path: LocalPath


# the law over the catalog


@pytest.mark.parametrize("cls", [cls for cls in catalog_classes() if cls.model_fields], ids=lambda cls: cls.__name__)
@given(data=st.data())
@same_fixture
def test_a_change_of_any_field_at_any_depth_changes_the_key(cls: type[Node], maker: instances.Maker, data: st.DataObject) -> None:
    tree = data.draw(maker.instance(cls), label="tree")
    spots = [(place, node, name) for place, node in places(tree) for name in type(node).model_fields]
    place, node, name = data.draw(st.sampled_from(spots), label="spot")
    other = changed(tree, place, name, data.draw(maker.field(type(node), name), label="new value"))
    if essence(other) == essence(tree):  # the same value again, the same bytes elsewhere, or a field that cannot change a result
        assert other.key() == tree.key()
    else:
        assert other.key() != tree.key()


@pytest.mark.parametrize("cls", catalog_classes(), ids=lambda cls: cls.__name__)
@given(data=st.data())
@settings(same_fixture, max_examples=8)
def test_equal_trees_of_different_objects_have_one_key(cls: type[Node], maker: instances.Maker, data: st.DataObject) -> None:
    tree = data.draw(maker.instance(cls))
    first = tree.key()
    assert [rebuilt(tree).key() for _ in range(3)] == [first] * 3
    assert tree.model_copy(deep=True).key() == first


@given(data=st.data())
@settings(same_fixture, max_examples=60)
def test_any_two_trees_of_the_catalog_share_a_key_only_if_they_are_equal(maker: instances.Maker, data: st.DataObject) -> None:
    one, two = (data.draw(st.sampled_from(catalog_classes()).flatmap(maker.instance)) for _ in range(2))
    assert (one.key() == two.key()) == (essence(one) == essence(two))


def test_the_catalog_names_are_the_types_in_files_and_keys() -> None:
    assert [cls.type_name() for cls in catalog_classes()] == [cls.__name__ for cls in catalog_classes()]


def test_fields_marked_as_irrelevant_do_not_change_the_key() -> None:
    net = TorchvisionNet(stimuli=instances_pictures())
    assert TorchvisionNet(stimuli=instances_pictures(), device="cuda", batch=1).key() == net.key()
    assert TorchvisionNet(stimuli=instances_pictures(), size=96).key() != net.key()


def instances_pictures() -> Node:
    from recortex.data.handwritten_digits import HandwrittenDigits

    return HandwrittenDigits(count=20)


# processes

PROGRAM = """
from recortex import Digits69Pictures, HandwrittenDigits, KFold, PictureFolder, Pixels, PlantedUnits, RidgeEncoder, ImageScores
from recortex import RidgeDecoder, PixelPictures, CategoryScores, CategoryDecoder
import sys
digits = HandwrittenDigits(count=30)
brain = PlantedUnits(stimuli=digits, units=7, explainable=(0.1, 0.5))
decoder = RidgeDecoder(brain=brain, features=Pixels(stimuli=PictureFolder(path=sys.argv[1])), alphas=(1, 2), split=KFold(folds=None))
print(RidgeEncoder(brain=brain, features=Pixels(stimuli=digits, size=4)).key())
print(ImageScores(pictures=PixelPictures(decoder=decoder), stimuli=digits).key())
print(CategoryScores(decoder=CategoryDecoder(brain=brain, split=KFold(by="run"))).key())
from test_keys import Any_
print(Any_(value={"b": {3, 1, 2}, "a": frozenset({"x", "y", "z"}), 1: None, "1": (1.5, b"x")}).key())
"""


def test_keys_agree_across_processes_and_hash_seeds(maker: instances.Maker) -> None:
    folder = next(path for path in maker.files if path.is_dir())
    told = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(folder)],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        told.add(done.stdout)
    assert len(told) == 1
    assert len(set(told.pop().split())) == 4


# kinds of values


def test_values_that_python_calls_equal_have_keys_of_their_own() -> None:
    values = [
        1,
        1.0,
        True,
        "1",
        b"1",
        "True",
        "1.0",
        0,
        0.0,
        -0.0,
        False,
        "",
        b"",
        None,
        "None",
        (1,),
        ("1",),
        (1.0,),
        ((1,),),
        (),
    ]
    values += [{"a": 1}, {"a": 1.0}, {"a": "1"}, {1: "a"}, {"1": "a"}, {}, frozenset({1}), frozenset({"1"}), frozenset()]
    values += [
        float("nan"),
        float("inf"),
        "NaN",
        "é",
        "e\u0301",
        {"node": "x"},
        {"file": ["x", ""]},
        {"dict": []},
        {"bytes": "31"},
    ]
    found = {}
    for value in values:
        key = Any_(value=value).key()
        assert key not in found, f"{value!r} and {found[key]!r} share a key"
        found[key] = value


def test_numbers_of_numpy_count_as_what_they_hold() -> None:
    import numpy as np

    assert Any_(value=np.int64(3)).key() == Any_(value=3).key()
    assert Any_(value=np.float64(0.5)).key() == Any_(value=0.5).key()


def test_the_order_of_sets_and_mappings_does_not_count_and_that_of_lists_does() -> None:
    assert Any_(value={"a": 1, "b": 2}).key() == Any_(value={"b": 2, "a": 1}).key()
    assert Any_(value=frozenset({1, 2, 33, 4})).key() == Any_(value=frozenset({4, 33, 2, 1})).key()
    assert Any_(value=(1, 2)).key() != Any_(value=(2, 1)).key()


def test_a_union_keeps_the_type_that_was_given() -> None:
    class Either(Node):
        value: int | float | bool | str = 0

    assert len({Either(value=value).key() for value in (1, 1.0, True, "1", "true")}) == 5


def test_a_member_of_an_enum_counts_by_name() -> None:
    class Colour(Enum):
        RED = 1
        BLUE = 2

    assert Any_(value=Colour.RED).key() != Any_(value=Colour.BLUE).key()
    assert Any_(value=Colour.RED).key() != Any_(value=1).key()


def test_a_value_whose_content_is_unknown_is_refused_by_type() -> None:
    class Plain(BaseModel):
        x: int = 1

    for value in (object(), Plain(), print, Path("x")):
        with pytest.raises(TypeError, match="cannot be part of a key"):
            Any_(value=value).key()


def test_nodes_in_tuples_and_mappings_count_by_content_place_and_name() -> None:
    one, two = KFold(folds=2), KFold(folds=3)
    values = [(one, two), (two, one), (one,), {"a": one, "b": two}, {"a": two, "b": one}, one, None]
    assert len({Any_(value=value).key() for value in values}) == len(values)
    assert Any_(value=(KFold(folds=2),)).key() == Any_(value=(one,)).key()


# classes


def test_a_field_that_only_a_subclass_two_levels_down_has_counts() -> None:
    trees = [Base(), Base(a=1), Middle(), Middle(b=1), Leaf(), Leaf(c=1), Leaf(b=1), Leaf(a=1)]
    assert len({Holder(one=tree).key() for tree in trees}) == len(trees)
    assert len({Holder(one=Base(), many=(tree,)).key() for tree in trees}) == len(trees)


def test_a_new_version_of_a_base_class_moves_the_keys_of_its_subclasses(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {cls: cls().key() for cls in (Base, Middle, Leaf)}
    above = Any_().key()
    monkeypatch.setattr(Middle, "version", 2, raising=False)
    assert Base().key() == before[Base]
    assert Middle().key() != before[Middle]
    assert Leaf().key() != before[Leaf]
    assert Any_().key() == above
    second = Leaf().key()
    monkeypatch.setattr(Leaf, "version", 2, raising=False)
    assert Leaf().key() not in (second, before[Leaf])


def test_a_new_version_of_an_input_moves_the_keys_of_its_users(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Holder(one=Leaf()).key()
    monkeypatch.setattr(Base, "version", 7, raising=False)
    assert Holder(one=Leaf()).key() != before


def _twin(fields: dict[str, Any]) -> Node:
    return create_model("Twin", __base__=Node, __module__=__name__, **fields)()


@pytest.mark.parametrize(
    "extra",
    [
        (int, 3),
        (str | None, None),
        (tuple[float, ...], (1.0, 2.0)),
        (Split, KFold(folds=9)),
        (dict[str, int], {}),
        (list[int], Field(default_factory=list)),
        (float, 1),  # becomes 1.0
        (tuple[float, ...], (1, 2)),
    ],
    ids=str,
)
def test_a_new_field_at_its_default_keeps_the_key(extra: tuple) -> None:
    assert _twin({"a": (int, 0), "new": extra}).key() == _twin({"a": (int, 0)}).key()


def test_defaults_that_are_nodes_are_each_compared_with_their_own() -> None:
    # a default is copied for every comparison; a copy's address must not be taken for a later one's
    fields = {f"f{number}": (Node, KFold(folds=number + 2) if number % 2 else Base(a=number)) for number in range(8)}
    plain = create_model("Many", __base__=Node, __module__=__name__)
    many = create_model("Many", __base__=Node, __module__=__name__, **fields)
    assert many().key() == plain().key()
    chosen = [many(**{name: node}) for name in fields for node in (Base(a=0), Base(a=2), KFold(folds=3), KFold(folds=5))]
    distinct = {essence(tree): tree.key() for tree in chosen}
    assert len(set(distinct.values())) == len(distinct)


def test_what_a_dataset_adds_to_its_key_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Digits69().key()
    monkeypatch.setattr(Digits69, "key_extra", lambda self: {"digits69/digit69_28x28.mat": "0" * 64})
    assert Digits69().key() != before


def test_classes_of_one_name_in_two_modules_do_not_meet() -> None:
    other = create_model("Base", __base__=Node, __module__="elsewhere", a=(int, 0))
    assert other().key() != Base().key()


# files


def key_of(path: Path) -> str:
    return One(path=path).key()


@pytest.fixture
def remembering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of this very moment are remembered too."""
    monkeypatch.setattr(keys, "RACY_S", -1.0)


@pytest.mark.usefixtures("remembering")
def test_one_changed_byte_changes_the_key_even_under_the_same_size_and_time(tmp_path: Path) -> None:
    file = tmp_path / "a.npy"
    file.write_bytes(b"x" * 100)
    stat = file.stat()
    before = key_of(file)
    assert key_of(file) == before
    time.sleep(0.05)  # longer than a tick of the clock of any file system here
    file.write_bytes(b"x" * 99 + b"y")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert file.stat().st_size == stat.st_size
    assert file.stat().st_mtime_ns == stat.st_mtime_ns
    assert key_of(file) != before


@pytest.mark.usefixtures("remembering")
def test_a_file_that_stayed_as_it_was_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.npy"
    file.write_bytes(b"x" * 100)
    before = key_of(file)
    monkeypatch.setattr(keys.hashlib, "file_digest", lambda *_: pytest.fail("read again"))
    assert key_of(file) == before


def test_a_file_changed_just_now_is_not_remembered_whatever_time_it_claims(tmp_path: Path) -> None:
    # within one tick of the clock it may change again under the same identity; tools that restore mtime do not restore ctime
    file = tmp_path / "a.npy"
    file.write_bytes(b"x")
    os.utime(file, (time.time() - 1000, time.time() - 1000))
    key_of(file)
    assert not [path for path in (store.current().root / "digests").rglob("*") if path.is_file()]


def test_a_moved_or_renamed_file_keeps_its_key(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    file = tmp_path / "a.npy"
    file.write_text("content")
    before = key_of(file)
    file.rename(tmp_path / "sub" / "b.npy")
    assert key_of(tmp_path / "sub" / "b.npy") == before
    shutil.copy(tmp_path / "sub" / "b.npy", tmp_path / "C.NPY")
    assert key_of(tmp_path / "C.NPY") == before


def test_another_suffix_is_another_file_for_it_decides_how_it_is_read(tmp_path: Path) -> None:
    for name in ("a.csv", "a.tsv"):
        (tmp_path / name).write_text("same")
    assert key_of(tmp_path / "a.csv") != key_of(tmp_path / "a.tsv")


def test_names_and_bytes_of_a_folders_files_count_and_hidden_ones_do_not(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.png").write_text("a")
    (folder / "deep" / "b.png").write_text("b")
    seen = [key_of(folder)]

    (folder / ".DS_Store").write_text("x")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "c.png").write_text("c")
    (folder / "deep" / "._b.png").write_text("y")
    assert key_of(folder) == seen[0]

    (folder / "a.png").write_text("A")
    seen.append(key_of(folder))
    (folder / "a.png").rename(folder / "z.png")
    seen.append(key_of(folder))
    (folder / "z.png").rename(folder / "deep" / "z.png")
    seen.append(key_of(folder))
    (folder / "new.png").write_text("")
    seen.append(key_of(folder))
    assert len(set(seen)) == 5
    folder.rename(tmp_path / "elsewhere")
    assert key_of(tmp_path / "elsewhere") == seen[-1]


def test_what_a_key_leaves_out_a_stage_does_not_read(tmp_path: Path) -> None:
    from PIL import Image

    for name in ("shown.png", ".thumbs/small.png", ".cache.png"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(exist_ok=True)
        Image.new("L", (4, 4), 90).save(path)
    assert PictureFolder(path=tmp_path / "pictures").run()["stimulus"].tolist() == ["shown"]


def test_a_file_behind_a_link_counts_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_text("one")
    (tmp_path / "link.npy").symlink_to(tmp_path / "a.npy")
    assert key_of(tmp_path / "link.npy") == key_of(tmp_path / "a.npy")


@pytest.mark.usefixtures("remembering")
def test_a_key_needs_no_writable_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.npy").write_text("one")
    before = key_of(tmp_path / "a.npy")
    (tmp_path / "not_a_folder").write_text("")
    monkeypatch.setenv("RECORTEX_CACHE", str(tmp_path / "not_a_folder" / "cache"))
    assert key_of(tmp_path / "a.npy") == before


def test_a_missing_file_is_refused_before_any_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no file or folder"):
        One(path=tmp_path / "nothing.npy")


@pytest.mark.parametrize("place", ["/dev/zero", "pipe"])
def test_a_device_or_pipe_is_refused_before_anyone_reads_it_for_ever(place: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is a device, pipe or socket, not a file"):
        One(path=tmp_path / place)


class Link(Node):
    before: Node | None = None
    number: int = 0


def test_a_tree_deeper_than_the_stack_has_a_key_and_a_walk() -> None:
    chain, other = Link(), Link(number=1)
    for _ in range(3000):
        chain, other = Link(before=chain), Link(before=other)
    assert len(walk(chain)) == 3001
    assert walk(chain)[0].number == 0
    assert chain.key() != other.key()


def test_a_walk_gives_inputs_first_and_each_object_once() -> None:
    shared = Link()
    left, right = Link(before=shared, number=1), Link(before=shared, number=2)
    assert walk(left, right) == [shared, left, right]
    assert [id(node) for node in walk(right, left, right)] == [id(shared), id(right), id(left)]


def test_nodes_are_frozen_and_refuse_unknown_fields() -> None:
    with pytest.raises(ValueError, match="frozen"):
        KFold().folds = 3  # type: ignore[misc]
    with pytest.raises(InvalidInput, match="KFold has no field fold; did you mean folds"):
        KFold(fold=3)  # type: ignore[call-arg]


def test_an_irrelevant_field_of_an_input_does_not_count_either() -> None:
    class Quiet(Stage):
        device: Annotated[str, NOT_IN_KEY] = "cpu"
        version: ClassVar[int] = 3

    assert Any_(value=Quiet(device="cuda")).key() == Any_(value=Quiet()).key()
