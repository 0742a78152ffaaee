"""The command `medhash`: its subcommands by group, and the module that holds each one's `main`."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, cast


class Command(NamedTuple):
    """A subcommand: the module of its `main`, and one line of help."""

    module: str
    summary: str


GROUPS: dict[str, dict[str, Command]] = {
    "Try it": {
        "demo": Command("medhash.commands.demo", "run the whole pipeline through Airflow on the bundled sample"),
        "benchmark": Command("medhash.commands.benchmark", "measure the papers' tables on a data set of yours"),
        "tune": Command("medhash.commands.tune", "look for better settings of a method, on validation patients"),
        "methods": Command("medhash.commands.methods", "list the hashing methods, or show one with its settings"),
    },
    "Run the stages, in the order data flows (settings: params.yaml; `dvc repro` runs what is not up to date)": {
        "ingest": Command("components.ingest.__main__", "read an archive into images.parquet and the pixel store"),
        "split": Command("components.split.__main__", "place every patient in a fold"),
        "labels": Command("components.labels.__main__", "turn the archive's labels into canonical label sets"),
        "similarity": Command("components.similarity.__main__", "count shared labels between label sets"),
        "features": Command("components.features.__main__", "compute what shallow methods and heads read"),
        "train": Command("components.train.__main__", "train one hashing method"),
        "encode": Command("components.encode.__main__", "turn every image into a binary code"),
        "index": Command("components.index.__main__", "build the FAISS index of the gallery"),
        "evaluate": Command("components.evaluate.__main__", "measure retrieval of the test patients"),
        "report": Command("components.report.__main__", "write the report page"),
        "quality": Command("components.quality.__main__", "run the data-quality gate after a stage"),
    },
    "Ask": {
        "query": Command("medhash.commands.query", "find cases similar to an image with the champion"),
    },
    "Decide what serves": {
        "drift": Command("medhash.commands.drift", "compare new images with the champion's training data"),
        "promote": Command("medhash.commands.promote", "register the best model; make it champion if the rule allows"),
        "hold": Command("medhash.commands.hold", "keep the champion as it is until the hold is lifted"),
        "rollback": Command("medhash.commands.rollback", "make the champion's predecessor the champion again"),
    },
    "Look after it": {
        "up": Command("medhash.commands.up", "start Airflow and MLflow as services on 127.0.0.1"),
        "down": Command("medhash.commands.down", "stop these services"),
        "status": Command("medhash.commands.status", "show their health, the champion and the last run"),
        "ui": Command("medhash.commands.ui", "open Airflow and MLflow on 127.0.0.1 until Ctrl-C"),
        "work": Command("medhash.commands.work", "run one item of the graph on another machine"),
        "audit": Command("medhash.commands.audit", "show who did what and when, and verify the log"),
        "lineage": Command("medhash.commands.lineage", "trace a code or an answer to its origins"),
        "withdraw": Command("medhash.commands.withdraw", "take images that left the archive out of the releases"),
        "forget": Command("medhash.commands.forget", "remove a patient from tables, codes, indexes and releases"),
    },
}
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_help())
        return 0
    if arguments[0] == "--version":
        from medhash import __version__

        print(f"medhash {__version__}")
        return 0
    if arguments[0] not in COMMANDS:
        print(
            f"error: there is no command {arguments[0]!r}\n  fix: choose one of {', '.join(COMMANDS)}", file=sys.stderr
        )
        return 2
    return _main_of(arguments[0])(arguments[1:])


def _main_of(command: str) -> Callable[[list[str]], int]:
    """The `main` of a command; a stage's is that of the checkout in the current folder."""
    name = COMMANDS[command].module
    is_stage = name.startswith("components.")
    if is_stage and Path("components", command, "__main__.py").exists() and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not is_stage or error.name not in ("components", f"components.{command}"):
            raise
        print(
            f"error: {command} is a stage of the pipeline, and this folder is no checkout of it\n"
            "  fix: run the command in the root of the repository",
            file=sys.stderr,
        )
        raise SystemExit(1) from error
    return cast(Callable[[list[str]], int], module.main)


def _help() -> str:
    lines = [
        "usage: medhash COMMAND [options]      (medhash COMMAND --help tells more)",
        "",
        "Find similar cases in medical image archives by short binary codes.",
    ]
    for title, commands in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:<12}{command.summary}" for name, command in commands.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
