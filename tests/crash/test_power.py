"""The power goes; what was answered 2xx is there when it comes back."""

import random
import time

import pytest

from world import behave
from world.incidentio import StandIn
from world.site import clock

from . import calls, images, oracle, rounds
from .conftest import unhurried
from .sender import FIRING, RESOLVED, arrivals, by_cgi
from .test_storm import Storm, seed

kinds = pytest.mark.parametrize("kind", ["ext4", "xfs"])


class Cut:
    """The disk at an instant, what had been posted, and what had arrived."""

    def __init__(self, site, disk, sender):
        self.site = site
        self.disk = disk
        self.before = arrivals(site.standin)
        self.posts = list(sender.posts)
        self.copy = disk.cut()
        self.there = arrivals(site.standin)

    def verdict(self):
        """Life goes on from the copy.  What arrived while it was made counts
        as arrived, but not as newer; and it may not have been answered yet.
        """
        with self.disk.after(self.copy) as spool, StandIn() as later:
            later.limit.per_minute = 0
            images.recover(self.site, spool, later)
            found = arrivals(later)
        known = {(p.alert, p.seq) for p in self.posts}
        unheard = {
            (a.alert, a.seq): oracle.Post(a.alert, a.seq, a.status, 0)
            for a in self.there + found
            if (a.alert, a.seq) not in known
        }
        posts = self.posts + list(unheard.values())
        verdict = oracle.judge(posts, self.before + found)
        whole = oracle.judge(posts, self.there + found)
        verdict.lost, verdict.skipped = whole.lost, whole.skipped
        return verdict


def answered_then_cut(site, disk, sender, count):
    """The destination rests: each webhook is answered 202, and the power goes
    before anything else happens."""
    unhurried(site)
    site.standin.always(behave.retry_after("3000"))
    assert sender.post(by_cgi(site), "first") == 202
    whole = oracle.Verdict()
    for n in range(count):
        status = RESOLVED if n % 3 == 2 else FIRING
        assert sender.post(by_cgi(site), f"alert {n % 4}", status) == 202
        whole.add(Cut(site, disk, sender).verdict())
    return whole


@kinds
def test_what_was_answered_is_there_after_a_power_cut(
    plain, sender, tally, kind
):
    count = rounds(6, share=0.2)
    with images.disk(plain, kind) as disk:
        verdict = answered_then_cut(plain, disk, sender, count)
    tally(verdict.check(), count)


def two_then_cut(site, disk, sender, waiting, send):
    """A firing and its resolve are sent, one right after the other; the power
    goes when the second has arrived.  `waiting` are those that wait before
    `send` is called."""
    unhurried(site)
    standin = site.standin
    standin.always(behave.answer(503))
    for status in waiting:
        assert sender.post(by_cgi(site), "a", status) == 202
    copies = []

    def decide(seen):
        if seen.event["status"] == RESOLVED and not copies:
            copies.append(disk.cut())

    standin.decide(decide)
    send(site, sender)
    site.left()
    standin.decide(None)
    assert len(copies) == 1
    taken = arrivals(standin)
    assert [a.status for a in taken] == [FIRING, RESOLVED]
    with disk.after(copies[0]) as spool, StandIn() as later:
        images.recover(site, spool, later)
        found = arrivals(later)
    return oracle.judge(sender.posts, taken + found)


def slowly(run):
    """Each sync begins late: what is synced while a call is under way must
    not be what makes the call lawful."""
    calls.needs_strace()
    return run.inject(
        "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=300000"
    )


def slow_drain(site, _):
    done = slowly(calls.Run.drain(site))
    assert done.returncode == 0, done.stderr


def by_drain(site, disk, sender):
    """Both wait, and a drain sends them."""
    return two_then_cut(site, disk, sender, [FIRING, RESOLVED], slow_drain)


def due_webhook(site, sender):
    """A webhook that finds what waits due, and sends all of it."""
    seq, body = sender.body("a", RESOLVED)
    run = calls.Run.webhook(site, body, **clock("+10s"))
    sender.note("a", seq, RESOLVED, calls.status(slowly(run)))


def by_webhook(site, disk, sender):
    """The firing waits; the webhook of the resolve sends both."""
    return two_then_cut(site, disk, sender, [FIRING], due_webhook)


@kinds
@pytest.mark.parametrize("sent", [by_drain, by_webhook])
def test_after_a_cut_only_what_was_last_sent_comes_again(
    plain, sender, tally, kind, sent
):
    with images.disk(plain, kind) as disk:
        tally(sent(plain, disk, sender).check(repeats=1))


@kinds
def test_under_load_the_power_may_go_at_any_instant(plain, tally, kind):
    count = rounds(5, share=0.5)
    site = plain
    site.processes = 4
    start = seed()
    chance = random.Random(start)
    whole = oracle.Verdict()
    with images.disk(site, kind) as disk:
        unhurried(site)
        site.start()
        site.standin.decide(
            lambda _: behave.answer(503) if chance.random() < 0.1 else None
        )
        for n in range(0, count, 10):
            with Storm(site, f"{start} {n}", threads=4, alerts=40) as storm:
                cuts = []
                for _ in range(min(10, count - n)):
                    time.sleep(0.1 + chance.random() * 0.5)
                    cuts.append(Cut(site, disk, storm.sender))
            for cut in cuts:
                whole.add(cut.verdict())
        site.stop()
    tally(whole.check(), count)
