"""The parts of a method that make a release, loaded and held to one model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from components.documents import Metrics
from components.errors import MedhashError
from components.files import sha256_file, sha256_files
from components.hashing.model import HashModel, load_model
from components.index.code_table import code_info, read_codes
from components.index.search import Index, load_index, require_built_from


@dataclass(frozen=True)
class Parts:
    """Model, codes, index and figures of one model."""

    model: HashModel
    codes: pa.Table
    """Contract of codes/METHOD.parquet."""
    index: Index
    metrics: Metrics
    codes_digest: str
    index_digest: str

    def facts(self) -> dict[str, Any]:
        """What release.json says of them."""
        return {
            "method": self.metrics.method,
            "bits": self.metrics.bits,
            "model_digest": self.model.digest,
            "codes_digest": self.codes_digest,
            "index_digest": self.index_digest,
            "data_digest": self.model.spec.data_digest,
            "evaluation_digest": self.metrics.evaluation_digest,
        }


def load_parts(model: Path, codes: Path, index: Path, metrics: Path) -> Parts:
    """Load every part and check that they belong to one model; metrics: metrics.json.

    Raises MedhashError naming the file if a part is broken, or if model, codes, index and figures differ in code
    length or in the model they were made with.
    """
    figures = Metrics.read(metrics)
    loaded, table, built = load_model(model), read_codes(codes), load_index(index)
    info = code_info(table.schema, str(codes))
    require_built_from(built, index, codes, table)
    made_with = {
        str(codes): (info.bits, info.model_digest),
        str(index): (built.info.bits, built.info.model_digest),
        f"the figures in {metrics}": (figures.bits, figures.model_digest),
    }
    for part, (bits, digest) in made_with.items():
        if bits != loaded.spec.bits:
            raise MedhashError(
                f"{part} has codes of {bits} bits, the model in {model} of {loaded.spec.bits}",
                f"run encode, index and evaluate again for {figures.method}, or `dvc repro`",
            )
        if digest != loaded.digest:
            raise MedhashError(
                f"{part} comes from model {digest[:12]}…, but {model} holds model {loaded.digest[:12]}…",
                f"run encode, index and evaluate again for {figures.method}, or `dvc repro`",
            )
    return Parts(loaded, table, built, figures, sha256_file(codes), sha256_files(sorted(index.iterdir())))
