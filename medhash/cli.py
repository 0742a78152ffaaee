"""The command `medhash`: one subcommand per stage, the same as `python -m components.STAGE`."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

STAGES = {
    "ingest": "read an archive into images.parquet and the pixel store",
    "split": "place every patient in a fold",
    "labels": "turn the archive's labels into canonical label sets",
    "similarity": "count shared labels between label sets",
    "features": "compute GIST vectors for the shallow methods",
    "train": "train one hashing method",
    "encode": "turn every image into a binary code",
    "index": "build the FAISS index of the gallery",
    "evaluate": "measure retrieval of the test patients",
    "report": "write the report page",
}
OTHERS = {
    "quality": "run the data-quality gate after a stage",
    "drift": "compare new images with those the champion was trained on",
    "promote": "register the best model and make it the champion if the rule says so",
    "hold": "keep the champion as it is, whatever comes, until the hold is lifted",
    "rollback": "make the champion's predecessor the champion again",
    "withdraw": "take images that left the archive out of the releases",
    "forget": "remove a patient from tables, pixels, codes, indexes and releases",
    "audit": "show who did what and when, and verify that nothing was changed since",
    "lineage": "trace a code or an answer back to its origins, or an image to the releases that hold it",
    "query": "find cases similar to an image with the champion",
    "benchmark": "measure the papers' tables on a data set of yours",
    "work": "run one item of the graph on another machine, through the shared DVC remote",
    "demo": "run the whole pipeline through Airflow on the bundled sample",
    "ui": "open Airflow and MLflow on 127.0.0.1 until Ctrl-C",
    "up": "start Airflow and MLflow as services on 127.0.0.1",
    "down": "stop these services",
    "status": "say whether they are healthy, who the champion is and how the last run ended",
}
COMMANDS = STAGES | OTHERS
_MODULES = {
    "hold": "medhash.releases.hold",
    "rollback": "medhash.releases.rollback",
    "up": "medhash.platform.services.up",
    "down": "medhash.platform.services.down",
    "status": "medhash.platform.services.status",
}
"""Where a command's `main` is, if not in medhash/commands/NAME.py."""


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
    return int(_main_of(arguments[0])(arguments[1:]))


def _main_of(command: str) -> Callable[[list[str]], int]:
    """The `main` of a command; a stage's is that of the checkout in the current folder."""
    if command not in STAGES and command != "quality":
        module = importlib.import_module(_MODULES.get(command, f"medhash.commands.{command}"))
        return cast(Callable[[list[str]], int], module.main)
    if Path("components", command, "__main__.py").exists() and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(f"components.{command}.__main__")
    except ModuleNotFoundError as error:
        if error.name not in ("components", f"components.{command}"):
            raise
        print(
            f"error: {command} is a stage of the pipeline, and this folder is no checkout of it\n"
            "  fix: run the command in the root of the repository",
            file=sys.stderr,
        )
        raise SystemExit(1) from error
    return cast(Callable[[list[str]], int], module.main)


def _help() -> str:
    stages, others = ([f"  {name:<12}{summary}" for name, summary in part.items()] for part in (STAGES, OTHERS))
    return "\n".join(
        [
            "usage: medhash COMMAND [options]      (medhash COMMAND --help tells more)",
            "",
            "Find similar cases in medical image archives by short binary codes.",
            "",
            "The stages, in the order data flows (settings in params.yaml; `dvc repro` runs what is not up to date):",
            *stages,
            "",
            "Around them:",
            *others,
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
