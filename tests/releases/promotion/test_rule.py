"""The promotion rule clause by clause, at its limits and on both sides of them; and what force may pass over."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from medhash.core.documents import Difference
from medhash.core.params import Params, QualityParams
from medhash.releases.promotion.clauses import (
    Clause,
    GalleryFacts,
    SliceChange,
    bits,
    gain,
    gallery,
    latency,
    lift,
    not_held,
    not_rolled_back,
    size,
    slices,
)
from medhash.releases.promotion.rule import Decision, decide, measured_clauses
from medhash.releases.request import UserRequest
from medhash.retrieval.evaluation.latency import Latency
from medhash.retrieval.measures.lift import Lift

SOMEBODY = UserRequest(who="Dr. A", at="2026-01-01T00:00:00+00:00", reason="a study runs")
WHOLE = GalleryFacts(
    n_gallery=96,
    n_missing=0,
    n_foreign=0,
    n_other_patient=0,
    n_other_labels=0,
    n_other_code=0,
    n_encoded=64,
    n_bits_compared=1000,
    n_bits_differing=0,
)


def difference(low: float) -> Difference:
    return Difference(value=low + 0.05, low=low, high=low + 0.1, p_value=0.01)


def lifted(low: float, n_patients: int = 9) -> Lift:
    return Lift(0.9, 0.9 - low - 0.05, low + 0.05, low, low + 0.1, 20, n_patients)


def change(drop: float, n_patients: int = 20, value: str = "PA") -> SliceChange:
    return SliceChange("view", value, 40, n_patients, 0.8 - drop, 0.8, 0.8 - drop - 0.8, -drop - 0.1, 0.1 - drop)


@pytest.mark.parametrize(
    ("clause", "held"),
    [
        (not_held(None), True),
        (not_held(SOMEBODY), False),
        (not_rolled_back(None), True),
        (not_rolled_back(SOMEBODY), False),
        (lift(lifted(0.001), 0.52, 0.0), True),
        (lift(lifted(0.03), 0.52, 0.03), False),
        (lift(lifted(0.0301), 0.52, 0.03), True),
        (lift(lifted(0.0), 0.52, 0.0), False),
        (lift(lifted(-0.01), 0.52, 0.0), False),  # whatever its MAP
        (lift(lifted(0.1 + 0.2 - 0.3), 0.52, 0.0), False),  # 0 but for the last digit
        (lift(lifted(0.3, n_patients=1), 0.52, 0.0), False),  # one patient says nothing about others
        (lift(None, None, 0.0, "nobody"), False),
        (gain(difference(0.001), 9, 0.0), True),
        (gain(difference(0.0), 9, 0.0), False),
        (gain(difference(-0.01), 9, 0.0), False),
        (gain(difference(0.02), 9, 0.02), False),
        (gain(difference(0.0201), 9, 0.02), True),
        (gain(difference(0.1 + 0.2 - 0.2), 9, 0.1), False),
        (gain(difference(0.3), 1, 0.0), False),  # one patient says nothing about others
        (gain(None, 0, 0.0, "nobody"), False),
        (slices([change(0.1)], 0.1, 10), True),
        (slices([change(0.1001)], 0.1, 10), False),
        (slices([change(0.0)], 0.0, 10), True),
        (slices([change(-0.2), change(0.2)], 0.1, 10), False),
        (slices([change(0.2, n_patients=10)], 0.1, 10), False),
        (slices([change(0.2, n_patients=9)], 0.1, 10), True),
        (slices([], 0.1, 10), True),
        (latency(200.0, None, 200.0), True),
        (latency(200.01, 150.0, 200.0), False),
        (size(100_000, 0.1), True),
        (size(100_001, 0.1), False),
        (gallery(WHOLE), True),
        (gallery(WHOLE._replace(n_bits_differing=10)), True),
        (gallery(WHOLE._replace(n_bits_differing=11)), False),
        *(
            (gallery(WHOLE._replace(**{what: 1})), False)
            for what in ("n_missing", "n_foreign", "n_other_patient", "n_other_labels", "n_other_code")
        ),
        (gallery(WHOLE._replace(n_encoded=0, n_bits_compared=0)), False),
    ],
)
def test_a_clause_holds_up_to_its_limit(clause: Clause, held: bool) -> None:
    assert clause.held is held
    assert clause.why
    assert bool(clause.fix) or held  # a clause that stops a run says what to do


@pytest.mark.parametrize(
    ("n_ones", "limits", "held"),
    [
        # 20 codes; a bit with 18 ones has a share of 0.9, 0.4 from one half
        ([18] * 2 + [10] * 6, {"max_bit_imbalance": 0.4}, True),
        ([19] * 2 + [10] * 6, {"max_bit_imbalance": 0.4, "max_dead_bit_share": 0.25}, True),
        ([19] * 3 + [10] * 5, {"max_bit_imbalance": 0.4, "max_dead_bit_share": 0.25}, False),
        ([1] * 3 + [10] * 5, {"max_bit_imbalance": 0.4, "max_dead_bit_share": 0.25}, False),
        ([20] * 8, {"max_bit_imbalance": 0.5, "min_distinct_code_share": 0.05}, True),  # one code of 20
        ([20] * 8, {"max_bit_imbalance": 0.5, "min_distinct_code_share": 0.06}, False),
    ],
)
def test_bits_are_dead_beyond_the_imbalance_and_codes_must_differ(
    n_ones: list[int], limits: dict[str, float], held: bool
) -> None:
    codes = np.packbits(np.arange(20)[:, None] < np.array(n_ones)[None, :], axis=1)
    assert bits(codes, QualityParams(**limits)).held is held


def test_a_fallen_slice_is_named_with_its_figures_and_the_small_ones_are_counted() -> None:
    clause = slices([change(0.0), change(0.3, value="AP"), change(0.9, 2, "LL")], 0.1, 10)
    assert "view AP +0.8000 → +0.5000 (20 patients)" in clause.why
    assert "view LL" not in clause.why
    assert "1 slices of fewer than 10 patients are not judged" in clause.why


def failing(*names: str) -> list[Clause]:
    return [
        Clause(name, name not in names, f"as {name} is")
        for name in ("gates", "gallery", "not-held", "not-rolled-back", "gain", "slices", "latency", "size", "bits")
    ]


@pytest.mark.parametrize(
    ("names", "force", "outcome"),
    [
        ((), None, "promoted"),
        (("gain",), None, "not promoted"),
        (("bits", "size"), None, "not promoted"),
        (("not-held",), None, "held"),
        (("not-held", "gain"), None, "not promoted"),
        ((), SOMEBODY, "forced"),
        (("gain", "slices", "bits", "not-held", "not-rolled-back"), SOMEBODY, "forced"),
        (("gates",), SOMEBODY, "not promoted"),
        (("gain", "gallery"), SOMEBODY, "not promoted"),
    ],
)
def test_every_clause_must_hold_unless_a_person_takes_it_upon_themselves(
    names: tuple[str, ...], force: UserRequest | None, outcome: str
) -> None:
    decision: Decision = decide(failing(*names), force)
    assert decision.outcome == outcome
    assert decision.promote is (outcome in ("promoted", "forced"))
    assert sorted(decision.failed) == sorted(names)
    assert all(f"as {name} is" in decision.why for name in names)
    assert force is None or "Dr. A" in decision.why or not names


@dataclass
class Measured:
    """What `measured_clauses` reads of the evidence."""

    comparison: Any
    not_compared: str = ""
    gallery: GalleryFacts = WHOLE
    latency: Latency = field(
        default_factory=lambda: Latency(n_queries=1, n_gallery=1, k=10, p50_ms=1.0, p95_ms=2.0, p99_ms=3.0)
    )
    champion_latency: Latency | None = None
    index_bytes: int = 10
    codes: np.ndarray = field(default_factory=lambda: np.arange(256, dtype=np.uint8)[:, None])


@dataclass
class Compared:
    challenger: Lift = field(default_factory=lambda: lifted(0.04))
    chance: float = 0.5
    gain: Difference | None = None
    patients: tuple[str, ...] = ("a", "b")
    unanswerable: str = ""
    slices: tuple[SliceChange, ...] = ()


def test_a_first_model_that_only_groups_its_gallery_is_refused_with_what_would_help() -> None:
    found = lift(lifted(-0.01), 0.37, 0.0)
    assert "MAP 0.9000, with exchanged labels 0.8600, chance 0.3700" in found.why
    assert "More patients" in found.fix


def test_a_first_champion_needs_lift_and_any_other_a_gain_over_the_champion() -> None:
    params = Params(methods=["lsh"])
    first = measured_clauses(Measured(Compared()), params, has_champion=False)  # type: ignore[arg-type]
    assert [clause.name for clause in first] == ["gallery", "lift", "latency", "size", "bits"]
    assert all(clause.held for clause in first)
    later = measured_clauses(Measured(Compared(gain=difference(-0.1))), params, has_champion=True)  # type: ignore
    assert [clause.name for clause in later if not clause.held] == ["gain"]
    assert "slices" in [clause.name for clause in later]
    unread = measured_clauses(Measured(Compared(), "it is damaged"), params, has_champion=True)  # type: ignore
    assert [clause.why for clause in unread if not clause.held] == ["the champion could not be compared: it is damaged"]
