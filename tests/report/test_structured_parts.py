"""The parts of the structured sections that choose or judge, on figures made by hand."""

import numpy as np
import pytest
from report.structured_run import ATTRIBUTES, LABELS, VOCABULARY, figures, structured

from components.report.fired_rules import explain, surest_and_least_sure
from components.report.retrievals import agreement
from components.report.structured import (
    attribute_standing,
    combination_table,
    held_out,
    in_order,
    relevance_tables,
    sub_code_matrices,
)
from medhash.core.documents import AttributeFigures, StructuredFigures
from medhash.core.errors import MedhashError
from medhash.hashing.codes import Certainty

RULES = ["IF modality is mr AND organ is brain", "IF modality is xray AND organ is chest", "IF organ is brain"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (figures(0.8), "above"),
        (figures(0.38), "permuted"),
        (figures(0.33), "within"),
        (figures(0.3), "below"),
        (figures(0.2), "below"),
        (None, "unknown"),
    ],
)
def test_standing_beside_a_chance_of_30_and_permuted_labels_at_35_percent(
    given: AttributeFigures | None, expected: str
) -> None:
    assert attribute_standing(given) == expected


def test_the_best_method_comes_first_and_one_without_figures_last() -> None:
    low, high = structured(0.5), structured(0.9)
    none = low.model_copy(update={"attributes": dict.fromkeys(ATTRIBUTES), "joint": None})
    tables = relevance_tables({"none": none, "low": low, "high": high}, {"organ"})
    assert [table["name"] for table in tables] == ["joint", *ATTRIBUTES]
    assert [[row["method"] for row in table["rows"]] for table in tables] == [["high", "low", "none"]] * 4
    assert [table["name"] for table in tables if table["is_predictable"]] == ["organ"]
    assert [table["n_queries"] for table in tables] == [24] * 4


def test_the_matrix_outlines_own_attributes_and_stars_the_best_of_each_column() -> None:
    [matrix] = sub_code_matrices({"a": structured(0.8), "b": structured(0.8).model_copy(update={"sub_codes": {}})})
    for row, own in zip(matrix["rows"], ATTRIBUTES, strict=True):
        assert row["name"] == own
        assert [cell["is_own"] for cell in row["cells"]] == [name == own for name in ATTRIBUTES]
        assert [cell["is_best"] for cell in row["cells"]] == [name == own for name in ATTRIBUTES]
        assert [cell["map"] for cell in row["cells"]] == [
            pytest.approx(0.72 if name == own else 0.48) for name in ATTRIBUTES
        ]
    assert matrix["rows"][0]["cells"][0]["gain"] == pytest.approx((0.72 - 0.3) / 0.7)
    assert [cell["map"] for cell in matrix["whole"]] == pytest.approx([0.8, 0.811, 0.822])
    assert matrix["verdict"] == "Each sub-code ranks its own attribute best."


def test_a_sub_code_that_another_outdoes_on_its_own_attribute_is_named() -> None:
    found = structured(0.8)
    found.sub_codes["modality"]["organ"] = figures(0.79)
    found.sub_codes["pathology"]["pathology"] = None
    found.sub_codes["organ"]["modality"] = figures(0.1)  # below chance: not shaded
    [matrix] = sub_code_matrices({"a": found})
    assert matrix["verdict"] == (
        "Not every sub-code ranks its own attribute best: organ is ranked best by the "
        "sub-code modality; pathology is ranked best by the sub-code modality."
    )
    assert matrix["rows"][2]["cells"][2]["map"] is None
    assert matrix["rows"][1]["cells"][0]["gain"] == 0


def test_an_attribute_that_no_sub_code_ranks_above_chance_has_no_best() -> None:
    found = structured(0.8)
    for row in found.sub_codes.values():
        row["organ"] = figures(0.33)
    [matrix] = sub_code_matrices({"a": found})
    assert not any(row["cells"][1]["is_best"] for row in matrix["rows"])
    assert matrix["verdict"] == "Not every sub-code ranks its own attribute best: organ is ranked above chance by none."


def test_figures_follow_the_order_of_the_data_not_of_the_alphabet() -> None:
    found = structured(0.8, is_fuzzy=True)
    stored = StructuredFigures.model_validate_json(found.model_dump_json())
    shuffled = stored.model_copy(
        update={
            name: dict(sorted(getattr(stored, name).items()))
            for name in ("attributes", "sub_codes", "preference", "combinations", "calibration")
        }
    )
    ordered = in_order(shuffled, ["pathology", "modality", "organ"])
    assert list(ordered.attributes) == list(ordered.sub_codes) == ["pathology", "modality", "organ"]
    assert list(ordered.calibration) == ["pathology", "modality", "organ", "bits"]
    assert list(ordered.combinations) == ["seen", "held out"]
    assert ordered == found


def test_a_combination_is_held_out_where_tests_have_it_and_training_has_not() -> None:
    assert held_out(VOCABULARY) == [LABELS[1]]
    changed = VOCABULARY.model_copy(update={"n_bags": VOCABULARY.n_bags | {LABELS[1]: {"train": 0, "val": 9}}})
    assert held_out(changed) == []


def test_the_table_of_combinations_counts_each_fold_and_leaves_a_gap_for_what_is_not_known() -> None:
    table = combination_table(VOCABULARY)
    assert table["attributes"] == list(ATTRIBUTES)
    assert [(row["values"], row["counts"], row["is_held_out"]) for row in table["rows"]] == [
        (["mr", "brain", None], [18, 6, 6], False),
        (["mr", "brain", "glioma"], [36, 12, 12], False),
        (["xray", "chest", "<i>cyst</i>"], [0, 11, 13], True),
    ]


def test_neighbours_agree_in_what_both_know() -> None:
    by_set = {"modality": np.array([[1, 0], [0, 1], [1, 0]], bool), "organ": np.array([[1, 1], [0, 1], [0, 0]], bool)}
    assert agreement(by_set, 0, 1) == [("modality", "✗"), ("organ", "✓")]
    assert agreement(by_set, 0, 2) == [("modality", "✓"), ("organ", "–")]
    assert agreement({}, 0, 1) == []


def certainty(membership: list[list[float]], firing: list[list[float]]) -> Certainty:
    n = len(membership)
    return Certainty(np.full((n, 8), 204, np.uint8), np.array(membership, np.float32), np.array(firing, np.float32))


def test_a_case_tells_its_memberships_its_own_values_and_the_rules_that_fired_most() -> None:
    found = certainty([[0.9, 0.1, 0.4, 0.6, 0.5, 0.5]], [[0.21, 0.75, 0.04]])
    [told] = explain(found, RULES, VOCABULARY.attributes, [0], [{"modality": {"mr"}, "organ": {"brain"}}])
    assert [(part["name"], part["is_known"]) for part in told["attributes"]] == [
        ("modality", True),
        ("organ", True),
        ("pathology", False),
    ]
    assert [
        (one["value"], pytest.approx(one["share"]), one["is_true"]) for one in told["attributes"][1]["memberships"]
    ] == [("chest", 0.6, False), ("brain", 0.4, True)]
    assert [(rule["text"], pytest.approx(rule["level"])) for rule in told["rules"]] == [
        (RULES[1], 0.75),
        (RULES[0], 0.21),
    ]
    assert told["bits"] == pytest.approx(0.8)


def test_of_many_values_four_are_shown_and_the_case_s_own_whatever_its_membership() -> None:
    [attribute] = [VOCABULARY.attributes[0].model_copy(update={"values": list("abcdefg")})]
    found = certainty([[0.3, 0.25, 0.2, 0.15, 0.06, 0.04, 0.0]], [[1.0]])
    [told] = explain(found, RULES[:1], [attribute], [0], [{"modality": {"g"}}])
    assert [one["value"] for one in told["attributes"][0]["memberships"]] == list("abcdg")


def test_the_surest_come_first_and_the_least_sure_last() -> None:
    rows = [[share, 1 - share, 0.9, 0.1, 0.8, 0.2] for share in (0.7, 0.55, 0.78, 0.6, 0.75, 0.5, 0.65, 0.99)]
    found = certainty(rows, [[1, 0, 0]] * len(rows))
    assert surest_and_least_sure(found, VOCABULARY.attributes, n=4) == [7, 2, 1, 5]  # 7 is held back by its 0.8
    assert surest_and_least_sure(found, VOCABULARY.attributes, n=9) == [7, 2, 4, 0, 6, 3, 1, 5]


@pytest.mark.parametrize(
    "broken",
    [
        certainty([[0.5, 0.5, 0.5, 0.5, 0.5]], [[1, 0, 0]]),
        certainty([[0.5] * 6], [[1, 0]]),
        Certainty(np.zeros((1, 8), np.uint8), None, None),
    ],
)
def test_memberships_and_levels_that_do_not_fit_the_model_are_refused(broken: Certainty) -> None:
    with pytest.raises(MedhashError, match="a model"):
        explain(broken, RULES, VOCABULARY.attributes, [0], [{}])
