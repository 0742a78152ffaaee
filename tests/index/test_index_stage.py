"""The stage index on a small workspace: what it writes, reads back and refuses."""

import json

import faiss
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from builders import small_workspace, write_codes

from components.index.__main__ import main
from medhash.core.contracts import LABELS, read_table
from medhash.core.errors import MedhashError
from medhash.core.files import sha256_file
from medhash.retrieval.code_table import place_codes, read_codes
from medhash.retrieval.index import load_index, require_built_from, search


@pytest.fixture
def workspace(tmp_path):
    made = small_workspace(tmp_path)
    write_codes(made, "lsh", np.random.default_rng(0).integers(0, 256, (120, 4), np.uint8), "a" * 64)
    return made


def build(workspace):
    return main(["--root", str(workspace.root), "--method", "lsh"])


def test_the_index_holds_the_gallery_and_each_entry_finds_itself(workspace):
    assert build(workspace) == 0
    index = load_index(workspace.index("lsh"))
    table = read_codes(workspace.codes("lsh"))
    gallery = table.filter(pc.is_in(table["fold"], pc.cast(["train", "val"], "string")))
    assert index.info.n == gallery.num_rows == 96
    assert index.info.model_digest == "a" * 64
    assert index.info.codes_sha256 == sha256_file(workspace.codes("lsh"))
    for bag_id, code in zip(gallery["bag_id"].to_pylist(), gallery["code"].to_pylist(), strict=True):
        nearest = search(index, np.frombuffer(code, np.uint8), 1)[0]
        assert (nearest.bag_id, nearest.distance) == (bag_id, 0)


def test_building_again_gives_the_same_bytes(workspace):
    build(workspace)
    first = {path.name: path.read_bytes() for path in workspace.index("lsh").iterdir()}
    build(workspace)
    assert {path.name: path.read_bytes() for path in workspace.index("lsh").iterdir()} == first
    assert set(first) == {"codes.faiss", "entries.parquet", "index.json"}


def test_a_labelled_image_without_a_code_is_not_indexed(workspace):
    pq.write_table(pq.read_table(workspace.codes("lsh")).slice(10), workspace.codes("lsh"))
    build(workspace)
    assert load_index(workspace.index("lsh")).info.n == 86


def spoil_labels(workspace):
    pq.write_table(pq.read_table(workspace.labels).slice(2), workspace.labels)


def spoil_fold(workspace):
    table = pq.read_table(workspace.codes("lsh"))
    folds = table["fold"].to_pylist()
    pq.write_table(table.set_column(1, "fold", [["val", *folds[1:]]]), workspace.codes("lsh"))


def spoil_metadata(workspace):
    table = pq.read_table(workspace.codes("lsh"))
    pq.write_table(table.replace_schema_metadata(None), workspace.codes("lsh"))


def spoil_metadata_key(workspace):
    table = pq.read_table(workspace.codes("lsh"))
    pq.write_table(table.replace_schema_metadata({"medhash": json.dumps({"method": "lsh"})}), workspace.codes("lsh"))


def spoil_file(workspace):
    workspace.codes("lsh").write_bytes(b"not parquet")


def spoil_absent(workspace):
    workspace.codes("lsh").unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_labels, "bag 0000000000000000 has a code but no label set (2 such bags)"),
        (spoil_fold, "bag 0000000000000000 is in another fold"),
        (spoil_metadata, "schema metadata has no key medhash"),
        (spoil_metadata_key, "schema metadata: bits: Field required"),
        (spoil_file, "lsh.parquet is not a readable Parquet file"),
        (spoil_absent, "lsh.parquet does not exist"),
    ],
)
def test_a_code_table_that_does_not_fit_is_refused_and_the_old_index_stays(workspace, capsys, spoil, message):
    build(workspace)
    before = (workspace.index("lsh") / "index.json").read_bytes()
    spoil(workspace)
    assert build(workspace) == 1
    assert message in capsys.readouterr().err
    assert (workspace.index("lsh") / "index.json").read_bytes() == before


def test_a_code_table_of_another_width_than_the_index_is_refused_naming_both_files(workspace):
    build(workspace)
    write_codes(workspace, "lsh", np.zeros((120, 8), np.uint8))
    path, folder = workspace.codes("lsh"), workspace.index("lsh")
    with pytest.raises(MedhashError, match=r"codes\.faiss holds codes of 32 bits, .*lsh\.parquet of 64"):
        require_built_from(load_index(folder), folder, path, read_codes(path))


def test_an_index_of_an_older_code_table_is_refused_naming_both_files(workspace):
    build(workspace)
    write_codes(workspace, "lsh", np.zeros((120, 4), np.uint8))
    path, folder = workspace.codes("lsh"), workspace.index("lsh")
    with pytest.raises(MedhashError, match=r"codes\.faiss was built from another version of .*lsh\.parquet"):
        require_built_from(load_index(folder), folder, path, read_codes(path))


@pytest.mark.parametrize(
    ("n", "bits", "message"),
    [
        (95, 32, r"codes\.faiss holds 95 codes, .* 96 rows"),
        (96, 64, r"codes\.faiss holds codes of 64 bits, .* says 32"),
    ],
)
def test_an_index_file_of_another_size_or_width_than_its_tables_is_refused(workspace, n, bits, message):
    build(workspace)
    other = faiss.IndexBinaryFlat(bits)
    other.add(np.zeros((n, bits // 8), np.uint8))
    faiss.write_index_binary(other, str(workspace.index("lsh") / "codes.faiss"))
    with pytest.raises(MedhashError, match=message):
        load_index(workspace.index("lsh"))


def test_a_cut_off_index_file_is_refused(workspace):
    build(workspace)
    path = workspace.index("lsh") / "codes.faiss"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(MedhashError, match=r"codes\.faiss is not a readable FAISS index"):
        load_index(workspace.index("lsh"))


def test_codes_are_placed_in_bag_id_order_whatever_the_order_of_the_tables(workspace):
    codes, labels = read_codes(workspace.codes("lsh")), read_table(workspace.labels, LABELS)
    order = np.random.default_rng(0).permutation(120)
    straight, shuffled = place_codes(codes, labels), place_codes(codes.take(order), labels.take(np.roll(order, 7)))
    for name, values in vars(straight).items():
        assert (vars(shuffled)[name] == values).all(), name
    assert (np.diff([int(bag_id, 16) for bag_id in straight.bag_ids]) > 0).all()
