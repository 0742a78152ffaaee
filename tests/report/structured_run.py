"""A measured workspace whose labels are combinations, with figures by attribute that are made by hand."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from report.measured import measured_workspace, write_metrics

from medhash.core.contracts import IMAGES, read_table, write_table
from medhash.core.documents import (
    Attribute,
    AttributeFigures,
    Calibration,
    CalibrationBin,
    Interval,
    Metrics,
    Satisfaction,
    StructuredFigures,
    Vocabulary,
)
from medhash.core.workspace import Workspace

ATTRIBUTES = ("modality", "organ", "pathology")
LABELS = ["mr · brain · glioma", "xray · chest · <i>cyst</i>", "mr · brain · –"]
"""Those of builders.LABELS_OF_SETS: sets 0, 1 and 2 have one each, set 3 has the first two."""
VOCABULARY = Vocabulary(
    attribute="combination",
    labels=LABELS,
    n_unlabelled={"train": 0, "val": 0, "test": 0},
    n_bags={
        LABELS[0]: {"train": 36, "val": 12, "test": 12},
        LABELS[1]: {"train": 0, "val": 11, "test": 13},
        LABELS[2]: {"train": 18, "val": 6, "test": 6},
    },
    attributes=[
        Attribute(name="modality", values=["mr", "xray"], of_label=[0, 1, 0]),
        Attribute(name="organ", values=["brain", "chest"], of_label=[0, 1, 0]),
        Attribute(name="pathology", values=["<i>cyst</i>", "glioma"], of_label=[1, 0, None]),
    ],
)
METHODS = {"structured-fuzzy": 0.4, "structured-plain": 0.5, "lsh": 0.97}


def figures(
    map: float, chance: float = 0.3, exchanged: float = 0.35, half: float = 0.04, n_queries: int = 24
) -> AttributeFigures:
    return AttributeFigures(
        n_queries=n_queries,
        n_gallery=96,
        map=map,
        chance_map=chance,
        exchanged_map=exchanged,
        ndcg_at_100=min(1.0, map + 0.011),
        chance_ndcg_at_100=chance + 0.013,
        precision_at_10=min(1.0, map + 0.017),
        interval=Interval(value=map, low=map - half, high=min(1.0, map + half)),
    )


def calibration(error: float) -> Calibration:
    bins = [
        CalibrationBin(
            low=k / 10, high=(k + 1) / 10, n=4 * k, confidence=k / 10 + 0.05, accuracy=max(0.0, k / 10 + 0.05 - error)
        )
        for k in range(4, 10)
    ]
    return Calibration(n=sum(one.n for one in bins), bins=bins, expected_error=error)


def structured(level: float, is_fuzzy: bool = False, held_out: bool = True) -> StructuredFigures:
    """Every sub-code ranks its own attribute at 0.9 times the level, the others at 0.6 times it."""
    return StructuredFigures(
        joint=figures(level - 0.1, chance=0.2, exchanged=0.25),
        attributes={name: figures(level + 0.011 * place) for place, name in enumerate(ATTRIBUTES)},
        sub_codes={
            own: {name: figures((0.9 if own == name else 0.6) * level) for name in ATTRIBUTES} for own in ATTRIBUTES
        },
        preference={
            name: Satisfaction(k=10, n_queries=24, plain=level - 0.05, preferred=level + 0.02 * (1 + place), chance=0.3)
            for place, name in enumerate(ATTRIBUTES)
        },
        combinations={
            "seen": figures(level, half=0.03),
            "held out": figures(0.7 * level, 0.12, 0.2, 0.15, 13) if held_out else None,
        },
        calibration={name: calibration(0.05 * (place + 1)) for place, name in enumerate((*ATTRIBUTES, "bits"))}
        if is_fuzzy
        else {},
    )


def unstructured_code(level: float) -> StructuredFigures:
    """Of a code of one part, whose intervals hold chance or what exchanged labels score."""
    return structured(level).model_copy(
        update={
            "joint": None,
            "sub_codes": {},
            "preference": {},
            "combinations": {},
            "attributes": {"modality": figures(0.29), "organ": figures(0.32), "pathology": figures(0.36, half=0.03)},
        }
    )


FIGURES = {
    "structured-fuzzy": structured(0.8, is_fuzzy=True),
    "structured-plain": structured(0.7, held_out=False),
    "lsh": unstructured_code(0.4),
}


def structured_workspace(root: Path, **small: int) -> Workspace:
    """The archive `b` has all of set 1, whose images are larger than all others: the width betrays it."""
    workspace = measured_workspace(root, METHODS, params="labels: {attribute: combination}\n", **small)
    for position, (method, found) in enumerate(FIGURES.items()):
        write_metrics(workspace, method, 32, f"{position:064x}", structured=found)
    VOCABULARY.write(workspace.vocabulary)
    images = read_table(workspace.images, IMAGES)
    is_b = np.arange(len(images)) % 4 == 1
    labels = pa.array(
        [[{"attribute": "archive", "label": "b" if one else "a"}] for one in is_b], IMAGES.field("labels").type
    )
    widths = pa.array(np.where(is_b, 2048, 512), pa.int32())
    for name, column in (("labels", labels), ("width", widths)):
        images = images.set_column(images.schema.get_field_index(name), images.schema.field(name), column)
    write_table(workspace.images, images, IMAGES)
    return workspace


def measured_methods(workspace: Workspace) -> dict[str, Metrics]:
    return {method: Metrics.read(workspace.metrics(method) / "metrics.json") for method in METHODS}
