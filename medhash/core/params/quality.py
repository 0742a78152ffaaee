"""Sections `evaluate` and `quality`: how figures are measured, and the limits of the gates."""

from typing import Annotated

from pydantic import Field

from medhash.core.params.section import Count, Section, Share


class EvaluateParams(Section):
    bootstrap_samples: Count = 1000
    """Resamples of patients behind every 95 % interval."""
    neighbours: Count = 20
    """k of the kNN label AUC: so many nearest cases vote on each label."""
    exchange_within: list[str] = ["view", "age", "archive", "collection"]
    """Lift is also measured with labels exchanged only among queries of one view, sex, age band, or value of another
    attribute of the images: how much is left when that is held fixed."""


class QualityParams(Section):
    """The limits of the gates."""

    fold_share_tolerance: Share = 0.08
    """How far a fold's share of patients may differ from the set share."""
    min_patients_per_label_and_fold: Annotated[int, Field(ge=0)] = 1
    """Patients with each label, and patients without it, that train, val and test must have. It also holds within each
    collection or joined archive, where five or more are to be expected by the fold's share of patients."""
    min_patients_of_half_a_fold: Annotated[int, Field(ge=0)] = 10
    """Half of the cases of val and of test must belong to so many patients, or to a quarter of them if that is less."""
    max_unlabelled_share: Share = 0.6
    """Share of images with an empty label set."""
    max_burned_in_share: Share = 0.0
    """Images whose header says that writing is burnt into the pixels: it may name the patient."""
    max_bit_imbalance: Share = 0.49
    """A bit is dead if its share of ones is further than this from one half."""
    max_dead_bit_share: Share = 0.25
    """Share of a code's bits that may be dead."""
    min_distinct_code_share: Share = 0.01
    """Distinct codes over images, capped by what the bits allow."""
    references: list[str] = []
    """Methods that are there to be compared with: their collapse stops no run, and they are never promoted."""
