"""Grey statistics against NumPy, whole or in parts, in little memory."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from medhash.releases.drift.spreads import grey_statistics


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 3, 16, 16), dtype=np.uint8)


def test_mean_deviation_and_pooled_greys_are_numpy_s(pixels: np.ndarray) -> None:
    pixels[4] = 77  # one grey only
    rows, weights = np.array([4, 0, 11, 5]), np.array([0.4, 0.3, 0.2, 0.1])
    found = grey_statistics(pixels, rows, weights)
    chosen = pixels[rows].reshape(4, -1).astype(float)
    assert found.mean == pytest.approx(chosen.mean(axis=1), abs=5e-4)
    assert found.deviation == pytest.approx(chosen.std(axis=1), abs=5e-4)
    by_hand = sum(
        weight * np.histogram(image, np.arange(257))[0] / 768 for weight, image in zip(weights, chosen, strict=True)
    )
    assert found.pooled == pytest.approx(by_hand)
    assert found.pooled.sum() == pytest.approx(1)


def test_parts_add_up_to_the_whole_whatever_the_order(pixels: np.ndarray) -> None:
    rows, weights = np.arange(12), np.full(12, 1 / 12)
    whole = grey_statistics(pixels, rows, weights)
    order = np.random.default_rng(1).permutation(12)
    parts = [grey_statistics(pixels, rows[part], weights[part]) for part in np.split(order, [5, 6])]
    assert (np.concatenate([part.mean for part in parts]) == whole.mean[order]).all()
    assert (np.concatenate([part.deviation for part in parts]) == whole.deviation[order]).all()
    assert sum(part.pooled for part in parts) == pytest.approx(whole.pooled, abs=1e-12)


def test_a_store_larger_than_memory_is_read_image_by_image(tmp_path: Path) -> None:
    store = np.lib.format.open_memmap(tmp_path / "pixels.npy", "w+", np.uint8, (200, 1, 512, 512))
    store[:] = np.arange(200, dtype=np.uint8)[:, None, None, None]
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    tracemalloc.start()
    found = grey_statistics(mapped, np.arange(200), np.full(200, 1 / 200))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.mean == np.arange(200)).all()
    assert peak < 16 * 512 * 512  # an image in whole numbers of NumPy's, and a little
