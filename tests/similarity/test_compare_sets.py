"""Similarity of label sets against set arithmetic."""

import random

import pyarrow as pa
from builders import small_workspace

from components.similarity.__main__ import main
from components.similarity.similarity import compare_sets
from medhash.core.contracts import LABEL_SETS, SIMILARITY, read_table


def table(sets: list[list[int]]) -> pa.Table:
    return pa.table({"set_id": range(len(sets)), "labels": sets, "n_bags": [1] * len(sets)}).cast(LABEL_SETS)


def test_levels_and_jaccard_are_those_of_the_sets_for_every_ordered_pair():
    chance = random.Random(0)
    sets = [[], *(sorted(chance.sample(range(200), chance.randint(1, 30))) for _ in range(25))]
    rows = compare_sets(table(sets)).to_pylist()
    assert [(row["set_a"], row["set_b"]) for row in rows] == [(a, b) for a in range(26) for b in range(26)]
    for row in rows:
        first, second = set(sets[row["set_a"]]), set(sets[row["set_b"]])
        assert row["level"] == len(first & second)
        assert row["jaccard"] == (len(first & second) / len(first | second) if first | second else 0)


def test_two_images_without_a_label_are_not_alike():
    assert compare_sets(table([[]])).to_pylist() == [{"set_a": 0, "set_b": 0, "level": 0, "jaccard": 0.0}]


def test_the_command_writes_what_the_small_workspace_has_and_the_same_bytes_again(tmp_path, capsys):
    workspace = small_workspace(tmp_path, size_px=16)
    expected = read_table(workspace.similarity, SIMILARITY)
    assert main(["--root", str(tmp_path)]) == 0
    first = workspace.similarity.read_bytes()
    assert read_table(workspace.similarity, SIMILARITY).equals(expected)
    assert main(["--root", str(tmp_path)]) == 0
    assert workspace.similarity.read_bytes() == first
    assert "16 ordered pairs" in capsys.readouterr().out
