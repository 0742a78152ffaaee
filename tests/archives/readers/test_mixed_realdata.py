"""Seven real archives joined: every count against the table that was made when the data were taken."""

import csv
from collections import Counter

import numpy as np
import pytest
from named_archive import KEY
from structured_real import OVERLAY, REAL, is_there, real_mixed_settings, write_overlay
from watching import opened_files

from components.ingest.ingest import ingest
from medhash.core.contracts import IMAGES, read_table
from medhash.core.params import load_params
from medhash.core.workspace import Workspace

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not is_there(), reason="the real archives are not there (MEDHASH_REAL_DATA or ../shared/data)"),
]
NAMES = {
    "medical_mnist": "medical-mnist",
    "brain_mri": "brain-mri",
    "covid_chestxray": "covid",
    "nih images_224": "nih",
}
"""Set of the table → archive, where they differ."""
MODALITIES = {"X-ray": "xray", "CT": "ct", "MRI": "mr"}
MALIGNANT = ("ductal_carcinoma", "lobular_carcinoma", "mucinous_carcinoma", "papillary_carcinoma")
NIH = {"pneumonia": "Pneumonia", "no pneumonia": "No Finding"}
N_TODO = 20
"""Radiographs of the COVID-19 collection without a finding; the table leaves them out."""


def expected() -> Counter[tuple[str, ...]]:
    """(archive, modality, organ, labels) → images, of triples.csv."""
    counts: Counter[tuple[str, ...]] = Counter({("covid", "xray", "chest"): N_TODO})
    with (REAL / "triples.csv").open(newline="") as handle:
        for row in csv.DictReader(handle):
            archive = NAMES.get(row["set"], row["set"])
            label = row["pathology"]
            if archive == "breakhis":
                label = "malignant" if label in MALIGNANT else "benign"
            elif archive == "nih":
                label = NIH[label]
            labels = tuple(part for part in label.split(", ") if part)
            counts[(archive, MODALITIES.get(row["modality"], row["modality"]), row["organ"], *labels)] += int(
                row["images"]
            )
    return Counter({key: n for key, n in counts.items() if key[0] != "idc_patches"})


def triple(row: dict) -> tuple[str, ...]:
    labels = [label["label"] for label in row["labels"] if label["attribute"] == "pathology"]
    archive = next(label["label"] for label in row["labels"] if label["attribute"] == "archive")
    if archive == "nih":  # the table counts pneumonia, whatever else there is
        labels = ["Pneumonia"] if "Pneumonia" in labels else labels
    return (archive, row["modality"], row["organ"], *labels)


def test_every_real_image_has_the_modality_organ_and_pathology_that_was_counted(tmp_path, capsys):
    settings = real_mixed_settings(REAL, tmp_path / "archives").model_copy(update={"workers": 1})
    workspace = Workspace(tmp_path / "work")
    workspace.root.mkdir()
    told = ingest(workspace, settings, 64, KEY.encode())
    assert "8600 images of 7584 patients, decoded 8600, reused 0\nrefused 0\n" in told
    rows = read_table(workspace.images, IMAGES).to_pylist()
    assert Counter(map(triple, rows)) == expected()
    n_patients = Counter(archive for archive, _ in {(triple(row)[0], row["patient_id"]) for row in rows})
    with (REAL / "busi" / "manifest.csv").open(newline="") as handle:
        n_groups = len({row["near_duplicate_group"] for row in csv.DictReader(handle)})
    assert {name: n_patients[name] for name in ("mias", "covid", "nih", "breakhis", "busi", "medical-mnist")} == {
        "mias": 122,
        "covid": 263,
        "nih": 520,
        "breakhis": 15,
        "busi": n_groups,
        "medical-mnist": 4797,
    }
    assert np.load(workspace.pixels, mmap_mode="r").shape == (8600, 1, 64, 64)
    with opened_files() as opened:
        assert "decoded 0, reused 8600" in ingest(workspace, settings, 64, KEY.encode())
    assert not [name for name in opened if name.endswith((".png", ".jpg", ".jpeg", ".tar"))]


def test_the_overlay_is_valid_over_the_projects_params(tmp_path):
    import yaml

    path, params = tmp_path / "real.yaml", OVERLAY.parents[2] / "params.yaml"
    write_overlay(path, REAL, tmp_path / "archives", size_px=32)
    for overlay in (OVERLAY, path):
        whole = yaml.safe_load(params.read_text())
        for name, section in yaml.safe_load(overlay.read_text()).items():
            whole[name] = whole[name] | section if isinstance(section, dict) else section
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(whole))
        loaded = load_params(tmp_path / "params.yaml")
    assert loaded.size_px == 32
    assert len(loaded.ingest.mixed.archives) == 7
