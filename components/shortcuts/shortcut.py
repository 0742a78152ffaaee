"""What the shortcut audit found of one attribute, and what that means in words."""

from dataclasses import dataclass
from typing import Literal

Standing = Literal["told apart", "partly", "not told apart", "not asked"]

HALFWAY = 0.5
"""From chance to 1: what reaches this is told apart."""


@dataclass(frozen=True)
class Shortcut:
    """How well a linear probe tells an attribute's values apart by image statistics that know no anatomy."""

    attribute: str
    classes: list[str]
    """The values that were told apart, those with enough cases; fewer than two where the probe was not asked."""
    left_out: list[str]
    """Values with too few cases to fit or to measure a probe."""
    fold: str
    """Where it was measured: test, or val where no image of a test case was there."""
    n_fitted: int
    """Images of the train fold that the probe was fitted to."""
    n_measured: int
    accuracy: float | None
    """Balanced accuracy by all statistics together; None where the probe was not asked, and so the two below."""
    permuted: float | None
    """The same of probes fitted to the values in random order, their mean: what a probe reaches by itself."""
    deviation: float | None
    """Standard deviation of the balanced accuracy of a guess, for so many patients of each value."""
    groups: dict[str, float]
    """Group of statistics → balanced accuracy by that group alone."""

    @property
    def chance(self) -> float:
        return 1 / max(len(self.classes), 1)

    def gain(self, accuracy: float) -> float:
        """How much of the way from chance to 1 an accuracy goes; 0 where it lies below chance."""
        return max(0.0, (accuracy - self.chance) / (1 - self.chance)) if self.chance < 1 else 0.0

    @property
    def standing(self) -> Standing:
        """told apart: at least halfway from chance to 1, by all statistics or by a group of them, which few images can
        teach better. partly: all together lie above chance and the permuted probes by more than two standard
        deviations of a guess."""
        if self.accuracy is None or self.permuted is None or self.deviation is None:
            return "not asked"
        if self.gain(max(self.accuracy, *self.groups.values())) >= HALFWAY:
            return "told apart"
        return "partly" if self.accuracy > max(self.chance, self.permuted) + 2 * self.deviation else "not told apart"

    @property
    def strongest(self) -> str:
        """The group that alone reaches most, the first of equals; empty where the probe was not asked."""
        return max(self.groups, key=lambda group: self.groups[group], default="")

    @property
    def verdict(self) -> str:
        """A sentence on the attribute, for the report."""
        if self.accuracy is None:
            return f"{self.attribute} was not asked: fewer than two of its values have enough cases with pixels."
        by = (
            f"balanced accuracy {self.accuracy:.2f} where a guess reaches {self.chance:.2f}; {self.strongest} alone "
            f"reaches {self.groups[self.strongest]:.2f}"
        )
        match self.standing:
            case "told apart":
                return (
                    f"{self.attribute} can be told apart without anatomy ({by}). A method may rank it well by how "
                    "pictures were made, not by what they show."
                )
            case "partly":
                return (
                    f"{self.attribute} can be told apart in part without anatomy ({by}). What a method scores on "
                    "it need not all come from what pictures show."
                )
            case _:
                return f"{self.attribute} is not told apart by these statistics ({by})."
