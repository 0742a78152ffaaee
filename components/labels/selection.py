"""Balanced selection: as many cases of every class, drawn from an archive where classes differ in size by far."""

import hashlib

import numpy as np

from components.errors import MedhashError


def draw_per_class(
    membership: np.ndarray, names: list[str], bag_ids: np.ndarray, n_per_class: int, seed: int, at_most: bool = False
) -> np.ndarray:
    """Draw n images of every class, the rarest class first: bool, (N,), True for n · C images.

    at_most: of a class with fewer than n images left, all of these instead of an error.

    membership: bool, (N, C), bag × class; names: the C classes; bag_ids: (N,). Each class draws among the bags
    that carry it and were not drawn before, each as likely: those with the lowest SHA-256 of seed, class and bag
    id, so that the order of the tables plays no part. The class of fewest bags is first, equals in the order of
    `names`. A drawn bag counts for one class only, but keeps its other labels.
    Source: Order-Sensitive Deep Hashing, §4, takes 13,000 images of 13 classes and does not say which; 1,000 of each,
    rarest first, is our reading. Raises MedhashError if a class has fewer than n images left.
    """
    drawn = np.zeros(len(membership), dtype=bool)
    for number in np.argsort(membership.sum(axis=0), kind="stable"):
        left = np.flatnonzero(membership[:, number] & ~drawn)
        if len(left) < n_per_class and not at_most:
            raise MedhashError(
                f"labels.images_per_class: {n_per_class} bags of {names[number]} are asked for; it has "
                f"{membership[:, number].sum()} bags, of which rarer classes left {len(left)}",
                "lower labels.images_per_class, or take that class out (labels.classes; for No Finding: "
                "labels.no_finding: exclude), in params.yaml",
            )
        keys = [
            hashlib.sha256(f"labels\0{seed}\0{names[number]}\0{bag_id}".encode()).digest() for bag_id in bag_ids[left]
        ]
        drawn[left[sorted(range(len(left)), key=keys.__getitem__)[:n_per_class]]] = True
    return drawn
