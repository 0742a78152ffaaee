"""EfficientNet-Lite0 without its classifier: the small ImageNet network behind the default frozen features."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

MEAN, DEVIATION = 127.0, 128.0
"""Taken out of grey values 0 … 255, as its ImageNet weights expect."""
N_LAST = 1280
"""Channels of the last map."""
_NORM_EPS = 1e-3


class Stage(NamedTuple):
    """Blocks of one kind in a row; the first of them has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
_EARLY, _MIDDLE = 5, 11
"""Blocks up to the end of the stages of 40 and of 112 channels."""


class SameConvolution(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: more at the right and the bottom where the padding is odd."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = (
            max((-(-side // stride) - 1) * stride + kernel - side, 0)
            for side, kernel, stride in zip(x.shape[-2:], self.kernel_size, self.stride, strict=True)
        )
        padded = F.pad(x, [width // 2, width - width // 2, height // 2, height - height // 2])
        return F.conv2d(padded, self.weight, None, self.stride, groups=self.groups)


def _normed(n_in: int, n_out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [
        SameConvolution(n_in, n_out, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(n_out, eps=_NORM_EPS),
    ]


class InvertedResidual(nn.Module):
    """Expand the channels, filter each by itself, and project back; added to the input where shapes are equal."""

    def __init__(self, n_in: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = n_in * stage.expansion
        expand = [*_normed(n_in, wide, 1), nn.ReLU6()] if stage.expansion > 1 else []
        self.layers = nn.Sequential(
            *expand,
            *_normed(wide, wide, stage.kernel, stride, groups=wide),
            nn.ReLU6(),
            *_normed(wide, stage.channels, 1),
        )
        self.adds = stride == 1 and n_in == stage.channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layers(x)
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """(N, 3, S, S), grey values less MEAN over DEVIATION → three maps: early, (N, 40, S/8, S/8),
    middle, (N, 112, S/16, S/16), and last, (N, 1280, S/32, S/32).

    Source: Tan & Le (ICML 2019), EfficientNet; the Lite variant has no squeeze-and-excitation and ReLU6 throughout.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_normed(3, 32, 3, 2), nn.ReLU6())
        n_in, blocks = 32, []
        for stage in STAGES:
            for number in range(stage.repeats):
                blocks.append(InvertedResidual(n_in, stage, stage.stride if number == 0 else 1))
                n_in = stage.channels
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(*_normed(n_in, N_LAST, 1), nn.ReLU6())

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        early = self.blocks[:_EARLY](self.stem(x))
        middle = self.blocks[_EARLY:_MIDDLE](early)
        return early, middle, self.head(self.blocks[_MIDDLE:](middle))


def from_published(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The published tensors under the names used here, without the classifier's; order decides, then shapes.

    Convolutions and norms come in the order in which an image passes them, in both. Raises ValueError where they do not
    fit.
    """
    wanted = EfficientNetLite0().state_dict()
    found = [(name, tensor) for name, tensor in tensors.items() if _is_ours(name)]
    names = [name for name in wanted if _is_ours(name)]
    if len(found) != len(names):
        raise ValueError(f"{len(found)} tensors where EfficientNet-Lite0 has {len(names)}")
    converted = {}
    for name, (published, tensor) in zip(names, found, strict=True):
        same_kind = name.rsplit(".", 1)[1] == published.rsplit(".", 1)[1]
        if not same_kind or tensor.shape != wanted[name].shape:
            raise ValueError(f"{published} {tuple(tensor.shape)} is not {name} {tuple(wanted[name].shape)}")
        converted[name] = tensor.float().contiguous()
    counters = {name: torch.zeros((), dtype=torch.int64) for name in wanted if name not in converted}
    return converted | counters


def _is_ours(name: str) -> bool:
    """Neither of the published classifier nor a counter, which nothing reads."""
    return not name.startswith("_fc.") and not name.endswith("num_batches_tracked")
