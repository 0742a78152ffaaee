"""Decoding: the bytes of a PNG, JPEG or DICOM file become squares of greys or of colours."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

from medhash.archives.dicom_header import is_dicom
from medhash.archives.integrity import Unreadable, image_size, is_grey_png
from medhash.archives.preparation import Preparation, Region, Regions
from medhash.core.errors import MedhashError

MIN_CONTRAST = 4.0
"""A tile whose greys (0 to 255) have a smaller standard deviation shows nothing: empty film, glass without tissue."""
DECODER = f"2 opencv {cv2.__version__} imagecodecs {version('imagecodecs')}"
"""Version of the decoding of grey whole images; releases keep it. Raise the number with every change."""


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
    """The regions clipped to the image, in order, each once; scaled from their frame and rounded outwards.

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


@dataclass(frozen=True)
class Decoded:
    """Size of the file's image in px, and its n instances, uint8 (n, channels, size, size)."""

    width: int
    height: int
    pixels: np.ndarray
    regions: tuple[Region | None, ...] = (None,)
    """Which part of the image an instance shows; None for the whole."""


def decode_bytes(data: bytes, preparation: Preparation, regions: Regions = ()) -> Decoded:
    """Decode a PNG, JPEG or DICOM file, cut it into its instances and fit each into a square.

    16 bits become 8 by rounding v / 257, those of DICOM through the header's window (see decode_dicom); alpha is
    ignored. One channel: colours become luma (0.299 R + 0.587 G + 0.114 B). Three: red, green, blue; files of greys,
    and of DICOM, which is read as greys, are refused. Instances: the regions, clipped to the image; without any, the
    grid's tiles that show something (see showing); without a grid, the whole. The longer side of an instance is
    scaled to size_px. The shorter one is padded with zeros on both sides, which keeps proportions.
    Raises Unreadable, before decoding where the header declares more than max_image_pixels.
    """
    image = _picture(data, preparation)
    height, width = image.shape[:2]
    parts: list[Region] = []
    if regions:
        parts = clipped(regions, width, height)
    elif preparation.grid:
        parts = showing(
            image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
            tiles(width, height, preparation.grid),
        )
    if preparation.stain == "macenko":
        from medhash.archives.stain import normalise

        image = normalise(image)
    shown = [crop(image, part) for part in parts] or [image]
    squares = np.stack([square(one, preparation.size_px) for one in shown])
    return Decoded(
        width,
        height,
        squares[:, np.newaxis] if image.ndim == 2 else np.ascontiguousarray(np.moveaxis(squares, 3, 1)),
        tuple(parts) or (None,),
    )


def decode_file(path: Path, preparation: Preparation) -> np.ndarray:
    """Instances of one image file, uint8 (n, channels, size_px, size_px), as ingest would store them.

    Raises MedhashError, which does not name the file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MedhashError(
            f"the image cannot be opened: {error.strerror}", "give the path of a PNG, JPEG or DICOM file"
        ) from error
    try:
        return decode_bytes(data, preparation).pixels
    except Unreadable as error:
        raise MedhashError(
            f"the image cannot be read: {error.reason}, {error.detail}",
            "give a complete PNG, JPEG or PGM file, or a DICOM file of one frame"
            + (", in colour" if preparation.channels == 3 else ""),
        ) from error


def _picture(data: bytes, preparation: Preparation) -> np.ndarray:
    """uint8: greys (H, W), or with three channels red, green, blue (H, W, 3)."""
    coloured = preparation.channels == 3
    if is_dicom(data):
        if coloured:
            raise Unreadable("mixed_channels", "a DICOM file is read as greys, the archive's images are in colour")
        from medhash.archives.dicom_pixels import decode_dicom

        return decode_dicom(data, preparation.max_image_pixels)
    width, height = image_size(data)
    if width * height > preparation.max_image_pixels:
        raise Unreadable(
            "too_large", f"{width}×{height} px; ingest.max_image_pixels allows {preparation.max_image_pixels}"
        )
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise Unreadable("damaged", "the decoder refused the file") from error
    if image is None or image.shape[:2] != (height, width):
        raise Unreadable("damaged", "the decoder refused the file")
    if coloured and (image.ndim == 2 or image.shape[2] < 3 or is_grey_png(data)):
        raise Unreadable("mixed_channels", "the file is grey, the archive's other images are in colour")
    image = _eight_bits(image)
    if image.ndim == 2:
        return image
    if image.shape[2] == 1:
        return image[:, :, 0]
    return cv2.cvtColor(np.ascontiguousarray(image[:, :, :3]), cv2.COLOR_BGR2RGB if coloured else cv2.COLOR_BGR2GRAY)


def _eight_bits(image: np.ndarray) -> np.ndarray:
    return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8) if image.dtype == np.uint16 else image
