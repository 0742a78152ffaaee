"""Sub-codes by their widths, and an index in memory, for tests of preferences."""

from types import SimpleNamespace

import faiss
import numpy as np

from medhash.core.documents import SubCode

NAMES = ("modality", "organ", "pathology")


def parts(*widths, names=NAMES):
    """Sub-codes one after the other."""
    stops = np.cumsum(widths).tolist()
    return [
        SubCode(name=name, start=stop - width, stop=stop)
        for name, width, stop in zip(names, widths, stops, strict=False)
    ]


def in_memory(codes):
    """What `preferred` needs of an index, without a folder; codes: uint8, (n, bits / 8)."""
    index = faiss.IndexBinaryFlat(8 * codes.shape[1])
    index.add(codes)
    return SimpleNamespace(faiss_index=index, info=SimpleNamespace(n=len(codes), bits=8 * codes.shape[1]))
