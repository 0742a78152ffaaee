"""A new loss is one file and one row of the catalogue: checked, overridden, trained and recorded like the others."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from builders import small_workspace

ROOT = Path(__file__).parents[2]
FILE = """
from pydantic.dataclasses import dataclass

from medhash.hashing.objectives.objective import CodeBatch, Objective, Terms, Weight


@dataclass(frozen=True)
class MadeUpObjective(Objective):
    pull: Weight = 1.0
    unused: Weight = 0.0

    def terms(self, batch: CodeBatch) -> Terms:
        yield "pull", self.pull, lambda: (batch.h[:, None] - batch.h[None, :])[batch.similar].square().sum(-1).mean()
        yield "unused", self.unused, lambda: batch.h.sum() / 0
"""
IMPORT = "from medhash.hashing.objectives.made_up import MadeUpObjective\n"
ROW = '_OTHER_METHODS += (DeepMethod("made-up", "Made up", "Nobody (2020)", _NORMED, MadeUpObjective(), _SHORT),)\n'
PROGRAM = """
import json, sys
from pathlib import Path
from medhash.core.errors import MedhashError
from medhash.core.params import Params, TrainParams
from medhash.core.workspace import Workspace
from medhash.training.train import train_method

def train(overrides):
    section = TrainParams(epochs=1, threads=1, device="cpu", overrides={"made-up": overrides})
    params = Params(methods=["made-up"], size_px=16, bits=16, train=section)
    return train_method(Workspace(Path(sys.argv[1])), params, "made-up")

errors = []
for wrong in ({"pul": 0.5}, {"pull": -1.0}, {"pull": "0.5"}):
    try:
        train(wrong)
    except MedhashError as error:
        errors.append(str(error))
print(json.dumps({"errors": errors, "history": train({"pull": 0.5, "batch_size": 24})}))
"""


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    """What a checkout with the file and the row in its catalogue says and trains."""
    checkout, data = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("archive") / "data"
    shutil.copytree(ROOT / "medhash", checkout / "medhash", ignore=shutil.ignore_patterns("__pycache__"))
    hashing = checkout / "medhash" / "hashing"
    (hashing / "objectives" / "made_up.py").write_text(FILE)
    text = (hashing / "catalogue.py").read_text()
    for place, line in (("from medhash.hashing.shallow", IMPORT), ("CATALOGUE: dict", ROW)):
        text = text.replace(place, line + place, 1)
    (hashing / "catalogue.py").write_text(text)
    workspace = small_workspace(data, size_px=16)
    program = [sys.executable, "-c", PROGRAM, str(workspace.root)]
    done = subprocess.run(program, cwd=checkout, env={"PYTHONPATH": str(checkout)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), workspace


def test_its_term_reaches_the_history_and_a_term_of_weight_0_is_not_computed(answer):
    (epoch,) = answer[0]["history"]["epochs"]
    assert epoch["pull"] == epoch["loss"] > 0
    assert "unused" not in epoch


def test_its_settings_reach_the_model(answer):
    settings = json.loads((answer[1].model("made-up") / "model.json").read_text())["settings"]
    assert (settings["pull"], settings["unused"], settings["batch_size"]) == (0.5, 0.0, 24)


def test_wrong_overrides_are_named_before_anything_is_trained(answer):
    unknown, negative, text = answer[0]["errors"]
    assert "made-up has no setting 'pul'" in unknown
    assert "pull" in unknown.splitlines()[1]
    assert "setting pull: Input should be greater than or equal to 0" in negative
    assert "setting pull: Input should be a valid number" in text
