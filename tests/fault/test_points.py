"""Every fault point of core/base/fault.def once, under upload load."""
import pytest
from campaign import HAS_POINTS, POINTS

pytestmark = pytest.mark.skipif(
    not HAS_POINTS, reason="this build has no fault points (CMake option MEDIAHUB_FAULTS)")

# The supervisor waits longer after each death in a row; an orderly restart makes it forget them.
DEATHS_IN_A_ROW = 3


def test_there_are_points():
    assert len(POINTS) > 20 and len(set(POINTS)) == len(POINTS)


@pytest.mark.parametrize("point", POINTS)
def test_a_death_at(campaign, point):
    if campaign.kills and campaign.kills % DEATHS_IN_A_ROW == 0:
        campaign.hub.stop()
        campaign.hub.start()
    campaign.die_at(point)
