"""A disk that is really full: of bytes, and of files."""

import contextlib
import os
import pathlib
import subprocess

import pytest

from world import behave
from world.site import NOBODY

from .sender import FIRING, RESOLVED, by_cgi, check_spool, drain
from .test_kill import wait_with

NAMESPACE = (
    "mount -t tmpfs -o size={size},nr_inodes={inodes},mode=0700 none {spool}"
    " && echo ready && exec cat"
)


@contextlib.contextmanager
def as_ordinary_user(site, size, inodes):
    """The spool on a tmpfs that a user without rights has mounted."""
    mount = NAMESPACE.format(size=size, inodes=inodes, spool=site.spool)
    with subprocess.Popen(
        ["unshare", "-Urm", "sh", "-c", mount],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **site.user,
    ) as holder:
        if holder.stdout.readline() != b"ready\n":
            holder.stdin.close()
            pytest.skip(
                "an ordinary user may not mount here: "
                + holder.stderr.read().decode().strip()
            )
        site.view = pathlib.Path(f"/proc/{holder.pid}/root{site.spool}")
        site.wrap = ["nsenter", "-t", str(holder.pid), "-U", "-m",
                     "--preserve-credentials", "--"]  # fmt: skip
        if site.user:
            site.wrap = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
                         "--clear-groups", "--", *site.wrap]  # fmt: skip
        try:
            yield
        finally:
            site.view, site.wrap = site.spool, []
            holder.stdin.close()


@contextlib.contextmanager
def as_root(site, size, inodes):
    if os.geteuid() != 0:
        pytest.skip("only root may mount a tmpfs outside a user's name space")
    with site.small_spool(size, inodes):
        yield


@pytest.fixture(params=[as_root, as_ordinary_user], ids=["root", "user"])
def small(request, plain):
    """A site whose spool has 4 MB and 900 files for itself."""
    with request.param(plain, "4m", 900):
        yield plain
        plain.left()


FILES = "mkdir files; while : > files/$((n = n + 1)); do :; done 2>/dev/null"
BYTES = "cat /dev/zero > bytes 2>/dev/null"


def shell(site, script):
    """In the spool, as the user of the programs, who sees it as they do."""
    site.run("sh", "-c", f"cd {site.spool} && {script}; true")


def fill_files(site):
    """Use up all files of the spool's file system."""
    shell(site, FILES)


def fill_bytes(site):
    shell(site, BYTES)


def empty(site):
    shell(site, "rm -rf files bytes")


FILLS = [(fill_bytes, "bytes"), (fill_files, "files")]
fills = pytest.mark.parametrize("fill, why", FILLS, ids=[w for _, w in FILLS])


@fills
def test_a_full_disk_refuses_what_it_cannot_keep(small, sender, fill, why):
    standin = small.standin
    post = by_cgi(small)
    assert sender.post(post, "known", FIRING) == 200
    fill(small)
    seq, body = sender.body("known", RESOLVED)
    answer = small.cgi(body)
    sender.note("known", seq, RESOLVED, answer.status)
    assert (answer.status, int(answer.headers["retry-after"]) > 0) == (503, True)
    assert len(standin.events("known")) == 1
    assert list((small.view / "corrupt").iterdir()) == []
    empty(small)
    assert sender.post(post, "known", RESOLVED) == 200
    drain(small)
    sender.judge(standin).check(repeats=0)
    check_spool(small.view)


@fills
def test_on_a_full_disk_an_alert_without_a_ticket_is_tried_at_once(
    small, sender, fill, why
):
    standin = small.standin
    post = by_cgi(small)
    assert sender.post(post, "known", FIRING) == 200
    fill(small)
    seq, body = sender.body("new")
    assert sender.note("new", seq, FIRING, small.cgi(body).status, False) == 200
    assert standin.alerts().is_open("new")
    standin.always(behave.answer(503))
    assert sender.post(post, "down") == 503
    standin.decide(None)
    empty(small)
    assert sender.post(post, "new", RESOLVED) == 200
    assert sender.post(post, "down") == 200
    drain(small)
    sender.judge(standin).check(repeats=0)
    check_spool(small.view)


@fills
def test_on_a_full_disk_nothing_is_sent_whose_result_has_no_room(
    small, sender, fill, why
):
    """What waits is delivered once there is room, each event once."""
    standin = small.standin
    for alert in "abc":
        wait_with(small, standin, sender, alert)
    taken = len(standin.events())
    fill(small)
    done = small.cli("drain")
    assert done.returncode == 75, "something still waits"
    assert len(standin.events()) == taken
    empty(small)
    drain(small)
    sender.judge(standin).check(repeats=0)
    check_spool(small.view)


def fill_during_a_call(small, sender):
    """The disk fills while a call is under way; later there is room again."""
    standin = small.standin
    assert sender.post(by_cgi(small), "a", FIRING) == 200
    drain(small)
    filled = []

    def decide(_):
        if not filled:
            fill_files(small)
            fill_bytes(small)
            filled.append(True)

    standin.decide(decide)
    answer = sender.post(by_cgi(small), "a", RESOLVED)
    small.left()
    assert filled
    empty(small)
    drain(small)
    return answer


def test_a_disk_that_fills_during_a_call_has_room_for_its_result(
    small, sender
):
    assert fill_during_a_call(small, sender) == 200
    sender.judge(small.standin).check(repeats=0)
    check_spool(small.view)
