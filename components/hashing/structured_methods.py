"""The rows of the catalogue whose codes have a part per attribute: modality, organ, pathology."""

from components.hashing.kinds import Method, Recipe, StructuredMethod
from components.hashing.objectives.settings_structured import FuzzhashSettings, ModhashSettings, OphashSettings

_MANNA = "Manna, Deep Neural Hashing for Medical Image Retrieval (IIT Kharagpur, 2023)"
_SHARED: dict[str, str | int | float] = {
    "kind": "residual",
    "depth": 18,
    "width": "paper",
    "stem": "small",
    "code_norm": "batch",
    "encoders": "shared",
}
"""The network of drh-18, with a head per attribute."""
_RECIPE = Recipe(
    batch_size=128, optimizer="adamw", learning_rate=4e-3, weight_decay=0.2, schedule="one-cycle", warmup=0.15
)
"""That of drh-18."""
_FUZZY = _SHARED | {"inference": "fuzzy"}

STRUCTURED_TABLE: tuple[Method, ...] = (
    StructuredMethod(
        "ophash",
        "Organ and pathology hashing: semantic and relational similarity",
        _MANNA + ", objective 1",
        _SHARED,
        OphashSettings(),
        _RECIPE,
        ignores=("modality",),
    ),
    StructuredMethod(
        "modhash",
        "Sub-codes of one encoder with a head per attribute",
        _MANNA + ", objective 2",
        _SHARED,
        ModhashSettings(),
        _RECIPE,
    ),
    StructuredMethod(
        "fuzzhash",
        "Fuzzy inference between one encoder and the heads of the sub-codes",
        _MANNA + ", objective 3",
        _FUZZY,
        FuzzhashSettings(),
        _RECIPE,
    ),
    StructuredMethod(
        "fuzzhash-crisp",
        "The same without the fuzzy layer",
        _MANNA + ", objective 3; ablation ours",
        _SHARED,
        FuzzhashSettings(code_classification=0.0),
        _RECIPE,
    ),
    StructuredMethod(
        "indephash",
        "Sub-codes of independent encoders, one per attribute",
        _MANNA + ", objective 4",
        _SHARED | {"encoders": "independent"},
        ModhashSettings(),
        _RECIPE,
    ),
)
