"""Real slides: 82 images of BreakHis and 478 IDC patches, against the tables that were written when they were taken."""

import csv
import io
import os
import tarfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from named_archive import KEY, NamedArchive

REPOSITORY = Path(__file__).parents[3]
REAL = Path(os.environ.get("MEDHASH_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(
        not (REAL / "breakhis" / "manifest.csv").exists() or not (REAL / "idc_patches.tar").exists(),
        reason="the real slides are not there (MEDHASH_REAL_DATA or ../shared/data)",
    ),
]
SUBTYPES = {
    "ductal": "ductal_carcinoma",
    "phyllodes": "phyllodes_tumor",
    "mucinous": "mucinous_carcinoma",
    "lobular": "lobular_carcinoma",
    "papillary": "papillary_carcinoma",
}


@pytest.fixture
def real(tmp_path, monkeypatch):
    """An archive whose folder holds links to the real files."""
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)

    def linked(source: str, *paths: Path) -> NamedArchive:
        archive = NamedArchive(tmp_path, source, [])
        archive.write()
        for path in paths:
            (archive.folder / path.name).symlink_to(path)
        return archive

    return linked


@pytest.mark.parametrize(("by", "n_bags", "largest"), [("image", 82, 1), ("slide", 17, 14), ("patient", 15, 14)])
def test_breakhis_images_become_bags_of_slides_and_patients(by, n_bags, largest, real):
    images = sorted((REAL / "breakhis" / "images").iterdir())
    archive = real("breakhis", *images)
    assert archive.ingest(by=by, max_image_pixels=10**6) == 0
    assert archive.refused() == []
    rows, bags = archive.taken(), archive.bags()
    assert (len(rows), len({row["patient_id"] for row in rows}), len(bags)) == (82, 15, n_bags)
    with (REAL / "breakhis" / "manifest.csv").open(newline="") as handle:
        table = {Path(line["path"]).name: line for line in csv.DictReader(handle)}
    for row, path in zip(rows, images, strict=True):
        line, labels = table[path.name], row["labels"]
        assert labels["pathology"] == [line["label"]]
        subtype = line["subtype"].replace(" ", "_")
        assert labels["subtype"] == [SUBTYPES.get(subtype, subtype)]
        assert labels.get("magnification", []) == ([line["magnification"].lower()] if line["magnification"] else [])
    column = {"image": "path", "slide": "slide_id", "patient": "patient_id"}[by]
    assert Counter(map(len, bags)) == Counter(Counter(line[column] for line in table.values()).values())
    assert max(map(len, bags)) == largest
    pixels = np.load(archive.workspace.pixels)
    for row, path in list(zip(rows, images, strict=True))[::9]:
        blue, green, red = cv2.imread(str(path)).reshape(-1, 3).mean(axis=0)
        height, width = cv2.imread(str(path)).shape[:2]
        stored = pixels[row["pixel_row"]].reshape(3, -1).mean(axis=1) * max(width, height) / min(width, height)
        assert stored == pytest.approx([red, green, blue], rel=0.05), "red first; what is padded is black"


@pytest.mark.parametrize(("by", "n_bags"), [("image", 478), ("neighbourhood", 75), ("patient", 1)])
def test_idc_patches_become_neighbourhoods(by, n_bags, real):
    archive = real("idc", REAL / "idc_patches.tar")
    assert archive.ingest(by=by, bags={"by": by, "max_size": 64}) == (1 if by == "patient" else 0)
    if by == "patient":  # 478 patches of one patient are more than a bag holds
        return
    rows, bags = archive.taken(), archive.bags()
    assert (len(rows), len({row["patient_id"] for row in rows}), len(bags)) == (478, 1, n_bags)
    with tarfile.open(REAL / "idc_patches.tar") as tar:
        text = tar.extractfile("idc_patches/manifest.csv").read().decode()
    table = sorted(csv.DictReader(io.StringIO(text)), key=lambda line: Path(line["path"]).name)
    assert [row["labels"] for row in rows] == [
        {"pathology": ["idc" if line["idc"] == "1" else "non_idc"]} for line in table
    ]
    squares = Counter((int(line["x"]) // 200, int(line["y"]) // 200) for line in table)
    if by == "neighbourhood":
        assert Counter(map(len, bags)) == Counter(squares.values())
        assert max(map(len, bags)) <= 16
