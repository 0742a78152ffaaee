"""This project's code as fingerprints see it: the packages that are followed, and what in them no result hangs on."""

from pathlib import Path

from medhash.core.fingerprint import Code

PACKAGES = ("medhash", "components")
NO_RESULT = (
    "medhash.core.command:*",
    "medhash.core.errors:*",
    "medhash.core.git:*",
    "medhash.core.locks:*",
    "medhash.core.origins:*",
    "medhash.core.process:*",
    "medhash.core.tracking:*",
    "medhash.core.workspace:*",
    "medhash.core.files:replacing_*",
    "medhash.core.files:recover_folder",
    # The values of settings count, not how they are checked.
    "medhash.core.params:*",
    "medhash.core.params.ingest:*Params",
    "medhash.core.params.ingest:with_source",
    "medhash.core.params.labels:*Params",
    "medhash.core.params.operation:*Params",
    "medhash.core.params.quality:*Params",
    "medhash.core.params.split:*Params",
    "medhash.core.params.train:*Params",
    "medhash.core.params.ingest:ClassFolder",
    "medhash.core.params.ingest:GroupsFile",
    "medhash.core.params.ingest:MixedArchive",
)
"""Definitions that decide how a command is called, recorded and refused, and where its files lie, but not what is in
them."""
MUTE = {
    "medhash.core.errors:MedhashError": "all",
    "ValueError": "all",
    "logging.getLogger": "all",
    "logging.basicConfig": "all",
    "print": "texts",
    "tqdm.tqdm": "keywords",
    ".add_argument": "help",
}
"""What is said to the user: texts of errors, logs, progress bars, helps."""


def own_code(*cuts: str) -> Code:
    """The code of this installation. cuts: what else is not followed, as `Code` takes it."""
    return Code(Path(__file__).resolve().parents[2], PACKAGES, (*NO_RESULT, *cuts), MUTE)
