"""Files with random bytes changed, doubled, removed or cut off: read as they were, as another sound array, or refused in one line.

Whatever the bytes: no other kind of error, no crash of the process, no wait without end, no more memory than there is.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.random_bytes import FORMATS, changed, outcomes

EXTREMES = [
    (number % 2 ** (8 * size)).to_bytes(size, order)
    for size in (2, 4, 8)
    for number in (0, 1, -1, 2 ** (8 * size - 1), 2 ** (8 * size - 1) - 1, 1000, 65536)
    for order in ("little", "big")
]
place = st.one_of(st.integers(0, 400), st.integers(0, 100_000))  # headers stand at the front, mostly
change = st.one_of(
    st.tuples(st.just("flip"), place, st.just(0), st.integers(1, 255)),
    st.tuples(st.just("number"), place, st.just(0), st.sampled_from(EXTREMES)),
    st.tuples(st.just("cut"), place, st.just(0), st.just(0)),
    st.tuples(st.just("double"), place, st.integers(0, 63), st.integers(0, 7)),
    st.tuples(st.just("zero"), place, st.integers(0, 63), st.just(0)),
    st.tuples(st.just("remove"), place, st.integers(0, 63), st.just(0)),
    st.tuples(st.just("insert"), place, st.integers(0, 63), st.integers(0, 255)),
)
batch = st.lists(st.lists(change, min_size=1, max_size=3), min_size=1, max_size=12)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_that_was_not_changed_is_read_as_it_was(kind, tmp_path):
    path = tmp_path / FORMATS[kind].name
    FORMATS[kind].write(path)
    assert outcomes(kind, [path.read_bytes()] * 2, tmp_path) == ["same", "same"]


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(batch=batch)
def test_a_changed_file_is_read_or_refused(kind, batch, tmp_path):
    path = tmp_path / FORMATS[kind].name
    FORMATS[kind].write(path)
    sound = path.read_bytes()
    found = outcomes(kind, [changed(sound, changes) for changes in batch], tmp_path)
    assert len(found) == len(batch) and set(found) <= {"same", "other", "refused"}, found[-1]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("crashes", "crash: SIGSEGV"),
        ("hangs", "crash: it never ended"),
        ("errs", "wrong: Traceback"),
        ("takes", "wrong: it made arrays"),
        ("writes", "wrong: it wrote a file"),
    ],
)
def test_what_no_reader_may_do_would_be_noticed(kind, said, tmp_path):
    assert outcomes(kind, [b"changed"], tmp_path, seconds=2)[-1].startswith(said)
