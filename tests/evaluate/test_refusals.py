"""What cannot be measured is refused with its reason and what to do about it."""

from dataclasses import replace

import pytest

from medhash.core.errors import MedhashError
from medhash.core.params import EvaluateParams
from medhash.retrieval.evaluation.measure import measure

SETTINGS = EvaluateParams(bootstrap_samples=5)


def refusal(codes, given):
    with pytest.raises(MedhashError) as refused:
        measure(codes, given, SETTINGS, seed=0)
    return refused.value


def test_queries_that_share_no_label_with_what_they_search(random_codes, replaced):
    codes, given = random_codes
    given = replace(given, similarity=replaced(given.similarity, "level", [0] * 16))
    error = refusal(codes, given)
    assert "none of the 48 queries of fold test shares a label with any of the 192 cases it searches" in error.problem
    assert "classes in params.yaml" in error.fix


def test_a_class_that_only_the_queries_carry_is_named(random_codes, replaced):
    codes, given = random_codes
    folds = given.labels["fold"].to_pylist()
    sets = [2 if fold == "test" else 0 for fold in folds]
    error = refusal(codes, replace(given, labels=replaced(given.labels, "set_id", sets)))
    assert "(no case of the gallery carries No Finding)" in error.problem


def test_queries_that_all_lack_a_label(random_codes, replaced):
    codes, given = random_codes
    folds = given.labels["fold"].to_pylist()
    sets = [2 if fold == "test" else 0 for fold in folds]
    given = replace(
        given,
        labels=replaced(given.labels, "set_id", sets),
        label_sets=replaced(given.label_sets, "labels", [[0], [1], [], [0, 1]]),
    )
    error = refusal(codes, given)
    assert error.problem == "none of the 48 queries of fold test carries a label"
    assert "labels.classes" in error.fix
    assert "labels.no_finding" in error.fix


def test_a_single_patient(random_codes, replaced):
    codes, given = random_codes
    error = refusal(codes, replace(given, labels=replaced(given.labels, "patient_id", ["a" * 16] * 240)))
    assert "own patient" in error.problem
    assert "several patients" in error.fix
    assert "a" * 16 not in str(error)


def test_a_val_fold_of_the_train_folds_only_patient(random_codes, replaced):
    codes, given = random_codes
    folds, patients = given.labels["fold"].to_pylist(), given.labels["patient_id"].to_pylist()
    patients = [patient if fold == "test" else "a" * 16 for patient, fold in zip(patients, folds, strict=True)]
    error = refusal(codes, replace(given, labels=replaced(given.labels, "patient_id", patients)))
    assert "48 queries of fold val could search is of the query's own patient" in error.problem


def test_a_test_fold_without_images(random_codes):
    codes, given = random_codes
    error = refusal(codes.slice(0, 192), given)
    assert error.problem == "fold test has no case with a code, so nothing can be measured"
    assert "split.test_share" in error.fix


def test_a_gallery_without_images(random_codes):
    codes, given = random_codes
    assert "shares a label with any of the 0 cases" in refusal(codes.slice(192), given).problem


def test_a_label_set_that_similarity_does_not_know(random_codes):
    codes, given = random_codes
    error = refusal(codes, replace(given, similarity=given.similarity.slice(0, 1)))
    assert "label set 3 of labels.parquet has no row in similarity.parquet" in error.problem
