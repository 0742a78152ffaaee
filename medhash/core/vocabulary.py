"""Which labels count: the classes of params.yaml, checked against what the archive holds."""

import difflib

from medhash.core.errors import MedhashError
from medhash.core.params import LabelParams

NO_FINDING = "No Finding"


def choose_labels(present: dict[str, set[str]], settings: LabelParams) -> list[str]:
    """The vocabulary in index order: settings.classes, then `No Finding` where it is a label of its own.

    Where settings.classes is empty, every label that occurs is a class, in alphabetical order.

    present: attribute → labels that the archive's images carry. `No Finding` joins only if the archive uses it.
    A label of the archive that is not among the classes is left out: that is the choice `classes` makes.
    Raises MedhashError for an attribute or a class that never occurs, and for a class named twice.
    """
    if settings.attribute not in present:
        raise MedhashError(
            f"labels.attribute {settings.attribute!r}: no image has a label of that attribute",
            f"choose one of {', '.join(sorted(present)) or '(the archive has no labels at all)'}",
        )
    known = present[settings.attribute]
    classes = settings.classes or sorted(known - {NO_FINDING})
    if len(set(classes)) < len(classes) or NO_FINDING in classes:
        again = sorted({name for name in classes if classes.count(name) > 1 or name == NO_FINDING})
        raise MedhashError(
            f"labels.classes: {', '.join(again)} is named twice or is no class",
            f"name every class once; what becomes of `{NO_FINDING}` is set by labels.no_finding",
        )
    unknown = [name for name in classes if name not in known]
    if unknown:
        raise MedhashError(
            "labels.classes: " + "; ".join(_suggest(name, known) for name in unknown),
            "correct the names in params.yaml, or remove them; an empty list takes every label that occurs",
        )
    return classes + ([NO_FINDING] if settings.no_finding == "label" and NO_FINDING in known else [])


def _suggest(name: str, known: set[str]) -> str:
    folded = {label.casefold(): label for label in sorted(known)}
    near = [folded[match] for match in difflib.get_close_matches(name.casefold(), sorted(folded), n=3, cutoff=0.6)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"it holds {', '.join(sorted(known))}"
    return f"no image is labelled {name!r} ({hint})"
