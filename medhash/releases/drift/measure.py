"""The measurement: today's new images against the profile in the champion's release."""

import hashlib
import json
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from medhash.core.contracts import RELEASED, read_table
from medhash.core.documents import Document, Vocabulary
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.hashing.bags import whole_bags
from medhash.hashing.model import load_model
from medhash.releases.drift.findings import Finding, find_drift
from medhash.releases.drift.histogram import Sample
from medhash.releases.drift.profile import Profile, distance_sample, pixels_of
from medhash.releases.drift.spreads import (
    CODE_DISTANCE,
    Cohort,
    among,
    at_training,
    nearest_distances,
    pixel_spreads,
    read_cohort,
    table_spreads,
)
from medhash.retrieval.index import load_index
from medhash.retrieval.members import read_members

_BATCH = 256


class DriftReport(Document):
    """drift.json: what was compared, what was found, and what follows."""

    model: str
    """Name of the registered model."""
    champion: str | None
    """Its version; None where there is none."""
    model_digest: str | None
    state: str | None
    """SHA-256 of the new images and of what was found: the same state is the same digest."""
    n_images: int
    n_patients: int
    """Of the new images."""
    warn: float
    stop: float
    verdict: Literal["ok", "warn", "stop", "accepted", "not judged", "not measured"]
    notes: list[str]
    findings: list[Finding]


def measure_drift(
    workspace: Workspace, params: Params, version: str, folder: Path, profile: Profile, model_digest: str
) -> DriftReport:
    """Compare the images that are new since a release with its profile.

    folder: the release, checked. profile: its profile.json. New are the images whose id or file the release's model
    was not made from, also where they have joined its gallery since. Nothing else is read but images.parquet,
    labels.parquet, vocabulary.json and the pixel store.
    """
    released = read_table(folder / "images.parquet", RELEASED)
    cohort = read_cohort(workspace).new_since(released)
    vocabulary = Vocabulary.read(workspace.vocabulary)
    notes = _differing_labels(profile, vocabulary)
    findings: list[Finding] = []
    if len(cohort):
        spreads = _spreads(workspace, params, folder, released, profile, cohort, notes)
        findings = find_drift(
            profile.measures,
            {name: profile.measures[name].refilled(spread) for name, spread in spreads.items()},
            params.drift,
        )
    report = DriftReport(
        model=params.promote.name,
        champion=version,
        model_digest=model_digest,
        state=_state(cohort, findings),
        n_images=len(cohort),
        n_patients=cohort.n_patients,
        warn=params.drift.warn,
        stop=params.drift.stop,
        verdict="ok",
        notes=notes,
        findings=findings,
    )
    return report.model_copy(update=_verdict(report, params))


def not_measured(params: Params, version: str | None, why: str) -> DriftReport:
    """The report where there is nothing to compare with."""
    return DriftReport(
        model=params.promote.name,
        champion=version,
        model_digest=None,
        state=None,
        n_images=0,
        n_patients=0,
        warn=params.drift.warn,
        stop=params.drift.stop,
        verdict="not measured",
        notes=[why],
        findings=[],
    )


def _spreads(
    workspace: Workspace,
    params: Params,
    folder: Path,
    released: pa.Table,
    profile: Profile,
    cohort: Cohort,
    notes: list[str],
) -> dict[str, Sample]:
    """Of the new images, every measure that can be compared; a note for those that cannot."""
    spreads = table_spreads(cohort, profile.attribute, profile.labels)
    pixels = pixels_of(workspace, cohort)
    if pixels.shape[-1] != profile.size_px:
        notes.append(
            f"images are now stored at {pixels.shape[-1]} px, the champion's at {profile.size_px} px: greys "
            "and codes cannot be compared, and were not"
        )
        return spreads
    spreads |= pixel_spreads(cohort, pixels)
    if CODE_DISTANCE not in profile.measures:
        notes.append("the champion had no held-out test images, so distances of codes are not compared")
        return spreads
    import torch

    torch.set_num_threads(params.train.threads)
    model, index = load_model(folder / "model"), among(load_index(folder / "index"), at_training(released))
    bag_ids, patients = cohort.bags()
    members = read_members(read_cohort(workspace).images).of(bag_ids)  # with the images that are not new
    codes = [
        model.codes(
            pixels[members.rows[members.starts[bags.start] : members.starts[bags.stop]]],
            members.starts[bags.start : bags.stop + 1] - members.starts[bags.start],
        ).bags
        for bags in whole_bags(members.starts, _BATCH)
    ]
    distances = distance_sample(nearest_distances(index, np.concatenate(codes), patients), patients)
    return spreads | ({CODE_DISTANCE: distances} if distances is not None else {})


def _differing_labels(profile: Profile, vocabulary: Vocabulary) -> list[str]:
    notes = []
    if vocabulary.attribute != profile.attribute:
        notes.append(
            f"today's labels are those of the attribute {vocabulary.attribute}, the champion's of "
            f"{profile.attribute}; compared are those of {profile.attribute}"
        )
    else:
        added = [label for label in vocabulary.labels if label not in profile.labels]
        lost = [label for label in profile.labels if label not in vocabulary.labels]
        notes += [f"today's vocabulary has labels that the champion does not know: {', '.join(added)}"] if added else []
        notes += [f"today's vocabulary lacks labels that the champion knows: {', '.join(lost)}"] if lost else []
    return notes


def _verdict(report: DriftReport, params: Params) -> dict[str, object]:
    """The worst of the findings'; too few images are not judged."""
    if not report.n_images:
        return {"notes": [*report.notes, "no image is new since the champion"]}
    if report.n_images < params.drift.min_images:
        few = f"{report.n_images} new images are too few to judge: drift.min_images is {params.drift.min_images}"
        return {"verdict": "not judged", "notes": [*report.notes, few]}
    found = {finding.verdict for finding in report.findings}
    return {"verdict": next((verdict for verdict in ("stop", "warn") if verdict in found), "ok")}


def _state(cohort: Cohort, findings: list[Finding]) -> str:
    images = cohort.images.select(["image_id", "sha256"]).to_pylist()
    shares = [(finding.measure, finding.bins, finding.new) for finding in findings]
    return hashlib.sha256(json.dumps([images, shares], sort_keys=True).encode()).hexdigest()
