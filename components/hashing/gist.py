"""GIST-512: the energy of an image in 4 scales × 8 orientations over a 4 × 4 grid."""

from functools import lru_cache

import numpy as np

ORIENTATIONS = 8
SCALES = 4
GRID = 4
N_GIST = SCALES * ORIENTATIONS * GRID * GRID
_PREFILTER_PX = 5
"""Border that the prefilter mirrors, px."""
_CUT_OFF = 4 / np.sqrt(np.log(2))
"""Width of the prefilter's Gaussian, cycles per image: 4 cycles pass at half amplitude."""


def gist(pixels: np.ndarray) -> np.ndarray:
    """GIST vectors, float32 (N, 512), of images uint8 (N, C, S, S); channels are averaged.

    Entry ((scale · 8 + orientation) · 4 + row) · 4 + column is the mean over one cell of |prefiltered image * Gabor|;
    scale 0 is the finest, orientation j is a wave vector at -π j / 8. A constant image gives zeros; a vector does not
    depend on the other images of the batch.
    Source: Oliva & Torralba, Modeling the Shape of the Scene (IJCV 2001), with the filter constants of its authors'
    published descriptor. Deviations: computed at the stored size S (theirs at 256 px) with S/4 px of mirrored
    border (theirs S/8: the coarsest band's period, 21 px, is longer than that at 64 px); frequencies without a
    direction (zero) or a partner of opposite sign (Nyquist) are left out, so that a quarter turn of an image exactly
    permutes its vector.
    """
    size = pixels.shape[-1]
    border = size // 4
    transfer = gabor_transfer(_even(size + 2 * border))
    cells = _cell_means(size)
    vectors = np.empty((len(pixels), N_GIST), dtype=np.float32)
    for row, image in enumerate(pixels):
        spectrum = np.fft.fft2(_mirrored(prefilter(image.mean(axis=0, dtype=np.float64)), border, border))
        bands = np.fft.ifft2(spectrum.astype(np.complex64) * transfer)      # single precision: 5 times faster
        energy = np.abs(bands)[:, border:border + size, border:border + size]
        vectors[row] = (cells @ energy @ cells.T).ravel()                    # (filters, 4, 4)
    return vectors


def prefilter(image: np.ndarray) -> np.ndarray:
    """Local contrast normalisation: y = (x - g*x) / (0.2 + sqrt(g*(x - g*x)²)), x = log(1 + image).

    image: grey values 0-255, (S, S). g is a Gaussian low-pass, exp(-f²/c²), c from 4 cycles per image.
    """
    size = len(image)
    padded = _mirrored(np.log1p(image), _PREFILTER_PX, _PREFILTER_PX)
    cycles = np.fft.fftfreq(len(padded)) * len(padded)
    low_pass = np.exp(-(cycles[:, None] ** 2 + cycles[None, :] ** 2) / _CUT_OFF ** 2)
    detail = padded - np.fft.ifft2(np.fft.fft2(padded) * low_pass).real
    variance = np.fft.ifft2(np.fft.fft2(detail ** 2) * low_pass).real
    normalised = detail / (0.2 + np.sqrt(np.abs(variance)))
    return normalised[_PREFILTER_PX:_PREFILTER_PX + size, _PREFILTER_PX:_PREFILTER_PX + size]


@lru_cache(maxsize=4)
def gabor_transfer(size: int) -> np.ndarray:
    """Transfer functions, float32 (32, size, size), of the filters, zero frequency first, scale-major.

    G(f, θ) = exp(-3.5 (|f|/f_s - 1)² - 2π σ (θ + θ_j)²), f_s = 0.3 / 1.85^s cycles per pixel, θ_j = π j / 8,
    σ = 16 · 8²/32² = 1; angles are taken modulo 2π into (-π, π].
    """
    frequency = np.fft.fftfreq(size)
    radius = np.hypot(frequency[:, None], frequency[None, :])
    angle = np.arctan2(frequency[:, None], frequency[None, :])
    filters = []
    for scale in range(SCALES):
        radial = np.exp(-3.5 * (radius / (0.3 / 1.85 ** scale) - 1) ** 2)
        for orientation in range(ORIENTATIONS):
            turned = angle + np.pi * orientation / ORIENTATIONS
            turned = np.pi - np.mod(np.pi - turned, 2 * np.pi)
            filters.append(radial * np.exp(-2 * np.pi * turned ** 2))
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
