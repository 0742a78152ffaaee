"""The programs that supervisord runs: each service, and the watch over their health."""

import argparse
import sys
from pathlib import Path

from medhash.platform.services.local_services import local_services
from medhash.platform.services.restart_policy import watch
from medhash.platform.services.service import run

HEALTH = "health"


def commands(root: Path, airflow_port: int, mlflow_port: int) -> dict[str, list[str]]:
    """Name → command of every program, to be run in the root of the checkout."""
    names = [service.name for service in local_services(root, airflow_port, mlflow_port)]
    module = [sys.executable, "-m", "medhash.platform.services.program"]
    return {name: [*module, name, str(airflow_port), str(mlflow_port)] for name in (*names, HEALTH)}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("airflow_port", type=int)
    parser.add_argument("mlflow_port", type=int)
    args = parser.parse_args(argv)
    root = Path.cwd()
    services = local_services(root, args.airflow_port, args.mlflow_port)
    if args.name == HEALTH:
        watch(root, services)
        return 0
    run(next(service for service in services if service.name == args.name), root)


if __name__ == "__main__":
    raise SystemExit(main())
