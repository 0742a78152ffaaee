"""A small synthetic data set in the contracts' shapes, for tests of stages that come after ingest."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from medhash.core.contracts import (
    IMAGES,
    INCOMPLETE,
    LABEL_SETS,
    LABELS,
    REJECTED,
    SIMILARITY,
    SPLIT,
    codes_schema,
    read_table,
    write_table,
)
from medhash.core.documents import Vocabulary
from medhash.core.workspace import Workspace
from medhash.retrieval.members import read_members

LABELS_OF_SETS = [[0], [1], [2], [0, 1]]
"""Label set of set_id 0, 1, 2, 3 over the vocabulary below."""
VOCABULARY = ["Effusion", "Mass", "No Finding"]


def small_workspace(
    root: Path,
    n_patients: int = 30,
    images_per_patient: int = 4,
    size_px: int = 32,
    seed: int = 0,
    images_per_bag: int = 1,
    channels: int = 1,
) -> Workspace:
    """Write images, pixels, split, labels and similarity of patients whose images show their label set.

    The label set of an image decides where its bright square lies, so that a network can learn it.
    Patients 0-59 % are in train, 60-79 % in val, the rest in test.
    images_per_bag: a patient's images are cut into bags of so many, the last of them holding what is left; one image
    of a bag shows the label set that all of them carry, the others show no square.
    """
    workspace = Workspace(root)
    random = np.random.default_rng(seed)
    n_images = n_patients * images_per_patient
    patients = np.repeat(np.arange(n_patients), images_per_patient)
    within = np.arange(n_images) % images_per_patient
    bags = np.cumsum(within % images_per_bag == 0) - 1  # number of each image's bag
    sets = bags % len(LABELS_OF_SETS)
    folds = np.select([patients < 0.6 * n_patients, patients < 0.8 * n_patients], ["train", "val"], "test")
    image_ids = [f"{number:016x}" for number in range(n_images)]
    patient_ids = [f"{number:016x}" for number in patients + 10_000]
    bag_ids = image_ids if images_per_bag == 1 else [f"{number:016x}" for number in bags + 20_000]
    firsts = np.flatnonzero(np.diff(bags, prepend=-1))
    shows = firsts + np.arange(len(firsts)) % np.bincount(bags)

    pixels = random.integers(0, 80, (n_images, channels, size_px, size_px), dtype=np.uint8)
    half = size_px // 2
    for row in shows:
        top, left = (sets[row] // 2) * half, (sets[row] % 2) * half
        pixels[row, 0, top : top + half, left : left + half] += 120
    workspace.pixels.parent.mkdir(parents=True)
    np.save(workspace.pixels, pixels)

    names = [
        [{"attribute": "finding", "label": VOCABULARY[index]} for index in LABELS_OF_SETS[set_id]] for set_id in sets
    ]
    write_table(
        workspace.images,
        pa.table(
            {
                "image_id": image_ids,
                "patient_id": patient_ids,
                "study_id": image_ids,
                "bag_id": bag_ids,
                "source_row": np.arange(n_images) + 2,
                "sha256": [f"{number:064x}" for number in range(n_images)],
                "pixel_row": np.arange(n_images),
                "modality": ["xray"] * n_images,
                "organ": ["chest"] * n_images,
                "view": ["PA", "AP"] * (n_images // 2),
                "laterality": pa.nulls(n_images, pa.string()),
                "sex": ["F", "M"] * (n_images // 2),
                "age": pa.array(patients % 90, pa.int16()),
                "width": pa.array([1024] * n_images, pa.int32()),
                "height": pa.array([1024] * n_images, pa.int32()),
                "pixel_spacing": [0.143] * n_images,
                "region": pa.nulls(n_images, IMAGES.field("region").type),
                "burned_in": pa.nulls(n_images, pa.bool_()),
                "official_fold": ["test" if fold == "test" else "train_val" for fold in folds],
                "labels": pa.array(names, IMAGES.field("labels").type),
            }
        ),
        IMAGES,
    )
    write_table(workspace.rejected, REJECTED.empty_table(), REJECTED)
    write_table(workspace.split, pa.table({"image_id": image_ids, "patient_id": patient_ids, "fold": folds}), SPLIT)
    labels = pa.table(
        {"bag_id": bag_ids, "patient_id": patient_ids, "fold": folds, "set_id": pa.array(sets, pa.int32())}
    ).take(firsts)
    write_table(workspace.labels, labels, LABELS)
    write_table(workspace.incomplete, INCOMPLETE.empty_table(), INCOMPLETE)
    sets, folds = sets[firsts], folds[firsts]
    write_table(
        workspace.label_sets,
        pa.table(
            {
                "set_id": pa.array(range(len(LABELS_OF_SETS)), pa.int32()),
                "labels": pa.array(LABELS_OF_SETS, pa.list_(pa.int16())),
                "n_bags": np.bincount(sets),
            }
        ),
        LABEL_SETS,
    )
    counts = {
        name: {
            fold: int(sum(index in LABELS_OF_SETS[s] and f == fold for s, f in zip(sets, folds, strict=True)))
            for fold in ("train", "val", "test")
        }
        for index, name in enumerate(VOCABULARY)
    }
    Vocabulary(
        attribute="finding", labels=VOCABULARY, n_bags=counts, n_unlabelled={"train": 0, "val": 0, "test": 0}
    ).write(workspace.vocabulary)
    pairs = [
        (a, b, len(set(first) & set(second)), len(set(first) & set(second)) / len(set(first) | set(second)))
        for a, first in enumerate(LABELS_OF_SETS)
        for b, second in enumerate(LABELS_OF_SETS)
    ]
    set_a, set_b, level, jaccard = zip(*pairs, strict=True)
    write_table(
        workspace.similarity,
        pa.table(
            {
                "set_a": pa.array(set_a, pa.int32()),
                "set_b": pa.array(set_b, pa.int32()),
                "level": pa.array(level, pa.int16()),
                "jaccard": pa.array(jaccard, pa.float64()),
            }
        ),
        SIMILARITY,
    )
    return workspace


def write_codes(
    workspace: Workspace,
    method: str,
    codes: np.ndarray,
    model_digest: str = "0" * 64,
    of_images: np.ndarray | None = None,
) -> None:
    """Write packed codes (uint8, (bags, bits/8)) for the bags of a small workspace, in their order.

    of_images: the codes of its images, uint8 (images, bits/8), in their order, kept beside those of the bags.
    """
    labels = read_table(workspace.labels, LABELS)
    bits = codes.shape[1] * 8
    schema = codes_schema(bits)
    kind = schema.field("instances").type
    instances = pa.nulls(len(codes), kind)
    if of_images is not None:
        members = read_members(read_table(workspace.images, IMAGES)).of(labels["bag_id"].to_numpy())
        kept = pa.StructArray.from_arrays(
            [pa.array(members.image_ids), _packed(of_images[members.rows])], fields=list(kind.value_type)
        )
        instances = pa.ListArray.from_arrays(pa.array(members.starts, pa.int32()), kept)
    table = {"bag_id": labels["bag_id"], "fold": labels["fold"], "code": _packed(codes), "instances": instances}
    write_table(
        workspace.codes(method),
        pa.table(table),
        schema,
        {
            "medhash": json.dumps(
                {
                    "method": method,
                    "bits": bits,
                    "model_digest": model_digest,
                    "sub_codes": [{"name": "code", "start": 0, "stop": bits}],
                }
            )
        },
    )


def _packed(codes: np.ndarray) -> pa.FixedSizeBinaryArray:
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(codes.shape[1]), len(codes), [None, pa.py_buffer(np.ascontiguousarray(codes).tobytes())]
    )
