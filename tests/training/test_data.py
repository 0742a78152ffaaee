import numpy as np
import pyarrow as pa
import pytest
from bag_builders import bag_workspace
from builders import LABELS_OF_SETS, small_workspace

from medhash.core.contracts import IMAGES, LABELS, read_table, write_table
from medhash.core.errors import MedhashError
from medhash.training.data import open_features, open_pixels, read_data


def test_folds_hold_each_image_once_with_its_labels_and_its_patient(tmp_path):
    workspace = small_workspace(tmp_path)
    data = read_data(workspace)
    everything = data.folds["train"].join(data.folds["val"]).join(data.folds["test"])
    order = np.argsort(everything.rows)
    assert everything.rows[order].tolist() == list(range(120))
    assert everything.bag_ids[order].tolist() == [f"{number:016x}" for number in range(120)]
    assert [np.flatnonzero(labels).tolist() for labels in everything.labels[order][:4]] == LABELS_OF_SETS
    assert len(set(data.folds["train"].patients) & set(data.folds["val"].patients)) == 0
    assert np.bincount(everything.patients).tolist() == [4] * 30
    assert data.levels.tolist() == [[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 0], [1, 1, 0, 2]]


def test_bags_hold_their_images_in_order_and_folds_take_join_and_fall_apart_into_images(tmp_path):
    workspace = bag_workspace(tmp_path)
    fold = read_data(workspace).folds["train"]
    images = read_table(workspace.images, IMAGES).to_pylist()
    for bag, bag_id in enumerate(fold.bag_ids):
        own = sorted((image["image_id"], image["pixel_row"]) for image in images if image["bag_id"] == bag_id)
        assert fold.rows[fold.starts[bag] : fold.starts[bag + 1]].tolist() == [row for _, row in own]
    assert set(np.diff(fold.starts)) == {1, 2}
    chosen = np.array([7, 0, 1, 7])
    taken = fold.take(chosen)
    assert taken.bag_ids.tolist() == fold.bag_ids[chosen].tolist()
    assert taken.rows.tolist() == [row for bag in chosen for row in fold.rows[fold.starts[bag] : fold.starts[bag + 1]]]
    joined = taken.join(fold)
    assert joined.take(np.arange(4)).rows.tolist() == taken.rows.tolist()
    assert joined.take(np.arange(4, 4 + len(fold))).rows.tolist() == fold.rows.tolist()
    each = taken.instances()
    assert each.rows is taken.rows
    assert np.array_equal(each.starts, np.arange(len(each.rows) + 1))
    place = {bag_id: bag for bag, bag_id in enumerate(fold.bag_ids)}
    for row, bag_id, labels, patient in zip(each.rows, each.bag_ids, each.labels, each.patients, strict=True):
        assert images[row]["bag_id"] == bag_id
        assert np.array_equal(labels, fold.labels[place[bag_id]])
        assert patient == fold.patients[place[bag_id]]


def without_pixels(workspace, bag_id, how_many):
    """Take the pixels from that many images of the bag."""
    images = read_table(workspace.images, IMAGES)
    gone = [row for row, own in enumerate(images["bag_id"].to_pylist()) if own == bag_id][:how_many]
    rows = [None if row in gone else place for row, place in enumerate(images["pixel_row"].to_pylist())]
    write_table(
        workspace.images,
        images.set_column(images.column_names.index("pixel_row"), "pixel_row", pa.array(rows, pa.int64())),
        IMAGES,
    )
    return gone


def test_a_bag_some_of_whose_images_have_no_pixels_uses_the_others_and_one_without_any_is_named(tmp_path):
    workspace = bag_workspace(tmp_path)
    bag_id = f"{9:016x}"
    without_pixels(workspace, bag_id, 1)
    fold = read_data(workspace).folds["train"]
    bag = fold.bag_ids.tolist().index(bag_id)
    assert fold.rows[fold.starts[bag] : fold.starts[bag + 1]].tolist() == [13]
    without_pixels(workspace, bag_id, 2)
    with pytest.raises(MedhashError, match=f"bag {bag_id} has no image with pixels"):
        read_data(workspace)


def test_an_image_whose_pixels_are_not_ingested_is_named(tmp_path):
    workspace = small_workspace(tmp_path)
    images = read_table(workspace.images, IMAGES)
    rows = pa.array([None if row == 5 else row for row in range(120)], pa.int64())
    write_table(workspace.images, images.set_column(images.column_names.index("pixel_row"), "pixel_row", rows), IMAGES)
    with pytest.raises(MedhashError, match="bag 0000000000000005 has no image with pixels"):
        read_data(workspace)


@pytest.mark.parametrize("gone", ["train", "val"])
def test_an_empty_train_fold_is_an_error_that_says_so_and_an_empty_val_fold_is_empty(tmp_path, gone):
    workspace = small_workspace(tmp_path)
    labels = read_table(workspace.labels, LABELS)
    folds = ["test" if fold == gone else fold for fold in labels["fold"].to_pylist()]
    write_table(workspace.labels, labels.set_column(2, "fold", pa.array(folds)), LABELS)
    if gone == "val":
        assert len(read_data(workspace).folds["val"]) == 0
        return
    with pytest.raises(MedhashError, match="fold train has no bag"):
        read_data(workspace)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: np.save(path, np.zeros((4, 1, 16, 16), np.uint8)), "not uint8"),
        (lambda path: path.write_bytes(path.read_bytes()[:500]), "not a whole NumPy array"),
        (lambda path: path.unlink(), "does not exist"),
        (lambda path: np.save(path, np.array([{}], dtype=object), allow_pickle=True), "not a whole NumPy array"),
    ],
)
def test_a_pixel_store_that_does_not_fit_is_refused(tmp_path, damage, message):
    workspace = small_workspace(tmp_path)
    damage(workspace.pixels)
    with pytest.raises(MedhashError, match=message):
        open_pixels(workspace, 32)


def test_gist_of_another_width_is_refused(tmp_path):
    workspace = small_workspace(tmp_path)
    workspace.features("gist-512").parent.mkdir(parents=True)
    np.save(workspace.features("gist-512"), np.zeros((120, 511), np.float32))
    with pytest.raises(MedhashError, match="511"):
        open_features(workspace, "gist-512")
