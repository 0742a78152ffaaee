"""Challenger and champion on the same queries and the same gallery: figures, gain and slices, with intervals."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medhash.core.documents import Difference, Metrics
from medhash.core.errors import MedhashError
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.releases.promotion.challenger import champion_codes
from medhash.releases.promotion.clauses import SliceChange
from medhash.releases.promotion.query_groups import EligibleQueries, Turn, eligible_queries, patients_trained_on
from medhash.retrieval.code_table import PlacedCodes, place_codes, read_codes
from medhash.retrieval.evaluation.galleries import precision_of
from medhash.retrieval.evaluation.measure import evaluation_digest
from medhash.retrieval.evaluation.ranked import Ranked, rank_by_hamming
from medhash.retrieval.evaluation.slices import slice_members
from medhash.retrieval.evaluation.tables import Tables
from medhash.retrieval.index import GALLERY_FOLDS
from medhash.retrieval.measures.lift import ExchangedPrecision, Lift, lift, lift_gains, lifts


@dataclass(frozen=True)
class Comparison:
    """One decision's figures, over the answerable queries; None where there is none."""

    n_queries: int
    n_answerable: int
    n_gallery: int
    patients: list[str]
    """Pseudonyms of the patients of the answerable queries: those that were used."""
    eligible: EligibleQueries
    evaluation_digest: str
    """Over exactly these queries and this gallery."""
    chance: float | None
    """MAP of a gallery in random order."""
    challenger: Lift | None
    champion: Lift | None
    """None also where there is no champion, or it is not compared."""
    champion_how: str
    gain: Difference | None
    slices: list[SliceChange]

    @property
    def unanswerable(self) -> str:
        """Why no query of the group whose turn it is can be answered; empty where one can."""
        if self.n_answerable:
            return ""
        if self.n_queries:
            return f"nothing in the gallery is relevant to any of the {self.n_queries:,} queries whose turn it is"
        if self.eligible.n_trained_on:
            return (
                f"all {self.eligible.n_trained_on:,} queries whose turn it is are of patients that one of the two "
                "models was trained on"
            )
        return "the group whose turn it is has no test patient"


def compare_releases(
    workspace: Workspace, params: Params, challenger: Path, champion: Path | None, turn: Turn
) -> Comparison:
    """Rank today's gallery for the queries whose turn it is, by the challenger's codes and by the champion's.

    challenger, champion: release folders; champion: None to measure the challenger beside chance only.
    Gain and slices are differences of lift, each model net of its own exchanged labels on the same queries, gallery
    and labels; all intervals see the same resamples of patients.
    Raises MedhashError if the challenger was measured on other images or labels than the current ones, or if the
    champion cannot encode today's images.
    """
    tables = Tables.read(workspace)
    levels = tables.level_matrix()
    placed = place_codes(read_codes(challenger / "codes.parquet"), tables.labels)
    whole = _digest(placed, levels)
    if whole != Metrics.read(challenger / "metrics.json").evaluation_digest:
        raise MedhashError(
            "the challenger was measured on other images or labels than the current ones",
            "run evaluate again, or `dvc repro`",
        )
    trained_on, released, how = patients_trained_on(challenger), None, ""
    if champion is not None:
        found = champion_codes(workspace, params, champion, challenger)
        released, how = place_codes(found.codes, tables.labels), found.how
        if _digest(released, levels) != whole:
            raise MedhashError(
                "challenger and champion were not measured on the same images",
                "run encode, index and evaluate again, or `dvc repro`",
            )
        trained_on |= patients_trained_on(champion)

    eligible = eligible_queries(placed.of_folds("test"), turn, params.seed, trained_on)
    queries, gallery = _rows(placed.of_folds("test"), eligible.mask), placed.of_folds(*GALLERY_FOLDS)
    ranked = _ranked(placed, eligible, levels)
    answerable = ranked.answerable if ranked else np.zeros(len(queries), bool)
    ours = theirs = None
    gain: Difference | None = None
    slices: list[SliceChange] = []
    if answerable.any():
        ours = precision_of(queries, gallery, levels, params.seed)
        if released is not None:
            asked = _rows(released.of_folds("test"), eligible.mask)
            theirs = precision_of(asked, released.of_folds(*GALLERY_FOLDS), levels, params.seed)
            gain, slices = _differences(queries, answerable, ours, theirs, tables, params)
    return Comparison(
        n_queries=len(queries),
        n_answerable=int(answerable.sum()),
        n_gallery=len(gallery),
        patients=sorted(set(queries.patient_ids[answerable].tolist())),
        eligible=eligible,
        evaluation_digest=evaluation_digest(queries, gallery, levels),
        chance=float(ranked.chance.ap_expected[answerable].mean()) if ranked and answerable.any() else None,
        challenger=_lift(ours, params),
        champion=_lift(theirs, params),
        champion_how=how,
        gain=gain,
        slices=slices,
    )


def _ranked(placed: PlacedCodes | None, eligible: EligibleQueries, levels: np.ndarray) -> Ranked | None:
    if placed is None or not eligible.mask.any():
        return None
    return rank_by_hamming(_rows(placed.of_folds("test"), eligible.mask), placed.of_folds(*GALLERY_FOLDS), levels, None)


def _lift(found: ExchangedPrecision | None, params: Params) -> Lift | None:
    return lift(found, params.promote.bootstrap_samples, params.seed) if found is not None else None


def _differences(
    queries: PlacedCodes,
    answerable: np.ndarray,
    ours: ExchangedPrecision,
    theirs: ExchangedPrecision,
    tables: Tables,
    params: Params,
) -> tuple[Difference, list[SliceChange]]:
    """The gain over all queries, and the change in each slice that has an answerable query."""
    members = [
        (kind, value, mask & answerable)
        for kind, by_value in slice_members(queries, tables).items()
        for value, mask in by_value.items()
        if (mask & answerable).any()
    ]
    masks = [answerable, *(mask for _, _, mask in members)]
    found = lift_gains(ours, theirs, masks, params.promote.bootstrap_samples, params.seed)
    value, low, high, p_value = (column.tolist() for column in found)
    of_ours, of_theirs = (lifts(one, masks, 0, params.seed) for one in (ours, theirs))
    changes = [
        SliceChange(
            kind,
            name,
            int(mask.sum()),
            len(np.unique(queries.patient_ids[mask])),
            of_ours[row].value,
            of_theirs[row].value,
            value[row],
            low[row],
            high[row],
        )
        for row, (kind, name, mask) in enumerate(members, 1)
    ]
    return Difference(value=value[0], low=low[0], high=high[0], p_value=p_value[0]), changes


def _digest(placed: PlacedCodes, levels: np.ndarray) -> str:
    return evaluation_digest(placed.of_folds("test"), placed.of_folds(*GALLERY_FOLDS), levels)


def _rows(placed: PlacedCodes, mask: np.ndarray) -> PlacedCodes:
    return PlacedCodes(
        placed.bag_ids[mask], placed.patient_ids[mask], placed.folds[mask], placed.set_ids[mask], placed.codes[mask]
    )
