"""A changed configuration is taken up; a broken one is not."""

import concurrent.futures
import ctypes
import os
import pathlib
import signal
import threading

import pytest

from world import behave
from world.montecarlo import alert
from world.site import SECRET, ticket_id, until

NEW = "the-new-secret-" + "n3" * 12


@pytest.fixture
def served(site):
    """With two processes: each has to take it up."""
    site.processes = 2
    return site.start()


MORE = """
source another {{
	kind = montecarlo
	secret_file = "{secret}"
	destination = {{ oncall }}
}}
"""


def test_a_new_source_is_there_with_the_next_request(served):
    assert served.post(alert("a"), path="/another").status_code == 404
    served.configure(more=MORE.format(secret=served.secret_file))
    for n in range(6):  # of all processes
        assert served.post(alert(f"a{n}"), path="/another").ok
    assert "taken up" in served.log()


def test_a_source_that_was_removed_is_gone_with_the_next_request(served):
    served.configure(more=MORE.format(secret=served.secret_file))
    assert served.post(alert("a"), path="/another").ok
    served.configure()
    for _ in range(6):
        assert served.post(alert("a"), path="/another").status_code == 404


def test_a_new_secret_counts_with_the_next_request(served):
    served.secrets.add(NEW)
    body = alert("a")
    assert served.post(body).ok
    served.write(served.secret_file, NEW + "\n")
    for _ in range(6):
        assert served.post(body, served.sign(body, SECRET)).status_code == 403
        assert served.post(body, served.sign(body, NEW)).ok


def test_a_new_destination_gets_the_next_event(served, standin):
    url = standin.add_source("SECOND", standin.token)
    served.post(alert("a"))
    standin.wait(lambda: standin.alerts().is_open("a"))
    served.configure(destination={"url": url})
    served.post(alert("b"))
    standin.wait(lambda: standin.alerts("SECOND").is_open("b"))


BROKEN = [
    ("nonsense {", "nonsense"),
    ("", "an empty file"),
    ("spool = \"/tmp\"\nsource x { kind = montecarlo", "cut in the middle"),
]


@pytest.mark.parametrize("text, why", BROKEN, ids=[why for _, why in BROKEN])
def test_a_broken_change_keeps_the_old_one(served, standin, text, why):
    served.post(alert("before"))
    served.write(served.conf, text)
    for n in range(6):
        assert served.post(alert(f"a{n}")).ok, why
    assert served.health() == (200, "degraded")
    said = served.log_lines(event="configuration")
    assert said and all("broken" in line["result"] for line in said)
    assert len(said) <= 2, "each process says it once"
    served.configure()
    assert served.post(alert("after")).ok
    assert "taken up" in served.log()


def test_a_secret_that_others_may_read_is_a_broken_change(served):
    served.post(alert("before"))
    served.secret_file.chmod(0o644)
    assert served.post(alert("a")).ok
    assert "montecarlo.secret" in served.log()
    served.secret_file.chmod(0o600)
    assert served.post(alert("b")).ok


def test_a_request_under_way_ends_with_the_configuration_it_began_with(
    site, standin
):
    site.processes = 2
    site.start()
    hold = standin.script(behave.Hold())
    url = standin.add_source("SECOND", standin.token)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(site.post, alert("a"))
        assert hold.reached.wait(60)
        site.configure(destination={"url": url})
        assert site.post(alert("b")).ok
        hold.release()
        assert answer.result(60).ok
    assert standin.alerts().is_open("a")
    standin.wait(lambda: standin.alerts("SECOND").is_open("b"))


def test_changes_under_load_refuse_nobody_and_lose_nothing(site, standin):
    """Every third change is a broken one."""
    standin.limit.per_minute = 0
    site.configure(destination={"rate": 6000})
    site.processes = 2
    site.start()
    done = threading.Event()
    answers, keys = [], []

    def worker(n):
        k = 0
        while not done.is_set() or k < 20:
            k += 1
            answers.append(site.post(alert(f"{n}-{k}")).status_code)
            keys.append(f"{n}-{k}")

    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = [pool.submit(worker, n) for n in range(3)]
        for n in range(10):
            if n % 3 == 1:
                site.write(site.conf, BROKEN[n % 2][0])
            else:
                site.configure(destination={"rate": 6000 - n})
            before = len(answers)
            while len(answers) < before + 5 and not done.wait(0.01):
                assert not any(r.done() for r in running)
        done.set()
        for one in running:
            one.result(120)
    assert set(answers) <= {200, 202}
    assert site.log().count("taken up") >= 2
    said = site.log_lines(event="configuration")
    assert any("broken" in line["result"] for line in said)
    assert site.cli("drain").returncode == 0
    assert [k for k in keys if standin.alerts().opened(k) != 1] == []


def test_a_result_that_cannot_be_written_outlives_a_new_configuration(
    site, standin
):
    hold = standin.script(behave.Hold())
    site.start()
    pending = site.box() / "pending"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(site.post, alert("a"))
        assert hold.reached.wait(60)
        pending.chmod(0o500)
        hold.release()
        assert answer.result(60).json()["result"] == "queued"
    for rate in (60, 61):
        site.configure(destination={"rate": rate})
        assert site.health() == (503, "failing"), "nor would a webhook be kept"
        said = site.look().json()["reasons"]
        assert any("what came of a delivery cannot be written" in w for w in said)
    pending.chmod(0o700)
    until(lambda: site.tickets() == {}, "the result to be written")
    assert len(standin.events("a")) == 1, "kept was the result, and the claim"


def test_a_spool_that_was_moved_aside_takes_nothing_more(site, standin):
    standin.script(*[behave.answer(500) for _ in range(20)])
    site.start()
    assert site.post(alert("a")).status_code == 202
    site.spool.rename(site.dir / "spool.aside")
    assert site.post(alert("b")).status_code == 503
    site.spool.mkdir(mode=0o700)
    site.own(site.spool)
    # Where the kernel has Landlock, by a fresh process.
    site.deaths_expected = True
    until(lambda: site.post(alert("c")).status_code == 202, "its successor")
    assert site.ticket("c")["key"] == "c"
    assert [t["key"] for t in site.tickets().values()] == ["c"]


def test_a_spool_that_was_moved_aside_is_left_though_the_change_is_broken(
    site, standin
):
    standin.always(behave.answer(500))
    site.start()
    assert site.post(alert("a")).status_code == 202
    site.write(site.conf, BROKEN[0][0])
    assert site.post(alert("b")).status_code == 202
    site.spool.rename(site.dir / "spool.aside")
    site.deaths_expected = True
    assert site.post(alert("c")).status_code == 503


PARTS = ["lock", "tmp", "oncall", "oncall/lock", "oncall/pending"]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_spool_that_was_replaced_is_opened_anew(
    site, part
):
    site.start()
    assert site.post(alert("a")).status_code == 200
    (site.spool / part).rename(site.dir / "aside")
    assert site.post(alert("b")).json()["result"] == "delivered"
    assert site.ticket("b")["key"] == "b"
    assert (site.spool / part).exists()
    until(
        lambda: ticket_id("b") + ".json" not in site.pending_files(),
        "the drain to sweep it",
    )


@pytest.mark.parametrize("part", PARTS)
def test_a_call_that_outlives_its_part_of_the_spool_holds_up_nobody(
    site, standin, part
):
    site.start()
    hold = standin.script(behave.Hold())
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(site.post, alert("a"))
        assert hold.reached.wait(60)
        (site.spool / part).rename(site.dir / "aside")
        hold.release()
        assert answer.result(60).ok
    assert site.post(alert("b")).json()["result"] == "delivered"
    assert site.ticket("b")["key"] == "b"


def test_a_refusal_does_not_open_the_spool_anew(site, standin):
    """The drain would begin with nothing.  Who opens it writes README, so
    does who counts what is in it; that is past until the next is due."""
    site.configure(top={"max_pending": 1})
    standin.always(behave.answer(500))
    site.start()
    assert site.post(alert("a")).status_code == 202
    site.counted(1)
    (site.spool / "README").unlink()
    for key in "bcd":
        assert site.post(alert(key)).status_code == 503
    assert not (site.spool / "README").exists()


# ---- the fence: what a process shut itself off from when it began ----


def has_landlock():
    """Version 2 or later: landlock_create_ruleset(2) says which."""
    libc = ctypes.CDLL(None)
    libc.syscall.restype = ctypes.c_long
    return libc.syscall(444, None, 0, 1) >= 2


fenced = pytest.mark.skipif(not has_landlock(), reason="no Landlock")


@pytest.fixture
def inside(site):
    """With one process, which has put its fence up."""
    site.start()
    assert site.post(alert("first")).status_code == 200
    return site


def elsewhere(site, name="elsewhere"):
    """A directory of ours that no process has been told of yet."""
    path = site.dir / name
    path.mkdir(mode=0o700)
    site.own(path)
    return path


@fenced
@pytest.mark.parametrize("what", ["secret", "spool"])
def test_what_lies_beyond_the_fence_is_taken_up_by_fresh_processes(inside, what):
    inside.deaths_expected = True
    before = set(inside.workers())
    there = elsewhere(inside)
    if what == "spool":
        inside.configure(top={"spool": there})
    else:
        inside.secrets.add(NEW)
        new = inside.write(there / "secret", NEW + "\n")
        inside.configure(source={"secret_file": new})

    def taken(number):
        fresh = not before & set(inside.workers())
        answer = inside.post(
            alert(f"a{number}"),
            inside.sign(alert(f"a{number}"), NEW if what == "secret" else None),
        )
        assert answer.status_code in (200, 202, 403, 500, 503)
        return answer.ok and fresh

    numbers = iter(range(10000))
    until(lambda: taken(next(numbers)), "fresh processes")
    assert inside.log_lines(event="configuration", result="broken, the old one stays")
    if what == "spool":
        assert (there / "oncall").is_dir()


@fenced
def test_a_broken_change_beyond_the_fence_keeps_the_old_one(inside):
    there = elsewhere(inside)
    before = inside.workers()
    inside.configure(source={"secret_file": there / "not-there"})
    until(lambda: inside.health()[1] == "degraded", "the change to be seen")
    assert inside.post(alert("a")).ok
    assert inside.workers() == before


@fenced
def test_a_process_that_nobody_would_start_again_keeps_the_old_one(site):
    """As spawn-fcgi starts it, which then leaves."""
    there = elsewhere(site)
    around = ["/bin/sh", "-c", 'exec 3<&0; "$0" <&3 3<&- & wait']
    with site.responder(around=around) as direct:
        assert send(site, direct, "a") == 200
        (pid,) = [p for p in site.workers() if p != direct.pid]
        direct.process.kill()
        direct.process.wait()
        site.configure(top={"spool": there})
        assert send(site, direct, "b") == 200
        assert site.log_lines(event="configuration")
        assert site.ticket("b")["key"] == "b"
        os.kill(pid, signal.SIGTERM)
        site.left()


def send(site, direct, key):
    body = alert(key)
    with direct.connect() as client:
        return client.request(site.params(body), body).status


@fenced
def test_the_fence_is_put_up_before_anything_is_served(site):
    done = site.run(
        "strace", "-f", "-e", "trace=landlock_restrict_self,connect,execve",
        site.bin / "bellrelay.fcgi",
        env={**site.params(alert("a")), "BELLRELAY_CONFIG": str(site.conf)},
        stdin=alert("a"),
    )  # fmt: skip
    calls = [line for line in done.stderr.decode().splitlines() if "(" in line]
    names = [call.split("(")[0].split()[-1] for call in calls]
    assert names.index("landlock_restrict_self") < names.index("connect")
    assert names.count("execve") == 1
    assert [c for c in calls if "landlock_restrict_self" in c][0].endswith("= 0")


def is_shut_in(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    files = limits.split("Max open files")[1].split()
    core = limits.split("Max core file size")[1].split()
    return (
        "NoNewPrivs:\t1" in status
        and int(files[0]) == min(int(files[1]), 65536)
        and core[:2] == ["0", "0"]
    )


def test_no_process_gains_privileges(served):
    """Each sees to it when it begins, and may have only just begun."""
    until(lambda: len(served.workers()) == 2, "both processes")
    for pid in served.workers():
        until(lambda pid=pid: is_shut_in(pid), "it to shut itself in")


def test_many_destinations_need_many_open_files(site, standin):
    """More than the soft limit."""
    others = []
    for i in range(12):
        standin.add_source(f"o{i}", f"token-of-o{i}")
        token = site.write(site.etc / f"o{i}.token", f"token-of-o{i}\n")
        others.append(
            f'destination o{i} {{ url = "{standin.url(f"o{i}")}" '
            f'token_file = "{token}" ca_file = "{site.etc / "ca.pem"}" }}\n'
        )
    names = ["oncall"] + [f"o{i}" for i in range(12)]
    site.configure(source={"destination": names}, more="".join(others))
    with site.responder(around=["prlimit", "--nofile=64:4096"]) as direct:
        assert send(site, direct, "a") in (200, 202)
        until(lambda: len(standin.events("a")) == 13, "all destinations")
