"""A release at work: the images of a case in, the nearest cases of its gallery out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.compute as pc

from components.contracts import RELEASED, read_table
from components.errors import MedhashError
from components.hashing.model import Coded, HashModel, load_model
from components.index.code_table import read_codes
from components.index.matching import KeptCodes, nearest_pair
from components.index.search import Index, load_index, search
from components.ingest.decode import DECODER
from components.promote.case import Case, decode_case, names_of
from components.promote.release import IMAGES_FILE, LABELS_FILE, LabelSets, Release, read_release


class Matched(NamedTuple):
    """The pair of images, one of the query and one of a neighbour, whose codes are nearest."""

    query_image: int
    """Number of the query's image, counted from 1."""
    image_id: str
    distance: int
    """Bits in which their codes differ."""


class Found(NamedTuple):
    """A case of the gallery."""

    bag_id: str
    distance: int
    """Bits in which its code differs from the query's."""
    labels: list[str]
    n_images: int
    matched: Matched | None
    """None where the release keeps no codes of single images."""

    def as_json(self) -> dict[str, Any]:
        """bag_id, distance, labels, and where it is known `matched`: query_image, image_id, distance."""
        told = {"bag_id": self.bag_id, "distance": self.distance, "labels": self.labels}
        return told if self.matched is None else told | {"matched": self.matched._asdict()}


class LoadedRelease:
    """Model and index of a release folder, in memory; the folder may go once it is loaded.

    Raises MedhashError if the release is of another format, or its images were decoded in another way than this code
    decodes queries.
    """

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        self.release: Release = read_release(folder)
        require_decoder(self.release)
        self.model: HashModel = load_model(folder / "model", device)
        self.index: Index = load_index(folder / "index")
        self.label_sets: list[list[str]] = LabelSets.read(folder / LABELS_FILE).sets
        self.kept = KeptCodes(read_codes(folder / "codes.parquet"))
        images = read_table(folder / IMAGES_FILE, RELEASED)
        self.of_bags: bool = images["bag_id"] != images["image_id"]
        """Whether a case of the gallery is a bag; otherwise it is an image, and has its id."""
        sizes = pc.value_counts(images["bag_id"])
        several = sizes.filter(pc.greater(sizes.field("counts"), 1))
        self.n_images: dict[str, int] = dict(zip(several.field("values").to_pylist(),
                                                 several.field("counts").to_pylist(), strict=True))
        """Bag → its images, for bags of more than one."""

    def case(self, images: Sequence[bytes]) -> Case:
        """The images of one case, as the gallery's were decoded; raises as `decode_case` does."""
        return decode_case(images, names_of(len(images)), self.release.preprocessing)

    def coded(self, case: Case) -> Coded:
        """The code of a case, and those of its images. The order of its files changes no bit of it."""
        return self.model.codes(case.pixels, case.starts)

    def found(self, case: Case, coded: Coded, k: int, exclude_patient: str | None = None) -> list[Found]:
        """The k nearest cases by (distance, bag_id), without those of a patient (pseudonym)."""
        return [Found(near.bag_id, near.distance, self.label_sets[near.set_id], self.n_images.get(near.bag_id, 1),
                      self._matched(case, coded, near.bag_id))
                for near in search(self.index, coded.bags[0], k, exclude_patient)]

    def nearest(self, images: Sequence[bytes], k: int = 5, exclude_patient: str | None = None) -> list[Found]:
        """The k cases of the gallery nearest to the case that these PNG, JPEG or DICOM files show.

        Raises MedhashError, which names no file, if one cannot be read, if there are too many, or if k < 1.
        """
        case = self.case(images)
        return self.found(case, self.coded(case), k, exclude_patient)

    def _matched(self, case: Case, coded: Coded, bag_id: str) -> Matched | None:
        images = self.kept.of(bag_id)
        if images is None:
            return None
        pair = nearest_pair(coded.instances, images.codes)
        return Matched(int(case.image_of[pair.first]), images.image_ids[pair.second], pair.distance)


def require_decoder(release: Release) -> None:
    """Raise MedhashError if this code decodes images into other pixels than the release's gallery was made of.

    The first word of the decoder's version counts; other versions of the libraries after it decode the same files, of
    lossy ones at most single grey values apart. So do the versions of cutting and of stains.
    """
    made, here = (" ".join(filter(None, parts)) for parts in (
        (release.preprocessing.decoder, release.preprocessing.prepared),
        (DECODER, release.preprocessing.preparation().key())))
    if made.split(" ")[0] != here.split(" ")[0] or (release.preprocessing.prepared
                                                    != release.preprocessing.preparation().key()):
        raise MedhashError(f"the release of {release.method} was made with decoder {made}, but this code decodes with "
                           f"{here}: the same image would get other pixels", "run the pipeline and promote again with "
                           "this version of medhash, or search with the one the release was made with")
