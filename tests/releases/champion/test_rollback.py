"""Going back to the champion's predecessor: once, twice, to where nothing is left, and cut off in between."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from releases.champion.registered import NAME, aliases, registry_of

from medhash.commands.rollback import main
from medhash.core.workspace import Workspace
from medhash.releases.audit import read_log
from medhash.releases.release import Release


def rollback(workspace: Workspace, *options: str) -> int:
    return main(["--root", str(workspace.root), "--reason", "worse in use", *options])


def test_it_goes_back_once_then_twice_and_then_says_that_nothing_is_further_back(workspace, capsys):
    assert aliases(workspace) == {"champion": 3, "previous": 2}
    assert rollback(workspace, "--by", "Dr. Roe") == 0
    assert "version 2 (lsh) is champion again, in place of version 3, by Dr. Roe at " in capsys.readouterr().out
    assert aliases(workspace) == {"champion": 2, "previous": 1}
    left = json.loads(registry_of(workspace).version("3").tags["rolled_back"])
    assert left.keys() == {"who", "at", "reason"}
    assert (left["who"], left["reason"]) == ("Dr. Roe", "worse in use")
    assert rollback(workspace) == 0
    assert aliases(workspace) == {"champion": 1}
    assert rollback(workspace) == 1
    assert "nothing to go back to" in capsys.readouterr().err
    assert aliases(workspace) == {"champion": 1}
    acts = [(line.entry.act, line.entry.what["from"], line.entry.what["to"]) for line in read_log(workspace)]
    assert acts == [("rollback", "3", "2"), ("rollback", "2", "1")]
    assert not (workspace.state / "staging").exists()
    assert "lease" not in registry_of(workspace).client.get_registered_model(NAME).tags


def test_a_version_promoted_again_by_hand_is_no_longer_rolled_back_and_leads_back_to_what_it_replaced(workspace):
    rollback(workspace)
    registry = registry_of(workspace)
    registry.promote(registry.version("3"))
    assert "rolled_back" not in registry.version("3").tags
    assert aliases(workspace) == {"champion": 3, "previous": 2}
    assert rollback(workspace) == 0
    assert aliases(workspace)["champion"] == 2


def test_a_model_that_was_rolled_back_stays_so_with_another_gallery_until_it_is_promoted(workspace, three_versions):
    registry, folder = registry_of(workspace), three_versions / "made-3" / "release"

    def another_gallery():
        return registry.register(Release.read(folder / "release.json"), folder, registry.version("3").run_id)

    earlier = another_gallery()
    rollback(workspace)
    again = another_gallery()
    left = {registry.version(number).tags["rolled_back"] for number in ("3", earlier.version, again.version)}
    assert len(left) == 1
    assert "rolled_back" not in registry.version("2").tags
    registry.promote(again)
    assert not any("rolled_back" in version.tags for version in registry.versions())
    assert rollback(workspace) == 0
    assert aliases(workspace)["champion"] == 2


def test_it_does_not_go_round_in_a_circle_to_a_version_that_was_rolled_back(workspace, capsys):
    registry = registry_of(workspace)
    registry.promote(registry.version("1"))  # 1 replaced 3, which replaced 2, which replaced 1
    assert [rollback(workspace), rollback(workspace), rollback(workspace)] == [0, 0, 1]
    assert "version 1 of medhash-nih, which version 2 replaced, was rolled back itself" in capsys.readouterr().err
    assert aliases(workspace) == {"champion": 2}


def test_a_deleted_predecessor_is_named_and_the_champion_stays(workspace, capsys):
    registry_of(workspace).client.delete_model_version(NAME, "2")
    assert rollback(workspace) == 1
    assert "version 2 of medhash-nih, which version 3 replaced, is no longer in MLflow" in capsys.readouterr().err
    assert aliases(workspace) == {"champion": 3}
    assert read_log(workspace) == []


def test_without_a_champion_there_is_nothing_to_go_back_from(workspace, capsys):
    registry_of(workspace).client.delete_registered_model_alias(NAME, "champion")
    assert rollback(workspace) == 1
    assert "has no champion" in capsys.readouterr().err


def gone(release: Path) -> None:
    shutil.rmtree(release.parents[1])


def cut_short(release: Path) -> None:
    weights = release / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])


def of_an_old_format(release: Path) -> None:
    document = json.loads((release / "release.json").read_text())
    del document["format"]
    (release / "release.json").write_text(json.dumps(document))


def of_another_version(release: Path) -> None:
    other = next(path for path in release.parents[3].glob("*/artifacts/artifacts/release") if path != release)
    shutil.rmtree(release)
    shutil.copytree(other, release)


def of_another_decoder(release: Path) -> None:
    document = json.loads((release / "release.json").read_text())
    document["preprocessing"]["decoder"] = "1 opencv"
    (release / "release.json").write_text(json.dumps(document))


@pytest.fixture
def predecessor(three_versions: Path, workspace: Workspace) -> Iterator[Path]:
    """What the store holds of version 2, to be broken; put back afterwards."""
    digest = registry_of(workspace).version("2").tags["model_digest"]
    artifacts = three_versions / "var" / "mlflow" / "artifacts"
    release = next(path.parent for path in artifacts.rglob("release/release.json") if digest in path.read_text())
    kept = workspace.root / "kept"
    shutil.copytree(release, kept)
    yield release
    shutil.rmtree(release, ignore_errors=True)
    shutil.copytree(kept, release)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (gone, "what models:/medhash-nih/2 holds cannot be fetched"),
        (cut_short, "weights.safetensors is not the file"),
        (of_an_old_format, "release of format 1"),
        (of_another_version, "holds another release than was registered"),
        (of_another_decoder, "was made with decoder 1 opencv"),
    ],
)
def test_a_broken_predecessor_never_serves(workspace, predecessor, capsys, spoil, named):
    spoil(predecessor)
    assert rollback(workspace) == 1
    assert named in capsys.readouterr().err
    assert aliases(workspace) == {"champion": 3, "previous": 2}
    assert read_log(workspace) == []


def test_killed_at_any_write_the_champion_is_whole_and_running_again_completes(workspace, tmp_path_factory):
    script = Path(__file__).with_name("killed_rollbacks.py")
    done = subprocess.run(
        [sys.executable, str(script), str(workspace.root), str(tmp_path_factory.mktemp("killed"))],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rounds = json.loads(done.stdout.splitlines()[-1])
    assert len(rounds) >= 6  # lease, audit, tag, previous, champion, lease given back
    for found in rounds:
        assert found["after_kill"] in (2, 3)
        assert found["after_again"]["champion"] == (2 if found["after_kill"] == 3 else 1)
        assert "3 → 2" in found["audit"]
        assert found["left"] == []
    assert [found["after_kill"] for found in rounds[:-1]] == [3] * (len(rounds) - 1)
