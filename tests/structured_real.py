"""Seven real archives joined into images of many modalities, organs and pathologies, from wherever the real data lie.

The data are reduced copies: their tables list images that are not there. So folders are laid out in a scratch folder,
with links to the files and with tables of what is there.
"""

import csv
import gzip
import os
import tarfile
from pathlib import Path
from typing import Any

import yaml

from medhash.core.params import IngestParams

REAL = Path(os.environ.get("MEDHASH_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
SETS = ("medical_mnist.tar", "brain_mri.tar", "busi", "mias", "covid_chestxray", "nih", "breakhis")
OVERLAY = Path(__file__).parents[1] / "data" / "sets" / "structured-real.yaml"
_TUMOURS = ("glioma", "meningioma", "pituitary", "notumor")


def is_there(real: Path = REAL) -> bool:
    return all((real / name).exists() for name in SETS)


def real_mixed_settings(real: Path, scratch: Path) -> IngestParams:
    """Settings of ingest that join the real archives; lays the archives out in `scratch`, which may exist."""
    return IngestParams.model_validate(_ingest(real, scratch))


def write_overlay(path: Path, real: Path, scratch: Path, **sections: Any) -> None:
    """data/sets/structured-real.yaml with the archives as they lie there; sections: what to lay over it."""
    overlay = yaml.safe_load(OVERLAY.read_text())
    path.write_text(yaml.safe_dump(overlay | {"ingest": _ingest(real, scratch)} | sections, sort_keys=False))


def _ingest(real: Path, scratch: Path) -> dict[str, Any]:
    """The overlay's section ingest, but for the folders' names, which the copies have changed."""
    lay_out(real.absolute(), scratch)
    ingest: dict[str, Any] = yaml.safe_load(OVERLAY.read_text())["ingest"]
    archives = {archive["name"]: archive for archive in ingest["mixed"]["archives"]}
    _change(archives["medical-mnist"], lambda folder: f"medical_mnist/{folder}")
    _change(archives["busi"], lambda folder: folder.replace("Dataset_BUSI_with_GT", "images"))
    archives["busi"]["settings"]["class_folders"]["groups"] = _groups()
    brain = archives["brain-mri"]["settings"]["class_folders"]
    brain["folders"] = {
        f"brain_mri/{name}": {"modality": "mr", "organ": "brain", "pathology": name} for name in _TUMOURS
    }
    brain["groups"] = _groups()
    return ingest | {"archive": str(scratch.absolute())}


def _change(archive: dict[str, Any], named: Any) -> None:
    section = archive["settings"]["class_folders"]
    section["folders"] = {named(folder): shown for folder, shown in section["folders"].items()}


def _groups() -> dict[str, str]:
    return {"file": "manifest.csv", "group_column": "near_duplicate_group"}


def lay_out(real: Path, scratch: Path) -> None:
    """The archives' folders, with links to the real files. What is there already stays."""
    for name in ("busi", "covid_chestxray", "breakhis"):
        _link(scratch / name, real / name)
    for name in ("medical_mnist", "brain_mri"):
        _link(scratch / name / f"{name}.tar", real / f"{name}.tar")
    table = scratch / "brain_mri" / "manifest.csv"
    if not table.exists():
        with tarfile.open(real / "brain_mri.tar") as tar:
            content = tar.extractfile("brain_mri/manifest.csv")
            assert content is not None
            table.write_bytes(content.read())
    _lay_out_mias(real / "mias", scratch / "mias")
    _lay_out_nih(real / "nih", scratch / "nih")


def _lay_out_mias(real: Path, folder: Path) -> None:
    films = sorted((real / "images").iterdir())
    for film in films:
        _link(folder / film.name, film)
    names = {film.stem for film in films}
    lines = (real / "Info.txt").read_text().splitlines(keepends=True)
    _write(folder / "Info.txt", "".join(line for line in lines if not line.startswith("mdb") or line[:6] in names))


def _lay_out_nih(real: Path, folder: Path) -> None:
    _link(folder / "images", real / "images_224")
    names = {path.name for path in (real / "images_224").iterdir()}
    with gzip.open(real / "Data_Entry_2017_v2020.csv.gz", "rt", newline="") as handle:
        header = next(handle)
        rows = [line for line in handle if next(csv.reader([line]))[0] in names]
    _write(folder / "Data_Entry_2017_v2020.csv", header + "".join(rows))


def _link(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(target)


def _write(path: Path, text: str) -> None:
    if not path.exists():
        path.write_text(text)
