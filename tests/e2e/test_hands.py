"""The operator's hands on alerts: retry, drop, prune, move (SPOOL.md)."""

import json
import os
import re
import subprocess

import pytest

from world import behave
from world.montecarlo import alert, update
from world.site import clock, environment, section, ticket_id

DAY = 24 * 3600
OLD_TOKEN = "old-token-" + "o1" * 12


def out(done, code=0):
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout.decode()


def err(done, code):
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stderr.decode()


def refused(site, standin, body=None, key="a"):
    """An alert whose newest event is a dead letter."""
    standin.script(behave.answer(422))
    site.cgi(body or alert(key))
    assert [i for i in site.dead() if i.startswith(ticket_id(key))]


def waiting(site, body=None):
    site.waits(body or alert("a"))


def keys(site, *args):
    found = json.loads(out(site.cli("list", *args, "--json")))
    return sorted(row["key"] for row in found)


def later(site, seconds, *args):
    """The command at a later time."""
    return site.run(
        site.bin / "bellrelay", "-c", site.conf, *args,
        env=clock(f"+{seconds}s"),
    )  # fmt: skip


# ---- retry ----


@pytest.mark.parametrize("args", [["a"], ["--all-dead"], [ticket_id("a")[:8]]])
def test_a_dead_letter_is_sent_again(site, standin, args):
    refused(site, standin)
    said = out(site.cli("retry", *args))
    assert said == f"oncall/{ticket_id('a')}: waits to be sent\n"
    assert site.dead() == {}
    out(site.cli("drain"))
    assert standin.alerts().is_open("a")
    first, again = standin.history("a")
    assert first.body == again.body
    assert "retried" in out(site.cli("show", "a"))


def test_what_was_superseded_is_marked_and_not_sent(site, standin):
    refused(site, standin)
    assert site.cgi(alert("a", table="newer")).status == 200
    assert "superseded: " in out(site.cli("retry", "a"))
    (letter,) = site.dead().values()
    assert letter["superseded"] is True
    out(site.cli("drain"))
    assert len(standin.history()) == 2, "never an older one after a newer one"
    assert out(site.cli("retry", "--all-dead")) == "", "it is marked"
    (row,) = json.loads(out(site.cli("list", "--dead", "--json")))
    assert row["superseded"] is True


@pytest.mark.parametrize("args", [["a"], ["--all-dead"]])
def test_retry_says_what_is_superseded_and_how_to_be_rid_of_it(
    site, standin, args
):
    refused(site, standin)
    assert site.cgi(alert("a", table="newer")).status == 200
    out(site.cli("retry", *args))
    said = err(site.cli("retry", *args), 0)
    assert "something newer of it was delivered or waits" in said
    assert "bellrelay drop" in said and "keep_days" in said
    assert "has no dead letter" not in said
    out(site.cli("drop", "a"))
    assert site.dead() == {}


def test_what_was_superseded_is_no_trouble_and_goes_in_the_end(site, standin):
    refused(site, standin)
    site.cgi(alert("a", table="newer"))

    def dead():
        out(site.cli("drain"))
        answer = site.cgi(path="/healthz", REQUEST_METHOD="GET", CONTENT_TYPE=None)
        said = json.loads(answer.body)
        return said["status"], said["destinations"][0]["dead"]

    assert dead() == ("degraded", 1)
    assert "superseded: " in out(site.cli("retry", "a"))
    assert dead() == ("ok", 0)
    (row,) = json.loads(out(site.cli("list", "--dead", "--json")))
    assert row["superseded"] is True
    os.rename(site.box(), site.spool / "old")
    out(site.cli("move", "old", "oncall"))
    assert dead() == ("ok", 0), "neither is it where it was moved to"
    assert "superseded" not in out(site.cli("prune", env=clock("+29d")))
    assert out(site.cli("prune", env=clock("+31d"))).startswith(
        "0 alerts removed; superseded dead letters: 1"
    )
    assert site.dead() == {}
    assert site.ticket("a"), "it goes on firing"


def test_while_something_newer_waits_it_is_not_queued(site, standin):
    refused(site, standin)
    waiting(site, update("a", alert_feedback="fixed"))
    assert "superseded: " in out(site.cli("retry", "--all-dead"))
    (ticket,) = site.tickets().values()
    assert [e["status"] for e in ticket["queue"]] == ["resolved"]


def test_of_several_dead_letters_the_newest_is_sent(site, standin):
    refused(site, standin)
    refused(site, standin, update("a", alert_feedback="fixed"))
    assert len(site.dead()) == 2
    first, last = out(site.cli("retry", "a")).splitlines()
    assert first.endswith("waits to be sent")
    assert "superseded" in last
    out(site.cli("drain"))
    assert [e["status"] for e in standin.events("a")] == ["resolved"]


def test_a_retry_that_is_refused_again_is_a_dead_letter_again(site, standin):
    refused(site, standin)
    out(site.cli("retry", "a"))
    standin.script(behave.answer(400))
    out(site.cli("drain"))
    (name,) = site.dead()
    assert name == f"{ticket_id('a')}-2"


def test_retry_says_when_there_is_nothing_to_retry(site, standin):
    waiting(site)
    assert "no dead letter" in err(site.cli("retry", "a"), 0)
    assert "no such alert" in err(site.cli("retry", "b"), 66)
    assert "wanted either" in err(site.cli("retry"), 64)
    assert "wanted either" in err(site.cli("retry", "a", "--all-dead"), 64)
    done = site.cli("retry", "--all-dead")
    assert b"there is no dead letter to send again" in done.stderr
    assert list(site.tickets()) == [ticket_id("a")]


def test_dead_letters_of_what_is_no_longer_configured_are_said(site, standin):
    refused(site, standin)
    text = site.conf.read_text()
    text = text.replace("destination oncall", "destination other")
    site.write(site.conf, text.replace('"oncall"', '"other"'))
    said = err(site.cli("retry", "--all-dead"), 0)
    assert "bellrelay move oncall NEW" in said
    assert len(site.dead()) == 1


def test_a_dead_letter_outlives_its_ticket(site, standin):
    refused(site, standin)
    for path in site.box().glob("*/**/*.json"):
        if path.name == ticket_id("a") + ".json":
            path.unlink()
    out(site.cli("retry", "a"))
    out(site.cli("drain"))
    assert standin.alerts().is_open("a")
    assert site.cgi(update("a", alert_feedback="fixed")).status == 200
    assert not standin.alerts().is_open("a")
    first, last = standin.events("a")
    assert last["metadata"]["tables"] == first["metadata"]["tables"]


# ---- drop ----


def test_what_is_dropped_is_never_sent(site, standin):
    waiting(site)
    refused(site, standin, key="b")
    assert out(site.cli("drop", "a")) == (
        f"oncall/{ticket_id('a')}: dropped; 1 undelivered, 0 dead letters\n"
    )
    assert "0 undelivered, 1 dead letter" in out(site.cli("drop", "b"))
    out(site.cli("drain"))
    assert standin.events() == []
    assert site.spool_files() == []
    assert "no such alert" in err(site.cli("drop", "a"), 66)


def test_drop_says_that_it_goes_on_firing(site, standin):
    assert site.cgi(alert("a")).status == 200
    assert "goes on firing" in err(site.cli("drop", "a"), 0)
    again = json.loads(site.cgi(alert("a")).body)
    assert again["result"] == "delivered", "as a new one"
    assert len(standin.events("a")) == 2


def test_drop_waits_for_a_call_in_flight(site, standin):
    """And its result does not bring the alert back."""
    waiting(site)
    hold = behave.Hold()
    standin.script(hold)
    drain, drop = [
        [str(site.bin / "bellrelay"), "-c", str(site.conf), *args]
        for args in (["drain"], ["drop", "a"])
    ]
    with subprocess.Popen(
        drain, stderr=subprocess.PIPE, env=environment(), **site.user
    ) as sending:
        assert hold.reached.wait(60)
        with subprocess.Popen(
            drop, stdout=subprocess.PIPE, env=environment(), **site.user
        ) as dropping:
            with pytest.raises(subprocess.TimeoutExpired):
                dropping.wait(1)
            hold.release()
            assert dropping.wait(60) == 0
        assert sending.wait(60) == 0
    assert site.spool_files() == []


# ---- what the disk does not give ----


def in_dead(site, key="a", n=1):
    return site.box() / "dead" / f"{ticket_id(key)}-{n}.json"


def tear(path):
    path.write_bytes(path.read_bytes()[:-9])


def aside(site):
    return sorted(p.name for p in (site.spool / "corrupt").iterdir())


@pytest.mark.parametrize("args", [["retry", "a"], ["retry", "--all-dead"]])
def test_a_torn_dead_letter_is_set_aside_and_the_others_are_sent(
    site, standin, args
):
    refused(site, standin)
    refused(site, standin, update("a", alert_feedback="fixed"))
    refused(site, standin, key="b")
    whole = in_dead(site).read_bytes()
    tear(in_dead(site, n=2))
    torn = in_dead(site, n=2).read_bytes()
    done = site.cli(*args)
    assert "moved to corrupt/" in err(done, 74), "it cannot be sent again"
    assert f"{ticket_id('a')}: waits to be sent" in done.stdout.decode()
    (name,) = aside(site)
    assert (site.spool / "corrupt" / name).read_bytes() == torn
    assert whole and list(site.dead()) == (
        [f"{ticket_id('b')}-1"] if args[1] == "a" else []
    )
    out(site.cli("retry", "--all-dead"))
    out(site.cli("drain"))
    assert standin.alerts().is_open("a")


def test_drop_removes_what_was_torn_too(site, standin):
    refused(site, standin)
    refused(site, standin, update("a", alert_feedback="fixed"))
    tear(in_dead(site))
    done = site.cli("drop", "a")
    assert "moved to corrupt/" in err(done, 0)
    assert "0 undelivered, 1 dead letters" in done.stdout.decode()
    assert site.dead() == {}
    assert len(aside(site)) == 1
    assert "no such alert" in err(site.cli("drop", "a"), 66)


@pytest.mark.parametrize("command, left", [("drop", [1]), ("retry", [1, 2])])
def test_a_dead_letter_that_cannot_be_read_stays(site, standin, command, left):
    """Of the others drop removes what it can; retry knows no newest."""
    refused(site, standin)
    refused(site, standin, update("a", alert_feedback="fixed"))
    in_dead(site).chmod(0)
    for _ in range(2):
        said = err(site.cli(command, "a"), 74)
        assert "Permission denied; look at the disk, and at the modes" in said
        found = sorted((site.box() / "dead").iterdir())
        assert found == [in_dead(site, n=n) for n in left]
    assert aside(site) == []
    in_dead(site).chmod(0o600)
    out(site.cli(command, "a"))
    assert f"{ticket_id('a')}-2" not in site.dead()


@pytest.mark.parametrize("args", [["drop", "a"], ["retry", "a"], ["prune"]])
def test_a_ticket_that_cannot_be_read_stays(site, standin, args):
    refused(site, standin)
    in_dead(site).rename(site.dir / "kept")
    out(site.cli("drain"))
    (path,) = site.box().glob("settled/*/*.json")
    (site.dir / "kept").rename(in_dead(site, key="other"))
    if args[0] == "retry":
        in_dead(site, key="other").rename(in_dead(site))
    path.chmod(0)
    said = err(site.cli(*args), 74)
    assert "Permission denied; look at the disk" in said
    assert path.exists() and aside(site) == []


def traced(site, *args):
    """retry under strace, and what it read."""
    trace = site.write(site.dir / "trace", "")
    *options, key = args
    done = site.run(
        "strace", "-o", trace, "-e", "trace=openat,read", *options,
        site.bin / "bellrelay", "-c", site.conf, "retry", key,
        env={"ASAN_OPTIONS": "detect_leaks=0"},  # not under strace
    )  # fmt: skip
    return done, trace.read_text()


def test_an_error_of_the_disk_is_none_that_passes(site, standin):
    refused(site, standin)
    refused(site, standin, key="b")
    done, trace = traced(site, "b")
    out(done)
    # What it opens is not shown: nobody may look into its memory.  It reads
    # the ticket, to find the alert, then the dead letter.
    reads = re.findall(r"^read\(.*", trace, re.M)
    nth = [n for n, call in enumerate(reads, 1) if ", 16384)" in call][2]
    done, _ = traced(site, "-e", f"inject=read:error=EIO:when={nth}+", "a")
    assert "Input/output error; look at the disk" in err(done, 74)
    assert aside(site) == []
    out(site.cli("retry", "a"))


# ---- prune ----


def test_prune_removes_what_is_long_over(site, standin):
    assert site.cgi(alert("fires")).status == 200
    assert site.cgi(alert("over")).status == 200
    assert site.cgi(update("over", alert_feedback="fixed")).status == 200
    refused(site, standin, key="dead")
    waiting(site, alert("waits"))
    everything = ["dead", "dead", "fires", "over", "waits"]
    assert later(site, 1, "drain", "--due").returncode == 75
    for days, left in (
        (29, everything),
        (31, ["dead", "dead", "fires", "waits"]),
        (399, ["dead", "dead", "fires", "waits"]),
        (401, ["dead", "dead", "waits"]),
        (4000, ["dead", "dead", "waits"]),
    ):
        out(later(site, days * DAY, "prune"))
        assert keys(site) == left, f"after {days} days"


def test_prune_counts_from_the_last_word(site):
    assert site.cgi(alert("a")).status == 200
    assert site.cgi(update("a", alert_feedback="fixed")).status == 200
    out(site.cli("drain"))
    site.configure(top={"keep_days": 1})
    assert out(later(site, DAY - 600, "prune")) == "0 alerts removed\n"
    assert out(later(site, DAY + 600, "prune")) == "1 alert removed\n"
    assert site.spool_files() == []


# ---- move ----


@pytest.fixture
def moving(site, standin):
    """A destination `old`; `moving()` makes `oncall` of it."""
    site.secrets.add(OLD_TOKEN)
    site.write(site.etc / "old.token", OLD_TOKEN)
    url = standin.add_source("OLD", OLD_TOKEN)
    old = section(
        "destination",
        "old",
        {
            "url": url,
            "token_file": site.etc / "old.token",
            "ca_file": site.etc / "ca.pem",
        },
    )
    site.configure(source={"destination": ["old"]}, more=old)
    text = site.conf.read_text()
    head, rest = text.split("source montecarlo", 1)
    source, old = rest.split("destination old", 1)
    site.write(
        site.conf, f"{head}destination old{old}source montecarlo{source}"
    )
    return site.configure


def test_what_waits_goes_to_the_new_destination(site, standin, moving):
    waiting(site, alert("a"))
    refused_at_old(site, standin)
    moving()
    assert "move old NEW" in err(site.cli("list"), 0)
    assert out(site.cli("move", "old", "oncall")) == (
        "2 alerts moved, 0 failed\n"
    )
    assert site.tickets("old") == {}
    assert site.dead("old") == {}
    assert len(site.dead()) == 1
    out(site.cli("drain"))
    assert standin.alerts().is_open("a")
    assert standin.alerts("OLD").opened("a") == 0
    out(site.cli("retry", "dead"))
    out(site.cli("drain"))
    assert standin.alerts().is_open("dead")
    assert b"move old" not in site.cli("list").stderr


def refused_at_old(site, standin):
    standin.script(behave.answer(422))
    site.cgi(alert("dead"))
    assert len(site.dead("old")) == 1


def test_what_was_delivered_is_moved_and_not_sent(site, standin, moving):
    assert site.cgi(alert("a")).status == 200
    moving()
    out(site.cli("move", "old", "oncall"))
    out(site.cli("drain"))
    assert len(standin.history()) == 1, "nobody is called twice"
    assert site.cgi(update("a", alert_feedback="fixed")).status == 200
    event = standin.events("a")[-1]
    assert event["status"] == "resolved"
    assert event["title"] == standin.events("a")[0]["title"]


def test_before_the_move_the_new_one_knows_what_the_old_one_knew(
    site, standin, moving
):
    """A change tells little by itself."""
    assert site.cgi(alert("a")).status == 200
    first = standin.events("a")[0]
    moving()
    assert site.cgi(update("a", owner="ann@example.com")).status == 200
    event = standin.events("a")[-1]
    for name in ("title", "description", "source_url"):
        assert event[name] == first[name]
    assert event["metadata"]["tables"] == first["metadata"]["tables"]
    assert event["metadata"]["owners"] == ["ann@example.com"]
    site.cgi(update("b", owner="ann@example.com"))
    assert standin.events("b")[-1]["title"] != first["title"]


def test_what_the_old_one_knew_is_known_when_it_can_be_read_again(
    site, standin, moving
):
    """Until then its alerts ring, and tell what the change tells."""
    for key in "ab":
        assert site.cgi(alert(key)).status == 200
    moving()
    site.start()
    part = site.box("old") / "pending"
    part.chmod(0)
    assert site.post(update("a", owner="ann@example.com")).status_code == 200
    assert standin.events("a")[-1]["title"] != standin.events("a")[0]["title"]
    part.chmod(0o700)
    assert site.post(update("b", owner="ann@example.com")).status_code == 200
    assert standin.events("b")[-1]["title"] == standin.events("b")[0]["title"]


def test_an_alert_that_both_know_becomes_one(site, standin, moving):
    waiting(site, alert("a", owner="ann@example.com"))
    moving()
    assert site.cgi(update("a", alert_feedback="fixed")).status == 200
    out(site.cli("move", "old", "oncall"))
    out(site.cli("drain"))
    last = standin.events("a")[-1]
    assert last["status"] == "resolved", "what was said later counts"
    assert last["metadata"]["owners"] == ["ann@example.com"]
    assert [e["status"] for e in standin.events("a")].count("firing") == 0


def test_moving_again_changes_nothing(site, standin, moving):
    """As after a process that died between the two sides."""
    waiting(site, alert("a"))
    refused_at_old(site, standin)
    before = {
        path: path.read_bytes()
        for path in (site.box("old")).rglob("*.json")
        if path.parent.name in ("pending", "dead")
    }
    moving()
    out(site.cli("move", "old", "oncall"))
    for path, data in before.items():
        site.write(path, data)
    out(site.cli("move", "old", "oncall"))
    assert len(site.dead()) == 1
    out(site.cli("drain"))
    assert len(standin.events("a")) == 1
    assert standin.alerts().opened("a") == 1


def test_what_is_torn_is_no_alert_that_was_moved(site, standin, moving):
    refused_at_old(site, standin)
    for key in "ab":
        waiting(site, alert(key))
    out(site.cli("drain", "--due"), 75)
    pending = site.box("old") / "pending"
    tear(pending / f"{ticket_id('b')}.json")
    moving()
    done = site.cli("move", "old", "oncall")
    assert out(done, 74) == (
        "2 alerts moved, 0 failed, 1 torn: moved to corrupt/\n"
    )
    assert len(aside(site)) == 1
    assert out(site.cli("move", "old", "oncall")) == (
        "0 alerts moved, 0 failed\n"
    )


def test_a_torn_dead_letter_keeps_nothing_from_moving(site, standin, moving):
    refused_at_old(site, standin)
    (path,) = (site.box("old") / "dead").iterdir()
    tear(path)
    moving()
    assert out(site.cli("move", "old", "oncall"), 74) == (
        "1 alert moved, 0 failed, 1 torn: moved to corrupt/\n"
    )
    assert len(aside(site)) == 1
    assert site.dead("old") == site.dead() == {}


def mark(site, box, *keys):
    """As if these had rung without a ticket."""
    path = site.box(box) / "state.json"
    state = json.loads(path.read_text())
    marked = {int(ticket_id(key)[:2], 16) for key in keys}
    state["unstored"] = "".join("-x"[n in marked] for n in range(256))
    path.write_text(json.dumps(state, indent=1).ljust(1023) + "\n")


def test_what_may_have_rung_without_a_ticket_is_known_at_the_new_destination(
    site, standin, moving
):
    assert site.cgi(alert("z")).status == 200
    mark(site, "old", "a", "b")
    moving()
    assert site.cgi(alert("y")).status == 200
    mark(site, "oncall", "c")
    path = site.box() / "state.json"
    before = json.loads(path.read_text())
    out(site.cli("move", "old", "oncall"))
    after = json.loads(path.read_text())
    marks = after.pop("unstored")
    del before["unstored"]
    assert after == before
    assert [n for n, mark in enumerate(marks) if mark == "x"] == sorted(
        int(ticket_id(key)[:2], 16) for key in "abc"
    )


def before_leaving(site):
    """Move all, as far as a process comes that dies before it takes away from
    the old destination what it has brought to the new one."""
    before = {
        path: path.read_bytes()
        for path in (site.box("old")).rglob("*.json")
        if path.name[:2] in path.parts or path.parent.name in ("pending", "dead")
    }
    out(site.cli("move", "old", "oncall"))
    for path, data in before.items():
        site.write(path, data)


def move_again(site):
    assert "0 failed" in out(site.cli("move", "old", "oncall"))
    assert site.tickets("old") == {} and site.dead("old") == {}
    out(site.cli("drain"))


def test_what_was_delivered_is_not_sent_by_moving_again(site, standin, moving):
    assert site.cgi(alert("a")).status == 200
    moving()
    before_leaving(site)
    move_again(site)
    assert len(standin.history()) == 1, "nobody is called twice"
    history = [m["what"] for m in site.ticket("a")["history"]]
    assert history == ["firing", "delivered", "moved"]


def test_what_was_refused_is_not_sent_by_moving_again(site, standin, moving):
    assert site.cgi(alert("a")).status == 200
    standin.script(behave.answer(422))
    site.cgi(update("a", alert_feedback="fixed"))
    moving()
    before_leaving(site)
    move_again(site)
    assert len(standin.history()) == 2
    assert len(site.dead()) == 1


def test_what_was_cleared_meanwhile_stays_so_when_moved_again(
    site, standin, moving
):
    assert site.cgi(alert("a", owner="ann@example.com")).status == 200
    moving()
    before_leaving(site)
    assert site.cgi(update("a", owner=None)).status == 200
    move_again(site)
    first, last = standin.events("a")
    assert "owners" in first["metadata"]
    assert "owners" not in last["metadata"]


def test_what_the_old_destination_took_since_is_moved_again(
    site, standin, moving
):
    """An old responder wrote to it between the two moves."""
    waiting(site, alert("a"))
    conf = site.conf.read_bytes()
    moving()
    before_leaving(site)
    new = site.conf.read_bytes()
    site.write(site.conf, conf)
    standin.script(behave.answer(503))
    assert site.cgi(update("a", owner="ann@example.com")).status == 202
    site.write(site.conf, new)
    move_again(site)
    last = standin.events("a")[-1]
    assert last["metadata"]["owners"] == ["ann@example.com"]
    assert standin.alerts().opened("a") == 1


def test_what_both_were_told_is_sent_to_neither_again(site, standin, moving):
    assert site.cgi(alert("a")).status == 200
    moving()
    assert site.cgi(alert("a"), **clock("+3600s")).status == 200
    sent = len(standin.history())
    out(later(site, 7200, "move", "old", "oncall"))
    out(later(site, 7201, "drain"))
    assert len(standin.history()) == sent


@pytest.mark.parametrize(
    "args, code, said",
    [
        (["old", "oncall"], 64, "old is still configured"),
        (["nobody", "oncall"], 66, "nobody is not in the spool"),
        (["nobody", "elsewhere"], 64, "elsewhere is not configured"),
        (["../x", "oncall"], 66, "not in the spool"),
        (["tmp", "oncall"], 66, "not in the spool"),
    ],
)
def test_move_refuses_what_makes_no_sense(
    site, standin, moving, args, code, said
):
    waiting(site, alert("a"))
    assert said in err(site.cli("move", *args), code)


# ---- who runs them ----


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize(
    "args", [["retry", "--all-dead"], ["drop", "a"], ["prune"]]
)
def test_root_acts_as_the_owner_of_the_spool(site, standin, args):
    refused(site, standin)
    done = subprocess.run(
        [site.bin / "bellrelay", "-c", site.conf, *args],
        capture_output=True, env=environment(), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    owner = site.spool.stat().st_uid
    assert {p.stat().st_uid for p in site.spool.rglob("*")} == {owner}
