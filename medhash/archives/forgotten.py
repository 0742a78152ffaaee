"""Forgotten patients, stored as digests: the list names nobody."""

import hashlib
import re
from collections.abc import Callable

from medhash.archives.pseudonyms import pseudonyms
from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace

_PREFIX = b"forgotten\0"
_DIGEST = re.compile(r"[0-9a-f]{64}")


def forgotten_digest(pseudonym: str) -> str:
    """SHA-256 over `forgotten`, a zero byte and the patient's pseudonym, as 64 hex digits."""
    return hashlib.sha256(_PREFIX + pseudonym.encode()).hexdigest()


def read_forgotten(workspace: Workspace) -> frozenset[str]:
    """The digests in data/forgotten.txt; none where there is no such file.

    Raises MedhashError naming a line that is neither a digest nor a comment: skipping it would bring a patient back.
    """
    path = workspace.forgotten
    if not path.exists():
        return frozenset()
    digests = set()
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        text = line.decode("utf-8", "replace").strip()
        if not text or text.startswith("#"):
            continue
        if not _DIGEST.fullmatch(text):
            raise MedhashError(
                f"{path}, line {number}: not a digest of 64 hex digits in small letters",
                "restore that line from git; only `medhash forget` writes there",
            )
        digests.add(text)
    return frozenset(digests)


def forgetting(digests: frozenset[str], key: bytes) -> Callable[[str], bool]:
    """Whether the patient of that number, as the archive writes it, is forgotten; asks the key once per patient."""
    answers: dict[str, bool] = {}

    def is_forgotten(patient: str) -> bool:
        if not digests or not patient:
            return False
        if patient not in answers:
            answers[patient] = forgotten_digest(pseudonyms(key, "patient", [patient])[0]) in digests
        return answers[patient]

    return is_forgotten
