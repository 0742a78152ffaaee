"""Forward: which images a released version holds, from the two small files of it that say so."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from components.contracts import IMAGES, RELEASED, SPLIT, read_table
from components.documents import Document
from components.errors import MedhashError
from components.files import sha256_file
from components.index.build import GALLERY_FOLDS
from components.promote.registry import Registry
from components.promote.release import IMAGES_FILE, RELEASE_FILE, Release, read_release
from components.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


class Held(Document):
    """How a release holds an image, or a bag of them."""

    sha256: str | None
    """Of the source file; None of a bag of several files."""
    fold: str
    role: str
    """gallery: searched by everybody; query: a test image, which only asked when figures were measured."""


class Today(Document):
    """Whether an image, or a bag, lies in the tables of this checkout now."""

    in_tables: bool
    sha256: str | None
    fold: str | None


class Holdings:
    """release.json and images.parquet of versions, fetched into a folder; equal tables are fetched once."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self._registry = registry
        self._folder = folder
        self._releases: dict[str, Release] = {}
        self._tables: dict[str, pa.Table] = {}
        """By digest."""

    def release(self, version: "ModelVersion") -> Release:
        """release.json of a version. Raises MedhashError if it is gone, damaged or of another format."""
        number = str(version.version)
        if number not in self._releases:
            folder = self._registry.fetch(version, self._folder / f"release-{number}", RELEASE_FILE).parent
            try:
                self._releases[number] = read_release(folder)
            except MedhashError as error:
                raise MedhashError(error.problem.replace(f"{folder}/", ""), error.fix) from error
        return self._releases[number]

    def held(self, version: "ModelVersion", asked: str) -> Held | None:
        """How the version holds an image or a bag of that id; None if not. Raises MedhashError as `release` does."""
        digest = self.release(version).files[IMAGES_FILE]
        if digest not in self._tables:
            path = self._registry.fetch(version, self._folder / f"images-{version.version}", IMAGES_FILE)
            if sha256_file(path) != digest:
                raise MedhashError(
                    f"{IMAGES_FILE} of version {version.version} is not the file that {RELEASE_FILE} "
                    "describes: its SHA-256 differs",
                    "restore its artifacts from a backup",
                )
            self._tables[digest] = read_table(path, RELEASED)
        row = _row(self._tables[digest], asked)
        return (
            Held(sha256=row["sha256"], fold=row["fold"], role="gallery" if row["fold"] in GALLERY_FOLDS else "query")
            if row
            else None
        )


def today(workspace: Workspace, asked: str) -> Today | None:
    """Of an image or a bag of that id; None where there are no tables here."""
    if not workspace.images.exists():
        return None
    image = _row(read_table(workspace.images, IMAGES).select(["image_id", "bag_id", "sha256"]), asked)
    place = None
    if image is not None and workspace.split.exists():
        split = read_table(workspace.split, SPLIT)
        place = next(iter(split.filter(pc.equal(split["image_id"], image["image_id"])).to_pylist()), None)
    return Today(
        in_tables=image is not None, sha256=image["sha256"] if image else None, fold=place["fold"] if place else None
    )


def _row(table: pa.Table, asked: str) -> dict[str, Any] | None:
    """The row of an image of that id, or the first of a bag of that id, without a digest if it has several files."""
    found = table.filter(pc.or_(pc.equal(table["image_id"], asked), pc.equal(table["bag_id"], asked))).to_pylist()
    images = [row for row in found if row["image_id"] == asked]
    if images or len({row["sha256"] for row in found}) == 1:
        return (images or found)[0]
    return found[0] | {"sha256": None} if found else None
