"""A few test cases of a fuzzy method in pictures, each with its memberships and the rules that fired."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.report.retrievals import picture
from components.report.run import Run
from medhash.core.documents import Attribute
from medhash.core.errors import MedhashError
from medhash.hashing.bags import starts_of
from medhash.hashing.codes import FULL_CONFIDENCE, Certainty
from medhash.hashing.model import HashModel, load_model
from medhash.retrieval.shortcuts import values_by_set

N_EXAMPLES = 6
MOST_VALUES, MOST_RULES, LEAST_LEVEL = 4, 3, 0.05
"""Values of an attribute and rules that are shown, and the firing level below which only the first rule is."""


def surest_and_least_sure(certainty: Certainty, attributes: Sequence[Attribute], n: int = N_EXAMPLES) -> list[int]:
    """Rows of the cases to show: half of them the surest, half the least sure, the surest first.

    How sure a case is, is the least of its attributes' greatest memberships.
    """
    sureness = np.min([part.max(axis=1) for part in _by_attribute(certainty, attributes).values()], axis=0)
    ordered: list[int] = np.argsort(-sureness, kind="stable").tolist()
    return ordered if len(ordered) <= n else ordered[: (n + 1) // 2] + ordered[len(ordered) - n // 2 :]


def explain(
    certainty: Certainty,
    rules: Sequence[str],
    attributes: Sequence[Attribute],
    rows: Sequence[int],
    truths: Sequence[Mapping[str, set[str]]],
) -> list[dict[str, Any]]:
    """Of each row `attributes`: the values of greatest membership and the case's own; `rules`: those that fired most.

    rules: in words, in the order of Certainty.firing; truths: of each row, attribute → its values, none of an
    attribute that is not known. Raises MedhashError where there are not as many rules as firing levels.
    """
    if certainty.firing is None or certainty.firing.shape[1] != len(rules):
        n_levels = 0 if certainty.firing is None else certainty.firing.shape[1]
        raise MedhashError(f"a model has {len(rules)} rules, but {n_levels} firing levels", "train the model again")
    memberships = _by_attribute(certainty, attributes)
    return [
        {
            "attributes": [
                _memberships(attribute, memberships[attribute.name][row], truth.get(attribute.name, set()))
                for attribute in attributes
            ],
            "rules": _fired(certainty.firing[row], rules),
            "bits": float(certainty.bits[row].mean()) / FULL_CONFIDENCE,
        }
        for row, truth in zip(rows, truths, strict=True)
    ]


def _memberships(attribute: Attribute, shares: np.ndarray, truth: set[str]) -> dict[str, Any]:
    ordered = np.argsort(-shares, kind="stable").tolist()
    shown = [place for rank, place in enumerate(ordered) if rank < MOST_VALUES or attribute.values[place] in truth]
    return {
        "name": attribute.name,
        "is_known": bool(truth),
        "memberships": [
            {
                "value": attribute.values[place],
                "share": float(shares[place]),
                "is_true": attribute.values[place] in truth,
            }
            for place in shown
        ],
    }


def _fired(levels: np.ndarray, rules: Sequence[str]) -> list[dict[str, Any]]:
    ordered = np.argsort(-levels, kind="stable")[:MOST_RULES].tolist()
    return [
        {"text": rules[place], "level": float(levels[place])}
        for rank, place in enumerate(ordered)
        if rank == 0 or levels[place] >= LEAST_LEVEL
    ]


def _by_attribute(certainty: Certainty, attributes: Sequence[Attribute]) -> dict[str, np.ndarray]:
    """Attribute → memberships in its values, (n, its values)."""
    n_values = sum(len(attribute.values) for attribute in attributes)
    if certainty.membership is None or certainty.membership.shape[1] != n_values:
        raise MedhashError(
            f"a model tells no memberships in the {n_values} values of its attributes", "train the model again"
        )
    starts = starts_of(np.array([len(attribute.values) for attribute in attributes], np.int64))
    return {
        attribute.name: certainty.membership[:, start:stop]
        for attribute, start, stop in zip(attributes, starts[:-1], starts[1:], strict=True)
    }


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
