"""From the `network` settings of a method or a saved model to the network itself."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import ValidationError
from torch import nn

from components.errors import MedhashError
from components.hashing.networks.network import HashNetwork, HeadSettings
from components.hashing.networks.residual import ResidualSettings, ResidualTrunk

Settings = Mapping[str, str | int | float]


def build_network(network: Settings, bits: int, in_channels: int = 1) -> HashNetwork:
    """A freshly initialised network (weights from torch's global random state).

    network: as in DeepMethod.network or ModelSpec.network: `kind` chooses the trunk, which takes the other settings but
    the head's; `in_channels` may stand in it too and then wins.
    Raises MedhashError naming an unknown key or a value that is not allowed.
    """
    settings: dict[str, Any] = dict(network)
    channels = int(settings.pop("in_channels", in_channels))
    of_head = {field.name: settings.pop(field.name) for field in fields(HeadSettings) if field.name in settings}
    try:
        head = HeadSettings(**of_head)
        trunk, n_features = _trunk(str(settings.get("kind", "residual")), settings, channels)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise MedhashError(f"network setting {key}: {first['msg']}",
                           "the settings a network takes stand in components/hashing/networks") from error
    return HashNetwork(trunk, n_features, bits, head)


def _trunk(kind: str, settings: dict[str, Any], in_channels: int) -> tuple[nn.Module, int]:
    if kind in ("residual", "plain"):
        residual = ResidualTrunk(ResidualSettings(**settings), in_channels)
        return residual, residual.n_features
    raise MedhashError(f"there is no network {kind!r}", "choose residual or plain")
