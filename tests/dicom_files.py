"""DICOM files made from known arrays: pydicom writes the data set and the run lengths, codecs beside it the rest."""

import io

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

JPEG, JPEG_12, LOSSLESS, LOSSLESS_SV1, LS, LS_NEAR, J2K, J2K_LOSSY, HTJ2K = (
    UID(f"1.2.840.10008.1.2.4.{code}") for code in (50, 51, 57, 70, 80, 81, 90, 91, 201)
)
NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian)
ENCAPSULATED = (RLELossless, LOSSLESS, LOSSLESS_SV1, LS, J2K, HTJ2K)
"""Those that give back what they were given."""
SOP_CLASS = "1.2.840.10008.5.1.4.1.1.1.1"


def dicom(
    pixels: np.ndarray,
    syntax: UID = ExplicitVRLittleEndian,
    *,
    bits: int = 0,
    drop: tuple[str, ...] = (),
    frame: bytes = b"",
    **elements: object,
) -> bytes:
    """A file of one frame, (H, W) or (H, W, 3), integers; elements add to its header or replace what stands there.

    frame: a compressed stream that stands for the pixels. drop: names of elements that are left out.
    """
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID, data.StudyInstanceUID = SOP_CLASS, "1.2.3.4", "1.2.3"
    data.Modality, data.PatientID = "DX", "P1"
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel, data.PhotometricInterpretation = (1, "MONOCHROME2") if pixels.ndim == 2 else (3, "RGB")
    if pixels.ndim == 3:
        data.PlanarConfiguration = 0
    data.BitsAllocated = 8 * pixels.dtype.itemsize
    data.BitsStored = bits or data.BitsAllocated
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(pixels.dtype.kind == "i")
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    native = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    data.PixelData = native + b"\0" * (len(native) % 2)
    data["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    if syntax == RLELossless and not frame:
        data.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    elif syntax not in NATIVE:
        data.PixelData = encapsulate([frame or compressed(pixels, syntax, int(data.BitsStored))])
        data["PixelData"].is_undefined_length = True
        data["PixelData"].VR = "OB"
    data.file_meta.TransferSyntaxUID = syntax
    for name, value in elements.items():
        setattr(data, name, value)
    for name in drop:
        delattr(data, name)
    data.preamble = bytes(128)
    stream = io.BytesIO()
    dcmwrite(stream, data, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=order == "<")
    return stream.getvalue()


def compressed(pixels: np.ndarray, syntax: UID, bits: int) -> bytes:
    """The frame as a stream; JPEG 2000 knows signs, the others take the two's complement of the stored bits."""
    if syntax == HTJ2K:
        return imagecodecs.htj2k_encode(pixels, reversible=True)
    if syntax in (J2K, J2K_LOSSY):
        return imagecodecs.jpeg2k_encode(
            pixels, codecformat="j2k", bitspersample=bits, reversible=syntax == J2K, level=0 if syntax == J2K else 60
        )
    unsigned = pixels.view(f"u{pixels.dtype.itemsize}")
    unsigned = unsigned & np.array((1 << bits) - 1, unsigned.dtype)
    if syntax in (LOSSLESS, LOSSLESS_SV1):
        return imagecodecs.ljpeg_encode(unsigned, bitspersample=bits)
    if syntax in (LS, LS_NEAR):
        return imagecodecs.jpegls_encode(unsigned, level=2 if syntax == LS_NEAR else 0)
    return imagecodecs.jpeg8_encode(unsigned, level=98, bitspersample=12 if syntax == JPEG_12 else 8)
