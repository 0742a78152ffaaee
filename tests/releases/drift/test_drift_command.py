"""The command beside a champion in a real MLflow store: what it finds, says, records, and lets pass."""

import re

import numpy as np
import pytest
from releases.drift.population import Patients, write_patients

from medhash.commands.drift import main
from medhash.core import tracking
from medhash.core.workspace import Workspace
from medhash.releases.audit import read_log
from medhash.releases.drift.measure import DriftReport
from medhash.releases.registry import Registry


def drift(workspace: Workspace, *options: str) -> int:
    return main(["--root", str(workspace.root), *options])


def report(workspace: Workspace) -> DriftReport:
    return DriftReport.read(workspace.drift_report.with_name("drift.json"))


def only_ap(new: Patients) -> None:
    new.view = ["AP"] * len(new.view)


def test_drift_stops_with_a_table_a_page_and_what_to_do(
    served: Workspace, old: Patients, new: Patients, capsys: pytest.CaptureFixture[str]
) -> None:
    only_ap(new)
    write_patients(served, old, new)
    registry = Registry(tracking.connect(served), "medhash-nih")
    before = registry.version_of("champion")
    assert drift(served) == 1
    after = registry.version_of("champion")
    assert (after.version, after.tags, after.aliases) == (before.version, before.tags, before.aliases)
    said = capsys.readouterr()
    assert "view (3.66); drift.stop is 0.25" in said.err
    assert "medhash drift --accept --reason" in said.err
    assert re.findall(r"^(\w+) .*STOP$", said.out, flags=re.MULTILINE) == ["view"]
    assert "the run stops before training" in served.drift_report.read_text()


def test_more_of_the_same_passes_and_is_in_mlflow(
    served: Workspace, old: Patients, new: Patients, capsys: pytest.CaptureFixture[str]
) -> None:
    write_patients(served, old, new)
    for _ in range(2):
        assert drift(served) == 0
    assert "drift: ok" in capsys.readouterr().out
    first = report(served)
    assert (first.verdict, first.n_images, first.n_patients, first.champion) == ("ok", 200, 100, "1")
    assert [finding.measure for finding in first.findings] == [
        "labels",
        "view",
        "sex",
        "age",
        "image mean",
        "image deviation",
        "grey values",
        "code distance",
    ]
    client = tracking.connect(served)
    experiment = client.get_experiment_by_name("medhash-nih")
    runs = client.search_runs([experiment.experiment_id], "attributes.run_name = 'drift'")
    assert len(runs) >= 2
    latest = runs[0]
    assert latest.info.status == "FINISHED"
    assert latest.data.tags["verdict"] == "ok"
    assert latest.data.metrics["drift/view"] == pytest.approx(first.findings[1].drift)
    logged = {item.path for item in client.list_artifacts(latest.info.run_id, "drift")}
    assert logged == {"drift/index.html", "drift/drift.json"}
    assert "latest 2 measurements" in re.sub(r"\s+", " ", served.drift_report.read_text())


def test_an_accepted_drift_passes_from_then_on(
    served: Workspace, old: Patients, new: Patients, capsys: pytest.CaptureFixture[str]
) -> None:
    only_ap(new)
    write_patients(served, old, new)
    assert drift(served, "--accept", "--reason", "portable scanner on ward 3", "--by", "Dr Usher") == 0
    assert drift(served) == 0
    assert report(served).verdict == "accepted"
    assert capsys.readouterr().out.count("accepted by Dr Usher at") == 2
    (entry,) = (line.entry for line in read_log(served))
    assert (entry.act, entry.who, entry.what["reason"]) == ("accept-drift", "Dr Usher", "portable scanner on ward 3")
    assert set(entry.what["drift"]) == {"view"}
    served.audit_log.unlink()
    assert drift(served) == 1


def test_nothing_to_accept_leaves_no_entry(served: Workspace, old: Patients, new: Patients) -> None:
    write_patients(served, old, new)
    assert drift(served, "--accept", "--reason", "just in case") == 0
    assert not read_log(served)


@pytest.mark.parametrize(
    "options", [["--accept"], ["--accept", "--reason", "  "], ["--reason", "wanted"], ["--by", "somebody"]]
)
def test_accepting_needs_a_reason_and_a_reason_needs_accepting(served: Workspace, options: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        drift(served, *options)
    assert stopped.value.code == 2
    assert not read_log(served)


def test_page_json_and_profile_name_no_image_and_no_patient(served: Workspace, old: Patients, new: Patients) -> None:
    new.labels = [["Cardiomegaly"]] * new.n
    new.view = ["Poe^Edgar"] * 200
    write_patients(served, old, new)
    drift(served)
    texts = [
        served.drift_report.read_text(),
        served.drift_report.with_name("drift.json").read_text(),
        next(served.released.rglob("profile.json")).read_text(),
    ]
    for secret in (*old.image_ids(), *new.image_ids(), *old.patient_ids(), *new.patient_ids(), "Poe", "Cardiomegaly"):
        assert not any(secret in text for text in texts), secret
    assert not re.search(r"(src|href)=\"(?!data:)", texts[0])


def test_few_new_images_are_shown_but_do_not_stop(
    served: Workspace, old: Patients, capsys: pytest.CaptureFixture[str]
) -> None:
    few = Patients(24, seed=3, first=200)
    only_ap(few)
    write_patients(served, old, few)
    assert drift(served) == 0
    assert "48 new images are too few to judge: drift.min_images is 50" in capsys.readouterr().out
    assert report(served).verdict == "not judged"
    assert "too few" in served.drift_report.read_text()


def test_nothing_new_passes(served: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert drift(served) == 0
    assert "no image is new since the champion" in capsys.readouterr().out


def test_without_a_champion_it_says_so_and_passes(
    served: Workspace, old: Patients, new: Patients, capsys: pytest.CaptureFixture[str]
) -> None:
    write_patients(served, old, new)
    with (served.root / "params.yaml").open("a") as handle:
        handle.write("promote: {name: another}\n")
    assert drift(served) == 0
    assert "another has no champion yet" in capsys.readouterr().out
    assert report(served).verdict == "not measured"
    assert "nothing was compared" in served.drift_report.read_text()
    assert not tracking.connect(served).search_registered_models("name = 'another'")


def test_a_champion_of_an_earlier_format_has_no_profile_and_passes(
    served: Workspace, old: Patients, new: Patients, capsys: pytest.CaptureFixture[str]
) -> None:
    write_patients(served, old, new)
    tracking.connect(served).set_model_version_tag("medhash-nih", "1", "format", "1")
    assert drift(served) == 0
    assert "the release of version 1 has no profile" in capsys.readouterr().out


def test_a_damaged_copy_of_the_release_is_fetched_anew(served: Workspace, old: Patients, new: Patients) -> None:
    write_patients(served, old, new)
    profile = next(served.released.rglob("profile.json"))
    whole = profile.read_bytes()
    profile.write_bytes(whole.replace(b'"PA"', b'"AP"'))
    assert drift(served) == 0
    assert next(served.released.rglob("profile.json")).read_bytes() == whole


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda workspace: workspace.images.unlink(), "images.parquet does not exist"),
        (lambda workspace: workspace.labels.unlink(), "labels.parquet does not exist"),
        (lambda workspace: workspace.pixels.unlink(), "pixels.npy does not exist"),
        (
            lambda workspace: workspace.pixels.write_bytes(workspace.pixels.read_bytes()[:500]),
            "not a whole .npy file",
        ),
        (lambda workspace: workspace.pixels.write_bytes(b""), "not a whole .npy file"),
        (lambda workspace: np.save(workspace.pixels, np.zeros((3, 1, 32, 32), np.uint8)), "has 3 rows"),
    ],
)
def test_what_is_missing_is_named_and_nothing_passes(
    served: Workspace, old: Patients, new: Patients, spoil, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_patients(served, old, new)
    spoil(served)
    assert drift(served) == 1
    error = capsys.readouterr().err
    assert named in error
    assert "fix:" in error
