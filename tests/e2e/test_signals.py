"""Stops, of all kinds, under way."""

import concurrent.futures
import contextlib
import os
import signal
import threading

import pytest

from world import behave
from world.montecarlo import alert
from world.site import ticket_id, until


ENDS = [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1]


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(max_workers=16) as threads:
        yield threads


def send(site, direct, key):
    with direct.connect() as client:
        return client.request(site.params(alert(key)), alert(key))


@pytest.mark.parametrize("number", ENDS)
def test_a_signal_during_a_request_ends_the_responder_after_it(
    site, standin, pool, number
):
    hold = standin.script(behave.Hold())
    with site.responder() as direct:
        answer = pool.submit(send, site, direct, "a")
        assert hold.reached.wait(60)
        os.kill(direct.pid, number)
        os.kill(direct.pid, number)
        hold.release()
        assert answer.result(60).status == 200
        assert direct.process.wait(60) == 0
    assert standin.alerts().is_open("a")


def test_a_signal_in_the_middle_of_the_body_does_not_cut_it(site, standin):
    body = alert("a")
    with site.responder() as direct:
        with direct.connect() as client:
            client.begin()
            client.params(site.params(body))
            client.stdin(body[:20])
            until(lambda: reads(direct.pid), "the body to be awaited")
            os.kill(direct.pid, signal.SIGTERM)
            client.stdin(body[20:])
            client.stdin()
            assert client.read().status == 200
        assert direct.process.wait(60) == 0
    assert standin.alerts().is_open("a")


def reads(pid):
    """Whether the process is in read(2)."""
    with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
        return file.read().startswith("0 ")


@pytest.mark.parametrize("number", ENDS)
def test_an_idle_responder_leaves_at_once(site, number):
    with site.responder() as direct:
        assert send(site, direct, "a").status == 200
        os.kill(direct.pid, number)
        assert direct.process.wait(60) == 0


def test_a_hangup_and_a_broken_pipe_are_no_reason_to_leave(site):
    with site.responder() as direct:
        assert send(site, direct, "a").status == 200
        os.kill(direct.pid, signal.SIGPIPE)
        assert send(site, direct, "b").status == 200


def test_a_stop_in_the_middle_of_a_drain_loses_nothing(site, standin):
    """The responder leaves while its own call is under way."""
    hold = standin.script(behave.answer(503), behave.Hold())
    with site.responder() as direct:
        assert send(site, direct, "a").status == 202
        assert hold.reached.wait(60)
        os.kill(direct.pid, signal.SIGTERM)
        hold.release()
        assert direct.process.wait(60) == 0
    assert site.cli("drain").returncode == 0
    assert standin.alerts().is_open("a")
    assert standin.alerts().opened("a") == 1


def load(site, pool, keys, taken, failed):
    """Post alerts until the server has gone; note what was promised."""

    def one(key):
        try:
            answer = site.post(alert(key))
        except OSError:
            failed.append(key)
            return False
        if answer.ok:
            taken.append(key)
        return True

    def worker(n):
        for key in keys[n::4]:
            if not one(key):
                return

    return [pool.submit(worker, n) for n in range(4)]


@pytest.mark.parametrize(
    "how", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"]
)
def test_a_stop_under_load_loses_nothing_that_was_promised(
    site, standin, pool, how
):
    standin.limit.per_minute = 0
    site.configure(destination={"rate": 6000})
    site.processes = 3
    site.start()
    site.deaths_expected = True
    taken, failed = [], []
    running = load(site, pool, [f"k{n}" for n in range(4000)], taken, failed)
    until(lambda: len(taken) >= 40, "some load")
    site.stop(how)
    for one in running:
        one.result(60)
    assert failed, "the load outlived the server"
    check_all(site, standin, taken)


def check_all(site, standin, taken):
    """What was answered 2xx has arrived, at the latest after a drain."""
    assert site.cli("drain").returncode == 0
    lost = [key for key in taken if not standin.alerts().is_open(key)]
    assert lost == []
    twice = [k for k in taken if standin.alerts().opened(k) != 1]
    assert twice == []


def stop_when_all_are_back(site):
    """A child that lighttpd has forked but that has not yet become ours takes
    lighttpd's SIGTERM for lighttpd and forgets it: it would stay."""
    until(lambda: len(site.workers()) == site.processes, "all to be back")
    site.stop()


def test_responders_that_are_ended_under_load_lose_nothing(
    site, standin, pool
):
    """SIGTERM to each process; lighttpd starts another.  What waits to be
    accepted meanwhile is refused, which its sender is told."""
    standin.limit.per_minute = 0
    site.configure(destination={"rate": 6000})
    site.processes = 3
    site.start()
    site.deaths_expected = True
    taken = []

    def sender(n):
        for k in range(60):
            until(
                lambda k=k: site.post(alert(f"{n}-{k}")).ok,
                "a sender that repeats to be heard",
            )
            taken.append(f"{n}-{k}")

    running = [pool.submit(sender, n) for n in range(4)]
    for round_ in range(1, 6):
        until(lambda r=round_: len(taken) >= 30 * r, "some load")
        for pid in site.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
    for one in running:
        one.result(120)
    stop_when_all_are_back(site)
    assert len(taken) == 240
    check_all(site, standin, taken)


def test_a_killed_process_loses_nothing(site, standin, pool):
    site.start()
    site.deaths_expected = True
    hold = standin.script(behave.Hold())
    answer = pool.submit(site.post, alert("a"))
    assert hold.reached.wait(60)
    assert list(site.tickets()) == [ticket_id("a")], "on disk before it is sent"
    (pid,) = site.workers()
    os.kill(pid, signal.SIGKILL)
    assert answer.result(60).status_code == 500, "no promise was given"
    hold.release(behave.Close())
    until(lambda: site.workers() not in ([], [pid]), "another process")
    assert site.post(alert("b")).json()["result"] == "delivered"
    assert site.cli("drain").returncode == 0
    assert standin.alerts().is_open("a")


def test_killing_all_again_and_again_loses_nothing(site, standin, pool):
    standin.limit.per_minute = 0
    site.configure(destination={"rate": 6000})
    site.processes = 3
    site.start()
    site.deaths_expected = True
    taken, failed = [], []
    done = threading.Event()

    def worker(n):
        k = 0
        while not done.is_set():
            k += 1
            try:
                if site.post(alert(f"{n}-{k}")).ok:
                    taken.append(f"{n}-{k}")
            except OSError:
                failed.append(k)

    running = [pool.submit(worker, n) for n in range(3)]
    for round_ in range(1, 6):
        until(lambda r=round_: len(taken) >= 15 * r, "some load")
        for pid in site.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    done.set()
    for one in running:
        one.result(120)
    stop_when_all_are_back(site)
    check_all(site, standin, taken)


def test_a_hang_of_one_process_does_not_stop_the_others(site, standin, pool):
    site.processes = 2
    site.start()
    hold = standin.script(behave.Hold())
    first = pool.submit(site.post, alert("a"))
    assert hold.reached.wait(60)
    assert site.post(alert("b")).ok
    standin.wait_events(1, "b")
    assert not standin.history("a")[0].done
    hold.release()
    assert first.result(60).ok


def test_a_silent_peer_does_not_hold_the_responder_for_ever(site):
    """One byte, then nothing: facts/webservers-and-c.md, 2.1."""
    with site.responder() as direct:
        with direct.connect() as silent:
            silent.send(b"\x01")
            with direct.connect() as client:
                answer = client.request(
                    site.params(alert("a")), alert("a")
                )
            assert answer.status == 200


def test_a_server_that_keeps_its_end_open_does_not_hold_it_either(site):
    with site.responder() as direct:
        with direct.connect() as first:
            answer = first.request(site.params(alert("a")), alert("a"))
            assert answer.status == 200
            with direct.connect() as second:
                answer = second.request(site.params(alert("b")), alert("b"))
            assert answer.status == 200


def test_who_waits_already_is_served_before_a_responder_leaves(
    site, standin, pool
):
    hold = standin.script(behave.Hold())
    with site.responder() as direct:
        first = pool.submit(send, site, direct, "a")
        assert hold.reached.wait(60)
        body = alert("b")
        with direct.connect() as second:
            second.begin()
            second.params(site.params(body))
            second.stdin(body)
            second.stdin()
            os.kill(direct.pid, signal.SIGTERM)
            hold.release()
            assert second.read().status == 200
        assert first.result(60).status == 200
        assert direct.process.wait(60) == 0


def test_a_responder_whose_socket_is_gone_leaves(site):
    """One that was started just as its server stopped has missed the signal."""
    with site.responder() as direct:
        assert send(site, direct, "a").status == 200
        direct.path.unlink()
        assert direct.process.wait(60) == 0


def test_who_cannot_see_its_socket_from_where_it_runs_stays(site):
    """As under another root than the server's; one that is gone is another
    matter: see the next."""
    around = ["/bin/sh", "-c", 'mv run away && exec "$0"']
    with site.responder(around=around) as direct:
        until((site.dir / "away").exists, "the socket to be out of sight")
        direct.path = site.dir / "away" / "direct.sock"
        for key in "ab":
            assert send(site, direct, key).status == 200
        assert direct.process.poll() is None
        (site.dir / "away").rename(site.dir / "run")


def test_who_cannot_be_reached_any_more_leaves(site):
    with site.responder() as direct:
        assert send(site, direct, "a").status == 200
        direct.path.unlink()
        assert direct.process.wait(60) == 0
