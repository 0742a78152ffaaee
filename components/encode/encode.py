"""Binary codes of all labelled images that have pixels, by a trained model."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from components.contracts import IMAGES, LABELS, codes_schema, read_table, write_table
from components.errors import MedhashError
from components.hashing.codes import binarise
from components.hashing.model import HashModel
from components.workspace import Workspace


def encode_images(workspace: Workspace, model: HashModel, batch_size: int = 256,
                  known: Mapping[str, bytes] | None = None) -> tuple[list[str], list[str], np.ndarray]:
    """Image ids in order, their folds, and their codes packed as uint8 (images, bits/8).

    Every image counts that stands in labels.parquet and has pixels. Shallow models read the features stage's
    vectors. known: image id → packed code of images that this model encoded before, which are not encoded again.
    Raises MedhashError if there is nothing to encode, or pixels or features do not fit the tables.
    """
    labels = read_table(workspace.labels, LABELS)
    images = read_table(workspace.images, IMAGES).select(["image_id", "pixel_row"])
    rows = dict(zip(images["image_id"].to_pylist(), images["pixel_row"].to_pylist(), strict=True))
    chosen = sorted((image_id, fold) for image_id, fold in zip(labels["image_id"].to_pylist(),
                                                               labels["fold"].to_pylist(), strict=True)
                    if rows.get(image_id) is not None)
    if not chosen:
        raise MedhashError("no labelled image has pixels, so there is nothing to encode",
                           "run ingest with the archive's images (ingest.metadata_only: false)")
    known = known or {}
    packed = np.zeros((len(chosen), model.spec.bits // 8), np.uint8)
    for place, (image_id, _) in enumerate(chosen):
        if image_id in known:
            packed[place] = np.frombuffer(known[image_id], np.uint8)
    places = np.array([place for place, (image_id, _) in enumerate(chosen) if image_id not in known], np.int64)
    pixel_rows = np.array([rows[chosen[place][0]] for place in places], np.int64)
    shallow = model.spec.family == "shallow"
    source = workspace.features(model.spec.input) if shallow else workspace.pixels
    inputs = _inputs(source, int(pixel_rows.max(initial=-1)) + 1)
    relaxed_codes = model.relaxed_features if shallow else model.relaxed_pixels
    with tqdm(total=len(places), desc=f"encode {model.spec.method}", unit="image", disable=None) as progress:
        for start in range(0, len(places), batch_size):
            batch = slice(start, start + batch_size)
            packed[places[batch]] = binarise(relaxed_codes(inputs[pixel_rows[batch]]))
            progress.update(len(places[batch]))
    return [image_id for image_id, _ in chosen], [fold for _, fold in chosen], packed


def write_codes(path: Path, model: HashModel, image_ids: list[str], folds: list[str], packed: np.ndarray) -> None:
    """Write a code table with the model's name, digest and sub-codes in its metadata (contract codes_schema)."""
    spec = model.spec
    code = pa.FixedSizeBinaryArray.from_buffers(pa.binary(spec.bits // 8), len(packed),
                                                [None, pa.py_buffer(np.ascontiguousarray(packed).tobytes())])
    about = {"method": spec.method, "bits": spec.bits, "model_digest": model.digest,
             "sub_codes": [sub_code.model_dump() for sub_code in spec.sub_codes]}
    write_table(path, pa.table({"image_id": image_ids, "fold": folds, "code": code}), codes_schema(spec.bits),
                {"medhash": json.dumps(about, sort_keys=True)})


def _inputs(path: Path, n_needed: int) -> np.ndarray:
    if not path.exists():
        raise MedhashError(f"{path} does not exist", "run the stage that writes it, or `dvc repro`")
    inputs: np.ndarray = np.load(path, mmap_mode="r")
    if len(inputs) < n_needed:
        raise MedhashError(f"{path} has {len(inputs)} rows, but images.parquet points to row {n_needed - 1}",
                           "run ingest and features again")
    return inputs
