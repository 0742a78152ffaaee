"""What a search returns: the neighbours of a case, what is known of each, and the time each step took."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from medhash.releases.searcher.case import Case
from medhash.retrieval.preference import Preference


class Match(NamedTuple):
    """The pair of images, one of the query and one of a neighbour, whose codes are nearest."""

    query_image: int
    """Number of the query's image, counted from 1."""
    image_id: str
    distance_bits: int
    """Hamming distance of their codes."""


class Neighbour(NamedTuple):
    """A case of the gallery."""

    rank: int
    """Place in the answer, counted from 1."""
    id: str
    """`bag_id` of the tables; where every case is one image, that is its `image_id`."""
    distance_bits: int
    """Hamming distance of its whole code from the query's, whatever is preferred."""
    labels: list[str]
    n_images: int
    match: Match | None
    """None where the release keeps no codes of single images."""
    by_sub_code: dict[str, int]
    """Sub-code → Hamming distance within it; empty for a code of one part."""
    attributes: dict[str, list[str]]
    """Attribute → its values; empty where labels are no combinations of attributes."""
    confidence: float | None
    """The model's greatest membership in an attribute's values, the least over the attributes; over the preferred
    ones if there are any. None if not known."""
    unsure: bool | None
    """Whether its confidence is below `min_confidence` or not known; None if no minimum was set."""

    def as_json(self) -> dict[str, Any]:
        """bag_id, distance, labels; and where known `matched` (query_image, image_id, distance), by_sub_code,
        attributes, confidence and unsure."""
        match = self.match
        extra = {
            "matched": None
            if match is None
            else {"query_image": match.query_image, "image_id": match.image_id, "distance": match.distance_bits},
            "by_sub_code": self.by_sub_code or None,
            "attributes": self.attributes or None,
            "confidence": self.confidence,
            "unsure": self.unsure,
        }
        known = {key: value for key, value in extra.items() if value is not None}
        return {"bag_id": self.id, "distance": self.distance_bits, "labels": self.labels} | known


@dataclass(frozen=True)
class Answer:
    """The neighbours of a case, nearest first."""

    case: Case
    """The query as the model saw it."""
    neighbours: list[Neighbour]
    attention: dict[int, float] | None
    """Number of each of the query's images → its share of the code; the shares sum to one. None for one image, and for
    models without attention."""
    memberships: dict[str, dict[str, float]]
    """Attribute → value → the query's membership in it; empty for a model without attributes."""
    preference: Preference | None
    """What was asked for; None for the order by the whole code."""
    decode_ms: float
    encode_ms: float
    search_ms: float
    method: str
    bits: int
    of_bags: bool
    """Whether the gallery's cases are bags, not single images."""
    are_cut: bool
    """Whether every image is cut into parts, which then make up a case."""
    version: str | None
    """Number of the release's version in MLflow; None for a release folder."""
