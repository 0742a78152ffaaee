"""Command line of the worker: publish on the coordinator, work on another machine, collect on the coordinator."""

import argparse
import os
import sys
from pathlib import Path

from medhash.core.command import reports_errors

_EPILOG = """\
on the coordinator      medhash work --publish                       prints the commit to give to the workers
on another machine      medhash work --repository URL --commit COMMIT --item train@osdh --folder /scratch/medhash
on the coordinator      medhash work --collect --item train@osdh     takes the result over; trains nothing

No password belongs on this line: git and DVC find theirs in a credential helper, an SSH key or the environment.
docs/dvc-remote.md tells the whole of it.
"""
TRY_AGAIN = 75
"""Exit code where the same command may succeed later (EX_TEMPFAIL of sysexits.h)."""
_WITHHELD = ("MEDHASH_PSEUDONYM_KEY",)
_WITHHELD_PREFIXES = ("AIRFLOW__",)


@reports_errors
def main(argv: list[str] | None = None) -> int:
    """Run one item of the graph on another machine, through git and the shared DVC remote."""
    parser = argparse.ArgumentParser(
        prog="medhash work",
        description=main.__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--publish", action="store_true", help="commit settings and dvc.lock aside, push what items need")
    act.add_argument("--collect", action="store_true", help="take a worker's result over into this checkout")
    parser.add_argument(
        "--item",
        action="append",
        default=[],
        help="an item, such as train@osdh; --publish takes "
        "several, and whole stages (default there: what of train and encode can be worked on now)",
    )
    parser.add_argument("--repository", help="address or path of the git repository; --publish pushes the commit to it")
    parser.add_argument("--commit", help="what --publish printed, or any commit, branch or tag of the repository")
    parser.add_argument("--folder", type=Path, help="where the worker keeps its clone and DVC's cache")
    parser.add_argument("--remote", metavar="NAME=URL", help="the DVC remote as this machine reaches it")
    parser.add_argument("--root", type=Path, default=Path("."), help="the checkout to publish or collect in")
    args = parser.parse_args(argv)

    if args.publish and (args.commit or args.folder or args.remote):
        parser.error("--publish takes --item, --repository and --root only")
    if args.collect and (args.commit or args.folder or args.remote or args.repository):
        parser.error("--collect takes --item and --root only")
    if not args.publish and len(args.item) != 1:
        parser.error("give one --item, such as train@osdh")
    missing = [name for name in ("repository", "commit", "folder") if getattr(args, name) is None]
    if missing and not args.publish and not args.collect:
        parser.error(f"give --{' and --'.join(missing)} too, or --publish, or --collect")

    for name in list(os.environ):
        # Neither training nor encoding needs them, and what is not there cannot leak.
        if name in _WITHHELD or name.startswith(_WITHHELD_PREFIXES):
            del os.environ[name]
    from medhash.core.process import interrupt_on_signals
    from medhash.platform.stage_run import StageFailed
    from medhash.platform.worker.remote import Unreachable

    interrupt_on_signals()
    try:
        _act(args)
    except Unreachable as error:
        _say(f"error: {error}")
        return TRY_AGAIN
    except StageFailed as failure:
        _say(str(failure) if failure.retry else f"error: {failure}")
        return TRY_AGAIN if failure.retry else 1
    return 0


def _act(args: argparse.Namespace) -> None:
    if args.publish:
        from medhash.platform.worker.publish import publish

        published = publish(args.root, args.item, args.repository, _say)
        _say(f"published {', '.join(published.items)} as {published.ref}")
        print(published.commit)
    elif args.collect:
        from medhash.platform.worker.work import collect

        collect(args.root, args.item[0], _say)
    else:
        from medhash.platform.worker.work import work

        work(args.repository, args.commit, args.item[0], args.folder, args.remote, _say)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
