"""The runner with stand-ins for DVC: order, failures, and an interrupt."""

import signal
import threading
import time
from dataclasses import dataclass, field

import pytest

from medhash.benchmark.items import Item, ask, needs
from medhash.benchmark.runner import run_items, target
from medhash.core.data_sets import set_workspace
from medhash.core.errors import MedhashError


@dataclass
class Seen:
    """A board that remembers."""

    events: list[tuple[str, Item]] = field(default_factory=list)

    def started(self, item):
        self.events.append(("started", item))

    def finished(self, item, seconds, from_cache):
        self.events.append(("finished", item))

    def failed(self, item, message):
        self.events.append(("failed", item))

    def tick(self):
        pass


def items_named(*methods):
    return [Item(method, 16, 0) for method in methods]


@pytest.fixture
def workspace(tmp_path):
    made = set_workspace(tmp_path, "mine")
    made.root.mkdir(parents=True)
    return made


def test_a_failed_row_stops_only_what_reads_it(workspace):
    items = items_named("lsh", "drh-18", "drh-nb-18", "itq")
    board = Seen()
    failed = run_items(
        workspace, items, 2, board, run=lambda child, name: (False, "no memory" if "drh-18/" in name else None)
    )
    assert failed[items[1]] == "no memory"
    assert "drh-18 16 bits seed 0" in failed[items[2]]
    assert set(failed) == {items[1], items[2]}
    assert ("started", items[2]) not in board.events
    assert {item for state, item in board.events if state == "finished"} == {items[0], items[3]}


def test_a_row_that_reads_another_waits_for_it(workspace):
    items = items_named("drh-nb-18", "drh-18")
    board = Seen()
    run_items(workspace, items, 2, board, run=lambda child, name: (False, None))
    assert board.events == [
        ("started", items[1]),
        ("finished", items[1]),
        ("started", items[0]),
        ("finished", items[0]),
    ]


def test_no_more_than_jobs_run_at_once(workspace):
    now, most, lock = [0], [0], threading.Lock()

    def run(child, name):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1
        return False, None

    run_items(workspace, items_named("lsh", "itq", "cbe", "ksh", "mhf"), 2, Seen(), run=run)
    assert most[0] == 2


def test_an_interrupt_ends_the_children_and_is_passed_on(workspace):
    """The child is a real process: it must be gone when the interrupt arrives at the caller."""
    started = threading.Event()
    codes = []

    def run(child, name):
        started.set()
        codes.append(child.run(["sleep", "60"]).code)
        return False, None

    def interrupt():
        started.wait(10)
        time.sleep(0.2)
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=interrupt).start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_items(workspace, items_named("lsh", "itq"), 1, Seen(), run=run)
    assert codes == [-signal.SIGTERM]
    assert time.monotonic() - begun < 20


def test_the_items_of_a_table_bring_what_they_read_and_name_what_dvc_runs():
    asked = ask("drh2", ["drh-nb-18", "lsh"], [16], [1, 0])
    assert [row.method for row in asked.table.rows] == ["drh-nb-18", "lsh"]
    assert asked.items() == [
        Item("drh-18", 16, 0),
        Item("drh-nb-18", 16, 0),
        Item("drh-18", 16, 1),
        Item("drh-nb-18", 16, 1),
        Item("lsh", 16, 0),
        Item("lsh", 16, 1),
    ]
    assert needs(Item("lsh", 16, 0)) == ()
    assert target(Item("lsh", 16, 0)) == "rows/lsh/dvc.yaml:row@16-0"


@pytest.mark.parametrize(("methods", "bits", "said"), [(["lhs"], None, "lhs"), (None, [12], "multiple of 8")])
def test_what_cannot_be_asked_is_said(methods, bits, said):
    with pytest.raises(MedhashError, match=said):
        ask("drh1", methods, bits, [0])
