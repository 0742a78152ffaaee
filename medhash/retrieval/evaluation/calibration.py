"""Calibration of memberships and of bit confidence on the test cases."""

import numpy as np
import pyarrow as pa

from medhash.core.attributes import targets
from medhash.core.contracts import is_certain
from medhash.core.documents import Attribute, Calibration, CalibrationBin
from medhash.hashing.codes import FULL_CONFIDENCE
from medhash.retrieval.code_table import PlacedCodes, code_info

N_CONFIDENCE_BINS = 10
WHOLE_CODE = "bits"


def calibrations(
    codes: pa.Table, placed: PlacedCodes, attributes: list[Attribute], carried: np.ndarray
) -> dict[str, Calibration]:
    """Attribute, and `bits` → calibration of the test cases; empty where the table keeps no confidence.

    codes: in bag_id order, as placed; carried: bool, (S, L), the combinations of each label set. Of an attribute: the
    greatest membership beside how often that value is right, of cases that know the attribute. Of bits: (1 + |h|) / 2,
    the chance of a bit of log odds 2 z where h = tanh(z), beside how often the bit is as most training cases' of the
    same label set (ties of a majority count one half).
    """
    if not is_certain(codes.schema):
        return {}
    asked = placed.folds == "test"
    found = {}
    of_attribute = {attribute.name: attribute for attribute in attributes}
    start = 0
    for name, values in code_info(codes.schema).memberships.items():
        stop = start + len(values)
        if name in of_attribute:
            membership = _rows(codes["membership"])[:, start:stop]
            attribute = of_attribute[name]
            has = targets(carried, attribute.of_label, len(attribute.values))[placed.set_ids]
            known = asked & has.any(axis=1)
            right = np.array(
                [
                    value in {attribute.values[place] for place in np.flatnonzero(row)}
                    for value, row in zip(
                        np.array(values, object)[membership[known].argmax(axis=1)], has[known], strict=True
                    )
                ],
                float,
            )
            if known.any():
                found[name] = calibration(membership[known].max(axis=1), right, 0.0)
        start = stop
    bits = _of_bits(codes, placed, asked)
    return found | ({WHOLE_CODE: bits} if bits is not None else {})


def calibration(confidence: np.ndarray, right: np.ndarray, lowest: float) -> Calibration:
    """Reliability in ten equal bins over (lowest, 1].

    confidence, right: (n,), right in [0, 1]. Source: Guo et al., On Calibration of Modern Neural Networks (ICML 2017),
    eqs. (1) to (3); bins closed above.
    """
    edges = np.linspace(lowest, 1, N_CONFIDENCE_BINS + 1)
    place = np.clip(
        np.ceil((confidence - lowest) / (1 - lowest) * N_CONFIDENCE_BINS).astype(int) - 1, 0, N_CONFIDENCE_BINS - 1
    )
    bins = [
        CalibrationBin(
            low=float(edges[number]),
            high=float(edges[number + 1]),
            n=int(inside.sum()),
            confidence=float(confidence[inside].mean()),
            accuracy=float(right[inside].mean()),
        )
        for number in range(N_CONFIDENCE_BINS)
        if (inside := place == number).any()
    ]
    error = sum(one.n * abs(one.accuracy - one.confidence) for one in bins) / len(confidence)
    return Calibration(n=len(confidence), bins=bins, expected_error=float(error))


def _of_bits(codes: pa.Table, placed: PlacedCodes, asked: np.ndarray) -> Calibration | None:
    ones = np.unpackbits(placed.codes, axis=1).astype(float)
    confidence = np.frombuffer(b"".join(codes["confidence"].to_pylist()), np.uint8).reshape(len(placed), -1)
    sure, agrees = [], []
    for set_id in np.unique(placed.set_ids[asked]):
        trained = (placed.folds == "train") & (placed.set_ids == set_id)
        tested = asked & (placed.set_ids == set_id)
        if trained.any():
            share = ones[trained].mean(axis=0)  # (K,)
            agrees.append(np.where(share == 0.5, 0.5, ones[tested] == (share > 0.5)).ravel())
            sure.append((1 + confidence[tested] / FULL_CONFIDENCE).ravel() / 2)
    return calibration(np.concatenate(sure), np.concatenate(agrees), 0.5) if sure else None


def _rows(column: pa.ChunkedArray) -> np.ndarray:
    """A column of lists of one length as float32, (n, V)."""
    lists = column.combine_chunks()
    return lists.flatten().to_numpy(zero_copy_only=False).reshape(len(lists), -1)
