"""Section `labels`: what an image, or a bag of them, is labelled with."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from medhash.core.params.ingest import NIH_FINDINGS
from medhash.core.params.section import Section


class LabelParams(Section):
    attribute: str = "finding"
    """Which of the archive's attributes is the label; combination: those of `structure` together."""
    structure: Annotated[list[str], Field(min_length=1)] = ["modality", "organ", "pathology"]
    """What a combination is made of: modality, organ, or any attribute of the archive's labels."""
    shared_values: list[str] = []
    """combination: values, such as a pathology, that mean the same in every organ; others belong to one organ."""
    classes: list[str] = list(NIH_FINDINGS)
    """Empty: every label that the archive's images carry."""
    no_finding: Literal["label", "empty", "exclude"] = "label"
    """`No Finding` is a label of its own, an empty label set, or leaves its images out."""
    unlabelled: Literal["keep", "exclude"] = "keep"
    """Images without any label of the vocabulary have an empty label set, or are left out."""
    bag: Literal["worst", "union", "agree"] = "worst"
    """A bag's label set. worst: that of its worst image, by the order of `classes` (worst first). union: all its
    images' labels. agree: any image's; bags whose images disagree are left out."""
    images_per_class: Annotated[int, Field(ge=0)] = 0
    """Take only so many images of every class, the rarest class first; 0 takes all images."""
    max_per_class: Annotated[int, Field(ge=0)] = 0
    """The same, but of a class that has fewer, all of them; 0 takes all images."""

    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        if self.images_per_class and self.max_per_class:
            raise ValueError("images_per_class and max_per_class are both set: choose one, and set the other to 0")
        return self
