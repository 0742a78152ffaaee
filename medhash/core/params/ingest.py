"""Section `ingest`: which archive is read, how its layout is read, and how its images are prepared."""

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from medhash.core.errors import MedhashError
from medhash.core.params.section import Count, Section, Share

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

NIH_FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pleural_Thickening",
    "Pneumonia",
    "Pneumothorax",
)


class BagParams(Section):
    """Which images make one case: a bag, which gets one label, one code and one place in the index."""

    by: Literal["image", "study", "breast", "slide", "patient", "neighbourhood", "table"] = "image"
    """image: every file is its own case. table: as the manifest says. Each source supports some of these."""
    max_size: Annotated[int, Field(ge=1, le=64)] = 64
    """A bag of more images (or parts of images) is refused whole."""


class CutParams(Section):
    """How large films and slides become several instances of their bag."""

    into: Literal["whole", "grid", "regions"] = "whole"
    """grid: equal tiles, without empty ones. regions: squares around what the archive's table points at, else a grid.
    """
    grid: Annotated[int, Field(ge=1, le=8)] = 4
    """Tiles per side."""


class OpeniParams(Section):
    """How Open-i's reports become labels, and which images are frontal; docs/openi.md counts what each rule takes."""

    mesh: Literal["main-heading", "exact", "single-major", "major-or-automatic"] = "main-heading"
    """main-heading: the part before the first `/` of a major term; exact: the whole major term; single-major: the
    main heading, of reports with one major term; major-or-automatic: the main heading, or a term found by a program."""
    frontal: Literal["first-not-lateral", "first", "first-pa-or-ap", "pa-or-ap", "pa", "not-lateral"] = (
        "first-not-lateral"
    )
    """first: the report's first image; first-not-lateral, first-pa-or-ap: that image if its view is so; pa, pa-or-ap,
    not-lateral: every image whose view is so."""


class DicomParams(Section):
    """How a folder of DICOM files is joined with its labels."""

    labels: str = "labels.csv"
    """CSV of labels, relative to the archive or absolute."""
    key: Literal["sop_instance_uid", "accession_number"] = "sop_instance_uid"
    """What identifies an image (or an examination) in that CSV; read, joined and dropped."""
    key_column: str = "sop_instance_uid"
    """Column of the CSV that holds the key."""
    labels_column: str = "labels"
    """Labels of a row, separated by |."""
    findings: Annotated[list[str], Field(min_length=1)] = [*NIH_FINDINGS, "No Finding"]
    """Labels that may occur there. Another one refuses its images, so that no free text passes."""


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
    """Your own CSV, which names each image, its patient, its bag and its labels."""

    file: str = "manifest.csv"
    """Relative to the archive."""
    modality: str = "xray"
    """Of every image whose line gives none."""
    organ: str = "unknown"
    """Of every image whose line gives none."""
    channels: Literal[1, 3] = 1
    """3 keeps the colours."""
    labels: Annotated[list[str], Field(min_length=1)] = ["malignant", "benign", "normal"]
    """Labels that may occur. Another one refuses its row, so that no free text passes."""
    unlabelled: Literal["refuse", "keep"] = "refuse"
    """What becomes of a row without labels; keep: its pathology is not known."""


class ClassFolder(Section):
    """What all images of a folder show."""

    modality: str
    """xray, mammography, histology, ct, mr, ultrasound or unknown."""
    organ: str
    """chest, breast, brain …, or unknown."""
    pathology: str | None = None
    """None: not known."""


class GroupsFile(Section):
    """A CSV of groups of near duplicates; a group stays in one fold."""

    file: str
    """Relative to the archive, plain or .gz."""
    path_column: str = "path"
    """Holds a file's path in the archive, or in its tar."""
    group_column: str = "group"
    """Holds the group of a file's near duplicates."""


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


class MixedArchive(Section):
    """One of the archives that are joined."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    """Stands before the archive's files and patients."""
    source: Source
    """Its layout."""
    archive: str
    """Folder, or a tar of class_folders, relative to ingest.archive."""
    settings: dict[str, dict[str, Any]] = {}
    """The section of that source, such as {breakhis: {magnifications: [200]}}, instead of ingest's own."""
    modality: str | None = None
    """Of all its images, instead of what the reader says."""
    organ: str | None = None
    """Likewise."""
    attribute: str | None = None
    """Which of the archive's attributes becomes `pathology`; None: the one that its reader labels by."""
    labels: dict[str, str | None] = {}
    """The archive's label → its name here, or null: not known. Others stay."""

    @field_validator("archive")
    @classmethod
    def _within(cls, path: str) -> str:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise ValueError("must be in ingest.archive: a relative path without ..")
        return path

    @field_validator("labels")
    @classmethod
    def _single(cls, labels: dict[str, str | None]) -> dict[str, str | None]:
        if any(label is not None and (not label.strip() or "|" in label) for label in labels.values()):
            raise ValueError("a label is a text without |, or null")
        return labels


class MixedParams(Section):
    """Several archives that become one set of images."""

    archives: list[MixedArchive] = []
    """In this order, which numbers their rows; add new ones at the end."""
    channels: Literal[1, 3] = 1
    """Of all archives; 1: colours become greys, 3: files of greys are refused."""

    @field_validator("archives")
    @classmethod
    def _apart(cls, archives: list[MixedArchive]) -> list[MixedArchive]:
        names = [archive.name for archive in archives]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"{twice} is the name of two archives: give each its own")
        return archives


class IngestParams(Section):
    source: Literal[Source, "mixed"] = "nih"
    """The archive's layout.

    - nih: ChestX-ray14. openi: the Indiana University reports. dicom: DICOM files with a CSV of labels.
    - cbis_ddsm, mias, inbreast: mammograms. breakhis, idc: breast histology. covid_chestxray: radiographs and CT.
    - manifest: images with a CSV of bags. class_folders: folders of one class each. mixed: several of these joined.
    """
    archive: str = "data/sample/nih"
    """Folder with the archive in its published layout, relative to the root or absolute."""
    metadata_only: bool = False
    """Index the archive's tables before its pixels are there."""
    max_rejected_share: Share = 0.01
    """More rejected rows and files than this share of the table's rows stop the run."""
    max_withdrawn_share: Share = 0.5
    """More images gone from the archive than this share of the last run's stop the run."""
    max_image_pixels: Count = 64_000_000
    """An image that declares more pixels than this is refused before it is decoded."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Decoding processes; 0 = one per core."""
    bags: BagParams = BagParams()
    cut: CutParams = CutParams()
    stain: Literal["none", "macenko"] = "none"
    """macenko: the stain of every histology image is brought to the same two colours."""
    openi: OpeniParams = OpeniParams()
    dicom: DicomParams = DicomParams()
    cbis_ddsm: CbisDdsmParams = CbisDdsmParams()
    inbreast: InbreastParams = InbreastParams()
    breakhis: BreakhisParams = BreakhisParams()
    idc: IdcParams = IdcParams()
    manifest: ManifestParams = ManifestParams()
    class_folders: ClassFoldersParams = ClassFoldersParams()
    covid_chestxray: CovidChestxrayParams = CovidChestxrayParams()
    mixed: MixedParams = MixedParams()

    @model_validator(mode="after")
    def _readable_archives(self) -> Self:
        for joined in self.mixed.archives:
            joined_settings(self, joined)
        return self


def with_source(settings: IngestParams, source: str) -> IngestParams:
    """The settings for another layout. Raises MedhashError naming the layouts there are."""
    try:
        return IngestParams.model_validate(settings.model_dump() | {"source": source})
    except ValidationError as error:
        raise MedhashError(
            f"there is no source {source!r}: {error.errors()[0]['msg']}",
            "give the name of a layout; docs/own-archive.md says what each reads",
        ) from error


def joined_settings(settings: IngestParams, joined: MixedArchive) -> IngestParams:
    """The settings that one of the joined archives is read with: those of ingest, overlaid with its own.

    Raises ValueError naming the archive and the key.
    """
    if strange := set(joined.settings) - {joined.source}:
        raise ValueError(
            f"mixed.archives: {joined.name}: settings.{min(strange)} is not allowed; its source has {joined.source}"
        )
    try:
        return IngestParams.model_validate(
            settings.model_dump() | {"source": joined.source, "archive": joined.archive, "mixed": {}, **joined.settings}
        )
    except ValidationError as error:
        raise ValueError(
            "; ".join(
                f"mixed.archives: {joined.name}: settings.{'.'.join(map(str, item['loc']))}: {item['msg']}"
                for item in error.errors()
            )
        ) from error
