"""Every item runs under a profiler: what it calls and which settings it reads stand in its plan."""

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from pprint import pformat
from types import FrameType
from typing import Any

import pytest
import yaml
from checkout import REPOSITORY

from components.plan.items import CUTS, items_of
from medhash.archives import reader_code
from medhash.core.data_sets import resolve_set
from medhash.core.own_code import MUTE, NO_RESULT, PACKAGES, Code
from medhash.core.params import Params, load_params
from medhash.core.params.section import Section
from medhash.training import training_code

RUNS = {
    "sample": ["itq", "osdh", "drn-ksh-18"],
    "histology": ["lsh", "dmih-attention"],
    "structured": ["fuzzhash", "indephash"],
}
"""Data set that is bundled → methods."""
BLIND = {"components.quality.gate:suite_of", "components.report.page:_FOLDER", "components.report.page:_STYLE"}
"""Cuts that lead to files, or to code by its name."""
CHOOSING = (
    "components.quality.gate:suite_of",
    "medhash.archives.reader_code:*",
    "medhash.archives.readers.layouts:reader_of",
    "medhash.core.fingerprint:*",
    "medhash.core.meaning:*",
    "medhash.core.own_code:*",
    "medhash.core.scopes:*",
    "medhash.core.source_modules:*",
    "medhash.hashing.catalogue:find_method",
    "medhash.hashing.method_code:*",
    "medhash.training.train:_require_known",
    "medhash.training.training_code:*",
)
"""What finds the variant that is meant, or says which code was used. What it finds is named in the plan."""
CHANGE_NOTHING = {
    # A training reads them to refuse misspelt names; what concerns its method is in the method's row.
    "train": {"methods", "quality.references", "train.overrides", "train.initial_weights", "promote.name"},
    "evaluate": {"promote.name"},  # where MLflow records
    "gate-features": {"methods"},  # each with what it reads
    "ingest": {"ingest.workers", "ingest.mixed.archives"},  # the latter's emptiness, under another source
}
"""Stage → settings that it reads and no result hangs on."""


OURS = tuple(f"{REPOSITORY / package}/" for package in PACKAGES)


class Calls:
    """The definitions of this project that are called, but for what runs as modules are imported."""

    def __init__(self) -> None:
        self.called: set[tuple[str, str]] = set()
        self._known: set[Any] = set()

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event != "call" or code in self._known:
            return
        if not (code.co_filename.startswith(OURS) and code.co_filename.endswith(".py")):
            self._known.add(code)
            return
        caller: FrameType | None = frame
        while caller is not None:
            if caller.f_code.co_name == "<module>" and caller.f_code.co_filename.startswith(OURS):
                return
            caller = caller.f_back
        self._known.add(code)
        module = Path(code.co_filename).relative_to(REPOSITORY).with_suffix("").as_posix().replace("/", ".")
        self.called.add((module.removesuffix(".__init__"), code.co_qualname.split(".")[0]))

    @contextmanager
    def listening(self) -> Iterator[None]:
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


def sections(model: type[Section], prefix: str = "") -> dict[type[Section], str]:
    """Class of a section → the dotted key it stands under."""
    found = {model: prefix}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            found |= sections(field.annotation, f"{prefix}{name}.")
    return found


@contextmanager
def settings_read() -> Iterator[set[str]]:
    """Dotted keys of the settings that are read, but for sections as such and what only their own checks read."""
    read: set[str] = set()
    keys = sections(Params)
    plain = Section.__getattribute__

    def reading(self: Section, name: str) -> Any:
        value = plain(self, name)
        checks = "/core/params/" in sys._getframe(1).f_code.co_filename
        if type(self) in keys and name in type(self).model_fields and not isinstance(value, Section) and not checks:
            read.add(keys[type(self)] + name)
        return value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Section, "__getattribute__", reading, raising=False)
        yield read


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize(("data_set", "methods"), RUNS.items())
def test_what_an_item_calls_and_reads_stands_in_its_plan(data_set, methods, tmp_path, monkeypatch):
    params = settled(tmp_path, data_set, methods)
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", "0" * 64)
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "false")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("medhash.hashing.shallow.ksh.N_ANCHORS", 30)  # of a training of a few epochs, the least
    code = Code(REPOSITORY, PACKAGES, (*NO_RESULT, *CUTS), MUTE)
    choices = {*training_code.CUTS, *reader_code.CUTS, *BLIND}
    beside = Code(REPOSITORY, PACKAGES, tuple(choices), MUTE).reached([*NO_RESULT, *(set(CUTS) - choices)])
    missed: dict[str, set[str]] = {}
    for item in in_order(list(items_of(params))):
        calls = Calls()
        with settings_read() as read, calls.listening():
            assert run(tmp_path, item.name) == 0, item.name
        assert calls.called, item.name
        reached = {(one.module, one.name) for one in (*code.reached(item.roots), *beside)}
        unplanned = {":".join(one) for one in calls.called - reached if one[1] != "<lambda>"}
        unplanned = {name for name in unplanned if not any(fnmatchcase(name, pattern) for pattern in CHOOSING)}
        unplanned |= {
            key
            for key in read - CHANGE_NOTHING.get(item.name.split("@")[0], set())
            if not any(key == planned or key.startswith(f"{planned}.") for planned in item.settings)
        }
        if unplanned:
            missed[item.name] = unplanned
    assert not missed, pformat(missed)


def settled(root: Path, data_set: str, methods: list[str]) -> Params:
    """params.yaml of a bundled sample in `root`, with trainings of two epochs and gates that pass what these learn."""
    document = resolve_set(REPOSITORY, REPOSITORY / "data" / "sets" / f"{data_set}.yaml", epochs=2)
    document |= {"methods": methods, "features": ["gist-512"], "evaluate": {"bootstrap_samples": 20}}
    document["ingest"]["archive"] = str(REPOSITORY / document["ingest"]["archive"])
    document["quality"] |= {"max_dead_bit_share": 1.0, "max_bit_imbalance": 0.5, "references": methods}
    (root / "data").mkdir()
    (root / "params.yaml").write_text(yaml.safe_dump(document))
    return load_params(root / "params.yaml")


def in_order(items: list[Any]) -> list[Any]:
    """Each stage's items, then its gate."""
    order = ("ingest", "split", "labels", "similarity", "features", "train", "encode", "index", "evaluate", "report")
    return sorted(
        items,
        key=lambda item: (order.index(item.name.removeprefix("gate-").split("@")[0]), item.name.startswith("gate-")),
    )


def run(root: Path, item: str) -> int:
    """What dvc.yaml's command of the item does, in this process."""
    stage, _, value = item.partition("@")
    arguments = ["--root", str(root)]
    if stage.startswith("gate-"):
        stage, arguments = "quality", [*arguments, stage.removeprefix("gate-")]
    elif value:
        arguments += ["--kind" if stage == "features" else "--method", value]
    return int(importlib.import_module(f"components.{stage}.__main__").main(arguments))
