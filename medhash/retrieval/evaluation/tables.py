"""The tables that a measurement reads beside the codes."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from medhash.core.contracts import IMAGES, LABEL_SETS, LABELS, SIMILARITY, read_table
from medhash.core.documents import Vocabulary
from medhash.core.workspace import Workspace


@dataclass(frozen=True)
class Tables:
    """Contracts of the same names, and the vocabulary that label_sets points into."""

    images: pa.Table
    labels: pa.Table
    label_sets: pa.Table
    similarity: pa.Table
    vocabulary: Vocabulary

    @classmethod
    def read(cls, workspace: Workspace) -> Self:
        """As the stages left them. Raises MedhashError naming the file that is missing or broken."""
        return cls(
            images=read_table(workspace.images, IMAGES),
            labels=read_table(workspace.labels, LABELS),
            label_sets=read_table(workspace.label_sets, LABEL_SETS),
            similarity=read_table(workspace.similarity, SIMILARITY),
            vocabulary=Vocabulary.read(workspace.vocabulary),
        )

    def level_matrix(self) -> np.ndarray:
        """Contract SIMILARITY as a dense matrix: int16, (S, S), [set_a, set_b] → relevance level."""
        a, b = self.similarity["set_a"].to_numpy(), self.similarity["set_b"].to_numpy()
        size = int(max(a.max(initial=-1), b.max(initial=-1))) + 1
        levels = np.zeros((size, size), np.int16)
        levels[a, b] = self.similarity["level"].to_numpy()
        return levels

    def labels_by_set(self) -> dict[int, list[int]]:
        """set_id → indices into the vocabulary."""
        return dict(zip(self.label_sets["set_id"].to_pylist(), self.label_sets["labels"].to_pylist(), strict=True))
