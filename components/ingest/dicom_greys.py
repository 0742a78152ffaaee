"""From stored values to greys: one table, as the header's transformations depend on a pixel's own value alone.

Source: DICOM PS3.3: C.11.1 (modality LUT), C.11.2 (VOI LUT and window), C.7.6.3.1 (stored bits, MONOCHROME1).
"""

from collections.abc import Callable

import numpy as np

from components.ingest.dicom_header import Header
from components.ingest.integrity import Unreadable

MODALITY_LUT, SLOPE, INTERCEPT = 0x00283000, 0x00281053, 0x00281052
VOI_LUT, CENTRE, WIDTH, FUNCTION = 0x00283010, 0x00281050, 0x00281051, 0x00281056
_DESCRIPTOR, _DATA = 0x00283002, 0x00283006
GREY_TAGS = (MODALITY_LUT, SLOPE, INTERCEPT, VOI_LUT, CENTRE, WIDTH, FUNCTION)


def grey_table(header: Header, bits: int, signed: bool, inverted: bool) -> np.ndarray:
    """Grey of every stored value: uint8, (2^bits,); a signed value stands where its two's complement does.

    Modality LUT, else slope and intercept; then VOI LUT, else the first window (LINEAR, LINEAR_EXACT or SIGMOID),
    else the full range that `bits` can hold, so that 8 bits without a window stay as they are. 0 … 1 becomes
    0 … 255, rounded; inverted (MONOCHROME1) from 255 to 0. Raises Unreadable where a table or window is none.
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
