"""bellrelay watches itself: heartbeat_url and self_alert, and the journal."""

import concurrent.futures
import json
import os
import socket

import pytest

from world import behave
from world.montecarlo import alert, rule_breach
from world.site import Site, clock, section, ticket_id, until

SELF = f"bellrelay/{socket.gethostname()}/oncall"


def second(site, standin):
    """A destination of its own for bellrelay's troubles, as text."""
    url = standin.add_source("01SELF", "self-token")
    token = site.write(site.etc / "self.token", "self-token\n")
    ca = site.etc / "ca.pem"
    return (
        f'destination ops {{ url = "{url}" token_file = "{token}"'
        f' ca_file = "{ca}" }}\n'
    )


def test_a_heartbeat_is_sent_while_all_is_well(plain_standin):
    with Site(plain_standin) as site:
        token = site.write(site.etc / "beat.token", plain_standin.token)
        site.configure(
            top={
                "heartbeat_url": plain_standin.heartbeat_url(),
                "heartbeat_token_file": token,
            }
        )
        site.start()
        until(lambda: plain_standin.heartbeats == 1, "a heartbeat")
        site.stop()


def beating(site, standin):
    """With a heartbeat, and no web server."""
    token = site.write(site.etc / "beat.token", standin.token)
    top = {
        "heartbeat_url": standin.heartbeat_url(),
        "heartbeat_token_file": token,
    }
    site.configure(top=top)


def refuse_alerts(seen):
    return None if "heartbeat" in seen.path else behave.answer(401)


def test_no_heartbeat_is_sent_while_an_alert_is_stuck(plain_standin):
    """However often it is tried: each try in vain begins a wait."""
    with Site(plain_standin) as site:
        beating(site, plain_standin)
        plain_standin.decide(refuse_alerts)
        assert site.cgi(alert("a")).status == 202
        site.cli("drain", "--due", env=clock("+200s"))
        before = plain_standin.heartbeats
        assert before > 0, "it is not overdue yet"
        for later in ("+310s", "+620s", "+630s", "+930s"):
            site.cli("drain", "--due", env=clock(later))
            found = site.summary()
            assert found["at"] - found["due"] > 300_000
        assert plain_standin.heartbeats == before
        assert len(plain_standin.history("a")) > 2, "it was tried meanwhile"
        plain_standin.decide(None)
        site.cli("drain", "--due", env=clock("+1300s"))
        assert plain_standin.heartbeats == before + 1


def test_no_heartbeat_is_sent_where_it_is_not_known_what_waits(plain_standin):
    with Site(plain_standin) as site:
        beating(site, plain_standin)
        site.cli("drain", "--due")
        assert plain_standin.heartbeats == 1
        (site.box() / "summary.json").unlink()
        site.box().chmod(0o500)
        site.cli("drain", "--due", env=clock("+100s"))
        assert plain_standin.heartbeats == 1
        site.box().chmod(0o700)
        site.cli("drain", "--due", env=clock("+101s"))
        assert plain_standin.heartbeats == 2


def test_a_drain_by_cron_says_what_waits_though_nothing_may_be_sent(
    site, standin
):
    standin.always(behave.answer(401))
    for key in "ab":
        assert site.cgi(alert(key)).status == 202
    before = site.summary()
    site.cli("drain", "--due", env=clock("+60s"))
    after = site.summary()
    assert after["at"] >= before["at"] + 50_000
    assert after["owed"] == 2
    assert len(standin.history()) == 1, "it is held"


def test_self_alert_tells_of_a_held_destination_and_of_its_end(site, standin):
    site.configure(top={"self_alert": "ops"}, more=second(site, standin))
    site.start()
    standin.decide(
        lambda seen: behave.answer(401) if seen.key == "a" else None
    )
    assert site.post(alert("a")).status_code == 202
    ours = lambda: standin.alerts("01SELF")  # noqa: E731
    until(lambda: ours().is_open(SELF), "word of the trouble", 40)
    assert len(standin.events(SELF)) == 1
    standin.decide(None)
    site.cli("drain")
    until(lambda: not ours().is_open(SELF), "word of its end", 40)
    assert len(standin.events(SELF)) == 2, "no storm"


def test_self_alert_is_kept_however_many_wait(site, standin):
    site.configure(top={"self_alert": "oncall", "max_pending": 1})
    standin.always(behave.answer(401))
    site.start()
    assert site.post(alert("a")).status_code == 202
    until(lambda: len(site.tickets()) == 2, "it to be stored", 40)
    assert site.ticket(SELF)["queue"][0]["status"] == "firing"
    assert "why" not in site.logged(event="self")[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_self_alert_that_finds_no_room_says_so_and_comes_again(site, standin):
    site.configure(top={"self_alert": "ops"}, more=second(site, standin))
    standin.decide(
        lambda seen: behave.answer(401) if seen.key == "a" else None
    )
    hold = standin.script(behave.Hold(then=behave.answer(401)))
    with site.small_spool(), concurrent.futures.ThreadPoolExecutor() as pool:
        site.start()
        answer = pool.submit(site.post, alert("a"))
        # Full before there is anything to tell of.
        assert hold.reached.wait(60)
        until(lambda: ticket_id("a") in site.tickets(), "the ticket")
        filler = site.fill()
        hold.release()
        assert answer.result(60).status_code == 202
        said = lambda: site.log_lines(event="self")  # noqa: E731
        until(said, "a word of it", 40)
        assert said()[0]["result"] == "failed"
        assert "No space left" in said()[0]["why"]
        filler.unlink()
        ours = lambda: standin.alerts("01SELF")  # noqa: E731
        until(lambda: ours().is_open(SELF), "word of the trouble", 40)


def journal(site):
    days = sorted((site.spool / "journal").glob("*.jsonl"))
    return [json.loads(line) for d in days for line in d.read_text().splitlines()]


def test_the_journal_has_a_line_for_each_authentic_webhook(site):
    site.configure(top={"journal": "outcomes"})
    site.start()
    site.post(alert("a"))
    site.post(alert("a"))
    site.post(alert("b"), "0" * 128)
    lines = journal(site)
    assert [one["outcome"] for one in lines] == ["delivered", "unchanged"]
    assert all("body" not in one and one["source"] == "montecarlo" for one in lines)


def test_the_journal_has_a_line_for_what_is_refused_for_want_of_room(
    site, standin
):
    site.configure(top={"journal": "full", "max_pending": 1})
    standin.always(behave.answer(500))
    site.start()
    assert site.post(alert("a")).status_code == 202
    site.counted(1)
    assert site.post(alert("b")).status_code == 503
    assert [line["outcome"] for line in journal(site)] == ["queued", "refused"]


def test_a_full_journal_keeps_bodies_without_what_is_redacted(site):
    site.configure(
        top={
            "journal": "full",
            "journal_redact": [
                "/payload/url", "/payload/a~1b", "/payload/list/0", "/payload/no",
            ],
        }
    )  # fmt: skip
    site.start()
    body = json.loads(alert("a"))
    body["payload"]["test_rows_sample"] = [{"name": "Ann"}]
    body["payload"]["a/b"] = "Ann"
    body["payload"]["list"] = ["Ann", "kept", {"test_rows_sample": "Ann"}]
    site.post(json.dumps(body).encode())
    kept = journal(site)[0]["body"]
    assert kept["payload"]["incident_id"] == "a"
    assert set(body["payload"]) - set(kept["payload"]) == {
        "url", "a/b", "test_rows_sample",
    }  # fmt: skip
    assert kept["payload"]["list"] == [None, "kept", {}]
    for path in (site.spool / "journal").iterdir():
        assert path.stat().st_mode & 0o077 == 0


EDR = "Zp5-elementary_secret_" + "c8" * 12
WHOLE = json.dumps(
    {
        "alert_class_id": "x",
        "test_rows_sample": [{"name": 'An"n]', "of": [1, {"a": "Bob"}]}, []],
        "test_short_name": "unique",
        "more": [{"test_rows_sample": "Ann, Bob"}],
    },
    indent=2,
)


@pytest.mark.parametrize(
    "text, left",
    [
        (f"Oops```{WHOLE}```", ["unique", "more", "}\n  ]\n}```"]),
        (f"Oops```{WHOLE[:80]}...```", ["alert_class_id"]),
        (f"\xff```{WHOLE}```", ["unique"]),
    ],
    ids=["whole", "cut short", "not ASCII"],
)
def test_the_journal_keeps_no_rows_that_stand_in_text(site, text, left):
    secret = site.write(site.etc / "edr.secret", EDR + "\n")
    site.secrets.add(EDR)
    options = {
        "kind": "elementary",
        "secret_file": secret,
        "destination": ["oncall"],
    }
    site.configure(
        top={"journal": "full"}, more=section("source", "edr", options)
    )
    site.start()
    answer = site.post(text.encode(), path=f"/edr/{EDR}", signature=None)
    assert answer.status_code == 200
    (line,) = journal(site)
    kept = line["text"]
    assert not any(row in kept for row in ("An", "Bob", "Ann"))
    assert all(part in kept for part in left)
    assert '"test_rows_sample": null' in kept


def test_without_the_option_there_is_no_journal(served):
    served.post(rule_breach())
    assert not (served.spool / "journal").exists()


def test_old_days_of_the_journal_go(site):
    site.configure(top={"journal": "outcomes", "journal_days": 3})
    site.start()
    site.post(alert("a"))
    old = site.spool / "journal" / "2020-01-01.jsonl"
    strange = site.spool / "journal" / "notes.txt"
    for path in (old, strange):
        site.write(path, "{}\n")
    site.post(alert("b"))
    assert not old.exists()
    assert strange.exists(), "what is not ours stays"
