"""The clauses of the promotion rule: each compares what was measured with a limit, and says so in words."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from medhash.core.documents import Difference, Metrics
from medhash.core.params import QualityParams
from medhash.releases.request import UserRequest
from medhash.retrieval.measures.lift import Lift

ROUNDING = 1e-9
"""Figures nearer to a limit than this lie on it: sums of floats may differ in the last digits."""


class Clause(NamedTuple):
    name: str
    held: bool
    why: str
    """What was found beside what was asked for, in words."""
    fix: str = ""
    """What a person can do where the clause did not hold."""


def bits(codes: np.ndarray, limits: QualityParams) -> Clause:
    """Few bits are dead, |share of ones - 1/2| > max_bit_imbalance, and enough codes are distinct.

    codes: those of the index, packed, uint8 (n, bits / 8). Distinct codes are counted over min(n, 2^bits).
    """
    n_bits = 8 * codes.shape[1]
    imbalance = np.abs(np.unpackbits(codes, axis=1).mean(axis=0) - 0.5)
    n_dead = int((imbalance > limits.max_bit_imbalance + ROUNDING).sum())
    n_distinct = len(np.unique(codes, axis=0))
    distinct = n_distinct / max(1, min(len(codes), 2**n_bits))
    figures = (
        f"{n_dead} of {n_bits} bits are dead, limit {limits.max_dead_bit_share:.0%}; {n_distinct:,} of "
        f"{len(codes):,} codes are distinct, least {limits.min_distinct_code_share:.1%}"
    )
    held = (
        n_dead / n_bits <= limits.max_dead_bit_share + ROUNDING
        and distinct >= limits.min_distinct_code_share - ROUNDING
    )
    return Clause(
        "bits",
        held,
        figures,
        ""
        if held
        else "the codes have collapsed: look at the bit balance in the "
        "report, and change the method's settings (train.overrides) or train longer",
    )


_MEGABYTE = 10**6


def latency(p95_ms: float, champion_p95_ms: float | None, max_p95_ms: float) -> Clause:
    """p95 of encoding and searching one query on this machine's CPU ≤ max_p95_ms, in milliseconds."""
    beside = f"; the champion's {champion_p95_ms:.1f} ms" if champion_p95_ms is not None else ""
    if p95_ms <= max_p95_ms:
        return Clause(
            "latency", True, f"95 % of the queries take at most {p95_ms:.1f} ms, limit {max_p95_ms:g} ms{beside}"
        )
    return Clause(
        "latency",
        False,
        f"95 % of the queries take up to {p95_ms:.1f} ms, limit {max_p95_ms:g} ms{beside}",
        "run it again when the machine is quiet; else take a smaller network, or raise promote.max_p95_ms",
    )


def size(index_bytes: int, max_index_mb: float) -> Clause:
    """The files of the index folder together ≤ max_index_mb · 10^6 bytes."""
    figures = f"the index takes {index_bytes / _MEGABYTE:,.2f} MB, limit {max_index_mb:g} MB"
    if index_bytes <= round(max_index_mb * _MEGABYTE):
        return Clause("size", True, figures)
    return Clause(
        "size",
        False,
        figures,
        "take fewer bits, index fewer images, or raise promote.max_index_mb if the searchers' memory allows it",
    )


_ANOTHER_TURN = "wait for another group's turn, lower promote.query_groups, or add test patients"


_WHAT_HELPS = (
    "none needed if there is no better model: nothing serves. More patients narrow the interval; another method, "
    "features or `medhash tune` may raise the lift"
)


def lift(found: Lift | None, chance: float | None, min_lift: float, reason: str = "") -> Clause:
    """A first champion's lift must be sure: low > min_lift, where [low, high] is its 95 % interval over patients.

    Measured against the gallery that will serve. MAP decides nothing: codes that only form groups exceed chance, too.
    found: None where no query of the group can be answered; reason: why not.
    """
    if found is None or chance is None:
        return Clause("lift", False, reason, _ANOTHER_TURN)
    if found.n_patients < 2:
        return Clause(
            "lift",
            False,
            f"the lift {found.value:+.4f} is that of one patient, which says nothing about others",
            _ANOTHER_TURN,
        )
    figures = (
        f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}] of {found.n_patients:,} patients; MAP "
        f"{found.map:.4f}, with exchanged labels {found.permuted:.4f}, chance {chance:.4f}"
    )
    if found.low > min_lift + ROUNDING:
        return Clause("lift", True, f"there was no champion, and the model's lift is above {min_lift:g}: {figures}")
    return Clause(
        "lift",
        False,
        f"there is no champion, but the lift's interval is not above {min_lift:g}: {figures}",
        _WHAT_HELPS,
    )


def gain(difference: Difference | None, n_patients: int, min_gain: float, reason: str = "") -> Clause:
    """low > min_gain, where [low, high] is the 95 % interval of the difference in lift, challenger less champion.

    difference: on the same queries and gallery, each model net of its own exchanged labels, resampled by patient; None
    where no query of the group can be answered; reason: why not. n_patients: of the answerable queries; a single one
    gives no interval.
    """
    if difference is None:
        return Clause("gain", False, reason, _ANOTHER_TURN)
    figures = f"{difference.value:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}]"
    if n_patients < 2:
        return Clause(
            "gain",
            False,
            f"the gain {difference.value:+.4f} is that of one patient, which says nothing about others",
            _ANOTHER_TURN,
        )
    if difference.low > min_gain + ROUNDING:
        return Clause("gain", True, f"gain in lift {figures}: its lower end exceeds {min_gain:g}")
    return Clause(
        "gain",
        False,
        f"gain in lift {figures}: its lower end does not exceed {min_gain:g}",
        "none needed: the champion stays. A small gain shows with more test patients per group "
        "(promote.query_groups) or more training data",
    )


MAX_DIFFERING = 0.01
"""Share of bits that another machine's rounding may turn where a value of the relaxed code is nearly 0."""


class GalleryFacts(NamedTuple):
    """What the index holds beside what the tables say; counts of cases unless noted."""

    n_gallery: int
    """Cases of the gallery in today's tables."""
    n_missing: int
    """Of the gallery, but not in the index."""
    n_foreign: int
    """In the index, but not of the gallery, or twice."""
    n_other_patient: int
    n_other_labels: int
    n_other_code: int
    """The index holds another code than codes.parquet."""
    n_encoded: int
    """Encoded again by the released model."""
    n_bits_compared: int
    n_bits_differing: int


def gallery(facts: GalleryFacts) -> Clause:
    """No case, patient, label set or code differs, and of the cases encoded again at most 1 % of the bits."""
    counts = {
        "of the gallery are missing": facts.n_missing,
        "are not of the gallery": facts.n_foreign,
        "have another patient": facts.n_other_patient,
        "have other labels": facts.n_other_labels,
        "have another code than codes.parquet": facts.n_other_code,
    }
    wrong = [f"{count:,} cases {what}" for what, count in counts.items() if count]
    share = facts.n_bits_differing / max(facts.n_bits_compared, 1)
    if share > MAX_DIFFERING + ROUNDING or not facts.n_encoded:
        wrong.append(f"{share:.1%} of the bits differ where the model encodes {facts.n_encoded} of its cases again")
    if wrong:
        return Clause(
            "gallery",
            False,
            "the index does not match today's gallery and this model: " + ", ".join(wrong),
            "run `dvc repro`, which encodes and indexes again what is not up to date; never forced",
        )
    return Clause(
        "gallery",
        True,
        f"the index holds the {facts.n_gallery:,} cases of today's gallery; encoding "
        f"{facts.n_encoded} of them again turns {share:.2%} of the bits",
    )


def kept_lift(then: Metrics, now: Metrics, min_kept_lift: float) -> Clause:
    """Lift now ≥ min_kept_lift · lift then, each over all test queries; of releases before lift, MAP less chance.

    A model does not get worse by itself: if its figures fall, today's labels or images are not what they were.
    """
    if then.seen is not None and now.seen is not None:
        before, after = then.seen.lift.value, now.seen.lift.value
    else:
        before, after = (found.figures.map - found.chance.map for found in (then, now))
    figures = f"lift is {after:+.4f} today, {before:+.4f} at the release; least share {min_kept_lift:g}"
    if after >= min_kept_lift * before - ROUNDING:
        return Clause("kept-lift", True, figures)
    return Clause(
        "kept-lift",
        False,
        figures,
        "look at today's labels and images in the report and in reports/drift: "
        "they are not what they were; if they are right, a newly trained model will take the champion's "
        "place, or lower promote.min_kept_lift",
    )


class SliceChange(NamedTuple):
    """A part of the queries under both models: lift, and the difference challenger less champion with its interval."""

    kind: str
    """label, view, sex or age"""
    value: str
    n_queries: int
    """Answerable ones; the figures are their means."""
    n_patients: int
    challenger: float
    champion: float
    difference: float
    low: float
    high: float

    @property
    def name(self) -> str:
        return f"{self.kind} {self.value}"


def slices(changes: Sequence[SliceChange], max_drop: float, min_patients: int) -> Clause:
    """champion - challenger ≤ max_drop in every slice with min_patients query patients or more.

    Smaller slices are counted, not judged: their figures move by chance alone.
    """
    judged = [change for change in changes if change.n_patients >= min_patients]
    aside = f"; {len(changes) - len(judged)} slices of fewer than {min_patients} patients are not judged" * (
        len(judged) < len(changes)
    )
    fallen = sorted(
        (change for change in judged if -change.difference > max_drop + ROUNDING), key=lambda change: change.difference
    )
    if fallen:
        named = ", ".join(
            f"{change.name} {change.champion:+.4f} → {change.challenger:+.4f} ({change.n_patients} patients)"
            for change in fallen
        )
        return Clause(
            "slices",
            False,
            f"lift falls by more than {max_drop:g} in {named}{aside}",
            "look at these patients in the report: are their labels right, are there enough of them in "
            "training? promote.max_slice_drop is the limit",
        )
    lowest = min(judged, key=lambda change: change.difference, default=None)
    found = (
        f"none of {len(judged)} falls by more than {max_drop:g}; the least is {lowest.name}, {lowest.difference:+.4f}"
        if lowest
        else "there is none to judge"
    )
    return Clause("slices", True, found + aside)


def not_held(hold: UserRequest | None) -> Clause:
    """Nobody holds the champion."""
    if hold is None:
        return Clause("not-held", True, "the champion is not held")
    return Clause(
        "not-held",
        False,
        f"the champion is held, {hold}",
        "`medhash hold --lift` ends the hold; then run `medhash promote` again",
    )


def not_rolled_back(rolled_back: UserRequest | None) -> Clause:
    """The version was not left by a rollback."""
    if rolled_back is None:
        return Clause("not-rolled-back", True, "the version was never rolled back")
    return Clause(
        "not-rolled-back",
        False,
        f"the version was rolled back, {rolled_back}",
        "train another model, with new data or other settings; or `medhash promote --force --reason …`",
    )
