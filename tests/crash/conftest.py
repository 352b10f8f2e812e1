"""Fixtures of the crash tests, and the figures they gave."""

import pytest

from world.site import Site

from . import oracle
from .sender import Sender

_figures = {}


def unhurried(site):
    """No rate, and time enough for what a test does during a call: a crash test
    is about other things."""
    site.standin.limit.per_minute = 0
    site.configure(destination={"rate": 20000, "timeout": 20})
    return site


@pytest.fixture
def plain(plain_standin):
    """bellrelay beside a stand-in without TLS; no web server runs."""
    with Site(plain_standin) as site:
        yield unhurried(site)
        site.stop()
        assert plain_standin.complaints() == []


@pytest.fixture
def sender():
    return Sender()


@pytest.fixture
def tally(request):
    """tally(verdict, rounds): what this test's rounds gave, for the end."""

    def add(verdict, rounds=1):
        name = request.node.name
        count, sum_ = _figures.setdefault(name, [0, oracle.Verdict()])
        sum_.add(verdict)
        _figures[name][0] = count + rounds

    return add


def pytest_terminal_summary(terminalreporter):
    if not _figures:
        return
    terminalreporter.section("crash figures")
    for name, (rounds, verdict) in _figures.items():
        words = name.removeprefix("test_").replace("_", " ")
        terminalreporter.write_line(f"{words}: {rounds} rounds: {verdict}")
