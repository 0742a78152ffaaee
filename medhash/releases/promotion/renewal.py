"""Renewing the champion: the same model with today's gallery, where no better model came but images did, or left."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from medhash.core.contracts import RELEASED, read_table, write_table
from medhash.core.documents import Metrics
from medhash.core.files import replacing_folder, sha256_file
from medhash.core.origins import origins
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.releases.assemble import digests, label_sets, preprocessing_today, released_images
from medhash.releases.audit import append_once
from medhash.releases.promotion.challenger import write_codes_today
from medhash.releases.promotion.clauses import Clause, bits, gallery, kept_lift, latency, size
from medhash.releases.promotion.evidence import query_time
from medhash.releases.promotion.gallery_facts import gallery_facts
from medhash.releases.registry import Registry
from medhash.releases.release import (
    IMAGES_FILE,
    LABELS_FILE,
    PARAMS_FILE,
    PROFILE_FILE,
    RELEASE_FILE,
    Release,
    check_release,
    load_parts,
    read_release,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow.entities.model_registry import ModelVersion


class Renewal(NamedTuple):
    version: str | None
    """The new version; None if the champion keeps the gallery it has."""
    summary: str


def renew_champion(
    workspace: Workspace, params: Params, registry: Registry, champion: "ModelVersion", released: Path, folder: Path
) -> Renewal | None:
    """Put the champion's model with today's gallery in its place; None if nothing changed.

    released: the champion's release folder; folder: an empty place. The new version must meet the clauses about what
    serving it costs, its bits and its gallery, and rank today's images as well as it ranked those of its release.
    Raises MedhashError if the model cannot encode today's images.
    """
    release = build_renewed(workspace, params, released, folder / "release")
    came, left, changed = _differences(released, folder / "release")
    if not (came or left or changed):
        return None
    moved = f"{came:,} images came, {left:,} left, {changed:,} changed"
    what: dict[str, Any] = {
        "model": registry.name,
        "from": str(champion.version),
        "came": came,
        "left": left,
        "changed": changed,
    }
    failed = [clause for clause in _clauses(workspace, params, released, folder / "release") if not clause.held]
    if failed:
        why = "; ".join(f"{clause.name}: {clause.why}" for clause in failed)
        append_once(workspace, "refuse", what | {"failed": [clause.name for clause in failed], "why": why})
        return Renewal(
            None, f"{moved}, but version {champion.version} keeps the gallery it has: {why}. {failed[0].fix}"
        )
    version = registry.find(release)
    # Of the same codes, but perhaps not of the same images or label names.
    if version is None or registry.fetch_checked(version, folder / "found")[1].files != release.files:
        version = registry.register(release, folder / "release", str(champion.run_id))
        registry.fetch_checked(version, folder / "registered")
    line = append_once(workspace, "renew", what | {"version": str(version.version)})
    registry.tag(version, {"decision": "renewed", "why": moved, "audit": line.digest})
    registry.replace_gallery(champion, version)
    return Renewal(
        str(version.version),
        f"version {version.version} serves now, the model of version {champion.version} with today's gallery: {moved}",
    )


def build_renewed(workspace: Workspace, params: Params, released: Path, folder: Path) -> Release:
    """A release folder of the same model with today's images, whole or not at all, checked."""
    from medhash.retrieval.code_table import place_codes, read_codes
    from medhash.retrieval.evaluation.measure import measure
    from medhash.retrieval.evaluation.tables import Tables
    from medhash.retrieval.index import GALLERY_FOLDS, write_index

    then, tables = read_release(released), Tables.read(workspace)
    with replacing_folder(folder) as temporary:
        shutil.copytree(released / "model", temporary / "model")
        path = temporary / "codes.parquet"
        write_codes_today(workspace, params, released, path)
        codes = read_codes(path)
        placed = place_codes(codes, tables.labels)
        write_index(temporary / "index", placed.of_folds(*GALLERY_FOLDS), then.model_digest, sha256_file(path))
        measure(codes, tables, params.evaluate, params.seed).metrics.write(temporary / "metrics.json")
        parts = load_parts(temporary / "model", path, temporary / "index", temporary / "metrics.json")
        images = released_images(workspace, parts)
        write_table(
            temporary / IMAGES_FILE, _with_training(images, read_table(released / IMAGES_FILE, RELEASED)), RELEASED
        )
        label_sets(workspace).write(temporary / LABELS_FILE)
        # How the model was made, and what it was trained on, is as it was.
        for name in (PARAMS_FILE, PROFILE_FILE):
            shutil.copyfile(released / name, temporary / name)
        release = Release(
            **parts.facts() | origins(workspace.root),
            files=digests(temporary),
            preprocessing=preprocessing_today(workspace, params),
        )
        release.write(temporary / RELEASE_FILE)
        check_release(temporary)
    return release


def _with_training(images: "pa.Table", then: "pa.Table") -> "pa.Table":
    """Today's images, `at_training` as the release says where the file is the same."""
    known = set(
        zip(*(then.filter(then["at_training"]).select(["image_id", "sha256"]).to_pydict().values()), strict=True)
    )
    ours = zip(images["image_id"].to_pylist(), images["sha256"].to_pylist(), strict=True)
    return images.append_column("at_training", [[image in known for image in ours]])


def _differences(then: Path, now: Path) -> tuple[int, int, int]:
    """Images that came, left, and have another file, patient or fold, between two release folders."""
    before, after = (
        {
            row["image_id"]: (row["patient_id"], row["sha256"], row["fold"])
            for row in read_table(folder / IMAGES_FILE, RELEASED).to_pylist()
        }
        for folder in (then, now)
    )
    changed = sum(before[image_id] != after[image_id] for image_id in before.keys() & after.keys())
    return len(after.keys() - before.keys()), len(before.keys() - after.keys()), changed


def _clauses(workspace: Workspace, params: Params, then: Path, now: Path) -> list[Clause]:
    from medhash.retrieval.index import load_index

    limits, threads = params.promote, params.train.threads
    index = load_index(now / "index")
    before, after = (Metrics.read(folder / "metrics.json") for folder in (then, now))
    return [
        gallery(gallery_facts(workspace, now)),
        kept_lift(before, after, limits.min_kept_lift),
        latency(query_time(workspace, now, threads).p95_ms, None, limits.max_p95_ms),
        size(sum(path.stat().st_size for path in (now / "index").iterdir()), limits.max_index_mb),
        bits(index.faiss_index.reconstruct_n(0, index.info.n), params.quality),
    ]
