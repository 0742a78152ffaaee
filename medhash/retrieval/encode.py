"""Binary codes of all labelled cases that have pixels, by a trained model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from medhash.core.contracts import IMAGES, LABELS, codes_schema, read_table, write_table
from medhash.core.documents import ModelSpec
from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.hashing.bags import members_of, whole_bags
from medhash.hashing.codes import Certainty
from medhash.hashing.features import kinds_of
from medhash.hashing.model import HashModel
from medhash.retrieval.features import JoinedRows, require_weights
from medhash.retrieval.members import Members, read_members


class Encoded(NamedTuple):
    """The codes of n bags, in bag_id order."""

    folds: list[str]
    codes: np.ndarray
    """uint8, (n, bits / 8)"""
    members: Members
    """The bags and their images, of the same order."""
    instances: np.ndarray | None
    """The code of each image by itself, uint8, (m, bits / 8); None if not requested."""
    confidence: np.ndarray | None = None
    """Confidence of each bit, uint8, (n, bits); None if not requested."""
    membership: np.ndarray | None = None
    """In the values of the model's attributes, float32, (n, V); None without attributes, or if not requested."""


class KnownCode(NamedTuple):
    """The packed code of a bag, and if kept, those of its images in image_id order, and its confidence."""

    code: bytes
    instances: list[bytes] | None = None
    confidence: bytes | None = None
    membership: list[float] | None = None


def encode_bags(
    workspace: Workspace,
    model: HashModel,
    *,
    instances: bool = False,
    confidence: bool = False,
    batch_size: int = 256,
    known: Mapping[str, KnownCode] | None = None,
) -> Encoded:
    """The code of every bag that is in labels.parquet and has an image with pixels.

    Shallow models and heads read features. instances: also the code of every image by itself. confidence: also the
    confidence of each bit, and memberships. batch_size: images at a time. known: bag_id → earlier code by this model
    of the same images, which are not encoded again.
    Raises MedhashError if there is nothing to encode, or pixels or features do not fit the tables.
    """
    labels = read_table(workspace.labels, LABELS)
    fold_of = dict(zip(labels["bag_id"].to_pylist(), labels["fold"].to_pylist(), strict=True))
    members = read_members(read_table(workspace.images, IMAGES))
    members = members.take(np.flatnonzero([bag_id in fold_of for bag_id in members.bag_ids.tolist()]))
    if not len(members):
        raise MedhashError(
            "no labelled image has pixels, so there is nothing to encode",
            "run ingest with the archive's images (ingest.metadata_only: false)",
        )
    codes = np.zeros((len(members), model.spec.bits // 8), np.uint8)
    of_images = np.zeros((len(members.rows), model.spec.bits // 8), np.uint8)
    certain = _Certain(len(members), model.spec) if confidence else None
    places = _take_known(known or {}, members, codes, of_images if instances else None, certain)
    asked = members.take(places)
    n_needed = int(asked.rows.max(initial=-1)) + 1
    inputs = model_inputs(workspace, model.spec, n_needed)
    positions = members_of(members.starts, places)
    with tqdm(total=len(asked.rows), desc=f"encode {model.spec.method}", unit="image", disable=None) as progress:
        for bags in whole_bags(asked.starts, batch_size):
            starts = asked.starts[bags.start : bags.stop + 1]
            span = slice(starts[0], starts[-1])
            coded = model.codes(inputs[asked.rows[span]], starts - starts[0])
            codes[places[bags]], of_images[positions[span]] = coded.bags, coded.instances
            if certain is not None:
                certain.put(places[bags], model.certainty(inputs[asked.rows[span]], starts - starts[0]))
            progress.update(len(asked.rows[span]))
    return Encoded(
        [fold_of[bag_id] for bag_id in members.bag_ids.tolist()],
        codes,
        members,
        of_images if instances else None,
        *(certain.kept() if certain is not None else (None, None)),
    )


class _Certain:
    """Confidence and memberships of n bags, filled in as they are encoded."""

    def __init__(self, n_bags: int, spec: ModelSpec) -> None:
        self.bits = np.zeros((n_bags, spec.bits), np.uint8)
        self.membership = np.zeros((n_bags, sum(len(attribute.values) for attribute in spec.attributes)), np.float32)

    def put(self, places: np.ndarray, found: Certainty) -> None:
        self.bits[places] = found.bits
        if found.membership is not None:
            self.membership[places] = found.membership

    def take(self, place: int, known: KnownCode) -> bool:
        """Fill in a bag's known values; whether they are complete."""
        membership = known.membership or []
        if known.confidence is None or len(membership) != self.membership.shape[1]:
            return False
        self.bits[place], self.membership[place] = np.frombuffer(known.confidence, np.uint8), membership
        return True

    def kept(self) -> tuple[np.ndarray, np.ndarray | None]:
        return self.bits, self.membership if self.membership.shape[1] else None


def write_codes(path: Path, model: HashModel, encoded: Encoded) -> None:
    """Write a code table with the model's name, digest and sub-codes in its metadata (contract codes_schema)."""
    spec, members = model.spec, encoded.members
    schema = codes_schema(spec.bits, encoded.confidence is not None)
    kind = schema.field("instances").type
    if encoded.instances is None:
        instances = pa.nulls(len(members), kind)
    else:
        of_images = pa.StructArray.from_arrays(
            [pa.array(members.image_ids), _packed(encoded.instances)], fields=list(kind.value_type)
        )
        instances = pa.ListArray.from_arrays(pa.array(members.starts, pa.int32()), of_images)
    about: dict[str, Any] = {
        "method": spec.method,
        "bits": spec.bits,
        "model_digest": model.digest,
        "sub_codes": [sub_code.model_dump() for sub_code in spec.sub_codes],
    }
    if encoded.membership is not None:
        about["memberships"] = {attribute.name: attribute.values for attribute in spec.attributes}
    columns = {"bag_id": members.bag_ids, "fold": encoded.folds, "code": _packed(encoded.codes), "instances": instances}
    if encoded.confidence is not None:
        columns["confidence"] = _packed(encoded.confidence)
        columns["membership"] = (
            pa.nulls(len(members), pa.list_(pa.float32()))
            if encoded.membership is None
            else pa.ListArray.from_arrays(
                pa.array(np.arange(len(members) + 1) * encoded.membership.shape[1], pa.int32()),
                pa.array(encoded.membership.ravel(), pa.float32()),
            )
        )
    write_table(path, pa.table(columns), schema, {"medhash": json.dumps(about, sort_keys=True)})


def _take_known(
    known: Mapping[str, KnownCode],
    members: Members,
    codes: np.ndarray,
    of_images: np.ndarray | None,
    certain: _Certain | None,
) -> np.ndarray:
    """Fill in known codes, and return the places of the bags that are still to be encoded."""
    left = []
    for place, (bag_id, size) in enumerate(zip(members.bag_ids.tolist(), members.sizes.tolist(), strict=True)):
        found = known.get(bag_id)
        kept = found.instances if found is not None else None
        if (
            found is None
            or (of_images is not None and (kept is None or len(kept) != size))
            or (certain is not None and not certain.take(place, found))
        ):
            left.append(place)
            continue
        codes[place] = np.frombuffer(found.code, np.uint8)
        if of_images is not None and kept is not None:
            span = slice(members.starts[place], members.starts[place + 1])
            of_images[span] = np.frombuffer(b"".join(kept), np.uint8).reshape(size, -1)
    return np.array(left, np.int64)


def _packed(codes: np.ndarray) -> pa.FixedSizeBinaryArray:
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(codes.shape[1]), len(codes), [None, pa.py_buffer(np.ascontiguousarray(codes).tobytes())]
    )


def model_inputs(workspace: Workspace, spec: ModelSpec, n_needed: int) -> "np.ndarray | JoinedRows":
    """What a model encodes, a row per image of the store: pixels, or features of its kinds.

    Raises MedhashError if a file is missing or has fewer rows, or features were made with other weights than the model
    carries.
    """
    if spec.input == "pixels":
        return _inputs(workspace.pixels, n_needed)
    require_weights(workspace, spec.input, str(spec.settings.get("backbone_sha256")))
    return JoinedRows([_inputs(workspace.features(kind), n_needed) for kind in kinds_of(spec.input)])


def _inputs(path: Path, n_needed: int) -> np.ndarray:
    if not path.exists():
        raise MedhashError(f"{path} does not exist", "run the stage that writes it, or `dvc repro`")
    inputs: np.ndarray = np.load(path, mmap_mode="r")
    if len(inputs) < n_needed:
        raise MedhashError(
            f"{path} has {len(inputs)} rows, but images.parquet points to row {n_needed - 1}",
            "run ingest and features again",
        )
    return inputs
