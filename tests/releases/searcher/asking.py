"""A program for test_searcher: asks and refreshes until a file `stop` appears.

Arguments: the workspace, a number of threads. Prints as JSON how often each version answered, and what was wrong.
"""

import json
import sys
import threading
from collections import Counter
from pathlib import Path

from releases.searcher.asked import ROWS, Expected, K, expected_answers

from medhash.core.workspace import Workspace
from medhash.releases.searcher.searcher import Searcher


def ask_until(
    stop: threading.Event | Path,
    searcher: Searcher,
    root: Path,
    expected: Expected,
    answered: Counter[str],
    wrong: list[str],
) -> None:
    """Refresh and ask in a loop; count the answers by version, and keep what is not wholly one release's."""
    while not (stop.exists() if isinstance(stop, Path) else stop.is_set()):
        for row in ROWS:
            try:
                searcher.refresh()
                reply = searcher.answer([root / f"{row}.png"], K)
            except BaseException as error:
                wrong.append(repr(error))
                return
            found = [(neighbour.id, neighbour.distance_bits) for neighbour in reply.neighbours]
            if found != expected[str(reply.version), f"{row}.png"]:
                wrong.append(f"version {reply.version}, image {row}: {found}")
            if searcher.note:
                wrong.append(searcher.note)
            answered[str(reply.version)] += 1


def main(root: Path, n_threads: int) -> None:
    expected, answered, wrong = expected_answers(root), Counter[str](), list[str]()
    searcher = Searcher(Workspace(root), "medhash-nih")
    (root / f"asking-{threading.get_native_id()}").touch()
    threads = [
        threading.Thread(target=ask_until, args=(root / "stop", searcher, root, expected, answered, wrong))
        for _ in range(n_threads)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"answered": answered, "wrong": wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
