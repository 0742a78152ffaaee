"""Lift and the kNN label AUC, beside plain loops, scikit-learn, and codes whose answer is known."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from medhash.retrieval.measures.label_auc import label_auc, neighbour_votes
from medhash.retrieval.measures.lift import exchanged_precision, lift, lift_gains, lifts, within
from medhash.retrieval.measures.set_counts import count_by_euclidean, count_by_hamming

RANDOM = np.random.default_rng


def case(seed: int, n: int = 60, n_gallery: int = 90, n_sets: int = 6, bits: int = 16):
    """Codes, sets, patients of queries and gallery that share some patients, and the sets' multi-hot labels."""
    random = RANDOM(seed)
    carried = random.random((n_sets, 4)) < 0.45
    carried[0] = False  # a set without a label: never answerable
    make = lambda m: (  # noqa: E731
        random.integers(0, 256, (m, bits // 8), dtype=np.uint8),
        random.integers(0, n_sets, m),
        random.integers(0, m // 2, m),
    )
    return make(n), make(n_gallery), carried, (carried.astype(int) @ carried.T.astype(int)).astype(np.int16)


def plain_precision(distances: np.ndarray, relevant: np.ndarray) -> float:
    """Expected AP by the definition: every place's chance to be relevant, and what is expected before it."""
    order, total, n_relevant = np.argsort(distances, kind="stable"), 0.0, relevant.sum()
    before = gain = 0
    for distance in np.unique(distances[order]):
        group = relevant[distances == distance]
        c, r = len(group), int(group.sum())
        for place in range(1, c + 1):
            others = (r - 1) * (place - 1) / (c - 1) if c > 1 else 0
            total += r / c * (gain + 1 + others) / (before + place) if r else 0
        before, gain = before + c, gain + r
    return total / n_relevant if n_relevant else float("nan")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_strata", [1, 3])
def test_lift_is_map_less_the_mean_over_all_exchanges_by_plain_loops(seed, n_strata):
    (codes, sets, patients), (gallery, gallery_sets, gallery_patients), _, levels = case(seed)
    strata = np.arange(len(codes)) % n_strata
    counter = count_by_hamming(codes, gallery, gallery_sets, patients, gallery_patients)
    found = lift(within(exchanged_precision(counter, sets, patients, levels), strata), 0, 0)

    def precision(query: int, set_id: int) -> float:
        others = gallery_patients != patients[query]
        distances = np.unpackbits(codes[query] ^ gallery[others], axis=1).sum(axis=1)
        return plain_precision(distances, levels[set_id, gallery_sets[others]] > 0)

    own = np.array([precision(query, sets[query]) for query in range(len(codes))])
    asked = np.flatnonzero(~np.isnan(own))
    exchanged = [
        np.nanmean([precision(q, sets[r]) for q in asked for r in asked if strata[q] == strata[r] == stratum])
        for stratum in range(n_strata)
    ]
    sizes = [(strata[asked] == stratum).sum() for stratum in range(n_strata)]
    assert found.map == pytest.approx(np.nanmean(own))
    assert found.permuted == pytest.approx(np.average(exchanged, weights=sizes))
    assert found.value == pytest.approx(found.map - found.permuted)


def one_per_patient(codes, sets, levels, gallery, gallery_sets):
    patients = np.arange(len(codes))
    counter = count_by_hamming(codes, gallery, gallery_sets, patients, -1 - np.arange(len(gallery)))
    return exchanged_precision(counter, sets, patients, levels)


def groups(sets: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A random code of 32 bits for each set: pure groups."""
    return random.integers(0, 256, (int(sets.max()) + 1, 4), dtype=np.uint8)[sets]


def test_a_gallery_that_was_memorised_has_a_high_map_and_no_lift():
    levels, maps, inside = np.eye(3, dtype=np.int16), [], 0
    for seed in range(20):
        random = RANDOM(seed)
        gallery_sets, sets = random.integers(0, 3, 300), random.integers(0, 3, 200)
        gallery = groups(gallery_sets, random)
        codes = gallery[random.integers(0, 300, 200)]  # a query falls into a group whatever it shows
        found = lift(one_per_patient(codes, sets, levels, gallery, gallery_sets), 200, seed)
        maps.append(found.map)
        inside += found.low < 0 < found.high
    assert np.mean(maps) > 1 / 3 + 0.1
    assert inside >= 17  # of 20 intervals of 95 %


def test_codes_that_say_the_label_have_a_high_lift_and_none_once_the_labels_are_permuted():
    random, levels = RANDOM(0), np.eye(3, dtype=np.int16)
    sets, gallery_sets = random.integers(0, 3, 200), random.integers(0, 3, 300)
    code_of_set = random.integers(0, 256, (3, 4), dtype=np.uint8)
    found = lift(one_per_patient(code_of_set[sets], sets, levels, code_of_set[gallery_sets], gallery_sets), 200, 0)
    assert found.map == 1
    assert found.low > 0.4
    shuffled = [
        lift(
            one_per_patient(
                code_of_set[sets], RANDOM(seed).permutation(sets), levels, code_of_set[gallery_sets], gallery_sets
            ),
            0,
            0,
        ).value
        for seed in range(40)
    ]
    assert abs(np.mean(shuffled)) < 0.02


def test_a_confounder_held_fixed_takes_its_share_of_the_lift():
    # Codes tell the source, and the source nearly tells the label: nothing is left within a source.
    random, levels = RANDOM(3), np.eye(2, dtype=np.int16)
    source, gallery_source = random.integers(0, 2, 300), random.integers(0, 2, 300)
    sets, gallery_sets = (np.where(random.random(300) < 0.9, one, 1 - one) for one in (source, gallery_source))
    code_of_source = random.integers(0, 256, (2, 4), dtype=np.uint8)
    counter = count_by_hamming(
        code_of_source[source], code_of_source[gallery_source], gallery_sets, np.arange(300), -1 - np.arange(300)
    )
    whole = exchanged_precision(counter, sets, np.arange(300), levels)
    assert lift(whole, 300, 0).low > 0.2
    of_source = lift(within(whole, source), 300, 0)
    assert of_source.value == pytest.approx(0, abs=0.01)
    assert of_source.low < 0.01


def test_of_two_models_the_gain_is_the_difference_of_their_lifts_and_none_of_equal_ones():
    random, levels = RANDOM(0), np.eye(3, dtype=np.int16)
    sets, gallery_sets = random.integers(0, 3, 150), random.integers(0, 3, 200)
    code_of_set = random.integers(0, 256, (3, 4), dtype=np.uint8)
    good = one_per_patient(code_of_set[sets], sets, levels, code_of_set[gallery_sets], gallery_sets)
    gallery = groups(gallery_sets, random)
    bad = one_per_patient(gallery[random.integers(0, 200, 150)], sets, levels, gallery, gallery_sets)
    gain = lift_gains(good, bad, [np.ones(150, bool)], 300, 0)
    assert gain.mean[0] == pytest.approx(lift(good, 0, 0).value - lift(bad, 0, 0).value)
    assert gain.low[0] > 0.3
    assert gain.p_value[0] < 0.02
    same = lift_gains(good, good, [np.ones(150, bool)], 300, 0)
    assert (same.mean[0], same.low[0], same.high[0], same.p_value[0]) == (0, 0, 0, 1)


def test_a_slice_asks_its_labels_of_all_rankings():
    (codes, sets, patients), (gallery, gallery_sets, gallery_patients), _, levels = case(5)
    counter = count_by_hamming(codes, gallery, gallery_sets, patients, gallery_patients)
    whole = exchanged_precision(counter, sets, patients, levels)
    mask = sets == sets[whole.rows[0]]
    found, inside = lifts(whole, [mask], 0, 0)[0], mask[whole.rows]
    column = whole.dealt[inside][0]
    assert found.map == pytest.approx(whole.own[inside].mean())
    assert found.permuted == pytest.approx(np.nanmean(whole.under[:, column]))
    assert (found.n_queries, found.n_patients) == (inside.sum(), len(np.unique(patients[mask])))
    assert lifts(whole, [mask, np.ones(len(codes), bool)], 100, 0)[1] == lift(whole, 100, 0)


def test_euclidean_groups_rank_signs_as_hamming_does():
    (codes, sets, patients), (gallery, gallery_sets, gallery_patients), _, levels = case(6)
    signs, gallery_signs = (np.unpackbits(part, axis=1).astype(np.float32) * 2 - 1 for part in (codes, gallery))
    by_bits, by_distance = (
        lift(exchanged_precision(count(*pair, gallery_sets, patients, gallery_patients), sets, patients, levels), 50, 1)
        for count, pair in ((count_by_hamming, (codes, gallery)), (count_by_euclidean, (signs, gallery_signs)))
    )
    assert by_bits == pytest.approx(by_distance)


def test_votes_are_those_of_many_random_tie_orders_and_the_auc_is_scikit_learns():
    (codes, sets, patients), (gallery, gallery_sets, gallery_patients), carried, _ = case(7, bits=8)
    counter = count_by_hamming(codes, gallery, gallery_sets, patients, gallery_patients)
    votes, k, random = neighbour_votes(counter, carried, 10), 10, RANDOM(0)
    for query in (0, 7, 21):
        others = np.flatnonzero(gallery_patients != patients[query])
        distances = np.unpackbits(codes[query] ^ gallery[others], axis=1).sum(axis=1)
        drawn = [
            carried[gallery_sets[others[np.lexsort((random.random(len(others)), distances))[:k]]]].mean(axis=0)
            for _ in range(4000)
        ]
        assert votes[query] == pytest.approx(np.mean(drawn, axis=0), abs=0.01)
    asked = carried[sets]
    found = label_auc(votes, asked, patients, 200, 0)
    expected = [roc_auc_score(asked[:, label], votes[:, label]) for label in range(asked.shape[1])]
    assert found.by_label == pytest.approx(expected)
    assert found.value == pytest.approx(np.mean(expected))
    assert found.low < found.value < found.high


def test_a_label_that_no_query_carries_is_in_no_mean():
    votes, carried = np.array([[0.2, 0.5], [0.9, 0.1]]), np.array([[False, False], [True, False]])
    found = label_auc(votes, carried, np.arange(2), 0, 0)
    assert found.value == 1
    assert np.isnan(found.by_label[1])
