"""What all tests need: an interrupt that interrupts, whoever started pytest, and the longest tests first."""

import signal

import pytest


def pytest_configure() -> None:
    """A shell's `&` starts its commands with SIGINT ignored, and every process a test starts would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start real services take minutes: begun last, one would keep a single core busy at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
