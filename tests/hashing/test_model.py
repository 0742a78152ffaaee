"""Model folders: what is saved comes back, and what is damaged or does not fit is refused by name."""

from pathlib import Path

import numpy as np
import pytest
import torch

from medhash.core.documents import ModelSpec, SubCode
from medhash.core.errors import MedhashError
from medhash.core.files import sha256_file
from medhash.hashing.codes import binarise
from medhash.hashing.gist import gist
from medhash.hashing.model import HashModel, load_model, save_model
from medhash.hashing.networks.build import build_network
from medhash.hashing.shallow.itq import fit_itq

NETWORK = {"kind": "residual", "depth": 18, "width": "paper", "stem": "small"}


def spec_of(family: str, bits: int = 16, **changes: object) -> ModelSpec:
    deep = family == "deep"
    return ModelSpec.model_validate(
        {
            "method": "drh-18" if deep else "itq",
            "family": family,
            "bits": bits,
            "input": "gist-512" if family == "shallow" else "pixels",
            "coder": "" if deep else "linear",
            "size_px": 32,
            "network": {} if family == "shallow" else NETWORK,
            "sub_codes": [SubCode(name="code", start=0, stop=bits)],
            "labels": ["Effusion"],
            "settings": {},
            "data_digest": "0" * 64,
            "weights_sha256": "",
        }
        | changes
    )


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (21, 1, 32, 32), dtype=np.uint8)


@pytest.fixture
def deep_folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_model(tmp_path / "drh-18", spec_of("deep"), build_network(NETWORK, 16).state_dict())
    return tmp_path / "drh-18"


@pytest.mark.parametrize("settings", [NETWORK, NETWORK | {"code_norm": "batch"}], ids=["plain", "code norm"])
def test_a_loaded_network_gives_the_codes_of_the_saved_one(
    tmp_path: Path, pixels: np.ndarray, settings: dict[str, str | int]
) -> None:
    torch.manual_seed(0)
    network = build_network(settings, 16)
    network(torch.rand(8, 1, 32, 32))  # moves the running means of the BN layers
    digest = save_model(tmp_path, spec_of("deep", network=settings), network.state_dict())
    model = load_model(tmp_path)
    assert model.digest == digest == sha256_file(tmp_path / "model.json")
    with torch.no_grad():
        expected = network.eval()(torch.from_numpy(pixels).float() / 255).numpy()
    relaxed = model.relaxed_pixels(pixels)
    assert relaxed.dtype == np.float32
    np.testing.assert_allclose(relaxed, expected, atol=1e-6)
    assert np.array_equal(binarise(relaxed), binarise(expected))


@pytest.mark.parametrize("batch_size", [1, 2, 20, 21, 256])
def test_codes_do_not_depend_on_the_batch_size(deep_folder: Path, pixels: np.ndarray, batch_size: int) -> None:
    model = load_model(deep_folder)
    assert np.array_equal(binarise(model.relaxed_pixels(pixels, batch_size)), binarise(model.relaxed_pixels(pixels)))
    assert model.relaxed_pixels(pixels[:0], batch_size).shape == (0, 16)


def test_a_shallow_model_projects_gist_and_takes_pixels_as_well(tmp_path: Path, pixels: np.ndarray) -> None:
    features = gist(pixels)
    save_model(tmp_path, spec_of("shallow"), fit_itq(features, np.zeros((21, 1)), 16, 0))
    model = load_model(tmp_path)
    relaxed = model.relaxed_features(features)
    by_hand = [
        [
            sum((x - m) * w for x, m, w in zip(row, model.tensors["mean"], column, strict=True))
            for column in model.tensors["projection"].T[:2]
        ]
        for row in features[:2]
    ]
    np.testing.assert_allclose(relaxed[:2, :2], by_hand, atol=1e-5)
    assert np.array_equal(model.relaxed_pixels(pixels), relaxed)


def test_a_two_step_model_gives_what_the_network_sees_to_the_encoder(tmp_path: Path, pixels: np.ndarray) -> None:
    torch.manual_seed(0)
    network = build_network(NETWORK | {"head": "embedding"}, 16).eval()
    coder = {"mean": np.linspace(-1, 1, 32, dtype=np.float32), "projection": np.eye(32, 16, dtype=np.float32)}
    save_model(
        tmp_path,
        spec_of("two-step", network=NETWORK | {"head": "embedding"}),
        {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
        | {f"coder.{name}": array for name, array in coder.items()},
    )
    model = load_model(tmp_path)
    with torch.no_grad():
        embedded = network.trunk(torch.from_numpy(pixels).float() / 255).numpy()
    relaxed = model.relaxed_pixels(pixels, batch_size=8)
    np.testing.assert_allclose(relaxed, (embedded - coder["mean"])[:, :16], atol=1e-5)
    assert model.relaxed_pixels(pixels[:0]).shape == (0, 16)
    with pytest.raises(MedhashError, match="encodes pixels"):
        model.relaxed_features(np.zeros((1, 32), np.float32))


def test_a_network_whose_weights_depend_on_the_images_size_is_rebuilt_at_the_models(tmp_path: Path) -> None:
    network = build_network({"kind": "cnn-f"}, 16, size_px=32)
    save_model(tmp_path, spec_of("deep", network={"kind": "cnn-f"}), network.state_dict())
    assert load_model(tmp_path).relaxed_pixels(np.zeros((1, 1, 32, 32), np.uint8)).shape == (1, 16)
    with pytest.raises(MedhashError, match=r"trunk\.fc6\.weight: expected \(4096, 4096\), found \(4096, 1024\)"):
        save_model(tmp_path, spec_of("deep", network={"kind": "cnn-f"}, size_px=64), network.state_dict())


def test_an_encoder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(MedhashError, match="names the encoder 'lineal', which does not exist"):
        save_model(tmp_path, spec_of("shallow", coder="lineal"), {})


def test_equal_tensors_give_equal_bytes_and_loading_leaves_the_random_stream_alone(
    tmp_path: Path, deep_folder: Path
) -> None:
    model = load_model(deep_folder)
    torch.manual_seed(1)
    save_model(tmp_path / "again", model.spec, model.tensors)
    load_model(tmp_path / "again")
    assert torch.initial_seed() == 1
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1))
    for name in ("model.json", "weights.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (deep_folder / name).read_bytes()


def test_a_flipped_byte_is_refused_naming_the_file(deep_folder: Path) -> None:
    weights = deep_folder / "weights.safetensors"
    blob = bytearray(weights.read_bytes())
    blob[len(blob) // 2] ^= 1
    weights.write_bytes(blob)
    with pytest.raises(MedhashError, match=r"weights\.safetensors is not the file"):
        load_model(deep_folder)


def test_a_tensor_of_another_shape_is_refused_with_both_shapes(deep_folder: Path) -> None:
    model = load_model(deep_folder)
    wider = dict(model.tensors) | {"hash_layer.weight": np.zeros((24, 32), np.float32)}
    expected = r"hash_layer\.weight: expected \(16, 32\), found \(24, 32\)"
    with pytest.raises(MedhashError, match=expected):
        save_model(deep_folder, model.spec, wider)
    from safetensors.numpy import save_file

    save_file(wider, deep_folder / "weights.safetensors")  # and the same on the way in
    model.spec.model_copy(update={"weights_sha256": sha256_file(deep_folder / "weights.safetensors")}).write(
        deep_folder / "model.json"
    )
    with pytest.raises(MedhashError, match=expected):
        load_model(deep_folder)


@pytest.mark.parametrize("missing", [True, False])
def test_a_missing_or_unknown_tensor_is_named(deep_folder: Path, missing: bool) -> None:
    model = load_model(deep_folder)
    tensors = dict(model.tensors)
    if missing:
        del tensors["hash_layer.bias"]
        problem = r"hash_layer\.bias: .*found no such"
    else:
        tensors["odd"] = np.zeros(1, np.float32)
        problem = "odd: expected no such"
    with pytest.raises(MedhashError, match=problem):
        save_model(deep_folder, model.spec, tensors)


def test_weights_that_are_absent_or_of_another_kind_are_refused(deep_folder: Path) -> None:
    weights = deep_folder / "weights.safetensors"
    weights.write_bytes(b"not tensors")
    spec = ModelSpec.read(deep_folder / "model.json")
    spec.model_copy(update={"weights_sha256": sha256_file(weights)}).write(deep_folder / "model.json")
    with pytest.raises(MedhashError, match="not a safetensors file"):
        load_model(deep_folder)
    weights.unlink()
    with pytest.raises(MedhashError, match="does not exist"):
        load_model(deep_folder)


def test_pixels_of_another_size_and_features_for_a_network_are_refused(deep_folder: Path) -> None:
    model: HashModel = load_model(deep_folder)
    with pytest.raises(MedhashError, match="32 px, not 64 px"):
        model.relaxed_pixels(np.zeros((1, 1, 64, 64), np.uint8))
    with pytest.raises(MedhashError, match="encodes pixels"):
        model.relaxed_features(np.zeros((1, 512), np.float32))
