import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from medhash.hashing.catalogue import find_method
from medhash.hashing.networks.build import build_network
from medhash.hashing.objectives.dmih import DmihObjective
from medhash.training.step import BatchLoss

METHODS = ("drh-18", "osdh-paper", "dmih-si")
SCRIPT = """
import json, sys
sys.path[:0] = {paths!r}
import torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from test_step import METHODS, batch, gradients, make
torch.set_num_threads(1)
rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method="file://{store}", rank=rank, world_size=2)
answers = {{}}
for method in METHODS:
    loss = DistributedDataParallel(make(method), find_unused_parameters=True)
    images, labels = batch()
    torch.manual_seed(5)
    terms = loss(images[rank * 6:rank * 6 + 6], labels, 2.0)
    sum(terms.values()).backward()
    answers[method] = {{"terms": {{name: term.item() for name, term in terms.items()}},
                        "gradients": gradients(loss.module)}}
print(json.dumps(answers))
"""


class TinyNetwork(nn.Module):
    """No batch normalisation: on CPU its statistics are each process's own."""

    def __init__(self):
        super().__init__()
        self.hash_layer = nn.Linear(16, 8)

    def forward(self, images, alpha):
        return torch.tanh(alpha * self.hash_layer(images.flatten(1)))


def make(method):
    torch.manual_seed(0)
    return BatchLoss(TinyNetwork(), find_method(method).objective.build(8, 3), "fp32")


def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.rand((12, 1, 4, 4), generator=generator), (torch.rand((12, 3), generator=generator) > 0.6).float()


def gradients(loss):
    return {name: parameter.grad.flatten().tolist() for name, parameter in loss.named_parameters()}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What each of two processes computed, by method."""
    here = Path(__file__).parent
    script = SCRIPT.format(paths=[str(here.parents[1]), str(here)], store=tmp_path_factory.mktemp("gloo") / "store")
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(rank)], stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    return [json.loads(process.communicate(timeout=240)[0].splitlines()[-1]) for process in started]


@pytest.mark.parametrize("method", METHODS)
def test_two_processes_get_the_loss_and_gradient_of_one_with_the_whole_batch(method, answers):
    loss = make(method)
    images, labels = batch()
    torch.manual_seed(5)
    terms = loss(images, labels, 2.0)
    torch.stack(list(terms.values())).sum().backward()
    for answer in (answer[method] for answer in answers):
        assert answer["terms"] == pytest.approx({name: term.item() for name, term in terms.items()}, rel=1e-5)
        for name, gradient in gradients(loss).items():
            assert answer["gradients"][name] == pytest.approx(gradient, rel=1e-4, abs=1e-7), name


BAGS = torch.tensor([0, 3, 4, 6, 12])
BAG_LABELS = torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]])


def bag_gradients(done, instances=0.5):
    torch.manual_seed(0)
    network = build_network(find_method("dmih-attention").network, 8)
    loss = BatchLoss(network, DmihObjective(instances=instances).build(8, 3), "fp32")
    images = torch.rand((12, 1, 16, 16), generator=torch.Generator().manual_seed(1))
    terms = loss(images, BAG_LABELS, 1.0, BAGS, done)
    torch.stack(list(terms.values())).sum().backward()
    return {name: parameter.grad for name, parameter in loss.named_parameters()}


def test_at_the_end_of_training_the_instance_arm_moves_no_weight():
    with_arm, without = bag_gradients(1.0), bag_gradients(1.0, instances=0.0)
    assert all(torch.equal(gradient, without[name]) for name, gradient in with_arm.items())
    before = bag_gradients(0.9)
    assert not any(torch.equal(gradient, without[name]) for name, gradient in before.items() if gradient.any())
    assert with_arm["network.attention.score_layer.weight"].any()
