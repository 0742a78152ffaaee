"""A tiny archive whose images belong to bags, with parts, colours and two attributes, and a run of ingest over it."""

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa

from components.ingest import ingest as run
from components.ingest.ingest import ingest
from medhash.archives.entries import Entries
from medhash.archives.files import folder_files
from medhash.core.contracts import IMAGES, REJECTED, read_table
from medhash.core.params import IngestParams
from medhash.core.workspace import Workspace

KEY = b"a key of the tests, not of a hospital"
SIZE_PX = 16
_CONSTANT = {
    "view": "CC",
    "sex": None,
    "age": np.nan,
    "width": np.nan,
    "height": np.nan,
    "pixel_spacing": np.nan,
    "official_fold": None,
}


def image(seed: int, width: int = 64, height: int = 64, channels: int = 1) -> np.ndarray:
    """Noise in every pixel, so that every tile shows something; red first."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    return pixels if channels == 3 else pixels[:, :, 0]


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels[:, :, ::-1] if pixels.ndim == 3 else pixels)[1].tobytes()


@dataclass
class CaseArchive:
    """Rows and files that a test may spoil; it is its own source, as the modules of components.ingest.sources are.

    Six images of three patients; each patient's two are a bag.
    """

    root: Path
    channels: int = 1
    rows: list[dict] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    frame: tuple[int, int] | None = None
    shuffled: bool = False
    written: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace = Workspace(self.root)
        for number in range(6):
            name, patient = f"case{number}.png", f"patient {number // 2}"
            self.rows.append(
                {
                    "source_name": name,
                    "patient": patient,
                    "study": patient,
                    "bag": patient,
                    "labels": ("malignant", "normal")[number % 2],
                }
            )
            self.files[name] = png(image(number, channels=self.channels))

    def read_entries(self, archive, settings, known=None) -> Entries:
        frame = pd.DataFrame(self.rows, index=range(2, 2 + len(self.rows))).assign(**_CONSTANT)
        if self.shuffled:
            frame = frame.iloc[::-1]
        return Entries(
            "cases.csv",
            "pathology",
            "mammography",
            "breast",
            frame,
            frozenset(frame["source_name"]),
            len(frame),
            [],
            channels=self.channels,
            frame=self.frame,
        )

    def image_files(self, archive, settings, known=None):
        files = folder_files(archive, 1 << 20, known=known)
        yield from reversed(list(files)) if self.shuffled else files

    def write(self) -> None:
        """Write the files that are new or were changed; the others keep their time of change."""
        (self.root / "archive").mkdir(exist_ok=True)
        for name, data in self.files.items():
            if self.written.get(name) != data:
                (self.root / "archive" / name).write_bytes(data)
        self.written = dict(self.files)

    def ingest(self, monkeypatch, **settings) -> str:
        """Write the files, run the stage, and return what it says."""
        self.write()
        monkeypatch.setattr(run, "reader_of", lambda _: self)
        return ingest(
            self.workspace,
            IngestParams.model_validate({"archive": "archive", "workers": 1, "max_rejected_share": 1.0, **settings}),
            SIZE_PX,
            KEY,
        )

    def images(self) -> pa.Table:
        return read_table(self.workspace.images, IMAGES)

    def rejected(self) -> list[tuple[int | None, str, str]]:
        table = read_table(self.workspace.rejected, REJECTED)
        return list(zip(*(table[name].to_pylist() for name in ("source_row", "reason", "detail")), strict=True))

    def pixels(self) -> np.ndarray:
        return np.load(self.workspace.pixels)

    def output(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.workspace.derived.rglob("*")) if path.is_file()}
