"""What `medhash status` says of a service, from supervisord's state and the service's own health."""

import pytest

from medhash.platform.services.service import Health, Service
from medhash.platform.services.status import _duration, _state_of


def service(health: Health) -> Service:
    return Service("pages", [], {}, health)


@pytest.mark.parametrize(
    ("statename", "healthy", "seconds", "says"),
    [
        ("RUNNING", True, 100.0, "healthy"),
        ("STARTING", True, 5.0, "healthy"),
        ("STARTING", False, 5.0, "starting"),
        ("RUNNING", False, 100.0, "unhealthy"),
        ("RUNNING", None, 100.0, "unknown"),
        ("BACKOFF", True, 5.0, "down"),
        ("FATAL", True, 5.0, "gave up"),
        ("STOPPED", True, 5.0, "gave up"),
        ("UNKNOWN", True, 5.0, "unknown"),
    ],
)
def test_a_service_is_healthy_only_if_it_runs_and_says_so(statename, healthy, seconds, says):
    assert _state_of(service(lambda _: healthy), {"statename": statename, "start": 0}, seconds) == says


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.0, "59 s"), (60.0, "1 min"), (3661.0, "1 h 01"), (3 * 86400.0, "3 days")]
)
def test_a_duration_is_short(seconds, text):
    assert _duration(seconds) == text
