"""Small workspaces of bags: ragged ones, and bags of eight in which one instance carries the signal."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from builders import small_workspace

from medhash.core.contracts import IMAGES, LABEL_SETS, LABELS, SIMILARITY, SPLIT, read_table, write_table
from medhash.core.documents import Vocabulary
from medhash.core.workspace import Workspace


def bag_workspace(root: Path, size_px: int = 16, n_patients: int = 60) -> Workspace:
    """The small workspace's images as bags: those of a patient that share their label set, 2 of 8, are one bag.

    Of each patient's eight images the first two of each label set are a bag, so every bag has two instances but for
    those of every third patient, whose second label set is split in bags of one.
    """
    workspace = small_workspace(root, n_patients=n_patients, images_per_patient=8, size_px=size_px)
    images, labels = read_table(workspace.images, IMAGES), read_table(workspace.labels, LABELS)
    bag_ids = [
        f"{number // 8 * 8 + number % 4:016x}" if number // 8 % 3 or number % 4 != 1 else f"{number:016x}"
        for number in range(len(images))
    ]
    first = [row for row, bag_id in enumerate(bag_ids) if bag_id not in bag_ids[:row]]
    write_table(
        workspace.images, images.set_column(images.column_names.index("bag_id"), "bag_id", pa.array(bag_ids)), IMAGES
    )
    write_table(workspace.labels, labels.set_column(0, "bag_id", pa.array(bag_ids)).take(pa.array(first)), LABELS)
    return workspace


def signal_workspace(root: Path, n_bags: int = 360, bag_size: int = 8, size_px: int = 16, seed: int = 0) -> Workspace:
    """Bags of noise in which one instance, at a random place, shows the pattern of the bag's class; three classes.

    The pattern is a tile of a quarter of the image: stripes along either axis, or a chessboard, all of one mean
    grey. 60 % of the bags are in train, 20 % in val, the rest in test; every bag is a patient.
    """
    random = np.random.default_rng(seed)
    workspace, n_images, half = Workspace(root), n_bags * bag_size, size_px // 2
    pixels = random.integers(64, 193, (n_images, 1, size_px, size_px), dtype=np.uint8)
    sets = np.arange(n_bags) % 3
    down, right = np.indices((half, half))
    patterns = np.stack([down % 2, right % 2, (down + right) % 2]).astype(np.uint8) * 255
    for bag, set_id in enumerate(sets):
        top, left = random.integers(0, size_px - half + 1, 2)
        pixels[bag * bag_size + random.integers(bag_size), 0, top : top + half, left : left + half] = patterns[set_id]
    workspace.pixels.parent.mkdir(parents=True)
    np.save(workspace.pixels, pixels)
    image_ids = [f"{number:016x}" for number in range(n_images)]
    bag_ids = [f"{number:016x}" for number in range(n_bags)]
    nothing = {field.name: pa.nulls(n_images, field.type) for field in IMAGES if field.nullable}
    of_images = [bag_ids[number // bag_size] for number in range(n_images)]
    write_table(
        workspace.images,
        pa.table(
            nothing
            | {
                "image_id": image_ids,
                "patient_id": of_images,
                "study_id": of_images,
                "bag_id": of_images,
                "source_row": np.arange(n_images),
                "pixel_row": np.arange(n_images),
                "modality": ["histology"] * n_images,
                "organ": ["breast"] * n_images,
                "labels": pa.array([[]] * n_images, IMAGES.field("labels").type),
            }
        ).select(IMAGES.names),
        IMAGES,
    )
    folds = [("train", "train", "train", "val", "test")[number // 3 % 5] for number in range(n_bags)]
    write_table(
        workspace.split,
        pa.table(
            {
                "image_id": image_ids,
                "patient_id": of_images,
                "fold": [folds[number // bag_size] for number in range(n_images)],
            }
        ),
        SPLIT,
    )
    write_table(
        workspace.labels,
        pa.table({"bag_id": bag_ids, "patient_id": bag_ids, "fold": folds, "set_id": pa.array(sets, pa.int32())}),
        LABELS,
    )
    write_table(
        workspace.label_sets,
        pa.table(
            {
                "set_id": pa.array(range(3), pa.int32()),
                "labels": pa.array([[0], [1], [2]], pa.list_(pa.int16())),
                "n_bags": np.bincount(sets),
            }
        ),
        LABEL_SETS,
    )
    Vocabulary(attribute="pathology", labels=["malignant", "benign", "normal"], n_unlabelled={}, n_bags={}).write(
        workspace.vocabulary
    )
    same = [(a, b, int(a == b)) for a in range(3) for b in range(3)]
    set_a, set_b, level = zip(*same, strict=True)
    write_table(
        workspace.similarity,
        pa.table(
            {
                "set_a": pa.array(set_a, pa.int32()),
                "set_b": pa.array(set_b, pa.int32()),
                "level": pa.array(level, pa.int16()),
                "jaccard": pa.array(level, pa.float64()),
            }
        ),
        SIMILARITY,
    )
    return workspace
