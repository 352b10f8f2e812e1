"""healthz and metrics: DESIGN.md, section 2."""

import concurrent.futures
import fcntl
import json
import os
import pathlib
import re
import signal
import time

import pytest

from world import behave
from world.montecarlo import alert, update
from world.site import section, ticket_id, until

STRANGER = {"X-Forwarded-For": "203.0.113.7"}


def health(site, query="", **headers):
    """Status code and JSON of healthz."""
    answer = site.post(b"", None, "/healthz" + query, method="GET", headers=headers)
    return answer.status_code, answer.json()


def metrics(site, **headers):
    return site.post(b"", None, "/metrics", method="GET", headers=headers)


def because(said, start):
    """The reasons that begin so."""
    return [one for one in said["reasons"] if one.startswith(start)]


def cgi_health(site):
    """The same by plain CGI, which opens the spool afresh each time."""
    answer = site.cgi(path="/healthz", REQUEST_METHOD="GET", CONTENT_TYPE=None)
    return answer.status, json.loads(answer.body)


def value(text, series):
    """The number of one series, or None."""
    found = re.search("^" + re.escape(series) + " ([0-9.]+)$", text, re.M)
    return float(found.group(1)) if found else None


def test_all_is_well(served):
    code, said = health(served)
    assert (code, said["status"], said["reasons"]) == (200, "ok", [])
    assert said["destinations"][0]["mode"] == "ready"


def test_a_stranger_gets_the_one_word(served):
    assert health(served, **STRANGER) == (200, {"status": "ok"})
    assert metrics(served, **STRANGER).status_code == 403


def test_nobody_gets_details_when_status_is_off(site):
    site.configure(top={"status": "off"})
    site.start()
    assert health(site) == (200, {"status": "ok"})
    assert metrics(site).status_code == 403


def test_a_token_opens_the_details_from_anywhere(site):
    token = site.write(site.etc / "status.token", "open-sesame\n")
    site.configure(top={"status": "on", "status_token_file": token})
    site.start()
    assert "reasons" not in health(site, **STRANGER)[1]
    bearer = {"Authorization": "Bearer open-sesame"}
    assert "reasons" in health(site, **STRANGER, **bearer)[1]
    wrong = {"Authorization": "Bearer open-sesamf"}
    assert "reasons" not in health(site, **STRANGER, **wrong)[1]


def test_healthz_answers_head_without_a_body(served):
    answer = served.post(b"", None, "/healthz", method="HEAD")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_held_destination_is_degraded_and_503_if_strict(served, standin):
    standin.always(behave.answer(401))
    assert served.post(alert("a")).status_code == 202
    code, said = health(served)
    assert (code, said["status"]) == (200, "degraded")
    (why,) = because(said, "oncall: held: ")
    assert "401" in why and "mend its token or url" in why
    assert health(served, "?strict")[0] == 503


def test_dead_letters_are_degraded(served, standin):
    standin.script(behave.answer(422))
    served.post(alert("a"))
    until(
        lambda: because(health(served)[1], "oncall: there are dead letters: 1; "),
        "a look",
    )


def test_three_refusals_of_known_bodies_in_an_hour_are_degraded(served):
    for _ in range(2):
        served.post(alert("a"), "0" * 128)
    assert health(served)[1]["status"] == "ok"
    served.post(alert("a"), "0" * 128)
    assert "montecarlo: three refused" in health(served)[1]["reasons"][0]


def waiting(site):
    """How many connections to the responders wait or are served."""
    path = str(site.dir / "run" / "b.sock")
    lines = pathlib.Path("/proc/net/unix").read_text().splitlines()
    return sum(line.split()[-1].startswith(path) for line in lines) - 1


def test_three_refusals_at_once_are_three(served):
    """One process, for which all of them wait."""
    served.post(b"noise", "0" * 128)
    (pid,) = served.workers()
    os.kill(pid, signal.SIGSTOP)
    try:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            answers = [
                pool.submit(served.post, alert("a"), "0" * 128) for _ in range(3)
            ]
            until(lambda: waiting(served) >= 3, "all to wait")
            os.kill(pid, signal.SIGCONT)
            assert {a.result().status_code for a in answers} == {403}
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "montecarlo: three refused" in health(served)[1]["reasons"][0]


def test_refusals_of_noise_are_not(served):
    for _ in range(5):
        served.post(b'{"a":1}', "0" * 128)
        served.post(b"noise", "0" * 128)
    assert health(served)[1]["status"] == "ok"


def test_a_torn_ticket_is_degraded_and_set_aside(served, standin):
    served.post(alert("a"))
    until(lambda: served.pending_files() == [], "a sweep")
    (ticket,) = [p for p in (served.box() / "settled").rglob("*.json")]
    ticket.write_bytes(ticket.read_bytes()[:-30])
    assert served.post(update("a", alert_feedback="fixed")).status_code == 200
    assert because(health(served)[1], "there are torn files in corrupt/: 1; ")
    assert len(list((served.spool / "corrupt").iterdir())) == 1


@pytest.mark.parametrize("series, want", [
    ('bellrelay_webhooks_total{source="montecarlo",result="delivered",status="200"}', 2),
    ('bellrelay_webhooks_total{source="montecarlo",result="refused",status="403"}', 1),
    ('bellrelay_deliveries_total{destination="oncall",outcome="delivered"}', 2),
    ('bellrelay_delivery_seconds_count{destination="oncall"}', 2),
    ('bellrelay_delivery_seconds_bucket{destination="oncall",le="+Inf"}', 2),
    ('bellrelay_ready{destination="oncall"}', 1),
    ('bellrelay_pending{destination="oncall"}', 0),
    ("bellrelay_corrupt_files", 0),
])
def test_what_metrics_counts(served, series, want):
    served.post(alert("a"))
    served.post(alert("b"))
    served.post(alert("c"), "0" * 128)
    until(lambda: value(metrics(served).text, series) == want, series)


def test_counters_outlive_the_processes_and_are_summed_over_them(served):
    for key in "abcdef":
        served.post(alert(key))
    series = 'bellrelay_webhooks_total{source="montecarlo",result="delivered",status="200"}'
    until(lambda: value(metrics(served).text, series) == 6, "six")
    served.stop()
    served.start()
    served.post(alert("g"))
    until(lambda: value(metrics(served).text, series) == 7, "seven")


def test_an_alert_for_many_destinations_is_counted_for_each(site, standin):
    """Each has a histogram of many series, all gathered before one is
    written."""
    names = [f"team{n}" for n in range(6)]
    for name in names:
        standin.add_source(name.upper(), standin.token)
    more = "".join(
        section("destination", name, {
            "url": standin.url(name.upper()),
            "token_file": site.token_file,
            "ca_file": site.etc / "ca.pem",
        })
        for name in names
    )  # fmt: skip
    site.configure(source={"destination": names}, more=more)
    site.start()
    assert site.post(alert("a")).ok
    for name in names:
        series = f'bellrelay_delivery_seconds_count{{destination="{name}"}}'
        until(lambda s=series: value(metrics(site).text, s) == 1, series)
    assert value(
        metrics(site).text, 'bellrelay_webhook_seconds_count{source="montecarlo"}'
    ) == 1


def test_a_line_of_the_counters_that_is_none_is_left_out(served):
    served.post(alert("a"))
    until(
        lambda: any(p.stat().st_size for p in served.spool.glob("counters/*")),
        "the counters",
    )
    (path,) = served.spool.glob("counters/*")
    with path.open("a") as counters:
        counters.write("bellrelay_webhooks_total{x}\n")
        counters.write("bellrelay_webhook_seconds_sum_ms{x}\n")
    text = metrics(served).text
    assert "bellrelay_webhooks_total{source=" in text and "{x}" not in text


def test_metrics_are_in_the_text_format(served):
    served.post(alert("a"))
    answer = metrics(served)
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    seen = []
    for line in answer.text.splitlines():
        if line.startswith("#"):
            family = line.split()[2]
            if family not in seen:
                seen.append(family)
        else:
            assert re.fullmatch(
                r"[a-z_]+(\{[^{}]*\})? (0|[1-9][0-9]*)(\.[0-9]+)?", line
            ), line
            assert line.startswith(seen[-1]), "each family in one group"


def test_a_stranger_is_known_by_the_address_that_the_server_saw(site):
    env = {"REQUEST_METHOD": "GET", "REMOTE_ADDR": "203.0.113.9"}
    answer = site.cgi(path="/healthz", **env)
    assert json.loads(answer.body) == {"status": "ok"}
    assert site.cgi(path="/metrics", **env).status == 403


@pytest.mark.parametrize("status, word", [(401, "held"), (429, "resting")])
def test_once_mended_all_is_well_again(served, standin, status, word):
    standin.always(behave.answer(status))
    served.post(alert("a"))
    assert because(health(served)[1], f"oncall: {word}: ")
    standin.decide(None)
    assert served.cli("drain").returncode == 0
    until(lambda: served.health() == (200, "ok"), "it to be well again")


def rename_destination(site):
    """As somebody does who forgets that the spool knows the old name."""
    before = site.conf.read_text()
    site.write(
        site.conf,
        before.replace("destination oncall", "destination other").replace(
            '{ "oncall" }', "{ other }"
        ),
    )


def test_what_waits_for_a_destination_that_is_gone_is_degraded(served, standin):
    standin.script(behave.answer(422))
    standin.always(behave.answer(503))
    for key in "abc":
        assert served.post(alert(key)).status_code == 202
    rename_destination(served)
    wanted = (
        "oncall: no longer configured, but alerts are kept for it that are not "
        "sent: 2 wait, dead letters: 1; bellrelay move oncall NEW"
    )
    until(lambda: because(health(served)[1], wanted), "word of the orphan")
    standin.decide(None)
    (orphan,) = health(served)[1]["orphans"]
    assert (orphan["name"], orphan["pending"], orphan["dead"]) == ("oncall", 2, 1)
    text = metrics(served).text
    assert value(text, 'bellrelay_orphan_pending{destination="oncall"}') == 2
    assert value(text, 'bellrelay_orphan_dead_letters{destination="oncall"}') == 1
    said = served.cli("check").stderr.decode()
    assert "that wait for oncall, which is no longer configured: 2" in said
    assert served.cli("move", "oncall", "other").returncode == 0
    until(
        lambda: not because(health(served)[1], "oncall: "), "a new count of it"
    )
    (orphan,) = health(served)[1]["orphans"]
    assert (orphan["pending"], orphan["dead"]) == (0, 0)


def test_what_is_settled_where_nothing_goes_any_more_is_noted_by_check(served):
    assert served.post(alert("a")).ok
    until(lambda: served.pending_files() == [], "a sweep")
    rename_destination(served)
    until(lambda: health(served)[1]["destinations"][0]["name"] == "other", "it")
    code, said = health(served)
    assert (code, said["status"]) == (200, "ok")
    assert [one["name"] for one in said["orphans"]] == ["oncall"]
    done = served.cli("check")
    assert done.returncode == 0
    assert "alerts are kept for oncall" in done.stderr.decode()


@pytest.mark.parametrize("path", [
    "/x/metrics", "/x/healthz", "/montecarlo/metrics", "/v2/alert_events/metrics",
])
def test_what_a_server_may_have_a_rule_for_has_one_address(served, path):
    answer = served.post(b"", None, path, method="GET")
    assert answer.status_code in (404, 405)
    assert b"bellrelay_" not in answer.content
    assert b'"ok"' not in answer.content


def test_forged_webhooks_never_make_it_failing(served):
    for _ in range(50):
        served.post(alert("a"), "0" * 128)
    code, said = health(served, **STRANGER)
    assert (code, said) == (200, {"status": "degraded"})


@pytest.mark.parametrize("part", ["tmp", "oncall/pending"])
def test_a_spool_that_cannot_be_written_to_is_failing(served, standin, part):
    """Modes hold back nobody who is root, as whom nothing of this runs."""
    assert served.post(alert("a")).ok
    place = served.spool / part
    place.chmod(0o500)
    assert served.post(update("a", owner="new@example.com")).status_code == 503
    for code, said in (health(served), cgi_health(served)):
        assert (code, said["status"]) == (503, "failing")
        (why,) = because(said, "oncall: the spool cannot be written to: ")
        assert f"{place.name}/: Permission denied" in why
        assert "bellrelay check" in why
    assert served.cli("check").returncode == 78
    place.chmod(0o700)
    assert health(served)[1]["status"] == "ok"


@pytest.mark.parametrize("part", ["settled", "dead", "bell", "state.json"])
def test_a_part_of_the_spool_that_cannot_be_written_to_is_degraded(served, part):
    assert health(served)[1]["status"] == "ok"
    place = served.box() / part
    place.chmod(0o500 if place.is_dir() else 0o400)
    code, said = health(served)
    assert (code, said["status"]) == (200, "degraded")
    (why,) = because(said, "oncall: a part of the spool")
    assert f": {part}{'/' if place.is_dir() else ''}: Permission denied" in why
    assert served.cli("check").returncode == 78
    place.chmod(0o700)


def test_as_many_alerts_as_may_wait_are_failing(site, standin):
    site.configure(top={"max_pending": 1})
    standin.always(behave.answer(401))
    site.start()
    assert site.post(alert("a")).status_code == 202
    until(lambda: health(site)[0] == 503, "a look")
    assert site.post(alert("b")).status_code == 503
    (why,) = because(health(site)[1], "oncall: as many alerts wait as may, max_pending = 1")
    assert "raise it" in why
    standin.decide(None)
    assert site.cli("drain").returncode == 0
    until(lambda: health(site)[1]["status"] == "ok", "room")


def test_what_nobody_looks_through_is_degraded(site, standin):
    """Under plain CGI without cron, say."""
    site.configure()
    assert site.cgi(alert("a")).status == 200
    old = {"at": int((time.time() - 1200) * 1000), "owed": 0}
    (site.box() / "summary.json").write_text(json.dumps(old).ljust(1023) + "\n")
    why = "oncall: nobody has looked through what waits for 20 min"
    said = cgi_health(site)[1]
    assert not because(said, why), "nothing waits"
    standin.script(behave.answer(503))
    with open(site.box() / "lock", "r+b") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX, 1, 0)  # SPOOL.md: drain = 0
        assert site.cgi(alert("b")).status == 202
        (site.box() / "summary.json").write_text(
            json.dumps(old).ljust(1023) + "\n"
        )
        code, said = cgi_health(site)
    assert (code, said["status"]) == (200, "degraded")
    assert because(said, why)


def test_an_alert_that_cannot_be_read_waits_and_is_degraded(served, standin):
    standin.always(behave.answer(503))
    assert served.post(alert("a")).status_code == 202
    path = served.box() / "pending" / f"{ticket_id('a')}.json"
    path.chmod(0)
    os.utime(path, (time.time() - 1200,) * 2)
    wanted = "oncall: alerts that wait and cannot be read: 1; "
    until(lambda: because(health(served)[1], wanted), "a look")
    code, said = health(served)
    assert (code, said["status"]) == (200, "degraded")
    assert because(said, "oncall: an alert has waited for 20 min")
    (oncall,) = said["destinations"]
    assert (oncall["pending"], oncall["unread"]) == (1, 1)
    assert oncall["oldest_seconds"] >= 1200
    standin.decide(None)
    path.chmod(0o600)
    assert served.cli("drain").returncode == 0
    until(lambda: health(served)[1]["status"] == "ok", "it to be well again")


@pytest.mark.parametrize("part", ["tmp", "oncall"])
def test_what_is_refused_for_want_of_a_spool_is_counted_under_plain_cgi(site, part):
    assert site.cgi(alert("a")).status == 200
    for mode, count in ((0o500 if part == "tmp" else 0, 2), (0o700, 0)):
        (site.spool / part).chmod(mode)
        for _ in range(count):
            said = site.cgi(update("a", owner="new@example.com"))
            assert said.status == 503
    series = 'bellrelay_webhooks_total{source="montecarlo",result="refused",status="503"}'
    said = site.cgi(path="/metrics", REQUEST_METHOD="GET", CONTENT_TYPE=None)
    assert value(said.body.decode(), series) == 2
