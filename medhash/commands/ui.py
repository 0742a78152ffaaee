"""Open Airflow and MLflow on 127.0.0.1, without login, until Ctrl-C."""

import argparse
from pathlib import Path

from medhash.core.command import reports_errors


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="medhash ui", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("."), help="the checkout to work in (default: this folder)")
    parser.add_argument("--airflow-port", type=int, default=8080, help="port of Airflow's pages (default: 8080)")
    parser.add_argument("--mlflow-port", type=int, default=5000, help="port of MLflow's pages (default: 5000)")
    args = parser.parse_args(argv)
    from medhash.platform.services.foreground import run_ui

    run_ui(args.root, args.airflow_port, args.mlflow_port)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
