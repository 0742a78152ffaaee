"""What all tests of releases share: one coordinator, and pages of decisions drawn only where a test reads them."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def drawn_pages() -> None:
    """Asked for by the tests that look into the page of a decision."""


@pytest.fixture(autouse=True)
def plain_pages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing a page's charts takes a third as long as the decision it shows."""
    if "drawn_pages" not in request.fixturenames:
        monkeypatch.setattr("medhash.releases.promotion.recording.render_page", lambda report: "<!doctype html>")


@pytest.fixture(scope="session", autouse=True)
def no_other_coordinator() -> Iterator[None]:
    """A lease is taken without waiting for another's write; test_lease.py waits."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("medhash.releases.lease.wait", lambda seconds: None)
        yield
