"""Ingest against the bare decoding it consists of: PNG files per core, and DICOM per transfer syntax.

    OMP_NUM_THREADS=1 python -m benchmarks.ingest_speed [--images 200] [--size 1024] [--rounds 5]

PNG: `ingest` of an archive in NIH's layout, in one process, from reading its table to published tables, against a loop
of cv2.imdecode and cv2.resize (INTER_AREA) over the same bytes. DICOM: `decode_bytes` against the fastest bare decoder
found for the transfer syntax, and that resize. Images are real films of the bundled sample, enlarged, with noise of a
detector added. Both sides of a pair alternate in every round; printed are medians and, as the machine may be shared,
the load before and after.
"""

import argparse
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).parents[1]
SIZE_PX = 224
HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
RLE, NATIVE = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1"
NAMES = {
    NATIVE: "uncompressed",
    RLE: "RLE",
    "1.2.840.10008.1.2.4.50": "JPEG baseline (8 bit)",
    "1.2.840.10008.1.2.4.70": "JPEG lossless",
    "1.2.840.10008.1.2.4.80": "JPEG-LS",
    "1.2.840.10008.1.2.4.90": "JPEG 2000",
}


def films(n_images: int, size: int, seed: int = 0) -> list[np.ndarray]:
    """Radiographs of 12 bits, uint16 (size, size): the sample's films, smoothly enlarged, with noise of σ = 24."""
    from medhash.archives.readers.nih import image_files
    from medhash.core.params import IngestParams

    random = np.random.default_rng(seed)
    pictures = []
    files = image_files(ROOT / "data" / "sample" / "nih", IngestParams())
    for _, file in zip(range(n_images), files, strict=False):
        small = cv2.imdecode(np.frombuffer(file.data, np.uint8), cv2.IMREAD_GRAYSCALE).astype(np.float32) * 16
        large = cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)
        pictures.append(np.clip(large + random.normal(0, 24, large.shape), 0, 4095).astype(np.uint16))
    files.close()
    return pictures


def medians(sides: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each side; they take turns, and a first round is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            started = time.process_time()
            side()
            if number:
                seconds[name].append(time.process_time() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def bare_png(files: list[bytes]) -> None:
    for data in files:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        cv2.resize(image, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)


def ingest_pngs(folder: Path, files: list[bytes]) -> Callable[[], None]:
    """A run of ingest over an archive of these files, each time with an empty cache; the archive is written here."""
    from components.ingest.ingest import ingest
    from medhash.core.params import IngestParams
    from medhash.core.workspace import Workspace

    (folder / "archive" / "images").mkdir(parents=True)
    lines = [HEADER]
    for number, data in enumerate(files):
        (folder / "archive" / "images" / f"{number:08d}_000.png").write_bytes(data)
        lines.append(f"{number:08d}_000.png,No Finding,0,{number},50,F,PA,1024,1024,0.1,0.1")
    (folder / "archive" / "Data_Entry_2017_v2020.csv").write_text("\n".join(lines) + "\n")

    def run() -> None:
        workspace = Workspace(folder)
        workspace.decode_cache.unlink(missing_ok=True)
        with redirect_stdout(io.StringIO()):
            ingest(workspace, IngestParams(archive="archive", workers=1), SIZE_PX, b"a key of the benchmark")

    return run


def dicom_file(film: np.ndarray, syntax: str) -> tuple[bytes, bytes]:
    """A DICOM file of the film, and its bare frame."""
    import imagecodecs
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate, get_frame
    from pydicom.filewriter import dcmwrite
    from pydicom.uid import RLELossless

    pixels = (film >> 4).astype(np.uint8) if syntax.endswith(".50") else film
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = NATIVE
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.BitsAllocated = 8 * pixels.itemsize
    data.BitsStored = min(12, data.BitsAllocated)
    data.HighBit = data.BitsStored - 1
    data.WindowCenter, data.WindowWidth = (2048, 4096) if pixels.itemsize == 2 else (128, 256)
    data.PixelData, frame = pixels.tobytes(), pixels.tobytes()
    data["PixelData"].VR = "OW" if pixels.itemsize == 2 else "OB"
    if syntax == RLE:
        data.compress(RLELossless, encoding_plugin="pydicom")
        frame = get_frame(data.PixelData, 0, number_of_frames=1)
    elif syntax != NATIVE:
        frame = {
            "50": lambda: imagecodecs.jpeg8_encode(pixels, level=95),
            "70": lambda: imagecodecs.ljpeg_encode(pixels, bitspersample=12),
            "80": lambda: imagecodecs.jpegls_encode(pixels),
            "90": lambda: imagecodecs.jpeg2k_encode(
                pixels, codecformat="j2k", reversible=True, level=0, bitspersample=12
            ),
        }[syntax[-2:]]()
        data.PixelData = encapsulate([frame])
        data["PixelData"].is_undefined_length = True
        data["PixelData"].VR = "OB"
    data.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    dcmwrite(stream, data, implicit_vr=False, little_endian=True, enforce_file_format=True)
    return stream.getvalue(), frame


def bare_frame(frame: bytes, syntax: str, shape: tuple[int, ...]) -> None:
    """Decode, take the upper 8 of 12 bits, resize."""
    import imagecodecs

    if syntax == NATIVE:
        pixels = np.frombuffer(frame, np.uint16).reshape(shape)
    elif syntax == RLE:
        pixels = np.frombuffer(imagecodecs.dicomrle_decode(frame, "<u2"), np.uint16).reshape(shape)
    elif syntax.endswith(".80"):
        pixels = imagecodecs.jpegls_decode(frame)
    elif syntax.endswith(".90"):
        pixels = imagecodecs.jpeg2k_decode(frame, numthreads=1)
    else:
        pixels = imagecodecs.jpeg8_decode(frame)
    eight = pixels if pixels.dtype == np.uint8 else (pixels >> 4).astype(np.uint8)
    cv2.resize(eight, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)


def main() -> None:
    from medhash.archives.decode import decode_bytes
    from medhash.archives.preparation import Preparation

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"load before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores; CPU seconds of this process are compared")
    pictures = films(args.images, args.size)
    pngs = [cv2.imencode(".png", (film >> 4).astype(np.uint8))[1].tobytes() for film in pictures]
    with tempfile.TemporaryDirectory() as folder:
        sides = {"bare": lambda: bare_png(pngs), "ours": ingest_pngs(Path(folder), pngs)}
        row("PNG, whole ingest", medians(sides, args.rounds), len(pngs), sum(map(len, pngs)))
    for syntax, name in NAMES.items():
        files = [dicom_file(film, syntax) for film in pictures[: max(4, args.images // 20)]]

        def bare(files: list[tuple[bytes, bytes]] = files, syntax: str = syntax) -> None:
            for _, frame in files:
                bare_frame(frame, syntax, (args.size, args.size))

        def ours(files: list[tuple[bytes, bytes]] = files) -> None:
            for data, _ in files:
                decode_bytes(data, Preparation(SIZE_PX, 10**9))

        row(
            f"DICOM, {name}",
            medians({"bare": bare, "ours": ours}, args.rounds),
            len(files),
            sum(len(data) for data, _ in files),
        )
    print(f"load after: {os.getloadavg()[0]:.2f}")


def row(name: str, seconds: dict[str, float], n_images: int, n_bytes: int) -> None:
    """One line: images per second of both sides, and their ratio (1 = as fast as bare decoding)."""
    print(
        f"{name:32s} {n_bytes / n_images / 1e6:6.2f} MB   bare {n_images / seconds['bare']:7.1f}/s   "
        f"ours {n_images / seconds['ours']:7.1f}/s   ratio {seconds['bare'] / seconds['ours']:.2f}"
    )


if __name__ == "__main__":
    main()
