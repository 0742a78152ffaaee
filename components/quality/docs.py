"""Data Docs: what Great Expectations found, as its own HTML pages."""

import html
from pathlib import Path

from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView

from components.files import replacing_file, replacing_folder


def write_docs(folder: Path, stage: str, results: list[ExpectationSuiteValidationResult]) -> None:
    """Replace a stage's pages, and list in index.html what every gate has left.

    The pages come from Great Expectations' renderers without its site builder, which takes 2 s and copies 4 MB of
    static files a run, and keeps one index that gates running at once would write into. Their style sheets are
    fetched from the network; without it they are plain.
    """
    with replacing_folder(folder / stage) as temporary:
        for result in results:
            page: str = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(result))
            (temporary / f"{result.suite_name}.html").write_text(page.replace("../../../../index.html",
                                                                              "../index.html"))
    items = [f'<li><a href="{path.parent.name}/{path.name}">{html.escape(f"{path.parent.name}: {path.stem}")}</a></li>'
             for path in sorted(folder.glob("[!.]*/*.html"))]
    with replacing_file(folder / "index.html") as index:
        index.write_text("<!doctype html><meta charset='utf-8'><title>Data Docs</title><h1>Data Docs</h1>"
                         f"<ul>{''.join(items)}</ul>\n")
