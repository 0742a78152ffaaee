"""A release without some images: the same model, fewer codes, checked like any other release."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from components.contracts import ENTRIES, RELEASED, codes_schema, is_certain, read_table, write_table
from components.errors import MedhashError
from components.files import sha256_file
from components.index.build import write_index
from components.index.code_table import PlacedCodes, code_info, read_codes, unpacked_bytes
from components.promote.assemble import digests
from components.promote.parts import load_parts
from components.promote.release import IMAGES_FILE, RELEASE_FILE, Release, check_release


def scrub_release(folder: Path, pseudonyms: list[str], into: Path) -> Release:
    """Write the release to another folder without the bags of these images; what was measured stays as it was.

    A bag's code was made of all its images, so the bag goes whole; the next run makes what is left of it anew.

    pseudonyms: of images, or of patients all of whose images go.

    Raises MedhashError if the release is damaged or of another format, or if its gallery would be empty.
    """
    release = check_release(folder)
    shutil.copytree(folder, into)
    images = read_table(folder / IMAGES_FILE, RELEASED)
    named = pa.array(pseudonyms, pa.string())
    gone = pc.or_(pc.is_in(images["patient_id"], value_set=named), pc.is_in(images["image_id"], value_set=named))
    gone_ids = images.filter(gone)["bag_id"].combine_chunks()
    write_table(into / IMAGES_FILE, images.filter(pc.invert(pc.is_in(images["bag_id"], value_set=gone_ids))), RELEASED)

    codes = read_codes(folder / "codes.parquet")
    info = code_info(codes.schema)
    kept = codes.filter(pc.invert(pc.is_in(codes["bag_id"], value_set=gone_ids)))
    metadata = {key.decode(): value.decode() for key, value in (codes.schema.metadata or {}).items()}
    write_table(into / "codes.parquet", kept, codes_schema(info.bits, is_certain(kept.schema)), metadata)

    entries = read_table(folder / "index" / "entries.parquet", ENTRIES)
    entries = entries.filter(pc.invert(pc.is_in(entries["bag_id"], value_set=gone_ids)))
    if not len(entries):
        raise MedhashError(
            f"without these images the gallery of the release of {release.method} is empty",
            "let `medhash promote` put another in its place if it is the champion, else delete its "
            "version in MLflow; then run the same command again",
        )
    rows = kept.take(pc.index_in(entries["bag_id"], value_set=kept["bag_id"].combine_chunks()))
    gallery = PlacedCodes(
        bag_ids=entries["bag_id"].to_numpy(),
        patient_ids=entries["patient_id"].to_numpy(),
        folds=rows["fold"].to_numpy(),
        set_ids=entries["set_id"].to_numpy(),
        codes=unpacked_bytes(rows["code"].combine_chunks()),
    )
    write_index(into / "index", gallery, info.model_digest, sha256_file(into / "codes.parquet"))

    parts = load_parts(into / "model", into / "codes.parquet", into / "index", into / "metrics.json")
    Release(**{**dict(release), **parts.facts(), "files": digests(into)}).write(into / RELEASE_FILE)
    return check_release(into)
