"""Stain normalisation: known stains are found again, and one tissue stained twice comes out the same."""

import cv2
import numpy as np
import pytest
from ingest.case_archive import image, png

from medhash.archives.decode import decode_bytes
from medhash.archives.preparation import Preparation
from medhash.archives.stain import LIGHT, REFERENCE, REFERENCE_MAXIMA, normalise, stains_of


def unit(*density: float) -> np.ndarray:
    return np.array(density) / np.linalg.norm(density)


RUIFROK = np.stack([unit(0.65, 0.70, 0.29), unit(0.07, 0.99, 0.11)])
"""Haematoxylin and eosin as Ruifrok and Johnston (2001) measured them."""
OTHER = np.stack([unit(0.55, 0.75, 0.37), unit(0.20, 0.90, 0.30)])


def tissue(
    stains: np.ndarray,
    strengths: tuple[float, float],
    light: tuple[float, float, float] = (240, 240, 240),
    glass: float = 0.15,
) -> np.ndarray:
    """Nuclei in haematoxylin on eosin, with a band of glass above: light · exp(-concentrations · stains)."""
    random = np.random.default_rng(0)
    nuclei, ground = (cv2.GaussianBlur(random.random((128, 128)), (0, 0), sigma) for sigma in (2, 3))
    nuclei, ground = ((noise - noise.min()) / np.ptp(noise) for noise in (nuclei, ground))
    haematoxylin = np.where(nuclei > 0.6, nuclei, 0)
    concentrations = np.stack(
        [haematoxylin * strengths[0], np.where(haematoxylin > 0, 0.05, 0.2 + 0.8 * ground) * strengths[1]], axis=-1
    )
    concentrations[: int(128 * glass)] = 0
    return np.clip(np.rint(light * np.exp(-concentrations @ stains) - 1), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("stains", "strengths"), [(RUIFROK, (1.8, 1.0)), (OTHER, (1.2, 1.4))])
@pytest.mark.parametrize("light", [(240, 240, 240), (215, 205, 220)], ids=["white light", "tinted light"])
def test_stains_that_made_an_image_are_found_within_two_degrees(stains, strengths, light):
    found = stains_of(tissue(stains, strengths, light))
    assert found is not None
    degrees = np.degrees(np.arccos(np.clip((found * stains).sum(axis=1), -1, 1)))
    assert degrees.max() < 2


@pytest.mark.parametrize("light", [(240, 240, 240), (215, 205, 220)], ids=["white light", "tinted light"])
def test_one_tissue_stained_twice_comes_out_nearly_the_same(light):
    one, other = tissue(RUIFROK, (1.8, 1.0)), tissue(OTHER, (1.2, 1.4), light)
    assert np.abs(one.astype(int) - other).mean() > 20
    difference = np.abs(normalise(one).astype(int) - normalise(other))
    assert difference.mean() < 1.5
    assert np.percentile(difference, 99) <= 5


def test_the_reference_itself_stays_and_glass_stays_white():
    image = tissue(REFERENCE / np.linalg.norm(REFERENCE, axis=1, keepdims=True), tuple(REFERENCE_MAXIMA))
    normalised = normalise(image)
    assert np.abs(stains_of(normalised) - REFERENCE).max() < 0.02
    assert np.abs(normalised[:10].astype(int) - (LIGHT - 1)).max() <= 1


@pytest.mark.parametrize(
    "image",
    [
        tissue(RUIFROK, (1.8, 1.0), glass=0.97),
        np.full((64, 64, 3), 235, np.uint8),
        np.zeros((64, 64, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.tile(np.linspace(40, 240, 64).astype(np.uint8)[:, None, None], (1, 64, 3)),
    ],
    ids=["hardly any tissue", "glass", "black", "one pixel", "one stain"],
)
def test_an_image_that_does_not_tell_its_stains_is_left_as_it_is(image):
    assert np.array_equal(normalise(image), image)


def test_an_image_is_normalised_whole_before_it_is_cut_and_tiles_are_judged_as_they_were():
    stained = tissue(OTHER, (1.2, 1.4), glass=0.25)
    plain, normalised = (
        decode_bytes(png(stained), Preparation(16, 10**6, 3, 4, stain)) for stain in ("none", "macenko")
    )
    assert normalised.regions == plain.regions
    assert len(plain.regions) == 12  # without the four of glass
    x, y, w, h = normalised.regions[5]
    expected = cv2.resize(normalise(stained)[y : y + h, x : x + w], (16, 16), interpolation=cv2.INTER_AREA)
    assert np.array_equal(normalised.pixels[5], np.moveaxis(expected, 2, 0))


def test_colours_of_no_tissue_at_all_overflow_nowhere_and_two_runs_give_the_same_bytes():
    noise = image(1, 200, 1200, channels=3)  # several blocks of rows
    harsh = np.where(image(2, 64, 64, channels=3) > 100, 255, 0).astype(np.uint8)
    glow = np.full((64, 64, 3), (200, 120, 180), np.uint8)
    glow[0, :30], glow[40:, :20] = 255, (90, 60, 150)  # less light than counts, yet far above all others
    with np.errstate(all="raise"):
        for one in (noise, harsh, glow):
            assert np.array_equal(normalise(one), normalise(one))
