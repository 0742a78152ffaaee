"""A decision as a document: its text, its page and the run's artifacts are made from it."""

from medhash.core.documents import Difference, Document, Interval
from medhash.core.params import PromoteParams
from medhash.releases.promotion.clauses import SliceChange
from medhash.releases.promotion.evidence import Evidence
from medhash.releases.promotion.query_groups import QueryUsage, Turn, groups_of, usage_by_group
from medhash.releases.promotion.rule import Decision
from medhash.releases.release import Release
from medhash.retrieval.measures.lift import Lift


class ClauseLine(Document):
    name: str
    held: bool
    why: str
    fix: str


class SliceLine(Document):
    """Fields of `SliceChange`, and whether it had patients enough to be judged."""

    kind: str
    value: str
    n_queries: int
    n_patients: int
    challenger: float
    champion: float
    difference: float
    low: float
    high: float
    judged: bool


class GroupLine(Document):
    """A group of query patients: when its turn is, this or the next one, and how often they were asked, this time
    included."""

    group: int
    n_patients: int
    first_day: str
    last_day: str
    least: int
    median: float
    most: int


class DecisionReport(Document):
    """MAP, lift, chance and gain are over the answerable queries of the group whose turn it is."""

    model: str
    version: str
    method: str
    bits: int
    champion_version: str | None
    champion_method: str | None
    promoted: bool
    outcome: str
    why: str
    clauses: list[ClauseLine]
    by: str | None
    """Who forced it, and for what reason."""
    reason: str | None
    turn: int
    group: int
    groups: list[GroupLine]
    uses: list[int]
    """Number of today's test patients that were asked 0, 1, 2 … times."""
    n_queries: int
    n_answerable: int
    n_patients: int
    n_gallery: int
    n_trained_on: int
    """Queries left out because one of the two models was trained on their patients."""
    n_patients_trained_on: int
    chance: float | None
    challenger_map: float | None
    challenger_permuted: float | None
    """MAP with the queries' labels exchanged."""
    challenger_lift: Interval | None
    champion_map: float | None
    champion_permuted: float | None
    champion_lift: Interval | None
    champion_how: str
    chosen_by: str
    """lift or map, on validation patients (choose_by)."""
    validation: float | None
    gain: Difference | None
    slices: list[SliceLine]
    limits: PromoteParams
    p50_ms: float
    p95_ms: float
    champion_p95_ms: float | None
    index_bytes: int
    evaluation_digest: str
    git_commit: str
    airflow_run: str | None
    audit: str | None = None
    """Digest of the decision's line in the audit log."""

    @property
    def failed(self) -> list[str]:
        return [clause.name for clause in self.clauses if not clause.held]

    def stamped(self, audit: str) -> "DecisionReport":
        return self.model_copy(update={"audit": audit})


def decision_report(
    version: str,
    release: Release,
    champion: tuple[str, str] | None,
    decision: Decision,
    evidence: Evidence,
    limits: PromoteParams,
    turn: Turn,
    usage: QueryUsage,
    seed: int,
    chosen_by: str,
    validation: float | None,
    airflow_run: str | None,
) -> DecisionReport:
    """champion: its version and method. usage: with this decision in them."""
    found, force, champion_latency = evidence.comparison, decision.force, evidence.champion_latency
    return DecisionReport(
        model=limits.name,
        version=version,
        method=release.method,
        bits=release.bits,
        champion_version=champion[0] if champion else None,
        champion_method=champion[1] if champion else None,
        promoted=decision.promote,
        outcome=decision.outcome,
        why=decision.why,
        clauses=[ClauseLine(**clause._asdict()) for clause in decision.clauses],
        by=force.who if force else None,
        reason=force.reason if force else None,
        turn=turn.number,
        group=turn.group,
        groups=_groups(evidence.test_patients, turn, usage, seed),
        uses=_histogram(evidence.test_patients, usage),
        n_queries=found.n_queries,
        n_answerable=found.n_answerable,
        n_patients=len(found.patients),
        n_gallery=found.n_gallery,
        n_trained_on=found.eligible.n_trained_on,
        n_patients_trained_on=found.eligible.n_patients_trained_on,
        chance=found.chance,
        challenger_map=found.challenger.map if found.challenger else None,
        challenger_permuted=found.challenger.permuted if found.challenger else None,
        challenger_lift=_interval(found.challenger),
        champion_map=found.champion.map if found.champion else None,
        champion_permuted=found.champion.permuted if found.champion else None,
        champion_lift=_interval(found.champion),
        champion_how=found.champion_how,
        chosen_by=chosen_by,
        validation=validation,
        gain=found.gain,
        slices=[_slice(change, limits.min_slice_patients) for change in found.slices],
        limits=limits,
        p50_ms=evidence.latency.p50_ms,
        p95_ms=evidence.latency.p95_ms,
        champion_p95_ms=champion_latency.p95_ms if champion_latency else None,
        index_bytes=evidence.index_bytes,
        evaluation_digest=found.evaluation_digest,
        git_commit=release.git_commit,
        airflow_run=airflow_run,
    )


def _interval(found: Lift | None) -> Interval | None:
    """None also of a single patient, whose resamples are all alike."""
    return Interval(value=found.value, low=found.low, high=found.high) if found and found.n_queries else None


def _slice(change: SliceChange, min_patients: int) -> SliceLine:
    return SliceLine(**change._asdict(), judged=change.n_patients >= min_patients)


def _groups(patients: list[str], turn: Turn, usage: QueryUsage, seed: int) -> list[GroupLine]:
    lines = []
    for use in usage_by_group(usage, patients, groups_of(patients, turn.n_groups, seed), turn.n_groups):
        own = turn.next_of(use.group)
        lines.append(GroupLine(**use._asdict(), first_day=own.first_day.isoformat(), last_day=own.last_day.isoformat()))
    return lines


def _histogram(patients: list[str], usage: QueryUsage) -> list[int]:
    counts = [len(usage.get(patient, [])) for patient in patients]
    return [counts.count(number) for number in range(max(counts, default=0) + 1)]
