"""Section `split`: the fold of each patient."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from medhash.core.params.section import Section, Share


class SplitParams(Section):
    strategy: Literal["hash", "official", "stratified", "combination"] = "hash"
    """combination: hash, but patients with an image of a combination in `held_out` are kept out of training."""
    test_share: Share = 0.2
    """Share of patients in test; the official strategy takes the publisher's list instead."""
    val_share: Share = 0.15
    """Share of the other patients in val."""
    both_lists: Literal["refuse", "train", "test"] = "refuse"
    """official: what happens to patients whose images are in both of the publisher's lists."""
    held_out: list[dict[str, str]] = []
    """combination: attribute → value, such as {modality: mr, organ: breast}; an image that has all of them is held out.
    """
    max_test_cases_per_patient: Annotated[int, Field(ge=0)] = 0
    """A patient with more cases than this is in train, never in val or test, so that no long series decides a figure.
    0 sets no limit. A held-out combination comes first."""
    near_duplicates: Share = 0.0
    """Patients whose images correlate by more than this (24 × 24 grey values) stay in one fold; 0 does not compare."""

    @model_validator(mode="after")
    def _heard(self) -> Self:
        if self.held_out and self.strategy != "combination":
            raise ValueError(
                f"held_out keeps nothing out under strategy {self.strategy}: set strategy: combination, or held_out: []"
            )
        return self
