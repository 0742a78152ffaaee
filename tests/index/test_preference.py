"""Preferences from their texts, their weights as whole numbers, and what is refused."""

from fractions import Fraction

import pytest
from index.made import parts

from medhash.core.errors import MedhashError
from medhash.retrieval.preference import Preference, bit_weights, parse_preference, sub_code_weights


def test_nothing_said_is_no_preference_and_every_text_is_read():
    assert parse_preference() is None
    assert parse_preference(" ", "", ["", " "], "", "") is None
    assert parse_preference(
        "organ, pathology", "modality=1.50", ["modality=xray,organ=chest"], "0.7", "leave-out"
    ) == Preference(
        ("organ", "pathology"),
        (("modality", Fraction(3, 2)),),
        (("modality", "xray"), ("organ", "chest")),
        0.7,
        "leave-out",
    )


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["modality=xray", "organ=chest"], [("modality", "xray"), ("organ", "chest")]),
        (["pathology=mass, benign , organ=breast"], [("pathology", "mass, benign"), ("organ", "breast")]),
        (["pathology=grade=3"], [("pathology", "grade=3")]),
        (["organ=chest", "organ = chest"], [("organ", "chest")]),
    ],
)
def test_a_required_value_may_hold_commas(texts, expected):
    assert list(parse_preference(require=texts).require) == expected


@pytest.mark.parametrize(
    ("given", "weights"),
    [
        ({"weights": "organ=2"}, [1, 2, 1]),
        ({"weights": "organ=1.5,pathology=0"}, [2, 3, 0]),
        ({"weights": "modality=0.1,organ=0.25,pathology=.3"}, [2, 5, 6]),
        ({"weights": "modality=4,organ=2,pathology=6"}, [2, 1, 3]),
        ({"require": ["organ=chest"]}, [1, 1, 1]),
        ({"prefer": "organ"}, [1, 8 + 3 + 1, 1]),  # outweighs all 8 + 3 bits of the others
        ({"prefer": "organ,pathology"}, [1, 9 * 4, 9]),
        ({"prefer": "pathology,organ,modality"}, [1, 9, 9 * 6]),
        ({"prefer": "organ", "weights": "pathology=2.5,modality=0"}, [0, 4, 1]),
        ({"prefer": "organ", "weights": "pathology=0,modality=0"}, [0, 1, 0]),
    ],
)
def test_weights_are_the_least_whole_numbers_that_give_the_order(given, weights):
    preference, sub_codes = parse_preference(**given), parts(8, 5, 3)
    assert sub_code_weights(preference, sub_codes) == weights
    assert bit_weights(preference, sub_codes, 16).tolist() == [weights[0]] * 8 + [weights[1]] * 5 + [weights[2]] * 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"prefer": "organ,organ"}, "organ is preferred twice"),
        ({"prefer": "organ,,pathology"}, "comma with nothing beside it"),
        ({"weights": "organ=1,organ=2"}, "organ is weighted twice"),
        ({"weights": "organ"}, "not of the form NAME=VALUE"),
        ({"weights": "organ=-1"}, "the weight of organ is -1"),
        ({"weights": "organ=nan"}, "the weight of organ is 'nan'"),
        ({"weights": "organ=1e999999999"}, "the weight of organ is '1e999999999'"),
        ({"prefer": "organ", "weights": "organ=2"}, "organ is preferred, so its weight changes nothing"),
        ({"require": ["xray"]}, "'xray' is not of the form NAME=VALUE"),
        ({"require": ["modality="]}, "not of the form NAME=VALUE"),
        ({"min_confidence": "1.2"}, "min-confidence is '1.2'"),
        ({"min_confidence": "0"}, "min-confidence is '0'"),
        ({"min_confidence": "much"}, "min-confidence is 'much'"),
        ({"min_confidence": "0.5", "below": "hide"}, "below is 'hide'"),
        ({"below": "flag"}, "there is no least confidence"),
    ],
)
def test_a_text_that_says_nothing_clear_is_refused(given, message):
    with pytest.raises(MedhashError, match=message):
        parse_preference(**given)


@pytest.mark.parametrize(
    ("given", "message", "fix"),
    [
        (
            {"prefer": "orgn"},
            "there is no sub-code 'orgn'",
            "did you mean organ\\? there are modality, organ, pathology",
        ),
        ({"weights": "Pathology=2"}, "there is no sub-code 'Pathology'", "did you mean pathology"),
        ({"weights": "modality=0,organ=0,pathology=0"}, "every sub-code weighs 0", "above 0"),
    ],
)
def test_what_does_not_fit_the_codes_is_refused_with_what_there_is(given, message, fix):
    with pytest.raises(MedhashError, match=message) as refused:
        sub_code_weights(parse_preference(**given), parts(8, 5, 3))
    assert refused.match(fix)


def test_codes_of_one_part_cannot_be_weighed_but_cases_can_be_required():
    whole = parts(16, names=["code"])
    with pytest.raises(MedhashError, match="codes of this model are of one part, so 'organ' cannot"):
        sub_code_weights(parse_preference(prefer="organ"), whole)
    assert sub_code_weights(parse_preference(require=["organ=chest"]), whole) == [1]


def test_a_distance_that_no_int64_holds_is_refused_and_the_largest_that_one_does_is_not():
    names = [f"part {number}" for number in range(63)]
    sixty_three = parts(*[1] * 63, names=names)
    weights = sub_code_weights(Preference(prefer=tuple(names)), sixty_three)
    assert weights == [2 ** (62 - place) for place in range(63)]
    assert sum(weights) == 2**63 - 1
    with pytest.raises(MedhashError, match="a number of 65 bits; there are 63"):
        sub_code_weights(Preference(prefer=tuple(names[:62])), parts(*[1] * 62, 2, 2, names=[*names, "more"]))
    with pytest.raises(MedhashError, match=r"a number of \d+ bits"):
        sub_code_weights(
            parse_preference(weights="organ=999999999.999999999,modality=999999999.999999998"), parts(16, 16, 16)
        )
