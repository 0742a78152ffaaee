"""Every shallow method through its encoder: saved shapes, equal bytes, codes that do not depend on the batch."""

from collections.abc import Mapping

import numpy as np
import pytest
from safetensors.numpy import load, save

from medhash.core.errors import MedhashError
from medhash.hashing.encoders import ENCODERS
from medhash.hashing.shallow.cbe import fit_cbe
from medhash.hashing.shallow.dh import fit_dh
from medhash.hashing.shallow.itq import fit_itq
from medhash.hashing.shallow.ksh import fit_ksh
from medhash.hashing.shallow.linear import Fit
from medhash.hashing.shallow.lsh import fit_lsh
from medhash.hashing.shallow.mhf import fit_mhf
from medhash.hashing.shallow.sdh import fit_sdh
from medhash.hashing.shallow.sh import fit_sh
from medhash.hashing.shallow.ssh import fit_ssh

METHODS: dict[str, tuple[Fit, str]] = {
    "lsh": (fit_lsh, "linear"),
    "itq": (fit_itq, "linear"),
    "ssh": (fit_ssh, "linear"),
    "sh": (fit_sh, "eigenfunctions"),
    "cbe": (fit_cbe, "circulant"),
    "ksh": (fit_ksh, "kernel"),
    "dh": (fit_dh, "layers"),
    "sdh": (fit_sdh, "layers"),
    "mhf": (fit_mhf, "forest"),
}
SUPERVISED = ("ksh", "ssh", "mhf", "sdh")
N_FEATURES, BITS = 48, 24

every_method = pytest.mark.parametrize("name", METHODS)


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    """320 images; the last of five labels is carried by none, and some images carry no label."""
    random = np.random.default_rng(0)
    labels = (random.random((320, 5)) < 0.25).astype(np.float32)
    labels[:, 4] = 0
    return (random.normal(size=(320, N_FEATURES)) + labels @ random.normal(size=(5, N_FEATURES)) + 10).astype(
        np.float32
    ), labels


@pytest.fixture(scope="module")
def fits(images: tuple[np.ndarray, np.ndarray]) -> dict[str, Mapping[str, np.ndarray]]:
    return {name: fit(*images, BITS, 3) for name, (fit, _) in METHODS.items()}


@every_method
def test_the_fitted_tensors_have_the_encoders_shapes_and_types(
    name: str, fits: dict[str, Mapping[str, np.ndarray]]
) -> None:
    found = {key: array.shape for key, array in fits[name].items()}
    assert found == ENCODERS[METHODS[name][1]].shapes(fits[name], N_FEATURES, BITS)
    assert {array.dtype for array in fits[name].values()} <= {np.dtype(np.float32), np.dtype(np.int32)}


@every_method
def test_equal_data_and_seed_give_equal_bytes(
    name: str, images: tuple[np.ndarray, np.ndarray], fits: dict[str, Mapping[str, np.ndarray]]
) -> None:
    assert save(dict(METHODS[name][0](*images, BITS, 3))) == save(dict(fits[name]))


@pytest.mark.parametrize("name", ["lsh", "itq", "cbe", "ksh", "mhf"])
def test_another_seed_gives_another_fit(
    name: str, images: tuple[np.ndarray, np.ndarray], fits: dict[str, Mapping[str, np.ndarray]]
) -> None:
    assert save(dict(METHODS[name][0](*images, BITS, 4))) != save(dict(fits[name]))


@every_method
def test_saved_tensors_code_an_image_alone_as_among_others(
    name: str, images: tuple[np.ndarray, np.ndarray], fits: dict[str, Mapping[str, np.ndarray]]
) -> None:
    relaxed = ENCODERS[METHODS[name][1]].relaxed
    whole = relaxed(images[0], fits[name])
    assert (whole.shape, whole.dtype) == ((320, BITS), np.float32)
    restored = load(save(dict(fits[name])))
    alone = np.concatenate([relaxed(images[0][row : row + 1], restored) for row in range(0, 320, 16)])
    np.testing.assert_allclose(alone, whole[::16], atol=1e-3 * np.abs(whole).max())
    assert ((alone >= 0) == (whole[::16] >= 0)).mean() > 0.999
    assert relaxed(images[0][:0], restored).shape == (0, BITS)


@every_method
def test_bits_are_neither_dead_nor_copies_of_one_another(
    name: str, images: tuple[np.ndarray, np.ndarray], fits: dict[str, Mapping[str, np.ndarray]]
) -> None:
    bits = ENCODERS[METHODS[name][1]].relaxed(images[0], fits[name]) >= 0
    assert bits.any(axis=0).all()
    assert not bits.all(axis=0).any()
    assert len(np.unique(bits, axis=0)) > 30


@pytest.mark.parametrize("encoder", ENCODERS)
def test_shapes_of_damaged_tensors_are_told_without_a_crash(encoder: str) -> None:
    name = next(name for name, (_, used) in METHODS.items() if used == encoder)
    random = np.random.default_rng(0)
    tensors = METHODS[name][0](
        random.normal(size=(300, 16)).astype(np.float32), np.eye(3, dtype=np.float32)[random.integers(0, 3, 300)], 8, 0
    )
    for key in tensors:
        without = {other: array for other, array in tensors.items() if other != key}
        flat = tensors | {key: tensors[key].reshape(-1)[:1].reshape(1, 1, 1, 1)}
        for damaged in (without, flat):
            expected = ENCODERS[encoder].shapes(damaged, 16, 8)
            assert expected != {other: array.shape for other, array in damaged.items()}
    assert ENCODERS[encoder].shapes(tensors, 17, 8) != {key: array.shape for key, array in tensors.items()}
    assert ENCODERS[encoder].shapes(tensors, 16, 9) != {key: array.shape for key, array in tensors.items()}


@every_method
@pytest.mark.parametrize(
    ("features", "problem"),
    [
        (np.zeros((0, N_FEATURES), np.float32), "no features to fit"),
        (np.full((400, N_FEATURES), 0.1, np.float32), "400 training images have the same features"),
        (np.where(np.arange(400)[:, None] == 5, np.nan, np.ones((400, N_FEATURES))), r"image 5 \(counted from 0\)"),
    ],
)
def test_features_that_cannot_be_fitted_are_refused(name: str, features: np.ndarray, problem: str) -> None:
    with pytest.raises(MedhashError, match=problem):
        METHODS[name][0](features, np.eye(2, dtype=np.float32)[np.arange(len(features)) % 2], BITS, 0)


@pytest.mark.parametrize("name", ["lsh", "itq", "sh", "cbe", "ssh", "dh", "sdh"])
def test_more_bits_than_features_are_refused(name: str, images: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(MedhashError, match="64 bits need at least as many features, but there are 48"):
        METHODS[name][0](*images, 64, 0)


@pytest.mark.parametrize("name", ["ssh", "dh", "sdh", "ksh", "mhf"])
def test_too_few_images_are_refused_with_their_number(name: str, images: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(MedhashError, match="training images, but there are 20"):
        METHODS[name][0](images[0][:20], images[1][:20], BITS, 0)


@pytest.mark.parametrize("name", SUPERVISED)
@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (np.zeros((320, 3), np.float32), "no two training images share a label"),
        (np.ones((320, 3), np.float32), "every two training images share a label"),
    ],
)
def test_labels_that_teach_nothing_are_refused(
    name: str, labels: np.ndarray, problem: str, images: tuple[np.ndarray, np.ndarray]
) -> None:
    with pytest.raises(MedhashError, match=problem):
        METHODS[name][0](images[0], labels, BITS, 0)
