"""Bodies as large as the limit allows: what was answered 2xx is there."""

import pytest

from world import behave
from world.montecarlo import alert


def giant(incident, count, **fields):
    """Very many small things that we have no use for."""
    return alert(incident, **{f"x{n}": n for n in range(count)}, **fields)


def waiting(site, key):
    """The statuses that wait."""
    return [event["status"] for event in site.ticket(key)["queue"]]


@pytest.fixture
def down(site, standin):
    """incident.io has trouble: all that comes must be kept."""
    standin.script(*[behave.answer(500) for _ in range(50)])
    return site


def post(site, responder, body):
    with responder.connect() as client:
        return client.request(site.params(body), body).status


def test_an_alert_of_very_many_small_fields_is_kept(down):
    down.configure(top={"body_limit": 16 << 20})
    with down.responder() as responder:
        assert post(down, responder, giant("a", 600_000)) == 202
        assert waiting(down, "a") == ["firing"]


def test_flaps_of_an_alert_of_very_many_small_fields_are_kept(down):
    down.configure(destination={"retry_for": 1})
    with down.responder() as responder:
        for feedback in ("", "fixed", ""):
            body = giant("a", 32_000, alert_feedback=feedback)
            assert post(down, responder, body) == 202
        assert waiting(down, "a") == ["firing", "resolved", "firing"]
