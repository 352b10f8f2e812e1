"""What incident.io may answer, and what becomes of the alert (DESIGN.md, 4)."""

import concurrent.futures
import json
import os
import time

import pytest

from world import behave
from world.incidentio import StandIn
from world.montecarlo import alert, update
from world.site import clock, ticket_id, until

NAME = ticket_id("a")


def drain(site, *more, exit_code=0):
    done = site.cli("drain", *more)
    assert done.returncode == exit_code, done.stderr.decode()
    return done


def check_queued(site, answer, key="a", status="firing"):
    """202, and the file that the promise rests on."""
    assert answer.status_code == 202, answer.text
    assert answer.json() == {
        "result": "queued",
        "alert": ticket_id(key),
        "deduplication_key": key,
        "status": status,
    }
    ticket = site.ticket(key)
    assert ticket["key"] == key
    if not ticket["queue"]:  # on a slow machine it is due before we look
        assert site.standin.events(key)[-1]["status"] == status
        return
    assert ticket["queue"][-1]["body"]["deduplication_key"] == key
    assert ticket["queue"][-1]["body"]["status"] == status


# ---- 2xx ----


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_delivered(served, standin, status):
    standin.script(behave.answer(status))
    answer = served.post(alert("a"))
    assert (answer.status_code, answer.json()["result"]) == (200, "delivered")
    assert served.tickets() == {}


DELIVERED = [
    (lambda: behave.answer(202, b"accepted, says a word"), "no JSON"),
    (lambda: behave.answer(202, b""), "no body"),
    (lambda: behave.answer(202, {"status": "accepted"}), "another word"),
    (lambda: behave.Huge(size=1 << 20), "a large body"),
    (behave.Continue, "100 and 103 before"),
    (behave.AnswerAndClose, "a connection that is then closed"),
    (
        lambda: behave.answer(202, headers={"X": ["y" * 200] * 100}),
        "many headers",
    ),
]


@pytest.mark.parametrize(
    "make, why", DELIVERED, ids=[why for _, why in DELIVERED]
)
def test_a_yes_is_a_yes_whatever_comes_with_it(served, standin, make, why):
    standin.script(make())
    answer = served.post(alert("a"))
    assert answer.json()["result"] == "delivered", why
    assert standin.alerts().opened("a") == 1
    assert served.post(alert("b")).json()["result"] == "delivered"


# ---- trouble that passes ----

PASSING = [
    (lambda: behave.answer(500), "500"),
    (lambda: behave.answer(502, b"<html>bad gateway</html>"), "502"),
    (lambda: behave.answer(503, headers={"Retry-After": "1"}), "503"),
    (lambda: behave.answer(504), "504"),
    (lambda: behave.answer(599), "599"),
    (lambda: behave.answer(408), "408"),
    (lambda: behave.answer(429), "429 without Retry-After"),
    (lambda: behave.retry_after("1"), "429 with seconds"),
    (lambda: behave.retry_after("soon"), "429 with nonsense"),
    (lambda: behave.retry_after("9" * 40), "429 with very many seconds"),
    (lambda: behave.retry_after("-5"), "429 with negative seconds"),
    (
        lambda: behave.retry_after("Wed, 21 Oct 2037 07:28:00 GMT"),
        "429 with a date",
    ),
    (
        lambda: behave.retry_after("Thu, 17 Apr 2036 11:17:18 UTC"),
        "429 with a date in UTC",
    ),
    (
        lambda: behave.retry_after("Thu, 17 Apr 2025 11:17:18 UTC"),
        "429 with a date that is over",
    ),
    (behave.ResetFirst, "a reset before anything"),
    (behave.CloseFirst, "closed at once"),
    (behave.TlsAlert, "a TLS alert"),
    (behave.RawFirst, "no TLS"),
]

#: It was not taken, but the client cannot know that.
SILENT = [
    (behave.Close, "closed without a word"),
    (lambda: behave.Reset(takes=False), "a reset"),
    (behave.ResetUnread, "a reset before the body"),
    (behave.Raw, "no HTTP"),
    (lambda: behave.Raw(b"HTTP/9.9 abc\r\n\r\n"), "no status"),
    (lambda: behave.Raw(b"\0" * 300000), "noise"),
]


@pytest.mark.parametrize("make, why", PASSING, ids=[why for _, why in PASSING])
def test_trouble_that_passes_is_queued_and_later_delivered(
    served, standin, make, why
):
    standin.script(make())
    check_queued(served, served.post(alert("a")))
    assert not standin.history() or not standin.history()[0].taken, why
    drain(served)
    assert len(standin.events("a")) == 1
    assert standin.alerts().is_open("a")
    assert served.tickets() == {}
    assert served.dead() == {}


@pytest.mark.parametrize("make, why", SILENT, ids=[why for _, why in SILENT])
def test_what_may_have_been_taken_is_sent_again(served, standin, make, why):
    standin.script(make())
    check_queued(served, served.post(alert("a")))
    assert not standin.history()[0].taken, why
    drain(served)
    first, *again = standin.events("a")
    assert again in ([], [first]), "once more, to be sure of the order"
    assert standin.alerts().opened("a") == 1
    assert served.dead() == {}


UNKNOWN = [
    (behave.Reset, "a reset after the request"),
    (lambda: behave.Close(takes=True), "closed after the request"),
    (lambda: behave.WrongLength(-5), "a length too short"),
    (lambda: behave.WrongLength(10), "a length too long"),
    (behave.half_reply, "half a body"),
    (behave.half_head, "half a head"),
]


@pytest.mark.parametrize("make, why", UNKNOWN, ids=[why for _, why in UNKNOWN])
def test_an_answer_that_broke_off_loses_nothing(served, standin, make, why):
    """It was taken; whether we can know it or not, it rings once."""
    standin.script(make())
    answer = served.post(alert("a"))
    assert answer.status_code in (200, 202), why
    drain(served)
    assert standin.alerts().is_open("a")
    assert standin.alerts().opened("a") == 1
    assert served.owed() == {}


HANGING = [
    (behave.Hang, False, "before the answer"),
    (lambda: behave.Hang(takes=True), True, "after it was taken"),
    (lambda: behave.Hang(b"HTTP/1.1 20"), False, "in the status line"),
    (behave.NeverRead, False, "before reading"),
    (lambda: behave.Drip(every=0.3), True, "drop by drop"),
]


@pytest.mark.parametrize(
    "make, taken, why", HANGING, ids=[why for _, _, why in HANGING]
)
def test_a_server_that_hangs_is_left_after_the_time_out(
    site, standin, make, taken, why
):
    """It never lets go by itself: the answer is the proof."""
    site.configure(destination={"timeout": 3, "connect_timeout": 3})
    site.start()
    standin.script(make())
    check_queued(site, site.post(alert("a")))
    standin.wait(lambda: standin.open_connections() == 0)
    assert (standin.alerts().opened("a") == 1) is taken, why
    site.configure()
    drain(site)
    assert standin.alerts().is_open("a")
    assert standin.alerts().opened("a") == 1
    assert site.owed() == {}


def test_after_an_unknown_outcome_the_newest_state_is_repeated(
    served, standin
):
    """60 s after it was accepted; a drain by hand does not hurry it."""
    standin.script(behave.Reset())
    check_queued(served, served.post(alert("a")))
    drain(served)
    (entry,) = served.ticket("a")["queue"]
    wait = served.ticket("a")["wait"]
    assert entry["repeat"] is True
    assert wait["until"] - served.ticket("a")["sent"]["at"] == 60_000
    assert standin.alerts().opened("a") == 1
    assert served.post(update("a", alert_feedback="fixed")).status_code == 200
    assert not standin.alerts().is_open("a"), "what is newer does not wait"


def test_one_webhook_spends_one_time_out_for_all_its_destinations(
    site, standin
):
    token = "second-token-" + "s2" * 12
    site.secrets.add(token)
    site.write(site.etc / "second.token", token)
    url = standin.add_source("SECOND", token)
    site.configure(
        destination={"timeout": 3},
        source={"destination": ["oncall", "second"]},
        more=f'destination second {{ url = "{url}"\n timeout = 3\n'
        f'token_file = "{site.etc}/second.token"\n'
        f'ca_file = "{site.etc}/ca.pem" }}\n',
    )
    site.start()
    standin.script(behave.Hang())
    answer = site.post(alert("a"))
    assert answer.status_code == 202
    # The second was not tried before the answer; after it, it is.
    results = {a["destination"]: a["result"] for a in answer.json()["alerts"]}
    assert results == {"oncall": "queued", "second": "queued"}
    assert standin.history()[0].path == standin.path()
    until(lambda: standin.alerts("SECOND").is_open("a"), "the second")


def test_nobody_listens(served, standin, authority):
    standin.stop()
    check_queued(served, served.post(alert("a")))
    done = served.cli("drain")
    assert done.returncode == 75, "something still waits"
    with StandIn(authority, port=standin.port) as again:
        drain(served)
        assert again.alerts().is_open("a")


def test_a_host_that_has_no_address(site, standin):
    site.configure(
        destination={"url": "https://nobody.invalid/v2/alert_events/http/X"}
    )
    site.start()
    check_queued(site, site.post(alert("a")))
    site.configure()
    drain(site)
    assert standin.alerts().is_open("a")


def test_the_idle_responder_delivers_by_itself(served, standin):
    """Five seconds later, by the schedule; nobody asks for it."""
    standin.script(behave.answer(503))
    check_queued(served, served.post(alert("a")))
    standin.wait_events(1, "a")
    first, second = standin.history("a")
    assert first.body == second.body
    assert second.time - first.time >= 4.9, "not before its time"


def test_the_schedule_is_kept_when_drain_is_told_so(served, standin):
    served.stop()
    served.waits(alert("a"))
    before = len(standin.history())
    done = served.cli("drain", "--due")
    assert done.returncode == 75
    assert len(standin.history()) == before
    drain(served)
    assert standin.alerts().is_open("a")


def stored(site):
    """Also what its call may make of it."""
    return site.pending_files() and list((site.spool / "tmp").iterdir())


def tear(site):
    path = site.box() / "pending" / f"{ticket_id('a')}.json"
    path.write_bytes(path.read_bytes()[:-40])


def remove(site):
    (site.box() / "pending" / f"{ticket_id('a')}.json").unlink()


@pytest.mark.parametrize("harm", [tear, remove])
@pytest.mark.parametrize("settled", [False, True], ids=["new", "known"])
def test_a_ticket_that_is_lost_during_its_call_is_written_again(
    served, standin, harm, settled
):
    """Nobody may take it away meanwhile; a yes would be for nothing."""
    if settled:
        assert served.post(alert("a")).status_code == 200
        until(lambda: not served.pending_files(), "it to be settled")
    hold = standin.script(behave.Hold(then=behave.answer(503)))
    body = update("a", declared_alert_severity="SEV-1")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(served.post, body)
        assert hold.reached.wait(60)
        until(lambda: stored(served), "it to be stored")
        harm(served)
        hold.release()
        assert answer.result(60).json()["result"] == "queued"
    ticket = served.ticket("a")
    assert [e["status"] for e in ticket["queue"]] == ["firing"]
    assert served.cli("drain").returncode == 0
    sent = standin.events("a")[-1]
    assert sent["metadata"]["severity"] == "SEV-1"


def test_an_acceptance_is_written_though_the_ticket_was_lost(served, standin):
    hold = standin.script(behave.Hold())
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(served.post, alert("a"))
        assert hold.reached.wait(60)
        until(lambda: stored(served), "it to be stored")
        remove(served)
        hold.release()
        assert answer.result(60).json()["result"] == "delivered"
    assert served.ticket("a")["sent"]["n"] == 1


def test_what_waited_is_delivered_in_order(served, standin):
    until(served.workers, "the responder")
    served.waits(alert("a"))
    before = len(standin.history())
    check_queued(
        served, served.post(update("a", owner="ann@example.com")), "a"
    )
    check_queued(
        served, served.post(update("a", alert_feedback="fixed")), "a", "resolved"
    )
    assert len(standin.history()) == before, "its wait is kept"
    drain(served)
    first, last = standin.events("a")
    assert first["status"] == "firing"
    assert first["metadata"]["owners"] == ["ann@example.com"]
    assert last["status"] == "resolved"
    assert not standin.alerts().is_open("a")


def test_alerts_do_not_wait_for_each_other(served, standin):
    standin.decide(lambda s: behave.answer(500) if s.key == "a" else None)
    check_queued(served, served.post(alert("a")))
    assert served.post(alert("b")).json()["result"] == "delivered"
    assert standin.alerts().is_open("b")


def test_what_waits_outlives_the_web_server(served, standin):
    standin.script(behave.answer(503))
    check_queued(served, served.post(alert("a")))
    served.stop()
    assert list(served.tickets()) == [NAME]
    drain(served)
    assert standin.alerts().is_open("a")


def test_two_drains_at_once_send_each_event_once(served, standin):
    served.stop()
    standin.always(behave.answer(503))
    for n in range(8):
        assert served.cgi(alert(f"a{n}")).status == 202
    standin.decide(None)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in pool.map(lambda _: served.cli("drain"), range(3)):
            assert done.returncode in (0, 75)
    drain(served)
    keys = [e["deduplication_key"] for e in standin.events()]
    assert sorted(keys) == [f"a{n}" for n in range(8)]


# ---- a destination that rests, or is held ----


def test_after_429_nothing_is_sent_until_it_may_be(served, standin):
    standin.script(behave.retry_after("3000"))
    check_queued(served, served.post(alert("a")))
    check_queued(served, served.post(alert("b")), "b")
    assert len(standin.history()) == 1
    drain(served)
    assert standin.alerts().is_open("a") and standin.alerts().is_open("b")


def test_after_two_failures_in_a_row_the_destination_rests(served, standin):
    standin.always(behave.answer(503))
    for key in ("a", "b", "c", "d"):
        check_queued(served, served.post(alert(key)), key)
    seen = standin.history()
    second = next(s for s in seen if s.key == "b")
    assert {s.key for s in seen[: second.number - 1]} == {"a"}
    # On a slow machine its first probe has come meanwhile.
    for probe_ in seen[second.number :]:
        assert probe_.time - second.time >= 4.9, "not before its time"
    standin.decide(None)
    drain(served)
    assert sorted(e["deduplication_key"] for e in standin.events()) == [
        "a", "b", "c", "d",
    ]  # fmt: skip


def probe(site, after):
    """What cron does so many seconds later."""
    return site.cli("drain", "--due", env=clock(f"+{after}s"))


@pytest.mark.parametrize("status", [503, 429])
def test_two_that_are_not_liked_do_not_stop_the_others(site, standin, status):
    standin.decide(
        lambda seen: behave.answer(status) if seen.key in "ab" else None
    )
    for key in "abcdef":
        assert site.cgi(alert(key)).status in (200, 202), "it may be ready"
    assert standin.history()[0].key == "a", "what is not liked came first"
    for n in range(1, 7):
        probe(site, 61 * n)
    assert sorted(e["deduplication_key"] for e in standin.events()) == [
        "c", "d", "e", "f",
    ]  # fmt: skip


def test_those_that_alone_meet_429_become_dead_letters(site, standin):
    standin.decide(
        lambda seen: behave.answer(429) if seen.key in "ab" else None
    )
    for key in "abcdef":
        assert site.cgi(alert(key)).status in (200, 202), "it may be ready"
    for n in range(1, 20):
        probe(site, 61 * n)
    assert sorted(v["key"] for v in site.dead().values()) == ["a", "b"]
    assert site.tickets() == {}


def test_probes_go_round_all_that_wait(site, standin):
    standin.always(behave.answer(503))
    for key in "abcdef":
        assert site.cgi(alert(key)).status == 202
    before = len(standin.history())
    for n in range(1, 7):
        probe(site, 400 * n)
    probed = [seen.key for seen in standin.history()[before:]]
    assert sorted(probed[:6]) == list("abcdef"), probed


@pytest.mark.parametrize("over", ["0", "Thu, 17 Apr 2025 11:17:18 UTC"])
def test_a_retry_after_that_is_over_makes_no_hot_loop(served, standin, over):
    standin.always(behave.retry_after(over))
    for key in "ab":
        check_queued(served, served.post(alert(key)), key)
    until(lambda: len(standin.history()) > 1, "the first probe")
    first, second = standin.history()
    assert second.time - first.time >= 4.9, "not before its time"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_token_or_url_loses_nothing(served, standin, status):
    standin.script(behave.answer(status))
    check_queued(served, served.post(alert("a")))
    check_queued(served, served.post(alert("b")), "b")
    assert len(standin.history()) == 1, "held: no more tries"
    assert served.dead() == {}
    drain(served)
    assert standin.alerts().is_open("a") and standin.alerts().is_open("b")


def test_a_token_that_was_mended_is_tried_at_once(site, standin):
    """By the idle responder; held it would wait for five minutes."""
    wrong = "wrong-token-" + "w0" * 12
    site.secrets.add(wrong)
    site.write(site.token_file, wrong)
    site.start()
    check_queued(site, site.post(alert("a")))
    assert standin.history()[0].status == 403
    site.write(site.token_file, standin.token)
    assert site.post(alert("b")).ok
    standin.wait_events(1, "a")
    standin.wait_events(1, "b")
    assert len(standin.complaints()) == 1
    standin.history()[0].verdict = ""


def test_a_token_that_was_mended_is_tried_by_the_next_drain(site, standin):
    """However short the time since the webhook."""
    wrong = "wrong-token-" + "w0" * 12
    site.secrets.add(wrong)
    site.write(site.token_file, wrong)
    for key in "ab":
        assert site.cgi(alert(key)).status == 202
    site.write(site.token_file, standin.token)
    drain(site, "--due")
    assert standin.alerts().is_open("a") and standin.alerts().is_open("b")
    assert len(standin.complaints()) == 1
    standin.history()[0].verdict = ""


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(served, standin, authority, status):
    with StandIn(authority) as elsewhere:
        standin.script(behave.redirect(elsewhere.url(), status))
        check_queued(served, served.post(alert("a")))
        assert elsewhere.connections() == 0
        drain(served)
        assert elsewhere.connections() == 0
    assert standin.alerts().is_open("a")


# ---- for good ----


@pytest.mark.parametrize("status", [400, 402, 405, 409, 410, 412, 415, 422, 451])
def test_what_is_refused_for_good_becomes_a_dead_letter(
    served, standin, status
):
    standin.script(behave.answer(status))
    answer = served.post(alert("a"))
    assert answer.status_code == 202, "it is kept, and that is what 202 says"
    assert served.tickets() == {}
    ((name, letter),) = served.dead().items()
    assert name == f"{NAME}-1"
    told = json.dumps(letter)
    assert f"scripted {status}" in told and "request_id" in told
    drain(served)
    assert len(standin.history()) == 1, "it is not sent again"
    assert served.post(alert("b")).json()["result"] == "delivered"


def test_after_a_dead_letter_the_alert_goes_on(served, standin):
    standin.script(behave.answer(422))
    served.post(alert("a"))
    answer = served.post(update("a", owner="ann@example.com"))
    assert answer.json()["result"] == "delivered"
    assert standin.alerts().is_open("a")


def test_too_large_is_tried_once_more_and_smaller(served, standin):
    standin.script(behave.answer(413))
    body = json.loads(alert("a"))
    body["payload"]["note"] = "x" * 5000
    answer = served.post(json.dumps(body).encode())
    assert answer.status_code in (200, 202)
    drain(served)
    first, second = standin.history("a")
    assert len(second.body) < len(first.body)
    assert standin.alerts().is_open("a")


def refused_and_over(site, standin):
    """Resolved; a new firing is refused; it is resolved once more."""
    assert site.post(alert("a")).status_code == 200
    assert site.post(update("a", alert_feedback="fixed")).status_code == 200
    standin.script(behave.answer(400))
    site.post(update("a", alert_feedback=None))
    again = site.post(update("a", alert_feedback="fixed"))
    assert (again.status_code, again.json()["result"]) == (200, "unchanged")


def test_what_holds_again_after_a_dead_letter_is_what_the_next_is_merged_on(
    served, standin
):
    refused_and_over(served, standin)
    served.post(update("a", owner="ann@example.com"))
    drain(served)
    assert not standin.alerts().is_open("a")


def test_a_dead_letter_is_older_than_what_holds_again(served, standin):
    refused_and_over(served, standin)
    done = served.cli("retry", "--all-dead")
    assert b"superseded" in done.stdout + done.stderr
    drain(served)
    assert not standin.alerts().is_open("a")


def test_what_was_only_merged_is_over_once_the_former_holds_again(
    site, standin
):
    site.configure(destination={"updates": "none"})
    site.start()
    for body in (
        alert("a", declared_alert_severity="SEV-4"),
        update("a", declared_alert_severity="SEV-1"),
        update("a", declared_alert_severity="SEV-4"),
        update("a", alert_feedback="fixed"),
    ):
        assert site.post(body).status_code == 200
    first, last = standin.events("a")
    assert (first["status"], last["status"]) == ("firing", "resolved")
    assert last["metadata"]["severity"] == first["metadata"]["severity"]


def test_what_comes_to_a_ticket_torn_during_a_call_is_sent_after_it(
    site, standin
):
    site.processes = 2
    site.start()
    assert site.post(alert("a")).status_code == 200
    until(lambda: not site.pending_files(), "the first to settle")
    hold = standin.script(behave.Hold())
    with concurrent.futures.ThreadPoolExecutor() as pool:
        raised = pool.submit(
            site.post, update("a", declared_alert_severity="SEV-1")
        )
        assert hold.reached.wait(60)
        until(site.pending_files, "the second to be stored")
        (pending,) = site.box().joinpath("pending").iterdir()
        settled = site.box() / "settled" / NAME[:2] / pending.name
        settled.unlink(missing_ok=True)
        pending.write_bytes(pending.read_bytes()[:-40])
        over = site.post(update("a", alert_feedback="fixed"))
        assert over.status_code == 202
        hold.release()
        assert raised.result().status_code in (200, 202)
    drain(site)
    until(lambda: len(standin.events("a")) == 3, "all three")
    assert not standin.alerts().is_open("a")


def test_a_file_from_a_clock_that_went_back_does_not_wait(site, standin):
    standin.script(behave.answer(503))
    site.start()
    assert site.post(alert("a")).status_code == 202
    site.stop()
    (pending,) = site.box().joinpath("pending").iterdir()
    future = time.time() + 4 * 86400
    os.utime(pending, (future, future))
    site.start()
    until(lambda: standin.events("a"), "the next try")


def test_too_large_twice_is_a_dead_letter(served, standin):
    standin.script(behave.answer(413), behave.answer(413))
    assert served.post(alert("a")).status_code in (200, 202)
    drain(served)
    assert len(standin.history("a")) == 2
    assert len(served.dead()) == 1
    assert served.tickets() == {}


# ---- who is at the other end ----


@pytest.mark.parametrize(
    "kind",
    ["wrong-host", "expired", "not-yet", "self-signed", "stranger", "old-tls"],
)
def test_a_server_that_does_not_prove_itself_gets_nothing(
    served, standin, kind
):
    standin.certificate = kind
    check_queued(served, served.post(alert("a")))
    assert standin.history() == []
    standin.certificate = "good"
    drain(served)
    assert standin.alerts().is_open("a")


def test_only_the_authority_of_the_configuration_counts(site, standin):
    """Neither the system's nor one of the environment."""
    site.configure()
    text = site.conf.read_text().replace(f'ca_file = "{site.etc}/ca.pem"', "")
    site.write(site.conf, text)
    env = {"SSL_CERT_FILE": site.etc / "ca.pem",
           "CURL_CA_BUNDLE": site.etc / "ca.pem"}  # fmt: skip
    with site.responder(env) as direct, direct.connect() as client:
        answer = client.request(site.params(alert("a")), alert("a"))
    assert answer.status == 202
    assert standin.history() == []


def test_no_proxy_of_the_environment_is_used(site, standin):
    env = {
        "https_proxy": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }
    with site.responder(env) as direct, direct.connect() as client:
        answer = client.request(site.params(alert("a")), alert("a"))
    assert answer.status == 200
    assert standin.alerts().is_open("a")


# ---- the rate ----


def test_its_own_rate_keeps_it_within_incident_ios(site, standin):
    site.configure(destination={"rate": 12})
    standin.limit.per_minute = 12
    site.start()
    results = [
        site.post(alert(f"a{n}")).json()["result"] for n in range(20)
    ]
    assert set(results) == {"delivered", "queued"}
    assert len(standin.history()) <= 12
    assert not any(s.limited for s in standin.history())
    # Each 6 s one more may leave.
    until(
        lambda: len(standin.events()) + len(site.tickets()) == 20,
        "all to be delivered or to wait",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of somebody else")
def test_what_cannot_be_read_keeps_nothing_from_being_sent(site, standin):
    """As after a restore by root, while the destination rests."""
    standin.always(behave.answer(503))
    for n in range(20):
        assert site.cgi(alert(f"old{n}")).status == 202
    assert site.cgi(alert("good")).status == 202
    for path in (site.box() / "pending").iterdir():
        if path.name != ticket_id("good") + ".json":
            os.chown(path, 0, 0)
    standin.decide(None)
    before = len(standin.history())
    site.start()
    # Who was slow to post them all has it rest for a minute.
    until(lambda: standin.alerts().is_open("good"), "the good one", 150)
    assert len(standin.history()) == before + 1
    site.stop()
