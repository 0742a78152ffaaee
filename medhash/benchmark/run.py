"""A benchmark from end to end: stages written, items run, the table and its page shown."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from medhash.benchmark.board import ProgressBoard
from medhash.benchmark.items import Asked, Item, ask
from medhash.benchmark.pipeline import write_params, write_prepare, write_repository, write_rows
from medhash.benchmark.runner import PREPARE, child_of, run_items, run_target, stale_items
from medhash.core.data_sets import SetWorkspace, find_set, resolve_set, set_workspace
from medhash.core.errors import MedhashError
from medhash.core.params import Params
from medhash.core.process import interrupt_on_signals

_BASE_BYTES = 1400 << 20
"""A process with torch, the tables and a network: at 64 px the narrow networks took 0.97 GB, AlexNet 1.4 GB."""
_BYTES_PER_PIXEL = 60_000
"""Activations of a batch and their gradients, per pixel of one image."""


def default_jobs(params: Params) -> int:
    """min(cores / train.threads, available memory / what a row takes), at least 1."""
    cores = len(os.sched_getaffinity(0)) // params.train.threads
    memory = psutil.virtual_memory().available // row_bytes(params.size_px)
    return int(max(1, min(cores, memory)))


def row_bytes(size_px: int) -> int:
    """An estimate of the memory that one row takes, on the generous side."""
    return _BASE_BYTES + _BYTES_PER_PIXEL * size_px**2


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    table: str
    dataset: str
    methods: Sequence[str] | None
    bits: Sequence[int] | None
    seeds: Sequence[int]
    epochs: int | None
    jobs: int | None


def run_benchmark(root: Path, options: Options) -> int:
    """Measure what is missing, write the table, and return the exit code: 1 if a row failed.

    Raises MedhashError for settings that are wrong, or where the data set's tables cannot be made.
    """
    interrupt_on_signals()
    root = root.resolve()
    asked = ask(options.table, options.methods, options.bits, options.seeds)
    name, path = find_set(root, options.dataset)
    resolved = resolve_set(root, path, options.epochs)
    workspace = set_workspace(root, name)
    write_repository(workspace)
    params = write_params(workspace, resolved)
    write_prepare(workspace, params)
    items = asked.items()
    for method in dict.fromkeys(item.method for item in items):
        own = [item for item in items if item.method == method]
        write_rows(workspace, params, method, [item.bits for item in own], [item.seed for item in own])
    jobs = options.jobs or default_jobs(params)
    print(
        f"{asked.table.title}, on {name}: {len(items)} trainings, up to {jobs} at once; "
        f"logs: {(workspace.state / 'logs').relative_to(root)}",
        flush=True,
    )
    _prepare(workspace)
    failed = _measure(workspace, asked, items, jobs)
    _show(workspace, asked, params, failed)
    return 1 if failed else 0


def _prepare(workspace: SetWorkspace) -> None:
    """Make the tables that all rows read, if they are not up to date."""
    log = workspace.state / "logs" / "prepare.log"
    child = child_of(workspace, log)
    print("prepare: images, folds, labels, features …", flush=True)
    _, message = run_target(child, PREPARE)
    if message is not None:
        problem, _, fix = message.partition("\n  fix: ")
        raise MedhashError(
            f"the data set {workspace.name} cannot be prepared: {problem}", fix or f"{log} holds the whole log"
        )


def _measure(workspace: SetWorkspace, asked: Asked, items: list[Item], jobs: int) -> dict[Item, str]:
    from medhash.benchmark import facts
    from medhash.benchmark.papers import TITLES
    from medhash.core.documents import Metrics

    figure = asked.table.figures[0]

    def headline(item: Item) -> str:
        metrics = Metrics.read(workspace.row(*item) / facts.METRICS)
        return f"{TITLES[figure]} {getattr(metrics.figures, figure):.4f}"

    stale = stale_items(workspace, items)
    with ProgressBoard(len(items), headline) as board:
        for item in items:
            if item not in stale:
                board.up_to_date(item)
        failed = run_items(workspace, [item for item in items if item in stale], jobs, board)
    print(board.summary(), flush=True)
    return failed


def _show(workspace: SetWorkspace, asked: Asked, params: Params, failed: dict[Item, str]) -> None:
    from medhash.benchmark import classes, notes, structured
    from medhash.benchmark.cells import make_cells, make_drops
    from medhash.benchmark.notes import uncertainty_notes
    from medhash.benchmark.page import render_page
    from medhash.benchmark.plots import draw
    from medhash.benchmark.record import record_table
    from medhash.benchmark.results import read_results
    from medhash.benchmark.structured import unseen_sentences
    from medhash.benchmark.text import as_csv, as_markdown
    from medhash.core.files import replacing_file

    results = read_results(workspace, asked, failed)
    cells, drops = make_cells(asked, results, params), make_drops(asked, results, params)
    of_classes = classes.make_class_cells(asked, results)
    sentences = uncertainty_notes(asked, results, cells)
    pictures = draw(workspace, asked, results, params.seed)
    parts = structured.make_part_cells(asked, results)
    if parts:
        sentences = [*sentences, *unseen_sentences(workspace, asked, results, params)]
    grids = structured.part_grids(asked, parts)
    shown = {
        "parts": grids,
        "part_text": structured.as_text,
        "conditions": notes.conditions(workspace, asked, results, params),
        "below_chance": notes.below_chance(asked, cells, results),
        "deviations": notes.deviations(results),
        "classes": classes.class_grids(asked, of_classes),
        "uncertainty_notes": sentences,
    }
    markdown = as_markdown(asked, workspace.name, cells, drops, of_classes, sentences, structured.as_markdown(grids))
    contents = {
        ".md": markdown,
        ".csv": as_csv(cells),
        ".html": render_page(asked, workspace.name, cells, drops, pictures, shown),
    }
    if of_classes:
        contents["-classes.csv"] = classes.as_csv(of_classes)
    if parts:
        contents["-parts.csv"] = structured.as_csv(parts)
    files = []
    for suffix, content in contents.items():
        files.append(workspace.tables / f"{asked.table.name}{suffix}")
        with replacing_file(files[-1]) as temporary:
            temporary.write_text(content)
    record_table(workspace, asked, params, cells, [*files, *(path for path, _ in pictures)])
    print("\n" + markdown[: markdown.index("## Cell by cell")].split("\n", 4)[4])
    for item, message in failed.items():
        print(f"failed: {item}: {message}")
    print("\n".join(str(path.relative_to(workspace.checkout)) for path in files))
