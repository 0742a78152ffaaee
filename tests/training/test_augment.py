import pytest
import torch

from medhash.training.augment import AugmentRange, augment, draw_augmentation


@pytest.fixture
def images():
    return torch.rand((3, 1, 20, 20), generator=torch.Generator().manual_seed(0))


def draws(**values):
    names = ["rotation", "shift_x", "shift_y", "scale", "gain", "offset", "log_gamma"]
    return torch.tensor([[values.get(name, 0.0) for name in names]] * 3)


def test_zero_draws_change_nothing(images):
    torch.testing.assert_close(augment(images, draws()), images, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"shift_x": 0.1}, lambda x: torch.cat([x[..., 2:], x[..., -1:].expand(-1, -1, -1, 2)], dim=3)),
        ({"shift_y": 0.1}, lambda x: torch.cat([x[..., 2:, :], x[..., -1:, :].expand(-1, -1, 2, -1)], dim=2)),
        ({"rotation": torch.pi / 2}, lambda x: torch.rot90(x, 1, (2, 3))),
        ({"gain": 0.5}, lambda x: (1.5 * x).clamp(0, 1)),
        ({"offset": -0.2}, lambda x: (x - 0.2).clamp(0, 1)),
        ({"log_gamma": 0.5}, lambda x: x ** torch.tensor(0.5).exp()),
    ],
)
def test_each_draw_does_what_its_name_says(images, values, expected):
    torch.testing.assert_close(augment(images, draws(**values)), expected(images), atol=1e-4, rtol=0)


def test_draws_repeat_with_the_seed_and_stay_in_range():
    ranges = AugmentRange(rotation_deg=10, shift=0.06)
    first, second = (draw_augmentation(1000, torch.Generator().manual_seed(3), ranges) for _ in range(2))
    assert torch.equal(first, second)
    assert first[:, 0].abs().max() <= torch.pi / 18
    assert 0.055 < first[:, 1].abs().max() <= 0.06
    assert abs(first.mean(dim=0)).max() < 0.02


def test_augmented_images_stay_in_range(images):
    many = images.repeat(50, 1, 1, 1)
    out = augment(many, draw_augmentation(len(many), torch.Generator().manual_seed(1), AugmentRange(gain=2, offset=2)))
    assert out.min() >= 0
    assert out.max() <= 1
