"""A release: model, codes, index, label names and figures of one method in one folder, checked to belong together."""

import shutil
from pathlib import Path

from components.contracts import LABEL_SETS, read_table
from components.documents import Document, Metrics, Vocabulary
from components.errors import MedhashError
from components.files import replacing_folder, sha256_file, sha256_files
from components.hashing.model import load_model
from components.index.code_table import code_info, read_codes
from components.index.search import load_index, require_built_from
from components.workspace import Workspace


class Release(Document):
    """release.json: what the folder holds and what it stands on. Digests are SHA-256."""

    method: str
    bits: int
    model_digest: str
    codes_digest: str
    index_digest: str
    """Over the index folder's files in name order."""
    data_digest: str
    """Of the tables the model was trained on."""
    evaluation_digest: str
    git_commit: str
    dvc_lock: str


class LabelSets(Document):
    """labels.json: the label names of each label set, by set_id."""

    sets: list[list[str]]


def describe(model: Path, codes: Path, index: Path, metrics: Metrics, origins: dict[str, str]) -> Release:
    """Load every part, check that they belong to one model, and say what they are.

    Raises MedhashError naming the file if a part is broken, or if model, codes, index and figures differ in code
    length or in the model they were made with.
    """
    loaded, table, built = load_model(model), read_codes(codes), load_index(index)
    info = code_info(table.schema, str(codes))
    require_built_from(built, index, codes, table)
    parts = {str(codes): (info.bits, info.model_digest), str(index): (built.info.bits, built.info.model_digest),
             "the figures in metrics.json": (metrics.bits, metrics.model_digest)}
    for part, (bits, digest) in parts.items():
        if bits != loaded.spec.bits:
            raise MedhashError(f"{part} has codes of {bits} bits, the model in {model} of {loaded.spec.bits}",
                               f"run encode, index and evaluate again for {metrics.method}, or `dvc repro`")
        if digest != loaded.digest:
            raise MedhashError(f"{part} comes from model {digest[:12]}…, but {model} holds model {loaded.digest[:12]}…",
                               f"run encode, index and evaluate again for {metrics.method}, or `dvc repro`")
    return Release(method=metrics.method, bits=metrics.bits, model_digest=loaded.digest,
                   codes_digest=sha256_file(codes), index_digest=sha256_files(sorted(index.iterdir())),
                   data_digest=loaded.spec.data_digest, evaluation_digest=metrics.evaluation_digest,
                   git_commit=origins["git_commit"], dvc_lock=origins["dvc_lock"])


def build_release(workspace: Workspace, release: Release, folder: Path) -> None:
    """Copy the parts of a method into a folder of their own, whole or not at all, and check the copy."""
    method = release.method
    sets, names = read_table(workspace.label_sets, LABEL_SETS).sort_by("set_id"), Vocabulary.read(workspace.vocabulary)
    with replacing_folder(folder) as temporary:
        shutil.copytree(workspace.model(method), temporary / "model")
        shutil.copytree(workspace.index(method), temporary / "index")
        shutil.copyfile(workspace.codes(method), temporary / "codes.parquet")
        shutil.copyfile(workspace.metrics(method) / "metrics.json", temporary / "metrics.json")
        LabelSets(sets=[[names.labels[index] for index in indices] for indices in sets["labels"].to_pylist()]).write(
            temporary / "labels.json")
        release.write(temporary / "release.json")
        check_release(temporary)


def check_release(folder: Path) -> Release:
    """Read a release folder and check every part against release.json.

    Raises MedhashError if a part is missing, broken, or not the one that release.json describes.
    """
    release = Release.read(folder / "release.json")
    found = describe(folder / "model", folder / "codes.parquet", folder / "index",
                     Metrics.read(folder / "metrics.json"), {"git_commit": release.git_commit,
                                                             "dvc_lock": release.dvc_lock})
    differing = [key for key, value in found if getattr(release, key) != value]
    if differing:
        raise MedhashError(f"{folder}: {', '.join(differing)} differs from what release.json says",
                           "restore that folder from a backup, or take its version out of use in MLflow")
    sets = LabelSets.read(folder / "labels.json").sets
    largest = int(load_index(folder / "index").set_ids.max())
    if largest >= len(sets):
        raise MedhashError(f"{folder}: labels.json has {len(sets)} label sets, the index points to set {largest}",
                           "run index again, then promote")
    return release
