"""Tiny mammography archives in their published layouts, made of synthetic films, and a run of ingest over them."""

from pathlib import Path

import cv2
import numpy as np
import yaml

from components.ingest.__main__ import main
from medhash.core.contracts import IMAGES, REJECTED, read_table
from medhash.core.workspace import Workspace

KEY = "a key of the tests, not of a hospital"


def film(seed: int, size: int = 24) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size), np.uint8)


def png(seed: int) -> bytes:
    return cv2.imencode(".png", film(seed))[1].tobytes()


def pgm(pixels: np.ndarray, head: str = "P5\n# made here\n{w} {h}\n{greatest}\n") -> bytes:
    """Written out after pgm(5), without a library."""
    greatest = 255 if pixels.dtype == np.uint8 else 65535
    header = head.format(w=pixels.shape[1], h=pixels.shape[0], greatest=greatest)
    return header.encode() + pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()


class MammographyArchive:
    """A folder with an archive's files, which a test spoils before it is written and ingested."""

    def __init__(self, root: Path, source: str) -> None:
        self.workspace, self.folder, self.source = Workspace(root), root / "archive", source
        self.files: dict[str, bytes] = {}
        self.size_px = 16

    def write(self) -> None:
        for name, data in self.files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def ingest(self, *options: str, **settings: object) -> int:
        """Run the stage in this process and return its exit code. settings: of params.yaml's section ingest."""
        section = {
            "source": self.source,
            "archive": "archive",
            "workers": 1,
            "max_image_pixels": 10_000,
            "max_rejected_share": 0.9,
            **settings,
        }
        params = {"methods": ["lsh"], "size_px": self.size_px, "ingest": section}
        (self.workspace.root / "params.yaml").write_text(yaml.safe_dump(params))
        return main(["--root", str(self.workspace.root), *options])

    def taken(self) -> list[dict]:
        """Rows of images.parquet in the order of their row numbers, labels by attribute."""
        rows = sorted(read_table(self.workspace.images, IMAGES).to_pylist(), key=lambda row: row["source_row"])
        return [row | {"labels": _by_attribute(row["labels"])} for row in rows]

    def refused(self) -> list[tuple]:
        table = read_table(self.workspace.rejected, REJECTED)
        return list(zip(table["source_row"].to_pylist(), table["reason"].to_pylist(), strict=True))

    def written(self) -> bytes:
        """Every byte that ingest left, but for the private tables and the settings."""
        return b"".join(path.read_bytes() for path in self.workspace.derived.rglob("*") if path.is_file())


def _by_attribute(labels: list[dict]) -> dict[str, str]:
    attributes = dict.fromkeys(label["attribute"] for label in labels)
    return {
        attribute: "|".join(label["label"] for label in labels if label["attribute"] == attribute)
        for attribute in attributes
    }
