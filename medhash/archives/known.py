"""What a run knows of files before it opens them: whether it needs them, and what an earlier run learnt of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from medhash.archives.memo import FileMemo, Place

NO_IMAGE = "-"
"""Remembered of a file that turned out to be none of the archive's images."""


def joined_file(archive: str, name: str) -> str:
    """`NAME/FILE`, by which equal file names of two archives stay two files."""
    return f"{archive}/{name}"


def parted_file(name: str) -> tuple[str, str]:
    """The archive and the file's name in it."""
    archive, _, file = name.partition("/")
    return archive, file


def joined_number(archive: str, number: str) -> str:
    """The number of a patient, a study or a bag. Archives number patients independently, so equal numbers of two
    archives are two patients. No archive's text holds the zero byte."""
    return f"{archive}\0{number}"


def _nobody(name: str) -> bool:
    return False


def _anything(value: str, name: str) -> bool:
    return bool(value)


def _itself(name: str) -> str:
    return name


@dataclass(frozen=True)
class Known:
    """The file memo as a reader uses it: for one kind of entry, under the names of the table."""

    memo: FileMemo
    kind: str
    forgets: Callable[[str], bool] = _nobody
    """Whether the patient of that number is forgotten."""
    skips: Callable[[str], bool] = _nobody
    """Whether the file of that name belongs to a forgotten patient."""
    wanted: frozenset[str] | None = None
    """Names of the files whose bytes are needed; None: of all."""
    usable: Callable[[str, str], bool] = _anything
    """Whether what is remembered spares reading the file of that name."""
    naming: Callable[[str], str] = _itself
    """From a file's name to its name in the table."""

    def named(self, naming: Callable[[str], str]) -> Self:
        """The same for files that the table names otherwise."""
        return replace(self, naming=naming)

    def within(self, archive: str) -> Self:
        """The same for one of several joined archives, under the names that its own reader uses."""
        start = joined_file(archive, "")
        wanted = (
            None
            if self.wanted is None
            else frozenset(name.removeprefix(start) for name in self.wanted if name.startswith(start))
        )
        return replace(
            self,
            forgets=lambda patient: bool(patient) and self.forgets(joined_number(archive, patient)),
            skips=lambda name: self.skips(joined_file(archive, name)),
            wanted=wanted,
            usable=lambda value, name: self.usable(value, joined_file(archive, name)),
        )

    def leaves_out(self, name: str) -> bool:
        return self.skips(self.naming(name))

    def wants(self, name: str) -> bool:
        return self.wanted is None or self.naming(name) in self.wanted

    def recall(self, place: Place, name: str) -> str:
        """What is remembered of an unchanged file, if that spares reading it; else empty."""
        value = self.memo.recall(self.kind, place)
        return value if value == NO_IMAGE or (value and self.usable(value, self.naming(name))) else ""

    def members(self, tar: Place, max_bytes: int) -> list[tuple[Place, str]] | None:
        """The members of an unchanged tar, if what is remembered spares reading all of them; else None."""
        members = self.memo.members(self.kind, tar)
        if members is None or any(
            place.n_bytes <= max_bytes
            and self.wants(place.name)
            and value != NO_IMAGE
            and not self.leaves_out(place.name)
            and not self.usable(value, self.naming(place.name))
            for place, value in members
        ):
            return None
        return members

    def put(self, place: Place | None, value: str) -> None:
        if place is not None:
            self.memo.put(self.kind, place, value)

    def tar_ended(self, tar: Place, n_members: int) -> None:
        self.memo.tar_ended(self.kind, tar, n_members)
