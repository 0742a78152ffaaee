"""Whether the released index is today's gallery, and its codes are those of the released model."""

from typing import NamedTuple

from components.promote.clauses.clause import ROUNDING, Clause

MAX_DIFFERING = 0.01
"""Share of bits that another machine's rounding may turn where a value of the relaxed code is nearly 0."""


class GalleryFacts(NamedTuple):
    """What the index holds beside what the tables say; counts of cases unless noted."""

    n_gallery: int
    """Cases of the gallery in today's tables."""
    n_missing: int
    """Of the gallery, but not in the index."""
    n_foreign: int
    """In the index, but not of the gallery, or twice."""
    n_other_patient: int
    n_other_labels: int
    n_other_code: int
    """The index holds another code than codes.parquet."""
    n_encoded: int
    """Encoded again by the released model."""
    n_bits_compared: int
    n_bits_differing: int


def gallery(facts: GalleryFacts) -> Clause:
    """No case, patient, label set or code differs, and of the cases encoded again at most 1 % of the bits."""
    counts = {
        "of the gallery are missing": facts.n_missing,
        "are not of the gallery": facts.n_foreign,
        "stand under another patient": facts.n_other_patient,
        "have other labels": facts.n_other_labels,
        "have another code than codes.parquet": facts.n_other_code,
    }
    wrong = [f"{count:,} cases {what}" for what, count in counts.items() if count]
    share = facts.n_bits_differing / max(facts.n_bits_compared, 1)
    if share > MAX_DIFFERING + ROUNDING or not facts.n_encoded:
        wrong.append(f"{share:.1%} of the bits differ where the model encodes {facts.n_encoded} of its cases again")
    if wrong:
        return Clause(
            "gallery",
            False,
            "the index is not that of today's gallery by this model: " + ", ".join(wrong),
            "run `dvc repro`, which encodes and indexes again what is not up to date; never forced",
        )
    return Clause(
        "gallery",
        True,
        f"the index holds the {facts.n_gallery:,} cases of today's gallery; encoding "
        f"{facts.n_encoded} of them again turns {share:.2%} of the bits",
    )
