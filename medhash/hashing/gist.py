"""GIST: the energy of an image in 4 scales × 8 or 16 orientations over a 4 × 4 grid, 512 or 1024 values."""

from functools import lru_cache

import numpy as np

ORIENTATIONS = {"gist-512": 8, "gist-1024": 16}
"""Kind of descriptor → orientations of each scale."""
SCALES = 4
GRID = 4
_PREFILTER_PX = 5
"""Border that the prefilter mirrors, px."""
_CUT_OFF = 4 / np.sqrt(np.log(2))
"""Width of the prefilter's Gaussian, cycles per image: 4 cycles pass at half amplitude."""


def n_values(kind: str) -> int:
    """Length of a GIST vector of a kind, a key of ORIENTATIONS: 4 scales × orientations × 16 cells."""
    return SCALES * ORIENTATIONS[kind] * GRID * GRID


def gist_of_kind(kind: str, pixels: np.ndarray) -> np.ndarray:
    """GIST vectors, float32 (N, 512 or 1024), of images uint8 (N, C, S, S), by the name of their kind."""
    return gist(pixels, ORIENTATIONS[kind])


def gist(pixels: np.ndarray, orientations: int = 8) -> np.ndarray:
    """GIST vectors, float32 (N, 64 · orientations), of images uint8 (N, C, S, S); channels are averaged.

    Entry ((scale · orientations + orientation) · 4 + row) · 4 + column is the mean over one cell of
    |prefiltered image * Gabor|; scale 0 is the finest, orientation j is a wave vector at -π j / orientations.
    A constant image gives zeros; a vector does not depend on the other images of the batch.
    Source: Oliva & Torralba, Modeling the Shape of the Scene (IJCV 2001), with the filter constants of its authors'
    published descriptor. Deviations: computed at the stored size S (theirs at 256 px) with S/4 px of mirrored
    border (theirs S/8: the coarsest band's period, 21 px, is longer than that at 64 px); frequencies without a
    direction (zero) or a partner of opposite sign (Nyquist) are left out, so that a quarter turn of an image exactly
    permutes its vector. The papers give GIST-1024 only its length: 16 orientations of the same filters are our reading.
    """
    size = pixels.shape[-1]
    border = size // 4
    transfer = gabor_transfer(_even(size + 2 * border), orientations)
    cells = _cell_means(size)
    vectors = np.empty((len(pixels), len(transfer) * GRID * GRID), dtype=np.float32)
    for row, image in enumerate(pixels):
        spectrum = np.fft.fft2(_mirrored(prefilter(image.mean(axis=0, dtype=np.float64)), border, border))
        bands = np.fft.ifft2(spectrum.astype(np.complex64) * transfer)  # single precision: 5 times faster
        energy = np.abs(bands)[:, border : border + size, border : border + size]
        vectors[row] = (cells @ energy @ cells.T).ravel()  # (filters, 4, 4)
    return vectors


def prefilter(image: np.ndarray) -> np.ndarray:
    """Local contrast normalisation: y = (x - g*x) / (0.2 + sqrt(g*(x - g*x)²)), x = log(1 + image).

    image: grey values 0-255, (S, S). g is a Gaussian low-pass, exp(-f²/c²), c from 4 cycles per image.
    """
    size = len(image)
    padded = _mirrored(np.log1p(image), _PREFILTER_PX, _PREFILTER_PX)
    cycles = np.fft.fftfreq(len(padded)) * len(padded)
    low_pass = np.exp(-(cycles[:, None] ** 2 + cycles[None, :] ** 2) / _CUT_OFF**2)
    detail = padded - np.fft.ifft2(np.fft.fft2(padded) * low_pass).real
    variance = np.fft.ifft2(np.fft.fft2(detail**2) * low_pass).real
    normalised = detail / (0.2 + np.sqrt(np.abs(variance)))
    return normalised[_PREFILTER_PX : _PREFILTER_PX + size, _PREFILTER_PX : _PREFILTER_PX + size]


@lru_cache(maxsize=4)
def gabor_transfer(size: int, orientations: int) -> np.ndarray:
    """Transfer functions, float32 (4 · orientations, size, size), of the filters, zero frequency first, scale-major.

    G(f, θ) = exp(-3.5 (|f|/f_s - 1)² - 2π σ (θ + θ_j)²), f_s = 0.3 / 1.85^s cycles per pixel, θ_j = π j / n for n
    orientations, σ = 16 n²/32²: 1 for 8, 4 for 16, so that a filter is as wide as the step to its neighbour asks.
    Angles are taken modulo 2π into (-π, π].
    """
    sigma = 16 * orientations**2 / 32**2
    frequency = np.fft.fftfreq(size)
    radius = np.hypot(frequency[:, None], frequency[None, :])
    angle = np.arctan2(frequency[:, None], frequency[None, :])
    filters = []
    for scale in range(SCALES):
        radial = np.exp(-3.5 * (radius / (0.3 / 1.85**scale) - 1) ** 2)
        for orientation in range(orientations):
            turned = angle + np.pi * orientation / orientations
            turned = np.pi - np.mod(np.pi - turned, 2 * np.pi)
            filters.append(radial * np.exp(-2 * np.pi * sigma * turned**2))
    transfer = np.stack(filters).astype(np.float32)
    transfer[:, 0, 0] = 0
    transfer[:, size // 2, :] = 0
    transfer[:, :, size // 2] = 0
    return transfer


def _mirrored(image: np.ndarray, before: int, after: int) -> np.ndarray:
    """The image with mirrored borders, and one more line where its size would be odd."""
    odd = (len(image) + before + after) % 2
    return np.pad(image, (before, after + odd), mode="symmetric")


def _even(size: int) -> int:
    return size + size % 2


def _cell_means(size: int) -> np.ndarray:
    """(4, size): row r averages the r-th quarter of the lines."""
    edges = np.linspace(0, size, GRID + 1).round().astype(int)
    line = np.arange(size)
    inside = (line >= edges[:-1, None]) & (line < edges[1:, None])
    return (inside / inside.sum(axis=1, keepdims=True)).astype(np.float32)
