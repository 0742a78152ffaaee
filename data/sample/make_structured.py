"""Draw the bundled sample of structured data: pictures of 18 combinations that show nothing about real anatomy.

`python data/sample/make_structured.py [FOLDER]` writes images.tar, the same pixels each time. A folder of the tar is a
combination of modality, organ and pathology. The modality is how a scene is rendered, the organ its outline, the
pathology a mark within: each is drawn apart, so that any two can be combined.
"""

import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

SEED = 2023
PX, DRAWN_PX = 64, 128
STEP = 8
"""Greys are rounded to multiples of this, for smaller files."""
N_EACH = 32
MODALITIES = ("xray", "ct", "mr")
PATHOLOGIES = {
    "brain": ("glioma", "healthy_brain"),
    "breast": ("cyst", "healthy_breast"),
    "chest": ("edema", "healthy_chest"),
}


class Picture(NamedTuple):
    """Where it lies in the tar, what it shows, and its own seed."""

    path: str
    modality: str
    organ: str
    pathology: str
    seed: int


def pictures() -> Iterator[Picture]:
    """All pictures, 32 of each combination."""
    random = np.random.default_rng(SEED)
    for organ, pathologies in PATHOLOGIES.items():
        for modality in MODALITIES:
            for pathology in pathologies:
                for number in range(N_EACH):
                    yield Picture(
                        f"{modality}-{organ}-{pathology}/{number:03d}.png",
                        modality,
                        organ,
                        pathology,
                        int(random.integers(2**31)),
                    )


def draw(picture: Picture) -> np.ndarray:
    """Greys, uint8 (64, 64)."""
    random = np.random.default_rng(picture.seed)
    scene, body = _organ(picture.organ, random)
    if not picture.pathology.startswith("healthy"):
        scene = _finding(picture.pathology, scene, body, random)
    rendered = _rendered(picture.modality, scene, body, random)
    small = cv2.resize(rendered, (PX, PX), interpolation=cv2.INTER_AREA)
    return (np.clip(np.rint(small / STEP), 0, 255 // STEP) * STEP).astype(np.uint8)


def _organ(organ: str, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The density of a scene, float (128, 128) in [0, 1], and where the organ lies, bool."""
    scene, body = np.zeros((DRAWN_PX, DRAWN_PX), np.float32), np.zeros((DRAWN_PX, DRAWN_PX), np.uint8)
    x, y = (int(value) for value in random.integers(56, 72, 2))
    size = int(random.integers(38, 48))
    if organ == "brain":
        cv2.ellipse(body, (x, y), (size - 6, size), 0, 0, 360, 1, -1)
        cv2.ellipse(scene, (x, y), (size - 6, size), 0, 0, 360, 0.5, -1)
        cv2.ellipse(scene, (x, y), (size - 4, size + 2), 0, 0, 360, 0.95, 4)
        cv2.line(scene, (x, y - size), (x, y + size), 0.25, 2)
    elif organ == "breast":
        cv2.ellipse(body, (10, y), (size + 36, size + 6), 0, -90, 90, 1, -1)
        cv2.ellipse(scene, (10, y), (size + 36, size + 6), 0, -90, 90, 0.45, -1)
        for angle in random.uniform(-60, 60, 7):
            tip = (int(10 + (size + 24) * np.cos(np.radians(angle))), int(y + size * np.sin(np.radians(angle))))
            cv2.line(scene, (14, y), tip, 0.65, 2)
    else:
        cv2.rectangle(scene, (x - 54, y - 52), (x + 54, y + 52), 0.6, -1)
        for side in (-1, 1):
            cv2.ellipse(body, (x + 25 * side, y), (18, size - 4), 0, 0, 360, 1, -1)
            cv2.ellipse(scene, (x + 25 * side, y), (18, size - 4), 0, 0, 360, 0.2, -1)
        for rib in range(-3, 4):
            cv2.ellipse(scene, (x, y + 13 * rib), (48, 9), 0, 200, 340, 0.75, 2)
    return scene, body.astype(bool)


def _finding(pathology: str, scene: np.ndarray, body: np.ndarray, random: np.random.Generator) -> np.ndarray:
    rows, columns = np.nonzero(cv2.erode(body.astype(np.uint8), np.ones((17, 17), np.uint8)))
    place = int(random.integers(len(rows)))
    center = int(columns[place]), int(rows[place])
    marked = scene.copy()
    if pathology == "glioma":
        cv2.circle(marked, center, int(random.integers(9, 14)), 0.95, -1)
        cv2.circle(marked, center, 4, 0.3, -1)
    elif pathology == "cyst":
        cv2.circle(marked, center, int(random.integers(10, 15)), 0.1, -1)
        cv2.circle(marked, center, 15, 0.85, 2)
    else:
        haze = cv2.GaussianBlur(random.random(scene.shape, np.float32), (0, 0), 5)
        marked[body] += 0.35 + 6 * (haze[body] - 0.5)
    return np.clip(marked, 0, 1)


def _rendered(modality: str, scene: np.ndarray, body: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Greys, float32 (128, 128): a film that sums depth, a slice in fields of hard steps, or one with a bias field."""
    noise = random.normal(0, 1, scene.shape).astype(np.float32)
    if modality == "xray":
        return 40 + 170 * cv2.GaussianBlur(scene, (0, 0), 4) + 3 * noise
    if modality == "ct":
        return 235 * np.round(scene * 4) / 4 + 14 * noise
    rows, columns = np.mgrid[:DRAWN_PX, :DRAWN_PX] / DRAWN_PX
    angle = random.uniform(0, 2 * np.pi)
    bias = 0.65 + 0.5 * (rows * np.sin(angle) + columns * np.cos(angle))
    stripes = 10 * np.sin(2 * np.pi * (rows * 16 + random.random()))
    return ((40 + 190 * (1 - scene)) * bias * np.where(body | (scene > 0), 1, 0.1) + stripes + 6 * noise).astype(
        np.float32
    )


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "structured"
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / "images.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        for picture in pictures():
            content = cv2.imencode(".png", draw(picture), [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
            member = tarfile.TarInfo(picture.path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


if __name__ == "__main__":
    main()
