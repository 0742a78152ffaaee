"""Stop the services that `medhash up` started, with all they started; nothing happens if there are none.

A task that was running is ended too; its run goes on after the next `medhash up`.
"""

import argparse
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from medhash.core.command import reports_errors
from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace

if TYPE_CHECKING:
    from medhash.platform.services.state import State

_SECONDS = 240.0


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="medhash down", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path("."), help="the checkout to work in (default: this folder)")
    print(stop_services(parser.parse_args(argv).root.resolve()))
    return 0


def stop_services(root: Path) -> str:
    """What was done. Raises MedhashError if they run on another machine or under another account, or do not stop."""
    from medhash.platform.services.state import acquire, last_state
    from medhash.platform.services.supervisor import clear_leftovers

    workspace = Workspace(root)
    lock = acquire(workspace)
    asked = lock is None
    deadline = time.monotonic() + _SECONDS
    if lock is None:
        state = last_state(workspace, 10.0)
        if state is None:
            raise MedhashError(
                "the services are being started or stopped by another command",
                "wait a moment, then run the same command again",
            )
        _ask(state)
        print("stopping …", flush=True)
    while lock is None:
        if time.monotonic() > deadline:
            raise MedhashError(
                f"the services did not stop within {_SECONDS:.0f} s",
                f"{workspace.state / 'logs' / 'services.log'} tells why; kill -9 their watcher, then "
                "run the same command again",
            )
        time.sleep(0.2)
        lock = acquire(workspace)
    with lock:
        left = clear_leftovers(root)
    if asked:
        return "stopped"
    return f"ended {left} processes that an earlier start left behind" if left else "no services run in this checkout"


def _ask(state: "State") -> None:
    from medhash.platform.services.state import watches_here

    if not watches_here(state):
        raise MedhashError(
            f"the services run on another machine, {state.holder()}", f"run medhash down on {state.host}"
        )
    try:
        os.kill(state.pid, signal.SIGTERM)
    except ProcessLookupError:
        return  # it is ending already
    except PermissionError as error:
        raise MedhashError(
            f"the services belong to another account, {state.holder()}", "stop them as that account"
        ) from error


if __name__ == "__main__":
    raise SystemExit(main())
