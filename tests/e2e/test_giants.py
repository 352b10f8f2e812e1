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


NESTED = """
source nested {{
	kind = incidentio
	secret_file = "{secret}"
	destination = {{ oncall }}
}}
"""


@pytest.mark.parametrize("depth", [20, 250])
def test_an_event_as_deep_as_a_body_may_be_is_delivered(site, standin, depth):
    site.configure(more=NESTED.format(secret=site.secret_file))
    nest = b"[" * depth + b"]" * depth
    body = b'{"title":"t","deduplication_key":"a","metadata":{"x":%s}}' % nest
    params = site.params(
        body,
        path="/nested",
        signature=None,
        HTTP_AUTHORIZATION=f"Bearer {site.secret}",
    )
    with site.responder() as responder, responder.connect() as client:
        assert client.request(params, body).status == 202
    assert standin.alerts().is_open("a")
