"""A DICOM file's picture as 8-bit greys: what its header declares is checked before anything is decoded."""

from collections.abc import Callable

import cv2
import numpy as np

from medhash.archives.dicom_frame import stored_values
from medhash.archives.dicom_header import Header, read_header
from medhash.archives.integrity import Unreadable

MODALITY_LUT, SLOPE, INTERCEPT = 0x00283000, 0x00281053, 0x00281052
VOI_LUT, CENTRE, WIDTH, FUNCTION = 0x00283010, 0x00281050, 0x00281051, 0x00281056
_DESCRIPTOR, _DATA = 0x00283002, 0x00283006
GREY_TAGS = (MODALITY_LUT, SLOPE, INTERCEPT, VOI_LUT, CENTRE, WIDTH, FUNCTION)
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


def grey_table(header: Header, bits: int, signed: bool, inverted: bool) -> np.ndarray:
    """Grey of every stored value: uint8, (2^bits,); signed values are indexed by their two's complement.

    First the modality LUT, else slope and intercept. Then the VOI LUT, else the first window (LINEAR, LINEAR_EXACT or
    SIGMOID), else the full range of `bits`, which leaves 8 bits without a window unchanged. 0 … 1 becomes 0 … 255,
    rounded; inverted (MONOCHROME1) 255 … 0. Raises Unreadable for an invalid table or window.
    Own code, as pydicom's apply_modality_lut and apply_voi_lut take 35 times as long on the pixels. They also repeat
    header values in warnings, and wrap the index of 8-bit VOI LUTs. test_dicom_luts.py compares the greys.
    """
    stored = np.arange(1 << bits, dtype=np.float64)
    if signed:
        stored[1 << (bits - 1) :] -= 1 << bits
    if table := header.first_item(MODALITY_LUT):
        values, depth = _looked_up(table, stored, signed)
        low, high = 0.0, float((1 << depth) - 1)
    else:
        slope, intercept = _number(header, SLOPE, 1.0), _number(header, INTERCEPT, 0.0)
        values = stored * slope + intercept
        low, high = values.min(), values.max()
    if table := header.first_item(VOI_LUT):
        values, depth = _looked_up(table, np.round(values), low < 0)
        shares = values / ((1 << depth) - 1)
    elif centres := header.numbers(CENTRE):
        widths = header.numbers(WIDTH)
        shares = _windowed(values, centres[0], widths[0] if widths else 0.0, header.text(FUNCTION) or "LINEAR")
    else:
        shares = (values - low) / ((high - low) or 1.0)
    shares = np.clip(shares, 0, 1)
    return np.floor(255 * (1 - shares if inverted else shares) + 0.5).astype(np.uint8)


def _number(header: Header, tag: int, default: float) -> float:
    if not header.values.get(tag):
        return default
    found = header.numbers(tag)
    if not found:
        raise Unreadable("damaged", f"({tag >> 16:04X},{tag & 0xFFFF:04X}) is no number")
    return found[0]


def _looked_up(item: Header, values: np.ndarray, signed: bool) -> tuple[np.ndarray, int]:
    """Entries of a LUT for whole values, and bits per entry; values outside take its ends. Source: C.11.1.1.1."""
    descriptor = item.integers(_DESCRIPTOR)
    raw = item.values.get(_DATA)
    if len(descriptor) != 3 or not isinstance(raw, bytes):
        raise Unreadable("damaged", "a look-up table of the header is incomplete")
    n_entries, first, depth = descriptor[0] or 1 << 16, descriptor[1], descriptor[2]
    if signed and first >= 1 << 15:
        first -= 1 << 16
    if len(raw) == n_entries + n_entries % 2 and depth <= 8:  # packed as bytes
        entries = np.frombuffer(raw, np.uint8)[:n_entries]
    else:
        entries = np.frombuffer(raw, "<u2" if item.little_endian else ">u2", len(raw) // 2)[:n_entries]
    if len(entries) != n_entries or not 1 <= depth <= 16:
        raise Unreadable("damaged", "a look-up table of the header is not as long as it says")
    return entries[np.clip(values - first, 0, n_entries - 1).astype(np.int64)].astype(np.float64), depth


def _linear(values: np.ndarray, centre: float, width: float) -> np.ndarray:
    """C.11.2.1.2.1. A window of width 1 is a threshold."""
    if width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return (values - (centre - 0.5)) / (width - 1) + 0.5


def _linear_exact(values: np.ndarray, centre: float, width: float) -> np.ndarray:
    """C.11.2.1.3.2."""
    return (values - centre) / width + 0.5


def _sigmoid(values: np.ndarray, centre: float, width: float) -> np.ndarray:
    """C.11.2.1.3.1."""
    return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700)))


_FUNCTIONS: dict[str, tuple[Callable[[np.ndarray, float, float], np.ndarray], float]] = {
    "LINEAR": (_linear, 1.0),
    "LINEAR_EXACT": (_linear_exact, 0.0),
    "SIGMOID": (_sigmoid, 0.0),
}
"""VOI LUT Function → its formula and the least width (LINEAR may be as narrow as that, the others must be wider)."""


def _windowed(values: np.ndarray, centre: float, width: float, function: str) -> np.ndarray:
    if function not in _FUNCTIONS:
        raise Unreadable("unsupported", "the VOI LUT Function is none of LINEAR, LINEAR_EXACT and SIGMOID")
    formula, least = _FUNCTIONS[function]
    if width < least or width == 0:
        raise Unreadable("damaged", "the window of the header has no width")
    return formula(values, centre, width)


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
