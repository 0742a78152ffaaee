"""A small structured data set whose pictures show what they are: modality, organ and pathology are drawn apart.

The modality is a texture over the whole picture, the organ the place of a bright square, the pathology the shape of a
dark mark in the middle of that square; so each attribute can be learnt by itself, and combined with any other.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from components.labels.combined import incomplete_cases
from components.labels.label_sets import label_images
from components.similarity.similarity import compare_sets
from components.split.split import split_patients
from medhash.core.contracts import IMAGES, INCOMPLETE, LABEL_SETS, LABELS, REJECTED, SIMILARITY, SPLIT, write_table
from medhash.core.params import LabelParams, SplitParams
from medhash.core.workspace import Workspace

MODALITIES, ORGANS = ("ct", "mr", "xray"), ("brain", "breast", "chest")
PATHOLOGIES = {
    "brain": ("glioma", "healthy brain"),
    "breast": ("cyst", "healthy breast"),
    "chest": ("edema", "healthy chest"),
}
SETTINGS = LabelParams(attribute="combination", classes=[], bag="union")
HELD_OUT = [{"modality": "mr", "organ": "breast"}]


def structured_workspace(
    root: Path,
    n_each: int = 12,
    size_px: int = 32,
    seed: int = 0,
    held_out: list[dict[str, str]] | None = None,
    unknown: int = 0,
) -> Workspace:
    """Write images, pixels, split, labels and similarity: n_each patients of one image for each of 18 combinations.

    held_out: combinations that the split keeps out of train (default: none). unknown: every so-manieth image does not
    know its pathology; 0: all know it.
    """
    workspace = Workspace(root)
    random = np.random.default_rng(seed)
    triples = [
        (modality, organ, pathology) for modality in MODALITIES for organ in ORGANS for pathology in PATHOLOGIES[organ]
    ] * n_each
    pixels = np.stack([draw(*triple, size_px, random) for triple in triples])
    workspace.pixels.parent.mkdir(parents=True)
    np.save(workspace.pixels, pixels)
    known = [not unknown or number % unknown for number in range(len(triples))]
    images = structured_images(
        [
            (modality, organ, (pathology,) if knows else ())
            for (modality, organ, pathology), knows in zip(triples, known, strict=True)
        ]
    )
    write_table(workspace.images, images, IMAGES)
    write_table(workspace.rejected, REJECTED.empty_table(), REJECTED)
    split = split_patients(
        images,
        SplitParams(
            strategy="combination" if held_out else "hash", held_out=held_out or [], test_share=0.25, val_share=0.2
        ),
        seed=3,
    )
    write_table(workspace.split, split, SPLIT)
    labels, label_sets, vocabulary = label_images(images, split, SETTINGS, seed=3)
    write_table(workspace.labels, labels, LABELS)
    write_table(workspace.label_sets, label_sets, LABEL_SETS)
    write_table(workspace.incomplete, incomplete_cases(labels, label_sets, vocabulary), INCOMPLETE)
    vocabulary.write(workspace.vocabulary)
    write_table(workspace.similarity, compare_sets(label_sets), SIMILARITY)
    return workspace


def structured_images(values: list[tuple[str, str, tuple[str, ...]]]) -> pa.Table:
    """Contract IMAGES of images 0, 1, 2 …, each of its own patient: modality, organ and pathologies of each."""
    ids = [f"{number:016x}" for number in range(len(values))]
    labels = [[{"attribute": "pathology", "label": name} for name in names] for _, _, names in values]
    columns = {
        "image_id": ids,
        "patient_id": ids,
        "study_id": ids,
        "bag_id": ids,
        "modality": [modality for modality, _, _ in values],
        "organ": [organ for _, organ, _ in values],
        "source_row": np.arange(len(ids)) + 2,
        "pixel_row": np.arange(len(ids)),
        "sha256": [f"{number:064x}" for number in range(len(ids))],
        "labels": pa.array(labels, IMAGES.field("labels").type),
    }
    return pa.table({field.name: columns.get(field.name, pa.nulls(len(ids), field.type)) for field in IMAGES}).cast(
        IMAGES
    )


def draw(modality: str, organ: str, pathology: str, size_px: int, random: np.random.Generator) -> np.ndarray:
    """One picture, uint8 (1, S, S)."""
    rows, columns = np.mgrid[:size_px, :size_px]
    texture = {"ct": rows % 4 < 2, "mr": columns % 4 < 2, "xray": (rows + columns) % 4 < 2}[modality]
    picture = 60.0 + 40 * texture + random.normal(0, 12, (size_px, size_px))
    half = size_px // 2
    top, left = {"brain": (0, 0), "breast": (0, half), "chest": (half, 0)}[organ]
    picture[top + 1 : top + half - 1, left + 1 : left + half - 1] += 90
    if not pathology.startswith("healthy"):
        quarter = half // 4
        picture[top + quarter : top + half - quarter, left + quarter : left + half - quarter] -= 80
    return np.clip(picture, 0, 255).astype(np.uint8)[None]
