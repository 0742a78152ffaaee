"""Temperature scaling of memberships, one temperature per attribute."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from medhash.core.attributes import targets
from medhash.hashing.layout import Layout
from medhash.hashing.networks.bag_outputs import memberships_and_firing
from medhash.training.data import Fold
from medhash.training.loop import Learner, TrainingProgress

TEMPERATURES = "hash_layer.temperatures"
"""Name of the tensor in the network's state."""
_RANGE = (0.05, 20.0)
_LEAST = 1e-12


def fit_temperatures(learner: Learner, progress: TrainingProgress, fold: Fold, layout: Layout) -> None:
    """Set the temperatures of the best weights to those that maximise the likelihood of the fold's memberships.

    M_c ∝ M_c^(1/T_a): one T per attribute, between 0.05 and 20, by the mean negative log likelihood of the images that
    know the attribute. Codes, rankings of values and fired rules stay as they are. Without such images T stays 1.
    fold: validation bags, whose images are taken one by one with their bag's labels.
    Source: Guo et al., On Calibration of Modern Neural Networks (ICML 2017), §4.2.
    """
    images = fold.instances()
    if not len(images):
        return
    learner.network.load_state_dict(progress.best)
    was_training = learner.network.training
    learner.network.eval()
    found, _ = memberships_and_firing(learner.network, learner.encoder.inputs[images.rows], images.starts)
    learner.network.train(was_training)
    temperatures = [
        fitted_temperature(found[:, part], targets(images.labels, attribute.of_label, len(attribute.values)))
        for attribute, part in zip(layout.attributes, layout.value_slices, strict=True)
    ]
    progress.best[TEMPERATURES] = torch.tensor(temperatures, dtype=torch.float32)


def fitted_temperature(membership: np.ndarray, has: np.ndarray) -> float:
    """T of one attribute; membership: (n, C), rows of sum 1; has: bool, (n, C), an empty row does not know it."""
    known = has.any(axis=1)
    if not known.any():
        return 1.0
    logits = np.log(np.maximum(membership[known].astype(np.float64), _LEAST))
    shares = has[known] / has[known].sum(axis=1, keepdims=True)

    def cost(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        return float(-(shares * (scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True)))).sum(axis=1).mean())

    found = minimize_scalar(cost, bounds=tuple(np.log(_RANGE)), method="bounded")
    return float(np.exp(found.x))
