"""A tiny archive in Open-i's layout, made of synthetic images, and a run of ingest over it."""

import io
import tarfile
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from components.ingest.__main__ import main
from medhash.core.contracts import IMAGES, REJECTED, read_table
from medhash.core.workspace import Workspace

KEY = "a key of the tests, not of a hospital"
FIRST = "CXR98765431_IM-0001-1001"
REPORTS_TAR, PNG_TAR, PNG_FOLDER, DICOM_FOLDER = "NLMCXR_reports.tgz", "NLMCXR_png.tgz", "NLMCXR_png", "NLMCXR_dcm/1"
HEADER = "imageid,Patient's Name,Columns,Rows,Pixel Spacing,Imager Pixel Spacing,Burned In Annotation,View Position"


def xml(number, images, major=(), automatic=(), report_id=None, before="", root="eCitation"):
    terms = "".join(f"<major>{term}</major>" for term in major) + "".join(
        f"<automatic>{term}</automatic>" for term in automatic
    )
    own = f'<uId id="{f"CXR{number}" if report_id is None else report_id}"/>'
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n{before}<{root}>{own}<MeSH>{terms}</MeSH>'
        + "".join(f'<parentImage id="{image}"><caption>PA</caption></parentImage>' for image in images)
        + f"</{root}>"
    ).encode()


def png(seed: int) -> bytes:
    return cv2.imencode(".png", np.random.default_rng(seed).integers(0, 256, (24, 24), np.uint8))[1].tobytes()


class OpeniArchive:
    """Reports 1 to 4 (rows 1000 to 4000), six images of the first three, and a header table. No image of report 4."""

    def __init__(self, root: Path) -> None:
        self.workspace, self.folder = Workspace(root), root / "openi"
        names = {
            number: [f"CXR{number}_IM-0001-{place}001" for place in (1, 2)] for number in (98765431, 98765432, 98765433)
        }
        self.reports = {
            "98765431.xml": xml(98765431, names[98765431], ["normal"]),
            "98765432.xml": xml(98765432, names[98765432], ["Lung/hyperdistention/mild", "Opacity/lung"], ["Nodule"]),
            "98765433.xml": xml(98765433, names[98765433], ["Cardiomegaly "]),
            "98765434.xml": xml(98765434, [], ["No Indexing"]),
        }
        self.images = {f"{name}.png": png(number) for number, name in enumerate(chain(*names.values()))}
        views = ("PA", "LL", "LARGE LATERAL", "PA", "", "AP")
        spacings = ("\"['0.15', '0.15']\",", "", "0.2,", "", "", "")
        self.headers: list[str] | None = [
            f"{name.removesuffix('.png')},Smith,2048,2500,{spacing or ','},{'NO' if view == 'PA' else ''},{view}"
            for name, view, spacing in zip(self.images, views, spacings, strict=True)
        ]

    def write(self, reports: str = REPORTS_TAR, images: str = PNG_TAR) -> None:
        self.folder.mkdir(exist_ok=True)
        if self.headers is not None:
            (self.folder / "nlmcxr_dicom_metadata.csv").write_text("\n".join([HEADER, *self.headers]) + "\n")
        for place, files in ((reports, self.reports), (images, self.images)):
            if place.endswith(".tgz"):
                with tarfile.open(self.folder / place, "w:gz") as tar:
                    for name, data in files.items():
                        member = tarfile.TarInfo(f"ecgen-radiology/{name}")
                        member.size = len(data)
                        tar.addfile(member, io.BytesIO(data))
            elif place:
                (self.folder / place).mkdir(parents=True, exist_ok=True)
                for name, data in files.items():
                    (self.folder / place / name).write_bytes(data)

    def ingest(
        self,
        *options: str,
        frontal: str = "first-not-lateral",
        mesh: str = "main-heading",
        max_rejected_share: float = 0.5,
    ) -> int:
        (self.workspace.root / "params.yaml").write_text(
            "methods: [lsh]\nsize_px: 16\ningest: {source: openi, archive: openi, workers: 1, max_image_pixels: 10000, "
            f"max_rejected_share: {max_rejected_share}, openi: {{mesh: {mesh}, frontal: {frontal}}}}}\n"
        )
        return main(["--root", str(self.workspace.root), *options])

    def taken(self) -> list[dict]:
        """Rows of images.parquet in the order of their row numbers, labels as plain names."""
        rows = sorted(read_table(self.workspace.images, IMAGES).to_pylist(), key=lambda row: row["source_row"])
        assert {label["attribute"] for row in rows for label in row["labels"]} <= {"mesh"}
        return [row | {"labels": [label["label"] for label in row["labels"]]} for row in rows]

    def refused(self) -> list[tuple]:
        table = read_table(self.workspace.rejected, REJECTED)
        return list(zip(table["source_row"].to_pylist(), table["reason"].to_pylist(), strict=True))

    def output(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.workspace.derived)): path.read_bytes()
            for path in sorted(self.workspace.derived.rglob("*"))
            if path.is_file()
        }


def dicom(view: str, **values) -> bytes:
    """A DICOM file of that view, with other elements by keyword."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[view, str(values)])
    header.PatientName, header.PatientID, header.ViewPosition = "Smith^98765431", "98765431", view
    header.Rows, header.Columns, header.BitsAllocated, header.BitsStored, header.HighBit = 4, 8, 16, 12, 11
    header.SamplesPerPixel, header.PixelRepresentation, header.PhotometricInterpretation = 1, 0, "MONOCHROME1"
    for keyword, value in values.items():
        setattr(header, keyword, value)
    header.PixelData = np.arange(32, dtype=np.uint16).tobytes()
    header["PixelData"].VR = "OW"
    buffer = io.BytesIO()
    header.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
