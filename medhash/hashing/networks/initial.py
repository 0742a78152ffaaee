"""Weights from a local file that start a network, instead of random ones."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from medhash.core.errors import MedhashError
from medhash.hashing.networks.network import HashNetwork

_HOW_TO = "docs/initial-weights.md says how to make a fitting safetensors file of published weights"
_OUTER = ("network.", "trunk.", "backbone.")
"""Prefixes that a trunk's tensors may carry, in this order, in a model folder of this project."""
_OF_OUR_HEADS = ("hash_layer.", "code_norm.", "attention.", "coder.")
_COUNTER = "num_batches_tracked"


def load_initial_weights(network: HashNetwork, path: Path) -> None:
    """Load a safetensors file into the network's trunk, in place; the hash layer keeps its random weights.

    Names may carry the prefix `trunk.` or not; torchvision's networks have torchvision's own names. Tensors of a
    classifier or of a hash layer are left aside. A first convolution of three channels fits a network of grey images:
    its channels are summed, which is what it computes of grey repeated three times. The counters of batch
    normalisation, which nothing reads, may be missing. Raises MedhashError, and changes nothing, if another tensor of
    the trunk is missing, one is unknown, of another shape or not finite, or the file cannot be read.
    """
    trunk = network.trunk
    wanted = {_bare(name): tensor for name, tensor in trunk.state_dict().items()}
    found = {
        name: tensor for name, tensor in _read(path).items() if not name.startswith((*trunk.removed, *_OF_OUR_HEADS))
    }
    missing = sorted(name for name in wanted.keys() - found.keys() if not name.endswith(_COUNTER))
    unknown = sorted(found.keys() - wanted.keys())
    if missing or unknown:
        problem = "; ".join(
            _listed(what, names) for what, names in (("has no", missing), ("has unknown", unknown)) if names
        )
        raise MedhashError(f"{path} does not fit the network: it {problem}", _HOW_TO)
    first = _first_convolution(trunk)
    fitting = {name: _fit_channels(tensor, wanted[name]) if name == first else tensor for name, tensor in found.items()}
    for name in sorted(fitting):
        if fitting[name].shape != wanted[name].shape:
            raise MedhashError(
                f"{path}: tensor {name}: expected {tuple(wanted[name].shape)}, found {tuple(found[name].shape)}",
                _HOW_TO,
            )
        if not torch.isfinite(fitting[name]).all():
            raise MedhashError(f"{path}: tensor {name} holds values that are not finite", _HOW_TO)
    with torch.no_grad():
        for name, tensor in fitting.items():
            wanted[name].copy_(tensor)


def require_file(path: Path) -> None:
    """Raises MedhashError if there is no such file."""
    if not path.is_file():
        raise MedhashError(
            f"the initial weights {path} do not exist",
            "correct train.initial_weights in params.yaml, or leave it empty for random weights",
        )


def _read(path: Path) -> dict[str, torch.Tensor]:
    """The file's tensors by their names without outer prefixes."""
    require_file(path)
    blob = path.read_bytes()
    try:
        tensors = load(blob)
    except SafetensorError as error:
        pickled = blob[:2] == b"PK" or blob[:1] == b"\x80"
        problem = (
            "is a pickle (as .pth files are), which could run code when it is read"
            if pickled
            else f"is not a safetensors file ({error})"
        )
        raise MedhashError(f"{path} {problem}", _HOW_TO) from error
    return {_bare(name): tensor for name, tensor in tensors.items()}


def _bare(name: str) -> str:
    for prefix in _OUTER:
        name = name.removeprefix(prefix)
    return name


def _listed(what: str, names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{what} {', '.join(names[:3])}{more}"


def _first_convolution(trunk: nn.Module) -> str:
    """The name of its kernels, or of nothing."""
    names = (f"{_bare(name)}.weight" for name, module in trunk.named_modules() if isinstance(module, nn.Conv2d))
    return next(names, "")


def _fit_channels(kernels: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    grey_from_colour = kernels.ndim == 4 and kernels.shape[1] == 3 and wanted.shape[1] == 1
    return kernels.sum(dim=1, keepdim=True) if grey_from_colour else kernels
