"""Where a figure of an attribute stands: beside chance, and beside what its rankings score with labels exchanged."""

from components.documents import AttributeFigures


def standing(figures: AttributeFigures | None) -> str:
    """`above` both; `below` chance; `within` chance; `exchanged`: within what exchanged labels score; or `unknown`.

    Within: the interval of MAP does not exclude it. unknown: there is no answerable query.
    """
    if figures is None:
        return "unknown"
    if figures.map <= figures.chance_map:
        return "below"
    if figures.interval.low <= figures.chance_map:
        return "within"
    return "exchanged" if figures.interval.low <= figures.exchanged_map else "above"
