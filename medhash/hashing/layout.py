"""The layout of a structured code: a sub-code per attribute, and the combinations that fuzzy rules are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from medhash.core.documents import Attribute, ModelSpec, SubCode
from medhash.core.errors import MedhashError


@dataclass(frozen=True)
class Layout:
    """A sub-code per attribute, in one order."""

    sub_codes: tuple[SubCode, ...]
    attributes: tuple[Attribute, ...]
    rules: tuple[int, ...] = ()
    """Labels (combinations) of the vocabulary that fuzzy rules are made of; none for methods without rules."""

    @cached_property
    def n_values(self) -> tuple[int, ...]:
        """Values of each attribute."""
        return tuple(len(attribute.values) for attribute in self.attributes)

    @cached_property
    def value_slices(self) -> tuple[slice, ...]:
        """Where each attribute's values lie in a row of all of them."""
        ends = np.cumsum(self.n_values).tolist()
        return tuple(slice(end - n, end) for end, n in zip(ends, self.n_values, strict=True))

    @cached_property
    def bit_slices(self) -> tuple[slice, ...]:
        """Where each attribute's bits lie in a code."""
        return tuple(slice(sub_code.start, sub_code.stop) for sub_code in self.sub_codes)

    @cached_property
    def antecedents(self) -> np.ndarray:
        """The value that each rule asks of each attribute, int64 (R, A); -1 where it asks for none."""
        rows = [
            [-1 if (value := attribute.of_label[label]) is None else value for attribute in self.attributes]
            for label in self.rules
        ]
        return np.array(list(dict.fromkeys(map(tuple, rows))), np.int64).reshape(-1, len(self.attributes))

    def rule_texts(self) -> list[str]:
        """Every rule in words: IF modality is mr AND organ is brain."""
        return [
            "IF "
            + " AND ".join(
                f"{attribute.name} is {attribute.values[value]}"
                for attribute, value in zip(self.attributes, row, strict=True)
                if value >= 0
            )
            for row in self.antecedents.tolist()
        ]


def layout_of(spec: ModelSpec) -> Layout | None:
    """The layout that model.json tells; None of a code of one part."""
    return Layout(tuple(spec.sub_codes), tuple(spec.attributes), tuple(spec.rules)) if spec.attributes else None


def make_layout(
    method: str,
    bits: int,
    widths: Mapping[str, int],
    attributes: Sequence[Attribute],
    ignored: Sequence[str],
    rules: Sequence[int] = (),
) -> Layout:
    """Deal the bits out to the attributes that a method follows, in their order.

    widths: attribute → bits, adding up to `bits`; empty: equal parts, the first ones taking what is left over. The bits
    of an attribute that the method ignores go to the others in proportion.
    Raises MedhashError where there is no attribute, where widths name another one or lack one, where they do not add
    up, or where there are fewer bits than attributes.
    """
    followed = [attribute for attribute in attributes if attribute.name not in ignored]
    if not followed:
        raise MedhashError(
            f"{method} follows attributes such as organ and pathology, but the labels are no "
            "combinations of attributes",
            f"set labels.attribute: combination and labels.structure, or take {method} out of methods",
        )
    names = [attribute.name for attribute in attributes]
    if widths and sorted(widths) != sorted(names):
        raise MedhashError(
            f"sub_codes names {', '.join(widths)}; the labels combine {', '.join(names)}",
            "give each of these its bits, or set sub_codes: {} for equal parts",
        )
    if widths and sum(widths.values()) != bits:
        raise MedhashError(
            f"sub_codes add up to {sum(widths.values())} bits, a code has {bits}",
            "correct sub_codes or bits, or set sub_codes: {} for equal parts",
        )
    if bits < len(followed):
        raise MedhashError(f"{bits} bits are too few for {len(followed)} sub-codes", "raise bits")
    shares = np.array([widths.get(attribute.name, 1) for attribute in followed], float)
    exact = bits * shares / shares.sum()
    dealt = np.maximum(np.floor(exact), 1).astype(int)
    while dealt.sum() != bits:  # the largest remainder takes what rounding left
        gap = exact - dealt if dealt.sum() < bits else np.where(dealt > 1, dealt - exact, -np.inf)
        dealt[int(np.argmax(gap))] += 1 if dealt.sum() < bits else -1
    stops = np.cumsum(dealt).tolist()
    sub_codes = tuple(
        SubCode(name=attribute.name, start=stop - int(width), stop=stop)
        for attribute, width, stop in zip(followed, dealt, stops, strict=True)
    )
    return Layout(sub_codes, tuple(followed), tuple(rules))
