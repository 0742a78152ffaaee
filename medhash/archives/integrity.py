"""Whole or not: what an image file declares and whether all of it is there, before anything is decoded.

Decoders return the rows they got from a file that was cut off, so completeness is checked on the container.
"""

import re
import struct
from dataclasses import dataclass

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(rb"P5" + rb"".join(_GAP + rb"(\d{1,9})" for _ in range(3)) + rb"\s")
_HEADER_BYTES = 4096
"""Comments may make a header longer than that; then it is not read."""
_BYTES_PER_PIXEL = {255: 1, 65535: 2}
"""Greatest grey value → bytes. With another one the greys would have to be stretched, which no decoder here does."""
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_COLOUR_TYPE = 25
"""Byte at which the header says so."""
_CHUNK_HEAD, _CHECKSUM = struct.Struct(">I4s"), struct.Struct(">I")
_JPEG_SIGNATURE = b"\xff\xd8\xff"
_PGM_SIGNATURE = b"P5"
_JPEG_END = b"\xff\xd9"
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}  # the last is JPEG-LS
_JPEG_SCAN = 0xDA


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


@dataclass
class Unreadable(Exception):
    """An image that cannot be taken: one of entries.REASONS, and a detail without identifying value."""

    reason: str
    detail: str


def image_size(data: bytes) -> tuple[int, int]:
    """(width, height) in px as the header declares them, of a PNG, JPEG or PGM that is complete.

    Raises Unreadable: empty, not_an_image, truncated, damaged or unsupported.
    """
    if not data:
        raise Unreadable("empty", "the file has no bytes")
    if data.startswith(_PNG_SIGNATURE):
        return _png_size(data)
    if data.startswith(_JPEG_SIGNATURE):
        return jpeg_size(data)
    if data.startswith(_PGM_SIGNATURE):
        return pgm_size(data)
    if any(signature.startswith(data) for signature in (_PNG_SIGNATURE, _JPEG_SIGNATURE)):
        raise Unreadable("truncated", "the file ends within its signature")
    raise Unreadable("not_an_image", "the file is neither PNG, JPEG, PGM nor DICOM")


def is_grey_png(data: bytes) -> bool:
    """Whether a complete PNG holds greys (with or without alpha). Source: PNG specification, section 11.2.1."""
    return data.startswith(_PNG_SIGNATURE) and data[_PNG_COLOUR_TYPE] in (0, 4)


def _png_size(data: bytes) -> tuple[int, int]:
    """Walk the chunks (length, type, body, CRC-32) from IHDR to IEND. Source: PNG specification, section 5."""
    from imagecodecs import deflate_crc32  # six times as fast as zlib's

    n_bytes, position, size = len(data), len(_PNG_SIGNATURE), None
    head, checksum = _CHUNK_HEAD.unpack_from, _CHECKSUM.unpack_from  # a film has a hundred chunks
    while position + 12 <= n_bytes:
        length, kind = head(data, position)
        end = position + 12 + length
        if end > n_bytes:
            break
        if (deflate_crc32(data[position + 4 : end - 4]),) != checksum(data, end - 4):
            raise Unreadable("damaged", f"the checksum at byte {end - 4} does not match")
        if size is None:
            if kind != b"IHDR" or length != 13:
                raise Unreadable("damaged", "the PNG does not start with its header")
            size = struct.unpack_from(">II", data, position + 8)
        if kind == b"IEND":
            return size[0], size[1]
        position = end
    raise Unreadable("truncated", f"the PNG ends after {n_bytes} bytes, before its end mark")


def jpeg_size(data: bytes) -> tuple[int, int]:
    """(width, height) of a JPEG or JPEG-LS: walk the segments to the first scan; an end mark must follow it.

    Raises Unreadable: truncated or damaged. Source: ITU-T T.81, annex B, and T.87, annex C.
    """
    position, size = 2, None
    while position + 4 <= len(data):
        mark, kind, length = struct.unpack_from(">BBH", data, position)
        if mark != 0xFF:
            raise Unreadable("damaged", f"byte {position} should begin a JPEG segment")
        if kind == 0xFF:  # fill byte
            position += 1
            continue
        if kind in _JPEG_FRAMES and position + 9 <= len(data):
            height, width = struct.unpack_from(">HH", data, position + 5)
            size = (width, height)
        if kind == _JPEG_SCAN:
            if size is None:
                raise Unreadable("damaged", "the JPEG has a scan before its frame header")
            if data.rfind(_JPEG_END, position) < 0:
                break
            return size
        position += 2 + length
    raise Unreadable("truncated", f"the JPEG ends after {len(data)} bytes, before its end mark")
