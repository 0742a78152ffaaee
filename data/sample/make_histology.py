"""Draw the bundled sample of slides: pictures that look like stained tissue and show nothing about real tissue.

`python data/sample/make_histology.py [FOLDER]` writes the same pixels each time. Names and folders are BreakHis'; the
year 00, which no real slide has, tells the sample apart.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

SEED = 20160
TILE_PX, DRAWN_PX = 96, 192
"""Tiles are drawn at twice their size and averaged."""
STEP = 8
"""Colours are rounded to multiples of this, for smaller files."""
PATIENTS_PER_SUBTYPE = 15
FOLDERS = {
    "F": "benign/SOB/fibroadenoma",
    "TA": "benign/SOB/tubular_adenoma",
    "DC": "malignant/SOB/ductal_carcinoma",
    "LC": "malignant/SOB/lobular_carcinoma",
}
HEMATOXYLIN, EOSIN = (0.65, 0.70, 0.29), (0.07, 0.99, 0.11)
"""Optical density per unit of stain in red, green and blue. Source: A. C. Ruifrok, D. A. Johnston, "Quantification of
histochemical staining by color deconvolution", Analytical and Quantitative Cytology and Histology 23(4), 2001."""


class Tile(NamedTuple):
    """A picture: where it lies, whose stain it has, what it shows, and its own seed."""

    path: str
    patient: int
    shows: str
    seed: int


def tiles() -> Iterator[Tile]:
    """All tiles: 60 patients of a slide each, but for three.

    Of a benign slide three tiles in four show its subtype and the others plain stroma; of a malignant slide one or two
    tiles show crowded dark nuclei and the others what a benign slide might show. Numbers tell nothing of the class.
    Patient 3 has two benign slides, patient 18 a benign and a malignant one; patient 33's slide stands under both
    malignant subtypes, as the slide 14-13412 is published.
    """
    random = np.random.default_rng(SEED)
    numbers = random.permutation(len(FOLDERS) * PATIENTS_PER_SUBTYPE) + 10001
    for place, number in enumerate(numbers.tolist()):
        subtype = list(FOLDERS)[place // PATIENTS_PER_SUBTYPE]
        slides = {3: [("A", "F"), ("C", "F")], 18: [("A", "TA"), ("C", "DC")], 33: [("", "DC"), ("", "LC")]}.get(
            place, [("", subtype)]
        )
        for letter, kind in slides:
            shown = _shown(kind, 4 if place == 33 else int(random.integers(4, 9)), random)
            for count, shows in enumerate(shown, start=1):
                name, slide = f"SOB_{FOLDERS[kind][0].upper()}_{kind}", f"00-{number}{letter}"
                path = f"{FOLDERS[kind]}/{name}_{slide}/100X/{name}-{slide}-100-{count:03d}.png"
                yield Tile(f"histology_slides/breast/{path}", number, shows, int(random.integers(2**31)))


def _shown(kind: str, n: int, random: np.random.Generator) -> list[str]:
    if kind in ("F", "TA"):
        shown = ["stroma" if random.random() < 0.25 else kind for _ in range(n)]
    else:
        n_signs = 1 + int(n > 5 and random.random() < 0.5)
        shown = [kind] * n_signs + random.choice(["stroma", "F", "TA"], n - n_signs, p=[0.26, 0.37, 0.37]).tolist()
    return [shown[place] for place in random.permutation(n)]


def draw(tile: Tile) -> np.ndarray:
    """The tile's pixels, uint8 (96, 96, 3), blue first."""
    random = np.random.default_rng([SEED, tile.seed])
    blue, pink = np.zeros((DRAWN_PX, DRAWN_PX), np.uint8), np.zeros((DRAWN_PX, DRAWN_PX), np.uint8)
    _stroma(blue, pink, random)
    {"stroma": _nothing, "F": _clefts, "TA": _tubules, "DC": _crowd, "LC": _files}[tile.shows](blue, pink, random)
    size = (TILE_PX, TILE_PX)
    return _stained(*(cv2.resize(layer, size, interpolation=cv2.INTER_AREA) for layer in (blue, pink)), tile.patient)


def _stained(blue: np.ndarray, pink: np.ndarray, patient: int) -> np.ndarray:
    """Beer and Lambert: 243 · exp(-(h · H + e · E)), with stain colours and strengths of the patient."""
    random = np.random.default_rng([SEED, patient])
    strengths = random.uniform(0.75, 1.3, 2)
    colours = np.array([HEMATOXYLIN, EOSIN]) + random.normal(0, 0.06, (2, 3))
    density = blue[..., None] / 130 * strengths[0] * colours[0].clip(0.02) + pink[..., None] / 200 * strengths[
        1
    ] * colours[1].clip(0.02)
    rgb = 243 * np.exp(-density)
    return np.ascontiguousarray((np.round(rgb / STEP) * STEP).clip(0, 255).astype(np.uint8)[..., ::-1])


def _stroma(blue: np.ndarray, pink: np.ndarray, random: np.random.Generator) -> None:
    """Pink ground, fibres in one direction, few thin nuclei."""
    coarse = random.integers(35, 85, (5, 5), dtype=np.uint8)
    pink[:] = cv2.resize(coarse, (DRAWN_PX, DRAWN_PX), interpolation=cv2.INTER_LINEAR_EXACT)
    angle = random.uniform(0, np.pi)
    for _ in range(16):
        _curve(pink, random, angle + random.normal(0, 0.15), int(random.integers(70, 120)), int(random.integers(2, 6)))
    for _ in range(int(random.integers(4, 11))):
        _nucleus(blue, random.integers(0, DRAWN_PX, 2), (6, 2), np.degrees(angle), int(random.integers(90, 150)))


def _nothing(blue: np.ndarray, pink: np.ndarray, random: np.random.Generator) -> None:
    """Stroma alone; at times with fat, which the slide's making has washed out."""
    for _ in range(int(random.integers(0, 4))):
        centre, radius = _point(random), int(random.integers(12, 26))
        for layer in (blue, pink):
            cv2.circle(layer, centre, radius, 4, -1, cv2.LINE_AA)
        cv2.circle(pink, centre, radius, 110, 2, cv2.LINE_AA)


def _clefts(blue: np.ndarray, pink: np.ndarray, random: np.random.Generator) -> None:
    """Fibroadenoma: long narrow ducts, a row of nuclei on both sides, in loose stroma."""
    pink[:] = pink // 2 + 15
    for _ in range(int(random.integers(2, 4))):
        points = _curve(pink, random, random.uniform(0, np.pi), 130, 22)
        cv2.polylines(pink, [points], False, 8, 6, cv2.LINE_AA)
        steps = np.diff(points, axis=0).astype(float)
        sides = np.stack([-steps[:, 1], steps[:, 0]], axis=1) / np.linalg.norm(steps, axis=1, keepdims=True).clip(1e-9)
        for side in (-8, 8):
            for centre in points[:-1] + side * sides + random.normal(0, 1, sides.shape):
                _nucleus(blue, centre, (5, 4), random.uniform(0, 180), int(random.integers(110, 170)))


def _tubules(blue: np.ndarray, pink: np.ndarray, random: np.random.Generator) -> None:
    """Tubular adenoma: round tubules side by side, a ring of nuclei around a pale middle."""
    offset = random.integers(0, 30, 2)
    for row in range(3):
        for column in range(3):
            centre = np.array([column, row]) * 64 + offset + random.integers(-7, 8, 2)
            radius = int(random.integers(20, 29))
            place = (int(centre[0]), int(centre[1]))
            cv2.circle(pink, place, radius, 120, -1, cv2.LINE_AA)
            cv2.circle(blue, place, radius, 18, -1, cv2.LINE_AA)
            cv2.circle(pink, place, radius // 3, 8, -1, cv2.LINE_AA)
            for turn in np.linspace(0, 2 * np.pi, radius // 2, endpoint=False):
                spot = centre + (radius - 7) * np.array([np.cos(turn), np.sin(turn)])
                _nucleus(blue, spot, (5, 4), np.degrees(turn), int(random.integers(110, 170)))


def _crowd(blue: np.ndarray, pink: np.ndarray, random: np.random.Generator) -> None:
    """Ductal: sheets of large, dark, uneven nuclei."""
    pink[:] = pink // 2 + 50
    for _ in range(int(random.integers(75, 105))):
        axes = random.integers(6, 11), random.integers(5, 9)
        _nucleus(blue, random.integers(0, DRAWN_PX, 2), axes, random.uniform(0, 180), int(random.integers(190, 250)))


def _files(blue: np.ndarray, pink: np.ndarray, random: np.random.Generator) -> None:
    """Lobular: dark nuclei one behind the other, row beside row."""
    angle = random.uniform(0, np.pi)
    for _ in range(int(random.integers(9, 13))):
        for centre in _curve(pink, random, angle + random.normal(0, 0.1), 100, 8)[::2] + random.normal(0, 1, (12, 2)):
            _nucleus(blue, centre, (7, 6), random.uniform(0, 180), int(random.integers(180, 235)))


def _curve(layer: np.ndarray, random: np.random.Generator, angle: float, value: int, thickness: int) -> np.ndarray:
    """A wavy line across the tile; returns its 24 points."""
    along = np.linspace(-150, 150, 24)
    across = random.uniform(-110, 110) + random.uniform(3, 14) * np.sin(
        along / random.uniform(18, 45) + random.uniform(0, 6)
    )
    turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = np.round(np.stack([along, across], axis=1) @ turned + DRAWN_PX / 2).astype(np.int32)
    cv2.polylines(layer, [points], False, value, thickness, cv2.LINE_AA)
    return points


def _nucleus(blue: np.ndarray, centre: np.ndarray, axes: tuple[int, int], degrees: float, value: int) -> None:
    place = (round(float(centre[0])), round(float(centre[1])))
    cv2.ellipse(blue, place, (int(axes[0]), int(axes[1])), round(float(degrees)), 0, 360, value, -1, cv2.LINE_AA)


def _point(random: np.random.Generator) -> tuple[int, int]:
    x, y = random.integers(0, DRAWN_PX, 2).tolist()
    return x, y


def main(target: Path) -> None:
    for tile in tiles():
        path = target / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), draw(tile), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "histology"))
