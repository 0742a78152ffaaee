"""How far codes lie from the nearest gallery code of another patient."""

import faiss
import numpy as np
import pyarrow as pa

from components.index.search import Index, search

_BATCH = 1024


def among(index: Index, bag_ids: set[str]) -> Index:
    """The index of those entries only: what the model was released with, without what joined the gallery later."""
    kept = np.array([bag_id in bag_ids for bag_id in index.bag_ids.to_pylist()], dtype=bool)
    if kept.all():
        return index
    codes = index.faiss_index.reconstruct_n(0, index.info.n)[kept]
    part = faiss.IndexBinaryFlat(index.info.bits)
    part.add(np.ascontiguousarray(codes))
    patient_of = index.patient_of[kept]
    present = set(patient_of.tolist())
    return Index(
        index.info.model_copy(update={"n": int(kept.sum())}),
        part,
        index.bag_ids.filter(pa.array(kept)),
        index.set_ids[kept],
        patient_of,
        {patient: number for patient, number in index.patient_number.items() if number in present},
        np.bincount(patient_of, minlength=len(index.n_entries_of)),
    )


def nearest_distances(index: Index, codes: np.ndarray, patient_ids: np.ndarray) -> np.ndarray:
    """Hamming distance (bits) of each code to its nearest entry that is not of its own patient: float64, (N,).

    codes: uint8, (N, bits / 8). patient_ids: str, (N,). NaN where the gallery holds no other patient. An own case
    is no measure of how strange a case is: a follow-up would always look familiar.
    """
    found = np.full(len(codes), np.nan)
    own = np.array([patient in index.patient_number for patient in patient_ids.tolist()], dtype=bool)
    strangers = np.flatnonzero(~own)
    faiss.omp_set_num_threads(1)
    for start in range(0, len(strangers), _BATCH):
        rows = strangers[start : start + _BATCH]
        distances, _ = index.faiss_index.search(np.ascontiguousarray(codes[rows]), 1)
        found[rows] = distances[:, 0]
    for row in np.flatnonzero(own).tolist():
        nearest = search(index, codes[row], 1, exclude_patient=str(patient_ids[row]))
        if nearest:
            found[row] = nearest[0].distance
    return found
