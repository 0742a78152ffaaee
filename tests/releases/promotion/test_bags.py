"""A release whose cases are bags: what it holds, what is compared with today, and how it loses one image of a bag."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import VOCABULARY, small_workspace
from releases.promotion.finished import after_training

from medhash.core.contracts import IMAGES, LABELS, RELEASED, read_table, write_table
from medhash.core.documents import ModelSpec, SubCode
from medhash.core.errors import MedhashError
from medhash.core.params import load_params
from medhash.core.workspace import Workspace
from medhash.hashing.model import save_model
from medhash.releases.assemble import build_release
from medhash.releases.drift.measure import measure_drift
from medhash.releases.drift.profile import read_profile
from medhash.releases.erasure.releases import scrub_release
from medhash.releases.erasure.traces import traces_in_release, traces_in_tables
from medhash.releases.promotion.challenger import write_codes_today
from medhash.releases.promotion.evidence import query_time
from medhash.releases.promotion.gallery_facts import gallery_facts
from medhash.releases.release import check_release
from medhash.releases.searcher.loaded import LoadedRelease
from medhash.retrieval.code_table import read_codes
from medhash.retrieval.features import compute_features
from medhash.retrieval.index import load_index


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Workspace:
    """Bags of 3 and 1 images in turn; lsh, and its release in the folder `release`."""
    workspace = small_workspace(tmp_path_factory.mktemp("bags"), images_per_bag=3)
    (workspace.root / "params.yaml").write_text(
        "bits: 32\nsize_px: 32\nmethods: [lsh]\nencode: {instances: true}\n"
        "evaluate: {bootstrap_samples: 20}\ndrift: {min_images: 2}\n"
    )
    compute_features(workspace, "gist-512", 1)
    spec = ModelSpec(
        method="lsh",
        family="shallow",
        bits=32,
        input="gist-512",
        coder="linear",
        size_px=32,
        network={},
        settings={},
        sub_codes=[SubCode(name="code", start=0, stop=32)],
        labels=VOCABULARY,
        data_digest="0" * 64,
        weights_sha256="",
    )
    random = np.random.default_rng(5)
    save_model(
        workspace.model("lsh"),
        spec,
        {"mean": np.full(512, 0.02, np.float32), "projection": random.normal(size=(512, 32)).astype(np.float32)},
    )
    params = load_params(workspace.root / "params.yaml")
    after_training(workspace, params, "lsh")
    build_release(workspace, params, "lsh", workspace.root / "release")
    return workspace


@pytest.fixture
def workspace(made, tmp_path) -> Workspace:
    """A copy to change."""
    return Workspace(shutil.copytree(made.root, tmp_path / "run"))


def test_a_release_holds_every_image_under_its_bag_and_is_today_s_gallery(made):
    images = read_table(made.root / "release" / "images.parquet", RELEASED)
    assert images.num_rows == 120
    assert len(images["bag_id"].unique()) == read_codes(made.codes("lsh")).num_rows == 60
    facts = gallery_facts(made, made.root / "release")
    assert (
        facts.n_gallery,
        facts.n_missing,
        facts.n_foreign,
        facts.n_other_patient,
        facts.n_other_labels,
        facts.n_other_code,
        facts.n_bits_differing,
    ) == (48, 0, 0, 0, 0, 0, 0)
    assert query_time(made, made.root / "release", 1).n_queries == 12


def test_the_images_of_a_gallery_bag_asked_in_any_order_find_it_at_no_distance(made):
    release = LoadedRelease(made.root / "release")
    files = [cv2.imencode(".png", pixels[0])[1].tobytes() for pixels in np.load(made.pixels)[:3]]
    for order in ([0, 1, 2], [2, 0, 1]):
        nearest = release.answer([files[place] for place in order], 1).neighbours[0]
        assert (nearest.id, nearest.distance_bits, nearest.n_images) == (f"{20_000:016x}", 0, 3)


def test_a_bag_with_another_image_or_file_than_at_the_release_is_encoded_anew(workspace, tmp_path):
    params, path = load_params(workspace.root / "params.yaml"), tmp_path / "today.parquet"
    assert write_codes_today(workspace, params, workspace.root / "release", path) == 0
    assert path.read_bytes() == workspace.codes("lsh").read_bytes()
    images = read_table(workspace.images, IMAGES)
    digests = images["sha256"].to_pylist()
    digests[5] = "f" * 64  # an image of the second patient's bag of three
    images = images.set_column(images.schema.get_field_index("sha256"), "sha256", [digests])
    write_table(workspace.images, images.filter([row != 0 for row in range(120)]), IMAGES)
    assert write_codes_today(workspace, params, workspace.root / "release", path) == 2


def test_a_bag_that_loses_an_image_leaves_the_release_whole_as_its_code_was_made_of_it(made, tmp_path):
    images = read_table(made.root / "release" / "images.parquet", RELEASED).to_pylist()
    bag = next(row["bag_id"] for row in images if row["fold"] == "train")
    members = [row["image_id"] for row in images if row["bag_id"] == bag]
    assert len(members) == 3
    scrub_release(made.root / "release", [members[1]], tmp_path / "without")
    check_release(tmp_path / "without")
    left = read_table(tmp_path / "without" / "images.parquet", RELEASED)
    assert left.num_rows == 117
    assert bag not in {
        *left["bag_id"].to_pylist(),
        *load_index(tmp_path / "without" / "index").bag_ids.to_pylist(),
        *read_codes(tmp_path / "without" / "codes.parquet")["bag_id"].to_pylist(),
    }


def test_a_patient_s_traces_are_images_and_bags(made):
    row = read_table(made.images, IMAGES).to_pylist()[0]
    for traces in (
        traces_in_tables(made, row["patient_id"]),
        traces_in_release(made.root / "release", row["patient_id"]),
    ):
        assert (len(traces.image_ids), len(traces.bag_ids)) == (4, 2)
        assert row["bag_id"].encode() in traces.patterns()


def test_drift_measures_new_bags_with_all_their_images(workspace):
    released = workspace.root / "release" / "images.parquet"
    images = read_table(released, RELEASED)
    known = [number % 4 != 1 for number in range(120)]  # one image of every bag of three came later
    write_table(released, images.filter(known), RELEASED)
    params, profile = load_params(workspace.root / "params.yaml"), read_profile(workspace.root / "release")
    assert profile is not None
    report = measure_drift(workspace, params, "1", workspace.root / "release", profile, "0" * 64)
    assert (report.n_images, report.n_patients) == (30, 30)
    distance = next(finding for finding in report.findings if finding.measure == "code distance")
    assert sum(distance.new) == pytest.approx(1)


@pytest.mark.parametrize(
    ("column", "values", "named"),
    [
        ("bag_id", lambda ids: ["f" * 16, *ids[1:]], "another patient, or lacks them|other bags or folds"),
        ("patient_id", lambda ids: ["f" * 16, *ids[1:]], "gives bags of the index another patient"),
    ],
)
def test_a_release_whose_images_do_not_make_its_bags_is_refused(workspace, column, values, named):
    from releases.promotion.test_release import reseal

    folder: Path = workspace.root / "release"
    images = read_table(folder / "images.parquet", RELEASED)
    place = images.schema.get_field_index(column)
    write_table(
        folder / "images.parquet", images.set_column(place, column, [values(images[column].to_pylist())]), RELEASED
    )
    reseal(folder)
    with pytest.raises(MedhashError, match=named):
        check_release(folder)


def test_labels_of_bags_that_left_are_no_loss_of_the_gallery(workspace):
    labels = read_table(workspace.labels, LABELS)
    write_table(workspace.labels, labels.slice(1), LABELS)
    facts = gallery_facts(workspace, workspace.root / "release")
    assert (facts.n_gallery, facts.n_missing, facts.n_foreign) == (47, 0, 1)
