"""A small workspace of ragged bags."""

from pathlib import Path

import pyarrow as pa
from builders import small_workspace

from components.contracts import IMAGES, LABELS, read_table, write_table
from components.workspace import Workspace


def bag_workspace(root: Path, size_px: int = 16, n_patients: int = 60) -> Workspace:
    """The small workspace's images as bags: those of a patient that share their label set, 2 of 8, are one bag.

    Of each patient's eight images the first two of each label set are a bag, so every bag has two instances but for
    those of every third patient, whose second label set is split in bags of one.
    """
    workspace = small_workspace(root, n_patients=n_patients, images_per_patient=8, size_px=size_px)
    images, labels = read_table(workspace.images, IMAGES), read_table(workspace.labels, LABELS)
    bag_ids = [f"{number // 8 * 8 + number % 4:016x}" if number // 8 % 3 or number % 4 != 1 else f"{number:016x}"
               for number in range(len(images))]
    first = [row for row, bag_id in enumerate(bag_ids) if bag_id not in bag_ids[:row]]
    write_table(workspace.images, images.set_column(images.column_names.index("bag_id"), "bag_id", pa.array(bag_ids)),
                IMAGES)
    write_table(workspace.labels, labels.set_column(0, "bag_id", pa.array(bag_ids)).take(pa.array(first)), LABELS)
    return workspace
