"""Three small archives of different layouts in one folder; two of them have a patient of the same number."""

from pathlib import Path
from typing import Any

from named_archive import NamedArchive

PATHS = [
    "tiles/SOB_B_A-14-98765-40-001.png",
    "tiles/SOB_M_DC-14-98766-40-001.png",
    "scans/tumour/98765433.png",
    "scans/healthy/98765434.png",
    "scans/healthy/98765435.png",
    "films/1.png",
    "films/2.png",
    "films/3.png",
]
TABLE = """path,patient_id,labels,sex
1.png,14-98765,benign,F
2.png,14-98765,malignant|benign,F
3.png,98765436,,M
"""
FOLDERS = {
    "tumour": {"modality": "mr", "organ": "brain", "pathology": "glioma"},
    "healthy": {"modality": "mr", "organ": "brain"},
}


class MixedArchive(NamedArchive):
    """Rows 100000001 and 2: tiles by breakhis; 200000001 to 3: scans in class folders; 300000002 to 4: films of a
    manifest."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, "mixed", PATHS)
        self.table = TABLE
        self.tiles: dict[str, Any] = {"name": "tiles", "source": "breakhis", "archive": "tiles"}
        self.scans: dict[str, Any] = {
            "name": "scans",
            "source": "class_folders",
            "archive": "scans",
            "settings": {"class_folders": {"folders": FOLDERS}},
        }
        self.films: dict[str, Any] = {
            "name": "films",
            "source": "manifest",
            "archive": "films",
            "organ": "breast",
            "settings": {"manifest": {"modality": "mammography", "unlabelled": "keep"}},
        }

    def write(self, tar: str = "", flat: bool = False) -> None:
        super().write()
        (self.folder / "films" / "manifest.csv").write_text(self.table)

    def ingest(self, *options: str, by: str = "image", max_rejected_share: float = 0.5, **sections: Any) -> int:
        mixed = {"archives": [self.tiles, self.scans, self.films], **sections.pop("mixed", {})}
        return super().ingest(*options, by=by, max_rejected_share=max_rejected_share, mixed=mixed, **sections)
