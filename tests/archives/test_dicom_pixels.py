"""DICOM pixels: every way to store a picture gives the greys that were worked out from its numbers."""

import imagecodecs
import numpy as np
import pytest
from dicom_files import (
    ENCAPSULATED,
    HTJ2K,
    J2K_LOSSY,
    JPEG,
    JPEG_12,
    LOSSLESS,
    LOSSLESS_SV1,
    LS_NEAR,
    NATIVE,
    dicom,
)
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless
from small_files import png as small_png

from medhash.archives.decode import decode_bytes
from medhash.archives.dicom_pixels import decode_dicom
from medhash.archives.preparation import Preparation

NO_LIMIT = 10**9
RANDOM = np.random.default_rng(0)
RAMP = np.arange(256, dtype=np.uint16).reshape(16, 16)
SMOOTH = (np.add.outer(np.arange(32), np.arange(40)) * 3).astype(np.uint8)


def greys(data: bytes) -> list[int]:
    return decode_dicom(data, NO_LIMIT).ravel().tolist()


def full_range(pixels: np.ndarray, bits: int) -> np.ndarray:
    """round(255 · (v - lowest) / (highest - lowest)) of what the bits can hold, in whole numbers."""
    lowest = -(1 << (bits - 1)) if pixels.dtype.kind == "i" else 0
    shares = pixels.astype(np.int64) - lowest
    return ((2 * 255 * shares + (1 << bits) - 1) // (2 * ((1 << bits) - 1))).astype(np.uint8)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 15, 16])
@pytest.mark.parametrize("syntax", [*NATIVE, *ENCAPSULATED], ids=lambda uid: uid.name)
def test_every_depth_in_every_lossless_transfer_syntax_gives_the_greys_of_its_numbers(syntax, bits):
    pixels = RANDOM.integers(0, 1 << bits, (13, 9)).astype(np.uint8 if bits == 8 else np.uint16)
    assert np.array_equal(decode_dicom(dicom(pixels, syntax, bits=bits), NO_LIMIT), full_range(pixels, bits))


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("syntax", [uid for uid in (*NATIVE, *ENCAPSULATED) if uid != HTJ2K], ids=lambda uid: uid.name)
def test_signed_values_keep_their_sign_in_every_transfer_syntax(syntax, bits):
    half = 1 << (bits - 1)
    pixels = RANDOM.integers(-half, half, (13, 8)).astype(np.int8 if bits == 8 else np.int16)
    assert np.array_equal(decode_dicom(dicom(pixels, syntax, bits=bits), NO_LIMIT), full_range(pixels, bits))


@pytest.mark.parametrize(
    ("syntax", "pixels", "bits", "tolerance"),
    [
        (JPEG, SMOOTH, 8, 3),
        (JPEG_12, SMOOTH.astype(np.uint16) * 16, 12, 3),
        (LS_NEAR, SMOOTH, 8, 2),
        (J2K_LOSSY, SMOOTH, 8, 3),
        (J2K_LOSSY, SMOOTH.astype(np.uint16) * 16, 12, 3),
    ],
)
def test_lossy_transfer_syntaxes_stay_near(syntax, pixels, bits, tolerance):
    decoded = decode_dicom(dicom(pixels, syntax, bits=bits), NO_LIMIT).astype(int)
    assert np.abs(decoded - full_range(pixels, bits)).max() <= tolerance


@pytest.mark.parametrize("predictor", range(1, 8))
def test_every_predictor_of_lossless_jpeg_is_read(predictor):
    pixels = RANDOM.integers(0, 4096, (20, 30)).astype(np.uint16)
    frame = imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=predictor, bitspersample=12)
    syntax = LOSSLESS_SV1 if predictor == 1 else LOSSLESS
    assert np.array_equal(decode_dicom(dicom(pixels, syntax, bits=12, frame=frame), NO_LIMIT), full_range(pixels, 12))


def test_a_frame_in_several_fragments_is_one_frame():
    from pydicom.encaps import encapsulate

    pixels = RANDOM.integers(0, 256, (30, 30)).astype(np.uint8)
    frame = imagecodecs.jpegls_encode(pixels)
    data = dicom(pixels, LOSSLESS, frame=frame).replace(LOSSLESS.encode(), b"1.2.840.10008.1.2.4.80")
    split = data.replace(encapsulate([frame]), encapsulate([frame], fragments_per_frame=3))
    assert len(split) > len(data)
    assert np.array_equal(decode_dicom(split, NO_LIMIT), pixels)


def test_monochrome1_is_the_negative_of_monochrome2():
    pixels = RANDOM.integers(0, 4096, (20, 30)).astype(np.uint16)
    positive, negative = (
        decode_dicom(dicom(pixels, bits=12, PhotometricInterpretation=kind), NO_LIMIT)
        for kind in ("MONOCHROME2", "MONOCHROME1")
    )
    assert np.array_equal(negative, 255 - positive)
    inverted = dicom(4095 - pixels, bits=12, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(decode_dicom(inverted, NO_LIMIT), positive)
    assert greys(dicom(np.array([[0, 100, 255, 255]], np.uint8), PhotometricInterpretation="MONOCHROME1")) == [
        255,
        155,
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("elements", "stored", "expected"),
    [
        # LINEAR, centre 100, width 101: 50 is black (c - 0.5 - (w-1)/2 = 49.5), 150 white, 99.5 the middle
        (
            {"WindowCenter": 100, "WindowWidth": 101},
            [0, 49, 50, 99, 100, 149, 150, 255],
            [0, 0, 1, 126, 129, 254, 255, 255],
        ),
        ({"WindowCenter": 100, "WindowWidth": 1}, [98, 99, 100, 101], [0, 0, 255, 255]),
        ({"WindowCenter": [100, 7], "WindowWidth": [1, 300]}, [98, 99, 100, 101], [0, 0, 255, 255]),
        (
            {"WindowCenter": 100, "WindowWidth": 50, "VOILUTFunction": "LINEAR_EXACT"},
            [74, 75, 85, 100, 125, 126],
            [0, 0, 51, 128, 255, 255],
        ),
        # 255 / (1 + exp(-4 (x - c) / w)): x = c is the middle, x = c + w/4 is 255 / (1 + 1/e) = 186.4
        (
            {"WindowCenter": 100, "WindowWidth": 40, "VOILUTFunction": "SIGMOID"},
            [90, 100, 110, 255],
            [69, 128, 186, 255],
        ),
        # 2 v - 100 in a LINEAR window that runs from 0 (v = 50) to 200 (v = 150)
        (
            {"RescaleSlope": 2, "RescaleIntercept": -100, "WindowCenter": 100.5, "WindowWidth": 201},
            [40, 50, 100, 125, 150, 160],
            [0, 0, 128, 191, 255, 255],
        ),
        ({"RescaleSlope": 2, "RescaleIntercept": -100}, [0, 100, 255], [0, 100, 255]),  # full range
        ({"RescaleSlope": -1, "RescaleIntercept": 255}, [0, 100, 255], [255, 155, 0]),
    ],
)
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, LOSSLESS], ids=lambda uid: uid.name)
def test_rescaling_and_windows_are_those_of_the_standard(elements, stored, expected, syntax):
    assert greys(dicom(np.array([stored], np.uint8), syntax, **elements)) == expected
    assert greys(dicom(np.array([stored], np.uint16), syntax, bits=8, **elements)) == expected


def lut(first: int, depth: int, entries: list[int], vr: str = "US") -> Sequence:
    item = Dataset()
    item.add_new(0x00283002, vr, [len(entries), first, depth])
    item.add_new(0x00283006, "OW", np.array(entries, "<u2").tobytes())
    return Sequence([item])


@pytest.mark.parametrize(
    ("elements", "stored", "expected"),
    [
        ({"VOILUTSequence": lut(2, 8, [10, 20, 40])}, [0, 2, 3, 4, 5, 255], [10, 10, 20, 40, 40, 40]),
        (
            {"VOILUTSequence": lut(2, 12, [0, 2048, 4095]), "WindowCenter": 9, "WindowWidth": 1},
            [2, 3, 4, 200],
            [0, 128, 255, 255],
        ),  # the table goes before the window
        ({"ModalityLUTSequence": lut(0, 16, [65535, 0, 32768])}, [0, 1, 2, 3], [255, 0, 128, 128]),
        (
            {"ModalityLUTSequence": lut(0, 16, [5, 6, 7, 8]), "WindowCenter": 7, "WindowWidth": 1},
            [0, 1, 2, 3],
            [0, 0, 255, 255],
        ),
    ],
)
@pytest.mark.parametrize("syntax", NATIVE[:3], ids=lambda uid: uid.name)
def test_lookup_tables_are_those_of_the_standard(elements, stored, expected, syntax):
    assert greys(dicom(np.array([stored], np.uint8), syntax, **elements)) == expected


def test_a_table_over_signed_values_may_begin_below_zero():
    pixels = np.array([[-3, -2, -1, 0]], np.int16)
    assert greys(dicom(pixels, VOILUTSequence=lut(-2, 8, [1, 2, 3], "SS"))) == [1, 1, 2, 3]


def test_bits_beside_the_stored_ones_are_not_part_of_the_picture():
    high = (RAMP << 4) | 0xF00F  # stored in bits 4 to 11, an overlay around them
    data = dicom(high, BitsStored=8, HighBit=11)
    assert np.array_equal(decode_dicom(data, NO_LIMIT), RAMP.astype(np.uint8))


COLOURS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [200, 50, 100]]], np.uint8)
LUMA = [76, 150, 29, 101]  # 0.299 R + 0.587 G + 0.114 B


@pytest.mark.parametrize("syntax", [*NATIVE, RLELossless], ids=lambda uid: uid.name)
def test_colours_become_luma(syntax):
    assert greys(dicom(COLOURS, syntax)) == LUMA


def test_colours_by_plane_in_ybr_and_in_compressed_streams_become_luma_too():
    planes = np.moveaxis(COLOURS, 2, 0).reshape(1, 4, 3)
    assert greys(dicom(planes, PlanarConfiguration=1)) == LUMA
    ybr = np.array([[[7, 99, 3], [250, 1, 2]]], np.uint8)
    assert greys(dicom(ybr, PhotometricInterpretation="YBR_FULL")) == [7, 250]
    pairs = np.array([[7, 250, 99, 3]], np.uint8)  # Y Y Cb Cr
    assert greys(dicom(pairs, PhotometricInterpretation="YBR_FULL_422", SamplesPerPixel=3, Columns=2)) == [7, 250]
    flat = np.full((16, 16, 3), (200, 50, 100), np.uint8)
    coloured = imagecodecs.jpeg8_encode(flat, level=100, colorspace="RGB", outcolorspace="YCBCR")
    assert set(greys(dicom(flat, JPEG, frame=coloured, PhotometricInterpretation="YBR_FULL_422"))) <= {100, 101}
    untouched = imagecodecs.jpeg2k_encode(flat, codecformat="j2k", reversible=True, level=0)
    j2k = dicom(flat, HTJ2K, frame=untouched, PhotometricInterpretation="YBR_RCT")
    assert set(greys(j2k)) == {101}


def test_a_dicom_file_is_squared_as_a_png_of_the_same_picture():
    import cv2

    png = small_png(3, size=50)
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    decoded = decode_bytes(dicom(pixels), Preparation(16, NO_LIMIT))
    assert (decoded.width, decoded.height) == (50, 50)
    assert np.array_equal(decoded.pixels, decode_bytes(png, Preparation(16, NO_LIMIT)).pixels)
