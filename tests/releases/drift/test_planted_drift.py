"""Drift planted in one thing is found by the measure of that thing; and what cannot be compared is said."""

import json
from pathlib import Path

import numpy as np
import pytest
from releases.drift.bench import Bench
from releases.drift.population import Patients, write_patients

from medhash.core.contracts import IMAGES, read_table, write_table
from medhash.core.documents import Vocabulary
from medhash.core.params import load_params
from medhash.releases.drift.measure import measure_drift
from medhash.releases.drift.profile import Profile


def brighter(new: Patients) -> None:
    new.pixels += 15


def less_contrast(new: Patients) -> None:
    """A fifth less, about the same mean."""
    mean = new.pixels.mean(axis=(1, 2, 3), keepdims=True)
    new.pixels = np.round(mean + 0.8 * (new.pixels - mean)).astype(np.uint8)


def another_kind(new: Patients) -> None:
    """The same greys in another order: nothing of the picture is left."""
    flat = new.pixels.reshape(len(new.pixels), -1)
    new.pixels = np.random.default_rng(0).permuted(flat, axis=1).reshape(new.pixels.shape)


def only_ap(new: Patients) -> None:
    new.view = ["AP"] * len(new.view)


def only_men(new: Patients) -> None:
    new.sex = ["M"] * new.n


def older(new: Patients) -> None:
    new.age = [70] * new.n


def other_labels(new: Patients) -> None:
    new.labels = [["Mass"]] * new.n


def unknown_labels(new: Patients) -> None:
    new.labels = [["Cardiomegaly"]] * new.n


def no_labels(new: Patients) -> None:
    new.labels = [[]] * new.n


def ages_lost(new: Patients) -> None:
    """As when a column of an export has another name."""
    new.age = [None] * new.n


@pytest.mark.parametrize(
    ("plant", "measures"),
    [
        (lambda new: None, set()),
        (brighter, {"image mean", "grey values"}),
        (less_contrast, {"image deviation"}),
        (another_kind, {"code distance"}),
        (only_ap, {"view"}),
        (only_men, {"sex"}),
        (older, {"age"}),
        (ages_lost, {"age"}),
        (other_labels, {"labels"}),
        (unknown_labels, {"labels"}),
        (no_labels, {"labels"}),
    ],
)
def test_planted_drift_is_found_by_the_measure_that_should_find_it(
    bench: Bench, old: Patients, new: Patients, plant, measures: set[str]
) -> None:
    plant(new)
    write_patients(bench.workspace, old, new)
    report = bench.measure()
    assert {finding.measure for finding in report.findings if finding.verdict == "stop"} == measures
    assert all(finding.verdict in ("ok", "stop") for finding in report.findings)
    assert report.verdict == ("stop" if measures else "ok")


def test_the_same_images_give_the_same_report_in_any_order_of_the_tables(
    bench: Bench, old: Patients, new: Patients
) -> None:
    write_patients(bench.workspace, old, new)
    first = bench.measure()
    assert bench.measure() == first
    images = read_table(bench.workspace.images, IMAGES)
    write_table(bench.workspace.images, images.take(np.random.default_rng(0).permutation(len(images))), IMAGES)
    assert bench.measure() == first


def test_an_image_whose_file_changed_is_new(bench: Bench, old: Patients) -> None:
    write_patients(bench.workspace, old)
    assert bench.measure().n_images == 0
    images = read_table(bench.workspace.images, IMAGES)
    changed = ["f" * 64 if row < 60 else digest for row, digest in enumerate(images["sha256"].to_pylist())]
    column = images.schema.get_field_index("sha256")
    write_table(bench.workspace.images, images.set_column(column, images.schema.field(column), [changed]), IMAGES)
    report = bench.measure()
    assert (report.n_images, report.n_patients, report.verdict) == (60, 30, "ok")


def test_another_pixel_size_is_said_and_tables_are_still_compared(bench: Bench, old: Patients, new: Patients) -> None:
    only_ap(new)
    for group in (old, new):
        group.pixels = group.pixels[:, :, ::2, ::2]
    write_patients(bench.workspace, old, new)
    report = bench.measure()
    assert "stored at 16 px, the champion's at 32 px" in report.notes[0]
    assert [finding.measure for finding in report.findings] == ["labels", "view", "sex", "age"]
    assert report.verdict == "stop"


def test_a_changed_vocabulary_is_said(bench: Bench, old: Patients, new: Patients) -> None:
    write_patients(bench.workspace, old, new)
    vocabulary = Vocabulary.read(bench.workspace.vocabulary)
    vocabulary.model_copy(update={"labels": ["Effusion", "No Finding", "Nodule"]}).write(bench.workspace.vocabulary)
    added, lost = bench.measure().notes
    assert added.endswith("does not know: Nodule")
    assert lost.endswith("knows: Mass")
    vocabulary.model_copy(update={"attribute": "mesh"}).write(bench.workspace.vocabulary)
    report = bench.measure()
    assert "today's labels are those of the attribute mesh" in report.notes[0]
    assert report.verdict == "ok"


def test_without_held_out_images_distances_are_not_compared(
    bench: Bench, old: Patients, new: Patients, tmp_path: Path
) -> None:
    write_patients(bench.workspace, old, new)
    profile = json.loads((bench.release / "profile.json").read_text())
    del profile["measures"]["code distance"]
    params = load_params(bench.release.parent / "params.yaml")
    report = measure_drift(
        bench.workspace, params, "1", bench.release, Profile.model_validate_json(json.dumps(profile)), ""
    )
    assert "no held-out test images" in report.notes[0]
    assert len(report.findings) == 7


def test_the_profile_s_bins_are_those_of_the_document(bench: Bench) -> None:
    measures = Profile.read(bench.release / "profile.json").measures
    assert measures["labels"].names == ["Effusion", "Mass", "No Finding", "(no label)", "(another)"]
    assert measures["age"].names == ["0-19", "20-39", "40-59", "60-79", "80+", "unknown", "(another)"]
    assert measures["view"].names == ["AP", "PA", "(another)"]
    assert all(len(measures[name].edges) == 9 for name in ("image mean", "image deviation", "grey values"))
    gallery, held_out = measures["view"], measures["code distance"]
    assert (gallery.n_images, gallery.n_patients, held_out.n_images, held_out.n_patients) == (320, 160, 80, 40)
    assert all(sum(each.patients) == pytest.approx(each.n_patients) for each in measures.values())
