"""Each call fails in turn, or moves less than it was asked to."""

import collections
import concurrent.futures
import itertools
import os
import re
import shutil
import signal

import pytest

from world import behave
from world.montecarlo import alert, update
from world.site import ROOT, clock, section, ticket_id, until

from . import calls, long_form
from .sender import (
    FIRING,
    RESOLVED,
    by_cgi,
    check_spool,
    drain,
    opened,
)
from .test_kill import begun, nothing, verdict_of, wait_with

FAULTY = ROOT / (os.environ.get("BUILD") or "build") / "tools" / "faulty.so"
EACH = 3  # calls of one name, in the short form
ERRORS = ["ENOSPC", "EIO", "EDQUOT", "EROFS", "EMFILE", "EINTR"]

#: These fail in the world, and here; close has a test of its own, since one
#: that fails has closed all the same.
CAN_FAIL = {
    "connect", "faccessat2", "fallocate", "fcntl", "fstatfs",
    "fsync", "ftruncate", "getdents64", "linkat", "mkdirat", "newfstatat",
    "openat", "poll", "pread64", "pwrite64", "read", "recvfrom", "renameat",
    "sendto", "socket", "unlinkat", "write",
}  # fmt: skip


def faults(found):
    """(call, error): in the short form each call with one error in turn, and
    of many alike a few; in the long form with each."""
    found = [c for c in found if c.name in CAN_FAIL and not is_body(c)]
    if long_form():
        return list(itertools.product(found, ERRORS))
    return [(c, ERRORS[n % len(ERRORS)]) for n, c in enumerate(few(found))]


def is_body(call):
    """A body that breaks off is the sender's to repeat: 400."""
    return call.name == "read" and call.args.startswith("0,")


def few(found):
    """Of each name not more than EACH, from all over the run."""
    by_name = collections.defaultdict(list)
    for call in found:
        by_name[call.name].append(call)
    kept = set()
    for same in by_name.values():
        step = -(-len(same) // EACH)
        kept.update(same[::step])
    return [c for c in found if c in kept]


#: What fails here leaves the outcome of an exchange unknown.
NETWORK = {"connect", "poll", "recvfrom", "sendto", "socket"}


def bound(call):
    """How often an alert may come again: what is unknown is tried again, and
    its newest state sent once more."""
    return 2 if call.name in NETWORK else 1


def settled(site, _, sender, alert):
    """It rang and is settled; nothing of it may ever be set aside."""
    assert sender.post(by_cgi(site), alert, FIRING) == 200
    drain(site)


def check_answer(done, what):
    """Stored or delivered, or a clear refusal that says when to come again."""
    said = calls.status(done)
    assert done.returncode >= 0, f"{what}: ended by a signal"
    if not done.stdout:
        return 0  # it was the answer that could not be written
    assert said in (200, 202, 503), f"{what}: {done.stdout} {done.stderr}"
    if said == 503:
        assert b"\r\nRetry-After: " in done.stdout, what
    return said


WEBHOOKS = [
    (nothing, FIRING, RESOLVED, None, "a new alert"),
    (settled, RESOLVED, FIRING, None, "the resolve of a settled one"),
    (wait_with, FIRING, RESOLVED, "+10s", "one of which two are due"),
]


@pytest.mark.parametrize(
    "before, status, after, when, why",
    WEBHOOKS,
    ids=[row[-1] for row in WEBHOOKS],
)
def test_a_webhook_of_which_any_call_fails_is_kept_or_refused(
    plain, sender, tally, before, status, after, when, why
):
    calls.needs_strace()
    env = clock(when) if when else {}
    standin = begun(plain, sender)
    before(plain, standin, sender, "trace")
    seq, body = sender.body("trace", status)
    found = calls.Run.webhook(plain, body, **env).calls()
    sender.note("trace", seq, status, 0)
    said = []
    for call, error in faults(found):
        alert = f"{why} {call} {error}"
        before(plain, standin, sender, alert)
        seq, body = sender.body(alert, status)
        done = calls.Run.webhook(plain, body, **env).failed(call, error)
        said.append(check_answer(done, alert))
        sender.note(alert, seq, status, said[-1], calls.stored(done))
        assert list((plain.spool / "corrupt").iterdir()) == [], alert
        assert sender.post(by_cgi(plain), alert, after) in (200, 202), alert
        drain(plain)
        verdict_of(sender, standin, alert).check(repeats=bound(call))
    plain.left()
    drain(plain)
    check_spool(plain.spool)
    # What is not known yet is tried directly: nothing of it is refused.
    assert 503 in said or before is nothing
    assert {200, 202} & set(said)
    assert said.count(0) <= len(ERRORS), "only the answer's own write"
    tally(sender.judge(standin).check(repeats=2), len(said))


def test_after_a_sync_that_failed_the_same_webhook_writes_anew(plain, sender):
    """A kernel says once that a sync failed; the next one of the same name
    succeeds although nothing was written (fsync(2))."""
    calls.needs_strace()
    standin = begun(plain, sender)
    standin.always(behave.retry_after("3000"))
    assert sender.post(by_cgi(plain), "rests") == 202
    seq, body = sender.body("a")
    run = calls.Run.webhook(plain, body)
    last = [c for c in run.calls() if c.name == "fsync"][-1]
    plain.left()
    path = plain.box() / "pending" / f"{ticket_id('a')}.json"
    before = opened(path)[0]
    assert calls.status(run.failed(last, "EIO")) == 503
    failed = opened(path)[0]
    assert calls.status(run.plainly()) == 202
    assert before < failed < opened(path)[0]
    plain.left()


UNLISTED = [
    (["list"], 74),
    (["list", "--dead"], 74),
    (["prune"], 74),
    (["retry", "--all-dead"], 74),
    (["retry", "a"], 74),
    (["drop", "a"], 74),
    (["drain"], 75),
]


@pytest.mark.parametrize(
    "command, code", UNLISTED, ids=[" ".join(row[0]) for row in UNLISTED]
)
def test_a_directory_that_cannot_be_read_is_not_an_empty_one(
    plain, sender, command, code
):
    calls.needs_strace()
    standin = begun(plain, sender)
    wait_with(plain, standin, sender, "a")
    before = sorted(plain.pending_files())
    run = calls.Run(plain, [plain.bin / "bellrelay", "-c", plain.conf, *command])
    done = run.inject(
        "-e", "trace=getdents64", "-e", "inject=getdents64:error=EIO:when=3+"
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    assert code == 75 or b"cannot be listed whole: Input/output" in done.stderr
    assert sorted(plain.pending_files()) == before
    drain(plain)
    sender.judge(standin).check(repeats=0)


def test_a_drain_of_which_any_call_fails_sends_nothing_twice(
    plain, sender, tally
):
    """A result that cannot be written is written by and by."""
    calls.needs_strace()
    standin = begun(plain, sender)
    run = calls.Run.drain(plain)
    wait_with(plain, standin, sender, "trace")
    found = run.calls()
    tried = 0
    for call, error in faults(found):
        if call.name in NETWORK:
            continue  # what is unknown is repeated, lawfully
        alert = f"drain {call} {error}"
        wait_with(plain, standin, sender, alert)
        done = run.failed(call, error)
        assert done.returncode >= 0, f"{alert}: ended by a signal"
        assert list((plain.spool / "corrupt").iterdir()) == [], alert
        drain(plain)
        verdict_of(sender, standin, alert).check(repeats=0)
        tried += 1
    check_spool(plain.spool)
    tally(sender.judge(standin).check(repeats=0), tried)


def test_a_drain_that_cannot_ask_for_a_ticket_sends_it_or_says_why(
    plain, sender
):
    """Each stat fails in turn, one of them in the look at what waits: to have
    no answer is not to hear that it is gone."""
    calls.needs_strace()
    standin = begun(plain, sender)
    run = calls.Run.drain(plain)
    wait_with(plain, standin, sender, "trace")
    asked = [c for c in run.calls() if c.name == "newfstatat"]
    sent = 0
    for call in asked:
        alert = f"stat {call}"
        wait_with(plain, standin, sender, alert)
        done = run.failed(call, "EIO")
        left = plain.tickets()
        assert not left or b"Input/output error" in done.stderr, alert
        sent += left == {}
        drain(plain)
    assert sent > 0
    sender.judge(standin).check(repeats=0)


@pytest.mark.parametrize("error", ERRORS)
def test_a_rename_that_fails_changes_nothing(plain, sender, error):
    calls.needs_strace()
    standin = begun(plain, sender)
    standin.always(behave.answer(503))
    assert sender.post(by_cgi(plain), "a") == 202
    path = plain.box() / "pending" / f"{ticket_id('a')}.json"
    before = path.read_bytes()
    seq, body = sender.body("a", RESOLVED)
    done = calls.Run.webhook(plain, body).inject(
        "-e", "trace=renameat", "-e", f"inject=renameat:error={error}"
    )
    assert sender.note("a", seq, RESOLVED, check_answer(done, error)) == 503
    plain.left()
    assert path.read_bytes() == before
    assert list((plain.spool / "tmp").iterdir()) == []
    standin.decide(None)
    drain(plain)
    sender.judge(standin).check(repeats=0)
    check_spool(plain.spool)


#: EINTR would be tried again for as long as it lasts.
LASTING = [e for e in ERRORS if e != "EINTR"]


@pytest.mark.parametrize("error", LASTING)
@pytest.mark.parametrize("name", ["openat", "read", "newfstatat", "fcntl"])
def test_an_errno_never_moves_a_healthy_ticket(plain, sender, name, error):
    """Every look at the ticket fails, from the spool's opening on."""
    calls.needs_strace()
    standin = begun(plain, sender)
    settled(plain, standin, sender, "a")
    standin.always(behave.answer(503))
    assert sender.post(by_cgi(plain), "a", RESOLVED) == 202
    seq, body = sender.body("a", RESOLVED)
    run = calls.Run.webhook(plain, body)
    reads = [c for c in run.calls() if c.name == name]
    sender.note("a", seq, RESOLVED, 0)
    plain.left()
    for call in reads if long_form() else reads[-3:]:
        seq, body = sender.body("a", RESOLVED)
        done = calls.Run.webhook(plain, body).inject(
            "-e", f"trace={name}",
            "-e", f"inject={name}:error={error}:when={call.nth}+",
        )  # fmt: skip
        sender.note("a", seq, RESOLVED, check_answer(done, f"{name} {error}"))
        plain.left()
        assert list((plain.spool / "corrupt").iterdir()) == []
        assert plain.ticket("a")["key"] == "a"
    standin.decide(None)
    drain(plain)
    sender.judge(standin).check(repeats=0)
    check_spool(plain.spool)


def test_a_replay_that_cannot_read_what_is_known_ends_there(plain):
    """What cannot be read is not nothing."""
    calls.needs_strace()
    assert plain.cgi(alert("a")).status == 200
    plain.configure(top={"journal": "full"})
    assert plain.cgi(update("a", owner="ann@example.com")).status == 200
    args = ["-c", plain.conf, "replay", "--since", "2020-01-01", "--send"]
    run = calls.Run(plain, [plain.bin / "bellrelay", *args])
    said = set()
    for call in run.calls():
        if call.name == "openat":
            done = run.failed(call, "EIO")
            said.add(done.returncode)
            assert b"differs" not in done.stdout, f"{call}"
            assert b"unknown" not in done.stdout, f"{call}"
    assert {0, 74} <= said


def test_a_torn_ticket_is_set_aside_and_harms_no_other(plain, sender):
    standin = begun(plain, sender)
    for alert in "ab":
        wait_with(plain, standin, sender, alert)
    path = plain.box() / "pending" / f"{ticket_id('a')}.json"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    drain(plain)
    (aside,) = (plain.spool / "corrupt").iterdir()
    assert aside.read_bytes() == whole[: len(whole) // 2]
    verdict_of(sender, standin, "b").check(repeats=0)
    assert sender.post(by_cgi(plain), "a", FIRING) == 200
    assert standin.alerts().is_open("a")


# ---- short reads and writes ----


def faulty(site, **how):
    """The environment in which calls do a part of what they are asked for."""
    library = site.dir / "faulty.so"
    if not library.exists():
        shutil.copy(FAULTY, library)
        site.own(library)
    env = {f"FAULTY_{name.upper()}": value for name, value in how.items()}
    return {"LD_PRELOAD": library, **env}


def test_a_close_that_fails_is_a_write_that_failed(plain, sender, tally):
    """Where quota or a network file system report late."""
    standin = begun(plain, sender)
    seq, body = sender.body("trace")
    found = calls.Run.webhook(plain, body).calls()
    sender.note("trace", seq, FIRING, 0)
    plain.left()
    said = []
    for nth in range(1, sum(c.name == "close" for c in found) + 1):
        alert = f"close {nth}"
        seq, body = sender.body(alert)
        env = faulty(plain, close=nth)
        done = calls.Run.webhook(plain, body, **env).plainly()
        said.append(check_answer(done, alert))
        sender.note(alert, seq, FIRING, said[-1], calls.stored(done))
        plain.left()
        assert sender.post(by_cgi(plain), alert, RESOLVED) == 200
    drain(plain)
    check_spool(plain.spool)
    assert not all(p.stored for p in sender.posts), "a write was reached"
    tally(sender.judge(standin).check(repeats=1), len(said))


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_reads_and_writes_that_come_short_lose_nothing(
    plain, sender, tally, most
):
    standin = begun(plain, sender)
    env = faulty(plain, most=most)
    for status in (FIRING, RESOLVED, FIRING):
        seq, body = sender.body("a", status)
        done = calls.Run.webhook(plain, body, **env).plainly()
        sender.note("a", seq, status, check_answer(done, f"at most {most}"))
        assert sender.posts[-1].answer in (200, 202)
        plain.left()
        check_spool(plain.spool, drained=False)
    done = plain.cli("drain", env=env)
    assert done.returncode in (0, 75), done.stderr
    drain(plain)
    check_spool(plain.spool)
    tally(sender.judge(standin).check(repeats=0))


def test_when_room_ends_at_any_byte_nothing_is_torn(plain, sender, tally):
    """A disk that fills up in the middle of a file."""
    standin = begun(plain, sender)
    step = 211 if long_form() else 1499
    for total in range(0, 24000, step):
        alert = f"after {total}"
        for status in (FIRING, RESOLVED):
            seq, body = sender.body(alert, status)
            env = faulty(plain, room=total)
            done = calls.Run.webhook(plain, body, **env).plainly()
            said = check_answer(done, alert)
            sender.note(alert, seq, status, said, calls.stored(done))
            plain.left()
            check_spool(plain.spool, drained=False)
        assert sender.post(by_cgi(plain), alert, FIRING) in (200, 202)
        plain.left()
        drain(plain)
        verdict_of(sender, standin, alert).check(repeats=1)
    check_spool(plain.spool)
    tally(sender.judge(standin).check(repeats=1), 24000 // step + 1)


def test_an_event_that_found_no_room_does_not_overtake_a_newer_one(
    plain, sender
):
    """It has no ticket and is to be sent at once; before it is, a newer one
    found room and was delivered."""
    calls.needs_strace()
    standin = begun(plain, sender)
    seq, body = sender.body("trace")
    run = calls.Run.webhook(plain, body)
    found = run.calls()
    sender.note("trace", seq, FIRING, 0)
    plain.left()
    store = next(c for c in found if "O_EXCL|O_NOFOLLOW" in c.args)
    locks = [c for c in found if c.name == "fcntl" and "SETLK" in c.args]
    edited = locks[1]  # what comes next is the claim
    trace = plain.dir / "run" / "trace"
    seq, body = sender.body("a")
    run = calls.Run.webhook(plain, body)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(
            run.inject,
            "-o", trace,
            "-e", "trace=openat,fcntl",
            "-e", f"inject=openat:error=ENOSPC:when={store.nth}",
            "-e", f"inject=fcntl:signal=SIGSTOP:when={edited.nth}",
        )  # fmt: skip
        until(
            lambda: trace.exists() and "stopped by" in trace.read_text(),
            "the disk to be full",
        )
        (stopped,) = plain.workers()
        try:
            assert sender.post(by_cgi(plain), "a", RESOLVED) == 200
            assert not first.done(), "it waits"
        finally:
            os.kill(stopped, signal.SIGCONT)
        done = first.result()
    said = check_answer(done, "a")
    sender.note("a", seq, FIRING, said, calls.stored(done))
    trace.unlink()
    plain.left()
    drain(plain)
    assert said == 503
    assert [e["status"] for e in standin.events("a")] == ["resolved"]


def unsynced(trace):
    """How many renames there were, and of those that follow the close of a
    file without an fsync.  Names are not shown of a process that cannot be
    dumped; a file of ours is made with O_EXCL, and renamed once closed."""
    ours, closed, count, found = {}, None, 0, 0
    for call, args, got in re.findall(
        r"(?m)^(?:\d+ +)?(openat|fsync|close|renameat)\((.*)\) += (-?\d+)",
        trace,
    ):
        if call == "openat" and "O_EXCL" in args:
            ours[got] = False
        elif call == "fsync" and args in ours:
            ours[args] = got == "0"
        elif call == "close" and args in ours:
            closed = ours.pop(args)
        elif call == "renameat":
            count += 1
            found += closed is not True
    return count, found


def test_what_is_not_synced_never_becomes_the_ticket(plain, sender):
    """The alert can neither be stored nor sent for its second destination: the
    call to the first ends all the same, and its result is a whole file
    (spool.h)."""
    calls.needs_strace()
    begun(plain, sender)
    plain.standin.add_source("SECOND", plain.standin.token)

    def two(url):
        plain.configure(
            destination={"rate": 20000, "timeout": 5},
            source={"destination": ["oncall", "second"]},
            more=section("destination", "second", {
                "url": url, "token_file": plain.token_file,
            }),
        )  # fmt: skip

    two(plain.standin.url("SECOND"))
    assert sender.post(by_cgi(plain), "both") == 200
    # As many wait there as may (max_pending), by what a drain has left.
    (plain.box("second") / "summary.json").write_text(
        '{"at": 1, "owed": 100000}'.ljust(1023) + "\n"
    )
    two("http://127.0.0.1:1/")
    _, body = sender.body("a")
    trace = plain.dir / "run" / "trace"
    done = calls.Run.webhook(plain, body).inject(
        "-o", trace, "-e", "trace=openat,fsync,close,renameat"
    )
    assert calls.status(done) == 503
    assert unsynced(trace.read_text()) == (2, 0), "the ticket, and its result"
    assert plain.standin.alerts().is_open("a"), "what was kept rings"
    plain.left()


# ---- many dead letters ----


def refused(site, body):
    site.standin.script(behave.answer(422))
    assert site.cgi(body).status == 202


def retrying(site):
    return calls.Run(
        site, [site.bin / "bellrelay", "-c", site.conf, "retry", "--all-dead"]
    )


def test_a_retry_of_all_lists_the_dead_letters_once(plain):
    calls.needs_strace()
    plain.configure()
    listed = []
    for more in (["a", "b"], ["c", "d", "e", "f"]):
        for key in more:
            refused(plain, alert(key))
        found = retrying(plain).calls()
        listed.append(sum(c.name == "getdents64" for c in found))
        assert plain.dead() == {}
    assert listed[0] == listed[1] > 0


def test_a_prune_lists_the_dead_letters_once(plain):
    calls.needs_strace()
    plain.configure()
    month = clock("+31d")
    prune = [plain.bin / "bellrelay", "-c", plain.conf, "prune"]
    listed = []
    for more in (["a", "b"], ["c", "d", "e", "f"]):
        for key in more:
            refused(plain, alert(key))
            assert plain.cgi(alert(key, table="newer")).status == 200
        assert retrying(plain).plainly().returncode == 0
        assert len(plain.dead()) == len(more), "superseded"
        found = calls.Run(plain, prune, env=month).calls()
        listed.append(sum(c.name == "getdents64" for c in found))
        assert plain.dead() == {}
    assert listed[0] == listed[1] > 0


def test_a_dead_letter_that_came_after_the_list_is_the_newest(plain):
    """The retry waits for the exchange in which the next one is refused."""
    calls.needs_strace()
    plain.configure()
    refused(plain, alert("a"))
    hold = behave.Hold(then=behave.answer(422))
    plain.standin.script(hold)
    trace = plain.dir / "run" / "locks"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        post = pool.submit(plain.cgi, update("a", alert_feedback="fixed"))
        assert hold.reached.wait(60)
        retry = pool.submit(
            retrying(plain).inject, "-o", trace, "-e", "trace=fcntl"
        )
        until(
            lambda: trace.exists() and " EAGAIN " in trace.read_text(),
            "the retry to meet the exchange",
        )
        hold.release()
        assert post.result().status == 202
        done = retry.result()
    assert done.returncode == 0, done.stderr
    # What the exchange leaves to a child may have sent it already.
    assert plain.cli("drain").returncode == 0
    assert [e["status"] for e in plain.standin.events()] == ["resolved"]
    (letter,) = plain.dead().values()
    assert letter["superseded"] is True
