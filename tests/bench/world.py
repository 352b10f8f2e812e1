#!/usr/bin/python3
"""The whole of it behind lighttpd, beside what it is made of.

What is compared is measured in turns in one run, on one file system: as root
a journaled ext4 of our own in a file, else wherever TMPDIR is.

BENCH_TICKETS   settled tickets of the large spool (1000000)
BENCH_ONLY      the names of some measurements: memory answer burst many
"""

import contextlib
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

# pylint: disable=wrong-import-position
from world.site import BASE, SECRET, Site, until  # noqa: E402

from claims import Claims  # noqa: E402

TOOLS = ROOT / "build" / "bench"
BODY = ROOT / "tests" / "vectors" / "example1.json"
INCIDENT = "f83867b6-8f25-428b-807c-08518f63384c"
TICKETS = int(os.environ.get("BENCH_TICKETS") or 1000000)
PROCESSES = 8
RATE = 60000
SLOW = 50  # ms of an incident.io that takes its time


def tool(name, *arguments, **kwargs):
    return subprocess.run(
        [TOOLS / name, *map(str, arguments)],
        check=True, stdout=subprocess.PIPE, text=True, **kwargs,
    ).stdout  # fmt: skip


class StandIn:
    """tests/bench/standin.c, or a port where nobody listens."""

    certificate = None
    token = "0123456789abcdef0123456789abcdef"

    def __init__(self, wait=0):
        self.milliseconds = wait
        self._child = None
        self.port = None

    def __enter__(self):
        self._child = subprocess.Popen(
            [TOOLS / "standin", str(self.milliseconds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.port = int(self._child.stdout.readline())
        return self

    def __exit__(self, *exc):
        self._child.stdin.close()
        self._child.wait()

    def url(self):
        return f"http://127.0.0.1:{self.port}/v2/alert_events/http/bench"


class Down(StandIn):
    """Closed, but a place for one that comes later."""

    def __enter__(self):
        super().__enter__()
        super().__exit__()
        return self


class Bench(Site):
    """A site that is not searched for secrets afterwards: it is too large."""

    series = 0

    def check(self):
        pass

    def warm(self):
        """Start, and go on until all processes are there and have worked:
        lighttpd begins with four and adds others as they are needed."""
        self.start()
        while len(self.workers()) < self.processes:
            self.load(100, 4 * self.processes)
        self.load(10 * self.processes, 2 * self.processes)
        self.rest()
        return self.workers()

    def rest(self):
        """Until all that was delivered has left pending."""
        until(lambda: not self.pending_files(), "the spool to settle")

    def load(self, count, connections, port=None, path=BASE + "/montecarlo"):
        """So many webhooks, each of a new alert; see load.c."""
        Bench.series += 1
        got = json.loads(
            tool("load", port or self.port, path, SECRET, BODY, count,
                 connections, "%08x" % Bench.series)
        )  # fmt: skip
        if got["lost"]:
            sys.exit(f"bench: {got['lost']} webhooks had no answer")
        return got


def site(standin, processes):
    found = Bench(standin, processes=processes)
    found.configure(destination={"rate": RATE, "resend_after": 0})
    return found


def memory(pid):
    """Resident and proportional memory in KB."""
    found = {}
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        for line in rollup:
            words = line.split()
            found[words[0]] = words[1]
    return int(found["Rss:"]), int(found["Pss:"])


def proportional(pids):
    return sum(memory(pid)[1] for pid in pids)


# ---- the claims ------------------------------------------------------------


def measure_memory(claims):
    with StandIn() as standin, site(standin, 1) as one:
        one.start()
        one.load(100, 2)
        one.rest()
        (pid,) = one.workers()
        before = memory(pid)
        one.load(9900, 2)
        one.rest()
        after = memory(pid)
        claims.line(
            "resident memory after 10000 webhooks is that after 100, within"
            " 1 % (once all are settled)",
            "%d KB, %d KB" % (after[0], before[0]),
            after[0] <= before[0] * 1.01,
        )
        single = proportional([pid])
    with StandIn(5) as standin, site(standin, PROCESSES) as many:
        each = (proportional(many.warm()) - single) / (PROCESSES - 1)
        claims.line(
            "each further process takes at most 1024 KB of proportional memory",
            "%d KB (the first alone: %d KB)" % (each, single),
            each <= 1024,
        )


def measure_answer(claims):
    with StandIn(SLOW) as standin, site(standin, PROCESSES) as many:
        many.warm()
        share, bare, through, syncs = [], [], [], []
        for nth in range(5):
            place = many.dir / f"bare{nth}"
            place.mkdir()
            syncs.append(float(tool("primitive", place, 1, 100, 2048)) * 10)
            got = many.load(PROCESSES * 40, 2 * PROCESSES)
            share.append(
                got["delivered"] / got["seconds"] / (PROCESSES * 1000 / SLOW)
            )
            bare.append(
                many.load(PROCESSES * 20, PROCESSES, standin.port)["p50"]
            )
            through.append(many.load(PROCESSES * 20, PROCESSES)["p50"])
        share = statistics.median(share)
        added = statistics.median(through) - statistics.median(bare)
        claims.line(
            "with a %d ms incident.io and the durable spool, at least 95 %% of"
            " %d processes / %d ms" % (SLOW, PROCESSES, SLOW),
            "%.1f %% (%.0f delivered a second)"
            % (share * 100, share * PROCESSES * 1000 / SLOW),
            share >= 0.95,
        )
        claims.line(
            "it adds at most 2 ms to the median of incident.io's own answer",
            "%.2f ms (%.2f ms, bare %.2f ms)"
            % (added / 1000, statistics.median(through) / 1000,
               statistics.median(bare) / 1000),
            added <= 2000,
        )  # fmt: skip
        claims.note(
            "one process alone needs %.2f ms here to write, sync, rename and"
            " sync" % statistics.median(syncs)
        )


def cpu(child):
    """Seconds of CPU, user and system, of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime)


def drain(many, count):
    def run():
        subprocess.run(
            [many.bin / "bellrelay", "-c", many.conf, "drain"],
            check=True, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd=many.dir, **many.user,
        )  # fmt: skip

    spent = cpu(run)
    left = len(many.tickets())
    if left:
        sys.exit(f"bench: {left} of {count} tickets were not delivered")
    return spent


def measure_burst(claims, count=10000):
    with Down() as standin, site(standin, PROCESSES) as many:
        many.start()
        while len(many.workers()) < PROCESSES:
            many.load(100, 4 * PROCESSES)
        size = many.box().joinpath("pending", many.pending_files()[0])
        size = size.stat().st_size
        rates, bare = [], []
        rounds = 10
        for nth in range(rounds):
            place = many.dir / f"bare{nth}"
            place.mkdir()
            seconds = float(
                tool("primitive", place, PROCESSES, count // rounds, size)
            )
            bare.append(count / rounds / seconds)
            got = many.load(count // rounds, 2 * PROCESSES)
            rates.append(got["queued"] / got["seconds"])
        share = statistics.median(
            mine / other for mine, other in zip(rates, bare)
        )
        claims.line(
            "a burst is accepted at 65 %% or more of bare write, sync, rename,"
            " sync by %d processes" % PROCESSES,
            "%.0f %% (%.0f of %.0f a second)"
            % (share * 100, statistics.median(rates), statistics.median(bare)),
            share >= 0.65,
        )
        many.stop()
        with StandIn() as up:
            standin.port = up.port
            many.configure(destination={"rate": RATE, "resend_after": 0})
            event = json.loads(
                subprocess.run(
                    [many.bin / "bellrelay", "-c", many.conf, "map",
                     "montecarlo", BODY],
                    check=True, stdout=subprocess.PIPE,
                    stdin=subprocess.DEVNULL, cwd=many.dir,
                ).stdout
            )  # fmt: skip
            body = many.dir / "event.json"
            body.write_text(json.dumps(event, separators=(",", ":")))
            waiting = len(many.pending_files())
            mine = drain(many, waiting)
            other = cpu(lambda: tool("post", up.url(), body, count))
            each = sum(mine) * 1e6 / waiting
            bare = sum(other) * 1e6 / count
            claims.line(
                "bellrelay drain takes at most 3 times the CPU of libcurl's"
                " bare POST of the same body",
                "%.1f times (%.0f us, of which %.0f system; bare %.0f us, %.0f)"
                % (each / bare, each, mine[1] * 1e6 / waiting, bare,
                   other[1] * 1e6 / count),
                each <= 3 * bare,
            )  # fmt: skip
            place = many.dir / "floor"
            place.mkdir()
            floor = cpu(lambda: tool("primitive", place, 1, count, size))
            claims.note(
                "a bare write, sync, rename and sync of one such file, which"
                " the result of each takes, is %.0f us of CPU by itself"
                % (sum(floor) * 1e6 / count)
            )


def measure_many(claims):
    with contextlib.ExitStack() as stack:
        standin = stack.enter_context(StandIn())
        empty = stack.enter_context(site(standin, PROCESSES))
        full = stack.enter_context(site(standin, PROCESSES))
        apart = full.dir / "large"
        apart.mkdir(mode=0o700)
        full.own(apart)
        full.configure(
            destination={"rate": RATE, "resend_after": 0}, top={"spool": apart}
        )
        full.start()
        full.post(BODY.read_bytes())
        settled = apart / "oncall" / "settled"
        until(lambda: list(settled.rglob("*.json")), "the first to settle")
        (ticket,) = settled.rglob("*.json")
        tool("fill", ticket, settled, TICKETS, **full.user)
        os.sync()
        full.stop()
        times = {empty: [], full: []}
        for one in times:
            one.warm()
        for _ in range(9):
            for one, found in times.items():
                found.append(one.load(400, PROCESSES)["p50"])
        without, beside = (statistics.median(v) for v in times.values())
        claims.line(
            "with %d settled tickets the median is at most 1.2 times that with"
            " none" % TICKETS,
            "%.2f times (%.2f ms, %.2f ms)"
            % (beside / without, beside / 1000, without / 1000),
            beside <= 1.2 * without,
        )


# ---- where -----------------------------------------------------------------


@contextlib.contextmanager
def journaled(claims):
    """A directory on a journaled file system."""
    if os.geteuid() != 0:
        claims.note("not root: on the file system of TMPDIR")
        with tempfile.TemporaryDirectory(prefix="bellrelay-") as found:
            yield found
        return
    with contextlib.ExitStack() as stack:
        image = stack.enter_context(tempfile.NamedTemporaryFile(
            prefix="bellrelay-", suffix=".img"))  # fmt: skip
        image.truncate((TICKETS + 200000) * 6144 + (1 << 30))
        at = tempfile.mkdtemp(prefix="bellrelay-")
        stack.callback(os.rmdir, at)
        subprocess.run(
            ["mkfs.ext4", "-q", "-F", "-N", str(TICKETS + 300000), image.name],
            check=True,
        )
        os.chmod(at, 0o755)
        if subprocess.run(["mount", "-o", "loop", image.name, at]).returncode:
            claims.note("no loop device: on the file system of TMPDIR")
        else:
            stack.callback(subprocess.run, ["umount", at], check=True)
            os.chmod(at, 0o755)
        yield at


MEASUREMENTS = {
    "memory": measure_memory,
    "answer": measure_answer,
    "burst": measure_burst,
    "many": measure_many,
}


def main():
    claims = Claims()
    names = os.environ.get("BENCH_ONLY", "").split() or MEASUREMENTS
    with journaled(claims) as directory:
        # Where a site makes its own directory.
        tempfile.tempdir = directory
        for name in names:
            MEASUREMENTS[name](claims)
    return claims.exit()


if __name__ == "__main__":
    sys.exit(main())
