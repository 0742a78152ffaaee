"""Forgetting from end to end: who it is, the list, derived data, releases, the search, the audit entry.

If it is cut off, the same command finishes it. The patient is on the list first, the journal holds what to look for,
and every step may be repeated.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from medhash.archives.forgotten import forgotten_digest, read_forgotten
from medhash.archives.lock import only_ingest
from medhash.core import tracking
from medhash.core.errors import MedhashError
from medhash.core.files import replacing_file
from medhash.core.locks import only_one
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.releases.audit import append, read_log
from medhash.releases.erasure.derived import (
    caches_and_remotes,
    clean_state,
    data_sets,
    dvc_stands_still,
    remove_copies,
    remove_derived,
)
from medhash.releases.erasure.proof import require_nothing, require_patient, search_all
from medhash.releases.erasure.releases import delete, holders, remake
from medhash.releases.erasure.search import Searched, in_bytes
from medhash.releases.erasure.store import promotion_artifacts, vacuum
from medhash.releases.erasure.traces import (
    Journal,
    Traces,
    end_journal,
    journal_path,
    new_journal,
    patterns_of,
    read_journal,
    traces_in_tables,
    write_journal,
)
from medhash.releases.lease import leased
from medhash.releases.registry import Registry
from medhash.releases.request import UserRequest
from medhash.releases.staging import staging

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PSEUDONYM = re.compile(r"[0-9a-f]{16}")


def forget(
    workspace: Workspace, params: Params, pseudonyms: list[str], request: UserRequest, *, dry_run: bool = False
) -> str:
    """Forget the patients and prove it; returns a summary that names none of them.

    Raises MedhashError, with nothing changed, if a pseudonym is malformed or unknown, or if a stage, an ingest or
    another change of the champion is under way. At the end it raises MedhashError naming each place that still holds
    data of a patient.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # read by MLflow as it is imported
    for number, pseudonym in enumerate(pseudonyms, 1):
        if not _PSEUDONYM.fullmatch(pseudonym):
            raise MedhashError(
                f"pseudonym {number} is not one: it has {len(pseudonym)} characters, or others than 0-9 and a-f",
                "give the patient_id of images.parquet, 16 hex digits",
            )
        if pseudonym in request.reason or pseudonym in request.who:
            raise MedhashError("--reason or --by holds the pseudonym, which the audit log would keep", "leave it out")
    busy = MedhashError("another `medhash forget` is running in this checkout", "wait until it has ended")
    with only_one(workspace.state / "forget.lock", busy=busy), only_ingest(workspace):
        client = tracking.connect(workspace)
        with tracking.answered():
            registry = Registry(client, params.promote.name)
        with tracking.answered(), dvc_stands_still(workspace.root), staging(workspace, registry) as folder:
            journal = _begin(workspace, client, sorted(set(pseudonyms)), request, folder)
            if dry_run:
                return _foreseen(workspace, client, journal, folder)
            patterns, archive = patterns_of(journal.patients), workspace.root / params.ingest.archive
            # Asked again of somebody who is forgotten already, it searches, and removes only if that finds something.
            known = read_journal(workspace) is not None or any(not traces.is_empty for traces in journal.patients)
            searched = Searched() if known else search_all(workspace, client, patterns, archive, folder)
            if known or searched.found:
                _record(workspace, journal)
                _remove(workspace, client, registry, journal, folder)
                searched = search_all(workspace, client, patterns, archive, folder)
                require_nothing(searched)
            _write_down(workspace, journal, searched)
    return _summary(workspace, journal, searched)


def _begin(
    workspace: Workspace, client: "MlflowClient", pseudonyms: list[str], request: UserRequest, folder: Path
) -> Journal:
    """The journal of the act, or of one that was cut off, with all that is known of the patients now."""
    journal = read_journal(workspace) or new_journal(request.reason, request.who)
    known = {traces.pseudonym: traces for traces in journal.patients}
    everyone = sorted({*pseudonyms, *known})
    held = holders(client, everyone, folder)
    for pseudonym in everyone:
        traces = known.get(pseudonym, Traces(pseudonym=pseudonym))
        for more in [traces_in_tables(place, pseudonym) for place in [workspace, *data_sets(workspace)]] + [
            found[pseudonym] for found in held.values() if pseudonym in found
        ]:
            traces = traces.with_more(more)
        if traces.is_empty and forgotten_digest(pseudonym) not in read_forgotten(workspace):
            require_patient(workspace, pseudonym)
        known[pseudonym] = traces
    return journal.model_copy(update={"patients": [known[pseudonym] for pseudonym in everyone]})


def _record(workspace: Workspace, journal: Journal) -> None:
    """The list first: from here on no ingest takes the patients in."""
    present = read_forgotten(workspace)
    new = [digest for traces in journal.patients if (digest := forgotten_digest(traces.pseudonym)) not in present]
    if new:
        path = workspace.forgotten
        text = path.read_text() if path.exists() else ""
        with replacing_file(path) as temporary:
            temporary.write_text(
                text + "\n" * (bool(text) and not text.endswith("\n")) + "".join(f"{digest}\n" for digest in new)
            )
    write_journal(workspace, journal)


def _remove(workspace: Workspace, client: "MlflowClient", registry: Registry, journal: Journal, folder: Path) -> None:
    """Remake the releases in use first: if one cannot be remade, nothing has been removed yet."""
    patterns = patterns_of(journal.patients)
    pseudonyms = [traces.pseudonym for traces in journal.patients]
    held = holders(client, pseudonyms, folder)
    for name in sorted({one.name for one in held if one.name is not None}):
        affected = {str(one.version): sorted(found) for one, found in held.items() if one.name == name}
        with _leasing(workspace, registry, name) as owner:
            renewed = remake(workspace, owner, affected, folder)
        journal.scrubbed |= {f"{name} {old}": new for old, new in renewed.items()}
        write_journal(workspace, journal)

    sets = [
        place
        for place in data_sets(workspace)
        if not place.images.exists() or any(not traces_in_tables(place, pseudonym).is_empty for pseudonym in pseudonyms)
    ]
    journal.n_files_removed += remove_derived(
        workspace, [workspace, *sets], [digest for traces in journal.patients for digest in traces.sha256s]
    )
    write_journal(workspace, journal)
    journal.n_files_removed += remove_copies(workspace)
    for one in held:
        delete(client, one)
        journal.deleted = sorted({*journal.deleted, str(one)})
        write_journal(workspace, journal)
    for repository, path, copy in promotion_artifacts(client, folder):
        if in_bytes(copy.read_bytes(), patterns):
            repository.delete_artifacts(path)
            journal.n_files_removed += 1
    skipped = frozenset({journal_path(workspace).resolve(), folder.resolve()})
    journal.n_files_removed += clean_state(workspace, patterns, skipped)
    vacuum(workspace)
    write_journal(workspace, journal)


@contextmanager
def _leasing(workspace: Workspace, registry: Registry, name: str) -> Iterator[Registry]:
    """The registered model of that name, under its lease; `staging` already holds the lease of one."""
    if name == registry.name:
        yield registry
    else:
        other = Registry(registry.client, name)
        with leased(workspace, other):
            yield other


def _write_down(workspace: Workspace, journal: Journal, searched: Searched) -> None:
    written = {
        line.entry.what.get("patient")
        for line in read_log(workspace)
        if line.entry.act == "forget" and line.entry.what.get("forgetting") == journal.act
    }
    for traces in journal.patients:
        digest = forgotten_digest(traces.pseudonym)
        if digest not in written:
            append(
                workspace,
                "forget",
                {
                    "patient": digest,
                    "forgetting": journal.act,
                    "reason": journal.reason,
                    "images": len(traces.image_ids),
                    "scrubbed": journal.scrubbed,
                    "deleted": journal.deleted,
                    "files_removed": journal.n_files_removed,
                    "files_searched": searched.n_files,
                    "bytes_searched": searched.n_bytes,
                    "found": 0,
                    "damaged_packed_files": searched.n_damaged,
                    "pictures_too_plain_to_search_for": traces.n_plain,
                },
                journal.who,
            )
    end_journal(workspace)


def _foreseen(workspace: Workspace, client: "MlflowClient", journal: Journal, folder: Path) -> str:
    held = holders(client, [traces.pseudonym for traces in journal.patients], folder)
    n_images = sum(len(traces.image_ids) for traces in journal.patients)
    aliases = {
        name: set(map(str, client.get_registered_model(name).aliases.values()))
        for name in {one.name for one in held if one.name is not None}
    }
    in_use = [str(one) for one in held if one.name is not None and one.version in aliases[one.name]]
    others = [str(one) for one in held if str(one) not in in_use]
    return "\n".join(
        [
            f"{len(journal.patients)} patients with {n_images} images would be forgotten",
            f"releases that would be remade without them, and then deleted: {', '.join(sorted(in_use)) or 'none'}",
            f"other releases that would be deleted: {', '.join(sorted(others)) or 'none'}",
            "derived tables, reports, DVC's cache and its folder remotes would be emptied; the next run remakes them",
            "dry run: nothing was done",
        ]
    )


def _summary(workspace: Workspace, journal: Journal, searched: Searched) -> str:
    made = ", ".join(f"{old} → {new}" for old, new in journal.scrubbed.items())
    n_images = sum(len(traces.image_ids) for traces in journal.patients)
    lines = [
        f"{len(journal.patients)} patients forgotten, {n_images} images",
        f"releases remade without them: {made or 'none'}",
        f"releases deleted: {', '.join(journal.deleted) or 'none'}",
        f"{journal.n_files_removed} files removed or rewritten; {searched.n_files} files "
        f"({searched.n_bytes / 1e6:.1f} MB) searched, nothing found",
        "next: commit and push data/forgotten.txt, so that every machine knows; then `dvc repro` or the next run, "
        "which makes the tables anew and retrains: until its model is promoted, the champion's weights are still "
        "those that were trained with the patients",
    ]
    lines += [
        f"      the DVC remote {name} is out of reach: once that run has ended, `dvc gc --workspace --cloud "
        f"--remote {name}`"
        for name in caches_and_remotes(workspace.root).remotes
    ]
    return "\n".join([*lines, "      out of reach are backups and the checkouts of other machines: forget there too"])
