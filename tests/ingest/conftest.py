"""A tiny archive in NIH's layout, made of synthetic images, and a run of ingest over it."""

import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from small_files import add_file, png

from components.ingest.__main__ import main
from medhash.core.contracts import IMAGES, REJECTED, read_table
from medhash.core.workspace import Workspace

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
KEY = "a key of the tests, not of a hospital"
SIZE_PX = 16


class NihArchive:
    """Table lines and files of an archive that a test may spoil before it is written and ingested.

    It starts with six images, rows 2 to 7, of the patients 98765431, 98765432 and 98765433.
    """

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root)
        self.folder = root / "hospital"
        self.header = HEADER
        self.lines: list[str] = []
        self.files: dict[str, bytes] = {}
        self.lists: dict[str, list[str]] = {}
        self.names = []
        for number in range(6):
            patient = 98765431 + number // 2
            name = f"{patient}_{number % 2:03d}.png"
            finding = ("No Finding", "Mass|Effusion", "Pleural_Thickening")[number % 3]
            self.names.append(name)
            self.lines.append(f"{name},{finding},{number % 2},{patient},{40 + number},F,PA,2048,2500,0.171,0.171")
            self.files[f"images/{name}"] = png(number)

    def write(self, layout: str = "images_001.tar.gz") -> None:
        """Write the table, the lists, and the files in a tar or in folders."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "Data_Entry_2017_v2020.csv").write_text("\n".join([self.header, *self.lines]) + "\n")
        for name, listed in self.lists.items():
            (self.folder / name).write_text("\n".join(listed) + "\n")
        if ".tar" in layout:
            with tarfile.open(self.folder / layout, "w:gz" if layout.endswith("gz") else "w") as tar:
                for name, data in self.files.items():
                    add_file(tar, name, data)
        else:
            for number, (name, data) in enumerate(self.files.items()):
                folder = self.folder / layout.replace("*", f"{number % 2:03d}")
                folder.mkdir(parents=True, exist_ok=True)
                (folder / name.rpartition("/")[2]).write_bytes(data)

    def ingest(
        self, *options: str, max_rejected_share: float = 0.5, max_image_pixels: int = 10_000, workers: int = 1
    ) -> int:
        """Run the stage in this process and return its exit code."""
        (self.workspace.root / "params.yaml").write_text(
            f"methods: [lsh]\nsize_px: {SIZE_PX}\ningest: {{archive: hospital, workers: {workers}, "
            f"max_rejected_share: {max_rejected_share}, max_image_pixels: {max_image_pixels}}}\n"
        )
        return main(["--root", str(self.workspace.root), *options])

    def images(self) -> pa.Table:
        return read_table(self.workspace.images, IMAGES)

    def rejected(self) -> list[tuple[int | None, str]]:
        table = read_table(self.workspace.rejected, REJECTED)
        return list(zip(table["source_row"].to_pylist(), table["reason"].to_pylist(), strict=True))

    def output(self) -> dict[str, bytes]:
        """Every derived file with its bytes."""
        return {
            str(path.relative_to(self.workspace.derived)): path.read_bytes()
            for path in sorted(self.workspace.derived.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def archive(tmp_path, monkeypatch) -> NihArchive:
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    return NihArchive(tmp_path)
