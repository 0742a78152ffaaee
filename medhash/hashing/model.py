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

from medhash.core.documents import ModelSpec
from medhash.core.errors import MedhashError
from medhash.core.files import replacing_file, sha256_file
from medhash.hashing.bags import check_starts, content_order, vote
from medhash.hashing.codes import Certainty, binarise, bit_confidence
from medhash.hashing.encoders import ENCODERS
from medhash.hashing.features import features_of, lite0_network, needs_backbone, width_of
from medhash.hashing.layout import layout_of

if TYPE_CHECKING:
    from medhash.hashing.networks.efficientnet_lite import EfficientNetLite0
    from medhash.hashing.networks.network import HashNetwork

SPEC_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"
NETWORK, ENCODER = "network.", "coder."
"""Prefixes of a two-step model's tensors: those of the network, and those of the encoder of its embedding."""
BACKBONE = "backbone."
"""Prefix of the frozen backbone's tensors, which a head carries so that it encodes pixels by itself."""


@dataclass(frozen=True)
class Coded:
    """Packed codes of bags and of their instances."""

    bags: np.ndarray
    """uint8, (n, K/8)."""
    instances: np.ndarray
    """uint8, (m, K/8), in the order the instances were given."""


@dataclass(frozen=True)
class HashModel:
    """A model in memory. Loading one executes no code from its files.

    deep: a network gives relaxed codes of pixels. head: a network gives them of frozen features. shallow: an encoder
    gives them of GIST features. two-step: an encoder gives them of a network's embedding of pixels. The codes of bags
    are pooled by the network if it has a pooling, and by `vote` of the instances' codes otherwise; a bag of one has the
    code of its image.

    Bags come as the packed instances of one after the other: `inputs` is uint8 pixels (m, C, S, S) or, for a shallow
    model, float32 features (m, D); `starts` is int64 (n + 1,), see hashing.bags. The order of instances within a bag
    changes nothing: they are put into an order that depends on their content alone before anything is computed.
    """

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
        tensors = under(NETWORK, self.tensors) if self.spec.family == "two-step" else _without_backbone(self.tensors)
        network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in tensors.items()})
        return network.eval().to(self.device)

    @cached_property
    def backbone(self) -> "EfficientNetLite0 | None":
        """The frozen backbone that a head carries, on the CPU; None of other models."""
        carried = under(BACKBONE, self.tensors)
        return lite0_network(carried) if carried else None

    def codes(self, inputs: np.ndarray, starts: np.ndarray) -> Coded:
        """Codes of n bags and of their m instances.

        Raises MedhashError if the starts do not cut the inputs into bags, or the inputs do not fit the model.
        """
        bags, instances = self._relaxed(inputs, starts)
        return Coded(binarise(bags), binarise(instances))

    def relaxed_bags(self, inputs: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Relaxed codes of bags, float32 (n, K): those whose signs are the codes. Raises as `codes` does."""
        return self._relaxed(inputs, starts)[0]

    def certainty(self, inputs: np.ndarray, starts: np.ndarray) -> Certainty:
        """How sure the model is of each bit of n bags, and for a structured one of each attribute's values.

        A bag's memberships and firing levels are the means of its images'. Raises as `codes` does.
        """
        relaxed = self.relaxed_bags(inputs, starts)
        if not self.spec.attributes:
            return Certainty(bit_confidence(relaxed), None, None)
        from medhash.hashing.networks.bag_outputs import memberships_and_firing

        starts = check_starts(starts, len(inputs))
        ordered = self._checked(inputs[content_order(inputs, starts)])
        return Certainty(bit_confidence(relaxed), *memberships_and_firing(self.network, ordered, starts))

    @property
    def rules(self) -> list[str]:
        """The rules of fuzzy inference in words, in the order of Certainty.firing; empty without them."""
        layout = layout_of(self.spec)
        return layout.rule_texts() if layout is not None and self.spec.network.get("inference") == "fuzzy" else []

    def attention(self, inputs: np.ndarray, starts: np.ndarray) -> np.ndarray | None:
        """How much of its bag each instance is, float32 (m,), each bag's sum being one; None without such a pooling."""
        if self.spec.network.get("pooling") != "attention":
            return None
        from medhash.hashing.networks.bag_outputs import attention_of_instances

        starts = check_starts(starts, len(inputs))
        order = content_order(inputs, starts)
        weights = np.empty(len(inputs), np.float32)
        weights[order] = attention_of_instances(self.network, self._checked(inputs[order]), starts)
        return weights

    def relaxed_pixels(self, pixels: np.ndarray, batch_size: int = 256) -> np.ndarray:
        """Relaxed codes, float32 (N, K), of pixels, uint8 (N, C, S, S).

        A network's are taken at α = 1 whatever the training's last α; the code, their sign, is the same at any α.
        Raises MedhashError if the pixels have another size than the model was trained at.
        """
        self._checked(pixels)
        parts = [
            self._relaxed_batch(np.ascontiguousarray(pixels[start : start + batch_size]))
            for start in range(0, len(pixels), batch_size)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.spec.bits), np.float32)

    def relaxed_features(self, features: np.ndarray) -> np.ndarray:
        """Relaxed codes, float32 (N, K), of features of `spec.input`, float32 (N, D); shallow models and heads only."""
        if self.spec.family == "head":
            import torch

            with torch.inference_mode():
                x = torch.from_numpy(np.ascontiguousarray(features, np.float32)).to(self.device)
                relaxed: np.ndarray = self.network(x).float().cpu().numpy()
            return relaxed
        if self.spec.family != "shallow":
            raise MedhashError(f"{self.spec.method} encodes pixels, not features", "encode its pixels")
        return ENCODERS[self.spec.coder].relaxed(features, self.tensors)

    def _relaxed(self, inputs: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Relaxed codes of bags, (n, K), and of instances in the order given, (m, K)."""
        starts = check_starts(starts, len(inputs))
        order = content_order(inputs, starts)
        ordered = inputs[order]
        if self.spec.network.get("pooling", "none") != "none":
            from medhash.hashing.networks.bag_outputs import codes_of_bags

            bags, instances = codes_of_bags(self.network, self._checked(ordered), starts)
        else:
            instances = self.relaxed_features(ordered) if ordered.ndim == 2 else self.relaxed_pixels(ordered)
            bags = vote(instances, starts)
        as_given = np.empty_like(instances)
        as_given[order] = instances
        return bags, as_given

    def _checked(self, pixels: np.ndarray) -> np.ndarray:
        if pixels.ndim != 4:
            raise MedhashError(f"{self.spec.method} encodes pixels, not features", "encode its pixels")
        if pixels.shape[2:] != (self.spec.size_px, self.spec.size_px):
            raise MedhashError(
                f"{self.spec.method} takes images of {self.spec.size_px} px, not {pixels.shape[2]} px",
                "set size_px to the model's, or train the model again",
            )
        channels = self.spec.network.get("in_channels", 1)
        if self.spec.family != "shallow" and pixels.shape[1] != channels:
            raise MedhashError(
                f"{self.spec.method} takes images of {channels} channels, not {pixels.shape[1]}",
                "give images of the kind the model was trained on, or train the model again",
            )
        return pixels

    def _relaxed_batch(self, pixels: np.ndarray) -> np.ndarray:
        if self.spec.family in ("shallow", "head"):
            return self.relaxed_features(features_of(self.spec.input, pixels, self.backbone))
        import torch

        with torch.inference_mode():
            x = torch.from_numpy(pixels).to(self.device).float() / 255
            outputs: np.ndarray = self.network(x).float().cpu().numpy()
        if self.spec.family == "deep":
            return outputs
        return ENCODERS[self.spec.coder].relaxed(outputs, under(ENCODER, self.tensors))


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
        raise MedhashError(
            f"{weights} is not the file that {SPEC_FILE} describes: its SHA-256 differs",
            "restore the model folder with `dvc checkout`, or train again",
        )
    try:
        tensors = load(blob)
    except SafetensorError as error:
        raise MedhashError(
            f"{weights} is not a safetensors file ({error})",
            "restore the model folder with `dvc checkout`, or train again",
        ) from error
    _check_tensors(weights, spec, tensors)
    return HashModel(spec, tensors, sha256_file(folder / SPEC_FILE), device)


def under(prefix: str, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _check_tensors(path: Path, spec: ModelSpec, tensors: Mapping[str, np.ndarray]) -> None:
    """The names and shapes must be those of the method's network and encoder."""
    expected = _expected_shapes(path, spec, tensors)
    for name in sorted(expected.keys() | tensors.keys()):
        found = tuple(tensors[name].shape) if name in tensors else "no such tensor"
        wanted = expected.get(name, "no such tensor")
        if found != wanted:
            raise MedhashError(
                f"{path}: tensor {name}: expected {wanted}, found {found}",
                "the weights belong to another method or code length: train the model again",
            )


def _expected_shapes(path: Path, spec: ModelSpec, tensors: Mapping[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    if spec.family not in ("deep", "head") and spec.coder not in ENCODERS:
        raise MedhashError(
            f"{path}: model.json names the encoder {spec.coder!r}, which does not exist",
            f"known encoders: {', '.join(ENCODERS)}; train the model again",
        )
    if spec.family == "shallow":
        return ENCODERS[spec.coder].shapes(tensors, width_of(spec.input), spec.bits)
    network = _empty_network(spec)
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    if spec.family == "deep":
        return shapes
    if spec.family == "head":
        return shapes | _backbone_shapes(spec)
    encoder = ENCODERS[spec.coder].shapes(under(ENCODER, tensors), network.n_outputs, spec.bits)
    return {NETWORK + name: shape for name, shape in shapes.items()} | {
        ENCODER + name: shape for name, shape in encoder.items()
    }


def _without_backbone(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(BACKBONE)}


def _backbone_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    if not needs_backbone(spec.input):
        return {}
    import torch

    from medhash.hashing.networks.efficientnet_lite import EfficientNetLite0

    with torch.random.fork_rng(devices=[]):
        state = EfficientNetLite0().state_dict()
    return {BACKBONE + name: tuple(tensor.shape) for name, tensor in state.items()}


def _empty_network(spec: ModelSpec) -> "HashNetwork":
    import torch

    from medhash.hashing.networks.build import build_network

    with torch.random.fork_rng(devices=[]):  # building draws initial weights: leave the caller's stream alone
        return build_network(spec.network, spec.bits, size_px=spec.size_px, layout=layout_of(spec))


def _as_array(tensor: Any) -> np.ndarray:
    return tensor if isinstance(tensor, np.ndarray) else tensor.detach().cpu().numpy()
