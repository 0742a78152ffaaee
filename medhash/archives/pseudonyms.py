"""Pseudonyms: keyed, one-way names for images, patients and studies."""

import hmac
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from medhash.core.errors import MedhashError

KEY_VARIABLE = "MEDHASH_PSEUDONYM_KEY"
MIN_KEY_BYTES = 16
_DEMO_KEY = b"medhash demo key: public, for the bundled sample only"
_HOW_TO = (
    f"make one with `python3 -c 'import secrets; print(secrets.token_hex(32))'`, keep it safe, and "
    f"`export {KEY_VARIABLE}=…`; the same key gives the same pseudonyms again"
)


def pseudonyms(key: bytes, kind: str, values: Iterable[str]) -> list[str]:
    """HMAC-SHA256(key, kind ‖ 0 ‖ value) of each value, its first 64 bits as 16 hex digits.

    kind: `image`, `patient` or `study`; it separates the domains: equal numbers of a patient and a study get
    different pseudonyms. Source: RFC 2104.
    """
    prefix = kind.encode() + b"\0"
    return [hmac.digest(key, prefix + value.encode(), "sha256")[:8].hex() for value in values]


def pseudonym_key(archive: Path, root: Path) -> bytes:
    """The key from the environment; the bundled sample alone may go without, under a published demo key.

    Raises MedhashError if the key is absent or shorter than 16 bytes.
    """
    key = os.environ.get(KEY_VARIABLE, "").encode()
    if key:
        if len(key) < MIN_KEY_BYTES:
            raise MedhashError(f"{KEY_VARIABLE} has {len(key)} bytes, fewer than {MIN_KEY_BYTES}", _HOW_TO)
        return key
    if archive.resolve().is_relative_to((root / "data" / "sample").resolve()):
        print(
            f"warning: {KEY_VARIABLE} is not set; the bundled sample is ingested under the published demo key, "
            "which hides nothing",
            file=sys.stderr,
        )
        return _DEMO_KEY
    raise MedhashError(f"{KEY_VARIABLE} is not set, and this archive is not the bundled sample", _HOW_TO)
