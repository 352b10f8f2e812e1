"""A changed configuration is taken up; a broken one is not."""

import concurrent.futures
import threading

import pytest

from world import behave
from world.montecarlo import alert
from world.site import SECRET, until

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
        assert site.look().ok
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
    assert site.post(alert("c")).status_code == 202
    assert site.ticket("c")["key"] == "c"
    assert [t["key"] for t in site.tickets().values()] == ["c"]
