"""The encode stage over a small workspace: which images, in which order, with which bits."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from builders import small_workspace

from components.encode.__main__ import main
from medhash.core.contracts import IMAGES, LABELS, codes_schema, read_table, write_table
from medhash.core.documents import ModelSpec, SubCode
from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.hashing.gist import gist
from medhash.hashing.model import load_model, save_model
from medhash.hashing.networks.build import build_network
from medhash.hashing.shallow.lsh import fit_lsh
from medhash.retrieval.encode import Encoded, KnownCode, encode_bags, write_codes

NETWORK = {"kind": "residual", "depth": 18, "width": "paper", "stem": "small"}


def save_untrained(workspace: Workspace, method: str) -> None:
    deep = method != "lsh"
    spec = ModelSpec(
        method=method,
        family="deep" if deep else "shallow",
        bits=16,
        input="pixels" if deep else "gist-512",
        coder="" if deep else "linear",
        size_px=32,
        network=NETWORK if deep else {},
        sub_codes=[SubCode(name="code", start=0, stop=16)],
        labels=["a"],
        settings={},
        data_digest="0" * 64,
        weights_sha256="",
    )
    torch.manual_seed(0)
    tensors = (
        build_network(NETWORK, 16).state_dict()
        if deep
        else fit_lsh(np.load(workspace.features("gist-512")), np.zeros((120, 1)), 16, 0)
    )
    save_model(workspace.model(method), spec, tensors)


def ids(encoded: Encoded) -> list[str]:
    return encoded.members.bag_ids.tolist()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = small_workspace(tmp_path, n_patients=10)
    (tmp_path / "params.yaml").write_text("methods: [drh-18]\ntrain: {threads: 1}\n")
    workspace.features("gist-512").parent.mkdir(parents=True)
    np.save(workspace.features("gist-512"), gist(np.load(workspace.pixels)))
    return workspace


@pytest.mark.parametrize("method", ["drh-18", "lsh"])
def test_the_table_holds_one_code_per_image_with_the_model_it_came_from(workspace: Workspace, method: str) -> None:
    save_untrained(workspace, method)
    assert main(["--root", str(workspace.root), "--method", method, "--device", "cpu"]) == 0
    table = read_table(workspace.codes(method), codes_schema(16))
    labels = read_table(workspace.labels, LABELS)
    assert table["bag_id"].to_pylist() == sorted(labels["bag_id"].to_pylist())
    assert table["fold"].to_pylist() == labels["fold"].to_pylist()
    model = load_model(workspace.model(method))
    assert json.loads(table.schema.metadata[b"medhash"]) == {
        "method": method,
        "bits": 16,
        "model_digest": model.digest,
        "sub_codes": [{"name": "code", "start": 0, "stop": 16}],
    }
    signs = model.relaxed_pixels(np.load(workspace.pixels)) >= 0
    assert [list(map(int, f"{int.from_bytes(code):016b}")) for code in table["code"].to_pylist()] == signs.tolist()


def test_codes_follow_the_bag_ids_whatever_the_order_of_tables_and_pixels(workspace: Workspace) -> None:
    save_untrained(workspace, "drh-18")
    model = load_model(workspace.model("drh-18"))
    before = encode_bags(workspace, model)
    order = np.random.default_rng(0).permutation(40)
    pixels = np.load(workspace.pixels)
    np.save(workspace.pixels, pixels[order])  # image i now stands in row inverse[i]
    inverse = np.argsort(order)
    images = read_table(workspace.images, IMAGES)
    images = images.set_column(images.schema.get_field_index("pixel_row"), "pixel_row", pa.array(inverse))
    write_table(workspace.images, images.take(order[::-1].copy()), IMAGES)
    write_table(workspace.labels, read_table(workspace.labels, LABELS).take(order), LABELS)
    after = encode_bags(workspace, model, batch_size=7)
    assert ids(after) == ids(before)
    assert after.folds == before.folds
    assert np.array_equal(after.codes, before.codes)


def test_images_without_pixels_or_without_labels_have_no_code(workspace: Workspace) -> None:
    save_untrained(workspace, "drh-18")
    model = load_model(workspace.model("drh-18"))
    before = encode_bags(workspace, model)
    images = read_table(workspace.images, IMAGES)
    rows = [None if row == 3 else row for row in range(40)]
    write_table(
        workspace.images,
        images.set_column(images.schema.get_field_index("pixel_row"), "pixel_row", pa.array(rows, pa.int64())),
        IMAGES,
    )
    write_table(workspace.labels, read_table(workspace.labels, LABELS).slice(1), LABELS)
    fewer = encode_bags(workspace, model)
    assert ids(fewer) == [bag_id for number, bag_id in enumerate(ids(before)) if number not in (0, 3)]
    assert np.array_equal(fewer.codes, np.delete(before.codes, [0, 3], axis=0))


def test_running_twice_gives_equal_bytes(workspace: Workspace) -> None:
    save_untrained(workspace, "drh-18")
    written = []
    for _ in range(2):
        assert main(["--root", str(workspace.root), "--method", "drh-18"]) == 0
        written.append(workspace.codes("drh-18").read_bytes())
    assert written[0] == written[1]


def test_a_data_set_without_pixels_is_refused(workspace: Workspace) -> None:
    save_untrained(workspace, "drh-18")
    images = read_table(workspace.images, IMAGES)
    write_table(
        workspace.images,
        images.set_column(images.schema.get_field_index("pixel_row"), "pixel_row", pa.nulls(40, pa.int64())),
        IMAGES,
    )
    with pytest.raises(MedhashError, match="no labelled image has pixels"):
        encode_bags(workspace, load_model(workspace.model("drh-18")))


@pytest.mark.parametrize("method", ["drh-18", "lsh"])
def test_a_store_that_does_not_fit_the_table_is_named(workspace: Workspace, method: str) -> None:
    save_untrained(workspace, method)
    path = workspace.features("gist-512") if method == "lsh" else workspace.pixels
    model = load_model(workspace.model(method))
    np.save(path, np.load(path)[:-1])
    with pytest.raises(MedhashError, match=r"has 39 rows, but images\.parquet points to row 39"):
        encode_bags(workspace, model)
    path.unlink()
    with pytest.raises(MedhashError, match=f"{path.name} does not exist"):
        encode_bags(workspace, model)


def test_a_method_without_a_model_or_with_anothers_is_an_error_of_one_message(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--root", str(workspace.root), "--method", "osdh"]) == 1
    assert "osdh/model.json does not exist" in capsys.readouterr().err
    save_untrained(workspace, "drh-18")
    workspace.model("drh-18").rename(workspace.model("osdh"))
    assert main(["--root", str(workspace.root), "--method", "osdh"]) == 1
    assert "holds a model of drh-18" in capsys.readouterr().err


def test_images_whose_codes_are_known_are_not_encoded_again(workspace: Workspace) -> None:
    save_untrained(workspace, "drh-18")
    model = load_model(workspace.model("drh-18"))
    before = encode_bags(workspace, model)
    kept = np.frombuffer(b"\xa5\x5a", np.uint8)  # a code that shows where it was taken from
    known = {bag_id: KnownCode(kept.tobytes()) for bag_id in ids(before)[::3]}
    again = encode_bags(workspace, model, known=known | {"of an image that is gone": KnownCode(b"\0\0")})
    assert (ids(again), again.folds) == (ids(before), before.folds)
    expected = before.codes.copy()
    expected[::3] = kept
    assert np.array_equal(again.codes, expected)
    every = dict.fromkeys(ids(before), KnownCode(b"\xa5\x5a"))
    assert np.array_equal(encode_bags(workspace, model, known=every).codes, np.tile(kept, (40, 1)))
    # A code that came without those of the single images does not do where they are asked for.
    assert np.array_equal(encode_bags(workspace, model, known=every, instances=True).codes, before.codes)


@pytest.fixture
def bags(workspace: Workspace) -> Workspace:
    """The same images in bags of 1, 3, 1, 3 …: patients of four images each; the image of row 5 has no pixels."""
    images = read_table(workspace.images, IMAGES)
    names = [f"{row // 4 * 2 + (row % 4 > 0):016x}" for row in range(40)]
    rows = [None if row == 5 else row for row in range(40)]
    for name, values in (("bag_id", pa.array(names)), ("pixel_row", pa.array(rows, pa.int64()))):
        images = images.set_column(images.schema.get_field_index(name), name, values)
    write_table(workspace.images, images, IMAGES)
    labels = read_table(workspace.labels, LABELS)
    kept = labels.take([row for row in range(40) if row % 4 < 2])
    write_table(workspace.labels, kept.set_column(0, "bag_id", pa.array(sorted(set(names)))), LABELS)
    return workspace


@pytest.mark.parametrize("method", ["drh-18", "lsh"])
@pytest.mark.parametrize("batch_size", [1, 7, 256])
def test_a_bag_has_one_code_and_each_of_its_images_one_of_its_own(
    bags: Workspace, method: str, batch_size: int
) -> None:
    save_untrained(bags, method)
    model = load_model(bags.model(method))
    encoded = encode_bags(bags, model, instances=True, batch_size=batch_size)
    assert encoded.members.sizes.tolist() == [1, 3] + [1, 2] + [1, 3] * 8
    assert encoded.members.rows.tolist() == [row for row in range(40) if row != 5]
    single = np.packbits(model.relaxed_pixels(np.load(bags.pixels)) >= 0, axis=1)
    assert np.array_equal(encoded.instances, np.delete(single, 5, axis=0))
    votes = np.unpackbits(single[[1, 2, 3]], axis=1).sum(axis=0) >= 2
    assert np.array_equal(np.unpackbits(encoded.codes[1]), votes)
    assert np.array_equal(encoded.codes[::2], single[::4])


def test_the_codes_of_single_images_stand_in_the_table_only_where_they_are_asked_for(bags: Workspace) -> None:
    save_untrained(bags, "drh-18")
    assert main(["--root", str(bags.root), "--method", "drh-18"]) == 0
    assert read_table(bags.codes("drh-18"), codes_schema(16))["instances"].null_count == 20
    (bags.root / "params.yaml").write_text("methods: [drh-18]\ntrain: {threads: 1}\nencode: {instances: true}\n")
    assert main(["--root", str(bags.root), "--method", "drh-18"]) == 0
    table, model = read_table(bags.codes("drh-18"), codes_schema(16)), load_model(bags.model("drh-18"))
    encoded = encode_bags(bags, model, instances=True)
    assert encoded.instances is not None
    kept = [one for row in table["instances"].to_pylist() for one in row]
    assert [one["image_id"] for one in kept] == encoded.members.image_ids.tolist()
    assert b"".join(one["code"] for one in kept) == encoded.instances.tobytes()
    known = {
        row["bag_id"]: KnownCode(row["code"], [one["code"] for one in row["instances"]]) for row in table.to_pylist()
    }
    again = bags.root / "again.parquet"
    write_codes(again, model, encode_bags(bags, model, instances=True, known=known))
    assert again.read_bytes() == bags.codes("drh-18").read_bytes()
