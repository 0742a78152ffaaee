"""From the `network` settings of a method or a saved model to the network itself."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import ValidationError

from components.errors import MedhashError
from components.hashing.layout import Layout
from components.hashing.networks.backbone import TorchvisionSettings, TorchvisionTrunk
from components.hashing.networks.eight_layers import EightLayerSettings, EightLayerTrunk
from components.hashing.networks.independent import IndependentTrunks
from components.hashing.networks.network import HashNetwork, HeadSettings, Trunk
from components.hashing.networks.residual import ResidualSettings, ResidualTrunk

Settings = Mapping[str, str | int | float]


def build_network(
    network: Settings, bits: int, in_channels: int = 1, size_px: int = 64, layout: Layout | None = None
) -> HashNetwork:
    """A freshly initialised network (weights from torch's global random state).

    network: as in DeepMethod.network or ModelSpec.network: `kind` chooses the trunk, which takes the other settings but
    the head's; `in_channels` may stand in it too and then wins. size_px: of the images; a residual network takes any.
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
            f"network setting {key}: {first['msg']}",
            "the settings a network takes stand in components/hashing/networks",
        ) from error
    return HashNetwork(trunk, bits, head, layout)


def _trunk(settings: dict[str, Any], in_channels: int, size_px: int) -> Trunk:
    kind = settings.get("kind", "residual")
    if kind in ("residual", "plain"):
        return ResidualTrunk(ResidualSettings(**settings), in_channels)
    if kind in ("alexnet", "cnn-f"):
        return EightLayerTrunk(EightLayerSettings(**settings), in_channels, size_px)
    if kind == "torchvision":
        return TorchvisionTrunk(TorchvisionSettings(**settings), in_channels, size_px)
    raise MedhashError(f"there is no network {kind!r}", "choose residual, plain, alexnet, cnn-f or torchvision")
