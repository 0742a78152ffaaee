"""Whether the champion's model ranks today's images as well as it ranked those of its release."""

from components.documents import Metrics
from components.promote.clauses.clause import ROUNDING, Clause


def kept_lift(then: Metrics, now: Metrics, min_kept_lift: float) -> Clause:
    """(MAP - chance) now ≥ min_kept_lift · (MAP - chance) at the release, each over all its test queries.

    A model does not get worse by itself: if its figures fall, today's labels or images are not what they were.
    """
    before, after = (found.figures.map - found.chance.map for found in (then, now))
    figures = f"MAP lies {after:+.4f} from chance today, {before:+.4f} at the release; least share {min_kept_lift:g}"
    if after >= min_kept_lift * before - ROUNDING:
        return Clause("kept-lift", True, figures)
    return Clause(
        "kept-lift",
        False,
        figures,
        "look at today's labels and images in the report and in reports/drift: "
        "they are not what they were; if they are right, a newly trained model will take the champion's "
        "place, or lower promote.min_kept_lift",
    )
