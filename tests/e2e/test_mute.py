"""What is kept quiet, until when, and what rings all the same."""

import contextlib
import datetime
import itertools
import json
import os
import signal
import time
import zoneinfo

import pytest

from world import behave
from world.montecarlo import alert, update
from world.senders import Edr, published
from world.site import BASE, clock, section, ticket_id, until

HOUR = 3600
MUTED = {"group_id": "zeus:finance"}


def moment(seconds):
    """So many seconds from now, as a configuration has it."""
    when = datetime.datetime.now(datetime.timezone.utc)
    when += datetime.timedelta(seconds=seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def mute(site, name="finance", more="", top=None, destination=None, **options):
    """Configure a mute of finance's tables."""
    options = {"tables": ["*.finance.*"], **options}
    site.configure(
        top=top, destination=destination,
        more=section("mute", name, options) + more,
    )  # fmt: skip
    return site


def unmute(site, **kwargs):
    """And let a process that idles see it at once."""
    site.configure(**kwargs)
    if site.lighttpd is not None:
        site.look()


def firing(key="a", **payload):
    return alert(key, **{**MUTED, **payload})


def heard(answer):
    """Status and body of an answer, over HTTP or of a CGI program."""
    if hasattr(answer, "returncode"):
        return answer.status, json.loads(answer.body)
    return answer.status_code, answer.json()


def check_muted(site, answer, key="a", name="finance"):
    """Kept, and nothing else."""
    status, said = heard(answer)
    assert status == 202
    assert said == {
        "result": "queued",
        "alert": ticket_id(key),
        "deduplication_key": key,
        "status": "firing",
        "muted": name,
    }
    ticket = site.ticket(key)
    assert ticket["queue"] == []
    assert ticket["muted"]["by"] == name
    assert f"{ticket_id(key)}.json" in site.pending_files()


def rows(site, *args):
    done = site.cli("list", *args, "--json")
    assert done.returncode == 0, done.stderr
    return {row["key"]: row for row in json.loads(done.stdout)}


def drain(site, *more, exit_code=0):
    done = site.cli("drain", *more)
    assert done.returncode == exit_code, done.stderr.decode()
    return done.stdout.decode()


def at(site, seconds, program, *args, stdin=b"", env=None):
    """A program at another time."""
    return site.run(
        site.bin / program, *args, stdin=stdin,
        env={**clock(f"{seconds:+d}s"), **(env or {})},
    )  # fmt: skip


def drain_at(site, seconds, *more, exit_code=0):
    """The cron line at another time."""
    done = at(site, seconds, "bellrelay", "-c", site.conf, "drain", *more)
    assert done.returncode == exit_code, done.stderr.decode()


def rang(standin, key="a"):
    return [event["status"] for event in standin.events(key)]


def health(site):
    """healthz, with the one destination's numbers."""
    said = site.look().json()
    return said, said["destinations"][0]


def counted(site, **want):
    """Until the drain has counted so."""
    until(
        lambda: all(health(site)[1][n] == v for n, v in want.items()),
        f"a summary with {want}",
    )


# ---- it is kept, and rings ----


def test_a_muted_alert_is_kept_and_rings_when_the_mute_is_gone(site, standin):
    mute(site).start()
    check_muted(site, site.post(firing()))
    assert site.post(alert("b")).json()["result"] == "delivered"
    assert rang(standin) == [] and rang(standin, "b") == ["firing"]
    unmute(site)
    until(lambda: rang(standin) == ["firing"], "the drain to ring")
    until(lambda: site.pending_files() == [], "the tickets to settle")
    assert "muted" not in site.ticket("a")
    assert standin.alerts().is_open("a")


def test_it_rings_at_the_time_that_was_given(site, standin):
    """Without a request, and no later than the processes look."""
    for seconds in (2, 10, 60):
        key = f"a{seconds}"
        mute(site, to=moment(seconds))
        if site.lighttpd is None:
            site.start()
        if "muted" in site.post(firing(key)).json():
            break
    until(lambda: rang(standin, key) == ["firing"], "the end of the mute")


def test_by_cgi_the_cron_line_rings_it(site, standin):
    mute(site, to=moment(HOUR))
    check_muted(site, site.cgi(firing()))
    assert "0 alerts still wait" in drain(site)
    drain(site, "--due")
    drain_at(site, HOUR - 60, "--due")
    assert rang(standin) == []
    drain_at(site, HOUR + 60, "--due")
    assert rang(standin) == ["firing"]
    assert site.pending_files() == []


def test_what_is_left_by_a_request_is_rung_by_the_next(site, standin):
    """After a CGI answer, healthz's too, the drain has a second."""
    mute(site)
    check_muted(site, site.cgi(firing()))
    unmute(site)
    until(
        lambda: site.cgi(path="/healthz", REQUEST_METHOD="GET").status == 200
        and rang(standin) == ["firing"],
        "the drain",
    )
    site.left()


def test_the_end_is_as_configured_by_then(site, standin):
    mute(site, to=moment(HOUR))
    check_muted(site, site.cgi(firing()))
    mute(site, name="longer", to=moment(3 * HOUR))
    drain_at(site, 2 * HOUR, "--due")
    assert rang(standin) == []
    drain_at(site, 4 * HOUR, "--due")
    assert rang(standin) == ["firing"]


def test_mutes_that_follow_each_other_are_one(site, standin):
    more = section("mute", "next", {"from": moment(HOUR), "to": moment(2 * HOUR)})
    mute(site, to=moment(HOUR), more=more)
    check_muted(site, site.cgi(firing()))
    drain_at(site, HOUR + 60, "--due")
    assert rang(standin) == []
    drain_at(site, 2 * HOUR + 60, "--due")
    assert rang(standin) == ["firing"]


def test_weekly_hours_are_those_of_the_zone(site, standin):
    """Of the Friday to come, as the stand-in's certificate is of these days;
    no clock is changed between its evening and the next morning."""
    mute(site, hours=["fri 22:00-06:00"], timezone="Europe/Berlin")
    friday = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Berlin"))
    friday += datetime.timedelta(days=(4 - friday.weekday()) % 7 or 7)
    friday = friday.replace(hour=0, minute=0, second=0, microsecond=0)
    start = round(friday.timestamp() - time.time())
    muted = {}
    for hours in (21, 21.9, 22.1, 29.9):
        body = firing(f"at {hours}")
        env = {**site.params(body), "BELLRELAY_CONFIG": str(site.conf)}
        done = at(site, start + round(hours * HOUR), "bellrelay.fcgi",
                  stdin=body, env=env)  # fmt: skip
        said = json.loads(done.stdout.split(b"\r\n\r\n", 1)[1])
        muted[hours] = said.get("muted")
        site.left()
    assert muted == {21: None, 21.9: None, 22.1: "finance", 29.9: "finance"}
    drain_at(site, start + round(29.95 * HOUR), "--due")
    assert rang(standin, "at 29.9") == []
    drain_at(site, start + round(30.1 * HOUR), "--due")
    assert rang(standin, "at 22.1") == rang(standin, "at 29.9") == ["firing"]


def test_what_is_again_as_it_rang_is_not_sent_again(site, standin):
    mute(site).start()
    assert site.post(alert("a")).json()["result"] == "delivered"
    check_muted(site, site.post(firing()))
    assert heard(site.post(alert("a")))[1]["result"] == "unchanged"
    assert rang(standin) == ["firing"]
    assert "muted" not in site.ticket("a")


# ---- which alerts ----


PATTERNS = [
    ({"sources": ["mont*"]}, True),
    ({"types": ["*ANOMALY*"]}, True),
    ({"types": ["freshness"]}, False),
    ({"tags": ["nightly"]}, True),
    ({"tags": ["nightly"], "tables": ["*.sales.*"]}, False),
    ({"severities": ["major"]}, True),
    ({"owners": ["ann@*"]}, True),
    ({}, True),
]


def test_each_sort_of_pattern_must_fit(site, standin):
    told = {"tags": ["nightly"], "severity": "major", "owners": ["ann@x.org"]}
    site.start()
    for n, (pattern, takes) in enumerate(PATTERNS):
        site.configure(source=told, more=section("mute", "m", pattern))
        said = site.post(firing(f"a{n}")).json()
        assert said.get("muted") == ("m" if takes else None), pattern
        assert rang(standin, f"a{n}") == ([] if takes else ["firing"])


def test_a_raised_severity_can_leave_a_mute(site, standin):
    mute(site, severities=["SEV-3"]).start()
    check_muted(site, site.post(firing(declared_alert_severity="SEV-3")))
    answer = site.post(update("a", declared_alert_severity="SEV-1"))
    assert answer.json()["result"] == "delivered"
    assert standin.events("a")[0]["metadata"]["severity"] == "SEV-1"
    assert "muted" not in site.ticket("a")


# ---- updates and resolves ----


def test_what_rings_late_is_the_newest_state_once(site, standin):
    mute(site).start()
    site.post(firing())
    site.post(update("a", owner="ann@example.com"))
    site.post(update("a", owner="bob@example.com"))
    unmute(site)
    until(lambda: rang(standin) == ["firing"], "the drain to ring")
    assert standin.events("a")[0]["metadata"]["owners"] == ["bob@example.com"]


def test_resolved_before_it_rang_nothing_is_sent(site, standin):
    mute(site).start()
    site.post(firing())
    answer = site.post(update("a", alert_feedback="fixed"))
    assert (answer.status_code, answer.json()["result"]) == (200, "unchanged")
    assert "muted" not in answer.json()
    until(lambda: site.pending_files() == [], "the ticket to settle")
    unmute(site)
    site.post(alert("b"))
    drain(site)
    assert rang(standin) == []
    assert site.ticket("a")["alert"]["status"] == "resolved"
    history = [line["what"] for line in site.ticket("a")["history"]]
    assert history == ["firing", "resolved"]


def test_the_resolve_of_a_delivered_alert_is_never_muted(site, standin):
    site.start()
    assert site.post(firing()).json()["result"] == "delivered"
    mute(site)
    check_muted(site, site.post(update("a", owner="ann@example.com")))
    answer = site.post(update("a", alert_feedback="fixed"))
    assert answer.json()["result"] == "delivered"
    assert rang(standin) == ["firing", "resolved"]
    assert standin.events("a")[1]["metadata"]["owners"] == ["ann@example.com"]
    check_muted(site, site.post(update("a", alert_feedback="investigating")))
    assert rang(standin) == ["firing", "resolved"]
    unmute(site)
    until(lambda: len(rang(standin)) == 3, "what was reopened to ring")
    assert rang(standin) == ["firing", "resolved", "firing"]


def test_what_was_accepted_last_does_not_ring_again(site, standin):
    site.start()
    site.post(firing(owner="ann@example.com"))
    mute(site)
    site.post(update("a", owner="bob@example.com"))
    answer = site.post(update("a", owner="ann@example.com"))
    assert (answer.status_code, answer.json()["result"]) == (200, "unchanged")
    until(lambda: site.pending_files() == [], "the ticket to settle")
    unmute(site)
    site.post(alert("b"))
    drain(site)
    assert rang(standin) == ["firing"]


def test_its_resolve_waits_behind_nothing_when_the_destination_is_away(
    site, standin
):
    site.start()
    site.post(firing())
    mute(site)
    standin.always(behave.answer(503))
    assert site.post(update("a", alert_feedback="fixed")).status_code == 202
    assert len(site.ticket("a")["queue"]) == 1
    standin.decide(None)
    drain(site)
    assert rang(standin)[-1] == "resolved"


# ---- what waits when a mute begins ----


def hold(site, standin):
    standin.always(behave.answer(401))
    assert site.post(alert("first")).status_code == 202


def test_what_waits_comes_under_a_mute_too(site, standin):
    site.start()
    hold(site, standin)
    assert site.post(firing()).status_code == 202
    assert len(site.ticket("a")["queue"]) == 1
    mute(site)
    standin.decide(None)
    drain(site)
    assert rang(standin) == [] and rang(standin, "first") == ["firing"]
    assert site.ticket("a")["queue"] == []
    assert rows(site)["a"]["state"] == "muted"
    unmute(site)
    until(lambda: rang(standin) == ["firing"], "the drain to ring")


def test_the_resolve_of_what_waited_is_sent_for_it_may_have_rung(site, standin):
    site.start()
    standin.always(behave.Close())
    assert site.post(firing()).status_code == 202
    mute(site)
    standin.decide(None)
    drain(site)
    assert rows(site)["a"]["state"] == "muted"
    site.post(update("a", alert_feedback="fixed"))
    until(lambda: "resolved" in rang(standin), "the resolve")
    assert rang(standin)[-1] == "resolved"


def test_what_reopens_behind_a_resolve_that_waits_is_muted(site, standin):
    site.start()
    standin.always(behave.answer(503))
    site.post(firing())
    site.post(update("a", alert_feedback="fixed"))
    mute(site)
    site.post(update("a", alert_feedback="investigating"))
    standin.decide(None)
    drain(site)
    assert rang(standin) == ["resolved"], "it may have rung"
    for _ in range(2):
        drain(site)
        assert rows(site)["a"]["state"] == "muted"
    assert site.pending_files() != []
    unmute(site)
    until(lambda: rang(standin)[1:] == ["firing"], "what was reopened to ring")


# ---- restarts, kills ----


def test_it_outlives_a_restart(site, standin):
    mute(site).start()
    check_muted(site, site.post(firing()))
    site.stop()
    site.start()
    counted(site, muted=1)
    site.stop()
    unmute(site)
    site.start()
    until(lambda: rang(standin) == ["firing"], "the drain to ring")


def test_it_outlives_a_kill(site, standin):
    site.deaths_expected = True
    mute(site).start()
    check_muted(site, site.post(firing()))
    for pid in site.workers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    unmute(site)
    until(lambda: rang(standin) == ["firing"], "the drain to ring")


# ---- it is no debt ----


def test_an_old_muted_alert_is_neither_pending_nor_old(site):
    mute(site)
    body = firing()
    env = {**site.params(body), "BELLRELAY_CONFIG": str(site.conf)}
    done = at(site, -HOUR, "bellrelay.fcgi", stdin=body, env=env)
    assert b"Status: 202" in done.stdout
    site.left()
    assert site.ticket("a")["muted"]["since"] < (time.time() - HOUR / 2) * 1000
    site.start()
    # What the program of an hour ago left behind may have counted it too.
    late = (time.time() - HOUR / 2) * 1000
    until(lambda: health(site)[1]["counted_ms"] > late, "a count of now")
    said, oncall = health(site)
    assert oncall["muted"] == 1
    assert (said["status"], said["reasons"]) == ("ok", [])
    assert (oncall["pending"], oncall["oldest_seconds"]) == (0, 0)
    assert site.look("/healthz?strict").status_code == 200
    metrics = site.look("/metrics").text
    assert 'bellrelay_muted{destination="oncall"} 1\n' in metrics
    assert 'bellrelay_pending{destination="oncall"} 0\n' in metrics


def test_muted_alerts_do_not_count_against_max_pending(site, standin):
    mute(site, top={"max_pending": 1}).start()
    hold(site, standin)
    for n in range(4):
        check_muted(site, site.post(firing(f"a{n}")), f"a{n}")
    counted(site, muted=4, pending=1)
    assert site.post(alert("b")).status_code == 503, "one waits"
    check_muted(site, site.post(firing("a4")), "a4")
    mute(site)
    assert site.post(alert("b")).status_code == 202


# ---- what rings without a ticket, for want of room ----


@pytest.fixture
def full(site):
    """The site runs, and its disk is full."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with site.small_spool():
        site.start()
        assert site.post(alert("known")).json()["result"] == "delivered"
        site.fill()
        yield site


def make_room(site):
    (site.view / "filler").unlink()


def check_resolve(site, standin, *before):
    """An update under the mute is kept quiet; the resolve is not."""
    check_muted(site, site.post(firing(owner="ann@example.com")))
    assert rang(standin) == [*before]
    answer = site.post(update("a", alert_feedback="fixed"))
    assert answer.json()["result"] == "delivered"
    assert rang(standin) == [*before, "resolved"]
    assert not standin.alerts().is_open("a")
    until(lambda: site.pending_files() == [], "the ticket to settle")


def check_silence(site, standin, key):
    """Nothing at all is sent of another, muted from its beginning."""
    check_muted(site, site.post(firing(key)), key)
    answer = site.post(update(key, alert_feedback="fixed"))
    assert answer.json()["result"] == "unchanged"
    assert rang(standin, key) == []


def test_a_muted_alert_that_finds_no_room_rings_and_is_resolved(full, standin):
    mute(full)
    assert full.post(firing()).json()["result"] == "delivered"
    assert rang(standin) == ["firing"]
    make_room(full)
    check_resolve(full, standin, "firing")
    check_silence(full, standin, "b")


def test_the_resolve_of_what_rang_before_there_was_room_is_never_muted(
    full, standin
):
    assert full.post(firing()).json()["result"] == "delivered"
    make_room(full)
    mute(full)
    full.stop()
    full.start()
    check_silence(full, standin, "b")
    check_resolve(full, standin, "firing")


def test_also_of_what_rang_in_the_moment_of_a_kill(full, standin):
    full.deaths_expected = True

    def kill(_):
        for pid in full.workers():
            os.kill(pid, signal.SIGKILL)

    standin.decide(kill)
    with contextlib.suppress(OSError):
        assert full.post(firing()).status_code >= 500
    standin.decide(None)
    # The answer of the web server may come before the stand-in has taken it.
    standin.wait_events(1, "a")
    assert rang(standin) == ["firing"]
    make_room(full)
    mute(full)
    check_resolve(full, standin, "firing")


def test_what_is_stored_while_it_rings_leaves_no_doubt_of_others(
    site, standin
):
    """Marks are for all ids that begin alike."""
    alike = next(
        key for key in map(str, itertools.count())
        if ticket_id(key)[:2] == ticket_id("a")[:2]
    )  # fmt: skip
    site.start()
    assert site.post(firing()).json()["result"] == "delivered"
    mute(site)
    check_silence(site, standin, alike)


def test_of_what_could_not_ring_without_room_nothing_else_changes(
    full, standin
):
    """It may have rung, for all that is known; it rings when the mute ends."""
    standin.script(behave.answer(503))
    assert full.post(firing()).status_code == 503
    make_room(full)
    mute(full)
    check_muted(full, full.post(firing()))
    unmute(full)
    until(lambda: rang(standin) == ["firing"], "the drain to ring")


# ---- to look, and to act ----


def test_list_and_show_tell_of_it(site):
    mute(site, to="2099-01-01")
    check_muted(site, site.cgi(firing()))
    assert site.cgi(alert("b")).status == 200
    assert rows(site, "--pending") == {}
    assert list(rows(site, "--muted")) == ["a"]
    row = rows(site)["a"]
    assert (row["state"], row["status"]) == ("muted", "firing")
    assert row["muted"] == "finance" and "waiting_since" not in row
    assert row["muted_until"] == "2099-01-01T00:00:00.000Z"
    assert "a" in rows(site, "--firing")
    said = site.cli("list", "--muted").stdout.decode()
    assert "  muted " in said
    said = site.cli("show", "a").stdout.decode()
    assert "muted        by finance, since 20" in said
    assert "muted until  2099-01-01T00:00:00Z, in " in said
    assert "muted by finance" in said.split("timeline")[1]
    shown = json.loads(site.cli("show", "a", "--json").stdout)
    assert shown["ticket"]["muted"]["by"] == "finance"
    wrong = site.cli("list", "--muted", "--pending")
    assert wrong.returncode == 64
    mute(site)
    said = site.cli("show", "a").stdout.decode()
    assert "muted until  it leaves the configuration" in said
    unmute(site)
    assert "about to ring" in site.cli("show", "a").stdout.decode()


def test_it_can_be_dropped_and_is_not_pruned(site, standin):
    mute(site)
    check_muted(site, site.cgi(firing()))
    at(site, 500 * 24 * HOUR, "bellrelay", "-c", site.conf, "prune")
    assert list(rows(site, "--muted")) == ["a"]
    assert site.cli("drop", "a").returncode == 0
    unmute(site)
    drain(site)
    assert rang(standin) == [] and rows(site) == {}


def test_it_moves_with_its_destination(site, standin):
    mute(site)
    check_muted(site, site.cgi(firing()))
    site.box().rename(site.spool / "old")
    assert rows(site)["a"]["state"] == "muted"
    assert site.cli("move", "old", "oncall").returncode == 0
    drain(site)
    assert rows(site)["a"]["state"] == "muted" and rang(standin) == []
    unmute(site)
    drain(site)
    assert rang(standin) == ["firing"]


def test_the_log_names_the_mute(served):
    mute(served)
    served.post(firing())
    assert served.log_lines(event="webhook", muted="finance")


# ---- routes, other senders ----


def test_a_route_that_is_added_finds_it_muted(site, standin):
    standin.add_source("EXTRA", standin.token)
    extra = section(
        "destination", "extra",
        {"url": standin.url("EXTRA"), "token_file": site.token_file,
         "ca_file": site.etc / "ca.pem"},
    ) + section(
        "route", "grave", {"severities": ["SEV-1"], "destination": ["extra"]}
    )  # fmt: skip
    mute(site, more=extra).start()
    check_muted(site, site.post(firing(owner="ann@example.com")))
    said = site.post(update("a", declared_alert_severity="SEV-1")).json()
    assert said["muted"] == "finance"
    assert {i["destination"]: i["muted"] for i in said["alerts"]} == {
        "oncall": "finance", "extra": "finance",
    }  # fmt: skip
    unmute(site, more=extra)
    until(lambda: rang(standin) == ["firing"] * 2, "both to ring")
    here, there = standin.events("a")
    assert here == there and here["metadata"]["owners"] == ["ann@example.com"]


def test_edr_is_told_200(site, standin):
    secret = site.write(site.etc / "edr.secret", "edr:password\n")
    more = section(
        "source", "edr",
        {"kind": "elementary", "secret_file": secret, "destination": ["oncall"]},
    ) + section("mute", "edr", {"sources": ["edr"]})  # fmt: skip
    site.configure(more=more)
    site.start()
    edr = Edr(f"http://edr:password@127.0.0.1:{site.port}{BASE}/edr")
    assert edr.send(published("elementary", "published-test"))
    (answer,) = edr.answers
    assert (answer.status_code, answer.json()["muted"]) == (200, "edr")
    assert standin.history() == []


def test_bellrelays_own_alerts_are_not_muted(site, standin):
    standin.add_source("WATCH", standin.token)
    more = section(
        "destination", "watch",
        {"url": standin.url("WATCH"), "token_file": site.token_file,
         "ca_file": site.etc / "ca.pem"},
    )  # fmt: skip
    site.configure(
        top={"self_alert": "watch"}, more=more + section("mute", "all", {})
    )
    site.start()
    standin.decide(
        lambda s: None if s.path.endswith("WATCH") else behave.answer(401)
    )
    unmute(site, top={"self_alert": "watch"}, more=more)
    assert site.post(alert("b")).status_code == 202
    site.configure(
        top={"self_alert": "watch"}, more=more + section("mute", "all", {})
    )
    until(
        lambda: site.look()
        and any(s.path.endswith("WATCH") for s in standin.history()),
        "word of the held destination",
    )


# ---- before it is in use ----


def test_check_prints_a_mute_and_warns_of_one_of_all(site):
    mute(site, hours=["sat,sun"], timezone="Europe/Berlin")
    done = site.cli("check")
    assert done.returncode == 0
    assert 'hours = { "sat,sun" }' in done.stdout.decode()
    assert 'timezone = "Europe/Berlin"' in done.stdout.decode()
    assert "mute" not in done.stderr.decode()
    site.configure(more=section("mute", "all", {}))
    done = site.cli("check")
    assert done.returncode == 0
    assert "warning: mute all: it is for all alerts" in done.stderr.decode()
    mute(site, to="2026-01-01")
    said = site.cli("check").stderr.decode()
    assert "note: mute finance: it is over since 2026-01-01T" in said


@pytest.mark.parametrize("rule", ["MSK-3", "UTC0"])
def test_a_zone_by_its_rule_is_no_file_that_is_missing(site, rule):
    mute(site, hours=["sat,sun"], timezone=rule)
    for command in ("check", "doctor"):
        done = site.cli(command)
        assert "zoneinfo" not in (done.stdout + done.stderr).decode()
    assert site.cli("check").returncode == 0


def test_a_zone_by_its_rule_is_read_once(site, standin):
    mute(site, hours=["sat,sun"], timezone="MSK-3", types=["nothing"])
    site.start()
    standin.script(behave.answer(500))
    assert site.post(alert("a")).status_code == 202
    until(lambda: standin.events("a"), "the second try")
    assert site.log_lines(event="configuration") == []


def test_map_explains_that_it_would_be_muted(site):
    mute(site, to="2099-01-01")
    done = site.cli("map", "montecarlo", "--explain", stdin=firing())
    assert "now, by mute finance, until 2099-01-01T" in done.stderr.decode()
    for body in (alert("b"), firing(alert_feedback="fixed")):
        done = site.cli("map", "montecarlo", "--explain", stdin=body)
        assert "mute" not in done.stderr.decode()


def test_try_says_that_it_is_muted(site, standin):
    site.configure(more=section("mute", "all", {}))
    done = site.cli("try", "montecarlo", "rule-breach", "--resolve", "--json")
    assert done.returncode == 69, done.stderr
    said = json.loads(done.stdout)
    fired, ended = (one["alerts"][0] for one in said)
    assert fired["why"].startswith("kept quiet by mute all; ")
    assert ended["why"].startswith("it is over before a mute let it ring")
    assert standin.history() == []


def test_replay_keeps_quiet_what_is_muted_now(site, standin):
    site.configure(top={"journal": "full"})
    assert site.cgi(firing()).status == 200
    assert site.cli("drop", "a").returncode == 0
    mute(site)
    done = site.cli("replay", "--since", "2020-01-01", "--send")
    assert done.returncode == 0, done.stderr
    assert "0 queued" in done.stderr.decode()
    drain(site)
    assert rang(standin) == ["firing"], "as before"
    assert rows(site)["a"]["state"] == "muted"
    unmute(site)
    drain(site)
    assert rang(standin) == ["firing"] * 2
