"""A tiny archive in CBIS-DDSM's layout."""

import csv
import gzip
import hashlib
import io

from archives.readers.mammography import MammographyArchive

TABLES = {
    "Calc-Training": "calc_case_description_train_set.csv",
    "Calc-Test": "calc_case_description_test_set.csv",
    "Mass-Training": "mass_case_description_train_set.csv",
    "Mass-Test": "mass_case_description_test_set.csv",
}
UID = "1.3.6.1.4.1.9590.100.1.2"
SECRET = "98765"


def row(collection, patient, side="LEFT", view="CC", number=1, pathology="BENIGN", density=2, **other):
    """A row as published: paths of case, study, series and file, the cut-out's with a line break in its quotes."""
    case = f"{collection}_{patient}_{side}_{view}"
    uid = f"{UID}.{int(hashlib.sha256(case.encode()).hexdigest()[:12], 16)}"
    calc = collection.startswith("Calc")
    return {
        "collection": collection,
        "patient_id": patient,
        ("breast density" if calc else "breast_density"): density,
        "left or right breast": side,
        "image view": view,
        "abnormality id": number,
        "abnormality type": "calcification" if calc else "mass",
        "assessment": 4,
        "pathology": pathology,
        "subtlety": 3,
        "image file path": f"{case}/{uid}1/{uid}2/000000.dcm",
        "cropped image file path": f"{case}_{number}/{uid}{number}3/{uid}{number}4/000001.dcm\n",
        "ROI mask file path": f"{case}_{number}/{uid}{number}3/{uid}{number}4/000000.dcm",
    } | other


class Cbis(MammographyArchive):
    """Seven rows: three patients, one film with calcifications and a mass, one patient in train and in test."""

    def __init__(self, root):
        super().__init__(root, "cbis_ddsm")
        self.rows = [
            row("Calc-Training", "P_98765", pathology="BENIGN_WITHOUT_CALLBACK"),
            row("Calc-Training", "P_98765", number=2),
            row("Calc-Training", "P_98766", "RIGHT", "MLO", pathology="BENIGN_WITHOUT_CALLBACK", density=0),
            row("Mass-Training", "P_98765", pathology="MALIGNANT"),
            row("Mass-Training", "P_98765", view="MLO"),
            row("Mass-Test", "P_98765", "RIGHT"),
            row("Mass-Test", "P_98767", pathology="MALIGNANT"),
        ]
        self.gz = False

    def films(self) -> dict[str, dict]:
        """Case → its first row."""
        return {row["image file path"].partition("/")[0]: row for row in reversed(self.rows)}

    def write(self) -> None:
        for collection in dict.fromkeys(row["collection"] for row in self.rows):
            rows = [
                {name: value for name, value in row.items() if name != "collection"}
                for row in self.rows
                if row["collection"] == collection
            ]
            text = io.StringIO()
            writer = csv.DictWriter(text, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
            data = text.getvalue().encode()
            self.files[TABLES[collection] + (".gz" if self.gz else "")] = gzip.compress(data) if self.gz else data
        super().write()
