"""A small synthetic data set in the contracts' shapes, for tests of stages that come after ingest."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.contracts import IMAGES, LABEL_SETS, LABELS, REJECTED, SIMILARITY, SPLIT, codes_schema, write_table
from components.documents import Vocabulary
from components.workspace import Workspace

LABELS_OF_SETS = [[0], [1], [2], [0, 1]]
"""Label set of set_id 0, 1, 2, 3 over the vocabulary below."""
VOCABULARY = ["Effusion", "Mass", "No Finding"]


def small_workspace(root: Path, n_patients: int = 30, images_per_patient: int = 4, size_px: int = 32,
                    seed: int = 0) -> Workspace:
    """Write images, pixels, split, labels and similarity of patients whose images show their label set.

    The label set of an image decides where its bright square lies, so that a network can learn it.
    Patients 0-59 % are in train, 60-79 % in val, the rest in test.
    """
    workspace = Workspace(root)
    random = np.random.default_rng(seed)
    n_images = n_patients * images_per_patient
    patients = np.repeat(np.arange(n_patients), images_per_patient)
    sets = np.arange(n_images) % len(LABELS_OF_SETS)
    folds = np.select([patients < 0.6 * n_patients, patients < 0.8 * n_patients], ["train", "val"], "test")
    image_ids = [f"{number:016x}" for number in range(n_images)]
    patient_ids = [f"{number:016x}" for number in patients + 10_000]

    pixels = random.integers(0, 80, (n_images, 1, size_px, size_px), dtype=np.uint8)
    half = size_px // 2
    for row, set_id in enumerate(sets):
        top, left = (set_id // 2) * half, (set_id % 2) * half
        pixels[row, 0, top:top + half, left:left + half] += 120
    workspace.pixels.parent.mkdir(parents=True)
    np.save(workspace.pixels, pixels)

    names = [[{"attribute": "finding", "label": VOCABULARY[index]} for index in LABELS_OF_SETS[set_id]]
             for set_id in sets]
    write_table(workspace.images, pa.table({
        "image_id": image_ids, "patient_id": patient_ids, "study_id": image_ids, "bag_id": image_ids,
        "source_row": np.arange(n_images) + 2, "sha256": [f"{number:064x}" for number in range(n_images)],
        "pixel_row": np.arange(n_images), "modality": ["xray"] * n_images, "organ": ["chest"] * n_images,
        "view": ["PA", "AP"] * (n_images // 2), "laterality": pa.nulls(n_images, pa.string()),
        "sex": ["F", "M"] * (n_images // 2), "age": pa.array(patients % 90, pa.int16()),
        "width": pa.array([1024] * n_images, pa.int32()), "height": pa.array([1024] * n_images, pa.int32()),
        "pixel_spacing": [0.143] * n_images, "region": pa.nulls(n_images, IMAGES.field("region").type), "burned_in": pa.nulls(n_images, pa.bool_()),
        "official_fold": ["test" if fold == "test" else "train_val" for fold in folds], "labels": pa.array(
            names, IMAGES.field("labels").type),
    }), IMAGES)
    write_table(workspace.rejected, REJECTED.empty_table(), REJECTED)
    write_table(workspace.split, pa.table({"image_id": image_ids, "patient_id": patient_ids, "fold": folds}), SPLIT)
    write_table(workspace.labels, pa.table({"bag_id": image_ids, "patient_id": patient_ids, "fold": folds,
                                            "set_id": pa.array(sets, pa.int32())}), LABELS)
    write_table(workspace.label_sets, pa.table({
        "set_id": pa.array(range(len(LABELS_OF_SETS)), pa.int32()),
        "labels": pa.array(LABELS_OF_SETS, pa.list_(pa.int16())),
        "n_bags": np.bincount(sets)}), LABEL_SETS)
    counts = {name: {fold: int(sum(index in LABELS_OF_SETS[s] and f == fold for s, f in zip(sets, folds, strict=True)))
                     for fold in ("train", "val", "test")} for index, name in enumerate(VOCABULARY)}
    Vocabulary(attribute="finding", labels=VOCABULARY, n_bags=counts,
               n_unlabelled={"train": 0, "val": 0, "test": 0}).write(workspace.vocabulary)
    pairs = [(a, b, len(set(first) & set(second)), len(set(first) & set(second)) / len(set(first) | set(second)))
             for a, first in enumerate(LABELS_OF_SETS) for b, second in enumerate(LABELS_OF_SETS)]
    set_a, set_b, level, jaccard = zip(*pairs, strict=True)
    write_table(workspace.similarity, pa.table({
        "set_a": pa.array(set_a, pa.int32()), "set_b": pa.array(set_b, pa.int32()),
        "level": pa.array(level, pa.int16()), "jaccard": pa.array(jaccard, pa.float64())}), SIMILARITY)
    return workspace


def write_codes(workspace: Workspace, method: str, codes: np.ndarray, model_digest: str = "0" * 64) -> None:
    """Write packed codes (uint8, (images, bits/8)) for the images of a small workspace, in their order."""
    from components.contracts import read_table
    labels = read_table(workspace.labels, LABELS)
    bits = codes.shape[1] * 8
    schema = codes_schema(bits)
    packed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(bits // 8), len(codes),
                                                  [None, pa.py_buffer(np.ascontiguousarray(codes).tobytes())])
    write_table(workspace.codes(method), pa.table({"bag_id": labels["bag_id"], "fold": labels["fold"], "code": packed,
                                                   "instances": pa.nulls(len(codes), schema.field("instances").type)}), schema,
                {"medhash": json.dumps({"method": method, "bits": bits, "model_digest": model_digest,
                                        "sub_codes": [{"name": "code", "start": 0, "stop": bits}]})})
