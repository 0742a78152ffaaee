"""What an acceptance covers: these images, as they are, beside this champion; and nothing else."""

import pytest
from releases.drift.bench import Bench
from releases.drift.population import Patients, write_patients

from medhash.core.errors import MedhashError
from medhash.releases.audit import read_log
from medhash.releases.drift.check import accept, accepted
from medhash.releases.drift.measure import DriftReport


@pytest.fixture
def reported(bench: Bench, old: Patients, new: Patients) -> DriftReport:
    """A drift in views that somebody has accepted."""
    new.view = ["AP"] * 200
    write_patients(bench.workspace, old, new)
    found = bench.measure()
    accept(bench.workspace, found, "portable scanner", by="Dr Usher")
    return found


def test_the_same_images_pass_and_the_entry_says_who_and_why(bench: Bench, reported: DriftReport) -> None:
    line = accepted(bench.workspace, bench.measure())
    assert line is not None
    assert (line.entry.who, line.entry.what["reason"], line.entry.what["n_images"]) == (
        "Dr Usher",
        "portable scanner",
        200,
    )


def one_more(old: Patients, new: Patients) -> list[Patients]:
    return [old, new, Patients(1, seed=9, first=300)]


def one_less(old: Patients, new: Patients) -> list[Patients]:
    return [old, Patients(99, seed=2, first=200)]


def other_labels(old: Patients, new: Patients) -> list[Patients]:
    new.labels[3] = ["Cardiomegaly"]
    return [old, new]


def other_pixels(old: Patients, new: Patients) -> list[Patients]:
    new.pixels[:2] = 0
    return [old, new]


@pytest.mark.parametrize("change", [one_more, one_less, other_labels, other_pixels])
def test_anything_else_must_be_accepted_anew(
    bench: Bench, reported: DriftReport, old: Patients, new: Patients, change
) -> None:
    write_patients(bench.workspace, *change(old, new))
    assert accepted(bench.workspace, bench.measure()) is None


def test_another_champion_must_be_accepted_anew(bench: Bench, reported: DriftReport) -> None:
    assert accepted(bench.workspace, reported.model_copy(update={"model_digest": "f" * 64})) is None
    assert accepted(bench.workspace, reported.model_copy(update={"model": "another"})) is None


def test_the_log_names_no_image_and_no_patient(bench: Bench, reported: DriftReport, new: Patients) -> None:
    text = bench.workspace.audit_log.read_text()
    assert not [name for name in (*new.image_ids(), *new.patient_ids()) if name in text]


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_without_a_reason_nothing_is_recorded(bench: Bench, reported: DriftReport, reason: str) -> None:
    with pytest.raises(MedhashError, match="--reason is empty"):
        accept(bench.workspace, reported, reason, by=None)
    assert len(read_log(bench.workspace)) == 1
