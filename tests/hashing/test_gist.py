"""GIST against a slow twin by explicit Fourier matrices, and the symmetries it must have."""

import cmath
import math

import numpy as np
import pytest

from medhash.hashing.gist import gabor_transfer, gist, gist_of_kind, n_values


def noise(n: int, size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 1, size, size), dtype=np.uint8)


def mirrored(image: np.ndarray, border: int, size: int) -> np.ndarray:
    """size × size, from `border` before the image on, reflecting at the edge pixels."""
    n = len(image)
    places = [
        (place if place >= 0 else -1 - place) if place < n else 2 * n - 1 - place
        for place in range(-border, size - border)
    ]
    return image[np.ix_(places, places)]


def fourier_matrix(n: int) -> np.ndarray:
    return np.array([[cmath.exp(-2j * math.pi * a * b / n) for a in range(n)] for b in range(n)])


def slow_gist(image: np.ndarray, orientations: int) -> np.ndarray:
    """The descriptor of one grey image by O(n³) transforms with signed integer frequencies."""
    size, sigma = len(image), orientations**2 / 64
    n = size + 10
    f, waves = fourier_matrix(n), [k if k < n / 2 else k - n for k in range(n)]
    low = np.array([[math.exp(-(u * u + v * v) * math.log(2) / 16) for v in waves] for u in waves])

    def blurred(x: np.ndarray) -> np.ndarray:
        return (f.conj() @ (f @ x @ f * low) @ f.conj()).real / n**2

    x = mirrored(np.log(image + 1.0), 5, n)
    detail = x - blurred(x)
    flat = (detail / (0.2 + np.sqrt(np.abs(blurred(detail**2)))))[5 : 5 + size, 5 : 5 + size]

    border = size // 4
    n = size + 2 * border
    f, waves = fourier_matrix(n), [k if k < n / 2 else k - n for k in range(n)]
    spectrum = f @ mirrored(flat, border, n) @ f
    quarter, vector = size // 4, []
    for scale in range(4):
        for orientation in range(orientations):
            transfer = np.zeros((n, n))
            for a, v in enumerate(waves):
                for b, u in enumerate(waves):
                    if u == v == 0 or -n / 2 in (u, v):
                        continue
                    turned = cmath.phase(complex(u, v) * cmath.exp(1j * math.pi * orientation / orientations))
                    radial = math.hypot(u, v) / n * 1.85**scale / 0.3 - 1
                    transfer[a, b] = math.exp(-3.5 * radial**2 - 2 * math.pi * sigma * turned**2)
            energy = np.abs(f.conj() @ (spectrum * transfer) @ f.conj()) / n**2
            vector += [
                energy[border + row * quarter :, border + column * quarter :][:quarter, :quarter].mean()
                for row in range(4)
                for column in range(4)
            ]
    return np.array(vector)


@pytest.mark.parametrize(("kind", "orientations"), [("gist-512", 8), ("gist-1024", 16)])
def test_the_descriptor_equals_the_slow_twin(kind: str, orientations: int) -> None:
    image = noise(1, 16)
    assert n_values(kind) == 64 * orientations
    np.testing.assert_allclose(
        gist_of_kind(kind, image)[0], slow_gist(image[0, 0].astype(float), orientations), atol=1e-5
    )


def test_gist_512_of_a_stored_image_stays_what_it_was() -> None:
    """Models fitted on stored vectors would go astray if it moved."""
    vector = gist(noise(2, 32, seed=5))[1]
    np.testing.assert_allclose(
        vector[[0, 100, 255, 400, 511]], [0.14574234, 0.13751458, 0.06287858, 0.010834905, 0.002629983], rtol=1e-5
    )


@pytest.mark.parametrize("kind", ["gist-512", "gist-1024"])
@pytest.mark.parametrize("value", [0, 77, 255])
def test_a_constant_image_gives_zeros(value: int, kind: str) -> None:
    np.testing.assert_allclose(gist_of_kind(kind, np.full((1, 1, 32, 32), value, np.uint8)), 0, atol=1e-6)


@pytest.mark.parametrize("n", [8, 16])
def test_a_quarter_turn_permutes_orientations_and_cells(n: int) -> None:
    image = noise(1, 32)
    upright = gist(image, n).reshape(4, n, 4, 4)
    turned = gist(np.rot90(image, axes=(2, 3)), n).reshape(4, n, 4, 4)
    np.testing.assert_allclose(turned, np.rot90(np.roll(upright, n // 2, axis=1), axes=(2, 3)), atol=1e-6)


def test_every_second_of_16_orientations_has_the_direction_of_one_of_8_and_half_its_width() -> None:
    """G = r exp(-2πσ t²) with the same radial part r and four times the σ: G₁₆ r³ = G₈⁴."""
    few, many = gabor_transfer(48, 8).reshape(4, 8, 48, 48), gabor_transfer(48, 16).reshape(4, 16, 48, 48)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(48), np.fft.fftfreq(48)))
    for scale in range(4):
        radial = np.exp(-3.5 * (frequency / (0.3 / 1.85**scale) - 1) ** 2)
        np.testing.assert_allclose(many[scale, ::2] * radial**3, few[scale] ** 4, atol=1e-6)
        own = many[scale].argmax(axis=0)[few[scale].argmax(axis=0) == 3]  # where orientation 3 of 8 answers most,
        assert set(own) == {5, 6, 7}  # 6 of 16 and its neighbours do


@pytest.mark.parametrize(("degrees", "orientation"), [(0, 0), (45, 2), (90, 4), (135, 6)])
def test_a_grating_answers_in_its_own_orientation_and_scale(degrees: int, orientation: int) -> None:
    angle = math.radians(degrees)
    y, x = np.mgrid[0:64, 0:64]
    wave = np.sin(2 * np.pi * 0.3 * (x * math.cos(angle) - y * math.sin(angle)))  # the finest band's centre
    energy = gist((127 + 100 * wave).astype(np.uint8)[None, None]).reshape(4, 8, 16).mean(axis=2)
    assert np.unravel_index(energy.argmax(), energy.shape) == (0, orientation)


@pytest.mark.parametrize("size", [16, 17, 30, 33])
def test_vectors_are_finite_at_any_size_and_independent_of_the_batch(size: int) -> None:
    images = noise(3, size)
    images[1] = 0
    images[2, 0, : size // 2] = 255
    together = gist(images)
    assert together.shape == (3, 512)
    assert together.dtype == np.float32
    assert np.isfinite(together).all()
    for row in range(3):
        assert np.array_equal(gist(images[row : row + 1])[0], together[row])


def test_channels_are_averaged_and_one_bright_quarter_shows_in_its_cells() -> None:
    grey = noise(1, 32)
    assert np.array_equal(gist(np.repeat(grey, 3, axis=1)), gist(grey))
    image = np.full((1, 1, 64, 64), 100, np.uint8)
    image[:, :, :16, 48:] = noise(1, 16)[0, 0]
    cells = gist(image).reshape(32, 4, 4).mean(axis=0)
    assert np.unravel_index(cells.argmax(), (4, 4)) == (0, 3)
