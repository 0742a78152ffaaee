"""Decoding: the bytes of a PNG, JPEG or DICOM file become a square of grey values."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

from components.errors import MedhashError
from components.ingest.dicom_header import is_dicom
from components.ingest.integrity import Unreadable, image_size

DECODER = f"2 opencv {cv2.__version__} imagecodecs {version('imagecodecs')}"
"""Version of what this module computes; part of the decode cache's key. Raise the number with every change."""


@dataclass(frozen=True)
class Decoded:
    """Size of the file's image in px, and its square, uint8 (1, size, size)."""

    width: int
    height: int
    pixels: np.ndarray


def decode_bytes(data: bytes, size_px: int, max_pixels: int) -> Decoded:
    """Decode a PNG, JPEG or DICOM file to grey and fit it into a square.

    16 bits become 8 by rounding v / 257, those of DICOM through the header's window (see decode_dicom); colours
    become luma (0.299 R + 0.587 G + 0.114 B); alpha is ignored. The longer side is scaled to size_px (area
    mean when shrinking, bilinear when enlarging), the shorter one is padded with zeros on both sides, so that nothing
    is cut off and shapes keep their proportions.
    Raises Unreadable, before decoding where the header declares more than max_pixels.
    """
    if is_dicom(data):
        from components.ingest.dicom_pixels import decode_dicom
        greys = decode_dicom(data, max_pixels)
        return Decoded(greys.shape[1], greys.shape[0], _square(greys, size_px)[np.newaxis])
    width, height = image_size(data)
    if width * height > max_pixels:
        raise Unreadable("too_large", f"{width}×{height} px; ingest.max_image_pixels allows {max_pixels}")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise Unreadable("damaged", "the decoder refused the file") from error
    if image is None or image.shape[:2] != (height, width):
        raise Unreadable("damaged", "the decoder refused the file")
    return Decoded(width, height, _square(_grey(image), size_px)[np.newaxis])


def decode_file(path: Path, size_px: int, max_pixels: int) -> np.ndarray:
    """Pixels of one image file, uint8 (1, size_px, size_px), as ingest would store them.

    Raises MedhashError, which does not name the file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MedhashError(f"the image cannot be opened: {error.strerror}",
                           "give the path of a PNG, JPEG or DICOM file") from error
    try:
        return decode_bytes(data, size_px, max_pixels).pixels
    except Unreadable as error:
        raise MedhashError(f"the image cannot be read: {error.reason}, {error.detail}",
                           "give a complete PNG or JPEG file, or a DICOM file of one frame") from error


def _grey(image: np.ndarray) -> np.ndarray:
    """uint8 or uint16, (H, W) or (H, W, 1, 3 or 4; blue first) → uint8 (H, W)."""
    if image.dtype == np.uint16:
        image = ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if image.ndim == 2:
        return image
    if image.shape[2] == 1:
        return image[:, :, 0]
    return cv2.cvtColor(np.ascontiguousarray(image[:, :, :3]), cv2.COLOR_BGR2GRAY)


def _square(image: np.ndarray, size_px: int) -> np.ndarray:
    """(H, W) → (size_px, size_px), centred on zeros."""
    height, width = image.shape
    longer = max(height, width)
    if longer != size_px:
        scaled = [max(1, round(side * size_px / longer)) for side in (width, height)]
        image = cv2.resize(image, scaled, interpolation=cv2.INTER_AREA if longer > size_px else cv2.INTER_LINEAR)
        height, width = image.shape
    square = np.zeros((size_px, size_px), np.uint8)
    top, left = (size_px - height) // 2, (size_px - width) // 2
    square[top:top + height, left:left + width] = image
    return square
