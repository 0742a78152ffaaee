import numpy as np
import pytest
import torch
from builders import small_workspace

from medhash.core.files import sha256_file
from medhash.core.params import Params, TrainParams
from medhash.training.augment import draw_partners, match_histograms
from medhash.training.train import train_method

LABELS = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], np.float32)
"""Image 3 is alone with its label and image 4 has none."""


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(seed=0):
    """Few grey values, so that many pixels are equal."""
    return torch.randint(0, 12, (5, 2, 6, 6), generator=generator(seed), dtype=torch.uint8)


def by_plain_loop(image, reference):
    """One channel: the r-th smallest of the pixels, equal ones in reading order, takes the r-th smallest value."""
    places = sorted(range(image.size), key=lambda place: (image.flat[place], place))
    out = image.copy()
    for place, value in zip(places, sorted(reference.flat), strict=True):
        out.flat[place] = value
    return out


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_every_channel_of_every_image_equals_the_plain_loop(dtype):
    images, partners = pictures().to(dtype), [3, 1, 0, 0, 2]
    before = images.clone()
    out = match_histograms(images, torch.tensor(partners))
    assert (out.dtype, out.shape) == (dtype, images.shape)
    for image, partner in enumerate(partners):
        for channel in range(2):
            expected = by_plain_loop(images[image, channel].numpy(), images[partner, channel].numpy())
            assert np.array_equal(out[image, channel].numpy(), expected)
    assert torch.equal(images, before)


def test_a_matched_image_has_its_partners_values_in_its_own_order_and_its_own_partner_stays():
    images, partners = pictures(1), torch.tensor([1, 2, 3, 4, 4])
    out = match_histograms(images, partners)
    assert torch.equal(out.flatten(2).sort(2).values, images[partners].flatten(2).sort(2).values)
    assert torch.equal(out[4], images[4])
    for image, matched in zip(images.flatten(0, 1).flatten(1), out.flatten(0, 1).flatten(1), strict=True):
        darker = image[:, None] < image[None, :]
        assert (matched[:, None] <= matched[None, :])[darker].all()


def test_without_equal_pixels_it_is_the_mapping_of_one_distribution_function_to_the_other():
    random = np.random.default_rng(0)
    image, reference = (
        random.permutation(random.choice(10_000, 1024, replace=False)).astype(np.float32) for _ in range(2)
    )
    shares = np.arange(1, 1025) / 1024
    expected = np.interp(np.interp(image, np.sort(image), shares), shares, np.sort(reference))
    both = torch.from_numpy(np.stack([image, reference]).reshape(2, 1, 32, 32))
    np.testing.assert_allclose(match_histograms(both, torch.tensor([1, 1]))[0].flatten(), expected, rtol=1e-5)


def test_partners_are_those_of_a_plain_loop_over_the_same_draws():
    labels = np.tile(LABELS, (2, 1))
    for part in (slice(0, 16), slice(8, 16), slice(4, 8)):
        draws = torch.rand((16, 2), generator=generator(7), dtype=torch.float64)[part].tolist()
        own = labels[part].tolist()
        expected = []
        for place, (first, second) in enumerate(draws):
            alike = [
                other
                for other in range(len(own))
                if other != place and any(a and b for a, b in zip(own[place], own[other], strict=True))
            ]
            expected.append(alike[int(second * len(alike))] if alike and first < 0.6 else place)
        assert draw_partners(labels, part, 0.6, generator(7)).tolist() == expected


def test_partners_share_a_label_are_equally_likely_and_the_share_is_kept():
    labels, before = np.tile(LABELS, (500, 1)), LABELS.copy()
    met = np.zeros((8, 8))
    matched = np.zeros(8)
    for batch in range(4000):
        partners = draw_partners(LABELS, slice(0, 8), 0.4, generator(batch)).numpy()
        matched += partners != np.arange(8)
        met[np.arange(8), partners] += partners != np.arange(8)
    assert np.array_equal(LABELS, before)
    assert not met[LABELS @ LABELS.T == 0].any()
    assert not matched[[3, 4]].any()
    np.testing.assert_allclose(np.delete(matched, [3, 4]) / 4000, 0.4, atol=0.03)
    for row in np.delete(met, [3, 4], axis=0):
        np.testing.assert_allclose(row[row > 0], row.sum() / np.count_nonzero(row), rtol=0.2)
    everyone = draw_partners(labels, slice(0, 4000), 1.0, generator()).numpy().reshape(500, 8)
    assert (everyone != np.arange(4000).reshape(500, 8))[:, [0, 1, 2, 3, 5, 6, 7]].all()
    assert (everyone[:, 4] == np.arange(4000).reshape(500, 8)[:, 4]).all()


def test_the_same_images_are_matched_for_every_number_of_processes_each_within_its_own_part():
    labels = np.ones((12, 2), np.float32)
    whole = draw_partners(labels, slice(0, 12), 0.5, generator(3)).numpy()
    parts = [draw_partners(labels, slice(start, start + 4), 0.5, generator(3)).numpy() for start in (0, 4, 8)]
    changed = np.concatenate([part != np.arange(4) for part in parts])
    assert np.array_equal(whole != np.arange(12), changed)
    assert all(part.max() < 4 for part in parts)
    stranger = labels.copy()
    stranger[4:] = 0
    assert draw_partners(stranger, slice(0, 4), 0.5, generator(3)).tolist() == parts[0].tolist()


def test_a_training_without_matching_draws_nothing_for_it_and_one_with_it_moves_no_other_draw(tmp_path, monkeypatch):
    workspace = small_workspace(tmp_path, size_px=16)

    def weights(share, name):
        settings = Params(
            methods=["drh-18"],
            size_px=16,
            bits=16,
            train=TrainParams(
                epochs=1, threads=1, device="cpu", histogram_matching=share, overrides={"drh-18": {"batch_size": 24}}
            ),
        )
        train_method(workspace, settings, "drh-18", out=tmp_path / name)
        return sha256_file(tmp_path / name / "weights.safetensors")

    matched = weights(0.5, "matched")
    assert weights(0.5, "again") == matched
    monkeypatch.setattr("medhash.training.loop.match_histograms", lambda images, partners: images)
    drawn_only = weights(0.5, "drawn")
    monkeypatch.setattr("medhash.training.loop.draw_partners", None)
    assert weights(0.0, "without") == drawn_only != matched
