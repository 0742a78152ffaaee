"""Open Airflow and MLflow on 127.0.0.1, without login, until Ctrl-C."""

from medhash.core.command import command_parser, reports_errors


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = command_parser("ui", __doc__)
    parser.add_argument("--airflow-port", type=int, default=8080, help="port of Airflow's pages (default: 8080)")
    parser.add_argument("--mlflow-port", type=int, default=5000, help="port of MLflow's pages (default: 5000)")
    args = parser.parse_args(argv)
    from medhash.platform.services.run import start_services, stop_services

    root = args.root.resolve()
    supervisord = start_services(root, args.airflow_port, args.mlflow_port)
    print("The DAG is paused at first; un-pausing it starts a run and the schedule.\nCtrl-C stops both.", flush=True)
    try:
        supervisord.wait()
    except KeyboardInterrupt:
        print(flush=True)
    stop_services(root)
    print("Stopped.", flush=True)
    return 0
