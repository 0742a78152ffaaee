"""DICOM pixel data to stored values: one frame, native or compressed, held against the header before it is decoded."""

import struct

import numpy as np

from medhash.archives.dicom_header import DEFLATED, Header, PixelSpan, shown_syntax
from medhash.archives.integrity import Unreadable, jpeg_size

_NATIVE = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", DEFLATED})
_COMPRESSED = "1.2.840.10008.1.2.4."
_JPEG = frozenset(_COMPRESSED + code for code in ("50", "51", "57", "70"))
"""Baseline, extended, lossless, lossless of first order (process 14, selection value 1)."""
_JPEG_LS = frozenset(_COMPRESSED + code for code in ("80", "81"))
_JPEG_2000 = frozenset(_COMPRESSED + code for code in ("90", "91", "201", "202", "203"))
"""Lossless, lossy, and the three of high throughput (HTJ2K)."""
_RLE = "1.2.840.10008.1.2.5"
_ITEM, _END_OF_ITEMS = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
_J2K_START = b"\xff\x4f\xff\x51"
_OVERLONG = 1
"""Native pixel data are padded to an even length."""


def stored_values(header: Header, shape: tuple[int, ...], dtype: np.dtype, grey: bool) -> np.ndarray:
    """The frame as it is stored: shape (rows, columns) or (rows, columns, 3), of dtype (native byte order).

    grey: a colour frame may come back as luma, (rows, columns), which a JPEG decoder gives for less.
    Raises Unreadable: no_pixels, unsupported, truncated, or damaged where the data are not of the shape.
    """
    span, syntax = header.pixels, header.syntax
    if syntax not in _NATIVE | _JPEG | _JPEG_LS | _JPEG_2000 | {_RLE}:
        raise Unreadable("unsupported", f"no decoder for the transfer syntax {shown_syntax(syntax)}")
    if span is None or span.length == 0:
        raise Unreadable("no_pixels", "the header is not followed by pixels")
    if span.tag != 0x7FE00010:
        raise Unreadable("unsupported", "the pixels are floating-point numbers")
    if (syntax in _NATIVE) == span.encapsulated:
        raise Unreadable("damaged", "the pixel data are not packed as the transfer syntax says")
    if syntax in _NATIVE:
        return _native(header, span, shape, dtype)
    frame = _joined_fragments(header, span)
    if syntax == _RLE:
        return _from_rle(frame, shape, dtype)
    size = _jpeg_2000_size(frame) if syntax in _JPEG_2000 else jpeg_size(frame)
    if size != (shape[1], shape[0]):
        raise Unreadable("damaged", f"the header declares {shape[1]}×{shape[0]} px, the frame {size[0]}×{size[1]}")
    values = _from_codec(syntax, frame, grey)
    if values.shape != shape and not (grey and values.shape == shape[:2]):
        raise Unreadable("damaged", "the frame has not as many samples per pixel as the header says")
    if values.dtype.itemsize > dtype.itemsize:
        raise Unreadable("damaged", "the frame holds more bits than the header says")
    return values


def _native(header: Header, span: PixelSpan, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    n_values = int(np.prod(shape))
    n_bytes = n_values * dtype.itemsize
    if not n_bytes <= span.length <= n_bytes + _OVERLONG:
        raise Unreadable("damaged", f"the header declares {n_bytes} bytes of pixels, the data hold {span.length}")
    if span.start + n_bytes > len(header.buffer):
        raise Unreadable("truncated", f"the pixels end after {len(header.buffer) - span.start} of {n_bytes} bytes")
    if not header.little_endian and dtype.itemsize == 1 and span.vr == "OW":  # bytes swapped within words
        words = np.frombuffer(header.buffer, ">u2", (n_bytes + 1) // 2, span.start)
        return words.astype("<u2").view(np.uint8)[:n_values].reshape(shape)
    ordered = dtype.newbyteorder("<" if header.little_endian else ">")
    return np.frombuffer(header.buffer, ordered, n_values, span.start).astype(dtype, copy=False).reshape(shape)


def _joined_fragments(header: Header, span: PixelSpan) -> bytes:
    """The one frame of encapsulated pixel data. Source: PS3.5, annex A.4: items, the first an offset table."""
    buffer, position = header.buffer, span.start
    fragments: list[bytes] = []
    while position + 8 <= len(buffer):
        group, element, length = struct.unpack_from("<HHI", buffer, position)
        position += 8
        if (group, element) == _END_OF_ITEMS:
            if len(fragments) < 2:
                raise Unreadable("no_pixels", "the pixel data hold no frame")
            return b"".join(fragments[1:])
        if (group, element) != _ITEM:
            raise Unreadable("damaged", f"byte {position - 8} should begin a fragment of the pixel data")
        if position + length > len(buffer):
            break
        fragments.append(buffer[position : position + length])
        position += length
    raise Unreadable("truncated", f"the pixel data end after {len(buffer) - span.start} bytes, before their end mark")


def _jpeg_2000_size(frame: bytes) -> tuple[int, int]:
    """(width, height) of a JPEG 2000 code stream. Source: ITU-T T.800, annex A.5.1 (SIZ)."""
    if not frame.startswith(_J2K_START) or len(frame) < 24:
        raise Unreadable("damaged", "the frame is no JPEG 2000 code stream")
    right, bottom, left, top = struct.unpack_from(">IIII", frame, 8)
    return right - left, bottom - top


def _from_rle(frame: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Source: PS3.5, annex G. A frame of three samples per pixel comes plane by plane."""
    import imagecodecs

    n_bytes = int(np.prod(shape)) * dtype.itemsize
    try:
        data = imagecodecs.dicomrle_decode(frame, dtype.newbyteorder("<"), out=n_bytes)
    except (RuntimeError, ValueError, struct.error):
        raise Unreadable("damaged", f"the run-length data do not make {n_bytes} bytes of pixels") from None
    if len(data) != n_bytes:
        raise Unreadable("damaged", f"the run-length data make {len(data)} of {n_bytes} bytes of pixels")
    values = np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype)
    return values.reshape(shape) if len(shape) == 2 else np.moveaxis(values.reshape(shape[2], *shape[:2]), 0, 2)


def _from_codec(syntax: str, frame: bytes, grey: bool) -> np.ndarray:
    """The fastest decoder measured for each family (benchmarks/ingest_speed.py)."""
    import imagecodecs

    try:
        if syntax in _JPEG:
            return imagecodecs.jpeg8_decode(frame, outcolorspace="GRAYSCALE" if grey else None)
        if syntax in _JPEG_LS:
            return imagecodecs.jpegls_decode(frame)
        return imagecodecs.jpeg2k_decode(frame, numthreads=1)
    except (RuntimeError, ValueError):
        raise Unreadable("damaged", "the decoder refused the frame") from None
