"""From the `network` settings of a method or a saved model to the network itself."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from medhash.core.errors import MedhashError
from medhash.hashing.layout import Layout
from medhash.hashing.networks.backbone import TorchvisionSettings, TorchvisionTrunk
from medhash.hashing.networks.eight_layers import EightLayerSettings, EightLayerTrunk
from medhash.hashing.networks.features import FeatureSettings, FeatureTrunk
from medhash.hashing.networks.network import HashNetwork, HeadSettings, Trunk
from medhash.hashing.networks.residual import ResidualSettings, ResidualTrunk


class IndependentTrunks(Trunk):
    """(N, C, S, S) → (N, A · d), the features of A trunks side by side.

    Source: structured hashing, objective 4: sub-codes of sub-networks that originate from one base network depend on
    each other; independent ones can be joined for combinations that no training image had.
    """

    def __init__(self, trunks: Sequence[Trunk]) -> None:
        super().__init__()
        self.trunks = nn.ModuleList(trunks)
        self.n_features = sum(trunk.n_features for trunk in trunks)
        self.removed = trunks[0].removed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([trunk(x) for trunk in self.trunks], dim=1)


Settings = Mapping[str, str | int | float]


def build_network(
    network: Settings, bits: int, in_channels: int = 1, size_px: int = 64, layout: Layout | None = None
) -> HashNetwork:
    """A freshly initialised network (weights from torch's global random state).

    network: as in DeepMethod.network or ModelSpec.network: `kind` chooses the trunk, which takes the other settings but
    the head's; an `in_channels` in it overrides the argument. size_px: of the images; a residual network takes any.
    layout: of the sub-codes, where `encoders` asks for them.
    Raises MedhashError naming an unknown key or a value that is not allowed, or for images the network cannot take.
    """
    settings: dict[str, Any] = dict(network)
    channels = int(settings.pop("in_channels", in_channels))
    of_head = {field.name: settings.pop(field.name) for field in fields(HeadSettings) if field.name in settings}
    try:
        head = HeadSettings(**of_head)
        if (layout is None) != (head.encoders == "one"):
            raise MedhashError(
                f"network setting encoders: {head.encoders} with{'out' if layout is None else ''} sub-codes",
                "structured methods have shared or independent encoders, all others one",
            )
        trunk = _trunk(settings, channels, size_px)
        if layout is not None and head.encoders == "independent":
            trunk = IndependentTrunks([trunk, *(_trunk(settings, channels, size_px) for _ in layout.attributes[1:])])
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise MedhashError(
            f"network setting {key}: {first['msg']}", "medhash/hashing/networks lists the settings of each network"
        ) from error
    return HashNetwork(trunk, bits, head, layout)


def _trunk(settings: dict[str, Any], in_channels: int, size_px: int) -> Trunk:
    kind = settings.get("kind", "residual")
    if kind in ("residual", "plain"):
        return ResidualTrunk(ResidualSettings(**settings), in_channels, size_px)
    if kind in ("alexnet", "cnn-f"):
        return EightLayerTrunk(EightLayerSettings(**settings), in_channels, size_px)
    if kind == "features":
        return FeatureTrunk(FeatureSettings(**settings))
    if kind == "torchvision":
        return TorchvisionTrunk(TorchvisionSettings(**settings), in_channels, size_px)
    raise MedhashError(
        f"there is no network {kind!r}", "choose residual, plain, alexnet, cnn-f, torchvision or features"
    )
