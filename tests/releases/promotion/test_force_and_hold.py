"""What people may do beside the rule: hold, force, look without touching; and what nobody may."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from releases.promotion.planted import SETS, by_label, plant, random_codes
from releases.promotion.test_worse_challengers import fewer_images

from medhash.commands.promote import main
from medhash.core import tracking
from medhash.core.errors import MedhashError
from medhash.releases.audit import read_log
from medhash.releases.hold import Hold, hold, lift
from medhash.releases.promotion.latest import Latest
from medhash.releases.promotion.promote import promote
from medhash.releases.registry import ROLLED_BACK, Registry
from medhash.releases.request import UserRequest

FORCE = UserRequest.now("the ward needs it", "Dr. A")


def registry(run: Any) -> Registry:
    return Registry(tracking.connect(run.workspace), "medhash-nih")


def champion(run: Any) -> str:
    return str(registry(run).version_of("champion").tags["method"])


def acts(run: Any) -> list[str]:
    return [line.entry.act for line in read_log(run.workspace)]


def test_a_held_champion_stays_whatever_comes_and_a_lifted_hold_lets_the_same_version_through(served: Any) -> None:
    plant(served, "itq", by_label(SETS))
    hold(served.workspace, registry(served), Hold.now("a study runs", "Dr. B"))
    text = promote(served.workspace, served.params("itq"))
    challenger = registry(served).version_of("challenger")
    assert (challenger.tags["decision"], challenger.tags["failed_clauses"]) == ("held", "not-held")
    assert "by Dr. B" in text
    assert "a study runs" in text
    assert champion(served) == "lsh"
    lift(served.workspace, registry(served), "Dr. B", None)
    promote(served.workspace, served.params("itq"))
    assert champion(served) == "itq"
    assert registry(served).version_of("champion").version == challenger.version
    assert registry(served).version_of("champion").tags["decision"] == "promoted"
    assert acts(served) == ["promote", "hold", "refuse", "lift", "promote"]


@pytest.mark.usefixtures("drawn_pages")
def test_force_promotes_a_worse_model_past_a_hold_and_its_name_and_reason_stay(served: Any) -> None:
    plant(served, "itq", random_codes())
    hold(served.workspace, registry(served), Hold.now("a study runs", "Dr. B"))
    text = promote(served.workspace, served.params("itq"), force=FORCE)
    version = registry(served).version_of("champion")
    assert version.tags["method"] == "itq"
    assert {key: version.tags[key] for key in ("decision", "forced_by", "reason", "failed_clauses")} == {
        "decision": "forced",
        "forced_by": "Dr. A",
        "reason": "the ward needs it",
        "failed_clauses": "not-held, gain, slices",
    }
    last = read_log(served.workspace)[-1]
    assert (last.entry.act, last.entry.who, last.entry.what["reason"], last.digest) == (
        "force",
        "Dr. A",
        "the ward needs it",
        version.tags["audit"],
    )
    page = (served.workspace.decisions / f"version-{version.version}.html").read_text()
    assert "Dr. A" in page
    assert "the ward needs it" in page
    assert "is promoted by force" in text
    assert registry(served).version_of("previous").tags["method"] == "lsh"
    assert Latest.read(served.workspace.decisions / "latest.json").outcome == "forced"


def test_force_does_not_pass_an_index_of_another_gallery_nor_parts_that_do_not_belong_together(served: Any) -> None:
    fewer_images(served)
    text = promote(served.workspace, served.params("itq"), force=FORCE)
    assert "this cannot be forced" in text
    assert champion(served) == "lsh"
    shutil.rmtree(served.workspace.index("itq"))
    shutil.copytree(served.workspace.index("lsh"), served.workspace.index("itq"))
    with pytest.raises(MedhashError, match="built from another"):
        promote(served.workspace, served.params("itq"), force=FORCE)
    assert champion(served) == "lsh"
    assert acts(served) == ["promote", "refuse", "refuse"]


def test_a_version_that_was_rolled_back_comes_back_by_force_only(served: Any) -> None:
    plant(served, "itq", by_label(SETS))
    promote(served.workspace, served.params("itq", max_p95_ms=0.0))  # registered as version 2
    version = registry(served).version_of("challenger")
    registry(served).tag(version, {ROLLED_BACK: FORCE.model_dump_json()})
    assert "not-rolled-back: the version was rolled back, by Dr. A" in promote(served.workspace, served.params("itq"))
    assert champion(served) == "lsh"
    promote(served.workspace, served.params("itq"), force=FORCE)
    assert champion(served) == "itq"


@pytest.fixture
def own_store(run: Any) -> Any:
    """A run of which lsh is champion, whose artifacts a test may change."""
    promote(run.workspace, run.params("lsh"))
    return run


def test_a_champion_that_cannot_be_read_stops_the_rule_but_not_a_person(own_store: Any) -> None:
    release = next((own_store.root / "var" / "mlflow" / "artifacts").rglob("artifacts/release/release.json"))
    release.write_text(release.read_text().replace('"format": 3', '"format": 1'))
    with pytest.raises(MedhashError, match="format 1") as refused:
        promote(own_store.workspace, own_store.params("itq"))
    assert "medhash promote --force" in refused.value.fix
    assert champion(own_store) == "lsh"
    last = read_log(own_store.workspace)[-1].entry
    assert (last.act, last.what["failed"]) == ("refuse", ["champion"])
    text = promote(own_store.workspace, own_store.params("itq"), force=FORCE)
    assert "the champion could not be compared" in text
    assert champion(own_store) == "itq"


def test_a_damaged_champion_can_be_replaced_by_force_with_a_sound_copy_of_itself(own_store: Any) -> None:
    assert "Nothing to do" in promote(own_store.workspace, own_store.params("lsh"), force=FORCE)
    weights = next((own_store.root / "var" / "mlflow" / "artifacts").rglob("release/model/weights.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])
    promote(own_store.workspace, own_store.params("lsh"), force=FORCE)
    now = registry(own_store).version_of("champion")
    assert (str(now.version), now.tags["decision"], now.tags["method"]) == ("2", "forced", "lsh")
    registry(own_store).fetch_checked(now, own_store.root / "fetched")


def snapshot(root: Path) -> dict[str, str]:
    """Path → digest of what a decision leaves: audit log, usage, pages, artifacts, and the store's rows."""
    kept = [
        path
        for folder in ("reports", "var/audit", "var/promotion", "var/mlflow/artifacts")
        for path in sorted((root / folder).rglob("*"))
        if path.is_file()
    ]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


def test_a_dry_run_decides_and_leaves_nothing(own_store: Any) -> None:
    plant(own_store, "itq", by_label(SETS))
    client, before = registry(own_store).client, snapshot(own_store.root)
    versions = client.search_model_versions("name = 'medhash-nih'")
    text = promote(own_store.workspace, own_store.params("itq"), dry_run=True)
    assert "version new is promoted" in text
    assert text.splitlines()[-1] == "dry run: nothing was written down"
    assert snapshot(own_store.root) == before
    after = client.search_model_versions("name = 'medhash-nih'")
    assert [(item.version, item.tags, item.aliases) for item in after] == [
        (item.version, item.tags, item.aliases) for item in versions
    ]
    assert champion(own_store) == "lsh"


def test_the_command_asks_for_a_reason_takes_the_name_and_ends_well_when_the_rule_refuses(
    served: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDHASH_WHO", "airflow:run 1")
    plant(served, "itq", random_codes())
    path = served.root / "params.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "methods": ["itq"]}))
    for arguments, told in (
        (["--force"], "--reason is missing"),
        (["--force", "--reason", "  "], "--reason is missing"),
        (["--reason", "because"], "without --force"),
        (["--force", "--reason", "why", "--by", ""], "--by is missing"),
    ):
        assert main(["--root", str(served.root), *arguments]) == 1
        assert told in capsys.readouterr().err
    assert acts(served) == ["promote"]
    assert main(["--root", str(served.root)]) == 0
    last_line = capsys.readouterr().out.splitlines()[-1]
    assert last_line.startswith("medhash-nih: version 2 is not promoted: gain: gain in lift -0.")
    assert read_log(served.workspace)[-1].entry.who == "airflow:run 1"
    assert main(["--root", str(served.root), "--force", "--reason", "it must be"]) == 0
    assert "version 2 is promoted by force" in capsys.readouterr().out.splitlines()[-1]
    assert read_log(served.workspace)[-1].entry.who == "airflow:run 1"
    assert champion(served) == "itq"
