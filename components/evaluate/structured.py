"""Figures of labels that combine attributes: by each attribute, by each sub-code, by preference, for unseen ones."""

import numpy as np
import pyarrow as pa

from components.documents import AttributeFigures, StructuredFigures
from components.evaluate.by_attribute import AttributeRelevance, attribute_figures, figures_of
from components.evaluate.calibration import calibrations
from components.evaluate.exchanged import exchanged_map
from components.evaluate.preferring import satisfaction, sub_code
from components.evaluate.ranked import Ranked, rank_by_hamming
from components.evaluate.tables import Tables
from components.index.code_table import PlacedCodes, code_info
from components.params import EvaluateParams

SEEN, HELD_OUT = "seen", "held out"


def structured_figures(
    codes: pa.Table,
    placed: PlacedCodes,
    ranked: Ranked,
    tables: Tables,
    settings: EvaluateParams,
    seed: int,
    threads: int | None,
) -> StructuredFigures | None:
    """Document StructuredFigures of test queries against train and val; None where labels combine no attributes.

    codes, placed: the code table in bag_id order, and it with its folds and label sets; ranked: its test queries.
    """
    attributes = tables.vocabulary.attributes
    if not attributes:
        return None
    carried = carried_by_sets(tables)
    relevances = {attribute.name: AttributeRelevance(attribute, carried) for attribute in attributes}
    queries, gallery = placed.of_folds("test"), placed.of_folds("train", "val")
    agreeing = np.sum([relevance.shared() for relevance in relevances.values()], axis=0).astype(np.int16)
    graded = rank_by_hamming(queries, gallery, agreeing, threads)
    levels = tables.level_matrix()

    def joint(chosen: np.ndarray) -> AttributeFigures | None:
        asked = queries.take(chosen)
        exchanged = exchanged_map(asked, gallery, levels, seed) if len(asked) else float("nan")
        return figures_of(
            ranked, graded, chosen, queries.patient_ids, len(gallery), exchanged, settings.bootstrap_samples, seed
        )

    def by_attribute(of_queries: PlacedCodes, of_gallery: PlacedCodes) -> dict[str, AttributeFigures | None]:
        return {
            name: attribute_figures(of_queries, of_gallery, relevance, settings.bootstrap_samples, seed, threads)
            for name, relevance in relevances.items()
        }

    seen = ~unseen_sets(tables, carried)[queries.set_ids]
    ranges = {
        part.name: slice(part.start, part.stop) for part in code_info(codes.schema).sub_codes if part.name in relevances
    }
    preferences = {
        name: satisfaction(queries, gallery, ranges.get(name), relevance, threads)
        for name, relevance in relevances.items()
    }
    return StructuredFigures(
        joint=joint(np.ones(len(queries), bool)),
        attributes=by_attribute(queries, gallery),
        sub_codes={
            name: by_attribute(
                queries.with_codes(sub_code(queries.codes, bits)), gallery.with_codes(sub_code(gallery.codes, bits))
            )
            for name, bits in ranges.items()
        },
        preference={name: found for name, found in preferences.items() if found is not None},
        combinations={name: joint(chosen) for name, chosen in ((SEEN, seen), (HELD_OUT, ~seen)) if chosen.any()},
        calibration=calibrations(codes, placed, attributes, carried),
    )


def unseen_sets(tables: Tables, carried: np.ndarray) -> np.ndarray:
    """Label sets none of whose combinations the train fold holds: bool, (S,); the empty set is none of them."""
    trained = np.array([tables.vocabulary.n_bags[label]["train"] > 0 for label in tables.vocabulary.labels])
    unseen: np.ndarray = carried.any(axis=1) & ~(carried & trained).any(axis=1)
    return unseen


def carried_by_sets(tables: Tables) -> np.ndarray:
    """The combinations of each label set: bool, (S, L)."""
    carried = np.zeros((tables.label_sets.num_rows, len(tables.vocabulary.labels)), dtype=bool)
    for set_id, labels in tables.labels_by_set().items():
        carried[set_id, labels] = True
    return carried
