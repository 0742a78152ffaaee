"""The verdict of the audit: where figures stand beside chance, in words."""

import pytest

from medhash.retrieval.shortcuts import Shortcut


def shortcut(accuracy: float | None, permuted: float | None = 0.5, n_classes: int = 2, border: float = 0.6) -> Shortcut:
    return Shortcut(
        "organ",
        [f"value {k}" for k in range(n_classes)],
        [],
        "test",
        100,
        40,
        accuracy,
        permuted,
        0.05,
        {} if accuracy is None else {"size": 0.5, "border": border, "grey values": 0.6},
    )


@pytest.mark.parametrize(
    ("given", "standing", "words"),
    [
        (shortcut(1.0), "told apart", "can be told apart without anatomy"),
        (shortcut(0.75), "told apart", "can be told apart without anatomy"),
        (shortcut(0.55, border=0.8), "told apart", "can be told apart without anatomy"),
        (shortcut(0.74), "partly", "can be told apart in part without anatomy"),
        (shortcut(0.65, n_classes=4), "told apart", "can be told apart without anatomy"),
        (shortcut(0.60), "not told apart", "is not told apart by these statistics"),
        (shortcut(0.65, permuted=0.6), "not told apart", "is not told apart by these statistics"),
        (shortcut(None), "not asked", "was not asked"),
    ],
)
def test_the_verdict_follows_from_chance_and_the_permuted_probe(given: Shortcut, standing: str, words: str) -> None:
    assert given.standing == standing
    assert given.verdict.startswith(f"organ {words}")


def test_of_groups_that_reach_as_much_the_first_is_named() -> None:
    assert shortcut(0.8).strongest == "border"
    assert "border alone reaches 0.60" in shortcut(0.8).verdict
