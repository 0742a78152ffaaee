"""Which evaluation a figure belongs to: one digest over who is asked, who is searched and what is relevant."""

import hashlib

import numpy as np

from components.index.code_table import PlacedCodes


def evaluation_digest(queries: PlacedCodes, gallery: PlacedCodes, levels: np.ndarray) -> str:
    """SHA-256 over the ids, patients and label sets of queries and gallery, and the levels between the sets.

    Figures are comparable where it is equal: the codes, and so the method, play no part.
    """
    digest = hashlib.sha256()
    for part in (queries, gallery):
        rows = zip(part.image_ids.tolist(), part.patient_ids.tolist(), part.set_ids.tolist(), strict=True)
        digest.update("".join(f"{image_id} {patient_id} {set_id}\n" for image_id, patient_id, set_id in rows).encode())
        digest.update(b"\n")
    digest.update(levels.astype("<i2").tobytes())
    return digest.hexdigest()
