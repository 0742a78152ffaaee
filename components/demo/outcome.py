"""What a run came to, for the terminal: the figures of every method beside chance."""

from components.documents import Metrics
from components.params import Params
from components.workspace import Workspace


def metric_table(workspace: Workspace, params: Params) -> str:
    """A row per method, best MAP first, the chance row last. Raises MedhashError if a method has no metrics."""
    metrics = sorted(
        (Metrics.read(workspace.metrics(method) / "metrics.json") for method in params.methods),
        key=lambda one: (-one.figures.map, one.method),
    )
    width = max(len(one.method) for one in metrics) + 1
    lines = [f"{'method':<{width}}{'MAP':>7}  {'95 % interval':<16}{'NDCG@100':>9}{'P@H2':>7}{'distinct codes':>16}"]
    for one in metrics:
        interval = one.intervals["map"]
        lines.append(
            f"{one.method:<{width}}{one.figures.map:>7.3f}  [{interval.low:.3f}, {interval.high:.3f}]  "
            f"{one.figures.ndcg_at_100:>9.3f}{one.figures.precision_h2:>7.3f}{one.n_distinct_codes:>16,}"
        )
    chance = metrics[0].chance
    lines.append(
        f"{'chance':<{width}}{chance.map:>7.3f}  {'':<16}{chance.ndcg_at_100:>9.3f}{chance.precision_h2:>7.3f}"
    )
    lines.append(
        f"{metrics[0].n_queries:,} test cases searched {metrics[0].n_gallery:,} gallery cases; "
        f"codes of {metrics[0].bits} bits; P@H2: precision within Hamming radius 2"
    )
    return "\n".join(lines)
