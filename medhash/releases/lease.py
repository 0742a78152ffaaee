"""The lease on a registered model: whoever holds it may change the champion, on whatever machine it runs.

It is kept because MLflow has no compare-and-set, and coordinators on two hosts share no lock file.
"""

import hashlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from pydantic import ValidationError

from medhash.core.documents import Document
from medhash.core.errors import MedhashError
from medhash.core.process import is_alive
from medhash.core.workspace import Workspace

if TYPE_CHECKING:
    from medhash.releases.registry import Registry

LEASE = "lease"
"""Tag of the registered model."""
_LASTS, _RENEWED = timedelta(minutes=5), timedelta(minutes=1)
_SHORTEST_WAIT_S = 0.1
wait: Callable[[float], None] = time.sleep
"""Waits so many seconds for another's write; tests of one process alone need none."""


class Lease(Document):
    """The tag's value: who holds it, and until when if it is not renewed. Times are UTC, ISO 8601."""

    token: str
    host: str
    machine: str
    """Digest of what tells one system's processes from another's: host name, boot and process namespace."""
    pid: int
    checkout: str
    since: str
    until: str

    def is_over(self) -> bool:
        """Whether it has expired, or its holder ran on this machine and is gone."""
        if datetime.now(UTC) > datetime.fromisoformat(self.until):
            return True
        return self.machine == _machine() and not is_alive(self.pid)


@contextmanager
def leased(workspace: Workspace, registry: "Registry") -> Iterator[None]:
    """Hold the lease, renew it every minute, and give it back; while it is held, `registry.promote` checks that it is.

    MLflow cannot set a tag only where it is unset. So the lease is written, and read back after ten times the time
    that took: of two who wrote at once, the later one has it. Should another's write still come after that, `promote`
    sees it and leaves the champion. Raises MedhashError naming the holder if another has it.
    """
    lease = _take(workspace, registry)
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=(registry, lease, ended), daemon=True)
    renewing.start()
    registry.fence = lambda: _require(registry, lease)
    try:
        yield
    finally:
        registry.fence = lambda: None
        ended.set()
        renewing.join()
        _give_back(registry, lease)


def holder(registry: "Registry") -> Lease | None:
    """Who holds the lease now; None if nobody does."""
    found = _read(registry)
    return None if found is None or found.is_over() else found


def _take(workspace: Workspace, registry: "Registry") -> Lease:
    from mlflow.exceptions import MlflowException

    started, now = time.monotonic(), datetime.now(UTC)
    other = holder(registry)
    if other is not None:
        raise _refused(registry, other)
    lease = Lease(
        token=uuid.uuid4().hex,
        host=socket.gethostname(),
        machine=_machine(),
        pid=os.getpid(),
        checkout=str(workspace.root.resolve()),
        since=now.isoformat(timespec="seconds"),
        until=(now + _LASTS).isoformat(timespec="seconds"),
    )
    try:
        _write(registry, lease)
    except MlflowException:
        if holder(registry) is None:
            raise  # else another wrote in the same moment, and the database took its row
    wait(max(_SHORTEST_WAIT_S, 10 * (time.monotonic() - started)))
    _require(registry, lease)
    return lease


def _require(registry: "Registry", lease: Lease) -> None:
    found = _read(registry)
    if found is None or found.token != lease.token:
        raise _refused(registry, found)


def _renew(registry: "Registry", lease: Lease, ended: threading.Event) -> None:
    from mlflow.exceptions import MlflowException

    while not ended.wait(_RENEWED.total_seconds()):
        try:
            _require(registry, lease)
            until = datetime.now(UTC) + _LASTS
            _write(registry, lease.model_copy(update={"until": until.isoformat(timespec="seconds")}))
        except MedhashError:
            return  # another took it; the holder hears of it before it moves the alias
        except MlflowException:
            continue  # out of reach for now: it lasts for several attempts


def _give_back(registry: "Registry", lease: Lease) -> None:
    from mlflow.exceptions import MlflowException

    try:
        found = _read(registry)
        if found is not None and found.token == lease.token:
            registry.client.delete_registered_model_tag(registry.name, LEASE)
    except (MlflowException, MedhashError):
        return  # it ends by itself, or is no longer ours; what was done under it is done


def _read(registry: "Registry") -> Lease | None:
    text = registry.client.get_registered_model(registry.name).tags.get(LEASE)
    if text is None:
        return None
    try:
        return Lease.model_validate_json(text)
    except ValidationError as error:
        raise MedhashError(
            f"the tag {LEASE} of {registry.name} is not one that medhash wrote", "delete that tag in MLflow"
        ) from error


def _write(registry: "Registry", lease: Lease) -> None:
    registry.client.set_registered_model_tag(registry.name, LEASE, lease.model_dump_json())


def _refused(registry: "Registry", other: Lease | None) -> MedhashError:
    if other is None:
        return MedhashError(
            f"the lease on {registry.name} was lost while it was held; the champion is unchanged",
            "run the same command again",
        )
    return MedhashError(
        f"another promotion is under way on {registry.name}: process {other.pid} on {other.host}, in "
        f"{other.checkout}, since {other.since}",
        f"wait for it to end; if that machine is gone, its lease ends by itself at {other.until}",
    )


def _machine() -> str:
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    parts = [
        socket.gethostname(),
        boot.read_text() if boot.exists() else str(psutil.boot_time()),
        os.readlink(namespace) if namespace.is_symlink() else "",
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
