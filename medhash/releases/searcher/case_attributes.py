"""What a release knows of its cases by attribute: their values, and how sure the model is of them."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medhash.core.documents import Attribute
from medhash.core.errors import MedhashError
from medhash.releases.release import LabelSets
from medhash.retrieval.index import Index
from medhash.retrieval.preference import require_choice


class CaseAttributes:
    """Of the n cases of a gallery, by position in its index; nothing changes once it is made.

    Raises MedhashError if the code table's memberships are not those of the model's attributes.
    """

    def __init__(self, index: Index, labels: LabelSets, codes: pa.Table, attributes: Sequence[Attribute]) -> None:
        self._set_ids = index.set_ids
        self._of_set = labels.attributes
        self.greatest = _greatest_memberships(index, codes, attributes)
        """Attribute → greatest membership in any of its values, float32 (n,), NaN where it is not known; empty where
        the code table keeps no memberships."""

    def of(self, position: int) -> dict[str, list[str]]:
        """Attribute → values; empty where labels are no combinations of attributes."""
        return self._of_set[self._set_ids[position]] if self._of_set else {}

    def having(self, require: Sequence[tuple[str, str]]) -> np.ndarray:
        """The cases that have all of these (attribute, value), bool (n,).

        Raises MedhashError if the release does not say which values its cases have, or if no case has one of them.
        """
        if not self._of_set:
            raise MedhashError(
                "this release does not say which values of attributes its cases have, so none can be "
                "required: its labels are no combinations of attributes, or it was made by an older "
                "medhash",
                "search without --require; or promote again, from labels that are "
                "combinations (labels.attribute: combination)",
            )
        for attribute, value in require:
            require_choice("attribute", attribute, sorted(set().union(*self._of_set)))
            values = {known for of_set in self._of_set for known in of_set.get(attribute, [])}
            require_choice(attribute, value, sorted(values))
        fits = [all(value in of_set.get(attribute, []) for attribute, value in require) for of_set in self._of_set]
        having: np.ndarray = np.array(fits)[self._set_ids]
        return having

    def confidence(self, prefer: Sequence[str], positions: np.ndarray | slice = slice(None)) -> np.ndarray:
        """The least, over attributes, of a case's greatest membership, float32; over the preferred ones if there are.

        NaN where one of them is not known of the case, and where the release keeps no memberships of any.
        """
        kept = [of_cases[positions] for name, of_cases in self.greatest.items() if not prefer or name in prefer]
        confidence: np.ndarray = np.minimum.reduce(kept) if kept else np.full(len(self._set_ids), np.nan)[positions]
        return confidence

    def sure(self, minimum: float, prefer: Sequence[str], positions: np.ndarray | slice = slice(None)) -> np.ndarray:
        """The cases whose confidence is known and at least `minimum`, bool.

        Raises MedhashError if the release keeps no memberships, or none of a preferred attribute.
        """
        if not self.greatest:
            raise MedhashError(
                "this release keeps no memberships, so its cases have no confidence",
                "search without --min-confidence; or set encode.confidence: true for a method whose "
                "codes have a part for each attribute, and promote again",
            )
        for name in prefer:
            require_choice("attribute with memberships", name, self.greatest)
        # In float32 like what it is held to: 0.7 is at least 0.7.
        sure: np.ndarray = self.confidence(prefer, positions) >= np.float32(minimum)
        return sure


def memberships_by_name(memberships: np.ndarray, attributes: Sequence[Attribute]) -> dict[str, dict[str, float]]:
    """Attribute → value → membership, of one case's, float32 (V,)."""
    numbers = iter(memberships.tolist())
    return {attribute.name: {value: next(numbers) for value in attribute.values} for attribute in attributes}


def confidence_of(memberships: dict[str, dict[str, float]], prefer: Sequence[str]) -> float | None:
    """The confidence of a case, as `CaseAttributes.confidence` has it; memberships: as `memberships_by_name` does."""
    return min(
        (max(of_values.values()) for name, of_values in memberships.items() if not prefer or name in prefer),
        default=None,
    )


def _greatest_memberships(index: Index, codes: pa.Table, attributes: Sequence[Attribute]) -> dict[str, np.ndarray]:
    if "membership" not in codes.column_names or not attributes:
        return {}
    rows = pc.index_in(index.bag_ids.combine_chunks(), value_set=codes["bag_id"].combine_chunks())
    column = codes["membership"].combine_chunks().take(rows)
    known, n_values = column.is_valid().to_numpy(zero_copy_only=False), sum(len(one.values) for one in attributes)
    lengths = pc.list_value_length(column.drop_null()).to_numpy(zero_copy_only=False)
    if not known.any():
        return {}
    if (lengths != n_values).any():
        raise MedhashError(
            f"the code table has {lengths[lengths != n_values][0]} memberships for a case, the model's "
            f"attributes {n_values} values",
            "run encode again for this method, then promote",
        )
    of_values = np.full((len(column), n_values), np.nan, np.float32)
    of_values[known] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, n_values)
    ends = np.cumsum([len(attribute.values) for attribute in attributes])
    return {
        attribute.name: of_values[:, end - len(attribute.values) : end].max(axis=1)
        for attribute, end in zip(attributes, ends, strict=True)
    }
