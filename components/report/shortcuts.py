"""What pictures and records give away without anatomy: the report's section on shortcuts."""

from typing import Any

import numpy as np

from components.report.run import Run
from medhash.retrieval.label_facts import labels_by_facts
from medhash.retrieval.shortcuts import Shortcut, audit_shortcuts


def shortcuts_of(run: Run) -> list[Shortcut]:
    """What image statistics tell of each attribute; nothing without a pixel store."""
    if not run.workspace.pixels.exists():
        return []
    pixels = np.load(run.workspace.pixels, mmap_mode="r")
    return audit_shortcuts(run.images, pixels, run.labels, run.label_sets, run.vocabulary, run.params.seed)


def shortcut_sections(run: Run, shortcuts: list[Shortcut]) -> dict[str, Any] | None:
    """What shortcuts.html shows; None where there is nothing to tell.

    `facts`: how well labels follow from records alone, of labels that are no combinations.
    """
    facts = (
        []
        if run.vocabulary.attributes
        else labels_by_facts(run.images, run.labels, run.label_sets, run.vocabulary, run.params.seed)
    )
    if not shortcuts and not facts:
        return None
    return {
        "audited": shortcuts,
        "groups": list(dict.fromkeys(group for shortcut in shortcuts for group in shortcut.groups)),
        "facts": facts,
    }
