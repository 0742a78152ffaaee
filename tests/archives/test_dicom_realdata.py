"""Real DICOM files: a chest film, and its copy whose header says MONOCHROME1 over the same JPEG."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from medhash.archives.decode import decode_bytes
from medhash.archives.dicom_pixels import decode_dicom
from medhash.archives.integrity import jpeg_size
from medhash.archives.preparation import Preparation

DICOM = Path(os.environ.get("MEDHASH_REAL_DATA", Path(__file__).parents[3] / "shared" / "data")) / "dicom"


@pytest.mark.realdata
@pytest.mark.skipif(
    not DICOM.is_dir(), reason="the public DICOM files are not there (MEDHASH_REAL_DATA or ../shared/data)"
)
def test_a_film_is_the_jpeg_within_and_its_monochrome1_copy_the_negative_of_it():
    original, copy = (next(DICOM.glob(pattern)).read_bytes() for pattern in ("1.2.276*.dcm", "Fake_MONOHR1.dcm"))
    jpeg = original[original.index(b"\xff\xd8\xff") :]
    assert jpeg_size(jpeg) == (1024, 1024)
    expected = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(decode_dicom(original, 10**7), expected)
    assert np.array_equal(decode_dicom(copy, 10**7), 255 - expected)
    square = decode_bytes(original, Preparation(64, 10**7)).pixels[0, 0].astype(int)
    assert np.abs(square - expected.reshape(64, 16, 64, 16).mean(axis=(1, 3))).max() <= 0.5
