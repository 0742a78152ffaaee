"""DICOM headers: the requested elements as raw bytes, and the position of the pixel data.

Values stay bytes until a caller reads one. pydicom's own conversions are not used: their warnings and errors repeat
the value at fault, which may be a patient's name.
"""

import io
import math
import re
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from medhash.archives.integrity import Unreadable

UNDEFINED_LENGTH = 0xFFFFFFFF
DEFLATED = "1.2.840.10008.1.2.1.99"
_IMPLICIT, _BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
_MAGIC, _MAGIC_AT = b"DICM", 128
_META_SYNTAX, _META_GROUP = 0x00020010, 2
_PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
"""Float Pixel Data, Double Float Pixel Data, Pixel Data."""
_STANDARD_UID = re.compile(r"1\.2\.840\.10008\.1\.2[.\d]{0,20}")


@dataclass(frozen=True)
class PixelSpan:
    """Position of the pixel data in a header's buffer."""

    tag: int
    vr: str | None
    start: int
    length: int

    @property
    def encapsulated(self) -> bool:
        """Packed as fragments of undefined length, which is how compressed frames come."""
        return self.length == UNDEFINED_LENGTH


@dataclass(frozen=True)
class Header:
    """Elements of a data set by tag; `pixels` is None where the data ended before them."""

    syntax: str
    little_endian: bool
    values: dict[int, object]
    pixels: PixelSpan | None = None
    buffer: bytes = b""

    def text(self, tag: int) -> str:
        """First value as text without padding; empty where the element is absent. Other characters than Latin-1's
        stay distinct, but are not shown as meant."""
        value = self.values.get(tag)
        return value.partition(b"\\")[0].decode("latin-1").strip(" \0") if isinstance(value, bytes) else ""

    def integers(self, tag: int) -> list[int]:
        """Values of 16 bits without sign, which is how PS3.3 stores sizes and counts."""
        value = self.values.get(tag)
        if not isinstance(value, bytes):
            return []
        n_values = len(value) // 2
        return list(struct.unpack_from(f"{'<' if self.little_endian else '>'}{n_values}H", value))

    def integer(self, tag: int, default: int | None = None) -> int:
        """The first of `integers`. Raises Unreadable where the element is absent and has no default."""
        found = self.integers(tag)
        if not found and default is None:
            raise Unreadable("damaged", f"the header lacks ({tag >> 16:04X},{tag & 0xFFFF:04X})")
        return found[0] if found else default or 0

    def numbers(self, tag: int) -> list[float]:
        """Finite decimal values; empty where the element is absent or any of them is no number."""
        value = self.values.get(tag)
        texts = value.decode("latin-1").split("\\") if isinstance(value, bytes) else []
        try:
            found = [float(text.strip(" \0")) for text in texts]
        except ValueError:
            return []
        return found if all(map(math.isfinite, found)) else []

    def first_item(self, tag: int) -> "Header | None":
        """The first item of a sequence, None where the sequence is absent or empty. Raises Unreadable."""
        value = self.values.get(tag)
        if value is None or value == b"":
            return None
        from pydicom.filereader import read_sequence

        with _refusing_what_pydicom_refuses():
            if isinstance(value, bytes):
                value = read_sequence(
                    io.BytesIO(value), self.syntax == _IMPLICIT, self.little_endian, len(value), "iso8859"
                )
            first = next(iter(value), None)  # type: ignore[call-overload]
            if first is None:
                return None
            return Header(
                self.syntax,
                self.little_endian,
                {int(key): first.get_item(key).value for key in first.keys()},  # noqa: SIM118
            )


def is_dicom(data: bytes) -> bool:
    """Whether the bytes are a DICOM file: 128 bytes of any content, then `DICM`. Source: PS3.10, section 7.1."""
    return data[_MAGIC_AT : _MAGIC_AT + 4] == _MAGIC


def read_header(data: bytes, tags: Iterable[int], max_bytes: int) -> Header:
    """The elements `tags` of a DICOM file, and the span of its pixel data, which are not read.

    data: the file, or as much of its start as holds the header. max_bytes: a deflated file that grows beyond this is
    refused. Raises Unreadable: not_an_image, truncated, damaged, unsupported or too_large.
    """
    if not is_dicom(data):
        raise Unreadable("not_an_image", "DICM is not at byte 128")
    start, syntax = _meta(data)
    if syntax == DEFLATED:
        data, start = _inflated(data[start:], max_bytes), 0
    little_endian = syntax != _BIG_ENDIAN
    values, pixels, _ = _elements(data, start, syntax == _IMPLICIT, little_endian, tags, _PIXEL_TAGS)
    return Header(syntax, little_endian, values, pixels, data)


def _meta(data: bytes) -> tuple[int, str]:
    """End of the file meta information, and the transfer syntax. Source: PS3.10, section 7.1."""
    values, _, end = _elements(data, _MAGIC_AT + 4, False, True, (_META_SYNTAX,), frozenset())
    syntax = Header("", True, values).text(_META_SYNTAX)
    if not syntax:
        raise Unreadable("unsupported", "the header names no transfer syntax")
    return end, syntax


def shown_syntax(syntax: str) -> str:
    """A transfer syntax for an error text: only what looks like one of the standard's is repeated."""
    return syntax if _STANDARD_UID.fullmatch(syntax) else "of a private kind"


def _inflated(data: bytes, max_bytes: int) -> bytes:
    """Source: PS3.5, annex A.5 (raw deflate). What is missing at the end shows when the elements are read."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = stream.decompress(data, max_bytes)
    except zlib.error as error:
        raise Unreadable("damaged", "the deflated data set cannot be inflated") from error
    if stream.unconsumed_tail:
        raise Unreadable("too_large", f"the deflated data set grows beyond {max_bytes} bytes")
    return inflated


def _elements(
    data: bytes, start: int, implicit: bool, little_endian: bool, tags: Iterable[int], stop_tags: frozenset[int]
) -> tuple[dict[int, object], PixelSpan | None, int]:
    """Values of `tags` up to the first of stop_tags, or to the end of the group where there are none."""
    from pydicom.filereader import data_element_generator

    stream = io.BytesIO(data)
    stream.seek(start)
    spans: list[PixelSpan] = []

    def stop(tag: int, vr: str | None, length: int) -> bool:
        if tag in stop_tags:
            spans.append(PixelSpan(int(tag), vr, stream.tell(), length))
        return tag in stop_tags or (not stop_tags and tag >> 16 != _META_GROUP)

    values: dict[int, object] = {}
    with _refusing_what_pydicom_refuses():
        for element in data_element_generator(stream, implicit, little_endian, stop, specific_tags=list(tags)):
            value = element.value
            if isinstance(value, bytes) and len(value) < getattr(element, "length", 0) != UNDEFINED_LENGTH:
                raise Unreadable("truncated", "the file ends within its header")
            values[int(element.tag)] = value
    return values, spans[0] if spans else None, stream.tell()


@contextmanager
def _refusing_what_pydicom_refuses() -> Iterator[None]:
    """Whatever goes wrong in the parser is a fact about the file; its words may hold values, so they are dropped."""
    import logging

    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Unreadable:
        raise
    except (EOFError, struct.error):
        raise Unreadable("truncated", "the file ends within its header") from None
    except Exception:
        raise Unreadable("damaged", "the header is not DICOM's") from None
