"""The settings that say which archives are joined into one set of images."""

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator

from components.params_archives import Source
from components.params_section import Section

IngestSection = TypeVar("IngestSection", bound=Section)


class MixedArchive(Section):
    """One of the archives that are joined."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    source: Source
    archive: str
    """Folder, or a tar of class_folders, relative to ingest.archive."""
    settings: dict[str, dict[str, Any]] = {}
    """The section of that source, such as {breakhis: {magnifications: [200]}}, instead of ingest's own."""
    modality: str | None = None
    organ: str | None = None
    """Both instead of what the reader says."""
    attribute: str | None = None
    """Which of the archive's attributes becomes `pathology`; None: the one that its reader labels by."""
    labels: dict[str, str | None] = {}
    """The archive's label → its name here, or null: not known. Others stay."""

    @field_validator("archive")
    @classmethod
    def _within(cls, path: str) -> str:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise ValueError("must lie in ingest.archive: a relative path without ..")
        return path

    @field_validator("labels")
    @classmethod
    def _single(cls, labels: dict[str, str | None]) -> dict[str, str | None]:
        if any(label is not None and (not label.strip() or "|" in label) for label in labels.values()):
            raise ValueError("a label is a text without |, or null")
        return labels


class MixedParams(Section):
    """Several archives that become one set of images."""

    archives: list[MixedArchive] = []
    channels: Literal[1, 3] = 1
    """Of all archives; 1: colours become greys, 3: files of greys are refused."""

    @field_validator("archives")
    @classmethod
    def _apart(cls, archives: list[MixedArchive]) -> list[MixedArchive]:
        names = [archive.name for archive in archives]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"{twice} is the name of two archives: give each its own")
        return archives


def settings_of(settings: IngestSection, joined: MixedArchive) -> IngestSection:
    """The settings of ingest that one of the joined archives is read with: ingest's own, but for what it says itself.

    Raises ValueError naming the archive and the key.
    """
    if strange := set(joined.settings) - {joined.source}:
        raise ValueError(
            f"mixed.archives: {joined.name}: settings.{min(strange)} is none of its source; it may have {joined.source}"
        )
    try:
        return type(settings).model_validate(
            settings.model_dump() | {"source": joined.source, "archive": joined.archive, "mixed": {}, **joined.settings}
        )
    except ValidationError as error:
        raise ValueError(
            "; ".join(
                f"mixed.archives: {joined.name}: settings.{'.'.join(map(str, item['loc']))}: {item['msg']}"
                for item in error.errors()
            )
        ) from error
