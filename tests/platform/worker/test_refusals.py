"""What stops a worker or a coordinator early, with a message that says what to do."""

import subprocess
import sys

import pytest
import yaml
from checkout import checkout_environment

from medhash.core.errors import MedhashError
from medhash.platform.worker.publish import publish
from medhash.platform.worker.remote import Unreachable
from medhash.platform.worker.work import collect, work


def quietly(line: str) -> None:
    pass


def publish_in(coordinator, *names: str) -> str:
    return publish(coordinator.root, list(names), None, quietly).commit


def worked(coordinator, commit: str, item: str = "train@lsh", **changed) -> None:
    given = {
        "repository": str(coordinator.root),
        "folder": coordinator.root.parent / "scratch",
        "remote": f"store={coordinator.store}",
    } | changed
    work(given["repository"], commit, item, given["folder"], given["remote"], quietly)


def test_settings_may_differ_from_the_commit_but_code_may_not(coordinator):
    first = publish_in(coordinator, "train@lsh")
    assert publish_in(coordinator, "train@osdh") == first, "equal contents are an equal commit"
    params = yaml.safe_load((coordinator.root / "params.yaml").read_text())
    (coordinator.root / "params.yaml").write_text(yaml.safe_dump(params | {"bits": 16}))
    with pytest.raises(MedhashError, match=r"changed since they were planned[^~]*dvc repro plan"):
        publish_in(coordinator, "train@lsh")
    subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "-q", "plan"],
        cwd=coordinator.root,
        check=True,
        env=checkout_environment(coordinator.root),
    )
    second = publish_in(coordinator, "train@lsh")
    assert first != second
    assert yaml.safe_load(coordinator.git("show", f"{second}:params.yaml"))["bits"] == 16
    assert coordinator.git("show", f"{second}:dvc.lock") == (coordinator.root / "dvc.lock").read_text()
    assert coordinator.git("log", "--format=%H", "HEAD").split() == [coordinator.git("rev-parse", f"{second}^").strip()]
    for path in ("train/loop.py", "train/new.py"):
        with (coordinator.root / "components" / path).open("a") as handle:
            handle.write("\n# changed\n")
    with pytest.raises(
        MedhashError,
        match=r"components/train/loop\.py, components/train/new\.py; a worker would run "
        "other code[^~]*fix: commit",
    ):
        publish_in(coordinator, "train@lsh")


def test_publishing_refuses_what_would_be_computed_from_other_data(coordinator):
    (coordinator.root / "data" / "derived" / "features" / "gist-512.npy").write_bytes(b"by hand")
    with pytest.raises(MedhashError, match=r"outputs of features@gist-512 do not match dvc\.lock"):
        publish_in(coordinator, "train@lsh")
    publish_in(coordinator, "train@osdh")
    (coordinator.root / "data" / "derived" / "split" / "split.parquet").write_bytes(b"by hand")
    with pytest.raises(MedhashError, match=r"outputs of split do not match dvc\.lock"):
        publish_in(coordinator, "train@osdh")


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["train@nothing"], "'train@nothing' is not an item[^~]*train@lsh, train@osdh"),
        (["split"], "split is marked persist"),
        (["encode@lsh"], "encode@lsh reads .*, which (gate-train|train@lsh) has not produced yet"),
    ],
)
def test_publishing_names_what_cannot_be_worked_on(coordinator, names, says):
    with pytest.raises(MedhashError, match=says):
        publish(coordinator.root, names, None, quietly)


def test_a_missing_lock_file_or_repository_is_named(coordinator, tmp_path):
    with pytest.raises(Unreachable, match="could not be pushed to"):
        publish(coordinator.root, ["train@lsh"], str(tmp_path / "no repository"), quietly)
    (coordinator.root / "dvc.lock").unlink()
    with pytest.raises(MedhashError, match=r"has not produced yet[^~]*dvc repro"):
        publish_in(coordinator, "train")


def test_a_bare_repository_gets_the_commit_and_no_branch(coordinator, tmp_path):
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True)
    made = publish(coordinator.root, ["train@lsh"], str(bare), quietly)
    listed = subprocess.run(["git", "ls-remote", str(bare)], capture_output=True, text=True, check=True).stdout
    assert listed == f"{made.commit}\t{made.ref}\n"
    with pytest.raises(MedhashError, match="'train@nothing' is not an item"):
        worked(coordinator, made.commit, "train@nothing", repository=str(bare))


def test_a_worker_names_what_it_lacks(published, tmp_path):
    coordinator, commit = published
    with pytest.raises(Unreachable, match=r"repository .* cannot be reached"):
        worked(coordinator, commit, repository=str(tmp_path / "nowhere"))
    with pytest.raises(MedhashError, match=r"has no commit 0123[^~]*--publish"):
        worked(coordinator, "0123" * 10)
    with pytest.raises(MedhashError, match="is not a commit"):
        worked(coordinator, "--upload-pack=touch")
    with pytest.raises(MedhashError, match="is not an item"):
        worked(coordinator, commit, "../../escape")
    with pytest.raises(MedhashError, match=r"has no result of .*, which train@lsh reads[^~]*--publish"):
        worked(coordinator, coordinator.git("rev-parse", "HEAD").strip())
    with pytest.raises(Unreachable, match=r"remote .*nowhere does not exist on this machine"):
        worked(coordinator, commit, remote=f"store={tmp_path / 'nowhere'}")
    with pytest.raises(MedhashError, match=r"remote lacks results that commit[^~]*--publish"):
        (tmp_path / "empty").mkdir()
        worked(coordinator, commit, remote=f"store={tmp_path / 'empty'}")
    with pytest.raises(MedhashError, match="--remote is not NAME=URL"):
        worked(coordinator, commit, remote="store")


def test_a_folder_with_other_files_is_left_alone(published, tmp_path):
    coordinator, _ = published
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(MedhashError, match="holds files that are not a worker's"):
        worked(coordinator, "0" * 40, folder=tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("place", ["repository", "remote"])
def test_an_address_with_a_password_is_refused_and_not_repeated(published, place):
    coordinator, commit = published
    address = "https://user:hunter2@example.org/x"
    with pytest.raises(MedhashError, match="holds a password") as refusal:
        worked(coordinator, commit, **{place: address if place == "repository" else f"store={address}"})
    assert "hunter2" not in str(refusal.value)


def test_collecting_computes_nothing_where_no_worker_has_finished(published):
    coordinator, _ = published
    with pytest.raises(MedhashError, match=r"no result of train@lsh belongs to[^~]*publish"):
        collect(coordinator.root, "train@lsh", quietly)
    assert not (coordinator.root / "data" / "derived" / "models").exists()
