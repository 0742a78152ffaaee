"""The labels of a bag from those of its images: the worst image's, all of them, or only where they agree."""

from typing import Literal

import numpy as np


def label_bags(
    membership: np.ndarray,
    bags: np.ndarray,
    n_bags: int,
    no_finding: int | None,
    rule: Literal["worst", "union", "agree"],
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of every bag, bool (bags, labels), and whether it keeps its place, bool (bags,).

    membership: bool, (images, labels), labels from the worst to the mildest; bags: the bag of every image, (images,);
    no_finding: the column that says that nothing was found, which gives way to any finding.
    worst: of the image with the lowest column; of several such images, all their labels. union: of all images.
    agree: of any image; a bag whose images differ loses its place. A bag of one has its image's labels under each.
    """
    n_labels = membership.shape[1]
    chosen = membership
    if rule == "worst":
        rank = np.where(membership.any(axis=1), membership.argmax(axis=1), n_labels)
        worst = np.full(n_bags, n_labels)
        np.minimum.at(worst, bags, rank)
        chosen = membership & (rank == worst[bags])[:, None]
    labels = np.zeros((n_bags, n_labels), dtype=bool)
    np.logical_or.at(labels, bags, chosen)
    if rule == "agree":
        shared = np.ones((n_bags, n_labels), dtype=bool)
        np.logical_and.at(shared, bags, membership)
        return labels, (labels == shared).all(axis=1)
    if no_finding is not None and rule == "union":
        labels[:, no_finding] &= np.delete(labels, no_finding, axis=1).sum(axis=1) == 0
    return labels, np.ones(n_bags, dtype=bool)
