"""Stain normalisation of H&E histology: every image's two stains are brought to those of one reference.

Source: M. Macenko et al., "A method for normalizing histology slides for quantitative analysis", ISBI 2009. The
reference, and the numbers that the paper leaves open, are those of M. Veta's normalizeStaining (2013), which most
later work uses. Deviations, for photographs whose glass is grey or tinted:

- The light is estimated from the image; the paper takes it as known.
- A pixel is tissue by the length of its densities. Veta requires LEAST_DENSITY in every channel, which drops pure
  eosin.
- Concentrations are compared among the tissue's pixels, so that glass does not count.
"""

import cv2
import numpy as np

LIGHT = 240.0
"""Grey value of glass without tissue in the reference."""
LEAST_DENSITY = 0.15
"""A pixel whose optical densities in red, green, blue are shorter (Euclidean) shows no tissue."""
REFERENCE = np.array([[0.5626, 0.7201, 0.4062], [0.2159, 0.8012, 0.5581]])
"""Optical densities of haematoxylin and eosin in red, green, blue, each of length 1."""
REFERENCE_MAXIMA = np.array([1.9705, 1.0308])
"""Concentrations of the two (99th percentile) in the reference image."""
LEAST_TISSUE = 0.05
"""Below this share of tissue pixels, the stains are not estimated."""
_EXTREME = 1.0
"""Percentile of the angles that a stain is taken at; so much of light and concentrations counts as outliers too."""
_LEAST_ANGLE = 5.0
"""Stains closer together than this, degrees, are one stain."""
_LEAST_DENSITY_OF_A_STAIN = -0.2
"""Stains take light; a direction that gives so much of it in a colour (tissues come to -0.05) is none."""
_SAMPLE = 1 << 18
"""At most about so many pixels estimate light and stains; they form a regular grid."""
_ROWS = 512


def normalise(image: np.ndarray) -> np.ndarray:
    """The image in the colours of the reference, uint8 (H, W, 3), red first.

    With the optical density D = -ln((I + 1) / I₀), the stains S (2, 3) and the concentrations C of D = C S by least
    squares: I' = 240 exp(-C diag(m_ref / m) S_ref) - 1, m the 99th percentiles of C. I₀ is the 99th percentile of each
    channel. An image is left as it is where less than LEAST_TISSUE of it is tissue, or where its two stains are too
    similar.
    """
    sample = _sampled(image)
    table = _densities(sample)
    tissue = _tissue(sample, table)
    stains = _stains(tissue) if len(tissue) >= LEAST_TISSUE * len(sample) else None
    if stains is None:
        return image
    unmixing = np.linalg.pinv(stains)  # (3, 2)
    maxima = np.percentile(tissue @ unmixing, 100 - _EXTREME, axis=0)
    if (maxima <= 0).any():
        return image
    change = (unmixing @ np.diag(REFERENCE_MAXIMA / maxima) @ REFERENCE).T  # of densities, (3, 3)
    return np.concatenate(
        [
            _recoloured(image[top : top + _ROWS], table, change)  # block by block: floats are large
            for top in range(0, len(image), _ROWS)
        ]
    )


def stains_of(image: np.ndarray) -> np.ndarray | None:
    """Optical densities of haematoxylin and eosin, float64 (2, 3), each of length 1; None without two clear stains.

    image: uint8 (H, W, 3), red first.
    """
    sample = _sampled(image)
    return _stains(_tissue(sample, _densities(sample)))


def _stains(tissue: np.ndarray) -> np.ndarray | None:
    """The two stains of the tissue's densities (n, 3), in the plane of their two greatest singular values.

    They are the directions at the 1st and 99th percentile of the angle; haematoxylin absorbs more red. None for too
    few pixels, for directions that are nearly equal, and for one that adds light.
    """
    if len(tissue) < 2:
        return None
    # einsum adds in one order, whatever the threads of a BLAS
    _, directions = np.linalg.eigh(np.einsum("ni,nj->ij", tissue, tissue))
    plane = directions[:, [2, 1]].T  # (2, 3)
    if plane[0].sum() < 0:
        plane = -plane  # densities point forward, their angles about zero
    angles = np.arctan2(tissue @ plane[1], tissue @ plane[0])
    extremes = np.percentile(angles, [_EXTREME, 100 - _EXTREME])
    if np.degrees(extremes[1] - extremes[0]) < _LEAST_ANGLE:
        return None
    stains = np.stack([np.cos(extremes), np.sin(extremes)], axis=1) @ plane
    return stains[np.argsort(-stains[:, 0])] if (stains >= _LEAST_DENSITY_OF_A_STAIN).all() else None


def _sampled(image: np.ndarray) -> np.ndarray:
    """Pixels on a regular grid, (n, 3)."""
    step = max(1, int(np.ceil(np.sqrt(image.shape[0] * image.shape[1] / _SAMPLE))))
    return image[::step, ::step].reshape(-1, 3)


def _densities(sample: np.ndarray) -> np.ndarray:
    """Optical density of every grey value in each channel, float32 (256, 3)."""
    light = np.percentile(sample, 100 - _EXTREME, axis=0)
    return -np.log((np.arange(256)[:, np.newaxis] + 1) / (light + 1)).astype(np.float32)


def _tissue(sample: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Optical densities of the pixels that show tissue, float64 (n, 3)."""
    densities = table[sample, np.arange(3)].astype(np.float64)
    return densities[np.einsum("ni,ni->n", densities, densities) >= LEAST_DENSITY**2]


def _recoloured(rows: np.ndarray, table: np.ndarray, change: np.ndarray) -> np.ndarray:
    densities = cv2.transform(table[rows, np.arange(3)], change.astype(np.float32))
    greys = LIGHT * np.exp(-np.maximum(densities, -1)) - 1  # brighter than white is white
    return np.clip(np.rint(greys), 0, 255).astype(np.uint8)
