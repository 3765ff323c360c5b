"""Whoever changes a password while the gateway dies is alone all the same."""
import pytest
import requests
from campaign import HAS_POINTS
from harness import PATIENCE_S, Hub, wait_for
from people import add_user

pytestmark = pytest.mark.skipif(
    not HAS_POINTS, reason="this build has no fault points (CMake option MEDIAHUB_FAULTS)")


def test_the_other_logins_end_though_nobody_lived_to_end_them(tmp_path):
    armed = tmp_path / "armed"
    armed.mkdir()
    hub = Hub(tmp_path, env={"MEDIAHUB_FAULT": str(armed)}).start()
    hub.expect_deaths()
    _, own = add_user(hub, "ann")
    other = hub.session(hub.login("ann", "long enough"))

    (armed / "commit.after_answer").touch()
    with pytest.raises(requests.RequestException):
        own.patch(hub.api + "/users/me", timeout=PATIENCE_S, json={
            "password": "another long secret", "current_password": "long enough"})
    assert not (armed / "commit.after_answer").exists()

    def status(session):
        try:
            return session.get(hub.api + "/users/me", timeout=PATIENCE_S).status_code
        except requests.RequestException:
            return None
    wait_for(lambda: status(other) == 401, "the end of the other login")
    later = hub.session(hub.login("ann", "another long secret"))
    assert status(own) == status(later) == 200
    hub.stop()
    hub.check_log()
