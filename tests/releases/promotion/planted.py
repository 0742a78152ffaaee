"""Models that give the codes a test asks for: linear hashing of GIST, fitted through every image of the small run.

With more features than images the fit is exact, so the codes truly come from the model, whatever they are.
"""

from typing import Any

import numpy as np
from releases.promotion.finished import after_training

from medhash.core.documents import Metrics
from medhash.hashing.model import load_model, save_model

N_IMAGES = 120
SETS = np.arange(N_IMAGES) % 4
"""Label set of each image: Effusion, Mass, No Finding, Effusion and Mass."""
TEST = np.arange(N_IMAGES) >= 96
"""Images of the six test patients, four images each, one per label set."""


def by_label(sets: np.ndarray, bits: int = 16, seed: int = 0) -> np.ndarray:
    """±1, (N, bits): a bit per label in turn, so that images are near where they share labels; every bit is alive.

    The last bits are random, so that codes differ within a label set.
    """
    effusion, mass, nothing = np.isin(sets, (0, 3)), np.isin(sets, (1, 3)), sets == 2
    columns = np.stack([effusion, mass, nothing, effusion, mass], axis=1)[:, np.arange(bits) % 5]
    codes = np.where(columns, 1, -1)
    codes[:, -2:] = random_codes(2, seed)
    return codes


def random_codes(bits: int = 16, seed: int = 0) -> np.ndarray:
    """±1, (N, bits): codes that know nothing."""
    return np.random.default_rng(seed).choice([-1, 1], (N_IMAGES, bits))


def plant(run: Any, method: str, codes: np.ndarray) -> Metrics:
    """Give a method a model with these codes, ±1, (N, bits), and run the stages after training."""
    features = np.load(run.workspace.features("gist-512")).astype(np.float64)
    mean = features.mean(axis=0)
    projection, *_ = np.linalg.lstsq(features - mean, codes - codes.mean(axis=0), rcond=None)
    # A linear model through the mean has codes of mean 0; the offset goes into the mean it takes away.
    offset, *_ = np.linalg.lstsq(projection.T, codes.mean(axis=0).astype(float), rcond=None)
    folder = run.workspace.model(method)
    save_model(
        folder,
        load_model(folder).spec,
        {"mean": (mean - offset).astype(np.float32), "projection": projection.astype(np.float32)},
    )
    return after_training(run.workspace, run.params(method), method)
