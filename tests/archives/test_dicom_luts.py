"""Greys by the table over stored values equal those of pydicom's LUT functions over the pixels."""

import io
import os
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import dicom
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence

from medhash.archives import dicom_pixels
from medhash.archives.dicom_pixels import decode_dicom
from medhash.archives.integrity import Unreadable

REAL = Path(os.environ.get("MEDHASH_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
RANDOM = np.random.default_rng(1)
NO_LIMIT = 10**9


def by_pydicom(data: Dataset, stored: np.ndarray) -> np.ndarray:
    """Greys of integer stored values: pydicom's LUTs, then the range that their output can hold to 0 … 255."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = apply_voi_lut(apply_modality_lut(stored, data), data).astype(np.float64)
    bits = int(data.BitsStored)
    ends = np.array([0, (1 << bits) - 1]) - ((1 << (bits - 1)) if data.PixelRepresentation else 0)
    low, high = np.sort(ends * float(data.get("RescaleSlope", 1)) + float(data.get("RescaleIntercept", 0)))
    for name in ("ModalityLUTSequence", "VOILUTSequence"):
        if data.get(name):
            low, high = 0, (1 << data[name].value[0].LUTDescriptor[2]) - 1
    shares = np.clip((values - low) / ((high - low) or 1), 0, 1)
    inverted = data.PhotometricInterpretation == "MONOCHROME1"
    return np.floor(255 * (1 - shares if inverted else shares) + 0.5).astype(np.uint8)


def lut(first: int, entries: np.ndarray, bits: int) -> Sequence:
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [len(entries), first, bits], entries.astype("<u2").tobytes()
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    return Sequence([item])


MADE = {
    "no transformation": {},
    "slope and intercept": {"RescaleSlope": 1.7, "RescaleIntercept": -300},
    "falling slope": {"RescaleSlope": -0.3, "RescaleIntercept": 12},
    "linear": {"WindowCenter": 700, "WindowWidth": 501},
    "linear after a slope": {"RescaleSlope": 2, "RescaleIntercept": -1024, "WindowCenter": 40, "WindowWidth": 400},
    "threshold": {"WindowCenter": 700, "WindowWidth": 1},
    "linear exact": {"WindowCenter": 700, "WindowWidth": 333.5, "VOILUTFunction": "LINEAR_EXACT"},
    "sigmoid": {"WindowCenter": 700, "WindowWidth": 333, "VOILUTFunction": "SIGMOID"},
    "modality LUT": {"ModalityLUTSequence": lut(100, RANDOM.integers(0, 1 << 16, 900), 16)},
    "VOI LUT": {"VOILUTSequence": lut(200, np.sort(RANDOM.integers(0, 1 << 14, 1500)), 14)},
    "both LUTs": {
        "ModalityLUTSequence": lut(0, np.arange(4096) // 2, 16),
        "VOILUTSequence": lut(50, np.sort(RANDOM.integers(0, 1 << 10, 1500)), 10),
    },
}


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("case", MADE)
def test_made_files_have_the_greys_of_pydicoms_functions(case, photometric):
    stored = RANDOM.integers(0, 4096, (32, 40)).astype(np.uint16)
    data = dicom(stored, bits=12, PhotometricInterpretation=photometric, **MADE[case])
    assert np.array_equal(decode_dicom(data, NO_LIMIT), by_pydicom(pydicom.dcmread(io.BytesIO(data)), stored))


@pytest.mark.parametrize(
    "case", ["no transformation", "slope and intercept", "linear", "linear after a slope", "linear exact", "sigmoid"]
)
def test_signed_values_have_the_greys_of_pydicoms_functions(case):
    stored = RANDOM.integers(-2048, 2048, (32, 40)).astype(np.int16)
    data = dicom(stored, bits=12, **MADE[case])
    assert np.array_equal(decode_dicom(data, NO_LIMIT), by_pydicom(pydicom.dcmread(io.BytesIO(data)), stored))


def test_a_long_lut_of_8_bits_is_read_to_its_end_where_pydicom_wraps_its_index():
    table = np.sort(RANDOM.integers(0, 256, 1500))
    stored = np.arange(200, 1700, dtype=np.uint16).reshape(30, 50)
    data = dicom(stored, bits=12, VOILUTSequence=lut(200, table, 8))
    assert decode_dicom(data, NO_LIMIT).ravel().tolist() == table.tolist()
    assert by_pydicom(pydicom.dcmread(io.BytesIO(data)), stored).ravel().tolist() != table.tolist()


@pytest.mark.realdata
@pytest.mark.skipif(
    not (REAL / "dicom_syntaxes" / "files").is_dir(),
    reason="the public DICOM files are not there (MEDHASH_REAL_DATA or ../shared/data)",
)
def test_every_real_file_has_the_greys_of_pydicoms_functions(monkeypatch):
    frames = []
    decode = dicom_pixels.stored_values
    monkeypatch.setattr(dicom_pixels, "stored_values", lambda *a, **k: frames.append(decode(*a, **k)) or frames[-1])
    n_compared = 0
    for path in [*sorted((REAL / "dicom_syntaxes" / "files").iterdir()), *sorted((REAL / "dicom").glob("*.dcm"))]:
        try:
            greys = decode_dicom(path.read_bytes(), NO_LIMIT)
        except Unreadable:
            continue
        data = pydicom.dcmread(path)
        if data.SamplesPerPixel == 1:
            assert np.array_equal(greys, by_pydicom(data, integers(data, frames[-1]))), path.name
            n_compared += 1
    assert n_compared == 70


def integers(data: Dataset, frame: np.ndarray) -> np.ndarray:
    """Stored values as the header declares them: shifted to the lowest bits, with their sign."""
    bits = int(data.BitsStored)
    raw = frame.view(f"u{frame.dtype.itemsize}").astype(np.int64) >> (int(data.HighBit) + 1 - bits) & ((1 << bits) - 1)
    if data.PixelRepresentation:
        return np.where(raw >> (bits - 1), raw - (1 << bits), raw).astype(np.int16)
    return raw.astype(np.uint16)
