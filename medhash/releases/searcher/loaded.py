"""A release in memory: the images of a case in, the nearest cases of its gallery out."""

import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from medhash.archives.decode import DECODER
from medhash.core.contracts import RELEASED, read_table
from medhash.core.errors import MedhashError
from medhash.hashing.model import Coded, HashModel, load_model
from medhash.releases.release import IMAGES_FILE, LABELS_FILE, LabelSets, Release, read_release
from medhash.releases.searcher.answer import Answer, Match, Neighbour
from medhash.releases.searcher.case import Case, decode_case, names_of
from medhash.releases.searcher.case_attributes import CaseAttributes, memberships_by_name
from medhash.retrieval.code_table import read_codes
from medhash.retrieval.index import Index, KeptCodes, load_index, nearest_pair, ranked_positions
from medhash.retrieval.preference import LEAVE_OUT, Preference, bit_weights, parse_preference
from medhash.retrieval.preferred_search import distances_by_part, preferred_neighbours, stored_codes

Image = str | Path | bytes
"""A PNG, JPEG or DICOM file: its path, or its bytes."""


class LoadedRelease:
    """Model and index of a release folder, in memory; the folder may go once it is loaded.

    Raises MedhashError if the release is of another format, or its images were decoded in another way than this code
    decodes queries.
    """

    def __init__(self, folder: Path, device: str = "cpu", version: str | None = None) -> None:
        self.version = version
        """Number of the release's version in MLflow; None for a release folder."""
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

    def search(
        self,
        images: Image | Sequence[Image],
        k: int = 5,
        *,
        prefer: str | Sequence[str] = (),
        weights: Mapping[str, float] | None = None,
        require: Mapping[str, str] | None = None,
        min_confidence: float | None = None,
        below: str = "",
        exclude_patient: str | None = None,
    ) -> Answer:
        """The k cases of the gallery nearest to one case, which one image shows or several do.

        prefer: attributes that come first, the most important one foremost. weights: attribute → weight of its
        distance; the others weigh 1. require: attribute → value that a neighbour must have. min_confidence: in (0, 1];
        cases below it are marked `unsure`, or with below="leave-out" not searched. exclude_patient: the pseudonym of a
        patient whose images are left out.

        Raises MedhashError if k < 1, an image cannot be read, there are more than a case may have, or the preferences
        do not fit the release. The text names an image by its number, never by its file's name.
        """
        preference = parse_preference(
            prefer if isinstance(prefer, str) else ",".join(prefer),
            ",".join(f"{name}={_decimal(weight)}" for name, weight in (weights or {}).items()),
            [f"{name}={value}" for name, value in (require or {}).items()],
            "" if min_confidence is None else _decimal(min_confidence),
            below,
        )
        return self.answer(images, k, exclude_patient, preference)

    def answer(
        self,
        images: Image | Sequence[Image],
        k: int = 5,
        exclude_patient: str | None = None,
        preference: Preference | None = None,
    ) -> Answer:
        """As `search`, with the preferences in one object."""
        spec, preprocessing = self.model.spec, self.release.preprocessing
        blank = np.zeros((1, preprocessing.channels, preprocessing.size_px, preprocessing.size_px), np.uint8)
        self.model.codes(blank, np.array([0, 1]))  # the first call builds the network
        started = time.perf_counter()
        case = self.case(images)
        decoded = time.perf_counter()
        coded, attention, memberships = self.coded(case), self._attention(case), self.memberships(case)
        encoded = time.perf_counter()
        neighbours = self.found(case, coded, k, exclude_patient, preference)
        found = time.perf_counter()
        return Answer(
            case=case,
            neighbours=neighbours,
            attention=attention,
            memberships=memberships,
            preference=preference,
            decode_ms=1e3 * (decoded - started),
            encode_ms=1e3 * (encoded - decoded),
            search_ms=1e3 * (found - encoded),
            method=spec.method,
            bits=spec.bits,
            of_bags=self.of_bags,
            are_cut=preprocessing.grid > 0,
            version=self.version,
        )

    def encode(self, cases: Sequence[Image | Sequence[Image]]) -> np.ndarray:
        """The codes of n cases, packed, uint8 (n, bits / 8). A case is one image, or a sequence of its images.

        Raises MedhashError as `search` does, naming the case by its number, counted from 1.
        """
        codes = np.empty((len(cases), self.model.spec.bits // 8), np.uint8)
        for number, images in enumerate(cases):
            try:
                codes[number] = self.coded(self.case(images)).bags[0]
            except MedhashError as error:
                raise MedhashError(f"case {number + 1}: {error.problem}", error.fix) from error
        return codes

    def case(self, images: Image | Sequence[Image]) -> Case:
        """The images of one case, decoded as the gallery's were; raises as `decode_case` does."""
        several = [images] if isinstance(images, str | Path | bytes) else images
        names = names_of(len(several))
        return decode_case(_contents(several, names), names, self.release.preprocessing)

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
    ) -> list[Neighbour]:
        """The k nearest cases by (distance, bag_id), without those of a patient (pseudonym).

        preference: the distance is then the weighted one, and only some cases may answer. Raises MedhashError if it
        does not fit the release, or if k < 1.
        """
        code = coded.bags[0]
        if preference is None:
            positions = np.array(
                [position for _, position in ranked_positions(self.index, code, k, exclude_patient)], np.int64
            )
        else:
            weights = bit_weights(preference, self.model.spec.sub_codes, self.index.info.bits)
            positions = preferred_neighbours(
                self.index, code, weights, k, self._candidates(exclude_patient, preference)
            )
        return self._neighbours(case, coded, positions, preference or Preference())

    def _attention(self, case: Case) -> dict[int, float] | None:
        """The weights of a file's parts count together."""
        if len(case.numbers) == 1:
            return None
        weights = self.model.attention(case.pixels, case.starts)
        if weights is None:
            return None
        return {number: float(weights[case.image_of == number].sum()) for number in case.numbers}

    def _candidates(self, exclude_patient: str | None, preference: Preference) -> np.ndarray:
        """The cases that may answer, bool (n,)."""
        own = self.index.patient_number.get(exclude_patient, -1) if exclude_patient is not None else -1
        candidates: np.ndarray = self.index.patient_of != own
        if preference.require:
            candidates &= self.cases.having(preference.require)
        if preference.min_confidence is not None and preference.below == LEAVE_OUT:
            candidates &= self.cases.sure(preference.min_confidence, preference.prefer)
        return candidates

    def _neighbours(self, case: Case, coded: Coded, positions: np.ndarray, preference: Preference) -> list[Neighbour]:
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
        neighbours = []
        for place, position in enumerate(positions.tolist()):
            bag_id = self.index.bag_ids[position].as_py()
            neighbours.append(
                Neighbour(
                    rank=place + 1,
                    id=bag_id,
                    distance_bits=int(distances[place]),
                    labels=self.label_sets[self.index.set_ids[position]],
                    n_images=self.n_images.get(bag_id, 1),
                    match=self._match(case, coded, bag_id),
                    by_sub_code={part.name: int(bits) for part, bits in zip(parts, by_part[place], strict=True)},
                    attributes=self.cases.of(position),
                    confidence=None if np.isnan(confidence[place]) else float(confidence[place]),
                    unsure=None if sure is None else not sure[place],
                )
            )
        return neighbours

    def _match(self, case: Case, coded: Coded, bag_id: str) -> Match | None:
        images = self.kept.of(bag_id)
        if images is None:
            return None
        pair = nearest_pair(coded.instances, images.codes)
        return Match(int(case.image_of[pair.first]), images.image_ids[pair.second], pair.distance)


def _contents(images: Sequence[Image], names: Sequence[str]) -> Iterator[bytes]:
    """One file after the other, so that a case of large films is never in memory as a whole."""
    for image, name in zip(images, names, strict=True):
        if isinstance(image, bytes):
            yield image
            continue
        try:
            content = Path(image).read_bytes()
        except OSError as error:
            raise MedhashError(
                f"{name} cannot be opened: {error.strerror}", "give the path of a PNG, JPEG or DICOM file"
            ) from error
        yield content


def _decimal(number: float) -> str:
    """Without an exponent: 0.00001, not 1e-05."""
    return format(Decimal(str(number)), "f")


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
