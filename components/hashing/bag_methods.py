"""The rows of the catalogue that learn from bags: Deep Multiple Instance Hashing, and it without one part each."""

from dataclasses import replace

from components.hashing.kinds import DeepMethod, Method, Recipe
from components.hashing.objectives.settings import DmihSettings

_DMIH = "Conjeti et al., Deep Multiple Instance Hashing (MICCAI 2017)"
_SINGLE: dict[str, str | int | float] = {
    "kind": "residual",
    "depth": 18,
    "width": "paper",
    "stem": "small",
    "code_norm": "batch",
}
"""The network of drh-18."""
_RECIPE = Recipe(
    batch_size=32, optimizer="adamw", learning_rate=1e-2, weight_decay=0.2, schedule="one-cycle", warmup=0.15
)
"""That of drh-18 but for the batch, which is of bags, and the rate, which few batches want higher (docs/dmih.md)."""
_J = DmihSettings()


def _pooled(name: str, title: str, pooling: str, objective: DmihSettings = _J) -> DeepMethod:
    return DeepMethod(name, title, _DMIH, _SINGLE | {"pooling": pooling}, objective, _RECIPE)


BAG_TABLE: tuple[Method, ...] = (
    _pooled("dmih-max", "Deep Multiple Instance Hashing, max pooling", "max"),
    _pooled("dmih-mean", "Deep Multiple Instance Hashing, mean pooling", "mean"),
    _pooled("dmih-noisy-or", "Deep Multiple Instance Hashing, noisy-or of the bits", "noisy-or"),
    _pooled("dmih-attention", "Deep Multiple Instance Hashing, gated attention", "attention"),
    _pooled("dmih-nr", "Deep Multiple Instance Hashing without the robust penalty", "max", replace(_J, penalty="none")),
    _pooled("dmih-nca", "Deep Multiple Instance Hashing, NCA of the bags", "max", replace(_J, loss="nca")),
    DeepMethod(
        "dmih-si",
        "Deep Multiple Instance Hashing without the multiple-instance arm: images, then vote",
        _DMIH,
        _SINGLE,
        _J,
        replace(_RECIPE, batch_size=128),
    ),
)
