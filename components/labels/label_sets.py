"""Canonical label sets: the labels of a bag, independent of the order they were written in."""

import hashlib
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.labels.combined import attributes_of, combined_labels
from medhash.core.attributes import COMBINATION
from medhash.core.contracts import FOLDS, LABEL_SETS, LABELS
from medhash.core.documents import Vocabulary
from medhash.core.errors import MedhashError
from medhash.core.params import LabelParams
from medhash.core.vocabulary import NO_FINDING, choose_labels


def label_bags(
    membership: np.ndarray,
    bags: np.ndarray,
    n_bags: int,
    no_finding: int | None,
    rule: Literal["worst", "union", "agree"],
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of every bag, bool (bags, labels), and whether it keeps its place, bool (bags,).

    membership: bool, (images, labels), labels from the worst to the mildest; bags: the bag of every image, (images,);
    no_finding: the column of `No Finding`, which any finding replaces.
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


def draw_per_class(
    membership: np.ndarray, names: list[str], bag_ids: np.ndarray, n_per_class: int, seed: int, at_most: bool = False
) -> np.ndarray:
    """Draw n images of every class, the rarest class first: bool, (N,), True for n · C images.

    at_most: of a class with fewer than n images left, all of these instead of an error.

    membership: bool, (N, C), bag × class; names: the C classes; bag_ids: (N,). Each class draws among the bags
    that carry it and were not drawn before: those with the lowest SHA-256 of seed, class and bag id. So the draw is
    uniform and does not depend on the order of the tables. The class of fewest bags is first, equals in the order of
    `names`. A drawn bag counts for one class only, but keeps its other labels.
    Source: Order-Sensitive Deep Hashing, §4, takes 13,000 images of 13 classes and does not say which. We read
    it as 1,000 of each, rarest first. Raises MedhashError if a class has fewer than n images left.
    """
    drawn = np.zeros(len(membership), dtype=bool)
    for number in np.argsort(membership.sum(axis=0), kind="stable"):
        left = np.flatnonzero(membership[:, number] & ~drawn)
        if len(left) < n_per_class and not at_most:
            raise MedhashError(
                f"labels.images_per_class: {n_per_class} bags of {names[number]} are wanted; it has "
                f"{membership[:, number].sum()} bags, of which rarer classes left {len(left)}",
                "lower labels.images_per_class, or take that class out (labels.classes; for No Finding: "
                "labels.no_finding: exclude), in params.yaml",
            )
        keys = [
            hashlib.sha256(f"labels\0{seed}\0{names[number]}\0{bag_id}".encode()).digest() for bag_id in bag_ids[left]
        ]
        drawn[left[sorted(range(len(left)), key=keys.__getitem__)[:n_per_class]]] = True
    return drawn


def label_images(
    images: pa.Table, split: pa.Table, settings: LabelParams, seed: int
) -> tuple[pa.Table, pa.Table, Vocabulary]:
    """Give every bag of the split its label set.

    images, split: contracts IMAGES and SPLIT. Returns (LABELS sorted by bag_id, LABEL_SETS, vocabulary).
    set_id numbers the sets that occur by size, then by their sorted indices. A bag has the labels that settings.bag
    makes of its images' (label_bags); one whose labels are all outside the vocabulary has the empty set. `no_finding:
    exclude` leaves out bags all of whose images carry `No Finding`, `unlabelled: exclude` those that would have the
    empty set. Of what is left, `images_per_class: n` keeps n bags of every label of the vocabulary, drawn by the seed
    from all folds alike; `max_per_class: n` at most n. Of attribute `combination`, labels are combinations of
    settings.structure (labels.combined).
    Raises MedhashError if the two tables hold different images, or if a bag has several patients or folds. Also if the
    vocabulary does not fit the archive, or a class has too few bags.
    """
    split = split.sort_by("image_id")
    rows = pc.index_in(split["image_id"].combine_chunks(), value_set=images["image_id"].combine_chunks())
    if rows.null_count or images.num_rows != split.num_rows:
        raise MedhashError(
            f"split.parquet places {split.num_rows} images, images.parquet holds {images.num_rows}; "
            f"{rows.null_count} of the split are unknown",
            "run the stage split again",
        )
    images = images.take(rows)
    is_combined = settings.attribute == COMBINATION
    image, label, names = _combined(images, settings) if is_combined else _plain(images, settings)
    place = pc.index_in(pa.array(label, pa.string()), value_set=pa.array(names))
    index: np.ndarray = place.fill_null(-1).to_numpy()
    of_images = np.zeros((split.num_rows, len(names)), dtype=bool)  # (images, labels)
    of_images[image[index >= 0], index[index >= 0]] = True

    ids, first, bags = np.unique(
        np.asarray(images["bag_id"].to_numpy(), dtype=str), return_index=True, return_inverse=True
    )
    _refuse_torn_bags(ids, first, bags, split)
    if is_combined and settings.bag == "worst" and not settings.classes and len(ids) < len(bags):
        raise MedhashError(
            "labels.bag: worst follows the order of labels.classes, which is empty, and cases have several images",
            "set labels.bag to union, or name the combinations, the worst first",
        )
    membership, kept = label_bags(
        of_images, bags, len(ids), names.index(NO_FINDING) if NO_FINDING in names else None, settings.bag
    )
    if settings.no_finding == "exclude":
        without = np.ones(split.num_rows, dtype=bool)
        without[image[np.equal(label, NO_FINDING)]] = False
        kept &= np.bincount(bags, without, len(ids)) > 0
    if settings.unlabelled == "exclude":
        kept &= membership.any(axis=1)
    if not kept.any():
        raise MedhashError(
            f"labels.no_finding: {settings.no_finding} with labels.unlabelled: {settings.unlabelled} "
            f"and labels.bag: {settings.bag} leaves no bag",
            "choose label or empty for the first, keep "
            "for the second and worst for the third, or other labels.classes, in params.yaml",
        )
    if settings.images_per_class or settings.max_per_class:
        kept[kept] = draw_per_class(
            membership[kept],
            names,
            ids[kept],
            settings.images_per_class or settings.max_per_class,
            seed,
            at_most=not settings.images_per_class,
        )
    membership = membership[kept]
    fold = np.asarray(split["fold"].to_numpy(), dtype=str)[first][kept]

    sets, set_ids = _canonical(membership)
    labels = pa.table(
        {
            "bag_id": ids[kept],
            "patient_id": split["patient_id"].take(first[kept]),
            "fold": pa.array(fold, pa.string()),
            "set_id": pa.array(set_ids, pa.int32()),
        }
    ).cast(LABELS)
    label_sets = pa.table(
        {
            "set_id": pa.array(range(len(sets)), pa.int32()),
            "labels": pa.array(sets, pa.list_(pa.int16())),
            "n_bags": pa.array(np.bincount(set_ids, minlength=len(sets))),
        }
    ).cast(LABEL_SETS)
    counts = {
        name: {part: int(membership[fold == part, number].sum()) for part in FOLDS} for number, name in enumerate(names)
    }
    empty: np.ndarray = np.count_nonzero(membership, axis=1) == 0
    return (
        labels,
        label_sets,
        Vocabulary(
            attribute=settings.attribute,
            labels=names,
            n_bags=counts,
            attributes=attributes_of(names, settings.structure) if is_combined else [],
            n_unlabelled={part: int(empty[fold == part].sum()) for part in FOLDS},
        ),
    )


def _plain(images: pa.Table, settings: LabelParams) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Image number and label of every label of the attribute, and the vocabulary."""
    image, attribute, label = _flatten(images["labels"].combine_chunks())
    names = choose_labels({kind: set(label[np.equal(attribute, kind)]) for kind in sorted(set(attribute))}, settings)
    ours = np.equal(attribute, settings.attribute)
    return image[ours], label[ours], names


def _combined(images: pa.Table, settings: LabelParams) -> tuple[np.ndarray, np.ndarray, list[str]]:
    image, label = combined_labels(images, settings)
    return image, label, choose_labels({COMBINATION: set(label)}, settings)


def _refuse_torn_bags(ids: np.ndarray, first: np.ndarray, bags: np.ndarray, split: pa.Table) -> None:
    for name, what in (("patient_id", "patients"), ("fold", "folds")):
        values = np.asarray(split[name].to_numpy(), dtype=str)
        torn = values != values[first][bags]
        if torn.any():
            raise MedhashError(
                f"bag {ids[bags[torn.argmax()]]} has images of two {what}",
                "run the stages ingest and split again: a bag has one patient and one fold",
            )


def _flatten(labels: pa.ListArray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image number, attribute and label of every label of every image."""
    flat = pc.list_flatten(labels)
    return (
        np.asarray(pc.list_parent_indices(labels)),
        pc.struct_field(flat, "attribute").to_numpy(zero_copy_only=False),
        pc.struct_field(flat, "label").to_numpy(zero_copy_only=False),
    )


def _canonical(membership: np.ndarray) -> tuple[list[list[int]], np.ndarray]:
    """The distinct rows of a bool matrix (bags, labels) as index lists in canonical order, and each row's place."""
    distinct, inverse = np.unique(np.packbits(membership, axis=1), axis=0, return_inverse=True)
    bits = np.unpackbits(distinct, axis=1, count=membership.shape[1])
    sets = [np.flatnonzero(row).tolist() for row in bits]
    order = sorted(range(len(sets)), key=lambda number: (len(sets[number]), sets[number]))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return [sets[number] for number in order], place[inverse.reshape(-1)]
