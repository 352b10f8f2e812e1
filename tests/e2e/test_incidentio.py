"""Whoever can send alert events to incident.io can send them here."""

import json
import re

import pytest

from world import montecarlo
from world.site import ticket_id

TOKEN = "Io_7-sender-token-" + "k3" * 12
AT = "/v2/alert_events/http/senders"
EVENT = {
    "title": "Endpoint down",
    "status": "firing",
    "deduplication_key": "endpoint-1",
    "description": "It answers **503**.",
    "source_url": "https://example.com/endpoints/1",
    "metadata": {"team": ["core"], "attempt": 3},
}


@pytest.fixture
def sender(site):
    """post(event, ...), as a sender of incident.io's events would."""
    secret = site.write(site.etc / "senders.secret", TOKEN + "\n")
    site.secrets.add(TOKEN)
    site.configure(
        more=f"source senders {{\n\tkind = incidentio\n"
        f'\tsecret_file = "{secret}"\n\tdestination = oncall\n}}\n'
    )
    site.start()

    def post(event, path=AT, authorization=f"Bearer {TOKEN}", **kwargs):
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        headers = {"Authorization": authorization, **kwargs.pop("headers", {})}
        return site.post(body, None, path, headers=headers, **kwargs)

    post.site = site
    return post


def taken(answer, key):
    """incident.io's yes, to the letter."""
    assert answer.status_code == 202
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {
        "deduplication_key": key,
        "message": "Event accepted for processing",
        "status": "success",
    }


def refused(answer, status, kind):
    """incident.io's envelope of errors."""
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    said = answer.json()
    assert list(said) == ["type", "status", "request_id", "errors"]
    assert said["type"] == kind
    assert said["status"] == status
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                        said["request_id"])  # fmt: skip
    (error,) = said["errors"]
    assert error["code"] and error["message"]
    return error


def test_an_event_is_passed_on_as_it_is(sender, standin):
    taken(sender(EVENT), "endpoint-1")
    (event,) = standin.events()
    received = event["metadata"].pop("received_at")
    assert received.endswith("Z")
    assert event == EVENT


def test_yes_is_the_same_for_what_changes_nothing(sender, standin):
    for _ in range(2):
        taken(sender(EVENT), "endpoint-1")
    assert len(standin.events()) == 1


def test_yes_is_the_same_for_what_must_wait(sender, standin):
    standin.stop()
    taken(sender(EVENT), "endpoint-1")
    assert list(sender.site.tickets()) == [ticket_id("endpoint-1")]


def test_it_has_the_short_path_too(sender, standin):
    taken(sender(EVENT, "/senders"), "endpoint-1")
    assert len(standin.events()) == 1


@pytest.mark.parametrize(
    "path, authorization",
    [
        (AT + "?token=" + TOKEN, None),
        (AT + "?team=x&token=" + TOKEN, None),
        ("/senders/" + TOKEN, None),
        (AT, "basic"),
    ],
    ids=["query", "query among others", "path", "basic"],
)
def test_the_token_may_stand_where_incident_io_takes_it(
    sender, standin, path, authorization
):
    if authorization == "basic":
        import base64

        pair = base64.b64encode(f":{TOKEN}".encode()).decode()
        authorization = f"Basic {pair}"
    taken(sender(EVENT, path, authorization), "endpoint-1")
    assert len(standin.events()) == 1


def test_a_missing_key_gets_one_that_stays(sender, standin):
    event = {k: v for k, v in EVENT.items() if k != "deduplication_key"}
    key = sender(event).json()["deduplication_key"]
    assert re.fullmatch("[0-9a-f]{64}", key)
    taken(sender({**event, "status": "resolved", "description": "200"}), key)
    first, last = standin.events()
    assert first["deduplication_key"] == last["deduplication_key"] == key
    assert last["status"] == "resolved"


def test_what_degrades_rings(sender, standin):
    taken(sender({"description": "One.\nTwo.", "deduplication_key": "d"}), "d")
    (event,) = standin.events()
    assert event["title"] == "One."
    assert event["status"] == "firing"


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic eDp5"])
def test_a_stranger_is_refused(sender, standin, authorization):
    error = refused(
        sender(EVENT, authorization=authorization), 403, "authentication_error"
    )
    assert "wrong" not in error["message"]
    assert standin.events() == []
    assert sender.site.spool_files() == []


def test_nothing_to_ring_is_refused(sender, standin):
    for event in ({}, {"message": "hello"}, [EVENT]):
        error = refused(sender(event), 422, "validation_error")
        assert error["source"] == {"field": "title"}
    refused(sender(b"{"), 400, "validation_error")
    refused(
        sender(EVENT, headers={"Content-Type": "text/plain"}),
        415,
        "validation_error",
    )
    assert standin.events() == []


def test_monte_carlos_own_channel_reads_like_its_webhook(sender, standin):
    site = sender.site
    taken(sender(montecarlo.volume()), montecarlo.INCIDENT)
    (ours,) = standin.events()
    assert ours["title"] == "artemis in zeus:ares has 42 rows vs. 101 expected"
    assert ours["metadata"]["tables"] == ["artemis"]
    fixed = json.loads(montecarlo.volume())
    fixed["payload"] = {
        "incident_id": montecarlo.INCIDENT,
        "alert_feedback": "fixed",
    }
    taken(sender(fixed), montecarlo.INCIDENT)
    last = standin.events()[-1]
    assert last["status"] == "resolved"
    assert last["title"] == ours["title"], "what was known stays"
    assert site.log_lines(source="senders", result="delivered")


# ---- keys of several senders ----


@pytest.fixture
def two(site):
    """two(**options of each): sources a and b, whose senders share keys."""
    secret = site.write(site.etc / "senders.secret", TOKEN + "\n")
    site.secrets.add(TOKEN)

    def configure(**namespaces):
        site.configure(
            more="".join(
                f"source {name} {{\n\tkind = incidentio\n"
                f'\tsecret_file = "{secret}"\n\tdestination = oncall\n'
                + (f'\tnamespace = "{space}"\n' if space else "")
                + "}\n"
                for name, space in namespaces.items()
            )
        )
        return site

    return configure


def send(site, name, event):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return site.post(json.dumps(event).encode(), None, f"/{name}", headers=headers)


def test_a_namespace_keeps_the_alerts_of_two_senders_apart(two, standin):
    """Even one that is its name; the answer says the sender's own key."""
    site = two(a="a", b="team-b").start()
    taken(send(site, "a", EVENT), "endpoint-1")
    taken(send(site, "b", EVENT), "endpoint-1")
    taken(send(site, "b", {**EVENT, "status": "resolved"}), "endpoint-1")
    assert [(e["deduplication_key"], e["status"]) for e in standin.events()] == [
        ("a/endpoint-1", "firing"),
        ("team-b/endpoint-1", "firing"),
        ("team-b/endpoint-1", "resolved"),
    ]
    kept = str(site.spool_files())
    assert ticket_id("a/endpoint-1") in kept
    assert ticket_id("team-b/endpoint-1") in kept


def test_a_key_that_was_answered_names_the_same_alert(two, standin):
    """Gatus ends an alert by the key of the answer."""
    site = two(a="team-a").start()
    for key in (None, "k" * 300):
        event = {**EVENT, "title": f"Key {key}", "deduplication_key": key}
        said = send(site, "a", event).json()["deduplication_key"]
        assert said == key or key is None
        taken(send(site, "a", {**event, "deduplication_key": said,
                               "status": "resolved"}), said)  # fmt: skip
        first, last = standin.events()[-2:]
        assert first["deduplication_key"] == last["deduplication_key"]
        assert last["status"] == "resolved"


def test_check_notes_senders_whose_keys_may_meet(two):
    def said(**namespaces):
        done = two(**namespaces).cli("check")
        assert done.returncode == 0
        return done.stderr.decode()

    note = "note: source b: an alert with the same key is the same"
    assert note in said(a="", b="")
    assert note not in said(a="", b="team-b")
    assert note not in said(a="a", b="b")
    assert note not in said(b="")
