"""AlexNet and CNN-F up to their seventh layer: five convolutions, then two full layers of 4,096 features."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass
from torch import nn
from torch.nn.functional import pad

from medhash.core.errors import MedhashError
from medhash.hashing.networks.network import Trunk


class ResponseNorm(nn.Module):
    """b_i = a_i / (2 + 10⁻⁴ Σ_j a_j²)^0.75, the sum over the five channels j around i (fewer at the ends).

    a: (N, C, S, S), of which b has the shape. Source: Krizhevsky et al. (2012), §3.3, with its k, n, α and β.
    It computes what torch's local_response_norm (with its α = n · 10⁻⁴) does, without the average pooling over
    volumes, whose gradient on a GPU does not repeat and which took two to four times as long on a CPU.
    """

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        squares = pad(a * a, (0, 0, 0, 0, 2, 2))
        n_channels = a.shape[1]
        energy = squares[:, :n_channels]
        for offset in range(1, 5):
            energy = energy + squares[:, offset : offset + n_channels]
        root = (2 + 1e-4 * energy).rsqrt()
        return a * root * root.sqrt()


N_FEATURES = 4096


@checked_dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class EightLayerSettings:
    """What model.json holds under `network` for this family."""

    kind: Literal["alexnet", "cnn-f"]
    stem: Literal["small", "large"] = "small"
    """large: the published first convolution, 11×11 stride 4, for 224 px; small: 5×5 stride 2, for about 64 px."""


@dataclass(frozen=True)
class Convolution:
    """A convolution with ReLU; then the response norm and a 3×3 max-pool of stride 2 where it has them."""

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 1
    groups: int = 1
    norm: bool = False
    pool: bool = False


PLANS = {
    "alexnet": (
        Convolution(96, 11, 4, 2, norm=True, pool=True),
        Convolution(256, 5, 1, 2, groups=2, norm=True, pool=True),
        Convolution(384, 3),
        Convolution(384, 3, groups=2),
        Convolution(256, 3, groups=2, pool=True),
    ),
    "cnn-f": (
        Convolution(64, 11, 4, 0, norm=True, pool=True),
        Convolution(256, 5, 1, 2, norm=True, pool=True),
        Convolution(256, 3),
        Convolution(256, 3),
        Convolution(256, 3, pool=True),
    ),
}


class EightLayerTrunk(Trunk):
    """conv1 … conv5, fc6 and fc7, each with ReLU, half of fc6 and fc7 dropped in training: (N, C, S, S) → (N, 4096).

    fc6 takes the map that the images' size leaves, 6 × 6 at 224 px with the large stem and 4 × 4 at 64 px with the
    small one; nothing is resampled. With three channels and the 1,000 outputs left out here, AlexNet has 60,965,224
    parameters and CNN-F 60,834,536. Raises MedhashError if no map is left of an image, or for images of another size.
    Source: Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks (2012), its two GPUs'
    halves as groups of one network; Chatfield et al., Return of the Devil in the Details (2014), Table 1, CNN-F.
    Deviations: Gaussian weights of variance 2 / fan-in and zero biases (the paper's 0.01 suits pixels of 0 to 255, here
    they are in [0, 1] and no mean is subtracted); the small stem is ours.
    """

    removed = ("fc8.",)
    n_features = N_FEATURES

    def __init__(self, settings: EightLayerSettings, in_channels: int, size_px: int) -> None:
        super().__init__()
        first, *others = PLANS[settings.kind]
        if settings.stem == "small":
            first = replace(first, kernel=5, stride=2, padding=2)
        self.size_px = size_px
        self.plan = (first, *others)
        self.norm, self.dropout = ResponseNorm(), nn.Dropout()
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        channels, side = in_channels, size_px
        for number, layer in enumerate(self.plan, start=1):
            convolution = nn.Conv2d(
                channels, layer.channels, layer.kernel, layer.stride, layer.padding, groups=layer.groups
            )
            self.add_module(f"conv{number}", convolution)
            channels, side = layer.channels, _side_after(layer, side)
        if side < 1:
            raise MedhashError(
                f"images of {size_px} px are too small for {settings.kind} with stem {settings.stem}",
                "set stem: small, or a larger size_px",
            )
        self.fc6, self.fc7 = nn.Linear(channels * side**2, N_FEATURES), nn.Linear(N_FEATURES, N_FEATURES)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[2:] != (self.size_px, self.size_px):
            raise MedhashError(
                f"this network takes images of {self.size_px} px, not {tuple(x.shape[2:])}",
                "build it with the size_px of the images",
            )
        for number, layer in enumerate(self.plan, start=1):
            x = torch.relu(self.get_submodule(f"conv{number}")(x))
            x = self.norm(x) if layer.norm else x
            x = self.pool(x) if layer.pool else x
        x = self.dropout(torch.relu(self.fc6(x.flatten(1))))
        features: torch.Tensor = self.dropout(torch.relu(self.fc7(x)))
        return features


def _side_after(layer: Convolution, side: int) -> int:
    """Rows of the layer's map, of an input of `side` rows; below 1 if nothing is left."""
    side = (side + 2 * layer.padding - layer.kernel) // layer.stride + 1
    return (side - 2) // 2 + 1 if layer.pool else side  # ⌈(side - 3) / 2⌉ + 1
