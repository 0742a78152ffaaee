"""DICOM files that lie, end early or are of another kind: each has its word, and none of their values is repeated."""

import struct

import imagecodecs
import numpy as np
import pytest
from dicom_files import ENCAPSULATED, HTJ2K, J2K, JPEG, LS, NATIVE, dicom
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, RLELossless

from medhash.archives import dicom_frame
from medhash.archives.decode import decode_bytes, decode_file
from medhash.archives.entries import REASONS
from medhash.archives.integrity import Unreadable
from medhash.archives.preparation import Preparation
from medhash.core.errors import MedhashError

PIXELS = np.random.default_rng(0).integers(0, 4096, (20, 30)).astype(np.uint16)
BYTES = PIXELS.astype(np.uint8)
LIMIT = 10_000
NAME = "Poe^Edgar"


def refusal(data: bytes, max_pixels: int = LIMIT) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        decode_bytes(data, Preparation(16, max_pixels))
    assert caught.value.reason in REASONS
    assert "Poe" not in caught.value.detail
    assert caught.value.__cause__ is None or "Poe" not in str(caught.value.__cause__)
    return caught.value


def outcome(data: bytes) -> tuple[str, str]:
    try:
        decode_bytes(data, Preparation(16, LIMIT))
    except Unreadable as error:
        return error.reason, error.detail
    return "decoded", ""


def spoilt(uid: bytes, other: bytes, data: bytes) -> bytes:
    """Another transfer syntax of the same length in the file's meta information."""
    assert uid in data
    return data.replace(uid, other.ljust(len(uid), b"\0"))


CASES = {
    "no preamble": (dicom(PIXELS)[128:], "not_an_image"),
    "no transfer syntax": (spoilt(b"\x02\0\x10\0UI", b"\x02\0\x11\0UI", dicom(PIXELS)), "unsupported"),
    "MPEG": (spoilt(LS.encode(), b"1.2.840.10008.1.2.4.99", dicom(PIXELS, LS)), "unsupported"),
    "private transfer syntax": (spoilt(LS.encode(), b"Poe", dicom(PIXELS, LS)), "unsupported"),
    "two frames": (dicom(PIXELS, NumberOfFrames=2), "multi_frame"),
    "no pixel data": (dicom(PIXELS, drop=("PixelData",)), "no_pixels"),
    "empty pixel data": (dicom(PIXELS, PixelData=b""), "no_pixels"),
    "no fragments": (dicom(PIXELS, LS).partition(b"\xff\xd8\xff")[0][:-8] + b"\xfe\xff\xdd\xe0\0\0\0\0", "no_pixels"),
    "no rows": (dicom(PIXELS, drop=("Rows",)), "damaged"),
    "zero rows": (dicom(PIXELS, Rows=0), "damaged"),
    "more rows than data": (dicom(PIXELS, Rows=21), "damaged"),
    "fewer rows than data": (dicom(PIXELS, Rows=19), "damaged"),
    "a bomb": (dicom(PIXELS, Rows=60_000, Columns=60_000), "too_large"),
    "a bomb under the limit": (dicom(PIXELS, Rows=100, Columns=100), "damaged"),
    "compressed data said to be native": (
        spoilt(LS.encode(), ExplicitVRLittleEndian.encode(), dicom(PIXELS, LS)),
        "damaged",
    ),
    "native data said to be compressed": (
        spoilt(ExplicitVRLittleEndian.encode(), RLELossless.encode(), dicom(PIXELS)),
        "damaged",
    ),
    "another codec's stream": (dicom(PIXELS, J2K, frame=imagecodecs.jpegls_encode(PIXELS)), "damaged"),
    "noise for a stream": (dicom(BYTES, JPEG, frame=b"\xff\xd8\xff" + bytes(200)), "damaged"),
    "noise for run lengths": (dicom(PIXELS, RLELossless, frame=bytes(range(100))), "damaged"),
    "colours for greys": (
        dicom(
            BYTES,
            HTJ2K,
            frame=imagecodecs.jpeg2k_encode(np.dstack([BYTES] * 3), codecformat="j2k", reversible=True, level=0),
        ),
        "damaged",
    ),
    "a wide stream in 8 bits": (dicom(PIXELS, LS, BitsAllocated=8, BitsStored=8, HighBit=7), "damaged"),
    "32 bits": (dicom(PIXELS.astype(np.uint32)), "unsupported"),
    "high bit outside": (dicom(PIXELS, bits=12, HighBit=16), "unsupported"),
    "palette": (dicom(BYTES, PhotometricInterpretation="PALETTE COLOR"), "unsupported"),
    "name for a photometric interpretation": (dicom(BYTES, PhotometricInterpretation=NAME), "unsupported"),
    "name for a window function": (dicom(BYTES, WindowCenter=1, WindowWidth=2, VOILUTFunction=NAME), "unsupported"),
    "window without width": (dicom(BYTES, WindowCenter=1, WindowWidth=0), "damaged"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_defect_has_its_reason_and_is_found_before_decoding_where_the_header_shows_it(case):
    data, reason = CASES[case]
    assert refusal(data).reason == reason


@pytest.mark.parametrize("syntax", [*NATIVE, *ENCAPSULATED, JPEG], ids=lambda uid: uid.name)
def test_a_file_cut_anywhere_is_told_from_a_whole_one(syntax):
    data = dicom(BYTES, syntax, PatientName=NAME)
    decode_bytes(data, Preparation(16, LIMIT))
    whole = len(data) - (len(BYTES.tobytes()) % 2) - (1 if syntax == DeflatedExplicitVRLittleEndian else 0)
    for length in range(1, whole, 7):
        assert refusal(data[:length]).reason in ("truncated", "not_an_image", "no_pixels", "unsupported"), length


@pytest.mark.parametrize("syntax", [*NATIVE, *ENCAPSULATED, JPEG], ids=lambda uid: uid.name)
def test_a_flipped_byte_is_a_refusal_or_another_picture_but_never_another_error(syntax):
    data = dicom(BYTES, syntax, WindowCenter=100, WindowWidth=200, PatientName=NAME)
    for position in range(128, len(data), 3):
        changed = bytearray(data)
        changed[position] ^= 0x41
        reason, detail = outcome(bytes(changed))
        assert reason in (*REASONS, "decoded")
        assert "Poe" not in detail


@pytest.mark.parametrize("syntax", [*NATIVE, *ENCAPSULATED], ids=lambda uid: uid.name)
def test_nothing_is_decoded_where_the_header_declares_too_much_or_what_the_data_do_not_hold(syntax, monkeypatch):
    for name in ("_from_codec", "_from_rle"):
        monkeypatch.setattr(dicom_frame, name, lambda *_: pytest.fail("it was decoded"))
    assert refusal(dicom(PIXELS, syntax, Rows=40_000, Columns=40_000), 10**9).reason == "too_large"
    if syntax != RLELossless:  # whose frames do not say their size
        assert refusal(dicom(PIXELS, syntax, Rows=21)).reason == "damaged"


def test_a_deflated_file_that_grows_without_end_is_refused():
    bomb = dicom(np.zeros((6000, 6000), np.uint8), DeflatedExplicitVRLittleEndian)
    assert len(bomb) < 100_000
    assert refusal(bomb, 1000).reason == "too_large"


def test_run_lengths_that_hold_more_than_declared_are_refused_without_room_for_them():
    segment = b"\x81\0" * 1000  # 128,000 bytes
    frame = struct.pack("<16I", 1, 64, *[0] * 14) + segment
    assert refusal(dicom(BYTES, RLELossless, frame=frame)).reason == "damaged"


def test_pydicom_says_nothing_of_what_it_read(recwarn, caplog, capfd):
    data = dicom(BYTES, SpecificCharacterSet=NAME, PatientName=NAME)
    recwarn.clear()  # of the writer's
    caplog.clear()
    decode_bytes(data, Preparation(16, LIMIT))
    refusal(data[:600])
    assert not recwarn.list
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_a_query_file_is_read_and_its_error_names_no_value(tmp_path):
    path = tmp_path / "Poe.dcm"
    path.write_bytes(dicom(BYTES))
    assert decode_file(path, Preparation(16, LIMIT)).shape == (1, 1, 16, 16)
    path.write_bytes(dicom(BYTES, PhotometricInterpretation=NAME))
    with pytest.raises(MedhashError, match="unsupported") as caught:
        decode_file(path, Preparation(16, LIMIT))
    assert "Poe" not in str(caught.value)
