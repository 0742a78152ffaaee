"""Which combinations of attributes the data hold, in which folds, and which of them no one trains on."""

from typing import Any

from components.contracts import FOLDS
from components.documents import Vocabulary

MOST_ROWS = 200


def held_out(vocabulary: Vocabulary) -> list[str]:
    """Combinations that test cases have and no training case has, in the vocabulary's order."""
    return [label for label in vocabulary.labels if _is_held_out(vocabulary, label)]


def combination_table(vocabulary: Vocabulary) -> dict[str, Any]:
    """`attributes`; `rows`, one per combination: `said`, its value of each attribute (None: not known), the cases per
    fold, and whether it is held out; and `unlabelled`, the cases per fold that have none.

    Rows stand in the order of their values, so that an organ's pathologies stand together; only so many are shown.
    """
    known = [_values(vocabulary, place) for place in range(len(vocabulary.labels))]
    ordered = sorted(range(len(known)), key=lambda place: [value or "" for value in known[place]])
    rows = [
        {
            "said": known[place],
            "is_held_out": _is_held_out(vocabulary, label),
            "counts": [vocabulary.n_bags.get(label, {}).get(fold, 0) for fold in FOLDS],
        }
        for place in ordered
        for label in (vocabulary.labels[place],)
    ]
    return {
        "attributes": [attribute.name for attribute in vocabulary.attributes],
        "folds": FOLDS,
        "unlabelled": [vocabulary.n_unlabelled.get(fold, 0) for fold in FOLDS],
        "rows": rows[:MOST_ROWS],
        "n_more": max(0, len(rows) - MOST_ROWS),
    }


def _values(vocabulary: Vocabulary, label: int) -> list[str | None]:
    found = [(attribute, attribute.of_label[label]) for attribute in vocabulary.attributes]
    return [None if value is None else attribute.values[value] for attribute, value in found]


def _is_held_out(vocabulary: Vocabulary, label: str) -> bool:
    counts = vocabulary.n_bags.get(label, {})
    return counts.get("train", 0) == 0 and counts.get("test", 0) > 0
