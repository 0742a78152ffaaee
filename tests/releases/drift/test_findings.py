"""Verdicts on whole cohorts: no alarm by chance, and a planted drift found by the measure that should find it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from releases.drift.population import VOCABULARY, Patients, write_patients

from medhash.core.params.operation import DriftParams
from medhash.core.workspace import Workspace
from medhash.releases.drift.findings import find_drift
from medhash.releases.drift.histogram import Histogram, by_category, by_quantile, sample_of
from medhash.releases.drift.spreads import NO_LABEL, Cohort, pixel_spreads, read_cohort, table_spreads

SETTINGS = DriftParams()


def histograms(cohort: Cohort, pixels: np.ndarray, like: dict[str, Histogram] | None = None) -> dict[str, Histogram]:
    spreads = table_spreads(cohort, "finding", VOCABULARY) | pixel_spreads(cohort, pixels)
    if like is not None:
        return {name: like[name].refilled(spread) for name, spread in spreads.items()}
    return {
        name: by_category(spread) if spread.values.dtype.kind == "U" else by_quantile(spread)
        for name, spread in spreads.items()
    }


def part(cohort: Cohort, of_patient: np.ndarray) -> Cohort:
    """The images of the patients whose number is True."""
    return Cohort(cohort.images.filter(pa.array(of_patient[cohort.patients])))


@pytest.fixture(scope="module")
def everyone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cohort, np.ndarray]:
    workspace = Workspace(tmp_path_factory.mktemp("everyone"))
    write_patients(workspace, Patients(300, seed=5, first=0))
    return read_cohort(workspace), np.load(workspace.pixels)


@pytest.mark.parametrize(("share", "n_seeds"), [(0.5, 40), (0.09, 60)])
def test_a_random_part_of_the_patients_raises_an_alarm_in_fewer_than_5_of_100_cases(
    everyone: tuple[Cohort, np.ndarray], share: float, n_seeds: int
) -> None:
    cohort, pixels = everyone
    alarms = 0
    for seed in range(n_seeds):
        is_new = np.random.default_rng(seed).permutation(300) < share * 300
        baseline = histograms(part(cohort, ~is_new), pixels)
        findings = find_drift(baseline, histograms(part(cohort, is_new), pixels, baseline), SETTINGS)
        assert {finding.verdict for finding in findings} <= {"ok", "warn", "stop"}
        alarms += any(finding.verdict != "ok" for finding in findings)
    assert alarms < 0.05 * n_seeds


def test_counting_images_instead_of_patients_would_raise_false_alarms() -> None:
    """Eight images of each patient, all alike."""

    def alarms(*, by_image: bool) -> float:
        raised = 0
        for seed in range(100):
            values = np.random.default_rng(seed).normal(size=330).repeat(8)
            patients = np.arange(330 * 8) if by_image else np.arange(330).repeat(8)
            is_new = np.arange(330).repeat(8) < 30
            old, new = (sample_of(values[mask], np.ones(mask.sum()), patients[mask]) for mask in (~is_new, is_new))
            baseline = by_quantile(old)
            raised += find_drift({"m": baseline}, {"m": baseline.refilled(new)}, SETTINGS)[0].verdict != "ok"
        return raised / 100

    assert alarms(by_image=False) < 0.05
    assert alarms(by_image=True) > 0.5


def test_few_images_are_reported_but_not_judged(everyone: tuple[Cohort, np.ndarray]) -> None:
    cohort, pixels = everyone
    baseline = histograms(cohort, pixels)
    few = histograms(part(cohort, np.arange(300) < 24), pixels, baseline)
    findings = find_drift(baseline, few, SETTINGS)
    assert {finding.verdict for finding in findings} == {"not judged"}
    assert all(finding.n_new_images == 48 for finding in findings)


@pytest.mark.parametrize(("warn", "stop", "verdict"), [(0.1, 0.25, "stop"), (0.1, 9.0, "warn"), (8.0, 9.0, "ok")])
def test_the_limits_are_those_of_the_settings(
    everyone: tuple[Cohort, np.ndarray], warn: float, stop: float, verdict: str
) -> None:
    cohort, pixels = everyone
    baseline = histograms(cohort, pixels)
    new = histograms(part(cohort, np.arange(300) < 100), pixels, baseline)
    new["view"] = new["view"].model_copy(update={"patients": [100.0, 0.0, 0.0]})
    found = {
        finding.measure: finding.verdict for finding in find_drift(baseline, new, DriftParams(warn=warn, stop=stop))
    }
    assert found.pop("view") == verdict
    assert set(found.values()) == {"ok"}


def test_labels_the_champion_does_not_know_and_images_without_one_have_bins_of_their_own(tmp_path: Path) -> None:
    workspace, patients = Workspace(tmp_path), Patients(4, seed=0, first=0)
    patients.labels = [["Mass", "Effusion"], ["Mass"], [], ["Cardiomegaly"]]
    write_patients(workspace, patients)
    spread = table_spreads(read_cohort(workspace), "finding", VOCABULARY)["labels"]
    bins = by_category(spread, (*VOCABULARY, NO_LABEL), 0)
    assert dict(zip(bins.names, bins.patients, strict=True)) == {
        "Effusion": 0.5,
        "Mass": 1.5,
        "No Finding": 0,
        NO_LABEL: 1,
        "(another)": 1,
    }
    without = table_spreads(read_cohort(workspace), "mesh", VOCABULARY)["labels"]
    assert without.values.tolist() == [NO_LABEL]


def test_no_finding_is_no_label_where_the_vocabulary_leaves_it_out(tmp_path: Path) -> None:
    workspace, patients = Workspace(tmp_path), Patients(2, seed=0, first=0)
    patients.labels = [["No Finding"], ["Mass"]]
    write_patients(workspace, patients)
    spread = table_spreads(read_cohort(workspace), "finding", ["Effusion", "Mass"])["labels"]
    assert dict(zip(spread.values.tolist(), spread.patients.tolist(), strict=True)) == {NO_LABEL: 1, "Mass": 1}
