"""Parts of an image: tiles cover it, empty ones are left out, regions are what the table pointed at."""

import cv2
import imagecodecs
import numpy as np
import pytest
from ingest.case_archive import image, png
from small_files import png as small_png

from medhash.archives.decode import MIN_CONTRAST, clipped, decode_bytes, showing, square, tiles
from medhash.archives.integrity import Unreadable
from medhash.archives.preparation import Pointed, Preparation

GRID = Preparation(16, 10**6, grid=4)


@pytest.mark.parametrize(
    ("width", "height", "grid"), [(64, 64, 4), (65, 31, 4), (7, 100, 8), (3, 2, 4), (1, 1, 8), (40, 30, 1)]
)
def test_tiles_cover_every_pixel_once_and_differ_by_at_most_one(width, height, grid):
    counts = np.zeros((height, width), int)
    found = tiles(width, height, grid)
    for x, y, w, h in found:
        counts[y : y + h, x : x + w] += 1
    assert (counts == 1).all()
    assert np.ptp([w for _, _, w, _ in found]) <= 1
    assert np.ptp([h for _, _, _, h in found]) <= 1
    assert len(found) == min(grid, width) * min(grid, height)


def test_a_grid_leaves_out_tiles_that_show_nothing_and_keeps_one_of_an_image_that_shows_nothing():
    film = np.zeros((64, 64), np.uint8)
    film[:16, 16:32] = image(1, 16, 16)
    film[48:, 48:] = 200  # as constant as the dark
    decoded = decode_bytes(png(film), GRID)
    assert decoded.regions == ((16, 0, 16, 16),)
    assert np.array_equal(decoded.pixels[0, 0], film[:16, 16:32])
    film[:] = 0
    film[40, 40] = 9  # its tile has most contrast, and still not enough
    assert decode_bytes(png(film), GRID).regions == ((32, 32, 16, 16),)
    film[40, 40] = 0
    assert decode_bytes(png(film), GRID).regions == ((0, 0, 16, 16),)


def test_the_least_contrast_that_counts_is_as_stated():
    for step, shown in ((2 * MIN_CONTRAST - 1, 1), (2 * MIN_CONTRAST, 2)):
        greys = np.zeros((16, 32), np.uint8)
        greys[:, 24:] = step  # half of the right tile: its deviation is step / 2
        greys[:, :8] = 255
        assert len(showing(greys, tiles(32, 16, 2)[:2])) == shown


def test_every_tile_is_scaled_as_the_whole_image_of_it_would_be():
    film = image(3, 150, 90)
    decoded = decode_bytes(png(film), GRID)
    assert decoded.pixels.shape == (16, 1, 16, 16)
    assert (decoded.width, decoded.height) == (150, 90)
    for pixels, (x, y, w, h) in zip(decoded.pixels, decoded.regions, strict=True):
        alone = decode_bytes(png(np.ascontiguousarray(film[y : y + h, x : x + w])), Preparation(16, 10**6))
        assert np.array_equal(pixels, alone.pixels[0])
        assert alone.regions == (None,)


def test_regions_are_clipped_taken_once_and_go_before_the_grid():
    film = image(4, 100, 60)
    asked = (Pointed(-10, 40, 30, 30), Pointed(80, 0, 20, 20), Pointed(80, -5, 40, 25))
    decoded = decode_bytes(png(film), GRID, asked)
    assert decoded.regions == ((0, 40, 20, 20), (80, 0, 20, 20))
    assert np.array_equal(decoded.pixels[1, 0], square(film[:20, 80:], 16))
    assert len(decode_bytes(png(film), GRID, ()).regions) == 16


@pytest.mark.parametrize("region", [(100, 0, 9, 9), (0, -9, 9, 9), (5, 5, 0, 9), (5, 5, 9, -1)])
def test_a_region_that_shows_nothing_of_the_image_refuses_its_file(region):
    with pytest.raises(Unreadable, match="region 2 of 2 shows nothing of the image's 100×60 px") as caught:
        clipped((Pointed(0, 0, 10, 10), Pointed(*region)), 100, 60)
    assert caught.value.reason == "region_outside"


def test_regions_of_a_frame_are_scaled_to_the_file_and_lose_nothing_of_what_they_showed():
    assert clipped((Pointed(512, 256, 256, 128, 1024, 1024),), 256, 256) == [(128, 64, 64, 32)]
    assert clipped((Pointed(3, 3, 2, 2, 1024, 1024),), 256, 256) == [(0, 0, 2, 2)]
    assert clipped((Pointed(512, 256, 256, 128, 1024, 1024),), 1024, 1024) == [(512, 256, 256, 128)]


def test_colours_are_kept_red_first_and_become_luma_where_greys_are_asked_for():
    colours = image(5, 16, 16, channels=3)
    decoded = decode_bytes(png(colours), Preparation(16, 10**6, channels=3))
    assert np.array_equal(decoded.pixels, np.moveaxis(colours, 2, 0)[np.newaxis])
    wide = png(colours.astype(np.uint16) * 257)
    assert np.array_equal(decode_bytes(wide, Preparation(16, 10**6, channels=3)).pixels, decoded.pixels)
    grey = decode_bytes(png(colours), Preparation(16, 10**6)).pixels
    assert np.abs(grey[0, 0] - colours @ [0.299, 0.587, 0.114]).max() < 1


def test_colours_are_cut_as_greys_are():
    colours = image(6, 64, 64, channels=3)
    decoded = decode_bytes(png(colours), Preparation(16, 10**6, channels=3, grid=4))
    assert decoded.pixels.shape == (16, 3, 16, 16)
    assert np.array_equal(decoded.pixels[5], np.moveaxis(colours[16:32, 16:32], 2, 0))


def test_a_file_of_greys_is_refused_where_colours_are_asked_for():
    grey_and_alpha = imagecodecs.png_encode(np.dstack([image(7), image(8)]))
    for grey in (small_png(1), grey_and_alpha, cv2.imencode(".jpg", image(9))[1].tobytes()):
        with pytest.raises(Unreadable) as caught:
            decode_bytes(grey, Preparation(16, 10**6, channels=3))
        assert caught.value.reason == "mixed_channels"


def test_only_what_changes_pixels_is_told_from_greys_of_whole_images():
    assert Preparation(64, 10**6).key() == Preparation(16, 1).key() == ""
    keys = {
        Preparation(64, 1, channels, grid, stain).key()
        for channels in (1, 3)
        for grid in (0, 1, 4)
        for stain in ("none", "macenko")
    }
    assert len(keys) == 12
