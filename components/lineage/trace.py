"""The two ways to ask: an image in all releases, and one release with or without an image."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from components.audit.log import read_log
from components.documents import Document
from components.errors import MedhashError
from components.lineage.holdings import Held, Holdings, Today, today
from components.lineage.origins import Origins, origins_of
from components.promote.registry import Registry
from components.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


class Trace(Document):
    """A version, and how it holds the image that was asked for."""

    origins: Origins
    held: Held | None
    """None if no image was asked for, or where the release cannot be read."""


class ImageTrace(Document):
    """An image in every registered version that holds it, the oldest first."""

    image_id: str
    today: Today | None
    """None where this checkout has no tables."""
    releases: list[Trace]
    unread: list[Origins]
    """Versions that cannot say whether they hold it, each with its problem."""


def trace_image(workspace: Workspace, registry: Registry, image_id: str) -> ImageTrace:
    """Where an image lies: in today's tables, and in which versions, as gallery or as query.

    Raises MedhashError, which does not repeat what was asked for, if none of them knows it.
    """
    now, releases, unread = today(workspace, image_id), list[Trace](), list[Origins]()
    aliases, audit = registry.aliases(), read_log(workspace)
    with tempfile.TemporaryDirectory() as folder:
        holdings = Holdings(registry, Path(folder))
        for version in registry.versions():
            try:
                held = holdings.held(version, image_id)
                if held is not None:
                    releases.append(
                        Trace(
                            held=held,
                            origins=origins_of(registry, version, holdings.release(version), None, aliases, audit),
                        )
                    )
            except MedhashError as error:
                unread.append(origins_of(registry, version, None, error.problem, aliases, audit))
    if not releases and not (now is not None and now.in_tables):
        raise MedhashError(
            "no image of that id is in today's tables or in any release"
            + (f"; of the versions, {len(unread)} could not be read: {unread[0].problem}" if unread else ""),
            "give the bag_id of a search answer, or one of images.parquet's ids: a pseudonym, not a file's name",
        )
    return ImageTrace(image_id=image_id, today=now, releases=releases, unread=unread)


def trace_release(workspace: Workspace, registry: Registry, which: str, image_id: str | None) -> Trace:
    """Where a version comes from; which: its number, or an alias. With an image, how the version holds it.

    Raises MedhashError if there is no such version, or if it does not hold the image or cannot say so.
    """
    aliases = registry.aliases()
    number = aliases.get(which, which.removeprefix("v"))
    version = registry.version(number) if number.isdecimal() else None
    if version is None:
        known = ", ".join([*sorted(aliases), *(str(found.version) for found in registry.versions())]) or "none"
        raise MedhashError(f"{registry.name} has no version or alias {which!r}", f"known are: {known}")
    with tempfile.TemporaryDirectory() as folder:
        holdings = Holdings(registry, Path(folder))
        return _traced(workspace, registry, version, holdings, image_id, aliases)


def _traced(
    workspace: Workspace,
    registry: Registry,
    version: "ModelVersion",
    holdings: Holdings,
    image_id: str | None,
    aliases: dict[str, str],
) -> Trace:
    audit = read_log(workspace)
    try:
        release = holdings.release(version)
    except MedhashError as error:
        if image_id is not None:
            raise
        return Trace(origins=origins_of(registry, version, None, error.problem, aliases, audit), held=None)
    held = holdings.held(version, image_id) if image_id is not None else None
    if image_id is not None and held is None:
        raise MedhashError(
            f"version {version.version} of {registry.name} holds no image of that id",
            "`medhash lineage IMAGE_ID` names the versions that hold it",
        )
    return Trace(origins=origins_of(registry, version, release, None, aliases, audit), held=held)
