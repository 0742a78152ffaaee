import numpy as np
import pytest
import torch

from medhash.hashing.bags import bags_of_one
from medhash.hashing.networks.build import build_network
from medhash.training.data import Fold
from medhash.training.deep import to_input
from medhash.training.validation import Encoder, code_health, mean_average_precision

LEVELS = np.array([[1, 0], [0, 1]], np.int16)


def fold(sets, patients):
    count = len(sets)
    return Fold(
        np.arange(count).astype(str),
        np.arange(count),
        bags_of_one(count),
        np.eye(2, dtype=np.float32)[sets],
        np.array(sets, np.int32),
        np.array(patients),
    )


def test_map_by_hand_leaves_out_the_same_patient_and_takes_ties_in_expectation():
    gallery, codes = fold([0, 1, 0, 0], [1, 2, 3, 9]), np.array([[0b0], [0b0], [0b1], [0b0]], np.uint8)
    # The query's own patient 9 is left out. Distance 0: one relevant, one not, tied; distance 1: one relevant.
    # AP = mean over the two orders of (1/1 + 2/3)/2 and (1/2 + 2/3)/2.
    figure = mean_average_precision(fold([0], [9]), np.array([[0]], np.uint8), gallery, codes, LEVELS)
    assert figure == pytest.approx(((1 + 2 / 3) / 2 + (1 / 2 + 2 / 3) / 2) / 2)


def test_queries_without_anything_relevant_stand_outside():
    gallery, codes = fold([0, 0], [1, 2]), np.zeros((2, 1), np.uint8)
    assert mean_average_precision(fold([1], [9]), codes[:1], gallery, codes, LEVELS) == 0
    assert mean_average_precision(fold([1, 0], [8, 9]), codes, gallery, codes, LEVELS) == 1


def test_code_health_counts_distinct_codes_and_the_least_balanced_bit():
    health = code_health(np.array([[0b10000000], [0b10000000], [0b11001111], [0b10110000]], np.uint8))
    assert health == {"distinct_codes": 3, "worst_bit_imbalance": 0.5}


def test_relaxed_codes_are_those_of_the_network_in_evaluation_mode_at_the_rows_asked_for():
    torch.manual_seed(0)
    network = build_network({"kind": "residual", "depth": 18, "width": "paper", "stem": "small"}, 16, 1).train()
    pixels = np.random.default_rng(0).integers(0, 256, (9, 1, 16, 16), dtype=np.uint8)
    rows = np.array([7, 2, 3])
    encoded = Encoder(network, pixels, torch.device("cpu"), "fp32", to_input)(rows, alpha=4.0)
    assert network.training
    with torch.no_grad():
        relaxed = network.eval()(torch.from_numpy(pixels[rows] / 255).float(), alpha=4.0)
    assert np.array_equal(encoded, relaxed.numpy())
