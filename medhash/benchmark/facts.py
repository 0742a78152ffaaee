"""facts.json of a row: what was trained and how, for the page that explains the figures."""

from medhash.core.documents import Document, ModelSpec

METRICS, QUERIES, FACTS, CODES, RELAXED, MODEL = (
    "metrics.json",
    "queries.parquet",
    "facts.json",
    "codes.parquet",
    "relaxed.npy",
    "model",
)
"""Names within a row's folder; the last two are not in every row."""
LARGEST_MODEL_BYTES = 4 << 20
"""A larger model is not kept: a hundred rows of them would fill the cache."""


class Facts(Document):
    """Everything about a row's training that repeats when it is run again."""

    method: str
    bits: int
    seed: int
    device: str
    """cpu or cuda: equal settings give equal bytes on one kind of device."""
    n_parameters: int
    n_epochs: int
    """Rows of the history; 1 for what is fitted in one step."""
    best_epoch: int
    """Row of the weights that were kept."""
    kept: dict[str, float | None]
    """That row: loss, validation MAP where there is a val fold …"""
    model: ModelSpec
