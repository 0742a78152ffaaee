import logging

import pytest
import torch

from medhash.training.checkpoint import load_checkpoint, optimizer_state, restore_optimizer, save_checkpoint

TENSORS = {"loss/w": torch.arange(6.0).reshape(2, 3).T, "count": torch.tensor(3)}


def test_what_was_saved_comes_back_bit_for_bit(tmp_path):
    state = {"history": [{"loss": 0.1 + 0.2}], "best_epoch": 0}
    save_checkpoint(tmp_path / "m", "d", {"history": []}, {})
    save_checkpoint(tmp_path / "m", "d", state, TENSORS)
    loaded, tensors = load_checkpoint(tmp_path / "m", "d")
    assert loaded == state
    assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())


def flip_a_byte(folder):
    path = folder / "tensors.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "digest", "message"),
    [
        (lambda folder: None, "other", "other settings, data or code"),
        (flip_a_byte, "d", "damaged"),
        (lambda folder: (folder / "tensors.safetensors").unlink(), "d", "damaged"),
        (lambda folder: (folder / "state.json").write_text("{"), "d", "damaged"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_said_and_left(tmp_path, caplog, damage, digest, message):
    save_checkpoint(tmp_path / "m", "d", {}, TENSORS)
    damage(tmp_path / "m")
    with caplog.at_level(logging.WARNING):
        assert load_checkpoint(tmp_path / "m", digest) is None
    assert message in caplog.text


def test_what_a_kill_left_half_written_is_cleared_and_the_last_whole_one_is_used(tmp_path):
    save_checkpoint(tmp_path / "m", "d", {"epoch": 1}, TENSORS)
    half = tmp_path / ".m.4242.tmp"
    half.mkdir()
    (half / "tensors.safetensors").write_bytes(b"half")
    assert load_checkpoint(tmp_path / "m", "d")[0] == {"epoch": 1}
    assert not half.exists()


@pytest.mark.parametrize("make", [lambda p: torch.optim.AdamW(p, 0.01), lambda p: torch.optim.SGD(p, 0.1, 0.9)])
def test_a_restored_optimiser_takes_the_same_next_step(make, tmp_path):
    def steps(layer, optimizer, n):
        for _ in range(n):
            optimizer.zero_grad()
            layer(torch.ones(1, 3)).square().sum().backward()
            optimizer.step()

    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2)
    optimizer = make(layer.parameters())
    steps(layer, optimizer, 2)
    groups, tensors = optimizer_state(optimizer)
    save_checkpoint(tmp_path / "m", "d", {"groups": groups}, tensors)
    state, loaded = load_checkpoint(tmp_path / "m", "d")
    other = torch.nn.Linear(3, 2)
    other.load_state_dict(layer.state_dict())
    restored = make(other.parameters())
    restore_optimizer(restored, state["groups"], loaded)
    steps(layer, optimizer, 2)
    steps(other, restored, 2)
    assert torch.equal(layer.weight, other.weight)
