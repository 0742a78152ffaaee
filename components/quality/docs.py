"""Data Docs: what Great Expectations found, as its own HTML pages, which load nothing from elsewhere."""

import html
import re
from pathlib import Path

from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView

from medhash.core.files import replacing_file, replacing_folder

_FROM_ELSEWHERE = re.compile(r"""<script[^>]*\ssrc=["']https?:[^>]*>\s*</script>|<(?:link|img)[^>]*["']https?:[^>]*>""")
_STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem } td, th { border: 1px solid #d8dee4; padding: .3rem .6rem;
text-align: left; vertical-align: top } .modal, .sticky, .hidden, .d-none { display: none }
</style>"""


def write_docs(folder: Path, stage: str, results: list[ExpectationSuiteValidationResult]) -> None:
    """Replace a stage's pages, and list in index.html what every gate has left.

    The pages come from Great Expectations' renderers without its site builder, which takes 2 s and copies 4 MB of
    static files a run, and keeps one index that gates running at once would write into.
    """
    with replacing_folder(folder / stage) as temporary:
        for result in results:
            page: str = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(result))
            (temporary / f"{result.suite_name}.html").write_text(
                _offline(page).replace("../../../../index.html", "../index.html")
            )
    items = [
        f'<li><a href="{path.parent.name}/{path.name}">{html.escape(f"{path.parent.name}: {path.stem}")}</a></li>'
        for path in sorted(folder.glob("[!.]*/*.html"))
    ]
    with replacing_file(folder / "index.html") as index:
        index.write_text(
            "<!doctype html><meta charset='utf-8'><title>Data Docs</title><h1>Data Docs</h1>"
            f"<ul>{''.join(items)}</ul>\n"
        )


def _offline(page: str) -> str:
    """The page with a small style sheet in place of all it would fetch: a page about patients' data calls nobody."""
    return _FROM_ELSEWHERE.sub("", page).replace("</head>", f"{_STYLE}</head>", 1)
