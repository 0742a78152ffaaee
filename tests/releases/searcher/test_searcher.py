"""Readers go over to a new champion whole, between two answers, and never to a release that is not sound."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from releases.champion.registered import NAME, registry_of
from releases.searcher.asked import K, expected_answers
from releases.searcher.asking import ask_until

from medhash.releases.searcher.searcher import Searcher

TESTS = Path(__file__).parents[2]


def found(reply):
    return [(neighbour.id, neighbour.distance_bits) for neighbour in reply.neighbours]


def test_while_the_champion_changes_fifty_times_every_answer_is_wholly_one_release_s(store):
    expected, registry = expected_answers(store.root), registry_of(store)
    assert expected["1", "3.png"] != expected["2", "3.png"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
    others = [
        subprocess.Popen(
            [sys.executable, str(TESTS / "releases" / "searcher" / "asking.py"), str(store.root), "1"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]  # both fetch the champion at once: no copy is here yet
    stop, answered, wrong = threading.Event(), Counter[str](), list[str]()
    shared = Searcher(store, NAME)
    searchers = [shared, shared, Searcher(store, NAME)]
    threads = [
        threading.Thread(target=ask_until, args=(stop, searcher, store.root, expected, answered, wrong))
        for searcher in searchers
    ]
    for thread in threads:
        thread.start()
    while len(list(store.root.glob("asking-*"))) < 2 and all(other.poll() is None for other in others):
        time.sleep(0.1)
    versions = registry.version("1"), registry.version("2")
    for turn in range(50):
        registry.point("champion", versions[turn % 2])
        time.sleep(0.02)
    stop.set()
    (store.root / "stop").touch()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert answered.keys() == {"1", "2"}
    for other in others:
        out, err = other.communicate(timeout=60)
        assert other.returncode == 0, err
        heard = json.loads(out.splitlines()[-1])
        assert heard["wrong"] == []
        assert heard["answered"].keys() == {"1", "2"}


def test_a_reader_that_started_on_the_old_release_finishes_on_it_even_if_its_copy_goes(store):
    expected, registry = expected_answers(store.root), registry_of(store)
    searcher = Searcher(store, NAME)
    old = searcher.serving
    assert not searcher.refresh()
    registry.point("champion", registry.version("1"))
    assert searcher.refresh()
    shutil.rmtree(store.released)
    image = (store.root / "40.png").read_bytes()
    assert found(old.answer([image], K)) == expected["2", "40.png"]
    assert found(searcher.answer([store.root / "40.png"], K)) == expected["1", "40.png"]
    assert searcher.answer([store.root / "40.png"], 1).version == "1"


def test_a_new_champion_that_is_not_sound_does_not_answer_and_the_old_one_goes_on(store, two_versions_made, capsys):
    registry = registry_of(store)
    searcher = Searcher(store, NAME)
    digest = registry.version("1").tags["model_digest"]
    release = next(
        path.parent
        for path in (two_versions_made / "var" / "mlflow").rglob("release/release.json")
        if digest in path.read_text()
    )
    kept = (release / "labels.json").read_bytes()
    (release / "labels.json").unlink()
    try:
        registry.point("champion", registry.version("1"))
        assert not searcher.refresh()
        assert searcher.note.startswith("version 2 keeps answering: ")
        assert "labels.json does not exist" in searcher.note
        assert searcher.answer([store.root / "40.png"], K).version == "2"
        assert [path.name[0] for path in (store.released / NAME).iterdir() if path.is_dir()] == ["2"]
    finally:
        (release / "labels.json").write_bytes(kept)
    assert searcher.refresh()
    assert (searcher.serving.version, searcher.note) == ("1", "")


def test_while_mlflow_does_not_answer_the_old_release_goes_on(store, monkeypatch):
    searcher, registry = Searcher(store, NAME), registry_of(store)
    registry.point("champion", registry.version("1"))
    with monkeypatch.context() as patched:
        patched.setattr(searcher._registry.client, "get_registered_model", out_of_reach)
        assert not searcher.refresh()
        assert searcher.note.startswith("version 2 keeps answering: MLflow at sqlite")
        assert searcher.answer([store.root / "3.png"], 1).version == "2"
    assert searcher.refresh()
    assert (searcher.serving.version, searcher.note) == ("1", "")


def out_of_reach(name):
    import requests

    raise requests.ConnectionError("connection refused")


def test_without_a_champion_a_searcher_goes_on_and_says_so(store):
    searcher = Searcher(store, NAME)
    registry_of(store).client.delete_registered_model_alias(NAME, "champion")
    assert not searcher.refresh()
    assert "has no champion yet" in searcher.note
    assert searcher.answer([store.root / "3.png"], 1).version == "2"


def test_the_command_names_the_version_that_answered(store, capsys):
    from medhash.commands.query import main

    assert main([str(store.root / "3.png"), "--root", str(store.root), "--k", "1"]) == 0
    assert "answered by version 2: lsh, 32 bits" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["a byte", "a file", "all"])
def test_a_damaged_copy_is_fetched_anew(store, damage):
    copy = store.released / NAME
    Searcher(store, NAME)
    folder = next(path for path in copy.iterdir() if path.is_dir())
    if damage == "a byte":
        path = folder / "index" / "codes.faiss"
        path.write_bytes(path.read_bytes()[:-1] + b"\0")
    elif damage == "a file":
        (folder / "release.json").unlink()
    else:
        shutil.rmtree(folder)
    assert found(Searcher(store, NAME).answer([store.root / "3.png"], K)) == expected_answers(store.root)["2", "3.png"]
