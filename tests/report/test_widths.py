"""The report at three widths, measured in a real browser: nothing is cut, and what scrolls lies in a box of its own."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from report.measured import measured_workspace
from report.test_report_page import report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PROBE = """<script>
addEventListener("load", () => {
  const frame = document.querySelector("iframe"), page = frame.contentDocument;
  const wide = [...page.querySelectorAll(".scroll, figure, table, td, th, .flag, nav ul, .tiles div")]
    .filter(e => e.clientWidth && getComputedStyle(e).display != "inline" && e.scrollWidth > e.clientWidth + 1)
    .map(e => e.tagName + "." + e.className);
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify({page: page.documentElement.scrollWidth, wide: wide});
  document.body.appendChild(out);
});
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("widths")
    report(measured_workspace(root, {"lsh": 0.97, "drh-18": 0.4, "drh-18-paper": 0.99}).root)
    return root / "reports" / "index.html"


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [400, 1200, 1920])
def test_no_table_is_cut_and_the_page_itself_never_scrolls_sideways(page: Path, width: int) -> None:
    frame = page.with_name(f"frame-{width}.html")  # Chromium's own window is no narrower than 500 pixels
    frame.write_text(f"<iframe src=index.html style='border: 0; width: {width}px; height: 900px'></iframe>{PROBE}")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files"]
    dom = subprocess.run(
        [
            str(CHROMIUM),
            *options,
            "--window-size=2000,1000",
            "--virtual-time-budget=5000",
            "--dump-dom",
            frame.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    answer = re.search(r'<pre id="found">(.*?)</pre>', dom)
    assert answer is not None
    found = json.loads(html.unescape(answer[1]))
    assert found["page"] == width
    allowed = {"FIGURE.wide"} if width == 400 else set()  # panels of learning curves, under a line that says so
    assert set(found["wide"]) <= allowed
