"""The catalogue of hashing methods: a name like `drh-18` → what it learns and how. Free of torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from components.errors import MedhashError
from components.hashing.objectives.settings import DrhSettings, ObjectiveSettings, OsdhSettings
from components.hashing.shallow.itq import fit_itq
from components.hashing.shallow.linear import Fit
from components.hashing.shallow.lsh import fit_lsh


@checked_dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Recipe:
    """How a deep method is optimised. Epochs and patience are the run's (params.train), equal for all methods."""

    batch_size: Annotated[int, Field(ge=2)]
    optimizer: Literal["sgd", "adamw"]
    learning_rate: Annotated[float, Field(gt=0)]
    """The initial rate; under one-cycle the highest."""
    weight_decay: Annotated[float, Field(ge=0)]
    """Also stands for the papers' λ_w R_W and λ_p L_p."""
    schedule: Literal["plateau", "one-cycle", "step"]
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of SGD; AdamW keeps its own betas (0.9, 0.999)."""
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """plateau and step multiply the rate by this."""
    plateau_epochs: Annotated[int, Field(ge=1)] = 10
    """plateau: epochs without a better validation MAP before a decay."""
    step_iterations: Annotated[int, Field(ge=1)] = 10_000
    """step: batches between decays."""
    warmup: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """one-cycle: share of all batches in which the rate rises."""


@dataclass(frozen=True)
class ShallowMethod:
    """A code learnt on GIST features."""

    name: str
    title: str
    source: str
    fit: Fit
    coder: str = "linear"
    """How hashing.coders turns features into a code with what was fitted."""
    features: Literal["gist-512", "gist-1024"] = "gist-512"


@dataclass(frozen=True)
class DeepMethod:
    """A network trained end to end on pixels."""

    name: str
    title: str
    source: str
    network: Mapping[str, str | int | float]
    """As hashing.networks.build.build_network takes it."""
    objective: ObjectiveSettings
    """`objective.build(bits, n_labels)` gives the torch module."""
    recipe: Recipe
    continuation: tuple[float, ...] = field(default=(1.0,))
    """The values of α in tanh(α z), spread evenly over training."""


@dataclass(frozen=True)
class TwoStepMethod:
    """A network first, then a shallow method on what it makes of the images."""

    network: DeepMethod
    """Trained as it stands, but for epochs = 0 where the network stays as it starts (see `frozen`)."""
    fit: Fit
    coder: str
    frozen: bool = False
    """The network is not trained: its initial weights (train.initial_weights, or random ones) make the features."""

    @property
    def name(self) -> str:
        return self.network.name

    @property
    def title(self) -> str:
        return self.network.title

    @property
    def source(self) -> str:
        return self.network.source


@dataclass(frozen=True)
class Unbinarised:
    """A deep method's relaxed codes, ranked by Euclidean distance: what binarising costs; for benchmarks only."""

    name: str
    title: str
    source: str
    of: str
    """The method whose model it is."""


Method = ShallowMethod | DeepMethod | TwoStepMethod | Unbinarised

_DRH = "Conjeti et al., Deep Residual Hashing (2016)"
_OSDH = "Chen et al., Order-Sensitive Deep Hashing for Multimorbidity Medical Image Retrieval (MICCAI 2018)"
_SMALL: dict[str, str | int | float] = {"kind": "residual", "depth": 18, "width": "paper", "stem": "small"}
_DRH_SETTINGS = DrhSettings(nca="log", temperature=0.25, temperature_per_bit=True, quantization=0.001, balance=0.001,
                            orthogonality=0.001)
_ONE_CYCLE = Recipe(batch_size=128, optimizer="adamw", learning_rate=2e-3, weight_decay=0.05, schedule="one-cycle")
_SHORT = replace(_ONE_CYCLE, weight_decay=0.2, warmup=0.15)
"""For a sample of about a thousand images: few batches, so the rate is high and the decay strong (docs/results.md)."""
_ALPHAS = tuple(2 ** (8 * step / 9) for step in range(10))
_GENTLE_ALPHAS = tuple(2 ** (3 * step / 9) for step in range(10))
"""1 … 8: with normalised bits tanh(8 z) is ±1 for nearly all, and its gradient has not yet vanished."""

_METHODS: tuple[Method, ...] = (
    ShallowMethod("lsh", "Locality-sensitive hashing on GIST", "Slaney & Casey (2008)", fit_lsh),
    ShallowMethod("itq", "Iterative quantisation on GIST", "Gong & Lazebnik (2011)", fit_itq),
    DeepMethod("drh-18", "Deep Residual Hashing, 18 layers", _DRH, _SMALL | {"code_norm": "batch"}, _DRH_SETTINGS,
               replace(_SHORT, learning_rate=4e-3)),
    DeepMethod("drh-18-paper", "Deep Residual Hashing, 18 layers, the paper's settings", _DRH, _SMALL,
               DrhSettings(bit_balance="literal"),
               Recipe(batch_size=128, optimizer="sgd", learning_rate=1e-2, weight_decay=5e-4, schedule="plateau")),
    DeepMethod("drh-18-standard", "Deep Residual Hashing, 18 layers of standard width, for 224 px", _DRH,
               _SMALL | {"width": "standard", "stem": "large"}, _DRH_SETTINGS, _ONE_CYCLE),
    # λ_R, the norm and the range of α were chosen on validation patients of the sample: the paper's λ_R without the
    # norm gave 9-11 distinct codes of 897, these settings hundreds, and no dead bit (docs/results.md).
    DeepMethod("osdh", "Order-Sensitive Deep Hashing, residual backbone", _OSDH, _SMALL | {"code_norm": "batch"},
               OsdhSettings(ranking=0.5, lists="expected"), replace(_SHORT, learning_rate=6e-3), _GENTLE_ALPHAS),
    DeepMethod("osdh-paper", "Order-Sensitive Deep Hashing, residual backbone, the paper's optimiser", _OSDH, _SMALL,
               OsdhSettings(),
               Recipe(batch_size=256, optimizer="sgd", learning_rate=1e-4, weight_decay=0.005, schedule="step",
                      decay=0.6), _ALPHAS),
)

CATALOGUE: dict[str, Method] = {method.name: method for method in _METHODS}


def find_method(name: str) -> Method:
    """The catalogue's row of that name. Raises MedhashError listing the names."""
    if name not in CATALOGUE:
        raise MedhashError(f"there is no hashing method {name!r}", f"choose one of {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def with_overrides(method: Method, overrides: Mapping[str, Any]) -> Method:
    """The method with fields of its recipe or its objective replaced (params.train.overrides).

    Raises MedhashError naming an unknown setting and the known ones, or a value that is not allowed.
    """
    if isinstance(method, TwoStepMethod):
        network = with_overrides(method.network, overrides)
        assert isinstance(network, DeepMethod)
        return replace(method, network=network)
    if not isinstance(method, DeepMethod):
        if overrides:
            raise MedhashError(f"{method.name} has no settings, but {', '.join(overrides)} should be overridden",
                               f"remove train.overrides.{method.name}")
        return method
    parts = {"recipe": method.recipe, "objective": method.objective}
    known = {item.name: part for part, value in parts.items() for item in fields(value)}
    changed: dict[str, dict[str, Any]] = {"recipe": {}, "objective": {}}
    for key, value in overrides.items():
        if key not in known:
            raise MedhashError(f"{method.name} has no setting {key!r}", f"known settings: {', '.join(sorted(known))}")
        changed[known[key]][key] = value
    try:
        return replace(method, recipe=replace(method.recipe, **changed["recipe"]),
                       objective=replace(method.objective, **changed["objective"]))
    except ValidationError as error:
        first = error.errors()[0]
        raise MedhashError(f"{method.name}: setting {first['loc'][-1]}: {first['msg']}",
                           f"mend train.overrides.{method.name}") from error


def settings_of(method: DeepMethod) -> dict[str, str | int | float | bool]:
    """Recipe and objective as one flat mapping, for ModelSpec.settings and MLflow."""
    return asdict(method.recipe) | asdict(method.objective)


def alpha_at(method: DeepMethod, progress: float) -> float:
    """α at a share of training in [0, 1]: each value of the continuation for an equal share of the epochs."""
    stage = min(int(progress * len(method.continuation)), len(method.continuation) - 1)
    return method.continuation[stage]
