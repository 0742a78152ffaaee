"""Two methods on the same queries."""

import numpy as np
import pytest
from builders import LABELS_OF_SETS
from evaluate.small import N_IMAGES, measured_tables

from medhash.core.documents import Figures
from medhash.core.errors import MedhashError
from medhash.core.params import EvaluateParams
from medhash.retrieval.evaluation.compare import compare
from medhash.retrieval.evaluation.measure import measure
from medhash.retrieval.evaluation.ranked import FIGURE_COLUMNS
from medhash.retrieval.measures.bootstrap import paired_bootstrap

SETTINGS = EvaluateParams(bootstrap_samples=20)


def with_noise(root, share, seed):
    """Measured codes that spell the labels but for a share of flipped bits."""
    random = np.random.default_rng(seed)
    rows = [[255 if label in LABELS_OF_SETS[image % 4] else 0 for label in range(3)] for image in range(N_IMAGES)]
    flipped = np.packbits(random.random((N_IMAGES, 24)) < share, axis=1)
    return measure(*measured_tables(root, np.array(rows, np.uint8) ^ flipped), SETTINGS, seed=0)


def test_the_better_method_lies_above_the_worse_in_every_figure(tmp_path):
    better, worse = with_noise(tmp_path / "a", 0.1, 0), with_noise(tmp_path / "b", 0.3, 1)
    found = compare(better.queries, worse.queries, 400, seed=0)
    assert set(found) == set(FIGURE_COLUMNS) == set(Figures.model_fields) - {"empty_ball_rate"}
    for name, difference in found.items():
        value = getattr(better.metrics.figures, name) - getattr(worse.metrics.figures, name)
        assert difference.value == pytest.approx(value, abs=1e-12)
        assert difference.low <= difference.value <= difference.high
    assert found["map"].low > 0
    assert found["map"].p_value < 0.05
    expected = paired_bootstrap(
        better.queries["ap_expected"].to_numpy()[:, None],
        worse.queries["ap_expected"].to_numpy()[:, None],
        better.queries["patient_id"].to_numpy().astype(str),
        400,
        0,
    )
    assert (found["map"].low, found["map"].high) == pytest.approx((expected.low[0], expected.high[0]), abs=1e-12)


def test_the_order_of_rows_does_not_matter_but_other_queries_or_relevance_are_refused(tmp_path, replaced):
    first, second = with_noise(tmp_path / "a", 0.1, 0).queries, with_noise(tmp_path / "b", 0.2, 1).queries
    found = compare(first, second, 50, seed=0)
    assert compare(first, second.take(list(range(47, -1, -1))), 50, seed=0) == found
    with pytest.raises(MedhashError, match="differ in column bag_id"):
        compare(first, second.slice(1), 50, seed=0)
    with pytest.raises(MedhashError, match="differ in column n_relevant"):
        compare(first, replaced(second, "n_relevant", [1] * 48), 50, seed=0)
    with pytest.raises(MedhashError, match="nothing is relevant"):
        compare(*(replaced(table, "n_relevant", [0] * 48) for table in (first, second)), 50, seed=0)
