"""The promotion rule: every clause must hold, unless a person forces the promotion."""

from typing import TYPE_CHECKING, NamedTuple

from medhash.core.params import Params
from medhash.releases.promotion.clauses import Clause, bits, gain, gallery, latency, lift, size, slices
from medhash.releases.request import UserRequest

if TYPE_CHECKING:
    from medhash.releases.promotion.evidence import Evidence

NEVER_FORCED = ("gates", "gallery")
"""Clauses that --force does not override: broken data, or an index of another gallery or model."""


class Decision(NamedTuple):
    promote: bool
    clauses: list[Clause]
    why: str
    force: UserRequest | None = None
    """Who promotes whatever the rule says, and why."""

    @property
    def failed(self) -> list[str]:
        """Names of the clauses that did not hold."""
        return [clause.name for clause in self.clauses if not clause.held]

    @property
    def outcome(self) -> str:
        """promoted, forced, held (only a hold prevents it) or not promoted."""
        if self.promote:
            return "forced" if self.force else "promoted"
        return "held" if self.failed == ["not-held"] else "not promoted"


def measured_clauses(evidence: "Evidence", params: Params, has_champion: bool) -> list[Clause]:
    """The clauses about what was measured. A first champion needs a lift above 0, any other a gain in lift."""
    found, limits, champion_latency = evidence.comparison, params.promote, evidence.champion_latency
    if not has_champion:
        ranking = [lift(found.challenger, found.chance, limits.min_lift, found.unanswerable)]
    elif evidence.not_compared:
        ranking = [Clause("gain", False, f"the champion could not be compared: {evidence.not_compared}")]
    else:
        ranking = [
            gain(found.gain, len(found.patients), limits.min_gain, found.unanswerable),
            slices(found.slices, limits.max_slice_drop, limits.min_slice_patients),
        ]
    return [
        gallery(evidence.gallery),
        *ranking,
        latency(evidence.latency.p95_ms, champion_latency.p95_ms if champion_latency else None, limits.max_p95_ms),
        size(evidence.index_bytes, limits.max_index_mb),
        bits(evidence.codes, params.quality),
    ]


def decide(clauses: list[Clause], force: UserRequest | None = None) -> Decision:
    """Promote if every clause held; if forced, if those that are never forced did."""
    failed = [clause for clause in clauses if not clause.held]
    if not failed:
        gained = next((clause.why for clause in clauses if clause.name in ("gain", "lift")), "")
        return Decision(True, clauses, f"every clause held; {gained}", force)
    text = "; ".join(f"{clause.name}: {clause.why}" for clause in failed)
    if force is None:
        return Decision(False, clauses, text)
    if any(clause.name in NEVER_FORCED for clause in failed):
        return Decision(False, clauses, f"forced by {force.who}, but this cannot be forced; {text}", force)
    return Decision(True, clauses, f"forced by {force.who}: {force.reason}; against {text}", force)
