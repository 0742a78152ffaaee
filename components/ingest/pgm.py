"""PGM: netpbm's grey maps in their binary form (P5), as mini-MIAS publishes its films.

Source: the netpbm manual, pgm(5).
"""

import re

from components.ingest.integrity import Unreadable

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(rb"P5" + rb"".join(_GAP + rb"(\d{1,9})" for _ in range(3)) + rb"\s")
_HEADER_BYTES = 4096
"""Comments may make a header longer than that; then it is not read."""
_BYTES_PER_PIXEL = {255: 1, 65535: 2}
"""Greatest grey value → bytes. With another one the greys would have to be stretched, which no decoder here does."""


def pgm_size(data: bytes) -> tuple[int, int]:
    """(width, height) in px of a PGM file whose pixels are all there; bytes that follow them are not looked at.

    Raises Unreadable: truncated, damaged or unsupported.
    """
    found = _HEADER.match(data[:_HEADER_BYTES])
    if found is None:
        if len(data) < _HEADER_BYTES:
            raise Unreadable("truncated", "the PGM ends within its header")
        raise Unreadable("damaged", "P5 is not followed by a PGM header")
    width, height, greatest = map(int, found.groups())
    if not width or not height:
        raise Unreadable("damaged", f"the PGM declares {width}×{height} px")
    if greatest not in _BYTES_PER_PIXEL:
        raise Unreadable("unsupported", f"the PGM's greatest grey value is {greatest}, which is neither 255 nor 65535")
    if len(data) < found.end() + width * height * _BYTES_PER_PIXEL[greatest]:
        raise Unreadable("truncated", f"the PGM ends after {len(data)} bytes, before its last pixel")
    return width, height
