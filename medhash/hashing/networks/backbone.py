"""Any classification network of torchvision, by its name there, without its classifier."""

from difflib import get_close_matches
from typing import Any, Literal

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import nn

from medhash.core.errors import MedhashError
from medhash.hashing.networks.network import Trunk

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue in [0, 1]: what torchvision's published weights expect to be taken out."""
_INCEPTION = {"aux_logits": False, "transform_input": True, "init_weights": True}
"""Without the helpers that only training by classification uses, and with the scaling their weights expect."""


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class TorchvisionSettings:
    """What model.json holds under `network` for this family."""

    name: str
    """As torchvision.models.list_models gives it, such as resnet18."""
    kind: Literal["torchvision"] = "torchvision"


class TorchvisionTrunk(Trunk):
    """(N, 1 or 3, S, S), in [0, 1] → (N, d), the input of the network's last linear layer, which is left out.

    Grey is repeated to three channels; ImageNet's mean and deviation are taken out here, so that published weights find
    what they know. Weights are random; none is ever downloaded (hashing.networks.initial reads them from a file).
    Raises MedhashError for an unknown name, a network without a linear classifier, or a size it cannot take.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, settings: TorchvisionSettings, in_channels: int, size_px: int) -> None:
        super().__init__()
        if in_channels not in (1, 3):
            raise MedhashError(
                f"torchvision's {settings.name} takes images of 1 or 3 channels, not {in_channels}",
                "choose a residual network",
            )
        self.backbone = _published(settings.name, size_px)
        linear = [(name, module) for name, module in self.backbone.named_modules() if isinstance(module, nn.Linear)]
        if not linear:
            raise MedhashError(
                f"torchvision's {settings.name} has no linear layer to take features from",
                "choose another, such as resnet18",
            )
        classifier, layer = linear[-1]
        self.backbone.set_submodule(classifier, nn.Identity())
        self.n_features = layer.in_features
        self.removed = (f"{classifier}.", "AuxLogits.", "aux1.", "aux2.")
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)
        _require_size(self, settings.name, in_channels, size_px)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.backbone((x.expand(-1, 3, -1, -1) - self.mean) / self.std)
        return features


def _published(name: str, size_px: int) -> nn.Module:
    """The whole network with random weights."""
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        near = get_close_matches(name, known, n=4, cutoff=0.5) or ["alexnet", "densenet121", "resnet18", "vit_b_16"]
        raise MedhashError(
            f"torchvision has no classification network {name!r}",
            f"did you mean one of {', '.join(near)}? torchvision.models.list_models() has them all",
        )
    extra: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        extra = _INCEPTION
    elif name.startswith("vit_"):
        extra = {"image_size": size_px}
    elif name.startswith("maxvit"):
        extra = {"input_size": (size_px, size_px)}
    try:
        network: nn.Module = models.get_model(name, weights=None, **extra)
    except (AssertionError, ValueError) as error:
        raise _refused(name, size_px, error) from error
    return network


def _require_size(trunk: TorchvisionTrunk, name: str, in_channels: int, size_px: int) -> None:
    """One blank image goes through, so that a size that leaves no map is refused before any training."""
    trunk.eval()
    try:
        with torch.no_grad():
            trunk(torch.zeros(1, in_channels, size_px, size_px))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise _refused(name, size_px, error) from error
    trunk.train()


def _refused(name: str, size_px: int, error: Exception) -> MedhashError:
    return MedhashError(
        f"torchvision's {name} does not take images of {size_px} px ({error})",
        "set another size_px (224 suits most), or choose another network",
    )
