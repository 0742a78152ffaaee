"""A release folder holds everything it says, and nothing else; what does not fit is refused by name."""

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from releases.champion.registered import random_model, workspace_with_store

from medhash.core.contracts import IMAGES, RELEASED, SPLIT, read_table, write_table
from medhash.core.errors import MedhashError
from medhash.core.params import load_params
from medhash.releases.assemble import build_release, digests
from medhash.releases.release import LabelSets, Release, check_release
from medhash.releases.searcher.loaded import LoadedRelease


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A workspace with lsh, and its release in the folder `release`."""
    workspace = workspace_with_store(tmp_path_factory.mktemp("release"))
    random_model(workspace, seed=1)
    build_release(workspace, load_params(workspace.root / "params.yaml"), "lsh", workspace.root / "release")
    return workspace


@pytest.fixture
def release(made, tmp_path):
    """A copy of the release, for a test to change."""
    return Path(shutil.copytree(made.root / "release", tmp_path / "release"))


def change(folder, **changed):
    document = json.loads((folder / "release.json").read_text())
    (folder / "release.json").write_text(json.dumps({**document, **changed}))


def reseal(folder):
    """As somebody would who changed a part and its digest."""
    change(folder, files=digests(folder))


def test_every_file_is_under_a_digest_and_the_settings_hold_every_default(made):
    folder = made.root / "release"
    document = json.loads((folder / "release.json").read_text())
    on_disk = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "release.json"
    }
    assert document["files"] == on_disk
    assert {
        "codes.parquet",
        "images.parquet",
        "labels.json",
        "metrics.json",
        "params.yaml",
        "index/codes.faiss",
        "index/entries.parquet",
        "model/model.json",
        "model/weights.safetensors",
    } <= on_disk.keys()
    assert document["format"] == 3
    assert document["preprocessing"] == {
        "size_px": 32,
        "max_image_pixels": 64_000_000,
        "channels": 1,
        "grid": 0,
        "stain": "none",
        "prepared": "",
        "decoder": document["preprocessing"]["decoder"],
    }
    assert load_params(folder / "params.yaml") == load_params(made.root / "params.yaml")
    assert yaml.safe_load((folder / "params.yaml").read_text())["promote"]["max_p95_ms"] == 200.0


def test_it_names_the_images_it_was_made_from_gallery_and_queries(made):
    columns = ["image_id", "bag_id", "patient_id", "sha256", "fold"]
    rows = read_table(made.root / "release" / "images.parquet", RELEASED).select(columns).to_pylist()
    folds = {row["image_id"]: row["fold"] for row in read_table(made.split, SPLIT).to_pylist()}
    expected = [
        {
            "image_id": row["image_id"],
            "bag_id": row["bag_id"],
            "patient_id": row["patient_id"],
            "sha256": row["sha256"],
            "fold": folds[row["image_id"]],
        }
        for row in read_table(made.images, IMAGES).to_pylist()
    ]
    assert rows == expected


def test_two_releases_of_the_same_parts_are_the_same_bytes(made, tmp_path):
    build_release(made, load_params(made.root / "params.yaml"), "lsh", tmp_path / "again")
    assert (tmp_path / "again" / "release.json").read_bytes() == (made.root / "release" / "release.json").read_bytes()


def an_old_format(folder):
    document = json.loads((folder / "release.json").read_text())
    del document["format"], document["files"], document["preprocessing"]
    (folder / "release.json").write_text(json.dumps(document))


def a_coming_format(folder):
    change(folder, format=4)


def half_a_file(folder):
    (folder / "release.json").write_text('{"format": 3')


def a_stranger(folder):
    (folder / "index" / "notes.txt").write_text("a note")


def other_settings(folder):
    (folder / "params.yaml").write_text("seed: 8\nmethods: [lsh]\n")


def no_images(folder):
    (folder / "images.parquet").unlink()


def another_patient(folder):
    table = read_table(folder / "images.parquet", RELEASED)
    patients = ["f" * 16, *table["patient_id"].to_pylist()[1:]]
    write_table(folder / "images.parquet", table.set_column(2, "patient_id", [patients]), RELEASED)
    reseal(folder)


def fewer_images(folder):
    write_table(folder / "images.parquet", read_table(folder / "images.parquet", RELEASED).slice(1), RELEASED)
    reseal(folder)


def another_size(folder):
    document = json.loads((folder / "release.json").read_text())
    change(folder, preprocessing={**document["preprocessing"], "size_px": 64})


def another_model(folder):
    change(folder, model_digest="0" * 64)


def fewer_label_sets(folder):
    (folder / "labels.json").write_text('{"sets": [["Effusion"]]}')
    reseal(folder)


def attributes_of_another_set(folder):
    labels = LabelSets.read(folder / "labels.json")
    assert labels.attributes == []  # these labels are no combinations
    labels.model_copy(update={"attributes": [{"organ": ["chest"]}]}).write(folder / "labels.json")
    reseal(folder)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (an_old_format, "describes a release of format 1"),
        (a_coming_format, "describes a release of format 4"),
        (half_a_file, "is not JSON"),
        (a_stranger, r"notes.txt is not a part of the release"),
        (other_settings, r"params.yaml is not the file"),
        (no_images, r"images.parquet does not exist"),
        (another_patient, "gives bags of the index another patient"),
        (fewer_images, "other bags or folds"),
        (another_size, "preprocessing differs"),
        (another_model, "model_digest differs"),
        (fewer_label_sets, "labels.json has 1 label sets"),
        (attributes_of_another_set, "labels.json has 4 label sets, but the attributes of 1"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(release, spoil, named):
    check_release(release)
    spoil(release)
    with pytest.raises(MedhashError, match=named):
        check_release(release)


def test_an_old_format_says_how_to_replace_it(release):
    an_old_format(release)
    with pytest.raises(MedhashError) as refused:
        check_release(release)
    assert "medhash promote --force" in refused.value.fix


def test_a_query_gets_the_release_s_preprocessing_whatever_the_settings_here(release):
    image = cv2.imencode(".png", np.zeros((10, 10), np.uint8))[1].tobytes()
    assert LoadedRelease(release).answer([image], 1).neighbours
    document = json.loads((release / "release.json").read_text())
    change(release, preprocessing={**document["preprocessing"], "max_image_pixels": 99})
    with pytest.raises(MedhashError, match="too_large"):
        LoadedRelease(release).answer([image], 1)
    change(release, preprocessing={**document["preprocessing"], "decoder": "1 opencv 4"})
    with pytest.raises(MedhashError, match="was made with decoder 1 opencv 4"):
        LoadedRelease(release)
    change(release, preprocessing={**document["preprocessing"], "prepared": "0 rgb"})
    with pytest.raises(MedhashError, match=r"was made with decoder 2 opencv .* 0 rgb, but this code decodes with"):
        LoadedRelease(release)
    change(release, preprocessing={**document["preprocessing"], "decoder": "2 opencv 99.9"})
    assert LoadedRelease(release).answer([image], 1).neighbours


def test_a_full_disk_while_building_leaves_nothing(made, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medhash.releases.assemble.write_table", full)
    with pytest.raises(OSError, match="No space left"):
        build_release(made, load_params(made.root / "params.yaml"), "lsh", tmp_path / "full" / "release")
    assert list((tmp_path / "full").iterdir()) == []


def test_tags_name_what_a_version_is(made):
    tags = Release.read(made.root / "release" / "release.json").tags()
    assert tags["format"] == "3"
    assert tags["params_digest"] == hashlib.sha256((made.root / "release" / "params.yaml").read_bytes()).hexdigest()
    assert "files" not in tags
    assert all(len(value) < 500 for value in tags.values())
