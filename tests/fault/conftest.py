"""Faults: processes are killed while work goes on, and an oracle says what was lost. What was learnt
is told in one line for each campaign at the end of the run."""
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "e2e"),
                str(pathlib.Path(__file__).parent)]

from campaign import Campaign  # noqa: E402

SUMMARIES = []


@pytest.fixture(scope="module")
def campaign(tmp_path_factory, request):
    """One hub under load for all tests of a file; the oracle has the last word."""
    with Campaign(tmp_path_factory.mktemp("fault")) as campaign:
        yield campaign
        try:
            campaign.judge()
        finally:
            SUMMARIES.append(f"{request.module.__name__}: {campaign.summary()}")


def pytest_terminal_summary(terminalreporter):
    for line in SUMMARIES:
        terminalreporter.write_line(line)
