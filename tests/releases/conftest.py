"""Pages of decisions are drawn only where a test looks into them."""

import pytest


@pytest.fixture
def drawn_pages() -> None:
    """Asked for by the tests that look into the page of a decision."""


@pytest.fixture(autouse=True)
def plain_pages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing a page's charts takes a third as long as the decision it shows."""
    if "drawn_pages" not in request.fixturenames:
        monkeypatch.setattr("medhash.releases.promotion.recording.render_page", lambda report: "<!doctype html>")
