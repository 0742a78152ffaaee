"""The watcher's own process: `medhash up` starts it and leaves; it stays until `medhash down`."""

import argparse
import time
from pathlib import Path

from medhash.core.errors import MedhashError
from medhash.platform.services.supervisor import Supervisor


def main(argv: list[str] | None = None) -> int:
    """--lock: the open lock file that `medhash up` hands over; it stays locked as long as this process lives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--airflow-port", type=int, required=True)
    parser.add_argument("--mlflow-port", type=int, required=True)
    parser.add_argument("--lock", type=int, required=True)
    args = parser.parse_args(argv)
    try:
        Supervisor(args.root, args.airflow_port, args.mlflow_port, say).run(lambda: say("all services are healthy"))
    except MedhashError as error:
        say(f"error: {error}")
        return 1
    say("stopped")
    return 0


def say(text: str) -> None:
    """A line of var/logs/services.log."""
    try:
        print(time.strftime("%Y-%m-%d %H:%M:%S"), text, flush=True)
    except OSError:
        return  # a full disk: what is watched goes on; medhash status still tells how it is


if __name__ == "__main__":
    raise SystemExit(main())
