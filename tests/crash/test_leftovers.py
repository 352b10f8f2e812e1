"""What a crash, a power cut or a clock may leave behind is lawful, and life
goes on from there."""

import pytest

from world import behave
from world.site import clock, ticket_id

from . import calls
from .sender import (
    FIRING,
    RESOLVED,
    by_cgi,
    check_spool,
    drain,
    opened,
    sealed,
)
from .test_kill import begun, delivered, wait_with

RECORDS = [
    (lambda old: b"", "empty"),
    (lambda old: old[:100], "cut short"),
    (lambda old: b"\0" * len(old), "zeroes"),
    (lambda old: b"x" * 100000, "noise"),
]


@pytest.mark.parametrize(
    "spoil, why", RECORDS, ids=[why for _, why in RECORDS]
)
def test_a_lost_record_of_the_pace_does_not_end_delivery(
    plain, sender, spoil, why
):
    """It is not synced: a power cut leaves anything."""
    standin = begun(plain, sender)
    wait_with(plain, standin, sender, "a")
    path = plain.box() / "state.json"
    path.write_bytes(spoil(path.read_bytes()))
    drain(plain)
    sender.judge(standin).check(repeats=0)


def test_a_clock_that_went_back_does_not_end_delivery(plain, sender):
    """The rate was used up four days ahead."""
    standin = begun(plain, sender)
    plain.configure(destination={"rate": 4})
    for alert in "abc":
        seq, body = sender.body(alert)
        done = calls.Run.webhook(plain, body, **clock("+4d")).plainly()
        assert sender.note(alert, seq, FIRING, calls.status(done)) in (200, 202)
        plain.left()
    plain.configure(destination={"rate": 20000})
    drain(plain)
    sender.judge(standin).check(repeats=0)


def write(site, path, data):
    path.write_bytes(data)
    site.own(path)


def test_of_two_copies_the_newer_stays_the_ticket_when_it_is_swept(
    plain, sender
):
    """What is settled may be newer: the name in pending was not yet durable
    when the power went."""
    standin = begun(plain, sender)
    wait_with(plain, standin, sender, "a")
    name = ticket_id("a")
    pending = plain.box() / "pending" / f"{name}.json"
    older = pending.read_bytes()
    drain(plain)
    settled = plain.box() / "settled" / name[:2] / f"{name}.json"
    newer, _ = opened(settled)
    write(plain, pending, older)
    drain(plain)
    assert not pending.exists()
    assert opened(settled)[0] == newer
    assert sender.post(by_cgi(plain), "a", FIRING) == 200
    drain(plain)
    sender.judge(standin).check(repeats=0)
    check_spool(plain.spool)


def test_of_two_copies_the_newer_in_pending_is_the_ticket(plain, sender):
    standin = begun(plain, sender)
    delivered(plain, standin, sender, "a")
    name = ticket_id("a")
    settled = plain.box() / "settled" / name[:2] / f"{name}.json"
    older = settled.read_bytes()
    standin.always(behave.answer(503))
    assert sender.post(by_cgi(plain), "a", RESOLVED) == 202
    standin.decide(None)
    assert settled.read_bytes() == older
    drain(plain)
    assert opened(settled)[0] > opened_generation(older, plain)
    sender.judge(standin).check(repeats=0)
    check_spool(plain.spool)


def opened_generation(data, site):
    path = site.dir / "run" / "copy.json"
    path.write_bytes(data)
    return opened(path)[0]


def test_a_ticket_of_a_later_version_keeps_what_we_do_not_know(plain, sender):
    standin = begun(plain, sender)
    wait_with(plain, standin, sender, "a")
    path = plain.box() / "pending" / f"{ticket_id('a')}.json"
    generation, ticket = opened(path)
    ticket["later"] = {"x": [1, 2]}
    write(plain, path, sealed(ticket, generation))
    drain(plain)
    assert plain.ticket("a")["later"] == {"x": [1, 2]}
    sender.judge(standin).check(repeats=0)


def test_bells_for_nobody_and_strange_names_harm_nobody(plain, sender):
    standin = begun(plain, sender)
    wait_with(plain, standin, sender, "a")
    for name in ("0" * 32, ticket_id("a")):
        write(plain, plain.box() / "bell" / name, b"")
    strange = [".nfs0001", "x.json", "0" * 32, "A" * 32 + ".json"]
    for name in strange:
        write(plain, plain.box() / "pending" / name, b"{}")
    drain(plain)
    sender.judge(standin).check(repeats=0)
    assert list((plain.box() / "bell").iterdir()) == []
    left = sorted(p.name for p in (plain.box() / "pending").iterdir())
    assert left == sorted(strange)
