"""A trained model on disk: a folder of model.json and weights.safetensors, and what it computes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from components.documents import ModelSpec
from components.errors import MedhashError
from components.files import replacing_file, sha256_file
from components.hashing.shallow.linear import project

if TYPE_CHECKING:
    from components.hashing.networks.residual import HashNetwork

SPEC_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"
N_GIST = 512


@dataclass(frozen=True)
class HashModel:
    """A model in memory. Loading one executes no code from its files."""

    spec: ModelSpec
    tensors: Mapping[str, np.ndarray]
    digest: str
    """SHA-256 of model.json, which holds the SHA-256 of the weights."""
    device: str = "cpu"

    @cached_property
    def network(self) -> "HashNetwork":
        """The network with its weights, in evaluation mode, on the device."""
        import torch
        network = _empty_network(self.spec)
        network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in self.tensors.items()})
        return network.eval().to(self.device)

    def relaxed_pixels(self, pixels: np.ndarray, batch_size: int = 256) -> np.ndarray:
        """Relaxed codes, float32 (N, K), of pixels, uint8 (N, C, S, S).

        Deep: h = tanh(z), at α = 1 whatever the training's last α; the code, its sign, is the same at any α.
        Shallow: the projection of the pixels' GIST.
        Raises MedhashError if the pixels have another size than the model was trained at.
        """
        if pixels.shape[2:] != (self.spec.size_px, self.spec.size_px):
            raise MedhashError(f"{self.spec.method} takes images of {self.spec.size_px} px, not {pixels.shape[2]} px",
                               "set size_px to the model's, or train the model again")
        parts = [self._relaxed_batch(np.ascontiguousarray(pixels[start:start + batch_size]))
                 for start in range(0, len(pixels), batch_size)]
        return np.concatenate(parts) if parts else np.zeros((0, self.spec.bits), np.float32)

    def relaxed_features(self, features: np.ndarray) -> np.ndarray:
        """Relaxed codes, float32 (N, K), of GIST features, float32 (N, 512); shallow models only."""
        if self.spec.family != "shallow":
            raise MedhashError(f"{self.spec.method} encodes pixels, not features", "encode its pixels")
        return project(features, dict(self.tensors))

    def _relaxed_batch(self, pixels: np.ndarray) -> np.ndarray:
        if self.spec.family == "shallow":
            from components.hashing.gist import gist
            return self.relaxed_features(gist(pixels))
        import torch
        with torch.inference_mode():
            x = torch.from_numpy(pixels).to(self.device).float() / 255
            return self.network(x).float().cpu().numpy()


def save_model(folder: Path, spec: ModelSpec, tensors: Mapping[str, Any]) -> str:
    """Write weights and model.json into a folder (made if needed); other files in it stay. Returns the digest.

    tensors: numpy arrays or torch tensors. spec.weights_sha256 is filled in here, so any value may stand there.
    Raises MedhashError if a tensor's name or shape does not fit the spec.
    """
    arrays = {name: np.asarray(_as_array(tensor), order="C") for name, tensor in tensors.items()}
    _check_tensors(folder / WEIGHTS_FILE, spec, arrays)
    with replacing_file(folder / WEIGHTS_FILE) as temporary:
        temporary.write_bytes(save(arrays))
    spec.model_copy(update={"weights_sha256": sha256_file(folder / WEIGHTS_FILE)}).write(folder / SPEC_FILE)
    return sha256_file(folder / SPEC_FILE)


def load_model(folder: Path, device: str = "cpu") -> HashModel:
    """Read a model folder and check it.

    Raises MedhashError naming the file if its bytes are not those that were saved, or naming the tensor, the
    shape expected and the shape found.
    """
    spec = ModelSpec.read(folder / SPEC_FILE)
    weights = folder / WEIGHTS_FILE
    if not weights.exists():
        raise MedhashError(f"{weights} does not exist", "restore the model folder with `dvc checkout`, or train again")
    blob = weights.read_bytes()
    if hashlib.sha256(blob).hexdigest() != spec.weights_sha256:
        raise MedhashError(f"{weights} is not the file that {SPEC_FILE} describes: its SHA-256 differs",
                           "restore the model folder with `dvc checkout`, or train again")
    try:
        tensors = load(blob)
    except SafetensorError as error:
        raise MedhashError(f"{weights} is not a safetensors file ({error})",
                           "restore the model folder with `dvc checkout`, or train again") from error
    _check_tensors(weights, spec, tensors)
    return HashModel(spec, tensors, sha256_file(folder / SPEC_FILE), device)


def _check_tensors(path: Path, spec: ModelSpec, tensors: Mapping[str, np.ndarray]) -> None:
    """The names and shapes must be those of the method's network or projection."""
    if spec.family == "deep":
        expected = {name: tuple(tensor.shape) for name, tensor in _empty_network(spec).state_dict().items()}
    else:
        expected = {"mean": (N_GIST,), "projection": (N_GIST, spec.bits)}
    for name in sorted(expected.keys() | tensors.keys()):
        found = tuple(tensors[name].shape) if name in tensors else "no such tensor"
        wanted = expected.get(name, "no such tensor")
        if found != wanted:
            raise MedhashError(f"{path}: tensor {name}: expected {wanted}, found {found}",
                               "the weights belong to another method or code length: train the model again")


def _empty_network(spec: ModelSpec) -> "HashNetwork":
    import torch

    from components.hashing.networks.build import build_network
    with torch.random.fork_rng(devices=[]):          # building draws initial weights: leave the caller's stream alone
        return build_network(spec.network, spec.bits)


def _as_array(tensor: Any) -> np.ndarray:
    return tensor if isinstance(tensor, np.ndarray) else tensor.detach().cpu().numpy()
