"""How bits are dealt out to attributes, and what rules read like."""

import pytest

from medhash.core.documents import Attribute
from medhash.core.errors import MedhashError
from medhash.hashing.layout import make_layout

ATTRIBUTES = [
    Attribute(name="modality", values=["ct", "mr"], of_label=[0, 1, 1]),
    Attribute(name="organ", values=["brain", "breast"], of_label=[0, 0, 1]),
    Attribute(name="pathology", values=["glioma"], of_label=[0, 0, None]),
]


def widths(bits: int, asked: dict[str, int] | None = None, ignored: tuple[str, ...] = ()) -> dict[str, int]:
    layout = make_layout("a method", bits, asked or {}, ATTRIBUTES, ignored)
    assert [part.start for part in layout.sub_codes] == [0, *(part.stop for part in layout.sub_codes[:-1])]
    assert layout.sub_codes[-1].stop == bits
    return {part.name: part.stop - part.start for part in layout.sub_codes}


@pytest.mark.parametrize(
    ("bits", "asked", "ignored", "expected"),
    [
        (48, None, (), [16, 16, 16]),
        (32, None, (), [11, 11, 10]),
        (64, None, (), [22, 21, 21]),
        (48, {"organ": 8, "modality": 24, "pathology": 16}, (), [24, 8, 16]),
        (48, None, ("modality",), [24, 24]),
        (48, {"modality": 16, "organ": 8, "pathology": 24}, ("modality",), [12, 36]),
        (8, {"modality": 6, "organ": 1, "pathology": 1}, (), [6, 1, 1]),
        (8, {"modality": 6, "organ": 1, "pathology": 1}, ("organ", "pathology"), [8]),
    ],
)
def test_bits_are_dealt_out_whole_in_equal_parts_or_as_asked(bits, asked, ignored, expected):
    assert list(widths(bits, asked, ignored).values()) == expected


@pytest.mark.parametrize(
    ("bits", "asked", "ignored", "told"),
    [
        (48, {"organ": 48}, (), r"names organ; the labels combine modality, organ, pathology"),
        (48, {"modality": 16, "organ": 16, "pathology": 8}, (), "add up to 40 bits, a code has 48"),
        (48, None, ("modality", "organ", "pathology"), "labels are no combinations"),
    ],
)
def test_widths_that_do_not_fit_are_refused(bits, asked, ignored, told):
    with pytest.raises(MedhashError, match=told):
        widths(bits, asked, ignored)


def test_rules_are_read_as_they_fire_and_ask_nothing_of_what_a_combination_does_not_know():
    layout = make_layout("a method", 48, {}, ATTRIBUTES, (), rules=[0, 2])
    assert layout.rule_texts() == [
        "IF modality is ct AND organ is brain AND pathology is glioma",
        "IF modality is mr AND organ is breast",
    ]
    assert layout.antecedents.tolist() == [[0, 0, 0], [1, 1, -1]]


def test_combinations_that_differ_only_in_an_ignored_attribute_make_one_rule():
    layout = make_layout("a method", 48, {}, ATTRIBUTES, ("modality",), rules=[0, 1, 2])
    assert layout.rule_texts() == ["IF organ is brain AND pathology is glioma", "IF organ is breast"]
