"""Putting a release together: copies of a method's parts in one folder, sealed by their digests."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from medhash.archives.decode import DECODER
from medhash.core.arrays import open_array
from medhash.core.contracts import IMAGES, LABEL_SETS, RELEASED, read_table, write_table
from medhash.core.documents import Attribute, Vocabulary
from medhash.core.errors import MedhashError
from medhash.core.files import replacing_folder, sha256_file
from medhash.core.origins import origins
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.releases.drift.profile import profile_release
from medhash.releases.release import (
    IMAGES_FILE,
    LABELS_FILE,
    PARAMS_FILE,
    PROFILE_FILE,
    RELEASE_FILE,
    LabelSets,
    Parts,
    Preprocessing,
    Release,
    check_release,
    load_parts,
)


def build_release(workspace: Workspace, params: Params, method: str, folder: Path) -> Release:
    """Copy the parts of a method into a folder of their own, whole or not at all, and check the copy.

    params: the settings of the run, kept in the release with every default. Raises MedhashError naming the file in
    the workspace if a part is missing or broken, or if the parts do not belong together.
    """
    parts = load_parts(
        workspace.model(method),
        workspace.codes(method),
        workspace.index(method),
        workspace.metrics(method) / "metrics.json",
    )
    with replacing_folder(folder) as temporary:
        shutil.copytree(workspace.model(method), temporary / "model")
        shutil.copytree(workspace.index(method), temporary / "index")
        shutil.copyfile(workspace.codes(method), temporary / "codes.parquet")
        shutil.copyfile(workspace.metrics(method) / "metrics.json", temporary / "metrics.json")
        images = released_images(workspace, parts)
        write_table(temporary / IMAGES_FILE, images.append_column("at_training", [[True] * len(images)]), RELEASED)
        label_sets(workspace).write(temporary / LABELS_FILE)
        (temporary / PARAMS_FILE).write_text(yaml.safe_dump(params.model_dump(mode="json"), sort_keys=False))
        profile_release(workspace, method).write(temporary / PROFILE_FILE)
        release = Release(
            **parts.facts() | origins(workspace.root),
            preprocessing=preprocessing_today(workspace, params),
            files=digests(temporary),
        )
        release.write(temporary / RELEASE_FILE)
        check_release(temporary)
    return release


def digests(folder: Path) -> dict[str, str]:
    """Path → SHA-256 of every file of a release folder but release.json, as Release.files holds them."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: sha256_file(path) for name, path in names.items() if name != RELEASE_FILE}


def released_images(workspace: Workspace, parts: Parts) -> pa.Table:
    """Contract RELEASED but for `at_training`: the images of the bags that have codes, gallery and queries."""
    images = read_table(workspace.images, IMAGES)
    images = images.filter(pc.is_valid(images["pixel_row"])).select(["image_id", "bag_id", "patient_id", "sha256"])
    joined = parts.codes.select(["bag_id", "fold"]).join(images, "bag_id", join_type="left outer")
    if joined["image_id"].null_count:
        raise MedhashError(
            f"{joined['image_id'].null_count} bags with codes of {parts.metrics.method} have no image "
            f"in {workspace.images}",
            "run encode again, or `dvc repro`",
        )
    return joined.sort_by("image_id")


def label_sets(workspace: Workspace) -> LabelSets:
    """The names of today's label sets, and the values of attributes that they combine."""
    sets = read_table(workspace.label_sets, LABEL_SETS).sort_by("set_id")["labels"].to_pylist()
    known = Vocabulary.read(workspace.vocabulary)
    attributes = [{attribute.name: _values(attribute, indices) for attribute in known.attributes} for indices in sets]
    return LabelSets(
        sets=[[known.labels[index] for index in indices] for indices in sets],
        attributes=attributes if known.attributes else [],
    )


def _values(attribute: Attribute, labels: list[int]) -> list[str]:
    """The values that labels, by index, say of an attribute, in its order."""
    said = {attribute.of_label[label] for label in labels}
    return [value for place, value in enumerate(attribute.values) if place in said]


def preprocessing_today(workspace: Workspace, params: Params) -> Preprocessing:
    """How the images in the pixel store were made, and queries are to be. Raises MedhashError if there is no store."""
    pixels: np.ndarray = open_array(workspace.pixels, "ingest")
    cut = params.ingest.cut
    today = Preprocessing(
        size_px=pixels.shape[-1],
        max_image_pixels=params.ingest.max_image_pixels,
        channels=3 if pixels.shape[1] == 3 else 1,
        grid=0 if cut.into == "whole" else cut.grid,
        stain=params.ingest.stain,
        decoder=DECODER,
        prepared="",
    )
    return today.model_copy(update={"prepared": today.preparation().key()})
