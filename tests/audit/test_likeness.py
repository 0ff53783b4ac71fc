"""Near-duplicate stimuli under other names, against correlations by NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from recortex.audit import Case, examine
from recortex.audit.likeness import near_duplicates
from recortex.splits.base import Fold
from tests.audit.designs import folds_by, noise_pictures, silent, the_finding


def shown(names: np.ndarray) -> tuple[dict[str, np.ndarray], list[Fold]]:
    """Each stimulus once, the last ten in test."""
    return {"stimulus": names}, [Fold("test", np.arange(len(names) - 10), np.arange(len(names) - 10, len(names)))]


def embedded(rows: int = 40, features: int = 64, common: float = 5.0, seed: int = 0) -> np.ndarray:
    """Unrelated embeddings with a large common part: uncentred cosines near .96 with 5."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, features)) + common * rng.choice([-1.0, 1.0], features)


def test_a_picture_and_its_brighter_noisier_copy_across_the_split_are_shown_as_a_pair():
    given = noise_pictures(40)
    rng = np.random.default_rng(1)
    copy = given["pictures"][3].astype(float) * 0.9 + 10 + rng.normal(0, 3, (12, 12, 3))
    given["pictures"][35] = np.clip(copy, 0, 255)
    case = Case(*shown(given["picture_names"]), **given)
    finding = the_finding(
        near_duplicates, case, "warn", "fold test", "1 pair of stimuli", "pixel r > .98", "1 of 10 test stimuli"
    )
    assert finding.leak == "near_duplicates"
    assert len(finding.evidence) == 1
    assert finding.evidence[0].startswith("p003.png ~ p035.png r .99")
    assert finding.evidence[0].endswith("(train ~ test)")


def test_duplicates_within_the_test_set_are_counted_apart_and_those_within_training_not_at_all():
    given = noise_pictures(40)
    given["pictures"][[5, 6]] = given["pictures"][4]
    given["pictures"][37] = given["pictures"][32]
    case = Case(*shown(given["picture_names"]), **given)
    finding = the_finding(near_duplicates, case, "note", "fold test", "1 pair of stimuli within the test set", "identification")
    assert finding.leak == "duplicate_candidates"
    assert finding.evidence == ("p032.png ~ p037.png r 1 (both test)",)


def test_unrelated_pictures_are_silent_also_where_they_have_no_contrast_or_are_not_used():
    given = noise_pictures(40)
    given["pictures"][[2, 33]] = 128
    silent(Case(*shown(given["picture_names"]), **given))
    given["pictures"][39] = given["pictures"][0]
    silent(Case({"stimulus": given["picture_names"][:39]}, [Fold("1", np.arange(30), np.arange(30, 39))], **given))


@pytest.mark.parametrize("size", [8, 32, 50])
def test_all_pairs_are_those_of_a_correlation_matrix(size):
    rng = np.random.default_rng(size)
    base = rng.integers(0, 256, (6, size, size, 1)).astype(float)
    mixed = base[rng.integers(0, 6, 60)] + rng.normal(0, 8, (60, size, size, 1)) * rng.uniform(0, 4, (60, 1, 1, 1))
    pictures = np.clip(mixed, 0, 255).astype(np.uint8)
    names = np.array([f"p{n:02d}" for n in range(60)])
    found = near_duplicates(Case(*shown(names), pictures=pictures, picture_names=names))
    if size == 50:  # larger pictures are averaged first, which takes noise out and never a pair
        assert found
        return
    alike = np.corrcoef(pictures.reshape(60, -1)) > 0.98
    across, within = int(alike[:50, 50:].sum()), int(np.triu(alike[50:, 50:], 1).sum())
    assert across > 0
    assert [f"{across} pair" in found[0].about, f"{within} pair" in found[-1].about] == [True, True]


def test_pairs_are_found_across_blocks_of_the_product(monkeypatch):
    given = noise_pictures(50)
    given["pictures"][[49, 12, 31]] = given["pictures"][[3, 44, 45]]
    table = {"stimulus": given["picture_names"]}
    case = Case(table, folds_by(table["stimulus"], 50), **given)
    whole = near_duplicates(case)
    assert "(and 5 other folds)" in whole[0].about
    monkeypatch.setattr("recortex.audit.likeness.BLOCK", 7)
    assert near_duplicates(case) == whole


def test_very_many_pairs_are_cut_short_and_said_to_be(monkeypatch):
    given = noise_pictures(40)
    given["pictures"][:] = given["pictures"][0]
    monkeypatch.setattr("recortex.audit.likeness.MOST_PAIRS", 50)
    found = near_duplicates(Case(*shown(given["picture_names"]), **given))
    assert all("at least" in finding.about for finding in found)
    assert len(found[0].evidence) == 20


def test_embeddings_are_centred_before_their_cosine_is_taken():
    features = embedded()
    table, folds = shown(np.array([f"s{n:02d}" for n in range(40)]))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    assert np.median(unit @ unit.T) > 0.95
    named = {"features": features, "feature_names_of_rows": table["stimulus"]}
    silent(Case(table, folds, **named, embedding=True))
    features[34] = features[2] + 0.05 * embedded(1, 64, 0.0, 9)[0]
    case = Case(table, folds, **named, embedding=True)
    finding = the_finding(near_duplicates, case, "warn", "cosine of centred features > .97", "1 pair")
    assert finding.evidence[0].startswith("s02 ~ s34 cosine .99")
    silent(Case(table, folds, **named))  # features whose cosine means nothing


def test_which_side_each_stands_on_is_said_in_the_order_of_the_names():
    given = noise_pictures(40)
    given["pictures"][35] = given["pictures"][3]
    folds = [Fold("1", np.arange(10, 40), np.arange(10))]
    (finding,) = examine(Case({"stimulus": given["picture_names"]}, folds, **given))
    assert finding.evidence == ("p003.png ~ p035.png r 1 (test ~ train)",)
