"""A signed Monte Carlo webhook rings incident.io."""

import concurrent.futures
import json

import pytest

from world import behave, montecarlo
from world.montecarlo import INCIDENT, alert, update
from world.site import SECRET, Site, ticket_id, until

OWNER = "ann@example.com"


def said(result, key=INCIDENT, status="firing"):
    """The whole answer to a webhook of one alert."""
    return {
        "result": result,
        "alert": ticket_id(key),
        "deduplication_key": key,
        "status": status,
    }


def check(answer, result, key=INCIDENT, status="firing"):
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == said(result, key, status)
    assert list(answer.json()) == list(said(result))
    assert answer.status_code == (202 if result == "queued" else 200)


# ---- the published examples ----


def test_the_published_rule_breach_rings(served, standin):
    check(served.post(montecarlo.rule_breach()), "delivered")
    (event,) = standin.events()
    assert event["title"] == "Rule breach: test rule"
    assert event["deduplication_key"] == INCIDENT
    assert event["status"] == "firing"
    assert event["source_url"].endswith(f"/incidents/{INCIDENT}")
    metadata = event["metadata"]
    assert metadata["source"] == "Monte Carlo"
    assert metadata["environment"] == "test"
    assert metadata["incident_id"] == INCIDENT
    assert metadata["type"] == "open_custom_rule_anomaly_incident"
    assert metadata["rule_type"] == "custom_sql"
    assert "group_id" not in metadata, "null is unknown, and unknown is absent"
    assert metadata["received_at"].endswith("Z")
    assert standin.alerts().is_open(INCIDENT)


def test_the_published_volume_anomaly_rings(served, standin):
    check(served.post(montecarlo.volume()), "delivered")
    (event,) = standin.events()
    assert event["title"] == "artemis in zeus:ares has 42 rows vs. 101 expected"
    assert event["metadata"]["tables"] == ["artemis"]
    assert event["metadata"]["group_id"] == "zeus:ares"


def test_the_signature_of_the_page_is_the_one_that_counts(served):
    """facts/montecarlo.md, 5.8: vectors made with CPython."""
    served.write(served.secret_file, "secret\n")
    served.secrets = {served.standin.token}
    for body, signature in (
        (
            montecarlo.rule_breach(),
            "20e452512608e98eb4768542fec55800cafb2d7279468b03ea4a0fdd1b6fdf0d"
            "be17e21ab0cabae5920ef98ef18fa680c3cd5f43a2d551a2e4b798c9593799cd",
        ),
        (
            montecarlo.volume(),
            "e8404cc000033050cd2b2b4e69139a77636437ccc055833fe63a34c36e723e39"
            "bab5f2d6460ff6aa54d58776348824187bcffb77f671a5d4c91dd05c3fd3b8b2",
        ),
    ):
        assert served.post(body, signature).status_code == 200


# ---- the life of an alert ----

LIFE = [
    ({"alert_feedback": None, "declared_alert_severity": None}, "created"),
    ({"alert_feedback": "investigating"}, "acknowledged"),
    ({"alert_feedback": "work_in_progress"}, "status updated"),
    ({"owner": OWNER}, "owner changed"),
    ({"ticket": "https://jira.example.com/DATA-1"}, "ticket attached"),
    ({"declared_alert_severity": "SEV-2"}, "marked as incident"),
    ({"declared_alert_severity": None}, "unmarked as incident"),
    ({"alert_feedback": "fixed"}, "resolved"),
]


def test_all_eight_events_of_an_alert_reach_the_one_alert(served, standin):
    fields = dict(LIFE[0][0])
    check(served.post(alert("life", **fields), path="/montecarlo"), "delivered",
          "life")  # fmt: skip
    for change, what in LIFE[1:]:
        status = "resolved" if what == "resolved" else "firing"
        answer = served.post(update("life", **change))
        check(answer, "delivered", "life", status)
    events = standin.events("life")
    assert len(events) == len(LIFE)
    assert [e["status"] for e in events] == ["firing"] * 7 + ["resolved"]
    assert standin.alerts().opened("life") == 1
    assert not standin.alerts().is_open("life")
    feedback = [e["metadata"].get("alert_feedback") for e in events]
    assert feedback == [None, "investigating"] + ["work_in_progress"] * 5 + [
        "fixed"
    ]
    assert [e["metadata"].get("owners") for e in events] == [None] * 3 + [
        [OWNER]
    ] * 5
    severity = [e["metadata"].get("severity") for e in events]
    assert severity[5] is not None and severity[5] != severity[4]
    assert severity[6] == severity[4], "an explicit null clears"
    received = {e["metadata"]["received_at"] for e in events}
    assert len(received) == 1, "first receipt, for the alert's life"
    titles = {e["title"] for e in events}
    assert len(titles) == 1, "a title holds only what stays true"


@pytest.mark.parametrize(
    "word", ["fixed", "expected", "no_action_needed", "false_positive", "FIXED"]
)
def test_a_feedback_that_ends_it_resolves(served, standin, word):
    served.post(alert("a"))
    answer = served.post(update("a", alert_feedback=word))
    check(answer, "delivered", "a", "resolved")
    assert not standin.alerts().is_open("a")


@pytest.mark.parametrize(
    "word", ["investigating", "no_status", "work_in_progress", "brand new"]
)
def test_any_other_feedback_does_not(served, standin, word):
    served.post(alert("a"))
    served.post(update("a", alert_feedback=word))
    assert standin.alerts().is_open("a")
    assert standin.alerts().opened("a") == 1


def test_a_resolved_alert_that_is_reopened_rings_again(served, standin):
    served.post(alert("a"))
    served.post(update("a", alert_feedback="fixed"))
    check(served.post(update("a", alert_feedback="investigating")),
          "delivered", "a")  # fmt: skip
    assert standin.alerts().is_open("a")
    assert standin.alerts().opened("a") == 2


def test_identical_bodies_are_sent_if_something_came_between(served, standin):
    fixed = update("a", alert_feedback="fixed")
    again = update("a", alert_feedback="no_status")
    for body in (alert("a"), fixed, again, fixed, again, fixed):
        assert served.post(body).json()["result"] == "delivered"
    assert standin.alerts().opened("a") == 3
    assert not standin.alerts().is_open("a")


def test_what_changes_nothing_is_not_sent(served, standin):
    check(served.post(alert("a")), "delivered", "a")
    check(served.post(alert("a")), "unchanged", "a")
    check(served.post(update("a")), "unchanged", "a")
    assert len(standin.history()) == 1


def test_the_same_is_sent_again_when_it_has_not_been_for_long(site, standin):
    site.configure(destination={"resend_after": 0})
    site.start()
    check(site.post(alert("a")), "delivered", "a")
    check(site.post(alert("a")), "delivered", "a")
    assert standin.alerts().opened("a") == 1
    assert len(standin.events("a")) == 2


def test_an_update_of_an_unknown_alert_rings(served, standin):
    body = update("never-seen", owner=OWNER)
    check(served.post(body), "delivered", "never-seen")
    (event,) = standin.events()
    assert event["metadata"]["owners"] == [OWNER]
    assert event["title"]


def test_an_alert_without_an_id_rings_under_a_key_of_its_own(served, standin):
    body = json.loads(montecarlo.volume())
    del body["payload"]["incident_id"]
    body = json.dumps(body).encode()
    first = served.post(body)
    assert first.json()["result"] == "delivered"
    key = first.json()["deduplication_key"]
    assert key and first.json()["alert"] == ticket_id(key)
    check(served.post(body), "unchanged", key)
    assert standin.alerts().is_open(key)


def test_a_monitor_run_is_no_alert(served, standin):
    body = {
        "monitor": {"monitor_id": "m", "monitor_type": "t"},
        "run": {"run_id": "r", "start_time": "s", "status": "success"},
    }
    answer = served.post(json.dumps(body).encode())
    assert answer.status_code == 200
    assert answer.json() == {"result": "ignored"}
    assert standin.history() == []
    assert served.spool_files() == []


def test_an_unknown_type_rings(served, standin):
    body = json.loads(alert("odd"))
    body["type"] = "open_something_nobody_has_seen"
    body["payload"]["event_list"] = []
    check(served.post(json.dumps(body).encode()), "delivered", "odd")
    assert standin.alerts().newest("odd").title


def test_a_key_too_long_becomes_its_digest(served, standin):
    long = "x" * 201
    answer = served.post(alert(long))
    key = answer.json()["deduplication_key"]
    assert len(key) <= 200
    assert long in json.dumps(standin.events(key)[0]["metadata"])


# ---- order ----


def test_updates_arrive_in_the_order_in_which_they_came(served, standin):
    owners = [f"owner{n}@example.com" for n in range(12)]
    served.post(alert("a"))
    for owner in owners:
        check(served.post(update("a", owner=owner)), "delivered", "a")
    got = [e["metadata"].get("owners") for e in standin.events("a")]
    assert got == [None] + [[owner] for owner in owners]


def test_while_one_event_is_under_way_the_next_waits_its_turn(site, standin):
    """Two processes, one alert: never two events at once."""
    site.processes = 2
    site.start()
    hold = standin.script(behave.Hold())
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(site.post, alert("a"))
        assert hold.reached.wait(60)
        second = site.post(update("a", alert_feedback="fixed"))
        check(second, "queued", "a", "resolved")
        assert len(standin.history()) == 1
        hold.release()
        assert first.result().ok
    standin.wait_events(2, "a")
    assert [e["status"] for e in standin.events("a")] == ["firing", "resolved"]


# ---- what a sender may vary ----

TEXTS = [
    ('{"a": 1.0, "b": [1e16, -0.0, 1e400], "c": "\\u00e9\\u200b"}', "numbers"),
    ('\ufeff{"payload": {"incident_id": "bom"}}', "a byte order mark"),
    ('{"payload": {"incident_id": "x"}, "a": 1, "a": 2}', "a key twice"),
    ('{"payload": {"incident_id": "\\ud83d\\ude00"}}', "an emoji, escaped"),
    ('{"payload": {"incident_id": "\U0001f600"}}', "an emoji, raw"),
    ('{"payload": {"incident_id": "q\'\\"\\\\"}}', "quotes"),
    ('{"payload": {"incident_id": "nul\\u0000"}}', "a NUL"),
    ('{"payload": {"incident_id": 17}}', "an id that is a number"),
    ('{"payload": {"incident_id": null}}', "an id that is null"),
    ('{"payload": {"incident_id": ""}}', "an empty id"),
    ('{"payload": []}', "a payload that is a list"),
    ('{"payload": {"incident_id": "n", "x": NaN, "y": -Infinity}}', "NaN"),
    ('{"payload": {"incident_id": "big", "x": ' + "9" * 4300 + "}}", "digits"),
    ('{"payload": {"incident_id": "s", "x": "\\ud800"}}', "a lone surrogate"),
    ('{ "payload"\t:\r\n{ "incident_id" : "w" } }\n', "white space"),
    ("{}", "nothing at all"),
]


@pytest.mark.parametrize("text, why", TEXTS, ids=[why for _, why in TEXTS])
def test_what_python_can_sign_rings(served, standin, text, why):
    answer = served.post(text.encode())
    assert answer.status_code == 200, why
    assert answer.json()["result"] in ("delivered", "ignored")
    if answer.json()["result"] == "delivered":
        assert standin.alerts().is_open(answer.json()["deduplication_key"])


def test_a_huge_alert_is_trimmed_and_rings(served, standin):
    body = json.loads(alert("huge"))
    body["payload"]["note"] = "é" * 200000
    body["payload"]["event_list"][0]["event_details"] = "ü" * 200000
    body = json.dumps(body, ensure_ascii=False).encode()
    assert len(body) > 512 * 1024
    check(served.post(body), "delivered", "huge")
    (seen,) = standin.history()
    assert len(seen.body) <= 512000
    assert len(seen.event["title"]) <= 200


def test_a_chunked_body_rings(served):
    body = alert("chunked")
    answer = served.post(
        iter([body[:10], body[10:]]), served.sign(body)
    )
    check(answer, "delivered", "chunked")


def test_a_query_string_changes_nothing(served):
    check(served.post(alert("a"), path="/montecarlo?x=1&--help"),
          "delivered", "a")  # fmt: skip


@pytest.mark.parametrize(
    "kind", [None, "application/json", "application/json; charset=utf-8",
             "Application/JSON"]
)  # fmt: skip
def test_a_content_type_of_json_or_none_will_do(served, kind):
    answer = served.post(alert("a"), headers={"Content-Type": kind})
    check(answer, "delivered", "a")


# ---- the proof ----


def test_while_a_secret_is_being_changed_both_will_do(site):
    new = "the-new-secret-" + "n3" * 12
    site.secrets.add(new)
    site.write(site.secret_file, f"{new}\n{SECRET}\n")
    site.start()
    body = alert("a")
    assert site.post(body, site.sign(body)).status_code == 200
    assert site.post(body, site.sign(body, new)).status_code == 200


def test_a_source_that_does_not_verify_says_so_in_its_configuration(site):
    site.configure(source={"secret_file": None, "verify": "off"})
    site.start()
    check(site.post(alert("a"), None), "delivered", "a")


# ---- to incident.io ----


def test_the_event_is_sent_as_published(served, standin):
    served.post(alert("a"))
    (seen,) = standin.history()
    assert seen.method == "POST"
    assert seen.path == standin.path()
    assert seen.header("authorization") == [f"Bearer {standin.token}"]
    assert seen.header("content-type") == ["application/json"]
    assert seen.header("content-length") == [str(len(seen.body))]
    assert not seen.header("transfer-encoding")
    assert not seen.header("expect")
    assert seen.header("user-agent")[0].startswith("bellrelay/")
    assert b"null" not in seen.body


def test_one_process_keeps_its_connection(standin, served):
    for n in range(3):
        served.post(alert(f"a{n}"))
    assert standin.connections() == 1
    assert [s.nth for s in standin.history()] == [1, 2, 3]


def test_a_connection_that_was_closed_meanwhile_is_made_anew(served, standin):
    check(served.post(alert("a")), "delivered", "a")
    standin.close_connections()
    standin.wait(lambda: standin.open_connections() == 0)
    check(served.post(alert("b")), "delivered", "b")


def test_http_to_a_loopback_address_is_allowed(plain_standin):
    with Site(plain_standin) as site:
        site.start()
        check(site.post(alert("a")), "delivered", "a")


SECOND = """
destination second {{
	url = "{url}"
	token_file = "{token}"
	ca_file = "{ca}"
}}
"""


@pytest.fixture
def both(site, standin):
    """A source with two destinations."""
    token = "second-token-" + "s2" * 12
    site.secrets.add(token)
    site.write(site.etc / "second.token", token)
    url = standin.add_source("SECOND", token)
    site.configure(
        source={"destination": ["oncall", "second"]},
        more=SECOND.format(
            url=url, token=site.etc / "second.token", ca=site.etc / "ca.pem"
        ),
    )
    return site.start()


def test_an_alert_goes_to_each_of_its_destinations(both, standin):
    answer = both.post(alert("a"))
    assert answer.status_code == 200, both.log() + answer.text
    assert answer.json()["result"] == "delivered"
    assert [one["result"] for one in answer.json()["alerts"]] == [
        "delivered"
    ] * 2
    assert standin.alerts().is_open("a")
    assert standin.alerts("SECOND").is_open("a")


def test_the_answer_is_the_least_certain_of_all(both, standin):
    standin.decide(
        lambda s: behave.answer(503) if "SECOND" in s.path else None
    )
    answer = both.post(alert("a"))
    assert answer.status_code == 202
    assert answer.json()["result"] == "queued"
    assert sorted(one["result"] for one in answer.json()["alerts"]) == [
        "delivered",
        "queued",
    ]
    assert standin.alerts().is_open("a"), "destinations do not wait"
    assert list(both.tickets("second")) == [ticket_id("a")]


# ---- the spool ----


def test_the_spool_tells_all_about_an_alert(served):
    served.post(alert("a", owner=OWNER))
    ticket = served.ticket("a")
    assert ticket["key"] == "a"
    assert ticket["source"] == "montecarlo"
    assert ticket["queue"] == []
    assert ticket["alert"]["metadata"]["owners"] == [OWNER]
    assert served.tickets() == {}


def test_what_owes_nothing_leaves_pending(served):
    served.post(alert("a"))
    name = f"{ticket_id('a')}.json"
    settled = served.box() / "settled" / name[:2] / name
    until(lambda: settled.exists() and served.pending_files() == [], "a sweep")
    assert served.post(alert("a")).json()["result"] == "unchanged"


def test_the_spool_is_for_its_owner_alone(served):
    served.post(alert("a"))
    served.stop()  # or a file could go while it is looked at
    for path in served.spool.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


# ---- a look from outside ----


def test_each_webhook_and_each_delivery_is_a_line_of_the_log(served):
    served.post(alert("a"))
    served.post(alert("a"))
    webhooks = served.log_lines(event="webhook")
    assert [w["result"] for w in webhooks] == ["delivered", "unchanged"]
    assert {w["alert"] for w in webhooks} == {ticket_id("a")}
    (delivery,) = served.log_lines(event="delivery")
    assert delivery["result"] == "delivered"
    assert delivery["http"] == "202"
