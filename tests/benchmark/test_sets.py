"""Data sets: overlays over params.yaml, and what is wrong with them said in the user's terms."""

import pytest
import yaml
from checkout import REPOSITORY

from medhash.core.data_sets import find_set, resolve_set
from medhash.core.errors import MedhashError
from medhash.core.params import Params

SHIPPED = sorted(path.stem for path in (REPOSITORY / "data" / "sets").glob("*.yaml"))


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "data" / "sets").mkdir(parents=True)
    (tmp_path / "archive").mkdir()
    (tmp_path / "params.yaml").write_text((REPOSITORY / "params.yaml").read_text())
    return tmp_path


def overlay(checkout, name="own", **sections):
    path = checkout / "data" / "sets" / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"ingest": {"archive": "archive"}} | sections))
    return path


def test_an_overlay_changes_what_it_names_and_nothing_else(checkout):
    below = Params.model_validate(yaml.safe_load((checkout / "params.yaml").read_text())).model_dump()
    above = resolve_set(checkout, overlay(checkout, size_px=128, train={"threads": 1}), epochs=3)
    assert (above["size_px"], above["train"]["threads"], above["train"]["epochs"]) == (128, 1, 3)
    assert above["labels"] == below["labels"]
    assert {key: above["train"][key] for key in above["train"] if key not in ("threads", "epochs")} == {
        key: below["train"][key] for key in below["train"] if key not in ("threads", "epochs")
    }


def test_overrides_of_params_yaml_can_be_emptied(checkout):
    document = yaml.safe_load((checkout / "params.yaml").read_text())
    document["train"]["overrides"] = {"osdh": {"learning_rate": 0.1}}
    (checkout / "params.yaml").write_text(yaml.safe_dump(document))
    assert resolve_set(checkout, overlay(checkout, train={"overrides": {}}), None)["train"]["overrides"] == {}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_set_is_valid_once_its_archive_is_there(name, checkout):
    document = yaml.safe_load((REPOSITORY / "data" / "sets" / f"{name}.yaml").read_text())
    document["ingest"]["archive"] = "archive"
    params = Params.model_validate(resolve_set(checkout, overlay(checkout, name, **document), None))
    if params.split.strategy != "combination":  # which is nobody's published list
        assert params.split.val_share == 0, "the published train list trains whole"
    assert set(params.features) == {"gist-512", "gist-1024", "lite0-224"}


def test_the_sets_of_the_papers_hold_their_papers_labels():
    labels = {
        name: yaml.safe_load((REPOSITORY / "data" / "sets" / f"{name}.yaml").read_text())["labels"] for name in SHIPPED
    }
    assert len(labels["openi"]["classes"]) == 9
    for name in ("nih-osdh", "sample-osdh"):
        assert len(labels[name]["classes"]) == 13
        assert "Hernia" not in labels[name]["classes"]
    assert labels["nih-osdh"]["images_per_class"] * len(labels["nih-osdh"]["classes"]) == 13_000


@pytest.mark.parametrize("name", ["nih-osdh", "openi"])
def test_an_archive_that_is_still_to_be_named_is_said_with_file_and_key(name, checkout):
    with pytest.raises(MedhashError, match=rf"{name}\.yaml: ingest\.archive") as caught:
        resolve_set(checkout, REPOSITORY / "data" / "sets" / f"{name}.yaml", None)
    assert f"{name}.yaml" in caught.value.fix


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"ingest": {"archive": "nowhere"}}, "nowhere does not exist"),
        ({"train": {"epoch": 3}}, r"train\.epoch"),
        ({"labels": {"no_finding": "maybe"}}, r"labels\.no_finding"),
    ],
)
def test_a_wrong_overlay_names_the_key(sections, said, checkout):
    with pytest.raises(MedhashError, match=said):
        resolve_set(checkout, overlay(checkout, **sections), None)


def test_an_unknown_set_lists_the_known_ones_and_a_taken_name_is_refused(checkout, tmp_path):
    overlay(checkout, "mine")
    with pytest.raises(MedhashError) as caught:
        find_set(checkout, "yours")
    assert "mine" in caught.value.fix
    twin = tmp_path / "mine.yaml"
    twin.write_text("{}")
    with pytest.raises(MedhashError, match="both be the data set mine"):
        find_set(checkout, str(twin))
    assert find_set(checkout, "mine")[0] == "mine"
