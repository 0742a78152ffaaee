"""Separable images for the supervised methods: labels show in a few features, louder noise in the others."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pytest

from medhash.hashing.codes import binarise
from medhash.hashing.encoders import ENCODERS
from medhash.hashing.shallow.lsh import fit_lsh
from medhash.retrieval.measures.average_precision import average_precision
from medhash.retrieval.measures.histogram import relevance_histogram


class Images(NamedTuple):
    features: np.ndarray
    labels: np.ndarray


class Archive(NamedTuple):
    gallery: Images
    queries: Images


def images_of(n_images: int, random: np.random.Generator) -> Images:
    """One or two of four labels each; 8 features hold them (noise 0.5), 24 hold noise alone (1.5)."""
    means = np.random.default_rng(7).normal(size=(4, 8))
    labels = np.eye(4)[random.integers(0, 4, n_images)]
    labels = np.maximum(labels, np.eye(4)[random.integers(0, 4, n_images)] * (random.random((n_images, 1)) < 0.2))
    signal = labels @ means * 1.5 + random.normal(0, 0.5, (n_images, 8))
    features = np.concatenate([signal, random.normal(0, 1.5, (n_images, 24))], axis=1)
    return Images(features.astype(np.float32), labels.astype(np.float32))


@pytest.fixture(scope="session")
def archive() -> Archive:
    random = np.random.default_rng(0)
    return Archive(images_of(400, random), images_of(100, random))


@pytest.fixture(scope="session")
def map_of(archive: Archive) -> Callable[[Mapping[str, np.ndarray], str], float]:
    """MAP of the queries in the gallery, relevant = a label shared, under fitted tensors and an encoder's name."""

    def measure(tensors: Mapping[str, np.ndarray], encoder: str) -> float:
        every = np.concatenate([archive.queries.labels, archive.gallery.labels])
        sets, of_image = np.unique(every, axis=0, return_inverse=True)
        queries, gallery = (
            binarise(ENCODERS[encoder].relaxed(part.features, tensors)) for part in (archive.queries, archive.gallery)
        )
        patients, n_queries = np.arange(len(every)), len(queries)
        histogram = relevance_histogram(
            queries,
            gallery,
            of_image[:n_queries],
            of_image[n_queries:],
            (sets @ sets.T).astype(int),
            patients[:n_queries],
            patients[n_queries:],
        )
        return float(np.nanmean(average_precision(histogram).expected))

    return measure


@pytest.fixture(scope="session")
def lsh_map(archive: Archive, map_of: Callable[..., float]) -> float:
    return map_of(fit_lsh(*archive.gallery, 16, 0), "linear")
