"""The copies of releases on one machine: fetched once, whole or not at all, and not for ever."""

import os
import threading
import time

import pytest
from releases.champion.registered import NAME, registry_of

from medhash.core.errors import MedhashError
from medhash.releases.release import check_release
from medhash.releases.searcher.copies import copy_of

DAY = 24 * 3600


def copies(store):
    return sorted(path.name.split("-")[0] for path in (store.released / NAME).iterdir() if path.is_dir())


def test_many_who_ask_at_once_fetch_it_once(store, monkeypatch):
    registry = registry_of(store)
    fetches, original = [], type(registry).fetch

    def counted(self, *args, **kwargs):
        fetches.append(args)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(type(registry), "fetch", counted)
    folders = []
    threads = [
        threading.Thread(target=lambda: folders.append(copy_of(store, registry, registry.version("1"))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(folders)) == 1
    assert len(folders) == 8
    assert len(fetches) == 1
    check_release(folders[0])


def test_what_a_killed_fetch_left_is_removed_and_never_taken_for_a_release(store):
    registry = registry_of(store)
    folder = copy_of(store, registry, registry.version("1"))
    half = folder.with_name(f".{folder.name}.tmp")
    folder.rename(half)
    (half / "release.json").unlink()
    assert copy_of(store, registry, registry.version("1")) == folder
    check_release(folder)
    assert not half.exists()


def test_a_fetch_that_fails_leaves_no_copy(store, monkeypatch):
    registry = registry_of(store)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlflow.artifacts.download_artifacts", full)
    with pytest.raises(OSError, match="No space left"):
        copy_of(store, registry, registry.version("1"))
    assert list((store.released / NAME).iterdir()) == [store.released / NAME / ".lock"]


def test_copies_unused_for_a_day_go_when_another_is_fetched_but_not_those_in_use(store):
    registry = registry_of(store)
    client, first = registry.client, registry.version("1")
    for number in ("3", "4"):  # versions of the same release, for their number's sake
        client.create_model_version(
            NAME, source=first.source, model_id=first.model_id, run_id=first.run_id, tags=first.tags
        )
        copy_of(store, registry, registry.version(number))
    folder = copy_of(store, registry, first)  # champion is 2, previous 1
    for path in (store.released / NAME).iterdir():
        os.utime(path, (time.time() - 2 * DAY,) * 2)
    copy_of(store, registry, registry.version("4"))  # asked for again: young
    assert copies(store) == ["1", "3", "4"]
    copy_of(store, registry, registry.version("2"))
    assert copies(store) == ["1", "2", "4"]
    assert folder.exists()


def test_a_copy_of_a_deleted_version_goes_at_once(store):
    registry = registry_of(store)
    copy_of(store, registry, registry.version("1"))
    registry.client.delete_model_version(NAME, "1")
    copy_of(store, registry, registry.version("2"))
    assert copies(store) == ["2"]


def test_a_version_whose_release_was_replaced_is_another_copy(store):
    registry = registry_of(store)
    folder = copy_of(store, registry, registry.version("1"))
    registry.tag(registry.version("1"), {"index_digest": "0" * 64})
    with pytest.raises(MedhashError, match="another release than was registered"):
        copy_of(store, registry, registry.version("1"))
    assert folder.exists()
