"""What `medhash tune` may change: ranges of settings of a recipe, of a head, and of each objective."""

from typing import NamedTuple

from medhash.hashing.method_types import DeepMethod, HeadMethod
from medhash.hashing.objectives.csq import CsqObjective
from medhash.hashing.objectives.dpsh import DpshObjective
from medhash.hashing.objectives.drh import DrhObjective
from medhash.hashing.objectives.dsh import DshObjective
from medhash.hashing.objectives.hashnet import HashnetObjective
from medhash.hashing.objectives.idhn import IdhnObjective
from medhash.hashing.objectives.orthohash import OrthohashObjective
from medhash.hashing.objectives.osdh import OsdhObjective


class Range(NamedTuple):
    """Values from low to high; whole numbers where both are whole, on a log scale where `log`."""

    low: float
    high: float
    log: bool = False


RECIPE = {"learning_rate": Range(3e-4, 1e-2, True), "weight_decay": Range(1e-3, 1.0, True)}
HEAD = {"pca": Range(24, 128), "dropout": Range(0.0, 0.6), "epochs": Range(10, 60)}
OBJECTIVES: dict[type, dict[str, Range]] = {
    DrhObjective: {"temperature": Range(0.1, 2.0, True), "quantization": Range(1e-4, 1e-1, True)},
    OsdhObjective: {"ranking": Range(0.05, 2.0, True), "classification": Range(0.1, 3.0, True)},
    CsqObjective: {"quantization": Range(1e-5, 1e-1, True)},
    DpshObjective: {"quantization": Range(1e-3, 1.0, True)},
    DshObjective: {"quantization": Range(1e-3, 1.0, True)},
    HashnetObjective: {"slope_per_bit": Range(2.0, 20.0, True), "classification": Range(0.0, 1.0)},
    IdhnObjective: {"quantization": Range(1e-3, 1.0, True)},
    OrthohashObjective: {"scale_per_root_bit": Range(0.3, 3.0, True), "margin": Range(0.0, 0.5)},
}
"""Of other objectives only the recipe is tuned."""


def search_space(method: DeepMethod) -> dict[str, Range]:
    """Setting → range, all of them names that train.overrides takes."""
    return RECIPE | (HEAD if isinstance(method, HeadMethod) else {}) | OBJECTIVES.get(type(method.objective), {})
