"""A release at work: the images of a case in, the nearest cases of its gallery out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

from medhash.archives.decode import DECODER
from medhash.core.contracts import RELEASED, read_table
from medhash.core.errors import MedhashError
from medhash.hashing.model import Coded, HashModel, load_model
from medhash.releases.release import IMAGES_FILE, LABELS_FILE, LabelSets, Release, read_release
from medhash.releases.searcher.case import Case, decode_case, names_of
from medhash.releases.searcher.case_attributes import CaseAttributes, memberships_by_name
from medhash.retrieval.code_table import read_codes
from medhash.retrieval.index import Index, KeptCodes, load_index, nearest_pair, ranked
from medhash.retrieval.preference import LEAVE_OUT, Preference, bit_weights
from medhash.retrieval.preferred_search import distances_by_part, preferred, stored_codes


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
    """Bits in which its code differs from the query's, as a whole, whatever is preferred."""
    labels: list[str]
    n_images: int
    matched: Matched | None
    """None where the release keeps no codes of single images."""
    by_sub_code: dict[str, int]
    """Sub-code → bits in which the two differ within it; empty of a code of one part."""
    attributes: dict[str, list[str]]
    """Attribute → its values; empty where labels are no combinations of attributes."""
    confidence: float | None
    """Least, over attributes (the preferred ones if there are), of its greatest membership; None if not known."""
    unsure: bool | None
    """Whether its confidence is below the least that was asked for, or not known; None if none was asked for."""

    def as_json(self) -> dict[str, Any]:
        """bag_id, distance, labels, and where it is known `matched` (query_image, image_id, distance), by_sub_code,
        attributes, confidence and unsure."""
        told: dict[str, Any] = {"bag_id": self.bag_id, "distance": self.distance, "labels": self.labels}
        extra = {
            "matched": self.matched._asdict() if self.matched is not None else None,
            "by_sub_code": self.by_sub_code or None,
            "attributes": self.attributes or None,
            "confidence": self.confidence,
            "unsure": self.unsure,
        }
        return told | {key: value for key, value in extra.items() if value is not None}


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
        labels, codes = LabelSets.read(folder / LABELS_FILE), read_codes(folder / "codes.parquet")
        self.label_sets: list[list[str]] = labels.sets
        self.kept = KeptCodes(codes)
        self.cases = CaseAttributes(self.index, labels, codes, self.model.spec.attributes)
        images = read_table(folder / IMAGES_FILE, RELEASED)
        self.of_bags: bool = images["bag_id"] != images["image_id"]
        """Whether a case of the gallery is a bag; otherwise it is an image, and has its id."""
        sizes = pc.value_counts(images["bag_id"])
        several = sizes.filter(pc.greater(sizes.field("counts"), 1))
        self.n_images: dict[str, int] = dict(
            zip(several.field("values").to_pylist(), several.field("counts").to_pylist(), strict=True)
        )
        """Bag → its images, for bags of more than one."""

    def case(self, images: Sequence[bytes]) -> Case:
        """The images of one case, as the gallery's were decoded; raises as `decode_case` does."""
        return decode_case(images, names_of(len(images)), self.release.preprocessing)

    def coded(self, case: Case) -> Coded:
        """The code of a case, and those of its images. The order of its files changes no bit of it."""
        return self.model.codes(case.pixels, case.starts)

    def memberships(self, case: Case) -> dict[str, dict[str, float]]:
        """Attribute → value → the case's membership in it; empty of a model without attributes."""
        if not self.model.spec.attributes:
            return {}
        membership = self.model.certainty(case.pixels, case.starts).membership
        return {} if membership is None else memberships_by_name(membership[0], self.model.spec.attributes)

    def found(
        self, case: Case, coded: Coded, k: int, exclude_patient: str | None = None, preference: Preference | None = None
    ) -> list[Found]:
        """The k nearest cases by (distance, bag_id), without those of a patient (pseudonym).

        preference: the distance is then the weighted one, and only some cases may answer. Raises MedhashError if it
        does not fit the release, or if k < 1.
        """
        code = coded.bags[0]
        if preference is None:
            positions = np.array([position for _, position in ranked(self.index, code, k, exclude_patient)], np.int64)
        else:
            weights = bit_weights(preference, self.model.spec.sub_codes, self.index.info.bits)
            positions = preferred(self.index, code, weights, k, self._candidates(exclude_patient, preference))
        return self._told(case, coded, positions, preference or Preference())

    def nearest(
        self,
        images: Sequence[bytes],
        k: int = 5,
        exclude_patient: str | None = None,
        preference: Preference | None = None,
    ) -> list[Found]:
        """The k cases of the gallery nearest to the case that these PNG, JPEG or DICOM files show.

        Raises MedhashError, which names no file, if one cannot be read, if there are too many, if k < 1, or if the
        preference does not fit the release.
        """
        case = self.case(images)
        return self.found(case, self.coded(case), k, exclude_patient, preference)

    def _candidates(self, exclude_patient: str | None, preference: Preference) -> np.ndarray:
        """The cases that may answer, bool (n,)."""
        own = self.index.patient_number.get(exclude_patient, -1) if exclude_patient is not None else -1
        candidates: np.ndarray = self.index.patient_of != own
        if preference.require:
            candidates &= self.cases.having(preference.require)
        if preference.min_confidence is not None and preference.below == LEAVE_OUT:
            candidates &= self.cases.sure(preference.min_confidence, preference.prefer)
        return candidates

    def _told(self, case: Case, coded: Coded, positions: np.ndarray, preference: Preference) -> list[Found]:
        """What is known of the cases at these positions."""
        parts = self.model.spec.sub_codes if len(self.model.spec.sub_codes) > 1 else []
        codes = stored_codes(self.index)[positions]
        distances = np.bitwise_count(codes ^ coded.bags[0]).sum(axis=1, dtype=np.int64)
        by_part = distances_by_part(codes, coded.bags[0], [(part.start, part.stop) for part in parts])
        confidence = self.cases.confidence(preference.prefer, positions)
        sure = (
            self.cases.sure(preference.min_confidence, preference.prefer, positions)
            if preference.min_confidence is not None
            else None
        )
        found = []
        for place, position in enumerate(positions.tolist()):
            bag_id = self.index.bag_ids[position].as_py()
            found.append(
                Found(
                    bag_id,
                    int(distances[place]),
                    self.label_sets[self.index.set_ids[position]],
                    self.n_images.get(bag_id, 1),
                    self._matched(case, coded, bag_id),
                    {part.name: int(distance) for part, distance in zip(parts, by_part[place], strict=True)},
                    self.cases.of(position),
                    None if np.isnan(confidence[place]) else float(confidence[place]),
                    None if sure is None else not sure[place],
                )
            )
        return found

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
    made, here = (
        " ".join(filter(None, parts))
        for parts in (
            (release.preprocessing.decoder, release.preprocessing.prepared),
            (DECODER, release.preprocessing.preparation().key()),
        )
    )
    if made.split(" ")[0] != here.split(" ")[0] or (
        release.preprocessing.prepared != release.preprocessing.preparation().key()
    ):
        raise MedhashError(
            f"the release of {release.method} was made with decoder {made}, but this code decodes with "
            f"{here}: the same image would get other pixels",
            "run the pipeline and promote again with "
            "this version of medhash, or search with the one the release was made with",
        )
