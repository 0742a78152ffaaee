"""The codes that a release's model gives today's images: released codes where the file is the same, else anew."""

from pathlib import Path

from components.contracts import IMAGES, RELEASED, read_table
from components.errors import MedhashError
from components.ingest.decode import DECODER
from components.params import Params
from components.promote.release import IMAGES_FILE, read_release
from components.workspace import Workspace


def write_codes_today(workspace: Workspace, params: Params, release: Path, path: Path) -> int:
    """Write the code table of today's images by the model of a release folder; returns how many it encoded now.

    Images whose file is what it was keep their released codes. Raises MedhashError if the model cannot encode the
    others, as where the size of the images has changed.
    """
    import torch

    from components.encode.encode import encode_images, write_codes
    from components.hashing.model import load_model
    torch.set_num_threads(params.train.threads)
    model, known = load_model(release / "model"), _known_codes(workspace, release)
    try:
        image_ids, folds, packed = encode_images(workspace, model, known=known)
    except MedhashError as error:
        raise MedhashError(f"the champion cannot encode the images of this run, so it cannot be compared: "
                           f"{error.problem}", f"{error.fix}; or `medhash promote --force --reason …` puts this run's "
                           "best model in its place without comparing them") from error
    write_codes(path, model, image_ids, folds, packed)
    return len(set(image_ids) - known.keys())


def _known_codes(workspace: Workspace, release: Path) -> dict[str, bytes]:
    """Image id → released code, of images whose file and decoding are what they were at the release."""
    from components.index.code_table import read_codes
    if read_release(release).preprocessing.decoder != DECODER:
        return {}
    then, now = read_table(release / IMAGES_FILE, RELEASED), read_table(workspace.images, IMAGES)
    files = dict(zip(then["image_id"].to_pylist(), then["sha256"].to_pylist(), strict=True))
    same = {image_id for image_id, digest in zip(now["image_id"].to_pylist(), now["sha256"].to_pylist(), strict=True)
            if digest is not None and files.get(image_id) == digest}
    codes = read_codes(release / "codes.parquet")
    return {image_id: code for image_id, code in zip(codes["image_id"].to_pylist(), codes["code"].to_pylist(),
                                                     strict=True) if image_id in same}
