"""Combinations that no one trains on, and near duplicates that stay together."""

import numpy as np
import pytest
from pydantic import ValidationError
from structured_archive import HELD_OUT, structured_images

from components.split.near_duplicates import linked_patients
from components.split.split import split_patients
from medhash.core.errors import MedhashError
from medhash.core.params import SplitParams

VALUES = [
    (modality, organ, (f"{organ} finding",))
    for modality in ("ct", "mr")
    for organ in ("brain", "breast")
    for _ in range(20)
]
PLAIN = SplitParams(strategy="hash", test_share=0.25, val_share=0.2)


def held_out(*combinations: dict[str, str]) -> SplitParams:
    return PLAIN.model_copy(update={"strategy": "combination", "held_out": list(combinations)})


def folds(values, settings: SplitParams, seed: int = 1, pixels=None) -> list[str]:
    return split_patients(structured_images(values), settings, seed, pixels)["fold"].to_pylist()


def test_a_held_out_combination_is_in_val_and_test_and_nowhere_else():
    found = folds(VALUES, held_out(*HELD_OUT))
    held = [
        fold for fold, (modality, organ, _) in zip(found, VALUES, strict=True) if (modality, organ) == ("mr", "breast")
    ]
    assert set(held) == {"val", "test"}
    assert min(held.count("val"), held.count("test")) >= 4


def test_the_other_patients_stay_where_the_hash_puts_them():
    plain, found = folds(VALUES, PLAIN), folds(VALUES, held_out(*HELD_OUT))
    assert [
        fold for fold, (modality, organ, _) in zip(found, VALUES, strict=True) if (modality, organ) != ("mr", "breast")
    ] == [
        fold for fold, (modality, organ, _) in zip(plain, VALUES, strict=True) if (modality, organ) != ("mr", "breast")
    ]


def test_a_combination_of_two_patients_has_one_that_asks_and_one_that_is_found():
    values = [
        *VALUES,
        ("xray", "breast", ("breast finding",)),
        ("xray", "breast", ("breast finding",)),
        *[("xray", "brain", ("brain finding",))] * 9,
    ]
    for seed in range(6):
        assert set(folds(values, held_out({"modality": "xray", "organ": "breast"}), seed)[80:82]) == {"val", "test"}


@pytest.mark.parametrize(
    ("combinations", "told"),
    [
        ([], "names no combination"),
        ([{"modality": "xray"}], r"modality: xray is of 0 images of 0 patients.*\n.*modality: ct, mr"),
        ([{"side": "left"}], r"side: left is of 0 images.*\n.*side: none"),
        ([{}], "an empty combination is of 0 images"),
        ([{"modality": "mr"}], r"modality: mr: no training image is left with modality mr"),
        ([{"modality": "mr", "organ": "breast"}, {"modality": "ct", "organ": "breast"}], "left with organ breast"),
        ([{"pathology": "brain finding"}], "left with pathology brain finding"),
    ],
)
def test_what_cannot_be_held_out_is_refused_by_name(combinations, told):
    with pytest.raises(MedhashError, match=told):
        folds(VALUES, held_out(*combinations))


def test_what_is_held_out_under_another_strategy_would_be_trained_on_and_is_refused():
    with pytest.raises(ValidationError, match="held_out keeps nothing out under strategy hash"):
        SplitParams(strategy="hash", held_out=HELD_OUT)


def pictures(n: int, size_px: int = 48) -> np.ndarray:
    random = np.random.default_rng(0)
    return np.stack([random.integers(0, 256, (1, size_px, size_px), dtype=np.uint8) for _ in range(n)])


def test_near_duplicates_are_linked_through_chains_and_only_within_modality_and_organ():
    pixels = pictures(6)
    noise = np.random.default_rng(1).normal(0, 6, pixels[0].shape)
    pixels[1] = np.clip(pixels[0] + noise, 0, 255)  # 0 ~ 1
    pixels[2] = np.clip(0.8 * pixels[1].astype(float) + 20, 0, 255)  # 1 ~ 2: brightness and contrast are nothing
    pixels[4] = pixels[0]  # but of another organ
    values = [("ct", "brain", ())] * 4 + [("ct", "breast", ())] * 2
    groups = linked_patients(structured_images(values), np.arange(6), 6, pixels, 0.9)
    assert groups[0] == groups[1] == groups[2]
    assert len(set(groups.tolist())) == 4


def test_blank_pictures_and_missing_ones_are_like_no_other():
    pixels = pictures(3)
    pixels[1:] = 7
    images = structured_images([("ct", "brain", ())] * 4)
    rows = images["pixel_row"].to_pylist()
    rows[3] = None
    images = images.set_column(images.column_names.index("pixel_row"), images.schema.field("pixel_row"), [rows])
    assert len(set(linked_patients(images, np.arange(4), 4, pixels, 0.5).tolist())) == 4


@pytest.mark.parametrize("strategy", ["hash", "stratified", "combination"])
def test_no_near_duplicates_stand_in_two_folds(strategy):
    pixels = pictures(120)
    pixels[40:80] = pixels[:40]
    values = [
        *[("ct", "brain", ("a",)), ("mr", "breast", ("b",))] * 40,
        *[("mr", "brain", ("a",))] * 20,
        *[("ct", "breast", ("b",))] * 20,
    ]
    settings = PLAIN.model_copy(
        update={"strategy": strategy, "near_duplicates": 0.97, "held_out": [{"modality": "mr", "organ": "breast"}]}
    )
    found = folds(values, settings, pixels=pixels)
    assert found[:40] == found[40:80]
    assert set(found) == {"train", "val", "test"}


def test_comparing_pixels_that_were_not_ingested_is_refused():
    with pytest.raises(MedhashError, match=r"near_duplicates compares pixels.*\n.*metadata_only"):
        folds(VALUES, PLAIN.model_copy(update={"near_duplicates": 0.9}))
