"""bellrelay replay: the journal through today's mapping (DESIGN.md, 6)."""

import json
import resource

from world.montecarlo import alert, update
from world.site import until


def journaled(site, **source):
    site.configure(top={"journal": "full"}, source=source)
    return site


def replay(site, *more, since="2020-01-01"):
    done = site.cli("replay", "--since", since, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(), done.stderr.decode()


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


def test_with_send_the_last_state_is_sent_once(site, standin):
    journaled(site).start()
    site.post(alert("a"))
    site.post(update("a", owner="ann@example.com"))
    journaled(site, severity="critical")
    _, summary = replay(site, "--send")
    assert "1 queued" in summary
    until(lambda: len(standin.events("a")) == 3, "the replayed state", 30)
    sent = standin.events("a")[-1]
    assert sent["metadata"]["severity"] == "critical"
    assert sent["metadata"]["owners"] == ["ann@example.com"]


def test_an_alert_that_received_more_since_is_not_sent(site, standin):
    journaled(site).start()
    site.post(alert("a"))
    site.post(update("a", alert_feedback="fixed"))
    journaled(site, severity="critical")
    lines = [p.read_text() for p in (site.spool / "journal").iterdir()]
    first = lines[0].splitlines()[0].split('"at":"')[1][:24]
    _, summary = replay(site, "--until", first, "--send")
    assert "1 webhook in the span" in summary
    assert "0 queued" in summary
    assert not standin.alerts().is_open("a")


def test_a_time_that_is_none_is_wrong_usage(site):
    done = journaled(site).cli("replay", "--since", "yesterday")
    assert done.returncode == 64 or b"wanted a time" in done.stderr


def test_a_source_can_be_chosen(site):
    journaled(site).start()
    site.post(alert("a"))
    _, summary = replay(site, "--source", "montecarlo")
    assert "1 webhook" in summary
    _, summary = replay(site, "--source", "another")
    assert "0 webhooks" in summary


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
    assert f"; {n} alerts, {n} differ" in summary
