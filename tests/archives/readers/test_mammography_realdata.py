"""The public tables of CBIS-DDSM and INbreast, and the films of mini-MIAS that are there: every row and every count."""

import csv
import gzip
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from archives.readers.mammography import KEY, MammographyArchive

from medhash.archives.readers import cbis_ddsm, inbreast
from medhash.archives.readers.inbreast import read_films
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams

REPOSITORY = Path(__file__).parents[3]
DATA = Path(os.environ.get("MEDHASH_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
CBIS, MIAS, INBREAST = DATA / "cbis_ddsm", DATA / "mias", DATA / "inbreast"
ROWS = (1546, 326, 1318, 378)
COUNTED = {  # setting → images, bags, malignant, benign, normal
    ("full", "image", "benign"): (3103, 3103, 1391, 1712, 0),
    ("full", "breast", "benign"): (3103, 1708, 761, 947, 0),
    ("full", "breast", "normal"): (3103, 1708, 761, 737, 210),
    ("full", "breast", "exclude"): (2704, 1498, 761, 737, 0),
    ("full", "patient", "normal"): (3103, 1566, 752, 676, 138),
    ("cropped", "breast", "benign"): (3568, 1708, 761, 947, 0),
}
WORST = ("malignant", "benign", "normal")


def real(folder: Path) -> list[pytest.MarkDecorator]:
    return [
        pytest.mark.realdata,
        pytest.mark.skipif(
            not folder.is_dir(), reason=f"the public {folder.name} is not there (MEDHASH_REAL_DATA or ../shared/data)"
        ),
    ]


class TestCbisDdsm:
    pytestmark = real(CBIS)

    @pytest.mark.parametrize("case", COUNTED)
    def test_tables_become_the_counted_images_and_bags(self, case):
        images, by, callback = case
        entries = cbis_ddsm.read_entries(
            CBIS, IngestParams(bags={"by": by}, cbis_ddsm={"images": images, "benign_without_callback": callback})
        )
        assert (entries.n_rows, entries.rejections) == (sum(ROWS), [])
        rows = entries.rows
        bags = rows["bag"] if by != "image" else rows["source_name"]
        worst = Counter(min(labels, key=WORST.index) for _, labels in rows["labels"].groupby(bags))
        assert (len(rows), bags.nunique(), *(worst[label] for label in WORST)) == COUNTED[case]
        assert (rows.groupby(bags)["patient"].nunique() == 1).all()
        assert rows.index.is_unique
        assert rows["source_name"].is_unique
        assert rows.index.is_monotonic_increasing

    def test_every_row_of_every_table_is_read_and_films_of_both_lists_are_known(self):
        rows = cbis_ddsm.read_entries(CBIS, IngestParams(cbis_ddsm={"images": "cropped"})).rows
        tables = Counter(rows.index // 1_000_000)
        assert tuple(tables[number] for number in (1, 2, 3, 4)) == ROWS
        folds = rows.groupby("patient")["official_fold"].agg(frozenset).value_counts()
        assert folds[frozenset({"train_val"})] + folds[frozenset({"test"})] + 31 == len(set(rows["patient"])) == 1566
        assert folds[frozenset({"train_val", "test"})] == 31
        # the library's own reader, and lines counted by hand: a row's number is where it begins
        path = CBIS / "mass_case_description_test_set.csv.gz"
        lines = gzip.decompress(path.read_bytes()).decode().split("\n")
        for number, row in rows[rows.index > 4_000_000].iterrows():
            line = lines[number - 4_000_001]
            assert line.startswith(row["patient"] + ",")
            assert row["source_name"] in line
        with gzip.open(path, "rt", newline="") as handle:
            published = [row["pathology"].partition("_")[0].lower() for row in csv.DictReader(handle)]
        assert published == rows.loc[rows.index > 4_000_000, "labels"].tolist()


class TestMias:
    pytestmark = real(MIAS)

    def test_films_become_pairs_by_their_patients(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
        mias = MammographyArchive(tmp_path, "mias")
        mias.size_px = 64
        assert (
            mias.ingest(
                archive=str(MIAS.absolute()), bags={"by": "patient"}, max_rejected_share=0.25, max_image_pixels=2**20
            )
            == 0
        )
        told = capsys.readouterr().out
        assert "4 abnormal films without coordinates of their abnormality are taken, lines 163, 322, 342, 355" in told
        rows = mias.taken()
        assert len(rows) == 244
        assert Counter(reason for _, reason in mias.refused()) == {"missing_image": 78}
        assert Counter(row["labels"]["pathology"] for row in rows) == {"normal": 159, "benign": 50, "malignant": 35}
        assert set(Counter(row["bag_id"] for row in rows).values()) == {2}
        assert len({row["patient_id"] for row in rows}) == len({row["bag_id"] for row in rows}) == 122
        with (MIAS / "manifest.csv").open() as handle:  # the films' own list, made by others
            listed = {row["path"].removeprefix("images/"): row for row in csv.DictReader(handle)}
        assert Counter(row["labels"]["tissue"] for row in rows) == Counter(
            {"F": "fatty", "G": "fatty-glandular", "D": "dense-glandular"}[row["tissue"]] for row in listed.values()
        )
        assert Counter(row["laterality"] for row in rows) == Counter(row["side"][0].upper() for row in listed.values())
        assert np.load(mias.workspace.pixels).shape == (244, 1, 64, 64)

    def test_circles_lie_on_the_breast_and_not_on_the_film_around_it(self):
        """A check of the flipped axis: of 88 circles 1 has its middle on dark film, of their mirror images 7."""
        import cv2

        from medhash.archives.readers.mias import read_entries

        entries = read_entries(MIAS, IngestParams())
        assert (len(entries.rows), entries.n_rows) == (322, 330)
        assert entries.rows["labels"].value_counts().to_dict() == {"normal": 207, "benign": 63, "malignant": 52}
        middles, mirrored = [], []
        for name, regions in zip(entries.rows["source_name"], entries.rows["regions"], strict=True):
            path = MIAS / "images" / f"{name}.png"
            if path.exists() and isinstance(regions, tuple):
                image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
                for x, y, w, h in regions:
                    column, row = min((x + w // 2) // 4, 255), min((y + h // 2) // 4, 255)
                    middles.append(image[row, column])
                    mirrored.append(image[255 - row, column])
        assert (len(middles), np.sum(np.array(middles) < 60), np.sum(np.array(mirrored) < 60)) == (88, 1, 7)


class TestInbreast:
    pytestmark = real(INBREAST)

    def test_every_row_is_read_and_patients_that_were_removed_are_not_invented(self):
        rows, rejections, n_rows = read_films(INBREAST, IngestParams().inbreast)
        assert (len(rows), rejections, n_rows) == (410, [], 410)
        assert Counter(row.label for row in rows) == {"benign": 243, "malignant": 100, "normal": 67}
        assert Counter(row.density for row in rows) == {"1": 136, "2": 146, "3": 99, "4": 28, "": 1}
        assert {row.patient for row in rows} == {""}
        with pytest.raises(MedhashError, match="folds could not keep patients apart"):
            inbreast.read_entries(INBREAST, IngestParams(metadata_only=True))
