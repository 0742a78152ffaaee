"""Parts of an image: the tiles or regions that become its instances, each scaled into a square."""

import cv2
import numpy as np

from components.ingest.integrity import Unreadable
from components.ingest.preparation import Region, Regions

MIN_CONTRAST = 4.0
"""A tile whose greys (0 to 255) have a smaller standard deviation shows nothing: empty film, glass without tissue."""


def tiles(width: int, height: int, grid: int) -> list[Region]:
    """grid × grid tiles that cover the image exactly, row by row; sides differ by at most 1 px, none is empty."""
    columns, rows = ([(n * side // grid, (n + 1) * side // grid) for n in range(grid)] for side in (width, height))
    return [
        (left, top, right - left, bottom - top)
        for top, bottom in rows
        for left, right in columns
        if right > left and bottom > top
    ]


def showing(greys: np.ndarray, parts: list[Region]) -> list[Region]:
    """The parts with a contrast of MIN_CONTRAST or more; where there is none, the one with most, the first of equals.

    greys: uint8 (H, W).
    """
    contrasts = [float(cv2.meanStdDev(crop(greys, part))[1][0, 0]) for part in parts]
    return [part for part, contrast in zip(parts, contrasts, strict=True) if contrast >= MIN_CONTRAST] or [
        parts[int(np.argmax(contrasts))]
    ]


def clipped(regions: Regions, width: int, height: int) -> list[Region]:
    """What of the regions lies in the image, in their order, each once; scaled from their frame, rounded outwards.

    Raises Unreadable: region_outside, if nothing of one does.
    """
    found = []
    for number, region in enumerate(regions, 1):
        across, down = region.frame_width or width, region.frame_height or height
        left, top = max(region.x * width // across, 0), max(region.y * height // down, 0)
        right = min(-(-(region.x + region.w) * width // across), width)
        bottom = min(-(-(region.y + region.h) * height // down), height)
        if region.w <= 0 or region.h <= 0 or right <= left or bottom <= top:
            raise Unreadable(
                "region_outside", f"region {number} of {len(regions)} shows nothing of the image's {width}×{height} px"
            )
        found.append((left, top, right - left, bottom - top))
    return list(dict.fromkeys(found))


def crop(image: np.ndarray, part: Region) -> np.ndarray:
    x, y, w, h = part
    return image[y : y + h, x : x + w]


def square(image: np.ndarray, size_px: int) -> np.ndarray:
    """(H, W) or (H, W, 3) → (size_px, size_px) or (size_px, size_px, 3), centred on zeros.

    The longer side is scaled to size_px: area mean when shrinking, bilinear when enlarging.
    """
    height, width = image.shape[:2]
    longer = max(height, width)
    if longer != size_px:
        scaled = [max(1, round(side * size_px / longer)) for side in (width, height)]
        image = cv2.resize(image, scaled, interpolation=cv2.INTER_AREA if longer > size_px else cv2.INTER_LINEAR)
        height, width = image.shape[:2]
    filled = np.zeros((size_px, size_px, *image.shape[2:]), np.uint8)
    top, left = (size_px - height) // 2, (size_px - width) // 2
    filled[top : top + height, left : left + width] = image
    return filled
