"""A tiny archive of loose image files, made of synthetic pictures, and a run of ingest over it."""

import io
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from components.ingest.__main__ import main
from medhash.core.contracts import IMAGES, REJECTED, read_table
from medhash.core.workspace import Workspace

KEY = "a key of the tests, not of a hospital"


def coloured(seed: int, side: int = 20) -> bytes:
    return cv2.imencode(".png", np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8))[1].tobytes()


class NamedArchive:
    """Path in the archive → bytes, which a test may spoil before they are written and ingested."""

    def __init__(self, root: Path, source: str, paths: list[str]) -> None:
        self.workspace, self.folder, self.source = Workspace(root), root / "hospital", source
        self.files = {path: coloured(number) for number, path in enumerate(paths)}

    def write(self, tar: str = "", flat: bool = False) -> None:
        """Into folders, into one folder, or into a tar in the archive's folder; what was there before stays."""
        self.folder.mkdir(exist_ok=True)
        if tar:
            with tarfile.open(self.folder / tar, "w:gz" if tar.endswith("gz") else "w") as packed:
                for name, data in self.files.items():
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    packed.addfile(member, io.BytesIO(data))
            return
        for name, data in self.files.items():
            path = self.folder / (Path(name).name if flat else name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def ingest(self, *options: str, by: str = "image", max_rejected_share: float = 0.5, **sections: Any) -> int:
        """Run the stage in this process and return its exit code."""
        settings = {
            "source": self.source,
            "archive": "hospital",
            "workers": 1,
            "max_image_pixels": 10_000,
            "max_rejected_share": max_rejected_share,
            "bags": {"by": by},
            **sections,
        }
        (self.workspace.root / "params.yaml").write_text(
            yaml.safe_dump({"methods": ["lsh"], "size_px": 16, "ingest": settings})
        )
        return main(["--root", str(self.workspace.root), *options])

    def taken(self) -> list[dict[str, Any]]:
        """Rows of images.parquet in the order of their row numbers, labels as attribute → names."""
        rows = sorted(read_table(self.workspace.images, IMAGES).to_pylist(), key=lambda row: row["source_row"])
        for row in rows:
            pairs = [(label["attribute"], label["label"]) for label in row["labels"]]
            row["labels"] = {
                attribute: [label for other, label in pairs if other == attribute] for attribute, _ in pairs
            }
        return rows

    def bags(self) -> list[list[int]]:
        """The row numbers of every bag's images."""
        rows: dict[str, list[int]] = {}
        for row in self.taken():
            rows.setdefault(row["bag_id"], []).append(row["source_row"])
        return sorted(rows.values())

    def refused(self) -> list[tuple[int | None, str]]:
        table = read_table(self.workspace.rejected, REJECTED)
        return list(zip(table["source_row"].to_pylist(), table["reason"].to_pylist(), strict=True))

    def output(self) -> dict[str, bytes]:
        """Every derived file with its bytes."""
        return {
            str(path.relative_to(self.workspace.derived)): path.read_bytes()
            for path in sorted(self.workspace.derived.rglob("*"))
            if path.is_file()
        }

    def mentions(self, text: str) -> list[str]:
        """Files outside of the archive that hold the text."""
        import pyarrow.parquet as pq

        found = []
        for path in self.workspace.root.rglob("*"):
            if path.is_file() and self.folder not in path.parents:
                held = str(pq.read_table(path).to_pylist()) if path.suffix == ".parquet" else ""
                if text in held or text.encode() in path.read_bytes():
                    found.append(path.name)
        return found
