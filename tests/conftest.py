"""What all tests need: an interrupt that interrupts, whoever started pytest."""

import signal


def pytest_configure() -> None:
    """A shell's `&` starts its commands with SIGINT ignored, and every process a test starts would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
