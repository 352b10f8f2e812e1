"""Fixtures for the tests that run the programs as programs."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
from world.certs import Authority
from world.incidentio import StandIn
from world.site import Site


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Who signs the stand-in's certificates."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def standin(authority):
    """incident.io, as far as bellrelay can tell."""
    with StandIn(authority) as server:
        yield server


@pytest.fixture
def plain_standin():
    """The same without TLS."""
    with StandIn() as server:
        yield server


@pytest.fixture
def site(standin):
    """bellrelay installed beside the stand-in; lighttpd is not yet started.

    One process: beside a second, which may be first to deliver what the one
    has just stored, an answer could be 202 where the test wants 200.
    """
    with Site(standin) as place:
        yield place
        place.stop()
        assert standin.complaints() == []


@pytest.fixture
def served(site):
    """bellrelay behind lighttpd."""
    return site.start()
