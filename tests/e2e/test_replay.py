"""bellrelay replay: the journal through today's mapping (DESIGN.md, 6)."""

import json
import resource

import pytest

from world.montecarlo import alert, update
from world.senders import CASES, dbt_results
from world.site import section, until

DBT_SECRET = "Hq8-dbt_secret_" + "d9" * 12


def journaled(site, **source):
    site.configure(top={"journal": "full"}, source=source)
    return site


def replay(site, *more, since="2020-01-01"):
    done = site.cli("replay", "--since", since, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(), done.stderr.decode()


def days(site):
    """The journal's files, the first day first."""
    return sorted((site.spool / "journal").iterdir())


def test_what_is_mapped_as_it_was_is_the_same(site):
    journaled(site).start()
    site.post(alert("a"))
    site.post(update("a", alert_feedback="investigating"))
    said, summary = replay(site)
    assert "same" in said and "differs" not in said
    assert "2 webhooks in the span, 2 with a body; 1 alert, 0 differ" in summary


def test_a_changed_configuration_shows_what_would_differ(site, standin):
    journaled(site).start()
    site.post(alert("a"))
    journaled(site, severity="critical")
    said, _ = replay(site)
    assert "differs" in said and "metadata" in said and "critical" in said
    assert "title" not in said, "only what differs is shown"
    assert len(standin.events("a")) == 1, "nothing is sent without --send"


def test_a_difference_is_shown_where_it_is(site):
    """However much is the same before it."""
    journaled(site, description="x" * 300 + " old").start()
    body = json.loads(alert("a"))
    body["payload"]["more"] = {"long": "y" * 300, "last": 1}
    site.post(json.dumps(body).encode())
    journaled(
        site,
        description="x" * 300 + " new",
        metadata=["last={/payload/more/last}"],
    )
    lines = replay(site)[0].splitlines()
    (line,) = [one for one in lines if one.split()[0] == "description"]
    was, now = line.split("  ->  ")
    assert was.endswith(' old"') and now.endswith(' new"')
    assert len(line) < 320
    (line,) = [one for one in lines if "metadata.last" in one]
    assert line.split() == ["metadata.last", "(nothing)", "->", "1"]
    assert not [one for one in lines if "group_id" in one]


def test_members_in_another_order_are_no_difference(site):
    journaled(site, metadata=["a=1", "b=2"]).start()
    site.post(alert("a"))
    journaled(site, metadata=["b=2", "a=1"])
    said, _ = replay(site)
    assert "same" in said and "differs" not in said


def test_without_bodies_it_says_how_to_keep_them(site):
    hint = "bodies are kept with journal = full, from then on"
    site.configure(top={"journal": "outcomes"})
    site.start()
    site.post(alert("a"))
    _, summary = replay(site)
    assert "1 webhook in the span, 0 with a body" in summary
    assert hint in summary
    journaled(site)
    _, summary = replay(site)
    assert hint not in summary, "it is so already"


def test_where_nothing_was_kept_it_says_why(site):
    for journal, said in (
        ("off", "the journal is off: bodies are kept with journal = full"),
        ("outcomes", "holds outcomes alone: bodies are kept with"),
        ("full", "is full, and holds no body of that span"),
    ):
        site.configure(top={"journal": journal})
        _, summary = replay(site)
        assert said in summary


def test_what_came_to_a_source_that_is_gone_is_said(site):
    journaled(site)
    assert site.cgi(alert("a")).status == 200
    text = site.conf.read_text()
    site.write(site.conf, text.replace("source montecarlo", "source other"))
    _, summary = replay(site)
    assert "1 of sources that are no longer configured" in summary
    assert "no body" not in summary
    _, summary = replay(site, "--source", "montecarlo")
    assert "no such source as montecarlo; wanted other" in summary


def test_with_send_the_last_state_is_sent_once(site, standin):
    journaled(site).start()
    site.post(alert("a"))
    site.post(update("a", owner="ann@example.com"))
    journaled(site, severity="critical")
    _, summary = replay(site, "--send")
    assert "1 queued" in summary
    site.cli("drain")
    until(lambda: len(standin.events("a")) == 3, "the replayed state", 30)
    sent = standin.events("a")[-1]
    assert sent["metadata"]["severity"] == "critical"
    assert sent["metadata"]["owners"] == ["ann@example.com"]


def test_an_alert_that_received_more_since_is_not_sent(site, standin):
    journaled(site).start()
    site.post(alert("a"))
    site.post(update("a", alert_feedback="fixed"))
    journaled(site, severity="critical")
    first = days(site)[0].read_text().split('"at":"')[1][:24]
    _, summary = replay(site, "--until", first, "--send")
    assert "1 webhook in the span" in summary
    assert "0 queued" in summary
    assert not standin.alerts().is_open("a")


def test_a_time_that_is_none_is_wrong_usage(site):
    done = journaled(site).cli("replay", "--since", "yesterday")
    assert done.returncode == 64 and b"wanted a time" in done.stderr


@pytest.mark.parametrize("until", ["2026-11-20", "2026-11-21"])
def test_a_span_that_is_none_is_wrong_usage(site, until):
    """A day begins at midnight: from and to the same is nothing."""
    done = journaled(site).cli(
        "replay", "--since", "2026-11-21", "--until", until
    )
    assert done.returncode == 64 and b"not after --since" in done.stderr


def test_a_source_can_be_chosen(site):
    journaled(site).start()
    site.post(alert("a"))
    _, summary = replay(site, "--source", "montecarlo")
    assert "1 webhook" in summary
    _, summary = replay(site, "--source", "another")
    assert "0 webhooks" in summary


def test_an_alert_that_is_older_than_the_journal_begins_as_it_is_known(
    site, standin
):
    site.configure()
    site.start()
    site.post(alert("a", table="zeus"))
    journaled(site)
    site.post(update("a", owner="ann@example.com"))
    first, before = standin.events("a")
    _, summary = replay(site, "--send")
    assert "1 alert, 0 differ" in summary and "0 queued" in summary
    journaled(site, severity="critical")
    said, _ = replay(site, "--send")
    assert "title" not in said and "received_at" not in said
    site.cli("drain")
    until(lambda: len(standin.events("a")) == 3, "the replayed state", 30)
    after = standin.events("a")[-1]
    assert after["title"] == first["title"] and "zeus" in after["title"]
    assert after["metadata"].pop("severity") == "critical"
    assert "severity" not in before["metadata"]
    assert after == before


def test_an_alert_whose_first_webhook_is_there_begins_with_nothing(site):
    """What it knows by now may be the fault of the old mapping."""
    journaled(site).start()
    site.post(alert("a", owner="ann@example.com"))
    site.post(update("a", alert_feedback="investigating"))
    assert site.ticket("a")["alert"]["metadata"]["owners"]
    day = days(site)[0]
    text = day.read_text()
    assert text.count("ann@example.com") == 1
    site.write(day, text.replace('"owner":"ann@example.com"', '"x":null'))
    said, _ = replay(site)
    assert "metadata" in said and "differs" in said
    assert "title" not in said and "received_at" not in said


def test_an_alert_of_another_destination_begins_there_as_it_is_known(
    site, standin
):
    """Today's routes add a destination, which hears all of it."""
    site.configure()
    site.start()
    site.post(alert("a", table="zeus"))
    more = section(
        "destination",
        "also",
        {
            "url": standin.add_source("ALSO", "t" * 20),
            "token_file": site.write(site.etc / "also.token", "t" * 20),
            "ca_file": site.etc / "ca.pem",
        },
    )
    journaled(site)
    site.post(update("a", owner="ann@example.com"))
    site.configure(
        top={"journal": "full"},
        source={"destination": ["also", "oncall"]},
        more=more,
    )
    _, summary = replay(site, "--send")
    assert "2 alerts, 1 differs" in summary and "1 queued" in summary
    site.cli("drain")
    until(lambda: len(standin.events("a")) == 3, "the replayed state", 30)
    assert standin.alerts("ALSO").is_open("a")
    known, told = standin.events("a")[1:]
    assert told == known


def test_what_the_journal_does_not_have_is_newer_than_what_it_has(
    site, standin
):
    """A day took no more lines: the alert is over, and does not ring again."""
    journaled(site).start()
    site.post(alert("a"))
    site.configure()
    site.post(update("a", alert_feedback="fixed"))
    journaled(site, severity="critical")
    _, summary = replay(site, "--send")
    assert "0 queued" in summary
    assert "1 not queued" in summary
    assert not standin.alerts().is_open("a")


@pytest.mark.parametrize("dropped", [False, True])
def test_what_was_replayed_can_be_replayed_again(site, standin, dropped):
    journaled(site).start()
    site.post(alert("a"))
    if dropped:
        assert site.cli("drop", "a").returncode == 0
    for n, severity in enumerate(["critical", "major"]):
        journaled(site, severity=severity)
        _, summary = replay(site, "--send")
        assert "1 queued" in summary and "not queued" not in summary
        site.cli("drain")
        until(lambda n=n: len(standin.events("a")) == n + 2, severity, 30)
    assert standin.events("a")[-1]["metadata"]["severity"] == "major"
    assert b"replayed" in site.cli("show", "a").stdout


def dbt(site):
    secret = site.write(site.etc / "dbt.secret", DBT_SECRET + "\n")
    site.secrets.add(DBT_SECRET)
    options = {
        "kind": "dbt",
        "secret_file": secret,
        "destination": ["oncall"],
        "namespace": "prod",
    }
    return section("source", "dbt", options)


def dbt_run(site, *results):
    """The answer to a run of (name, status)."""
    body = dbt_results(
        *((f"test.shop.{name}", status, "") for name, status in results)
    )
    return site.post(
        json.dumps(body).encode(), path=f"/dbt/{DBT_SECRET}", signature=None
    )


def test_a_pass_of_what_never_fired_is_no_alert(site, standin):
    site.configure(top={"journal": "full"}, more=dbt(site))
    site.start()
    answer = dbt_run(site, *((f"t{n}", "pass") for n in range(5)))
    assert json.loads(answer.text)["result"] == "ignored"
    said, summary = replay(site, "--send")
    assert said == ""
    assert "1 with a body; 0 alerts, 0 differ" in summary
    assert "0 queued" in summary
    assert site.tickets() == {} and standin.events() == []


def test_a_pass_ends_what_the_span_has_fired(site, standin):
    site.configure(top={"journal": "full"}, more=dbt(site))
    site.start()
    dbt_run(site, ("t1", "pass"), ("t2", "pass"))
    dbt_run(site, ("t1", "fail"), ("t2", "pass"))
    dbt_run(site, ("t1", "pass"), ("t2", "pass"))
    said, summary = replay(site)
    assert "3 with a body; 1 alert, 0 differ" in summary and "same" in said


def test_a_pass_ends_what_fired_before_the_span(site, standin):
    site.configure(more=dbt(site))
    site.start()
    dbt_run(site, ("t1", "fail"))
    site.configure(top={"journal": "full"}, more=dbt(site))
    dbt_run(site, ("t1", "pass"))
    (fired, _) = standin.events()
    assert site.cli("drop", fired["deduplication_key"]).returncode == 0
    _, summary = replay(site)
    assert "0 alerts" in summary, "of what is gone nothing is told"
    dbt_run(site, ("t1", "fail"))
    _, summary = replay(site, "--send")
    assert "1 alert, 0 differ" in summary and "0 queued" in summary


def edr(site):
    secret = site.write(site.etc / "edr.secret", DBT_SECRET + "\n")
    site.secrets.add(DBT_SECRET)
    options = {
        "kind": "elementary",
        "secret_file": secret,
        "destination": ["oncall"],
    }
    return section("source", "edr", options)


FALLBACK = (CASES / "elementary" / "fallback" / "body").read_bytes()
CUT_SHORT = (CASES / "elementary" / "fallback-cut-short" / "body").read_bytes()


@pytest.mark.parametrize(
    "body, member",
    [
        (FALLBACK, "text"),
        (CUT_SHORT, "text"),
        ("no JSON: \u2026 \U0001f514 \"\\\t\u0001".encode(), "text"),
        (b"no UTF-8: \xff\xc3", "base64"),
        (b"a NUL: \x00.", "base64"),
        (FALLBACK.replace(b"Oops", b"Oops\xff"), "base64"),
        (b'"a string of JSON"', "body"),
    ],
    ids=["fallback", "cut short", "text", "bytes", "NUL", "both", "string"],
)
def test_a_body_that_is_not_json_is_replayed(site, standin, body, member):
    site.configure(top={"journal": "full"}, more=edr(site))
    site.start()
    answer = site.post(body, path=f"/edr/{DBT_SECRET}", signature=None)
    assert answer.status_code == 200
    (day,) = (site.spool / "journal").iterdir()
    line = json.loads(day.read_text())
    assert member in line
    assert {"body", "text", "base64"} & line.keys() == {member}
    said, summary = replay(site)
    assert "1 with a body; 1 alert, 0 differ" in summary, said
    (event,) = standin.events()
    assert site.cli("drop", event["deduplication_key"]).returncode == 0
    _, summary = replay(site, "--send")
    assert "1 queued" in summary
    site.cli("drain")
    until(lambda: len(standin.events()) == 2, "the replayed text", 30)
    assert standin.events() == [event, event]


def test_text_for_what_reads_json_alone_is_passed_over(site):
    site.configure(top={"journal": "full"}, more=edr(site))
    site.start()
    site.post(FALLBACK, path=f"/edr/{DBT_SECRET}", signature=None)
    text = edr(site).replace("elementary", "dbt")
    site.configure(top={"journal": "full"}, more=text)
    said, summary = replay(site)
    assert said == "" and "1 webhook in the span, 0 with a body" in summary


def write_journal(site, lines, day="2026-01-02"):
    """What a busy day would have left."""
    folder = site.spool / "journal"
    folder.mkdir(mode=0o700)
    site.own(folder)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    site.write(folder / f"{day}.jsonl", text)


def test_a_hundred_thousand_alerts_are_found_among_each_other(site):
    """A search through all of them for each would not end in the time that
    the processor has for it."""
    journaled(site).start()
    n = 100000
    write_journal(
        site,
        (
            {
                "at": "2026-01-02T10:00:00.000Z",
                "source": "montecarlo",
                "body": {"payload": {"incident_id": str(i % n)}},
            }
            for i in range(n + 1)
        ),
    )
    done = site.cli(
        "replay", "--since", "2020-01-01",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (15, 15)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said, summary = done.stdout.decode(), done.stderr.decode()
    assert said.count("unknown") == n
    assert f"{n + 1} webhooks in the span, {n + 1} with a body" in summary
    assert f"; {n} alerts, {n} differ{'s' * (n == 1)}" in summary
