"""Stop the services that `medhash up` started, with all they started; nothing happens if there are none.

A task that was running is ended too; its run goes on after the next `medhash up`.
"""

from medhash.core.command import command_parser, reports_errors


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = command_parser("down", __doc__).parse_args(argv)
    from medhash.platform.services.run import stop_services

    print(stop_services(args.root.resolve()))
    return 0
