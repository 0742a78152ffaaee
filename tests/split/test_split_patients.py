"""Folds: whole patients, stable, of the asked size, or a clear error."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from builders import small_workspace

from components.split.__main__ import main
from components.split.split import split_patients
from medhash.core.contracts import IMAGES, SPLIT, read_table
from medhash.core.errors import MedhashError
from medhash.core.params import SplitParams

STRATEGIES = ("hash", "official", "stratified")


def archive(
    patients: list[str], official: list[str | None] | None = None, labels: list[list[str]] | None = None
) -> pa.Table:
    """One image per entry of `patients`, in the contract IMAGES."""
    n = len(patients)
    ids = [f"{number:016x}" for number in range(n)]
    lists = official or ["test" if int(patient, 16) % 4 == 0 else "train_val" for patient in patients]
    columns = {
        "image_id": ids,
        "patient_id": patients,
        "study_id": ids,
        "bag_id": ids,
        "source_row": np.arange(n) + 2,
        "modality": ["xray"] * n,
        "organ": ["chest"] * n,
        "official_fold": lists,
        "labels": pa.array(
            [[{"attribute": "finding", "label": name} for name in names] for names in labels or [[]] * n],
            IMAGES.field("labels").type,
        ),
    }
    return pa.table({field.name: columns.get(field.name, pa.nulls(n, field.type)) for field in IMAGES}).cast(IMAGES)


def people(n: int, start: int = 0) -> list[str]:
    return [f"{number:016x}" for number in range(start, start + n)]


def fold_of_patient(split: pa.Table) -> dict[str, str]:
    return dict(zip(split["patient_id"].to_pylist(), split["fold"].to_pylist(), strict=True))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_image_is_placed_with_all_other_images_of_its_patient(strategy):
    patients = people(40) * 3
    split = split_patients(archive(patients), SplitParams(strategy=strategy), seed=1)
    assert split.schema.equals(SPLIT)
    assert split["image_id"].to_pylist() == sorted(archive(patients)["image_id"].to_pylist())
    assert all(
        len(
            {
                fold
                for who, fold in zip(split["patient_id"].to_pylist(), split["fold"].to_pylist(), strict=True)
                if who == patient
            }
        )
        == 1
        for patient in people(40)
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_order_of_the_rows_does_not_matter(strategy):
    images = archive(people(40) * 2, labels=[["Mass"] if number % 3 else ["Edema"] for number in range(80)])
    shuffled = images.take(np.random.default_rng(0).permutation(80))
    settings = SplitParams(strategy=strategy)
    assert split_patients(images, settings, 3).equals(split_patients(shuffled, settings, 3))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_another_seed_gives_other_folds(strategy):
    images, settings = archive(people(200)), SplitParams(strategy=strategy)
    assert not split_patients(images, settings, 1).equals(split_patients(images, settings, 2))


def test_hash_keeps_every_patient_where_it_was_when_others_arrive_or_leave():
    settings = SplitParams(strategy="hash")
    before = fold_of_patient(split_patients(archive(people(300)), settings, 7))
    after = fold_of_patient(split_patients(archive(people(900, start=100)), settings, 7))
    shared = before.keys() & after.keys()
    assert len(shared) == 200
    assert {patient: before[patient] for patient in shared} == {patient: after[patient] for patient in shared}


def test_hash_folds_are_the_same_in_every_version_of_the_code():
    folds = fold_of_patient(split_patients(archive(people(30)), SplitParams(strategy="hash"), 7))
    assert "".join(folds[patient][1] for patient in people(30)) == GOLDEN


GOLDEN = "arrrrrrrrrrraeeerrrerrrrerrrrr"
"""Second letter of the fold (train, val, test) of patients 0 … 29 at seed 7. If it changes, deployed test patients
would move into training."""


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_patient_with_more_cases_than_the_limit_is_in_train_whatever_the_strategy(strategy):
    patients = people(60) + people(20) * 3
    images = archive(patients)
    free = fold_of_patient(split_patients(images, SplitParams(strategy=strategy), 3))
    limited = fold_of_patient(
        split_patients(images, SplitParams(strategy=strategy, max_test_cases_per_patient=3), seed=3)
    )
    assert {free[patient] for patient in people(20)} == {"train", "val", "test"}
    assert limited == free | dict.fromkeys(people(20), "train")


def test_images_of_one_bag_count_as_one_case_of_their_patient():
    images = archive(people(60) + people(20) * 3)
    bags = images.set_column(images.column_names.index("bag_id"), IMAGES.field("bag_id"), images["patient_id"])
    settings = {"strategy": "hash"}
    assert split_patients(bags, SplitParams(**settings, max_test_cases_per_patient=1), 3).equals(
        split_patients(bags, SplitParams(**settings), 3)
    )


def test_hash_shares_are_those_asked_for_within_chance():
    n = 20_000
    folds = Counter(
        fold_of_patient(split_patients(archive(people(n)), SplitParams(test_share=0.3, val_share=0.1), 5)).values()
    )
    for fold, share in (("test", 0.3), ("val", 0.07), ("train", 0.63)):
        assert abs(folds[fold] / n - share) < 4 * (share * (1 - share) / n) ** 0.5


def test_official_test_patients_are_the_publishers_and_only_the_others_are_divided():
    patients = people(200)
    folds = fold_of_patient(split_patients(archive(patients), SplitParams(strategy="official", val_share=0.25), 7))
    assert {patient for patient, fold in folds.items() if fold == "test"} == {
        patient for patient in patients if int(patient, 16) % 4 == 0
    }
    assert abs(Counter(folds.values())["val"] / 150 - 0.25) < 4 * (0.25 * 0.75 / 150) ** 0.5


def test_stratified_gives_every_fold_its_patients_and_every_label_its_share():
    random = np.random.default_rng(0)
    labels = [
        [name for name, rate in (("common", 0.6), ("seldom", 0.1), ("rare", 0.02)) if random.random() < rate]
        for _ in range(1500)
    ]
    images = archive([patient for patient in people(500) for _ in range(3)], labels=labels)
    split = split_patients(images, SplitParams(strategy="stratified", test_share=0.2, val_share=0.25), 7)
    assert Counter(fold_of_patient(split).values()) == {"train": 300, "val": 100, "test": 100}
    for name in ("common", "seldom", "rare"):
        folds = Counter(fold for fold, names in zip(split["fold"].to_pylist(), labels, strict=True) if name in names)
        for fold, share in (("train", 0.6), ("val", 0.2), ("test", 0.2)):
            assert abs(folds[fold] - share * folds.total()) <= max(1.5, 0.03 * folds.total())


@pytest.mark.parametrize(
    ("patients", "official", "settings", "named"),
    [
        pytest.param(
            people(1) * 5, None, SplitParams(strategy="hash"), ["would have no patient", "has 1 "], id="one-hash"
        ),
        pytest.param(
            people(1) * 5, None, SplitParams(strategy="official"), ["train", "would have no patient"], id="one-official"
        ),
        pytest.param(
            people(2),
            None,
            SplitParams(strategy="stratified"),
            ["too few patients", "3 folds: 2", "split.val_share to 0"],
            id="two-stratified",
        ),
        pytest.param(
            people(4),
            ["test", None, "train_val", None],
            SplitParams(strategy="official"),
            ["2 of 4 images", "line 3, 5", "split.strategy: hash"],
            id="no-official-list",
        ),
        pytest.param(
            ["a", "b", "a", "b"],
            ["test", "test", "train_val", "test"],
            SplitParams(strategy="official"),
            ["1 patients", "line 2, 4", "split.strategy: hash"],
            id="both-official-lists",
        ),
    ],
)
def test_what_cannot_be_split_is_an_error_that_says_why(patients, official, settings, named):
    with pytest.raises(MedhashError) as caught:
        split_patients(archive(patients, official), settings, 7)
    assert all(words in str(caught.value) for words in named), str(caught.value)


def test_a_fold_that_is_not_asked_for_may_be_empty():
    split = split_patients(archive(people(20)), SplitParams(test_share=0.0, val_share=0.0), 7)
    assert set(split["fold"].to_pylist()) == {"train"}


def test_three_patients_fill_three_stratified_folds():
    split = split_patients(archive(people(3)), SplitParams(strategy="stratified"), 7)
    assert sorted(split["fold"].to_pylist()) == ["test", "train", "val"]


def test_the_command_writes_the_same_bytes_again(tmp_path, capsys):
    workspace = small_workspace(tmp_path, size_px=16)
    (tmp_path / "params.yaml").write_text("methods: [lsh]\nsplit: {strategy: official}\n")
    assert main(["--root", str(tmp_path)]) == 0
    first = workspace.split.read_bytes()
    assert main(["--root", str(tmp_path)]) == 0
    assert workspace.split.read_bytes() == first
    assert read_table(workspace.split, SPLIT).num_rows == 120
    assert "patients" in capsys.readouterr().out


@pytest.mark.parametrize(("both_lists", "fold"), [("train", "train"), ("test", "test")])
def test_a_patient_in_both_official_lists_goes_whole_where_params_say(both_lists, fold):
    patients = ["a", "a", "b", "b", "c"]
    images = archive(patients, ["train_val", "test", "test", "test", "train_val"])
    settings = SplitParams(strategy="official", val_share=0.0, both_lists=both_lists)
    split = split_patients(images, settings, 7)
    assert fold_of_patient(split) == {"a": fold, "b": "test", "c": "train"}
    assert split["fold"].to_pylist() == [fold, fold, "test", "test", "train"]
    with pytest.raises(MedhashError, match=r"1 patients are in both official lists, on line 2, 3 "):
        split_patients(images, SplitParams(strategy="official"), 7)


def test_stratified_folds_count_a_bag_once_however_many_images_it_was_cut_into():
    patients = people(40)
    labels = [["Mass"] if number % 4 == 0 else ["Edema"] for number in range(40)]
    whole = archive(patients, labels=labels)
    rows = [row for row in range(40) for _ in range(1 + 15 * (row % 3))]  # 1, 16 or 31 parts of each image
    parts = whole.take(rows).set_column(0, "image_id", pa.array([f"{number:016x}" for number in range(len(rows))]))
    settings = SplitParams(strategy="stratified", test_share=0.25, val_share=0.2)
    assert fold_of_patient(split_patients(parts, settings, 7)) == fold_of_patient(split_patients(whole, settings, 7))
