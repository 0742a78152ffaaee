"""A finished run in a test's hands: the stages after training, and ways to change what they left."""

from pathlib import Path

import numpy as np

from medhash.core.documents import Metrics
from medhash.core.params import Params, load_params
from medhash.core.workspace import Workspace


def after_training(workspace: Workspace, params: Params, method: str) -> Metrics:
    """Encode, index and measure a method, without the latency and the log of the stage evaluate."""
    from components.encode.__main__ import main as encode

    assert encode(["--root", str(workspace.root), "--method", method]) == 0
    return index_and_measure(workspace, params, method)


def index_and_measure(workspace: Workspace, params: Params, method: str) -> Metrics:
    """The same from the codes on."""
    from components.index.__main__ import main as index
    from medhash.core.contracts import QUERIES, write_table
    from medhash.retrieval.code_table import read_codes
    from medhash.retrieval.evaluation.headline import headline_of
    from medhash.retrieval.evaluation.measure import measure
    from medhash.retrieval.evaluation.tables import Tables

    assert index(["--root", str(workspace.root), "--method", method]) == 0
    metrics, queries = measure(
        read_codes(workspace.codes(method)), Tables.read(workspace), params.evaluate, params.seed
    )
    metrics.write(workspace.metrics(method) / "metrics.json")
    headline_of(metrics).write(workspace.metrics(method) / "headline.json")
    write_table(workspace.metrics(method) / "queries.parquet", queries, QUERIES)
    return metrics


class Run:
    """A copy of the finished run that a test may change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workspace = Workspace(root)

    def params(self, *methods: str, **promote: float | int) -> Params:
        """The run's settings with these methods, and settings of the section promote changed."""
        settings = load_params(self.root / "params.yaml")
        return settings.model_copy(
            update={"methods": list(methods), "promote": settings.promote.model_copy(update=promote)}
        )

    def figures(self, method: str) -> Metrics:
        return Metrics.read(self.workspace.metrics(method) / "metrics.json")

    def set_figures(self, method: str, **changed: float | str) -> None:
        """Change figures of a method's metrics.json: validation_map, evaluation_digest …"""
        metrics = self.figures(method)
        metrics.model_copy(update=changed).write(self.workspace.metrics(method) / "metrics.json")

    def forget(self, n_images: int) -> None:
        """Take the last test images out of labels and split, as if the data had changed."""
        from medhash.core.contracts import LABELS, SPLIT, read_table, write_table

        for path, schema in ((self.workspace.labels, LABELS), (self.workspace.split, SPLIT)):
            table = read_table(path, schema)
            write_table(path, table.take(np.arange(len(table) - n_images)), schema)
