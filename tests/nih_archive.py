"""A made-up archive in NIH's layout, whose labels can be seen in the images, but not by a random projection."""

import csv
import io
import tarfile
from pathlib import Path

import cv2
import numpy as np

HEADER = [
    "Image Index",
    "Finding Labels",
    "Follow-up #",
    "Patient ID",
    "Patient Age",
    "Patient Gender",
    "View Position",
    "OriginalImage[Width",
    "Height]",
    "OriginalImagePixelSpacing[x",
    "y]",
]
FINDINGS = ["Atelectasis", "Effusion", "Infiltration", "No Finding"]
SIZE_PX = 64
IMAGES_PER_PATIENT = 3


def add_patients(archive: Path, first: int, count: int, tar: int, seed: int = 0) -> None:
    """Patients of numbers `first` … arrive: rows in the archive's table, images in images_00TAR.tar.gz.

    An image's finding is the direction of faint stripes in it, under strong stripes of a direction that means nothing.
    """
    random = np.random.default_rng((seed, first))
    archive.mkdir(parents=True, exist_ok=True)
    table = archive / "Data_Entry_2017_v2020.csv"
    new = not table.exists()
    with table.open("a", newline="") as handle, tarfile.open(archive / f"images_{tar:03d}.tar.gz", "w:gz") as packed:
        rows = csv.writer(handle)
        if new:
            rows.writerow(HEADER)
        for patient in range(first, first + count):
            for follow_up in range(IMAGES_PER_PATIENT):
                finding = int(random.integers(len(FINDINGS)))
                name = f"{patient:08d}_{follow_up:03d}.png"
                rows.writerow(
                    [
                        name,
                        FINDINGS[finding],
                        follow_up,
                        patient,
                        20 + patient % 60,
                        "FM"[patient % 2],
                        ("PA", "AP")[follow_up % 2],
                        SIZE_PX,
                        SIZE_PX,
                        0.14,
                        0.14,
                    ]
                )
                _pack(packed, f"images/{name}", _image(finding, random))


def _image(finding: int, random: np.random.Generator) -> bytes:
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX]
    nuisance = random.uniform(0, np.pi)
    angle = finding * np.pi / len(FINDINGS)
    grey = (
        128
        + 70 * np.sin(0.35 * (x * np.cos(nuisance) + y * np.sin(nuisance)) + random.uniform(0, 6))
        + 25 * np.sin(1.2 * (x * np.cos(angle) + y * np.sin(angle)) + random.uniform(0, 6))
        + random.normal(0, 8, (SIZE_PX, SIZE_PX))
    )
    return cv2.imencode(".png", np.clip(grey, 0, 255).astype(np.uint8))[1].tobytes()


def _pack(packed: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    packed.addfile(member, io.BytesIO(content))
