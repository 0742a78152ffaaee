"""How far codes lie from the nearest gallery code of another patient."""

import faiss
import numpy as np

from components.index.search import Index, search

_BATCH = 1024


def nearest_distances(index: Index, codes: np.ndarray, patient_ids: np.ndarray) -> np.ndarray:
    """Hamming distance (bits) of each code to its nearest entry that is not of its own patient: float64, (N,).

    codes: uint8, (N, bits / 8). patient_ids: str, (N,). NaN where the gallery holds no other patient. An own image
    is no measure of how strange an image is: a follow-up would always look familiar.
    """
    found = np.full(len(codes), np.nan)
    own = np.array([patient in index.patient_number for patient in patient_ids.tolist()], dtype=bool)
    strangers = np.flatnonzero(~own)
    faiss.omp_set_num_threads(1)
    for start in range(0, len(strangers), _BATCH):
        rows = strangers[start:start + _BATCH]
        distances, _ = index.faiss_index.search(np.ascontiguousarray(codes[rows]), 1)
        found[rows] = distances[:, 0]
    for row in np.flatnonzero(own).tolist():
        nearest = search(index, codes[row], 1, exclude_patient=str(patient_ids[row]))
        if nearest:
            found[row] = nearest[0].distance
    return found
