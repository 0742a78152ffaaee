"""A release: model, index, codes, images, label names, figures and settings of one method in one folder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from medhash.archives.preparation import Preparation
from medhash.core.contracts import RELEASED, read_table
from medhash.core.documents import Document, Metrics
from medhash.core.errors import MedhashError
from medhash.core.files import sha256_file, sha256_files
from medhash.hashing.model import HashModel, load_model
from medhash.retrieval.code_table import code_info, read_codes
from medhash.retrieval.index import Index, load_index, require_built_from


@dataclass(frozen=True)
class Parts:
    """Model, codes, index and figures of one model."""

    model: HashModel
    codes: pa.Table
    """Contract of codes/METHOD.parquet."""
    index: Index
    metrics: Metrics
    codes_digest: str
    index_digest: str

    def facts(self) -> dict[str, Any]:
        """What release.json says of them."""
        return {
            "method": self.metrics.method,
            "bits": self.metrics.bits,
            "model_digest": self.model.digest,
            "codes_digest": self.codes_digest,
            "index_digest": self.index_digest,
            "data_digest": self.model.spec.data_digest,
            "evaluation_digest": self.metrics.evaluation_digest,
        }


def load_parts(model: Path, codes: Path, index: Path, metrics: Path) -> Parts:
    """Load every part and check that they belong to one model; metrics: metrics.json.

    Raises MedhashError naming the file if a part is broken, or if model, codes, index and figures differ in code
    length or in the model they were made with.
    """
    figures = Metrics.read(metrics)
    loaded, table, built = load_model(model), read_codes(codes), load_index(index)
    info = code_info(table.schema, str(codes))
    require_built_from(built, index, codes, table)
    made_with = {
        str(codes): (info.bits, info.model_digest),
        str(index): (built.info.bits, built.info.model_digest),
        f"the figures in {metrics}": (figures.bits, figures.model_digest),
    }
    for part, (bits, digest) in made_with.items():
        if bits != loaded.spec.bits:
            raise MedhashError(
                f"{part} has codes of {bits} bits, the model in {model} of {loaded.spec.bits}",
                f"run encode, index and evaluate again for {figures.method}, or `dvc repro`",
            )
        if digest != loaded.digest:
            raise MedhashError(
                f"{part} comes from model {digest[:12]}…, but {model} holds model {loaded.digest[:12]}…",
                f"run encode, index and evaluate again for {figures.method}, or `dvc repro`",
            )
    return Parts(loaded, table, built, figures, sha256_file(codes), sha256_files(sorted(index.iterdir())))


FORMAT = 3
RELEASE_FILE = "release.json"
IMAGES_FILE, LABELS_FILE, PARAMS_FILE, PROFILE_FILE = "images.parquet", "labels.json", "params.yaml", "profile.json"
_RESTORE = "restore that folder from a backup, or take its version out of use in MLflow"


class Preprocessing(Document):
    """Part of release.json: what is done to the bytes of an image before the model sees it, of gallery and queries."""

    size_px: int
    max_image_pixels: int
    """An image that declares more is refused before it is decoded."""
    channels: Literal[1, 3]
    grid: int
    """Tiles per side that a file is cut into; 0 takes it whole."""
    stain: Literal["none", "macenko"]
    decoder: str
    """medhash.archives.decode.DECODER of the code that decoded the gallery."""
    prepared: str
    """Preparation.key() of that code: which versions of cutting and of stains; empty for grey whole images."""

    def preparation(self) -> Preparation:
        return Preparation(self.size_px, self.max_image_pixels, self.channels, self.grid, self.stain)


class Release(Document):
    """release.json: what the folder holds and where it comes from. Digests are SHA-256."""

    format: Literal[3] = 3
    method: str
    bits: int
    preprocessing: Preprocessing
    model_digest: str
    codes_digest: str
    index_digest: str
    """Over the index folder's files in name order."""
    data_digest: str
    """Of the tables the model was trained on."""
    evaluation_digest: str
    git_commit: str
    dvc_lock: str
    files: dict[str, str]
    """Path in the folder → digest, of every file but this one."""

    def tags(self) -> dict[str, str]:
        """What the registered version says of itself."""
        texts = {key: str(value) for key, value in self if isinstance(value, str | int)}
        return texts | {"images_digest": self.files[IMAGES_FILE], "params_digest": self.files[PARAMS_FILE]}


class LabelSets(Document):
    """labels.json: the label names of each label set, by set_id, and what they say of attributes."""

    sets: list[list[str]]
    attributes: list[dict[str, list[str]]] = Field(default_factory=list)
    """Attribute → the values that cases of the set have, none where it is not known; one for each set. Empty where
    labels are no combinations of attributes, and in releases made before this was kept."""


def read_release(folder: Path) -> Release:
    """Read release.json, and nothing else of the folder.

    Raises MedhashError if it is missing, unreadable, or of another format than this code reads.
    """
    path = folder / RELEASE_FILE
    if path.exists():
        try:
            document = json.loads(path.read_bytes())
        except ValueError as error:
            raise MedhashError(
                f"{path} is not JSON: it is damaged", "restore that folder from a backup, or promote again"
            ) from error
        found = document.get("format", 1) if isinstance(document, dict) else "unknown"
        if found != FORMAT:
            raise MedhashError(
                f"{path} describes a release of format {found}; this version of medhash reads format {FORMAT}",
                "`medhash promote --force --reason …` puts this run's best model in its "
                "place; to search with the old release itself, use the medhash it was made with",
            )
    return Release.read(path)


def check_release(folder: Path) -> Release:
    """Read a release folder and check every part against release.json, and the parts against each other.

    Raises MedhashError if a file is missing, damaged or unknown to release.json, if the format is another one, or if
    the parts are not of one model, one gallery and one set of images.
    """
    release = read_release(folder)
    _check_files(folder, release)
    parts = load_parts(folder / "model", folder / "codes.parquet", folder / "index", folder / "metrics.json")
    facts = {
        **parts.facts(),
        "preprocessing": release.preprocessing.model_copy(update={"size_px": parts.model.spec.size_px}),
    }
    differing = [key for key, value in facts.items() if getattr(release, key) != value]
    if differing:
        raise MedhashError(f"{folder}: {', '.join(differing)} differs from what {RELEASE_FILE} says", _RESTORE)
    labels = LabelSets.read(folder / LABELS_FILE)
    largest = int(parts.index.set_ids.max(initial=-1))
    if largest >= len(labels.sets):
        raise MedhashError(
            f"{folder}: {LABELS_FILE} has {len(labels.sets)} label sets, the index points to set {largest}",
            "run index again, then promote",
        )
    if labels.attributes and len(labels.attributes) != len(labels.sets):
        raise MedhashError(
            f"{folder}: {LABELS_FILE} has {len(labels.sets)} label sets, but the attributes of "
            f"{len(labels.attributes)}",
            "promote again",
        )
    _check_images(folder, parts)
    return release


def _check_files(folder: Path, release: Release) -> None:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {RELEASE_FILE}
    for name in sorted(found | release.files.keys()):
        path = folder / name
        if name not in release.files:
            raise MedhashError(f"{path} is not a part of the release that {RELEASE_FILE} describes", _RESTORE)
        if name not in found:
            raise MedhashError(f"{path} does not exist", _RESTORE)
        if sha256_file(path) != release.files[name]:
            raise MedhashError(f"{path} is not the file that {RELEASE_FILE} describes: its SHA-256 differs", _RESTORE)


def _check_images(folder: Path, parts: Parts) -> None:
    """images.parquet must name the images of the bags that have codes, and give the bags the index's patients."""
    path = folder / IMAGES_FILE
    images = read_table(path, RELEASED)
    placed = set(zip(images["bag_id"].to_pylist(), images["fold"].to_pylist(), strict=True))
    if placed != set(zip(parts.codes["bag_id"].to_pylist(), parts.codes["fold"].to_pylist(), strict=True)):
        raise MedhashError(f"{path} names other bags or folds than codes.parquet", "promote again")
    patients = set(zip(images["bag_id"].to_pylist(), images["patient_id"].to_pylist(), strict=True))
    names = {number: patient for patient, number in parts.index.patient_number.items()}
    entries = zip(parts.index.bag_ids.to_pylist(), parts.index.patient_of.tolist(), strict=True)
    if len(patients) != parts.codes.num_rows or any(
        (bag_id, names[number]) not in patients for bag_id, number in entries
    ):
        raise MedhashError(f"{path} gives bags of the index another patient, or lacks them", "promote again")
