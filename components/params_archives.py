"""The settings that say how archives become images and bags: bags, parts of images, and what each layout has to ask."""

from typing import Annotated, Literal

from pydantic import Field

from components.params_section import Section

Source = Literal[
    "nih",
    "openi",
    "dicom",
    "cbis_ddsm",
    "mias",
    "inbreast",
    "breakhis",
    "idc",
    "manifest",
    "class_folders",
    "covid_chestxray",
]
"""The layouts of a single archive."""


class BagParams(Section):
    """Which images make one case: a bag, which gets one label, one code and one place in the index."""

    by: Literal["image", "study", "breast", "slide", "patient", "neighbourhood", "table"] = "image"
    """image: every file by itself; table: as the manifest says; which of them an archive offers, its source says."""
    max_size: Annotated[int, Field(ge=1, le=64)] = 64
    """A bag of more images (or parts of images) is refused whole."""


class CutParams(Section):
    """How large films and slides become several instances of their bag."""

    into: Literal["whole", "grid", "regions"] = "whole"
    """grid: equal tiles, without those that show nothing; regions: squares around what the archive's table points at,
    a grid where it points at nothing."""
    grid: Annotated[int, Field(ge=1, le=8)] = 4
    """Tiles per side."""


class CbisDdsmParams(Section):
    """How CBIS-DDSM's case tables are read."""

    images: Literal["full", "cropped"] = "full"
    """Whole mammograms, or the published crops of each abnormality."""
    benign_without_callback: Literal["benign", "normal", "exclude"] = "benign"
    """What becomes of BENIGN_WITHOUT_CALLBACK."""


class InbreastParams(Section):
    """How INbreast's table is read."""

    bi_rads: dict[str, str] = {
        "1": "normal",
        "2": "benign",
        "3": "benign",
        "4a": "malignant",
        "4b": "malignant",
        "4c": "malignant",
        "5": "malignant",
        "6": "malignant",
    }
    """BI-RADS assessment → label."""


class BreakhisParams(Section):
    """Which images of BreakHis are taken."""

    magnifications: list[Literal[40, 100, 200, 400]] = []
    """Only these; empty: all."""


class IdcParams(Section):
    """How IDC patches become bags."""

    neighbourhood: Annotated[int, Field(ge=1, le=8)] = 4
    """Patches per side of the square of tissue that is a bag."""


class ManifestParams(Section):
    """A CSV of one's own that names each image, its patient, its bag and its labels."""

    file: str = "manifest.csv"
    """Relative to the archive."""
    modality: str = "xray"
    organ: str = "unknown"
    channels: Literal[1, 3] = 1
    """3 keeps the colours."""
    labels: Annotated[list[str], Field(min_length=1)] = ["malignant", "benign", "normal"]
    """Labels that may occur. Another one refuses its row, so that no free text passes."""
    unlabelled: Literal["refuse", "keep"] = "refuse"
    """What becomes of a row without labels; keep: its pathology is not known."""


class ClassFolder(Section):
    """What all images of a folder show."""

    modality: str
    organ: str
    pathology: str | None = None
    """None: not known."""


class GroupsFile(Section):
    """A CSV that puts near duplicates together: a group is what splitting keeps in one fold."""

    file: str
    """Relative to the archive, plain or .gz."""
    path_column: str = "path"
    """Holds a file's path in the archive, or in its tar."""
    group_column: str = "group"


class ClassFoldersParams(Section):
    """Images in folders whose names say everything."""

    folders: dict[str, ClassFolder] = {}
    """Path of a folder in the archive, or in its tar → what its images show; folders in it are part of it."""
    channels: Literal[1, 3] = 1
    """3 keeps the colours."""
    skip: list[str] = []
    """File names to leave out, with * and ?."""
    groups: GroupsFile | None = None
    """Without it every image is a patient of its own."""


class CovidChestxrayParams(Section):
    """Which images of the COVID-19 Image Data Collection are taken."""

    lateral: bool = False
    """Lateral views, too."""
