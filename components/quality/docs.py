"""Data Docs: what Great Expectations found, as its own HTML pages, and an index with the result of every gate."""

import html
import re
from pathlib import Path

from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView

from components.quality import STAGES
from medhash.core.documents import Document
from medhash.core.files import replacing_file, replacing_folder

SUMMARY = "summary.json"
_FROM_ELSEWHERE = re.compile(r"""<script[^>]*\ssrc=["']https?:[^>]*>\s*</script>|<(?:link|img)[^>]*["']https?:[^>]*>""")
_STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem } td, th { border: 1px solid #d8dee4; padding: .3rem .6rem;
text-align: left; vertical-align: top } .modal, .sticky, .hidden, .d-none { display: none }
.failed { background: #fdecea; color: #b3261e; font-weight: 600 } .passed { color: #007a5a; font-weight: 600 }
summary { cursor: pointer }
</style>"""


class PageSummary(Document):
    """One page of a stage: the table that was checked, and how its expectations came out."""

    name: str
    n_passed: int
    n_failed: int


class StageSummary(Document):
    """summary.json beside the pages of a stage, from which the index is made."""

    pages: list[PageSummary]


def write_docs(folder: Path, stage: str, results: list[ExpectationSuiteValidationResult]) -> None:
    """Replace a stage's pages, and make index.html anew from what every gate has left.

    Great Expectations' renderers without its site builder: that builder's pages load styles, scripts and a logo from
    seven hosts, and gates that run at once would write into its one index.
    """
    with replacing_folder(folder / stage) as temporary:
        pages = []
        for result in results:
            page: str = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(result))
            (temporary / f"{result.suite_name}.html").write_text(
                _offline(page).replace("../../../../index.html", "../index.html")
            )
            n_passed = sum(bool(one.success) for one in result.results)
            pages.append(
                PageSummary(name=result.suite_name, n_passed=n_passed, n_failed=len(result.results) - n_passed)
            )
        StageSummary(pages=pages).write(temporary / SUMMARY)
    with replacing_file(folder / "index.html") as index:
        index.write_text(render_index(folder))


def render_index(folder: Path) -> str:
    """A row per stage with its result and counts; its pages are folded away, failed ones first."""
    found = {path.parent.name: StageSummary.read(path).pages for path in folder.glob(f"[!.]*/{SUMMARY}")}
    rows = [_stage_row(stage, found[stage]) for stage in STAGES if stage in found]
    n_failed = sum(any(page.n_failed for page in pages) for pages in found.values())
    verdict = f"{n_failed} of {len(found)} gates failed" if n_failed else f"all {len(found)} gates passed"
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><meta name='viewport' "
        f"content='width=device-width, initial-scale=1'><title>Data Docs: {verdict}</title>{_STYLE}</head><body>"
        f"<h1>Data Docs</h1><p>{verdict.capitalize()}.</p><table><thead><tr><th>stage</th><th>result</th>"
        f"<th>expectations</th><th>tables</th></tr></thead><tbody>{''.join(rows)}</tbody></table></body></html>\n"
    )


def _stage_row(stage: str, pages: list[PageSummary]) -> str:
    n_passed, n_failed = sum(page.n_passed for page in pages), sum(page.n_failed for page in pages)
    links = "".join(
        f"<li{' class=failed' if page.n_failed else ''}><a href='{html.escape(f'{stage}/{page.name}.html', True)}'>"
        f"{html.escape(page.name)}</a> {_counts(page.n_passed, page.n_failed)}</li>"
        for page in sorted(pages, key=lambda page: page.n_failed == 0)
    )
    result = "failed" if n_failed else "passed"
    return (
        f"<tr><th>{stage}</th><td class='{result}'>{result}</td><td>{_counts(n_passed, n_failed)}</td>"
        f"<td><details{' open' if n_failed else ''}><summary>{len(pages)}</summary><ul>{links}</ul></details></td></tr>"
    )


def _counts(n_passed: int, n_failed: int) -> str:
    return f"{n_passed} passed" + (f", {n_failed} failed" if n_failed else "")


def _offline(page: str) -> str:
    """The page with a small style sheet in place of all it would fetch: a page about patients' data calls nobody."""
    return _FROM_ELSEWHERE.sub("", page).replace("</head>", f"{_STYLE}</head>", 1)
