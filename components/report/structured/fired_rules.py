"""A few test cases of a fuzzy method in pictures, each with its memberships and the rules that fired."""

from typing import Any

import numpy as np

from components.errors import MedhashError
from components.hashing.model import HashModel, load_model
from components.report.plots.pictures import picture
from components.report.run import Run
from components.report.structured.explained import N_EXAMPLES, explain, surest_and_least_sure
from components.shortcuts.classes import values_by_set

_MOST_IMAGES = 120
"""Among the cases of so many images the surest and the least sure are looked for."""


def fired_rules(run: Run) -> dict[str, Any] | None:
    """`method`, `n_rules` and `examples`; None without a fuzzy method, and without the pixels that it asks.

    Of several fuzzy methods, the best on validation. Raises MedhashError if its model is not the one measured.
    """
    if not run.workspace.pixels.exists() or (model := _fuzzy_model(run)) is None:
        return None
    members = run.members.of(_drawn(run))
    if not len(members):
        return None
    pixels = np.load(run.workspace.pixels, mmap_mode="r")
    certainty = model.certainty(pixels[members.rows], members.starts)
    chosen = surest_and_least_sure(certainty, model.spec.attributes)
    explained = explain(
        certainty, model.rules, model.spec.attributes, chosen, _values_of(run, members.bag_ids[chosen].tolist())
    )
    examples = [
        {
            "bag_id": members.bag_ids[place],
            "uri": picture(pixels[members.rows[members.starts[place]]]),
            "n_images": int(members.sizes[place]),
            **found,
        }
        for place, found in zip(chosen, explained, strict=True)
    ]
    return {"method": model.spec.method, "n_rules": len(model.rules), "examples": examples}


def _fuzzy_model(run: Run) -> HashModel | None:
    structured = [method for method, spec in run.specs.items() if spec.attributes]
    for method in sorted(structured, key=lambda name: -(run.metrics[name].validation_map or 0.0)):
        folder = run.workspace.model(method)
        model = load_model(folder)
        if model.rules:
            if model.digest != run.metrics[method].model_digest:
                raise MedhashError(
                    f"the figures of {method} come from another model than {folder} holds",
                    f"run encode, index and evaluate again for {method}, or `dvc repro`",
                )
            import torch

            torch.set_num_threads(run.params.train.threads)  # as encode does: the same figures come out
            return model
    return None


def _drawn(run: Run) -> np.ndarray:
    """Ids of test cases with pixels, drawn with the run's seed: as many as have so many images, six at least."""
    folds = np.asarray(run.labels["fold"].to_numpy(), dtype=str)
    test = np.sort(np.asarray(run.labels["bag_id"].to_numpy(), dtype=str)[folds == "test"])
    stored = np.random.default_rng(run.params.seed).permutation(test[np.isin(test, run.members.bag_ids)])
    n_images = np.cumsum(run.members.of(stored).sizes)
    return stored[: max(N_EXAMPLES, int((n_images <= _MOST_IMAGES).sum()))]


def _values_of(run: Run, bag_ids: list[str]) -> list[dict[str, set[str]]]:
    """Of each case, attribute → the values that it has."""
    set_of = dict(zip(run.labels["bag_id"].to_pylist(), run.labels["set_id"].to_pylist(), strict=True))
    by_set = values_by_set(run.label_sets, run.vocabulary)
    return [
        {
            attribute.name: {attribute.values[value] for value in np.flatnonzero(by_set[attribute.name][set_of[bag]])}
            for attribute in run.vocabulary.attributes
        }
        for bag in bag_ids
    ]
