"""kill -9 before each system call in turn; then life goes on."""

import shutil

import pytest

from world import behave
from world.site import clock, section

from . import calls, long_form
from .sender import (
    FIRING,
    RESOLVED,
    arrivals,
    by_cgi,
    check_spool,
    drain,
)
from .oracle import judge


def chosen(found):
    """All calls; in the short form those that others can see."""
    return found if long_form() else calls.telling(found)


def begun(site, sender):
    """A spool that is there, so that its making is not traced."""
    assert sender.post(by_cgi(site), "begun", FIRING) == 200
    return site.standin


def verdict_of(sender, standin, alert):
    return judge(
        [p for p in sender.posts if p.alert == alert],
        [a for a in arrivals(standin) if a.alert == alert],
    )


def wait_with(site, standin, sender, alert):
    """A firing and its resolve, both kept and not delivered."""
    standin.always(behave.answer(503))
    for status in (FIRING, RESOLVED):
        assert sender.post(by_cgi(site), alert, status) == 202
    standin.decide(None)


def nothing(*_):
    """A new alert has no past."""


def delivered(site, _, sender, alert):
    """It rang, and its ticket is settled."""
    assert sender.post(by_cgi(site), alert, FIRING) == 200
    drain(site)


def killed_webhook(site, sender, alert, status, call, **env):
    """A webhook whose process is killed before a call.  Whether it was."""
    seq, body = sender.body(alert, status)
    done = calls.Run.webhook(site, body, **env).killed(call)
    sender.note(alert, seq, status, calls.status(done))
    return done.returncode != 0


def test_what_may_have_rung_before_a_kill_is_resolved_under_a_mute(
    plain, sender
):
    """A new alert is called out while it is being stored."""
    calls.needs_strace()
    standin = begun(plain, sender)
    _, body = sender.body("trace")
    found = calls.Run.webhook(plain, body).calls()
    plain.left()
    kept = next(c for c in found if c.name == "renameat")
    assert killed_webhook(plain, sender, "a", FIRING, kept)
    assert plain.pending_files() == []
    plain.configure(more=section("mute", "all", {}))
    for alert in "ab":
        assert sender.post(by_cgi(plain), alert, FIRING) == 202
        assert sender.post(by_cgi(plain), alert, RESOLVED) == 200
    assert [e["status"] for e in standin.events("a")][-1:] == ["resolved"]
    assert standin.events("b") == [], "which was never called out"


WEBHOOKS = [
    (nothing, FIRING, RESOLVED, None, "a new alert"),
    (delivered, RESOLVED, RESOLVED, None, "the resolve of a settled one"),
    (wait_with, FIRING, RESOLVED, "+10s", "one of which two are due"),
]


@pytest.mark.parametrize(
    "before, status, after, when, why",
    WEBHOOKS,
    ids=[row[-1] for row in WEBHOOKS],
)
def test_a_webhook_killed_at_any_call_loses_nothing(
    plain, sender, tally, before, status, after, when, why
):
    env = clock(when) if when else {}
    calls.needs_strace()
    standin = begun(plain, sender)
    before(plain, standin, sender, "trace")
    seq, body = sender.body("trace", status)
    found = chosen(calls.Run.webhook(plain, body, **env).calls())
    sender.note("trace", seq, status, 0)
    kills = 0
    for call in found:
        alert = f"{why} {call}"
        before(plain, standin, sender, alert)
        kills += killed_webhook(plain, sender, alert, status, call, **env)
        assert sender.post(by_cgi(plain), alert, after) in (200, 202)
        drain(plain)
        verdict_of(sender, standin, alert).check(repeats=1)
    plain.left()
    drain(plain)
    check_spool(plain.spool)
    assert kills > len(found) * 0.8, "most of the calls were reached"
    verdict = sender.judge(standin).check(repeats=1)
    assert verdict.repeated <= kills
    tally(verdict, kills)


def test_a_drain_killed_at_any_call_loses_nothing(plain, sender, tally):
    """Two tickets wait, each with a firing and its resolve."""
    calls.needs_strace()
    standin = begun(plain, sender)
    run = calls.Run.drain(plain)
    wait_with(plain, standin, sender, "trace a")
    wait_with(plain, standin, sender, "trace b")
    found = chosen(run.calls())
    kills = 0
    for call in found:
        alerts = [f"drain {call} {n}" for n in "ab"]
        for alert in alerts:
            wait_with(plain, standin, sender, alert)
        kills += run.killed(call).returncode != 0
        drain(plain)
        repeated = 0
        for alert in alerts:
            verdict = verdict_of(sender, standin, alert).check(repeats=1)
            repeated += verdict.repeated
        assert repeated <= 1, f"{call}: only what was last sent may repeat"
    check_spool(plain.spool)
    assert kills > len(found) * 0.8, "most of the calls were reached"
    tally(sender.judge(standin).check(repeats=1), kills)


def test_the_end_of_a_mute_killed_at_any_call_loses_nothing(plain, sender, tally):
    calls.needs_strace()
    standin = begun(plain, sender)
    run = calls.Run.drain(plain)

    def muted(alert):
        plain.configure(more=section("mute", "all", {}))
        assert sender.post(by_cgi(plain), alert, FIRING) == 202
        plain.configure()

    muted("trace")
    found = run.calls()
    found = found if long_form() else chosen(found)[::3]
    kills = 0
    for call in found:
        muted(f"mute {call}")
        kills += run.killed(call).returncode != 0
        drain(plain)
        verdict_of(sender, standin, f"mute {call}").check(repeats=1)
    check_spool(plain.spool)
    assert kills > len(found) * 0.8, "most of the calls were reached"
    tally(sender.judge(standin).check(repeats=1), kills)


def test_a_refusal_killed_at_any_call_leaves_one_dead_letter(plain, sender):
    """And the ticket goes on."""
    calls.needs_strace()
    standin = begun(plain, sender)
    standin.decide(lambda s: behave.answer(422) if b'"seq":0' in s.body else None)
    _, body = sender.body("trace")
    found = chosen(calls.Run.webhook(plain, body).calls())
    drain(plain)
    dead = 1
    for call in found:
        killed_webhook(plain, sender, f"dead {call}", FIRING, call)
        plain.left()
        drain(plain)
        sent = [s for s in standin.history(f"dead {call}") if s.status]
        dead += bool(sent)
        assert len(sent) <= 2, f"{call}: sent more often than once again"
        check_spool(plain.spool, dead=dead)
        assert sender.post(by_cgi(plain), f"dead {call}", RESOLVED) == 200
    drain(plain)
    check_spool(plain.spool, dead=dead)


def test_killed_while_the_spool_is_made_it_is_made_by_the_next(plain, sender):
    calls.needs_strace()
    _, body = sender.body("first")
    run = calls.Run.webhook(plain, body)
    found = run.calls()
    making = found[: max(at for at, c in enumerate(found) if c.name == "mkdirat")]
    making = making if long_form() else making[:3] + making[3::30]
    for call in [*making, None]:
        plain.left()
        plain.cli("drain")
        for path in sorted(plain.spool.iterdir()):
            plain.run("rm", "-rf", path)
        if call is not None:
            run.killed(call)
        alert = f"first {call}"
        assert sender.post(by_cgi(plain), alert) == 200, call
        assert len(list(plain.box().glob("settled/*"))) == 256
        plain.left()
        drain(plain)
        check_spool(plain.spool)
        verdict_of(sender, plain.standin, alert).check(repeats=0)


def test_what_a_killed_writer_left_is_removed_after_a_day(plain, sender):
    calls.needs_strace()
    seq, body = sender.body("trace")
    found = calls.Run.webhook(plain, body).calls()
    plain.left()
    fsync = next(c for c in found if c.name == "fsync")
    for n in range(3):
        killed_webhook(plain, sender, f"left {n}", FIRING, fsync)
    left = [p.name for p in (plain.spool / "tmp").iterdir()]
    assert len(left) == 3
    drain(plain)
    assert sorted(p.name for p in (plain.spool / "tmp").iterdir()) == sorted(left)
    plain.run(plain.bin / "bellrelay", "-c", plain.conf, "drain",
              env=clock("+25h"))  # fmt: skip
    assert list((plain.spool / "tmp").iterdir()) == []
    assert seq == 0


def command(site, *args):
    """A command of bellrelay, as a Run."""
    return calls.Run(site, [site.bin / "bellrelay", "-c", site.conf, *args])


def test_a_retry_killed_at_any_call_loses_nothing(plain, sender):
    calls.needs_strace()
    standin = begun(plain, sender)
    run = command(plain, "retry", "--all-dead")

    def refused(alert):
        standin.script(behave.answer(422))
        assert sender.post(by_cgi(plain), alert, FIRING) == 202

    refused("trace")
    found = chosen(run.calls())
    drain(plain)
    for call in found:
        alert = f"retry {call}"
        refused(alert)
        run.killed(call)
        assert run.plainly().returncode == 0, call
        drain(plain)
        came = [a for a in arrivals(standin) if a.alert == alert]
        assert len(came) in (1, 2), call
        waiting = [n for n, l in plain.dead().items() if not l.get("superseded")]
        assert waiting == [], call
        verdict_of(sender, standin, alert).check(repeats=1)


def test_a_move_killed_at_any_call_loses_nothing(plain, sender, tally):
    """What waited at a destination that is no longer there goes to another,
    which knows of some of it."""
    calls.needs_strace()
    standin = begun(plain, sender)
    run = command(plain, "move", "old", "oncall")
    old = plain.spool / "old"

    def orphaned(alert):
        """One waits at the old destination; of another both know."""
        wait_with(plain, standin, sender, alert)
        if old.exists():
            left = [*old.glob("pending/*"), *old.glob("settled/*/*")]
            assert left == [], "all was moved"
            shutil.rmtree(old)
        plain.box().rename(old)
        assert sender.post(by_cgi(plain), f"other {alert}") == 200

    orphaned("trace")
    found = chosen(run.calls())
    drain(plain)
    for call in found if long_form() else found[::3]:
        alert = f"move {call}"
        orphaned(alert)
        run.killed(call)
        assert run.plainly().returncode == 0, call
        drain(plain)
        verdict_of(sender, standin, alert).check(repeats=1)
    check_spool(plain.spool)
    tally(sender.judge(standin).check(repeats=1), len(found))
