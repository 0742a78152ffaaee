"""Which code and which settings make up a method of the catalogue, so that its results hang on no other method's.

Fingerprints do not follow what leads to every method (CUTS); a method's own parts are named instead.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from medhash.hashing.catalogue import find_method
from medhash.hashing.encoders import ENCODERS
from medhash.hashing.features import kinds_of
from medhash.hashing.method_types import (
    HeadMethod,
    Method,
    ShallowMethod,
    StructuredMethod,
    TwoStepMethod,
    Unbinarised,
)

_NETWORKS = "medhash.hashing.networks"
BACKBONE = (
    "medhash.hashing.features:_of_network",
    "medhash.hashing.features:lite0_network",
    "medhash.hashing.model:_backbone_shapes",
)
"""What only features of a backbone need; its weights are pinned by their digest."""
TRUNKS = {
    "residual": (f"{_NETWORKS}.residual:ResidualTrunk", f"{_NETWORKS}.residual:ResidualSettings"),
    "plain": (f"{_NETWORKS}.residual:ResidualTrunk", f"{_NETWORKS}.residual:ResidualSettings"),
    "alexnet": (f"{_NETWORKS}.eight_layers:EightLayerTrunk", f"{_NETWORKS}.eight_layers:EightLayerSettings"),
    "cnn-f": (f"{_NETWORKS}.eight_layers:EightLayerTrunk", f"{_NETWORKS}.eight_layers:EightLayerSettings"),
    "torchvision": (f"{_NETWORKS}.backbone:TorchvisionTrunk", f"{_NETWORKS}.backbone:TorchvisionSettings"),
    "features": (
        f"{_NETWORKS}.features:FeatureTrunk",
        f"{_NETWORKS}.features:FeatureSettings",
        *BACKBONE,
    ),
}
"""Network setting `kind` → its code."""
POOLINGS = {
    "max": (f"{_NETWORKS}.pooling:max_pooling",),
    "mean": (f"{_NETWORKS}.pooling:mean_pooling",),
    "noisy-or": (f"{_NETWORKS}.pooling:noisy_or_pooling",),
    "attention": (f"{_NETWORKS}.pooling:GatedAttention", f"{_NETWORKS}.bag_outputs:attention_of_instances"),
}
"""Network setting `pooling` → its code."""
_OF_NETWORKS = "medhash.hashing.model:_empty_network"
_OF_BAGS = f"{_NETWORKS}.bag_outputs:codes_of_bags"
_OF_SUB_CODES = (
    "medhash.hashing.layout:make_layout",
    f"{_NETWORKS}.sub_codes:SubCodeLayer",
    f"{_NETWORKS}.bag_outputs:memberships_and_firing",
)
_INDEPENDENT = f"{_NETWORKS}.build:IndependentTrunks"
_FUZZY = f"{_NETWORKS}.fuzzy:FuzzyInference"
_OBJECTIVE = "medhash.hashing.objectives.objective:Objective"

CUTS = tuple(
    dict.fromkeys(
        (
            "medhash.hashing.catalogue:CATALOGUE",
            "medhash.hashing.catalogue:find_method",
            "medhash.hashing.encoders:ENCODERS",
            "medhash.hashing.backbones:_convert",
            _OBJECTIVE,
            *(name for names in (*TRUNKS.values(), *POOLINGS.values()) for name in names),
            _OF_NETWORKS,
            _OF_BAGS,
            *_OF_SUB_CODES,
            _INDEPENDENT,
            _FUZZY,
        )
    )
)
"""What leads to methods other than the one meant."""


def encoding_roots(method: Method) -> list[str]:
    """The definitions with which a trained model of the method makes codes."""
    if isinstance(method, Unbinarised):
        return encoding_roots(find_method(method.of))
    if isinstance(method, ShallowMethod):
        return _encoder(method.encoder)
    if isinstance(method, TwoStepMethod):
        return [*_encoder(method.encoder), *encoding_roots(method.network)]
    network = method.network
    pooling = str(network.get("pooling", "none"))
    return [
        _OF_NETWORKS,
        *TRUNKS[str(network.get("kind", "residual"))],
        *((*POOLINGS[pooling], _OF_BAGS) if pooling != "none" else ()),
        *(_OF_SUB_CODES if isinstance(method, StructuredMethod) else ()),
        *((_INDEPENDENT,) if network.get("encoders") == "independent" else ()),
        *((_FUZZY,) if network.get("inference") == "fuzzy" else ()),
    ]


def learning_roots(method: Method) -> list[str]:
    """The definitions by which the method learns: those that make its codes, its objective, its fit."""
    if isinstance(method, Unbinarised):
        return learning_roots(find_method(method.of))
    roots = encoding_roots(method)
    if isinstance(method, ShallowMethod):
        return [*roots, _named(method.fit)]
    if isinstance(method, TwoStepMethod):
        needs = [_named(method.needs)] if method.needs else []
        return [*roots, _named(method.fit), *needs, *learning_roots(method.network)]
    return [*roots, _OBJECTIVE, _named(type(method.objective))]


def features_read_by(name: str) -> tuple[str, ...]:
    """The kinds of features that a method of the catalogue reads; none: it reads pixels."""
    method = find_method(name)
    return kinds_of(method.features) if isinstance(method, ShallowMethod | HeadMethod) else ()


def row_settings(method: Method) -> dict[str, Any]:
    """What the catalogue's row of the method says, as JSON has it, but for title, source and code."""
    if isinstance(method, Unbinarised):
        return {"name": method.name, "of": method.of}
    if isinstance(method, ShallowMethod):
        return {"name": method.name, "coder": method.encoder, "features": method.features}
    if isinstance(method, TwoStepMethod):
        return {"coder": method.encoder, "frozen": method.frozen, "network": row_settings(method.network)}
    return {
        "name": method.name,
        "network": dict(method.network),
        "objective": asdict(method.objective),
        "recipe": asdict(method.recipe),
        "continuation": list(method.continuation),
        **({"ignores": list(method.ignores)} if isinstance(method, StructuredMethod) else {}),
        **({"features": method.features} if isinstance(method, HeadMethod) else {}),
    }


def _encoder(name: str) -> list[str]:
    encoder = ENCODERS[name]
    return [_named(type(encoder)), _named(encoder.relaxed), _named(encoder.shapes)]


def _named(definition: Callable[..., object]) -> str:
    return f"{definition.__module__}:{definition.__qualname__}"
