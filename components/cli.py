"""The command `medhash`: one subcommand per stage, the same as `python -m components.STAGE`."""

import importlib
import sys

COMMANDS = {
    "ingest": "read an archive into images.parquet and the pixel store",
    "split": "place every patient in a fold",
    "labels": "turn the archive's labels into canonical label sets",
    "similarity": "count shared labels between label sets",
    "features": "compute GIST-512 vectors for the shallow methods",
    "train": "train one hashing method",
    "encode": "turn every image into a binary code",
    "index": "build the FAISS index of the gallery",
    "evaluate": "measure retrieval of the test patients",
    "report": "write the report page",
    "promote": "register the best model and move the champion alias if it is better",
    "quality": "run the data-quality gate after a stage",
    "query": "find cases similar to an image with the champion",
    "benchmark": "measure the papers' tables on a data set of yours",
    "demo": "run the whole pipeline through Airflow on the bundled sample",
    "ui": "open Airflow and MLflow on 127.0.0.1",
}


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_help())
        return 0
    if arguments[0] == "--version":
        from components import __version__
        print(f"medhash {__version__}")
        return 0
    if arguments[0] not in COMMANDS:
        print(f"error: there is no command {arguments[0]!r}\n  fix: choose one of {', '.join(COMMANDS)}",
              file=sys.stderr)
        return 2
    command = importlib.import_module(f"components.{arguments[0]}.__main__")
    return int(command.main(arguments[1:]))


def _help() -> str:
    lines = [f"  {name:<12}{summary}" for name, summary in COMMANDS.items()]
    return "\n".join([
        "usage: medhash COMMAND [options]      (medhash COMMAND --help tells more)", "",
        "Find similar cases in medical image archives by short binary codes.", "",
        "The stages, in the order data flows (settings in params.yaml; `dvc repro` runs what is not up to date):",
        *lines[:11], "", "Around them:", *lines[11:],
    ])


if __name__ == "__main__":
    raise SystemExit(main())
