"""From the `network` settings of a method or a saved model to the network itself."""

from collections.abc import Mapping

from pydantic import ValidationError

from components.errors import MedhashError
from components.hashing.networks.residual import HashNetwork, ResidualSettings


def build_network(network: Mapping[str, str | int | float], bits: int, in_channels: int = 1) -> HashNetwork:
    """A freshly initialised network (weights from torch's global random state).

    network: as in DeepMethod.network or ModelSpec.network; `in_channels` may stand in it too and then wins.
    Raises MedhashError naming an unknown key or a value that is not allowed.
    """
    settings = dict(network)
    channels = int(settings.pop("in_channels", in_channels))
    try:
        return HashNetwork(ResidualSettings(**settings), bits, channels)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise MedhashError(f"network setting {key}: {first['msg']}",
                           "the settings a network takes stand in components/hashing/networks/residual.py") from error
