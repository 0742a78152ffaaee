"""Holding a released index to today's tables, to its code table and to its model, image by image."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from components.evaluate.tables import Tables
from components.hashing.codes import binarise
from components.hashing.model import HashModel, load_model
from components.index.build import GALLERY_FOLDS
from components.index.code_table import read_codes, unpacked_bytes
from components.index.search import Index, load_index
from components.promote.clauses.gallery import GalleryFacts
from components.promote.release import LabelSets
from components.quality.arrays import open_array
from components.workspace import Workspace

N_ENCODED = 64
"""Images encoded again, spread evenly over the gallery."""


def gallery_facts(workspace: Workspace, release: Path) -> GalleryFacts:
    """Count what differs. release: its folder, whose parts were checked to belong together."""
    tables, codes = Tables.read(workspace), read_codes(release / "codes.parquet")
    index, sets = load_index(release / "index"), LabelSets.read(release / "labels.json").sets
    wanted = dict(_gallery(tables))
    code_of = dict(zip(codes["image_id"].to_pylist(), unpacked_bytes(codes["code"].combine_chunks()), strict=True))
    stored = index.faiss_index.reconstruct_n(0, index.info.n)                       # uint8, (n, bits / 8)
    names = {number: patient for patient, number in index.patient_number.items()}
    seen: set[str] = set()
    foreign = other_patient = other_labels = other_code = 0
    for row, image_id in enumerate(index.image_ids.to_pylist()):
        if image_id not in wanted or image_id in seen:
            foreign += 1
            continue
        seen.add(image_id)
        patient, labels = wanted[image_id]
        other_patient += names[int(index.patient_of[row])] != patient
        other_labels += sorted(sets[index.set_ids[row]]) != labels
        other_code += image_id not in code_of or bool((stored[row] != code_of[image_id]).any())
    n_encoded, n_differing = _encoded_again(workspace, load_model(release / "model"), index, stored, tables)
    return GalleryFacts(len(wanted), len(wanted.keys() - seen), foreign, other_patient, other_labels, other_code,
                        n_encoded, n_encoded * index.info.bits, n_differing)


def _gallery(tables: Tables) -> Iterator[tuple[str, tuple[str, list[str]]]]:
    """Image id, patient and label names of every labelled image of the gallery's folds that has pixels."""
    sets, names = tables.labels_by_set(), tables.vocabulary.labels
    set_of = dict(zip(tables.labels["image_id"].to_pylist(), tables.labels["set_id"].to_pylist(), strict=True))
    with_pixels = pixel_rows(tables)
    for image_id, patient, fold in zip(*(tables.split[name].to_pylist() for name in tables.split.column_names),
                                       strict=True):
        if fold in GALLERY_FOLDS and image_id in set_of and image_id in with_pixels:
            yield image_id, (patient, sorted(names[index] for index in sets[set_of[image_id]]))


def pixel_rows(tables: Tables) -> dict[str, int]:
    """Image id → row of the pixel store, of the images that have pixels."""
    return {image_id: row for image_id, row in zip(tables.images["image_id"].to_pylist(),
                                                   tables.images["pixel_row"].to_pylist(), strict=True)
            if row is not None}


def _encoded_again(workspace: Workspace, model: HashModel, index: Index, stored: np.ndarray,
                   tables: Tables) -> tuple[int, int]:
    """How many images of the index were encoded again, and how many bits differ from what the index stores."""
    row_of, image_ids = pixel_rows(tables), index.image_ids.to_pylist()
    known = [position for position, image_id in enumerate(image_ids) if image_id in row_of]
    if not known:
        return 0, 0
    spread = np.unique(np.linspace(0, len(known) - 1, min(N_ENCODED, len(known))).astype(int))
    chosen = [known[place] for place in spread]
    pixels = open_array(workspace.pixels, "ingest")[[row_of[image_ids[position]] for position in chosen]]
    codes = binarise(model.relaxed_pixels(pixels))
    return len(chosen), int(np.bitwise_count(codes ^ stored[chosen]).sum())
