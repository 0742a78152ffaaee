"""Holding a released index to today's tables, to its code table and to its model, bag by bag."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from medhash.core.arrays import open_array
from medhash.core.workspace import Workspace
from medhash.hashing.model import HashModel, load_model
from medhash.releases.promotion.clauses import GalleryFacts
from medhash.releases.release import LabelSets
from medhash.retrieval.code_table import read_codes, unpacked_bytes
from medhash.retrieval.evaluation.tables import Tables
from medhash.retrieval.index import GALLERY_FOLDS, Index, load_index
from medhash.retrieval.members import Members, read_members

N_ENCODED = 64
"""Bags encoded again, spread evenly over the gallery."""


def gallery_facts(workspace: Workspace, release: Path) -> GalleryFacts:
    """Count what differs. release: its folder, whose parts were checked to belong together."""
    tables, codes = Tables.read(workspace), read_codes(release / "codes.parquet")
    index, sets = load_index(release / "index"), LabelSets.read(release / "labels.json").sets
    members = read_members(tables.images)
    wanted = dict(_gallery(tables, members))
    code_of = dict(zip(codes["bag_id"].to_pylist(), unpacked_bytes(codes["code"].combine_chunks()), strict=True))
    stored = index.faiss_index.reconstruct_n(0, index.info.n)  # uint8, (n, bits / 8)
    names = {number: patient for patient, number in index.patient_number.items()}
    seen: set[str] = set()
    foreign = other_patient = other_labels = other_code = 0
    for row, bag_id in enumerate(index.bag_ids.to_pylist()):
        if bag_id not in wanted or bag_id in seen:
            foreign += 1
            continue
        seen.add(bag_id)
        patient, labels = wanted[bag_id]
        other_patient += names[int(index.patient_of[row])] != patient
        other_labels += sorted(sets[index.set_ids[row]]) != labels
        other_code += bag_id not in code_of or bool((stored[row] != code_of[bag_id]).any())
    n_encoded, n_differing = _encoded_again(workspace, load_model(release / "model"), index, stored, members)
    return GalleryFacts(
        len(wanted),
        len(wanted.keys() - seen),
        foreign,
        other_patient,
        other_labels,
        other_code,
        n_encoded,
        n_encoded * index.info.bits,
        n_differing,
    )


def _gallery(tables: Tables, members: Members) -> Iterator[tuple[str, tuple[str, list[str]]]]:
    """Bag id, patient and label names of every labelled bag of the gallery's folds that has pixels."""
    sets, names = tables.labels_by_set(), tables.vocabulary.labels
    with_pixels = set(members.bag_ids.tolist())
    for row in tables.labels.to_pylist():
        if row["fold"] in GALLERY_FOLDS and row["bag_id"] in with_pixels:
            yield row["bag_id"], (row["patient_id"], sorted(names[index] for index in sets[row["set_id"]]))


def _encoded_again(
    workspace: Workspace, model: HashModel, index: Index, stored: np.ndarray, members: Members
) -> tuple[int, int]:
    """How many bags of the index were encoded again, and how many bits differ from what the index stores."""
    bag_ids = np.asarray(index.bag_ids.to_numpy(), dtype=str)
    known = np.flatnonzero(np.isin(bag_ids, members.bag_ids))
    if not len(known):
        return 0, 0
    chosen = known[np.unique(np.linspace(0, len(known) - 1, min(N_ENCODED, len(known))).astype(int))]
    again = members.of(bag_ids[chosen])
    coded = model.codes(open_array(workspace.pixels, "ingest")[again.rows], again.starts)
    return len(chosen), int(np.bitwise_count(coded.bags ^ stored[chosen]).sum())
