"""A small tanh network on features, trained by plain gradient descent: the shared part of deep hashing, DH and SDH."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from medhash.hashing.shallow.itq import principal_components
from medhash.hashing.shallow.linear import Tensors, centred, need_images

ORTHOGONALITY = 0.001
"""λ2."""
DECAY = 0.001
"""λ3."""
ITERATIONS = 100
SATURATED = 0.8
"""Mean |h| at which training ends: from there on supervised bits turn into copies of each other, which λ2 = 0.001 is
too weak to prevent (measured: 2 distinct codes of 1,014 images where SDH ran for 30 steps at a first rate of 0.01)."""
_FIRST_RATE = 0.001
_WIDTHS = {16: (60, 30), 32: (80, 50), 64: (100, 80)}
"""Bits → units of the two hidden layers, as in the paper; between them interpolated."""


class Layer(NamedTuple):
    weight: np.ndarray
    """(inputs, outputs)."""
    bias: np.ndarray
    """(outputs,)."""


CodeLoss = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""H, (N, K) → the loss of the codes, and its gradient, (N, K)."""


def fit_layers(features: np.ndarray, bits: int, code_loss: CodeLoss) -> Tensors:
    """Three layers h_m = tanh(h_{m-1} W_m + c_m), h_0 = the whitened leading principal components of x - mean.

    Trained on all images at once. In the whitened space the principal directions that W_1 starts as in the paper are
    the identity; the other W_m start as (cut) identities, c as 0, as in the paper: nothing is random. The whitening is
    kept in the saved W_1. Deviation: the paper does not whiten; without it the first few components decide every bit.
    Raises MedhashError if bits > D, bits ≥ N, or for `checked`'s reasons.
    """
    x, mean = centred(features, bits)
    need_images(len(x), bits + 1, f"deep hashing at {bits} bits")
    first, second = (
        min(max(int(np.interp(bits, list(_WIDTHS), column)), bits), x.shape[1])
        for column in zip(*_WIDTHS.values(), strict=True)
    )
    whitening = whitened_components(x, first)
    start = [
        Layer(np.eye(first), np.zeros(first)),
        Layer(np.eye(first, second), np.zeros(second)),
        Layer(np.eye(second, bits), np.zeros(bits)),
    ]
    layers, _ = descend(start, x @ whitening, code_loss, ITERATIONS)
    layers[0] = Layer(whitening @ layers[0].weight, layers[0].bias)
    tensors = {"mean": mean.astype(np.float32)}
    for number, layer in enumerate(layers, start=1):
        tensors[f"weight_{number}"] = np.ascontiguousarray(layer.weight, dtype=np.float32)
        tensors[f"bias_{number}"] = layer.bias.astype(np.float32)
    return tensors


def whitened_components(x: np.ndarray, n_components: int) -> np.ndarray:
    """(D, p): x @ it has unit variance along each leading principal direction, or 0 where x does not vary."""
    components = principal_components(x, n_components)
    deviation = np.sqrt(np.square(x @ components).mean(axis=0))
    varies = deviation > 1e-6 * deviation[0]
    return components * np.where(varies, 1 / np.where(varies, deviation, 1), 0)


def descend(
    layers: list[Layer], x: np.ndarray, code_loss: CodeLoss, iterations: int
) -> tuple[list[Layer], list[float]]:
    """Gradient descent up to a mean |h| of 0.8; a step that does not lower the loss is not taken and halves the rate,
    others raise it by a fifth. Returns the layers and the loss at the start and after every step: it never rises."""
    rate = _FIRST_RATE
    value, slopes = network_loss_and_gradient(layers, x, code_loss)
    values = [value]
    for _ in range(iterations):
        if np.abs(outputs_of(layers, x)[-1]).mean() >= SATURATED:
            break
        moved = [
            Layer(layer.weight - rate * slope.weight, layer.bias - rate * slope.bias)
            for layer, slope in zip(layers, slopes, strict=True)
        ]
        moved_value, moved_slopes = network_loss_and_gradient(moved, x, code_loss)
        if moved_value < value:
            layers, value, slopes = moved, moved_value, moved_slopes
            rate *= 1.2
        else:
            rate /= 2
        values.append(value)
    return layers, values


def network_loss_and_gradient(layers: list[Layer], x: np.ndarray, code_loss: CodeLoss) -> tuple[float, list[Layer]]:
    """code_loss(H) + λ2/2 Σ ||W_mᵀ W_m - I||²_F + λ3/2 Σ (||W_m||²_F + ||c_m||²), and its gradient per layer.

    WᵀW is the Gram matrix of a layer's outputs, as in the paper (whose W is the transpose of ours).
    """
    outputs = outputs_of(layers, x)
    value, slope = code_loss(outputs[-1])
    slopes = []
    for layer, before, after in zip(reversed(layers), reversed(outputs[:-1]), reversed(outputs[1:]), strict=True):
        slope = slope * (1 - after * after)  # dJ/dz, tanh' = 1 - tanh²
        excess = layer.weight.T @ layer.weight - np.eye(layer.weight.shape[1])
        value += (
            ORTHOGONALITY * np.square(excess).sum()
            + DECAY * (np.square(layer.weight).sum() + np.square(layer.bias).sum())
        ) / 2
        slopes.append(
            Layer(
                before.T @ slope + 2 * ORTHOGONALITY * layer.weight @ excess + DECAY * layer.weight,
                slope.sum(axis=0) + DECAY * layer.bias,
            )
        )
        slope = slope @ layer.weight.T
    return float(value), slopes[::-1]


def outputs_of(layers: list[Layer], x: np.ndarray) -> list[np.ndarray]:
    """h_0 = x, h_1 … h_M."""
    outputs = [x]
    for layer in layers:
        outputs.append(np.tanh(outputs[-1] @ layer.weight + layer.bias))
    return outputs


def layer_outputs(features: np.ndarray, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Relaxed codes h_M in [-1, 1], float32 (N, K), of features (N, D)."""
    h: np.ndarray = features - tensors["mean"]
    for number in range(1, n_layers(tensors) + 1):
        h = np.tanh(h @ tensors[f"weight_{number}"] + tensors[f"bias_{number}"])
    return h


def layer_shapes(tensors: Mapping[str, np.ndarray], n_features: int, bits: int) -> dict[str, tuple[int, ...]]:
    """mean (D,), weight_m (p_{m-1}, p_m), bias_m (p_m,), p_0 = D, p_M = K; the number and widths of layers are free."""
    shapes: dict[str, tuple[int, ...]] = {"mean": (n_features,)}
    inputs, last = n_features, max(n_layers(tensors), 1)
    for number in range(1, last + 1):
        outputs = bits if number == last else int(np.size(tensors[f"bias_{number}"]))
        shapes |= {f"weight_{number}": (inputs, outputs), f"bias_{number}": (outputs,)}
        inputs = outputs
    return shapes


def n_layers(tensors: Mapping[str, np.ndarray]) -> int:
    """Layers 1 … M without a gap."""
    number = 0
    while f"weight_{number + 1}" in tensors and f"bias_{number + 1}" in tensors:
        number += 1
    return number
