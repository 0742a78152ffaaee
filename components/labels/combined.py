"""Labels that combine attributes: which combinations an archive's images have, and what each says of each attribute."""

from collections import defaultdict

import numpy as np
import pyarrow as pa

from medhash.core.attributes import COMBINATION, MODALITY, ORGAN, Values, combinations, parts, targets, values_of
from medhash.core.contracts import INCOMPLETE
from medhash.core.documents import Attribute, Vocabulary
from medhash.core.errors import MedhashError
from medhash.core.params import LabelParams

_SHOWN = 8


def combined_labels(images: pa.Table, settings: LabelParams) -> tuple[np.ndarray, np.ndarray]:
    """Image number and label of every combination that every image carries.

    images: contract IMAGES. An image that knows only some of its attributes has a combination with the others unknown.
    Raises MedhashError if an attribute of settings.structure is listed twice, is unknown for all images or has only one
    value. Also if a value, such as a pathology, occurs under two organs and is not in settings.shared_values, and for
    a setting that does not apply to combinations.
    """
    if settings.no_finding != "label":
        raise MedhashError(
            f"labels.no_finding: {settings.no_finding} with labels.attribute: {COMBINATION}",
            "set labels.no_finding to label: in a combination `No Finding` is a value like any other",
        )
    if repeated := [name for name in settings.structure if settings.structure.count(name) > 1]:
        raise MedhashError(f"labels.structure: {repeated[0]} is listed twice", "name every attribute once")
    known = {name: values_of(images, name) for name in settings.structure}
    for name, values in known.items():
        _require_values(images, name, values)
    if ORGAN in known:
        for name in known.keys() - {MODALITY, ORGAN}:
            _require_one_organ(name, known[name], known[ORGAN], settings.shared_values)
    found = [combinations(of_image) for of_image in zip(*known.values(), strict=True)]
    return (
        np.repeat(np.arange(len(found)), [len(labels) for labels in found]),
        np.array([label for labels in found for label in labels], dtype=object),
    )


def attributes_of(labels: list[str], structure: list[str]) -> list[Attribute]:
    """What combinations say of each attribute; values in alphabetical order."""
    split = [parts(label) for label in labels]
    attributes = []
    for place, name in enumerate(structure):
        values = sorted({said for row in split if (said := row[place]) is not None})
        attributes.append(
            Attribute(
                name=name,
                values=values,
                of_label=[None if row[place] is None else values.index(str(row[place])) for row in split],
            )
        )
    return attributes


def incomplete_cases(labels: pa.Table, label_sets: pa.Table, vocabulary: Vocabulary) -> pa.Table:
    """Contract INCOMPLETE: every case and attribute of the vocabulary that is not known of it.

    labels, label_sets: contracts LABELS and LABEL_SETS. Training leaves such a case out of the attribute's losses,
    evaluation out of its figures.
    """
    carried = np.zeros((label_sets.num_rows, len(vocabulary.labels)), dtype=bool)
    for row, members in enumerate(label_sets["labels"].to_pylist()):
        carried[row, members] = True
    set_ids = labels["set_id"].to_numpy()
    tables = []
    for attribute in vocabulary.attributes:
        unknown = np.logical_not(targets(carried, attribute.of_label, len(attribute.values)).any(axis=1))
        cases = labels.filter(pa.array(unknown[set_ids])).select(["bag_id", "fold"])
        tables.append(cases.append_column("attribute", pa.array([attribute.name] * cases.num_rows, pa.string())))
    return pa.concat_tables(tables).cast(INCOMPLETE) if tables else INCOMPLETE.empty_table()


def _require_values(images: pa.Table, name: str, values: list[Values]) -> None:
    distinct = sorted({value for of_image in values for value in of_image})
    if not distinct:
        offered = sorted(
            {MODALITY, ORGAN} | {label["attribute"] for labels in images["labels"].to_pylist() for label in labels}
        )
        raise MedhashError(
            f"labels.structure: {name!r} is known of no image", f"choose among {', '.join(offered)}, or take it out"
        )
    if len(distinct) == 1:
        raise MedhashError(
            f"labels.structure: every image that knows its {name} has the same one, {distinct[0]!r}, so "
            "there is nothing to distinguish",
            f"take {name} out of labels.structure, or ingest archives with another {name}",
        )


def _require_one_organ(name: str, values: list[Values], organs: list[Values], shared: list[str]) -> None:
    """A pathology belongs to an organ: `malignant` of two organs are two things, unless the settings say otherwise."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for of_image, of_organ in zip(values, organs, strict=True):
        for value in of_image:
            for organ in of_organ:
                counts[value][organ] += 1
    torn = {value: by_organ for value, by_organ in sorted(counts.items()) if len(by_organ) > 1 and value not in shared}
    if torn:
        listed = "; ".join(
            f"{value!r} under " + " and ".join(f"{organ} ({n:,} images)" for organ, n in sorted(by_organ.items()))
            for value, by_organ in list(torn.items())[:_SHOWN]
        )
        more = f" and {len(torn) - _SHOWN} more" if len(torn) > _SHOWN else ""
        raise MedhashError(
            f"a {name} occurs under two organs: {listed}{more}",
            f"fix the labels, give each organ's {name} a name of its own, or add it to "
            "labels.shared_values where it means the same in every organ",
        )
