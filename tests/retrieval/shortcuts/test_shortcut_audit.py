"""The shortcut audit against data where the answer is known."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from medhash.core.contracts import IMAGES, LABEL_SETS, LABELS
from medhash.core.documents import Attribute, Vocabulary
from medhash.retrieval import shortcuts as audit
from medhash.retrieval.shortcuts import (
    BORDER,
    BRIGHTNESS,
    COLOUR,
    ENDS,
    GREY,
    SIZE,
    Shortcut,
    audit_shortcuts,
    image_statistics,
)

N = 240
VALUES = ["ct", "mr", "xray"]
CLASS = np.arange(N) % 3
FOLDS = np.select([np.arange(N) < 0.6 * N, np.arange(N) < 0.7 * N], ["train", "val"], "test")
Tables = tuple[pa.Table, np.ndarray, pa.Table, pa.Table, Vocabulary]


def tables(classes: np.ndarray = CLASS, folds: np.ndarray = FOLDS, **columns: object) -> Tables:
    """Images of one patient each, noise of equal size unless told otherwise; of class 0, 1 or 2, or -1: not known."""
    n = len(classes)
    ids = [f"{number:016x}" for number in range(n)]
    given: dict[str, object] = {
        "image_id": ids,
        "patient_id": ids,
        "study_id": ids,
        "bag_id": ids,
        "source_row": np.arange(n),
        "pixel_row": np.arange(n),
        "modality": ["xray"] * n,
        "organ": ["chest"] * n,
        "width": [512] * n,
        "height": [512] * n,
        "labels": pa.array([[]] * n, IMAGES.field("labels").type),
    } | columns
    images = pa.table({field.name: given.get(field.name, pa.nulls(n, field.type)) for field in IMAGES}).cast(IMAGES)
    labels = pa.table({"bag_id": ids, "patient_id": ids, "fold": folds, "set_id": classes + 1}).cast(LABELS)
    sets = pa.table({"set_id": range(4), "labels": [[], [0], [1], [2]], "n_bags": [0] * 4}).cast(LABEL_SETS)
    vocabulary = Vocabulary(
        attribute="combination",
        labels=VALUES,
        n_bags={},
        n_unlabelled={},
        attributes=[Attribute(name="modality", values=VALUES, of_label=[0, 1, 2])],
    )
    pixels = np.random.default_rng(0).integers(0, 200, (n, 1, 16, 16), dtype=np.uint8)
    return images, pixels, labels, sets, vocabulary


def only(given: Tables) -> Shortcut:
    found = audit_shortcuts(*given, seed=3)
    assert [shortcut.attribute for shortcut in found] == ["modality"]
    return found[0]


def test_an_attribute_that_only_the_size_tells_is_told_by_size_and_by_nothing_else() -> None:
    widths = np.array([224, 256, 2048])[CLASS]
    found = only(tables(width=widths, height=widths))
    assert found.accuracy is not None
    assert found.accuracy > 0.95
    assert found.strongest == SIZE
    assert found.standing == "told apart"
    assert found.verdict.startswith("modality can be told apart without anatomy (balanced accuracy ")
    assert "where a guess reaches 0.33; size alone reaches 1.00)" in found.verdict
    assert found.groups.pop(SIZE) == 1
    assert max(found.groups.values()) < 0.55


def test_noise_is_told_by_nothing() -> None:
    found = only(tables())
    assert found.accuracy is not None
    assert abs(found.accuracy - found.chance) < 0.2
    assert found.standing == "not told apart"
    assert "is not told apart" in found.verdict


def test_an_attribute_that_only_the_mean_of_the_pixels_tells_is_not_told_by_size() -> None:
    given = tables()
    given[1][...] = given[1] // 4 + (60 * CLASS)[:, None, None, None].astype(np.uint8)
    found = only(given)
    assert found.groups[BRIGHTNESS] == 1
    assert found.groups[SIZE] == pytest.approx(1 / 3)
    assert found.permuted is not None
    assert found.permuted < 0.6


def paint_border(pixels: np.ndarray) -> None:
    inner = pixels[:, :, 3:-3, 3:-3].copy()
    pixels[...] = np.where(CLASS == 2, 90, 110)[:, None, None, None]
    pixels[:, :, 3:-3, 3:-3] = inner


def paint_ends(pixels: np.ndarray) -> None:
    pixels[:, 0, 8, 4:8] = np.where(CLASS == 2, 255, 0)[:, None]


@pytest.mark.parametrize(("paint", "group"), [(paint_border, BORDER), (paint_ends, ENDS)])
def test_a_group_tells_what_is_painted_for_it(paint: Callable[[np.ndarray], None], group: str) -> None:
    given = tables(np.where(CLASS == 2, 1, 0))
    paint(given[1])
    found = only(given)
    assert found.groups[group] == 1
    assert found.groups[SIZE] == 0.5


def test_values_with_too_few_cases_are_left_out_and_named() -> None:
    classes = CLASS % 2
    classes[:4] = 2  # four to fit, one short
    classes[-2:] = 2
    assert only(tables(classes)).left_out == ["xray"]
    classes[4] = 2
    assert only(tables(classes)).left_out == []
    classes[-1] = 0  # one to measure, one short
    assert only(tables(classes)).left_out == ["xray"]


def test_an_attribute_of_one_value_is_not_asked() -> None:
    found = only(tables(np.where(CLASS == 2, -1, 0)))
    assert (found.classes, found.accuracy, found.standing, found.strongest) == (["ct"], None, "not asked", "")
    assert "was not asked" in found.verdict


def test_images_that_do_not_know_the_attribute_or_have_no_pixels_take_no_part() -> None:
    rows = pa.array(np.arange(N), pa.int64(), mask=np.arange(N) < 30)
    found = only(tables(np.where(np.arange(N) < 60, -1, CLASS), pixel_row=rows))
    assert found.n_fitted == (FOLDS == "train").sum() - 60
    assert found.n_measured == (FOLDS == "test").sum()


def test_a_gap_in_size_is_a_statistic_of_its_own() -> None:
    gaps = pa.array([512] * N, pa.int32(), mask=CLASS == 1)
    found = only(tables(np.where(CLASS == 1, 1, 0), width=gaps, height=gaps))
    assert found.groups[SIZE] == 1


def test_without_test_cases_it_is_measured_on_validation() -> None:
    found = only(tables(folds=np.where(FOLDS == "test", "val", FOLDS)))
    assert found.fold == "val"
    assert found.n_measured == (FOLDS != "train").sum()


def test_the_archive_that_images_were_joined_from_is_asked_too() -> None:
    carried = pa.array([[{"attribute": "archive", "label": "ab"[k % 2]}] for k in CLASS], IMAGES.field("labels").type)
    widths = np.where(CLASS == 1, 300, 600)
    found = audit_shortcuts(*tables(labels=carried, width=widths), seed=3)
    assert [shortcut.attribute for shortcut in found] == ["modality", "archive"]
    assert found[1].classes == ["a", "b"]
    assert found[1].groups[SIZE] == 1


def test_many_images_are_drawn_by_the_seed_and_equal_data_give_equal_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MAX_PROBE_IMAGES", 100)
    given = tables()
    found = audit_shortcuts(*given, seed=3)
    assert found[0].n_fitted + found[0].n_measured <= 100
    assert found == audit_shortcuts(*given, seed=3)
    assert found != audit_shortcuts(*given, seed=4)


def test_no_images_are_no_findings() -> None:
    assert audit_shortcuts(*tables(pixel_row=pa.nulls(N, pa.int64())), seed=0) == []


def test_statistics_are_those_of_plain_numbers() -> None:
    images, _, *_ = tables(np.zeros(1, int), np.array(["train"]), width=[300], height=[200])
    pixels = np.full((1, 3, 8, 8), 100, np.uint8)
    pixels[0, :, 3:5, 3:5] = np.array([255, 255, 255])[:, None, None]
    pixels[0, :, 0, 0] = [0, 3, 6]
    found = {group: values[0] for group, values in image_statistics(images, pixels).items()}
    grey = pixels[0].mean(axis=0)
    border = np.array([grey[y, x] for y in range(8) for x in range(8) if not (3 <= y < 5 and 3 <= x < 5)])
    assert found[SIZE].tolist() == pytest.approx([300, 200, np.log2(300), np.log2(200), 1.5, 0])
    assert found[BORDER].tolist() == pytest.approx([border.mean(), border.std()])
    assert found[BRIGHTNESS].tolist() == pytest.approx([grey.mean(), grey.std()])
    assert found[ENDS].tolist() == pytest.approx([1 / 64, 4 / 64])
    assert found[GREY].nonzero()[0].tolist() == [0, 6, 15]
    assert found[GREY].sum() == pytest.approx(1)
    assert found[COLOUR].tolist() == pytest.approx([np.std([0, 3, 6]) / 64])


def test_of_plain_labels_origin_view_and_age_group_are_asked() -> None:
    views = np.array(["PA", "AP", None], dtype=object)[CLASS]
    sources = np.array(["ward", "clinic"])[np.arange(N) % 2]
    carried = pa.array([[{"attribute": "collection", "label": name}] for name in sources], IMAGES.field("labels").type)
    ages = np.where(np.arange(N) % 2, 30, 50)
    images, pixels, labels, sets, vocabulary = tables(
        view=views, labels=carried, age=pa.array(ages, pa.int16()), width=np.where(sources == "ward", 512, 2048)
    )
    plain = vocabulary.model_copy(update={"attributes": []})
    found = {one.attribute: one for one in audit_shortcuts(images, pixels, labels, sets, plain, seed=3)}
    assert {name: one.classes for name, one in found.items()} == {
        "collection": ["clinic", "ward"],
        "view": ["AP", "PA"],
        "age group": ["20-39", "40-59"],
    }
    assert (found["collection"].strongest, found["collection"].standing) == (SIZE, "told apart")
    assert found["view"].standing == "not told apart"
    structured = [one.attribute for one in audit_shortcuts(images, pixels, labels, sets, vocabulary, seed=3)]
    assert structured == ["modality", "collection"]
