"""How well labels follow from what the archive says of an image besides them: its origin, view and age group."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medhash.core.documents import Vocabulary
from medhash.retrieval.label_spread import label_matrix
from medhash.retrieval.shortcuts import image_facts

TOGETHER = "all together"


@dataclass(frozen=True)
class FactAuc:
    """How well one fact, or all together, predicts labels of test cases without a picture."""

    fact: str
    auc: float
    """ROC-AUC, mean over the labels; 0.5 is a guess."""
    strongest: str
    """The label that it predicts best."""
    strongest_auc: float


def labels_by_facts(
    images: pa.Table, labels: pa.Table, label_sets: pa.Table, vocabulary: Vocabulary, seed: int
) -> list[FactAuc]:
    """A logistic regression per label on each fact's values, fitted on train, measured on test.

    Rows follow the facts of `image_facts`; the last takes all together. A case has the facts of its first image.
    Labels without a positive or a negative case in train or test are left out; no rows if none is left, or if
    nothing is known of images. images, labels, label_sets: contracts of those names.
    """
    first = images.take(pc.index_in(labels["bag_id"], value_set=images["bag_id"].combine_chunks()).combine_chunks())
    values = {name: of_image for name, of_image in image_facts(first).items() if len(np.unique(of_image)) > 1}
    folds = np.asarray(labels["fold"].to_numpy(), dtype=str)
    carried = label_matrix(labels, label_sets, len(vocabulary.labels))
    fitted, asked = folds == "train", folds == "test"
    measurable = [
        label
        for label in range(carried.shape[1])
        if all(0 < carried[inside, label].sum() < inside.sum() for inside in (fitted, asked))
    ]
    if not values or not measurable:
        return []
    columns = {name: of_case[:, None] == np.unique(of_case)[None, :] for name, of_case in values.items()}
    if len(columns) > 1:
        columns[TOGETHER] = np.hstack(list(columns.values()))
    found = []
    for name, known in columns.items():
        aucs = [
            _auc(known[fitted], carried[fitted, one], known[asked], carried[asked, one], seed) for one in measurable
        ]
        best = int(np.argmax(aucs))
        found.append(FactAuc(name, float(np.mean(aucs)), vocabulary.labels[measurable[best]], aucs[best]))
    return found


def _auc(known: np.ndarray, carried: np.ndarray, asked: np.ndarray, truth: np.ndarray, seed: int) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    fitted = LogisticRegression(random_state=seed).fit(known.astype(float), carried)
    return float(roc_auc_score(truth, fitted.decision_function(asked.astype(float))))
