"""Labels of a report: its MeSH terms under one of four rules."""

from components.params import OpeniParams

_OF_THE_LUNG = ("hyperdistention", "hypoinflation")
"""Main headings do not tell these two apart from the rest of `lung`."""


def headings(major: list[str], automatic: list[str], settings: OpeniParams) -> list[str]:
    """All headings of a report by the rule settings.mesh, in lower case, each once, in the report's order.

    A term reads `heading/qualifier/…`; its main heading is what stands before the first `/`, and `lung hyperdistention`
    or `lung hypoinflation` where it begins `lung/hyperdistention` or `lung/hypoinflation`. A term that begins with `/`
    has no main heading.
    main-heading: of every major term. exact: the whole of every major term, where `lung/hyperdistention` alone is
    `lung hyperdistention`. single-major: main-heading of reports with exactly one major term, and nothing of others.
    major-or-automatic: main-heading of every major and every automatic term, which a program found in the text.
    Source: Deep Residual Hashing, §4, names nine patterns and no rule; Shin et al., "Learning to Read Chest X-Rays",
    CVPR 2016, takes reports with a single heading. Deviation: the rule is a setting, as none gives the paper's count.
    """
    if settings.mesh == "single-major" and len(major) != 1:
        return []
    terms = major + automatic if settings.mesh == "major-or-automatic" else major
    found = (_heading(term, whole=settings.mesh == "exact") for term in terms)
    return list(dict.fromkeys(heading for heading in found if heading))


def _heading(term: str, whole: bool) -> str:
    parts = [part.strip() for part in term.lower().split("/")]
    if parts[0] == "lung" and len(parts) > 1 and parts[1] in _OF_THE_LUNG and not (whole and len(parts) > 2):
        return f"lung {parts[1]}"
    return "/".join(parts) if whole else parts[0]
