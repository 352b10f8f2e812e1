"""What waits on disk by the thousand, and the alert that must not wait."""

import json
import time

import pytest

from world import behave
from world.montecarlo import alert, update
from world.site import Site, ticket_id, until

from .sender import opened, sealed

CROWD = 10000
BURST = 33  # calls after which only the rate is left, and a third of a burst
SECOND = 3  # calls of a second at the least rate there is: two, and one late


@pytest.fixture
def many(plain_standin):
    """Two processes at incident.io's own rate."""
    with Site(plain_standin, processes=2) as site:
        site.configure()
        yield site
        site.stop()
        assert plain_standin.complaints() == []


def waiting_update(site):
    """The ticket of an alert that rang and whose update waits, as text."""
    site.start()
    assert site.post(alert("model")).status_code == 200
    site.standin.always(behave.answer(503))
    assert site.post(update("model", owner="b@example.com")).status_code == 202
    site.stop()
    site.standin.decide(None)
    path = site.box() / "pending" / f"{ticket_id('model')}.json"
    _, ticket = opened(path)
    assert ticket["queue"][0].get("urgent") is not True
    path.unlink()
    ticket.pop("wait", None)
    ticket.update(tries=0, error=None)
    return json.dumps({n: v for n, v in ticket.items() if v is not None})


def crowd(site, count):
    """So many of it, each an alert of its own, on disk."""
    text = waiting_update(site)
    for n in range(count):
        key = f"crowd-{n}"
        path = site.box() / "pending" / f"{ticket_id(key)}.json"
        path.write_bytes(sealed(json.loads(text.replace("model", key)), 9))
        site.own(path)


def test_a_new_alert_goes_before_ten_thousand_updates_that_wait(many):
    """The rate leaves two calls a second: what goes between its answer and
    its own call, if that was not before, is what a second holds."""
    standin = many.standin
    crowd(many, CROWD)
    many.start()
    until(lambda: len(standin.history()) > BURST, "the burst to be spent")
    assert many.post(alert("new")).status_code in (200, 202)
    since = time.time()
    until(lambda: standin.events("new"), "the new alert")
    (new,) = standin.history("new")
    between = [
        s for s in standin.history()
        if since < s.time < new.time and s.key.startswith("crowd-")
    ]  # fmt: skip
    assert len(between) <= SECOND
    assert len(many.pending_files()) > CROWD * 0.9, "the crowd still waits"
