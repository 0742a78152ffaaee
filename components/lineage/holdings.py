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
    """How a release holds an image."""

    sha256: str | None
    """Of the source file."""
    fold: str
    role: str
    """gallery: searched by everybody; query: a test image, which only asked when figures were measured."""


class Today(Document):
    """Whether an image lies in the tables of this checkout now."""

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

    def held(self, version: "ModelVersion", image_id: str) -> Held | None:
        """How the version holds an image; None if it does not. Raises MedhashError as `release` does."""
        digest = self.release(version).files[IMAGES_FILE]
        if digest not in self._tables:
            path = self._registry.fetch(version, self._folder / f"images-{version.version}", IMAGES_FILE)
            if sha256_file(path) != digest:
                raise MedhashError(f"{IMAGES_FILE} of version {version.version} is not the file that {RELEASE_FILE} "
                                   "describes: its SHA-256 differs", "restore its artifacts from a backup")
            self._tables[digest] = read_table(path, RELEASED)
        row = _row(self._tables[digest], image_id)
        return Held(sha256=row["sha256"], fold=row["fold"],
                    role="gallery" if row["fold"] in GALLERY_FOLDS else "query") if row else None


def today(workspace: Workspace, image_id: str) -> Today | None:
    """None where there are no tables here."""
    if not workspace.images.exists():
        return None
    image = _row(read_table(workspace.images, IMAGES).select(["image_id", "sha256"]), image_id)
    place = _row(read_table(workspace.split, SPLIT), image_id) if workspace.split.exists() else None
    return Today(in_tables=image is not None, sha256=image["sha256"] if image else None,
                 fold=place["fold"] if place else None)


def _row(table: pa.Table, image_id: str) -> dict[str, Any] | None:
    found = table.filter(pc.equal(table["image_id"], image_id)).to_pylist()
    return found[0] if found else None
