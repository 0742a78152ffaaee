"""Pairwise similarity for the supervised shallow methods: two images are similar if they share a label."""

import numpy as np

from medhash.core.errors import MedhashError

MAX_LABELLED = 2_000
"""Images whose pairs a method looks at, as in KSH's paper."""


def labelled_sample(n_images: int, random: np.random.Generator) -> np.ndarray:
    """Rows of up to 2,000 images, drawn without replacement, ascending; all of them where there are no more."""
    if n_images <= MAX_LABELLED:
        return np.arange(n_images)
    return np.sort(random.choice(n_images, MAX_LABELLED, replace=False))


def similar_pairs(labels: np.ndarray) -> np.ndarray:
    """bool, (N, N): the two images share a label, or are one image. labels: multi-hot, (N, C).

    Raises MedhashError if no two images share a label, or all do: then there is nothing to learn from.
    """
    present = (labels > 0).astype(np.float32)
    similar: np.ndarray = present @ present.T > 0
    np.fill_diagonal(similar, True)
    need_both_kinds(int(similar.sum()) - len(labels), similar.size - len(labels))
    return similar


def signed_similarity(labels: np.ndarray) -> np.ndarray:
    """S, float64 (N, N): +1 where two images share a label and on the diagonal, else -1."""
    return np.where(similar_pairs(labels), 1.0, -1.0)


def need_both_kinds(n_similar: int, n_pairs: int) -> None:
    """Raises MedhashError unless some pairs of different images are similar and some are not."""
    if n_similar == 0:
        raise MedhashError(
            "no two training images share a label, so there is nothing to learn similarity from",
            "check the labels stage's vocabulary, or choose an unsupervised method (itq, sh, cbe, dh)",
        )
    if n_similar == n_pairs:
        raise MedhashError(
            "every two training images share a label, so there is nothing to tell apart",
            "check the labels stage's vocabulary, or choose an unsupervised method (itq, sh, cbe, dh)",
        )
