"""The report as a whole: one file that loads nothing, tells of every method, and escapes what it is given."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report.measured import measured_workspace, write_metrics

from components.report.__main__ import main
from medhash.core.contracts import REJECTED, write_table
from medhash.core.documents import Check, GateReport, Interval, Metrics
from medhash.core.workspace import Workspace

VOID = {"meta", "link", "img", "br"}
METHODS = {"lsh": 0.97, "drh-18": 0.4, "drh-18-paper": 0.99}


class Page(HTMLParser):
    """Collects anchors, links and addresses; complains about tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []
        self.images_without_words = 0
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [given["id"]] if given.get("id") else []
        self.links += [given["href"]] if given.get("href") else []
        self.sources += [given["src"]] if given.get("src") else []
        self.images_without_words += tag == "img" and not given.get("alt")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def report(root: Path) -> str:
    assert main(["--root", str(root)]) == 0
    return (root / "reports" / "index.html").read_text()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    workspace = measured_workspace(folder, METHODS)
    write_metrics(workspace, "drh-18-paper", 32, f"{2:064x}", n_distinct_codes=1)
    write_metrics(workspace, "lsh", 32, f"{0:064x}", intervals={"map": Interval(value=0.5, low=0.1, high=0.9)})
    write_table(
        workspace.rejected,
        REJECTED.empty_table().from_pylist(
            [{"source_row": 3, "image_id": None, "reason": "truncated", "detail": "<script>alert(1)</script>"}] * 2
            + [{"source_row": 9, "image_id": None, "reason": "<b>odd</b>", "detail": ""}],
            REJECTED,
        ),
        REJECTED,
    )
    GateReport(
        stage="labels",
        success=False,
        checks=[
            Check(
                expectation="known labels only",
                about="labels.parquet",
                success=False,
                observed="2 rows",
                offending=["row 17", "<img src=x onerror=alert(1)>"],
            )
        ],
    ).write(workspace.gate("labels"))
    return folder


@pytest.fixture(scope="module")
def html(root: Path) -> str:
    return report(root)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_page_loads_nothing_from_anywhere(html: str, page: Page) -> None:
    assert page.sources
    assert all(source.startswith("data:image/") for source in page.sources)
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert not re.search(r"<script|@import|url\(|https?://", html)


def test_every_anchor_leads_to_a_section_and_every_picture_has_words(page: Page) -> None:
    anchors = [link[1:] for link in page.links if link.startswith("#")]
    assert len(anchors) == 11
    assert anchors[0] == "results"
    assert anchors[-1] == "run"
    assert set(anchors) <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    assert page.images_without_words == 0


def test_every_method_stands_in_the_table_with_its_figure_beside_chance(page: Page) -> None:
    for method in METHODS:
        assert method in page.text
    assert not re.search(r"\b(nan|NaN|None|inf|undefined)\b", page.text)
    assert "chance 0.500" in page.text


def test_a_method_whose_lift_may_be_0_is_flagged(page: Page) -> None:
    assert "lsh within 0" in page.text


def test_the_paper_literal_settings_are_named_with_their_collapse(page: Page) -> None:
    assert "drh-18-paper keeps the paper's literal settings" in page.text
    assert "The codes of drh-18-paper collapsed: 96 gallery images share 1 distinct codes" in page.text


def test_slices_stand_beside_their_own_chance_and_say_what_they_cannot_tell(page: Page) -> None:
    assert "Effusion within 0 20 9" in page.text
    assert "Mass 12 9" in page.text
    assert "<i>Hernia</i> 1 0 no relevant image in the gallery" in page.text
    assert "one patient" in page.text.split("PA 12 1")[1][:40]
    assert "sex queries" not in page.text  # all of unknown sex: not a table


def test_ndcg_stands_between_its_worst_and_best_tie_order(root: Path, page: Page) -> None:
    value = Metrics.read(Workspace(root).metrics("drh-18") / "metrics.json").figures.ndcg_at_100
    assert f"{value:.3f} {value - 0.01:.3f} / {value + 0.01:.3f}" in page.text


def test_without_validation_the_page_says_so_and_shows_the_first_method(tmp_path: Path) -> None:
    workspace = measured_workspace(tmp_path, {"lsh": 0.9, "drh-18": 0.2}, n_patients=10)
    for number, method in enumerate(("lsh", "drh-18")):
        write_metrics(workspace, method, 32, f"{number:064x}", validation_lift=None)
    text = Page(report(tmp_path)).text
    assert "There are no validation patients to choose a method by. This page shows lsh" in text
    assert "no validation lift" in text
    assert "best on validation" not in text
    assert not re.search(r"\b(nan|NaN|None)\b", text)


def test_text_from_the_data_is_escaped(html: str, page: Page) -> None:
    assert "<b>odd</b>" not in html
    assert "<img src=x" not in html
    assert "<b>odd</b> 1" in page.text


def test_a_failed_gate_names_its_offending_rows(html: str, page: Page) -> None:
    assert "labels.parquet: known labels only ; observed: 2 rows offending: row 17, <img src=x onerror=alert(1)>" in (
        page.text
    )
    assert 'class="failed"' in html
    assert "8 of 9 passed" in page.text


def test_refused_rows_are_counted_by_reason(page: Page) -> None:
    assert "truncated 2" in page.text


def test_a_page_of_single_images_speaks_of_no_bags(html: str, page: Page) -> None:
    assert 'class="bag' not in html
    assert not any(word in page.text for word in ("cases of", "Instance", "Pooling", "is the match"))
    assert html.count('<figure class="tile') > 6


def test_equal_runs_give_equal_bytes(root: Path, html: str) -> None:
    assert report(root) == html


def test_thirty_methods_fit_in_one_page_of_a_few_megabytes(tmp_path: Path) -> None:
    names = {f"method-{number:02d}": 0.5 for number in range(30)}
    measured_workspace(tmp_path, names, bits=16, n_patients=10)
    html = report(tmp_path)
    assert len(html) < 5e6
    assert all(name in html for name in names)


def test_a_missing_metrics_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = measured_workspace(tmp_path, {"lsh": 0.9}, n_patients=10)
    (workspace.metrics("lsh") / "metrics.json").unlink()
    assert main(["--root", str(tmp_path)]) == 1
    assert "lsh/metrics.json does not exist" in capsys.readouterr().err
    assert not workspace.report.exists()
