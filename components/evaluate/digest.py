"""Which evaluation a figure belongs to: one digest over who is asked, who is searched and what is relevant."""

import hashlib

import numpy as np

from components.index.code_table import PlacedCodes

_BLOCK_ROWS = 4096


def evaluation_digest(queries: PlacedCodes, gallery: PlacedCodes, levels: np.ndarray) -> str:
    """SHA-256 over the ids, patients and label sets of queries and gallery, and the levels between the sets.

    Figures are comparable where it is equal: the codes, and so the method, play no part.
    """
    digest = hashlib.sha256()
    for part in (queries, gallery):
        for start in range(0, len(part), _BLOCK_ROWS):
            rows = zip(
                *(
                    column[start : start + _BLOCK_ROWS].tolist()
                    for column in (part.bag_ids, part.patient_ids, part.set_ids)
                ),
                strict=True,
            )
            text = "".join(f"{bag_id} {patient_id} {set_id}\n" for bag_id, patient_id, set_id in rows)
            digest.update(text.encode())
        digest.update(b"\n")
    digest.update(levels.astype("<i2").tobytes())
    return digest.hexdigest()
