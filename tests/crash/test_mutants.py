"""What the protocol stands on (SPOOL.md, its last paragraph), each beside the
program without it, in which the same test finds the fault."""

import concurrent.futures
import contextlib
import os

import pytest

from world import behave
from world.site import clock, until

from . import calls, images, mutants
from .sender import FIRING, RESOLVED, arrivals, by_cgi
from .test_full import as_ordinary_user, as_root, fill_during_a_call
from .test_kill import begun, delivered, killed_webhook
from .test_power import answered_then_cut, by_drain, by_webhook


@contextlib.contextmanager
def held(site, sender, alert, status):
    """Another process has this event in flight; it is accepted in the end."""
    hold = behave.Hold()
    site.standin.script(hold)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        post = pool.submit(sender.post, by_cgi(site), alert, status)
        until(hold.reached.is_set, "the call")
        try:
            yield
        finally:
            hold.release()
        assert post.result() == 200


def drained(site):
    """What waits is delivered; a weakened program may not come to that."""
    site.left()
    for _ in range(3):
        if site.cli("drain").returncode == 0:
            break
    site.left()


def update_in_flight(site, sender):
    """The head is replaced while it is being sent."""
    with held(site, sender, "a", FIRING):
        assert sender.post(by_cgi(site), "a", FIRING) == 202
    drained(site)
    return sender.judge(site.standin).faults()


def flap_in_flight(site, sender):
    """It fires again while its resolve is being sent."""
    delivered(site, None, sender, "a")
    with held(site, sender, "a", RESOLVED):
        assert sender.post(by_cgi(site), "a", FIRING) in (200, 202)
    drained(site)
    return sender.judge(site.standin).faults()


def resolve_in_flight(site, sender):
    """A resolve comes while its firing is being sent."""
    with held(site, sender, "a", FIRING):
        sender.post(by_cgi(site), "a", RESOLVED)
        together = len(site.standin.history("a"))
    drained(site)
    faults = sender.judge(site.standin).faults()
    return faults + ["two at once"] * (together - 1)


def full_in_flight(site, sender):
    """The disk fills while an event is being sent."""
    small = as_root if os.geteuid() == 0 else as_ordinary_user
    with small(site, "4m", 900):
        fill_during_a_call(site, sender)
        repeats = sender.judge(site.standin).repeats
        site.left()
    return [f"repeated: {alert}" for alert in repeats]


def retry_after_newer(site, sender):
    """What was refused is retried after something newer was accepted."""
    site.standin.script(behave.answer(422))
    assert sender.post(by_cgi(site), "a", FIRING) == 202
    assert sender.post(by_cgi(site), "a", RESOLVED) == 200
    done = site.cli("retry", "--all-dead")
    assert done.returncode == 0, done.stderr
    drained(site)
    came = [a.status for a in arrivals(site.standin)]
    return [] if came == [RESOLVED] else [f"older: {came}"]


def four_days_later(site, sender):
    """The clock is moved while what waits was never tried."""
    standin = site.standin
    standin.always(behave.retry_after("3000"))
    for alert in "abc":
        assert sender.post(by_cgi(site), alert) == 202
    assert len(standin.history()) == 1
    standin.always(behave.answer(503))
    calls.Run.drain(site, **clock("+4d")).plainly()
    standin.decide(None)
    dead = [f"dead: {name}" for name in site.dead()]
    drained(site)
    return dead + sender.judge(standin).faults()


def answered(kind):
    def cut(site, sender):
        """The power goes after an answer."""
        with images.disk(site, kind) as disk:
            try:
                return answered_then_cut(site, disk, sender, 3).faults()
            except AssertionError as error:
                return [f"torn: {error}"]

    return cut


def two_sent(kind, sent):
    def cut(site, sender):
        """The power goes when the second of two has been sent."""
        with images.disk(site, kind) as disk:
            return sent(site, disk, sender).faults()

    return cut


def killed_while_writing(site, sender):
    """kill -9 before each call that writes a ticket."""
    calls.needs_strace()
    begun(site, sender)
    _, body = sender.body("trace")
    found = calls.Run.webhook(site, body).calls()
    sender.note("trace", 0, FIRING, 0)
    for call in found:
        if call.name in ("pwrite64", "renameat", "ftruncate", "fsync"):
            alert = f"{call}"
            delivered(site, None, sender, alert)
            killed_webhook(site, sender, alert, RESOLVED, call)
            sender.post(by_cgi(site), alert, RESOLVED)
    drained(site)
    faults = sender.judge(site.standin).faults()
    return faults + [
        f"torn: {path.name}" for path in (site.spool / "corrupt").iterdir()
    ]


#: patch, what happens, what the program without it does
WEAK = [
    ("no-serial-check", update_in_flight, "lost"),
    ("foreseen-blindly", update_in_flight, "lost"),
    ("net-effect", flap_in_flight, "lost"),
    ("lock-the-ticket", resolve_in_flight, "two at once"),
    ("no-reserve", full_in_flight, "repeated"),
    ("retry-any", retry_after_newer, "older"),
    ("schedule-by-clock", four_days_later, "dead"),
    ("rename-first", killed_while_writing, "torn"),
    ("no-directory-sync", answered("ext4"), "lost"),
    ("no-directory-sync", answered("xfs"), "lost"),
    ("no-file-sync", answered("ext4"), "torn"),
    ("no-file-sync", answered("xfs"), "torn"),
    ("no-result-sync", two_sent("ext4", by_drain), "older"),
    ("no-result-sync", two_sent("xfs", by_drain), "older"),
    ("stale-result-sync", two_sent("ext4", by_webhook), "older"),
    ("stale-result-sync", two_sent("xfs", by_webhook), "older"),
]
IDS = [
    f"{patch}{'' if n == 0 or WEAK[n - 1][0] != patch else ' on xfs'}"
    for n, (patch, _, _) in enumerate(WEAK)
]
each = pytest.mark.parametrize("patch, happens, fault", WEAK, ids=IDS)


@each
def test_the_program_as_it_is_stands(plain, sender, patch, happens, fault):
    assert happens(plain, sender) == [], f"not even without {patch}: {fault}"


@each
def test_the_program_weakened_is_found_out(
    plain, sender, patch, happens, fault
):
    mutants.install(patch, plain)
    faults = happens(plain, sender)
    assert any(fault in found for found in faults), (patch, faults)


def test_each_weakening_is_tried():
    assert sorted({patch for patch, _, _ in WEAK}) == mutants.names()
