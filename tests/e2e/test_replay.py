"""bellrelay replay: the journal through today's mapping (DESIGN.md, 6)."""

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
