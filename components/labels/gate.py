"""Expectations of the label tables: known labels only, canonical sets, enough patients of each label in each fold."""

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd

from components.labels.folds_gate import inspect_folds
from components.quality.inspection import Inspection
from medhash.core.contracts import FOLDS, IMAGES, LABEL_SETS, LABELS, read_table
from medhash.core.documents import Vocabulary
from medhash.core.params import Params
from medhash.core.vocabulary import NO_FINDING
from medhash.core.workspace import Workspace


def inspect(workspace: Workspace, params: Params) -> list[Inspection]:
    """Vocabulary, label sets, labelled images, patients of each label per fold, and the share without a label."""
    placed, label_sets = read_table(workspace.labels, LABELS), read_table(workspace.label_sets, LABEL_SETS)
    labels = placed.to_pandas()
    sets: list[list[int]] = label_sets["labels"].to_pylist()
    stored_counts = label_sets["n_bags"].to_pylist()
    vocabulary = Vocabulary.read(workspace.vocabulary)
    limits = params.quality
    n_in_set = labels["set_id"].value_counts()
    known = labels[labels["set_id"].isin(range(len(sets)))]
    empty = known["set_id"].map(lambda set_id: not sets[set_id])
    return [
        Inspection(
            "vocabulary",
            pd.DataFrame({"row": vocabulary.labels, "label": vocabulary.labels}),
            {
                **(
                    {
                        "every label is a class of params.yaml or No Finding": gxe.ExpectColumnValuesToBeInSet(
                            column="label", value_set=[*params.labels.classes, NO_FINDING]
                        )
                    }
                    if params.labels.classes
                    else {}
                ),
                "no label occurs twice": gxe.ExpectColumnValuesToBeUnique(column="label"),
            },
        ),
        *_attributes(vocabulary),
        Inspection(
            "label sets",
            pd.DataFrame(
                {
                    "row": [f"set {number}" for number in range(len(sets))],
                    "members": [" ".join(map(str, sorted(members))) for members in sets],
                    "sorted": [members == sorted(set(members)) for members in sets],
                    "known": [all(0 <= member < len(vocabulary.labels) for member in members) for members in sets],
                    "contradictory": [_contradictory(members, vocabulary.labels) for members in sets],
                    "miscounted": [stored != n_in_set.get(number, 0) for number, stored in enumerate(stored_counts)],
                }
            ),
            {
                "no set occurs twice": gxe.ExpectColumnValuesToBeUnique(column="members"),
                "labels of a set are sorted": gxe.ExpectColumnValuesToBeInSet(column="sorted", value_set=[True]),
                "only labels of the vocabulary occur": gxe.ExpectColumnValuesToBeInSet(
                    column="known", value_set=[True]
                ),
                "No Finding never occurs with a finding": gxe.ExpectColumnValuesToBeInSet(
                    column="contradictory", value_set=[False]
                ),
                "the number of bags is right": gxe.ExpectColumnValuesToBeInSet(column="miscounted", value_set=[False]),
            },
        ),
        Inspection(
            "labelled bags",
            pd.DataFrame(
                {
                    "row": "bag " + labels["bag_id"],
                    "bag_number": labels["bag_id"].factorize()[0],
                    "set_id": labels["set_id"],
                    "fold": labels["fold"],
                }
            ),
            {
                "every bag has one label set": gxe.ExpectColumnValuesToBeUnique(column="bag_number"),
                "the label set is a known one": gxe.ExpectColumnValuesToBeBetween(
                    column="set_id", min_value=0, max_value=len(sets) - 1
                ),
                "the fold is train, val or test": gxe.ExpectColumnValuesToBeInSet(column="fold", value_set=list(FOLDS)),
            },
        ),
        Inspection(
            "class counts",
            _class_counts(known, sets, vocabulary),
            {
                "the vocabulary's counts are right": gxe.ExpectColumnValuesToBeInSet(
                    column="miscounted", value_set=[False]
                ),
            },
        ),
        *inspect_folds(read_table(workspace.images, IMAGES), placed, label_sets, vocabulary, limits),
        Inspection(
            "unlabelled bags",
            pd.DataFrame({"row": ["all folds"], "share": [float(empty.mean()) if len(known) else 1.0]}),
            {
                f"at most {limits.max_unlabelled_share:.0%} of the bags have no label": gxe.ExpectColumnValuesToBeBetween(
                    column="share", max_value=limits.max_unlabelled_share
                )
            },
        ),
    ]


def _attributes(vocabulary: Vocabulary) -> list[Inspection]:
    """Of labels that are combinations: the values of their attributes."""
    if not vocabulary.attributes:
        return []
    n_labels = len(vocabulary.labels)
    return [
        Inspection(
            "attributes",
            pd.DataFrame(
                {
                    "row": [attribute.name for attribute in vocabulary.attributes],
                    "n_values": [len(set(attribute.of_label) - {None}) for attribute in vocabulary.attributes],
                    "placed": [len(attribute.of_label) == n_labels for attribute in vocabulary.attributes],
                }
            ),
            {
                "every attribute has two values at least": gxe.ExpectColumnValuesToBeBetween(
                    column="n_values", min_value=2
                ),
                "every combination says what it knows of it": gxe.ExpectColumnValuesToBeInSet(
                    column="placed", value_set=[True]
                ),
            },
        )
    ]


def _contradictory(members: list[int], names: list[str]) -> bool:
    return len(members) > 1 and any(names[member] == NO_FINDING for member in members if 0 <= member < len(names))


def _class_counts(labels: pd.DataFrame, sets: list[list[int]], vocabulary: Vocabulary) -> pd.DataFrame:
    """A row per class and fold of train and test, counted anew from the bags' label sets."""
    rows = []
    for fold in ("train", "test"):
        n_in_set = np.bincount(labels.loc[labels["fold"] == fold, "set_id"], minlength=len(sets))
        for index, name in enumerate(vocabulary.labels):
            n_bags = sum(int(n_in_set[number]) for number, members in enumerate(sets) if index in members)
            rows.append((f"{name} in {fold}", n_bags, vocabulary.n_bags.get(name, {}).get(fold) != n_bags))
    return pd.DataFrame(rows, columns=["row", "n_bags", "miscounted"])
