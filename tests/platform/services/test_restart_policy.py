"""When a service that runs but is not healthy is started again, and when no more."""

from medhash.platform.services.restart_policy import UNHEALTHY_SECONDS, WELL_SECONDS, RestartPolicy
from medhash.platform.services.supervisord import MAX_RESTARTS


def test_an_unhealthy_service_is_restarted_after_its_time_and_given_up_at_last():
    policy, now = RestartPolicy(), 0.0
    for _ in range(MAX_RESTARTS):
        assert policy.due(False, now) == "nothing"
        assert policy.due(False, now + UNHEALTHY_SECONDS - 1) == "nothing"
        now += UNHEALTHY_SECONDS
        assert policy.due(False, now) == "restart"
    policy.due(False, now)
    assert policy.due(False, now + UNHEALTHY_SECONDS) == "give up"


def test_one_good_look_begins_the_time_anew_and_a_good_minute_the_count():
    policy = RestartPolicy()
    policy.due(False, 0.0)
    policy.due(True, UNHEALTHY_SECONDS - 1)
    assert policy.due(False, UNHEALTHY_SECONDS) == "nothing"
    assert policy.due(False, 2 * UNHEALTHY_SECONDS) == "restart"
    for well, count in ((WELL_SECONDS - 1, 1), (WELL_SECONDS, 0)):
        policy.due(True, 1000.0)
        policy.due(True, 1000.0 + well)
        assert policy.n_in_a_row == count


def test_a_service_whose_health_cannot_be_known_is_left_alone():
    policy = RestartPolicy()
    assert {policy.due(None, now) for now in (0.0, UNHEALTHY_SECONDS, 10 * UNHEALTHY_SECONDS)} == {"nothing"}
