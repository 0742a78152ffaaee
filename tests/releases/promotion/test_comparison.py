"""Challenger and champion on the same queries: against the figures of evaluate, by hand, and who is left out."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from releases.promotion.planted import SETS, by_label, plant

from medhash.core.contracts import RELEASED, read_table, write_table
from medhash.releases.assemble import build_release
from medhash.releases.promotion.comparison import Comparison, compare_releases
from medhash.releases.promotion.evidence import gather
from medhash.releases.promotion.query_groups import Turn, group_of, turn_of
from medhash.releases.promotion.rule import decide, measured_clauses
from medhash.releases.release import IMAGES_FILE

ALL = turn_of(date(2026, 1, 1), n_groups=1, days=7, usage={})


@pytest.fixture
def releases(run: Any, tmp_path: Path) -> tuple[Path, Path]:
    """Release folders of a challenger that ranks by label and of a champion that does so less well."""
    plant(run, "itq", by_label(SETS))
    for method in ("itq", "lsh"):
        build_release(run.workspace, run.params(method), method, tmp_path / method)
    return tmp_path / "itq", tmp_path / "lsh"


def compared(run: Any, releases: tuple[Path, Path], turn: Turn = ALL) -> Comparison:
    return compare_releases(run.workspace, run.params("itq"), *releases, turn)


def test_figures_are_those_of_evaluate_and_the_gain_is_paired_by_query(run: Any, releases: tuple[Path, Path]) -> None:
    found, ours, theirs = compared(run, releases), run.figures("itq"), run.figures("lsh")
    assert (found.challenger.map, found.champion.map, found.chance) == pytest.approx(
        (ours.figures.map, theirs.figures.map, ours.chance.map)
    )
    for one, figures in ((found.challenger, ours), (found.champion, theirs)):
        assert (one.value, one.permuted) == pytest.approx((figures.seen.lift.value, figures.seen.map_permuted))
    assert found.evaluation_digest == ours.evaluation_digest
    assert (found.n_queries, found.n_answerable, found.n_gallery, len(found.patients)) == (24, 24, 96, 6)
    assert found.gain is not None
    assert found.gain.value == pytest.approx(ours.seen.lift.value - theirs.seen.lift.value)
    assert found.gain.low < found.gain.value < found.gain.high
    assert {f"{change.kind} {change.value}" for change in found.slices} == {
        f"{kind} {value}" for kind, by_value in ours.slices.items() for value in by_value
    }
    for change in found.slices:
        a, b = ours.slices[change.kind][change.value], theirs.slices[change.kind][change.value]
        assert (change.challenger, change.champion) == pytest.approx((a.lift.value, b.lift.value))
        assert (change.n_queries, change.n_patients) == (a.n_answerable, a.n_patients)
        assert change.difference == pytest.approx(change.challenger - change.champion)
        assert change.low <= change.difference <= change.high


def test_only_the_group_whose_turn_it_is_asks(run: Any, releases: tuple[Path, Path]) -> None:
    seed, turns = run.params().seed, [Turn(number, 2, 7) for number in (10, 11)]
    found = [compared(run, releases, turn) for turn in turns]
    for turn, comparison in zip(turns, found, strict=True):
        assert {group_of(patient, 2, seed) for patient in comparison.patients} == {turn.group}
        assert comparison.n_queries == 4 * len(comparison.patients) < 24
    assert sum(len(comparison.patients) for comparison in found) == 6
    weights = [comparison.n_queries / 24 for comparison in found]
    assert np.dot(weights, [comparison.challenger.map for comparison in found]) == pytest.approx(
        run.figures("itq").figures.map
    )


def test_a_group_without_patients_is_no_crash_and_asks_nobody(run: Any, releases: tuple[Path, Path]) -> None:
    groups = {group_of(patient, 50, run.params().seed) for patient in compared(run, releases).patients}
    empty = Turn(min(set(range(50)) - groups), 50, 7)
    evidence = gather(run.workspace, run.params("itq"), *releases, empty)
    found = evidence.comparison
    assert (found.n_queries, found.patients, found.gain, found.challenger, found.slices) == (0, [], None, None, [])
    assert found.unanswerable == "the group whose turn it is has no test patient"
    failed = decide(measured_clauses(evidence, run.params("itq"), has_champion=True)).failed
    assert failed == ["gain"]


def test_patients_that_either_model_was_trained_on_are_left_out_and_counted(
    run: Any, releases: tuple[Path, Path]
) -> None:
    whole = compared(run, releases)
    for release, patient in zip(releases, whole.patients, strict=False):
        images = read_table(release / IMAGES_FILE, RELEASED)
        fold = np.where(images["patient_id"].to_numpy() == patient, "val", images["fold"].to_numpy())
        write_table(release / IMAGES_FILE, images.set_column(4, "fold", [fold.tolist()]), RELEASED)
    found = compared(run, releases)
    assert found.patients == whole.patients[2:]
    assert (found.eligible.n_trained_on, found.eligible.n_patients_trained_on, found.n_queries) == (8, 2, 16)
    assert found.unanswerable == ""


def test_a_source_file_that_changed_since_is_encoded_anew_by_the_champion(
    run: Any, releases: tuple[Path, Path]
) -> None:
    before = compared(run, releases)
    assert before.champion_how == "by its released codes, as the images are the same"
    images = read_table(releases[1] / IMAGES_FILE, RELEASED)
    digests = ["f" * 64, *images["sha256"].to_pylist()[1:]]
    write_table(releases[1] / IMAGES_FILE, images.set_column(3, "sha256", [digests]), RELEASED)
    after = compared(run, releases)
    assert "encoded" in after.champion_how
    assert after.champion == pytest.approx(before.champion)
