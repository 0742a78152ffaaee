"""Four images of two patients, and a manifest of them with every column there is."""

from pathlib import Path

from named_archive import NamedArchive

HEADER = (
    "path,patient_id,labels,bag_id,study_id,slide_id,view,laterality,sex,age,official_fold,modality,organ,"
    "width,height,pixel_spacing"
)
LINES = [
    "a/1.png,98765431,malignant,B1,1,S1,MLO,L,F,95,test,mammography,,2048,2500,0.05",
    "a/2.png,98765431,benign|malignant,B1,1,S2,CC,R,F,64,test,,,,,",
    "b/1.png,98765432,normal,B2,1,S1,,L,,,train_val,histology,colon,,,",
    "b/2.png,98765432,benign,B3,2,S1,,L,,,train_val,,,,,",
]
"""Lines 2 to 5."""


class ManifestArchive(NamedArchive):
    def __init__(self, root: Path) -> None:
        super().__init__(root, "manifest", ["a/1.png", "a/2.png", "b/1.png", "b/2.png"])
        self.header, self.lines, self.encoding = HEADER, list(LINES), "utf-8"

    def write(self, tar: str = "", flat: bool = False) -> None:
        super().write()
        (self.folder / "manifest.csv").write_text("\n".join([self.header, *self.lines]) + "\n", self.encoding)
