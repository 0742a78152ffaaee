"""Say of each service whether it is healthy, and of the retraining how its last run ended and who the champion is.

Exit code 0 if all services are healthy, else 1.
"""

from medhash.core.command import command_parser, reports_errors


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = command_parser("status", __doc__).parse_args(argv)
    from medhash.platform.services.status import status

    text, healthy = status(args.root.resolve())
    print(text)
    return 0 if healthy else 1
