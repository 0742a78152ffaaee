"""The page of a run on structured data: every figure of the documents, nothing of it on an ordinary page."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from report.measured import measured_workspace
from report.structured_run import ATTRIBUTES, LABELS, METHODS, VOCABULARY, measured_methods, structured_workspace
from report.test_report_page import Page, report

from components.report import fired_rules
from components.report.page import glossary
from components.report.run import Run, read_run
from components.report.structured import structured_sections, unknown_table
from medhash.core.documents import AttributeFigures
from medhash.core.params import load_params
from medhash.core.workspace import Workspace
from medhash.hashing.codes import Certainty

RULES = [
    "IF modality is mr AND organ is brain AND pathology is glioma",
    "IF modality is xray AND organ is chest AND pathology is <i>cyst</i>",
]


def fuzzy_model(run: Run) -> SimpleNamespace:
    """Stands for a trained model: the brighter the upper left corner, the more it believes in a glioma."""

    def certainty(pixels: np.ndarray, starts: np.ndarray) -> Certainty:
        glioma = pixels[starts[:-1], 0, :8, :8].mean(axis=(1, 2)) / 255
        sides = np.column_stack([glioma, 1 - glioma])
        return Certainty(np.full((len(glioma), 32), 255, np.uint8), np.hstack([sides, sides, sides[:, ::-1]]), sides)

    spec = SimpleNamespace(method="structured-fuzzy", attributes=VOCABULARY.attributes)
    return SimpleNamespace(spec=spec, rules=RULES, certainty=certainty)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return structured_workspace(tmp_path_factory.mktemp("structured"))


@pytest.fixture(scope="module")
def html(workspace: Workspace) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fired_rules, "_fuzzy_model", fuzzy_model)
        return report(workspace.root)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def section(page: Page, title: str, following: str) -> str:
    return page.text.split(title)[-1].split(following)[0]


def row(figures: AttributeFigures) -> str:
    return (
        f"{figures.map:.3f} {figures.interval.low:.3f}–{figures.interval.high:.3f} {figures.chance_map:.3f} "
        f"{figures.exchanged_map:.3f} {figures.ndcg_at_100:.3f} {figures.chance_ndcg_at_100:.3f} "
        f"{figures.precision_at_10:.3f}"
    )


def test_every_method_stands_by_every_attribute_with_the_figures_of_its_document(
    workspace: Workspace, page: Page
) -> None:
    shown = section(page, "By attribute", "Sub-codes A structured code")
    for method, metrics in measured_methods(workspace).items():
        assert metrics.structured is not None
        for figures in (metrics.structured.joint, *metrics.structured.attributes.values()):
            of_method = (
                rf"{method} ([a-z ]+ )?{re.escape(row(figures))}" if figures else f"{method} no answerable query"
            )
            assert re.search(of_method, shown)
    flags = {"0.290": "not above chance", "0.320": "within chance", "0.360": "within permuted labels"}
    for value, flag in flags.items():
        assert f"lsh {flag} {value}" in shown
        assert shown.count(flag) == 1


def test_sub_codes_outline_their_own_attribute(html: str, page: Page) -> None:
    shown = section(page, "Sub-codes A structured code", "Preference satisfaction A search")
    assert "modality ★ 0.720 chance 0.300 0.480 chance 0.300 0.480 chance 0.300" in shown
    assert "pathology 0.480 chance 0.300 0.480 chance 0.300 ★ 0.720 chance 0.300" in shown
    assert "whole code 0.800 chance 0.300 0.811" in shown
    assert html.count('class="n own top"') == 6  # three attributes of two structured methods
    assert 'style="background: rgba(0, 114, 178, 0.33)">★ 0.720' in html


def test_preferring_stands_beside_plain_and_chance(page: Page) -> None:
    shown = section(page, "Preference satisfaction A search", "Held-out combinations")
    assert "structured-fuzzy modality 0.750 0.820 0.300 10 24" in shown
    assert "structured-plain pathology 0.650 0.760 0.300 10 24" in shown
    assert "lsh" not in shown


def test_seen_and_held_out_combinations_stand_apart_and_the_held_out_are_named(page: Page) -> None:
    shown = section(page, "Held-out combinations", "Calibration Test")
    assert shown.startswith(f" 1 combination has test images but no training images: {LABELS[1]} ")
    assert "structured-fuzzy seen 24 0.800 0.770–0.830 0.300 0.350 0.817" in shown
    assert "structured-fuzzy held out 13 0.560 0.410–0.710 0.120 0.200 0.577" in shown
    assert "structured-plain held out no answerable query" in shown


def test_calibration_tells_the_error_of_each_attribute_and_of_bits(page: Page) -> None:
    shown = section(page, "Calibration Test", "Rules that fired")
    assert (
        "Expected calibration error: modality 0.050 (156), organ 0.100 (156), pathology 0.150 (156), bits 0.200 (156)"
    ) in shown
    assert "structured-plain" not in shown


def test_fired_rules_are_told_in_words_with_their_levels(page: Page) -> None:
    shown = section(page, "Rules that fired", "Shortcuts Archives")
    assert "the strongest of its 2 rules" in shown
    assert shown.count("confidence of bits 100 %") == 6
    assert re.search(rf"{re.escape(RULES[0])} \d+ %", shown)
    assert "✓ glioma" in shown
    assert "pathology unknown" in shown


def test_without_a_fuzzy_model_there_is_no_section_on_rules(workspace: Workspace) -> None:
    sections = structured_sections(read_run(workspace, load_params(workspace.root / "params.yaml")), [])
    assert sections is not None
    assert sections["rules"] is None
    assert "rules" not in [anchor for anchor, _ in sections["anchors"]]


def test_an_attribute_that_the_width_betrays_is_said_to_be_told_apart(page: Page) -> None:
    shown = section(page, "Shortcuts Archives", "Precision and recall")
    for attribute in (*ATTRIBUTES, "archive"):
        assert f"{attribute} can be told apart without anatomy (balanced accuracy " in shown
        assert re.search(rf"{attribute} predictable 2 values \d\.\d{{3}} 1\.000 ", shown)
    assert "size alone reaches 1.00" in shown
    assert "modality predictable without anatomy" in section(page, "By attribute", "Sub-codes A structured code")


def test_the_data_tell_combinations_and_what_is_not_known(workspace: Workspace, page: Page) -> None:
    shown = section(page, "Data fold", "Quality gates")
    assert "mr brain – 18 6 6 mr brain glioma 36 12 12 xray chest <i>cyst</i> 0 11 13 held out" in shown
    assert "pathology 18 of 72 6 of 24 6 of 24" in shown
    assert "Labels 3 combinations of modality, organ, pathology" in page.text
    run = read_run(workspace, load_params(workspace.root / "params.yaml"))
    assert unknown_table(run) == [{"attribute": "pathology", "counts": [(18, 72), (6, 24), (6, 24)]}]


def test_the_page_loads_nothing_escapes_what_it_is_given_and_leads_to_its_sections(html: str, page: Page) -> None:
    assert "<i>cyst" not in html
    assert all(source.startswith("data:image/") for source in page.sources)
    assert not re.search(r"<script|@import|url\(|https?://", html)
    anchors = [link[1:] for link in page.links if link.startswith("#")]
    assert set(anchors) <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    assert page.images_without_words == 0
    assert not re.search(r"\b(nan|NaN|None|inf|undefined)\b", page.text)
    assert all(method in page.text for method in METHODS)


def test_the_neighbours_of_an_example_tell_in_which_attributes_they_agree(html: str, page: Page) -> None:
    shown = section(page, "Neighbours of example queries", "Slices The")
    assert "✓ modality ✓ organ ✓ pathology" in shown
    assert "Below each neighbour stand the attributes in which it agrees" in shown
    assert "– pathology" in shown  # of a case that does not know it
    assert html.count('class="agrees"') == html.count('<figure class="tile shares') + html.count('"tile differs')


def test_an_ordinary_page_has_nothing_of_it(tmp_path: Path) -> None:
    root = measured_workspace(tmp_path, {"lsh": 0.9}, n_patients=10).root
    html = report(root)
    words = ("By attribute", "Sub-code", "Membership", "explained", "agrees")
    assert not any(word in html for word in words)


def test_the_glossary_speaks_of_attributes_only_where_there_are_any() -> None:
    plain, of_structure = dict(glossary(False)), dict(glossary(False, True))
    assert plain.items() <= of_structure.items()
    assert {"Sub-code", "Membership", "Calibration"} <= of_structure.keys() - plain.keys()
    assert not any("{" in meaning for meaning in (of_structure | dict(glossary(True, True))).values())
    assert not any("case" in meaning for term, meaning in of_structure.items() if term != "Gate")
