"""params.yaml as typed, strict models: an unknown or ill-typed key is an error that names it."""

from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from medhash.core.errors import MedhashError
from medhash.core.params.archives import (
    BagParams,
    BreakhisParams,
    CbisDdsmParams,
    ClassFoldersParams,
    CovidChestxrayParams,
    CutParams,
    IdcParams,
    InbreastParams,
    ManifestParams,
    MixedParams,
    Source,
    settings_of,
)
from medhash.core.params.operation import DriftParams, PromoteParams, ScheduleParams
from medhash.core.params.section import Count, Section, Share

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


class OpeniParams(Section):
    """How Open-i's reports become labels, and which images are frontal; docs/openi.md counts what each rule takes."""

    mesh: Literal["main-heading", "exact", "single-major", "major-or-automatic"] = "main-heading"
    """M1: the main heading of any major term; M2: a major term's exact text; M4: M1 on reports with exactly one major
    term; M7: M1, or an automatic term."""
    frontal: Literal["first-not-lateral", "first", "first-pa-or-ap", "pa-or-ap", "pa", "not-lateral"] = (
        "first-not-lateral"
    )
    """The report's first image unless it is lateral; F6: the first; F7: the first if PA or AP; F1, F2, F3: every image
    whose view is PA or AP, PA, not lateral."""


class DicomParams(Section):
    """How a folder of DICOM files is joined with its labels."""

    labels: str = "labels.csv"
    """CSV of labels, relative to the archive or absolute."""
    key: Literal["sop_instance_uid", "accession_number"] = "sop_instance_uid"
    """What identifies an image (or an examination) in that CSV; read, joined and dropped."""
    key_column: str = "sop_instance_uid"
    labels_column: str = "labels"
    """Labels of a row, separated by |."""
    findings: Annotated[list[str], Field(min_length=1)] = [*NIH_FINDINGS, "No Finding"]
    """Labels that may occur there. Another one refuses its images, so that no free text passes."""


class IngestParams(Section):
    source: Literal[Source, "mixed"] = "nih"
    """nih: ChestX-ray14; openi: the Indiana University reports; dicom: a folder of DICOM files with a CSV of labels;
    cbis_ddsm, mias, inbreast: mammograms; breakhis, idc: breast histology; covid_chestxray: radiographs and CT;
    manifest: images with a CSV of bags; class_folders: folders of one class each; mixed: several of these joined."""
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
            settings_of(self, joined)
        return self


class SplitParams(Section):
    strategy: Literal["hash", "official", "stratified", "combination"] = "hash"
    """combination: hash, but patients with an image of a combination in `held_out` are kept out of training."""
    test_share: Share = 0.2
    """Share of patients in test; the official strategy takes the publisher's list instead."""
    val_share: Share = 0.15
    """Share of the other patients in val."""
    both_lists: Literal["refuse", "train", "test"] = "refuse"
    """official: what becomes of patients whose images stand in both of the publisher's lists."""
    held_out: list[dict[str, str]] = []
    """combination: attribute → value, such as {modality: mr, organ: breast}; an image that has all of them is held out.
    """
    near_duplicates: Share = 0.0
    """Patients whose images correlate by more than this (24 × 24 grey values) stay in one fold; 0 does not compare."""

    @model_validator(mode="after")
    def _heard(self) -> Self:
        if self.held_out and self.strategy != "combination":
            raise ValueError(
                f"held_out keeps nothing out under strategy {self.strategy}: set strategy: combination, or held_out: []"
            )
        return self


class LabelParams(Section):
    attribute: str = "finding"
    """Which of the archive's attributes is the label; combination: those of `structure` together."""
    structure: Annotated[list[str], Field(min_length=1)] = ["modality", "organ", "pathology"]
    """What a combination is made of: modality, organ, or any attribute that the archive's labels stand under."""
    shared_values: list[str] = []
    """combination: values, such as a pathology, that mean the same in every organ; others belong to one organ."""
    classes: list[str] = list(NIH_FINDINGS)
    """Empty: every label that the archive's images carry."""
    no_finding: Literal["label", "empty", "exclude"] = "label"
    """`No Finding` is a label of its own, an empty label set, or leaves its images out."""
    unlabelled: Literal["keep", "exclude"] = "keep"
    """Images without any label of the vocabulary have an empty label set, or are left out."""
    bag: Literal["worst", "union", "agree"] = "worst"
    """A bag's label set. worst: that of its worst image, `classes` standing in order, the worst first; union: all its
    images' labels; agree: any image's, and bags whose images disagree are left out."""
    images_per_class: Annotated[int, Field(ge=0)] = 0
    """Take only so many images of every class, the rarest class first; 0 takes all images."""
    max_per_class: Annotated[int, Field(ge=0)] = 0
    """The same, but of a class that has fewer, all of them; 0 takes all images."""

    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        if self.images_per_class and self.max_per_class:
            raise ValueError("images_per_class and max_per_class are both set: choose one, and set the other to 0")
        return self


class TrainParams(Section):
    epochs: Count = 60
    patience: Count = 60
    """Early stopping: epochs without a better validation MAP."""
    precision: Literal["fp32", "bf16"] = "fp32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Count = 2
    """CPU threads of torch; fixed so that the same bytes come out whatever the machine's core count."""
    augment: bool = True
    histogram_matching: Share = 0.0
    """Share of a batch's images whose grey values are matched to those of an image that shares a label."""
    initial_weights: dict[str, str] = {}
    """Method → safetensors file with weights that start its network, instead of random ones."""
    overrides: dict[str, dict[str, str | int | float | bool]] = {}
    """Method → setting of its recipe → value, for a method's recipe in the catalogue."""


class EncodeParams(Section):
    instances: bool = False
    """Keep the code of every image of a bag beside the bag's: what a query's answer explains itself with."""
    confidence: bool = False
    """Keep how sure each bit of a bag's code is, and of structured methods its membership in every attribute's values.
    """


class EvaluateParams(Section):
    bootstrap_samples: Count = 1000


class QualityParams(Section):
    """The limits of the gates."""

    fold_share_tolerance: Share = 0.08
    """How far a fold's share of patients may lie from what params ask for."""
    min_images_per_class_and_fold: Annotated[int, Field(ge=0)] = 1
    """Fewer than this in train or test is listed as an offending class."""
    max_unlabelled_share: Share = 0.6
    max_burned_in_share: Share = 0.0
    """Images whose header says that writing is burnt into the pixels: it may name the patient."""
    max_bit_imbalance: Share = 0.49
    """A bit whose share of ones lies further than this from one half is dead."""
    max_dead_bit_share: Share = 0.25
    min_distinct_code_share: Share = 0.01
    """Distinct codes over images, capped by what the bits allow."""
    references: list[str] = []
    """Methods that are there to be compared with: their collapse stops no run, and they are never promoted."""


class Params(Section):
    """The whole of params.yaml."""

    seed: int = 7
    bits: Annotated[int, Field(ge=8, le=256, multiple_of=8)] = 32
    sub_codes: dict[str, Count] = {}
    """Attribute → bits of its part of a structured method's code, adding up to `bits`; empty: equal parts."""
    size_px: Annotated[int, Field(ge=16, le=1024)] = 64
    methods: Annotated[list[str], Field(min_length=1)]
    features: Annotated[list[Literal["gist-512", "gist-1024"]], Field(min_length=1)] = ["gist-512"]
    """What the shallow methods read; a method of the catalogue says which it needs."""
    ingest: IngestParams = IngestParams()
    split: SplitParams = SplitParams()
    labels: LabelParams = LabelParams()
    train: TrainParams = TrainParams()
    encode: EncodeParams = EncodeParams()
    evaluate: EvaluateParams = EvaluateParams()
    quality: QualityParams = QualityParams()
    drift: DriftParams = DriftParams()
    promote: PromoteParams = PromoteParams()
    schedule: ScheduleParams = ScheduleParams()


def with_source(settings: IngestParams, source: str) -> IngestParams:
    """The settings for another layout. Raises MedhashError naming the layouts there are."""
    try:
        return IngestParams.model_validate(settings.model_dump() | {"source": source})
    except ValidationError as error:
        raise MedhashError(
            f"there is no source {source!r}: {error.errors()[0]['msg']}",
            "give the name of a layout; docs/bags.md and README.md say what each reads",
        ) from error


def load_params(path: Path) -> Params:
    """Read and check params.yaml.

    Raises MedhashError naming the key (dotted) and what is wrong with its value.
    """
    if not path.exists():
        raise MedhashError(f"{path} does not exist", "run in the root of the repository, or give --root or --params")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise MedhashError(f"{path} is not valid YAML: {error}", "mend the line it names") from error
    except UnicodeDecodeError as error:
        raise MedhashError(
            f"{path} is not text in UTF-8: {error.reason} at byte {error.start}", "save the file as UTF-8"
        ) from error
    try:
        return Params.model_validate(document)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in item['loc']) or 'the file'}: {item['msg']}" for item in error.errors()
        ]
        raise MedhashError(
            f"{path}: " + "; ".join(lines),
            "mend or remove those keys; medhash/core/params/__init__.py lists every key with its type and meaning",
        ) from error
