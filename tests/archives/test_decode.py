"""Decoding: equal pictures give equal pixels, and a file that is not whole is never taken for one."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from medhash.archives import decode
from medhash.archives.decode import decode_bytes, decode_file
from medhash.archives.integrity import Unreadable
from medhash.archives.preparation import Preparation
from medhash.core.errors import MedhashError

GREY = np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)
ALPHA = np.random.default_rng(1).integers(0, 256, (20, 20), np.uint8)
PALETTE = np.repeat(np.arange(256, dtype=np.uint8), 3)
NO_LIMIT = 10**9


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    values: np.ndarray, colour_type: int, *, bits: int = 8, size: tuple[int, int] = (20, 20), before: bytes = b""
) -> bytes:
    """A PNG written by hand, by the specification; values: (H, W) or (H, W, channels)."""
    rows = b"".join(b"\0" + row.tobytes() for row in values.astype(f">u{bits // 8}"))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, colour_type, 0, 0, 0))
        + before
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


WIDE = GREY.astype(np.uint16) * 257
VARIANTS = {
    "grey": png(GREY, 0),
    "grey, 16 bit": png(WIDE, 0, bits=16),
    "grey and alpha": png(np.dstack([GREY, ALPHA]), 4),
    "RGB": png(np.dstack([GREY] * 3), 2),
    "RGB, 16 bit": png(np.dstack([WIDE] * 3), 2, bits=16),
    "RGBA": png(np.dstack([GREY] * 3 + [ALPHA]), 6),
    "RGBA, 16 bit": png(np.dstack([WIDE] * 3 + [ALPHA.astype(np.uint16) * 257]), 6, bits=16),
    "palette": png(GREY, 3, before=chunk(b"PLTE", PALETTE.tobytes())),
}
JPEG = cv2.imencode(".jpg", cv2.GaussianBlur(GREY, (0, 0), 3))[1].tobytes()


def grey_of(data: bytes, size_px: int) -> np.ndarray:
    """The one square of a whole image, (size_px, size_px)."""
    (square,) = decode_bytes(data, Preparation(size_px, NO_LIMIT)).pixels
    return square[0]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_png_variant_of_a_picture_gives_the_same_pixels(variant):
    assert np.array_equal(grey_of(VARIANTS[variant], 20), GREY)


@pytest.mark.parametrize(
    ("values", "colour_type", "bits", "expected"),
    [
        ([[255, 0, 0]], 2, 8, 76),
        ([[0, 255, 0]], 2, 8, 150),
        ([[0, 0, 255]], 2, 8, 29),  # 0.299, 0.587, 0.114
        ([128], 0, 16, 0),
        ([129], 0, 16, 1),
        ([65535], 0, 16, 255),
        ([32768], 0, 16, 128),  # rounded v / 257
    ],
)
def test_colours_and_depths_become_grey_as_worked_out_by_hand(values, colour_type, bits, expected):
    picture = np.broadcast_to(np.array(values), (20, 20, np.array(values).size))
    assert np.unique(grey_of(png(picture, colour_type, bits=bits), 20)).tolist() == [expected]


def test_a_wide_picture_keeps_its_proportions_between_bands_of_zeros():
    white = np.full((20, 40), 255)
    decoded = decode_bytes(png(white, 0, size=(40, 20)), Preparation(16, NO_LIMIT))
    assert (decoded.width, decoded.height) == (40, 20)
    assert decoded.pixels.shape == (1, 1, 16, 16)
    assert decoded.pixels[0, 0].any(axis=1).tolist() == [False] * 4 + [True] * 8 + [False] * 4
    assert np.unique(decoded.pixels[0, 0, 4:12]).tolist() == [255]


def test_shrinking_takes_the_mean_of_each_area():
    means = GREY.reshape(10, 2, 10, 2).mean(axis=(1, 3))
    assert np.abs(grey_of(VARIANTS["grey"], 10) - means).max() <= 0.5


def test_enlarging_stays_between_the_neighbours():
    ramp = np.tile(np.arange(20) * 10, (20, 1))
    enlarged = grey_of(png(ramp, 0), 40).astype(int)
    assert (np.diff(enlarged, axis=1) >= 0).all()
    assert enlarged.min() == 0
    assert enlarged.max() == 190


@pytest.mark.parametrize("data", [VARIANTS["grey"], JPEG], ids=["png", "jpeg"])
def test_a_file_cut_anywhere_is_told_from_a_whole_one(data):
    decode_bytes(data, Preparation(16, NO_LIMIT))
    for length in range(len(data)):
        with pytest.raises(Unreadable) as caught:
            decode_bytes(data[:length], Preparation(16, NO_LIMIT))
        assert caught.value.reason == ("truncated" if length else "empty")


def test_a_flipped_byte_anywhere_in_a_png_is_noticed():
    data = VARIANTS["grey"]
    for position in range(len(data)):
        spoilt = bytearray(data)
        spoilt[position] ^= 0x10
        with pytest.raises(Unreadable):
            decode_bytes(bytes(spoilt), Preparation(16, NO_LIMIT))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"patient 98765431 has gone home", "not_an_image"),
        (b"GIF89a" + bytes(100), "not_an_image"),
        (png(np.zeros((1, 1)), 0, size=(60_000, 60_000)), "too_large"),
        (b"\xff\xd8\xff\xc0\0\x0b\x08\xff\xff\xff\xff\1\1\x11\0\xff\xda\0\2\xff\xd9", "too_large"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", b"") + chunk(b"IEND", b""), "damaged"),
        (b"\xff\xd8\xff\xda\0\2\xff\xd9", "damaged"),
    ],
)
def test_what_is_no_picture_or_too_large_a_one_is_refused_before_decoding(data, reason, monkeypatch):
    monkeypatch.setattr(decode.cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(Unreadable) as caught:
        decode_bytes(data, Preparation(16, 10**8))
    assert caught.value.reason == reason


def test_a_png_with_too_few_rows_in_a_valid_container_is_refused():
    with pytest.raises(Unreadable, match="refused") as caught:
        decode_bytes(png(GREY[:10], 0), Preparation(16, NO_LIMIT))
    assert caught.value.reason == "damaged"


def test_a_file_is_decoded_as_ingest_would_and_an_error_does_not_name_it(tmp_path):
    path = tmp_path / "98765431_000.png"
    path.write_bytes(VARIANTS["RGB"])
    assert np.array_equal(decode_file(path, Preparation(20, NO_LIMIT)), GREY[np.newaxis, np.newaxis])
    path.write_bytes(VARIANTS["RGB"][:-20])
    for bad in (path, tmp_path / "98765431_001.png"):
        with pytest.raises(MedhashError) as caught:
            decode_file(bad, Preparation(20, NO_LIMIT))
        assert "98765431" not in str(caught.value)
