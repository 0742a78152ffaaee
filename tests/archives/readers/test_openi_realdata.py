"""The whole public Open-i collection, 3,955 reports of 7,470 images: published counts under every rule."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from medhash.archives.readers.openi import headings, read_entries
from medhash.archives.readers.openi_reports import read_reports
from medhash.core.contracts import LABEL_SETS, SIMILARITY, read_table
from medhash.core.documents import Vocabulary
from medhash.core.params.ingest import IngestParams, OpeniParams
from medhash.core.workspace import Workspace

REPOSITORY = Path(__file__).parents[3]
OPENI = Path(os.environ.get("MEDHASH_REAL_DATA", REPOSITORY.parent / "shared" / "data")) / "openi"
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(
        not (OPENI / "NLMCXR_reports.tgz").exists(),
        reason="the public Open-i reports are not there (MEDHASH_REAL_DATA or ../shared/data)",
    ),
]
NINE = (
    "normal",
    "opacity",
    "calcified granuloma",
    "calcinosis",
    "cardiomegaly",
    "granulomatous disease",
    "lung hyperdistention",
    "lung hypoinflation",
    "nodule",
)
REPORTS = {  # with one of the nine, with several, with each
    "main-heading": (2933, 475, 1391, 455, 274, 305, 375, 112, 208, 283, 111),
    "exact": (2035, 42, 1391, 4, 17, 2, 157, 98, 164, 244, 1),
    "single-major": (1692, 0, 1391, 36, 85, 40, 31, 18, 22, 55, 14),
    "major-or-automatic": (2945, 503, 1391, 463, 278, 321, 379, 115, 208, 283, 126),
}
FRONTAL = {
    "pa-or-ap": 4014,
    "pa": 3591,
    "not-lateral": 6603,
    "first": 3851,
    "first-pa-or-ap": 3465,
    "first-not-lateral": 3722,
}
IMAGES = {  # with one of the nine, in the order of FRONTAL
    "main-heading": (3049, 2726, 4934, 2859, 2579, 2761),
    "exact": (2195, 1978, 3473, 1993, 1829, None),
    "single-major": (1854, 1744, 2896, 1673, 1572, None),
    "major-or-automatic": (3062, 2737, 4953, 2871, 2589, 2773),
}
CHAIN = """
import importlib, re, sys, time
for stage in ("ingest", "split", "labels", "similarity"):
    status = importlib.import_module(f"components.{stage}.__main__").main(sys.argv[1:])
    assert status == 0, stage
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]
print("measured", time.process_time(), int(peak) / 1024)
"""


@pytest.fixture(scope="module")
def reports():
    _, found, rejections = read_reports(OPENI)
    assert (len(found), sum(len(report.images) for report in found), rejections) == (3955, 7470, [])
    return found


@pytest.fixture(scope="module")
def chosen():
    """Frontal rule → entries."""
    return {rule: read_entries(OPENI, IngestParams(openi=OpeniParams(frontal=rule))) for rule in FRONTAL}


def of_the_nine(report, rule):
    return [name for name in headings(report.major, report.automatic, OpeniParams(mesh=rule)) if name in NINE]


@pytest.mark.parametrize("rule", REPORTS)
def test_every_label_rule_gives_the_counted_reports(rule, reports):
    sets = [of_the_nine(report, rule) for report in reports]
    counts = Counter(name for names in sets for name in names)
    assert (sum(map(bool, sets)), sum(len(names) > 1 for names in sets), *(counts[name] for name in NINE)) == REPORTS[
        rule
    ]


@pytest.mark.parametrize("rule", IMAGES)
def test_every_label_rule_and_frontal_rule_give_the_counted_images(rule, reports, chosen):
    labelled = {report.report_id for report in reports if of_the_nine(report, rule)}
    for (frontal, n_images), expected in zip(FRONTAL.items(), IMAGES[rule], strict=True):
        entries = chosen[frontal]
        assert (len(entries.rows), len(entries.names), entries.n_rows) == (n_images, 7470, 7470)
        if expected:
            assert entries.rows["patient"].isin(labelled).sum() == expected, frontal


@pytest.mark.parametrize("rule", IMAGES)
def test_rows_carry_their_reports_headings(rule, reports, chosen):
    rows = (
        chosen["first"].rows
        if rule == "main-heading"
        else read_entries(OPENI, IngestParams(openi=OpeniParams(mesh=rule))).rows
    )
    expected = {
        report.report_id: "|".join(headings(report.major, report.automatic, OpeniParams(mesh=rule)))
        for report in reports
    }
    assert rows["labels"].fillna("").tolist() == rows["patient"].map(expected).tolist()
    assert rows.index.is_unique
    assert rows["source_name"].is_unique


@pytest.mark.parametrize(
    ("frontal", "n_images", "n_sets", "normal", "chance"),
    [("first-not-lateral", 2761, 76, 1351, 0.3074), ("first-pa-or-ap", 2579, 72, 1304, 0.3179)],
)
def test_reports_become_label_sets_in_seconds(frontal, n_images, n_sets, normal, chance, tmp_path):
    (tmp_path / "params.yaml").write_text(
        f"methods: [lsh]\ningest: {{source: openi, archive: '{OPENI.absolute()}', metadata_only: true, "
        f"openi: {{frontal: {frontal}}}}}\n"
        f"labels: {{attribute: mesh, classes: [{', '.join(NINE)}], unlabelled: exclude}}\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", CHAIN, "--root", str(tmp_path)],
        cwd=REPOSITORY,
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, "MEDHASH_PSEUDONYM_KEY": "5e" * 32},
    )
    assert ended.returncode == 0, ended.stderr
    _, cpu_seconds, peak_mib = ended.stdout.splitlines()[-1].split()
    assert float(cpu_seconds) < 15
    assert float(peak_mib) < 1024

    workspace = Workspace(tmp_path)
    vocabulary = Vocabulary.read(workspace.vocabulary)
    assert vocabulary.labels == list(NINE)
    assert sum(vocabulary.n_bags["normal"].values()) == normal
    n = read_table(workspace.label_sets, LABEL_SETS)["n_bags"].to_numpy()
    assert (len(n), n.sum()) == (n_sets, n_images)
    pairs = read_table(workspace.similarity, SIMILARITY)
    related = pairs["level"].to_numpy().reshape(n_sets, n_sets) > 0
    share = (n @ related @ n - n.sum()) / (n.sum() * (n.sum() - 1))  # of pairs of different images
    assert np.isclose(share, chance, atol=5e-5)
