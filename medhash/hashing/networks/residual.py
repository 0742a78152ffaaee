"""Residual and plain trunks of Deep Residual Hashing: basic blocks, with or without shortcuts, and their average."""

from typing import Literal

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import nn

from medhash.hashing.networks.network import Trunk

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""Depth → blocks per stage (P, Q, R, S in the paper's Fig. 2)."""
CHANNELS = {"paper": (8, 16, 32, 32), "standard": (64, 128, 256, 512)}
"""Width → channels per stage."""


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class ResidualSettings:
    """What model.json holds under `network` for this family."""

    depth: Literal[18, 34] = 18
    width: Literal["paper", "standard"] = "paper"
    stem: Literal["small", "large", "by-size"] = "small"
    """large: 7×7 stride 2, then 3×3 max-pool stride 2, as published; small: 3×3 stride 2, for about 64 px; by-size: the
    large one from 96 px on."""
    kind: Literal["residual", "plain"] = "residual"
    """plain: the same layers without shortcuts, as Deep Plain Hashing has them."""


_LARGE_FROM_PX = 96


class BasicBlock(nn.Module):
    """relu(F(x) + shortcut(x)), F = conv3×3-BN-relu-conv3×3-BN; a plain block is relu(F(x)).

    The shortcut is a 1×1 convolution with BN where the number of channels changes and the identity elsewhere
    (every `stride`-th pixel where only the size changes), so that 8-16-32-32 has the counts of ResidualTrunk.
    Source: He et al., Deep Residual Learning, option B; plain: Deep Residual Hashing, §4, DPH.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int, plain: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.plain = plain
        self.shortcut = (
            nn.Sequential()
            if plain or channels_in == channels_out
            else nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
            )
        )
        self.subsample = stride if channels_in == channels_out else 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        residual = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        if self.plain:
            return torch.relu(residual)
        kept = x[:, :, :: self.subsample, :: self.subsample] if self.subsample > 1 else x
        return torch.relu(residual + self.shortcut(kept))


class ResidualTrunk(Trunk):
    """Stem, four stages of basic blocks, global average pool: (N, C, S, S) → (N, 32 or 512).

    With a hash layer of 64 bits, large stem, one channel, paper width: 83,448 parameters at 18 layers and 186,776 at
    34 (the paper gives 0.183 M for DRH-34). Source: Deep Residual Hashing, §3.1 and Fig. 2.
    Deviation: the small stem is ours, for images of about 64 px, which the published stem would shrink to 2 × 2.
    """

    def __init__(self, settings: ResidualSettings, in_channels: int, size_px: int = 64) -> None:
        super().__init__()
        widths = CHANNELS[settings.width]
        large = settings.stem == "large" or (settings.stem == "by-size" and size_px >= _LARGE_FROM_PX)
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, widths[0], 7 if large else 3, stride=2, padding=3 if large else 1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1) if large else nn.Identity(),
        )
        blocks: list[nn.Module] = []
        channels = widths[0]
        for stage, (n_blocks, width) in enumerate(zip(BLOCKS[settings.depth], widths, strict=True)):
            for position in range(n_blocks):
                blocks.append(
                    BasicBlock(
                        channels, width, stride=2 if stage > 0 and position == 0 else 1, plain=settings.kind == "plain"
                    )
                )
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.n_features = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.blocks(self.stem(x))
        return maps.mean(dim=(2, 3))
