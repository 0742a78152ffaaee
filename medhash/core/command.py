"""What every command line shares: the common options, and how errors reach the user.

argparse and no other library: importing typer takes longer than `medhash --help` may.
"""

import argparse
import functools
import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from medhash.core.errors import MedhashError

if TYPE_CHECKING:
    from medhash.core.params import Params
    from medhash.core.workspace import Workspace


class Main(Protocol):
    """A command line: arguments (default: those of the process) → exit code."""

    def __call__(self, argv: list[str] | None = None) -> int: ...


def command_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """A parser of `medhash NAME` with --root; the first line of `description` is the summary."""
    parser = argparse.ArgumentParser(
        prog=f"medhash {name}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path("."), help="the checkout to work in (default: this folder)")
    return parser


def stage_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """A parser with --root and --params."""
    parser = command_parser(name, description)
    parser.add_argument("--params", type=Path, default=None, help="settings (default: ROOT/params.yaml)")
    return parser


def checkout(args: argparse.Namespace) -> "tuple[Workspace, Params]":
    """The workspace and the settings that --root and --params name."""
    from medhash.core.params import load_params
    from medhash.core.workspace import Workspace

    return Workspace(args.root), load_params(args.params or args.root / "params.yaml")


_READER_GONE = 141
"""128 + SIGPIPE, as of a command that the signal ended."""


def reports_errors(main: Main) -> Main:
    """Turn errors the user can correct into one message and exit code 1, and Ctrl-C into exit code 130.

    Where the reader of its output went away, as `head -1` does, a command ends quietly with exit code 141.
    """

    @functools.wraps(main)
    def wrapped(argv: list[str] | None = None) -> int:
        try:
            code = main(argv)
            sys.stdout.flush()
            return code
        except MedhashError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        except OSError as error:
            if isinstance(error, BrokenPipeError) and _reader_is_gone():
                return _READER_GONE
            print(
                f"error: {error.strerror or error}: {error.filename or 'while writing'}\n"
                "  fix: free space or correct permissions, then run the same command again; nothing was lost",
                file=sys.stderr,
            )
            return 1
        except KeyboardInterrupt:
            print("interrupted: nothing was lost, run the same command again to go on", file=sys.stderr)
            return 130

    return wrapped


def _reader_is_gone() -> bool:
    """Whether nobody reads the standard output any more; if so, discard the rest of it."""
    output = select.poll()
    output.register(sys.stdout, select.POLLOUT)
    if not any(event & select.POLLERR for _, event in output.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains as it exits
    return True
