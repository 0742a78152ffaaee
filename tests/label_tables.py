"""Images with given findings and their folds, as the stage labels reads them."""

import numpy as np
import pyarrow as pa

from medhash.core.contracts import IMAGES


def label_tables(findings: list[str], folds: list[str]) -> tuple[pa.Table, pa.Table]:
    """Contracts IMAGES and SPLIT of images 0, 1, 2 …, each of its own patient.

    findings: of each image, separated by |; each image also has the attribute modality. folds: of each image.
    """
    ids = [f"{number:016x}" for number in range(len(findings))]
    labels = [
        [{"attribute": "finding", "label": name} for name in text.split("|") if name]
        + [{"attribute": "modality", "label": "xray"}]
        for text in findings
    ]
    columns = {
        "image_id": ids,
        "patient_id": ids,
        "study_id": ids,
        "bag_id": ids,
        "modality": ["xray"] * len(ids),
        "organ": ["chest"] * len(ids),
        "source_row": np.arange(len(ids)) + 2,
        "labels": pa.array(labels, IMAGES.field("labels").type),
    }
    images = pa.table({field.name: columns.get(field.name, pa.nulls(len(ids), field.type)) for field in IMAGES})
    return images.cast(IMAGES), pa.table({"image_id": ids, "patient_id": ids, "fold": folds})
