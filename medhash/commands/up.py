"""Start Airflow and MLflow as services on 127.0.0.1; they stay until `medhash down`, and what dies is restarted.

Returns once all are healthy, or says what failed and leaves nothing running. Un-paused DAGs, runs, models and secrets
are in var/ and are there again after `medhash down` or a reboot.
"""

from medhash.core.command import command_parser, reports_errors


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = command_parser("up", __doc__)
    parser.add_argument("--airflow-port", type=int, default=8080, help="port of Airflow's pages (default: 8080)")
    parser.add_argument("--mlflow-port", type=int, default=5000, help="port of MLflow's pages (default: 5000)")
    args = parser.parse_args(argv)
    from medhash.platform.services.run import start_services

    start_services(args.root.resolve(), args.airflow_port, args.mlflow_port)
    print("`medhash status` shows their health, `medhash down` stops them.", flush=True)
    return 0
