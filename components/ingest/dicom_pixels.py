"""A DICOM file's picture as 8-bit greys: what its header declares is checked before anything is decoded."""

import cv2
import numpy as np

from components.ingest.dicom_frame import stored_values
from components.ingest.dicom_greys import GREY_TAGS, grey_table
from components.ingest.dicom_header import Header, read_header
from components.ingest.integrity import Unreadable

SAMPLES, PHOTOMETRIC, PLANAR, FRAMES, ROWS, COLUMNS = (
    0x00280002,
    0x00280004,
    0x00280006,
    0x00280008,
    0x00280010,
    0x00280011,
)
_ALLOCATED, _STORED, _HIGH_BIT, _SIGNED = 0x00280100, 0x00280101, 0x00280102, 0x00280103
_TAGS = (SAMPLES, PHOTOMETRIC, PLANAR, FRAMES, ROWS, COLUMNS, _ALLOCATED, _STORED, _HIGH_BIT, _SIGNED, *GREY_TAGS)
_GREY = ("MONOCHROME1", "MONOCHROME2")
_LUMA_FIRST = ("YBR_FULL", "YBR_FULL_422")
"""Their first sample is the luma that RGB is turned into. Source: PS3.3, C.7.6.3.1.2."""
_RGB = ("RGB", "YBR_RCT", "YBR_ICT")
"""The last two are undone by the JPEG 2000 decoder."""
_MAX_BYTES_PER_PIXEL, _MAX_HEADER_BYTES = 8, 1 << 24


def decode_dicom(data: bytes, max_pixels: int) -> np.ndarray:
    """Greys of a DICOM file of one frame, uint8 (rows, columns), brighter where the film is meant to be brighter.

    Greys go through the header's transformations (see grey_table); colours of 8 bits become luma. Overlays, padding
    values and presentation states are not applied.
    Raises Unreadable, before decoding where the header declares more than max_pixels or what the data cannot hold.
    """
    header = read_header(data, _TAGS, max_pixels * _MAX_BYTES_PER_PIXEL + _MAX_HEADER_BYTES)
    if header.pixels is None:
        raise Unreadable("no_pixels", "the header is not followed by pixels")
    frames = header.numbers(FRAMES) or [1.0]
    if frames[0] > 1:
        raise Unreadable("multi_frame", f"the file holds {frames[0]:.0f} frames, a picture has one")
    height, width = header.integer(ROWS), header.integer(COLUMNS)
    if not width or not height:
        raise Unreadable("damaged", f"the header declares {width}×{height} px")
    if width * height > max_pixels:
        raise Unreadable("too_large", f"{width}×{height} px; ingest.max_image_pixels allows {max_pixels}")
    photometric, samples = header.text(PHOTOMETRIC), header.integer(SAMPLES, 1)
    if photometric in _GREY and samples == 1:
        return _monochrome(header, (height, width), photometric == "MONOCHROME1")
    if photometric in (*_RGB, *_LUMA_FIRST) and samples == 3:
        return _luma(header, (height, width), photometric)
    raise Unreadable("unsupported", "the photometric interpretation is neither grey, RGB nor YBR")


def _monochrome(header: Header, shape: tuple[int, int], inverted: bool) -> np.ndarray:
    allocated, bits = header.integer(_ALLOCATED), header.integer(_STORED)
    shift = header.integer(_HIGH_BIT, bits - 1 if bits else 0) + 1 - bits
    if allocated not in (8, 16) or not 1 <= bits <= allocated or not 0 <= shift <= allocated - bits:
        raise Unreadable("unsupported", f"{bits} bits stored in {allocated} allocated; in 8 or 16 they would be read")
    values = stored_values(header, shape, np.dtype(f"u{allocated // 8}"), grey=False)
    table = grey_table(header, bits, header.integer(_SIGNED, 0) == 1, inverted)
    # values of a compressed frame may come as int16; other bits than the stored ones may hold an overlay
    n_above = 8 * values.dtype.itemsize - bits - shift
    if n_above < 0:
        raise Unreadable("damaged", "the frame holds fewer bits than the header says")
    by_raw_value = np.tile(np.repeat(table, 1 << shift), 1 << n_above)
    return cv2.LUT(values.view(f"u{values.dtype.itemsize}"), by_raw_value)


def _luma(header: Header, shape: tuple[int, int], photometric: str) -> np.ndarray:
    if header.integer(_ALLOCATED) != 8:
        raise Unreadable("unsupported", "colours of more than 8 bits are not read")
    native = header.pixels is not None and not header.pixels.encapsulated
    if native and photometric == "YBR_FULL_422":  # Y Y Cb Cr for two pixels. PS3.3, C.7.6.3.1.2
        if shape[1] % 2:
            raise Unreadable("damaged", f"pixels in pairs, but {shape[1]} columns")
        pairs = stored_values(header, (shape[0], shape[1] * 2), np.dtype(np.uint8), grey=True)
        return np.ascontiguousarray(pairs.reshape(-1, 4)[:, :2].reshape(shape))
    if native and header.integer(PLANAR, 0) == 1:
        planes = stored_values(header, (3, *shape), np.dtype(np.uint8), grey=True)
        values = np.moveaxis(planes, 0, 2)
    else:
        values = stored_values(header, (*shape, 3), np.dtype(np.uint8), grey=True)
    if values.ndim == 2:
        return values
    if photometric in _LUMA_FIRST:
        return np.ascontiguousarray(values[:, :, 0])
    return cv2.cvtColor(np.ascontiguousarray(values), cv2.COLOR_RGB2GRAY)
