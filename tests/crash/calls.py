"""The system calls of a run, and one of them killed or made to fail, by
strace.

A process that cannot be dumped shows its numbers but not its memory; that is
enough: a call is known by its name and by how many of that name went before.
"""

import collections
import contextlib
import functools
import os
import re
import shutil
import signal
import subprocess

import pytest

from world import fastcgi
from world.incidentio import PATIENCE
from world.site import environment

LINE = re.compile(r"(?m)^(?:\d+ +)?([a-z_0-9]+)\((.*)$")
#: The first call of ours that changes the spool; all before it is start-up.
FIRST = "mkdirat"
#: What others can see of a process: between two of these it makes no
#: difference where it dies.
SEEN = {
    "mkdirat": "",
    "openat": "O_CREAT",
    "write": "",
    "pwrite64": "",
    "ftruncate": "",
    "fallocate": "",
    "fsync": "",
    "renameat": "",
    "linkat": "",
    "unlinkat": "",
    "fcntl": "LK",
    "connect": "",
    "sendto": "",
    "recvfrom": "",
}
ALIKE = 4  # writes of the counters, of which there are many


@functools.lru_cache(maxsize=None)
def _works():
    if shutil.which("strace") is None:
        return "strace is not installed"
    done = subprocess.run(
        ["strace", "-e", "trace=getppid", "-e", "inject=getppid:error=EIO",
         "-o", "/dev/null", "true"],
        capture_output=True, check=False,
    )  # fmt: skip
    return done.stderr.decode() if done.returncode else ""


def needs_strace():
    """Skip where strace may not trace."""
    why = _works()
    if why:
        pytest.skip(f"no fault injection here: {why.strip()[:200]}")


def stored(done):
    """Whether a webhook left a trace in the spool, by its log."""
    return b"result=unstored" not in done.stderr


class Call(collections.namedtuple("Call", "name nth args")):
    """The nth call of that name in a run."""

    def __str__(self):
        return f"{self.name}[{self.nth}]"

    def inject(self, what):
        return [
            "-e", f"trace={self.name}",
            "-e", f"inject={self.name}:{what}:when={self.nth}",
        ]  # fmt: skip


def parse(trace):
    """The Calls of a trace, from the spool's first on."""
    seen = collections.Counter()
    found, begun = [], False
    for name, args in LINE.findall(trace):
        seen[name] += 1
        begun = begun or name == FIRST
        if begun and name != "exit_group":
            found.append(Call(name, seen[name], args))
    return found


def _strace(site, options, args, stdin, env):
    """Run a program of the site under strace, as the user it runs as."""
    with subprocess.Popen(
        ["strace", "-q", *options, *[str(a) for a in args]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**env),
        cwd=site.dir,
        start_new_session=True,
        **site.user,
    ) as child:
        try:
            out, err = child.communicate(stdin, PATIENCE)
        except BaseException:
            # What is traced goes on when its tracer is gone.
            os.killpg(child.pid, signal.SIGKILL)
            raise
    site.check_text(err.decode(errors="replace"), str(args))
    return subprocess.CompletedProcess(args, child.returncode, out, err)


class Run:
    """A program with its input, to be run again and again."""

    def __init__(self, site, args, stdin=b"", env=None):
        self.site = site
        self.args = args
        self.stdin = stdin
        self.env = env or {}

    @classmethod
    def webhook(cls, site, body, **env):
        """A webhook by plain CGI, in a process of its own."""
        env = {**site.params(body), "BELLRELAY_CONFIG": site.conf, **env}
        return cls(site, [site.bin / "bellrelay.fcgi"], body, env)

    @classmethod
    def drain(cls, site, **env):
        args = [site.bin / "bellrelay", "-c", site.conf, "drain"]
        return cls(site, args, env=env)

    def calls(self):
        """Run it, and say what it called."""
        path = self.site.dir / "run" / "trace"
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        _strace(self.site, ["-o", path], self.args, self.stdin, self.env)
        found = parse(path.read_text(errors="replace"))
        path.unlink()
        assert len(found) > 50, "the trace holds our calls"
        return found

    def inject(self, *options):
        """Run it with something injected."""
        return _strace(
            self.site,
            ["-o", os.devnull, *options],
            self.args,
            self.stdin,
            self.env,
        )

    def plainly(self):
        """Run it as it is."""
        return self.site.run(*self.args, stdin=self.stdin, env=self.env)

    def killed(self, call):
        return self.inject(*call.inject("signal=SIGKILL"))

    def failed(self, call, error):
        return self.inject(*call.inject(f"error={error}"))


def status(done):
    """What a web server would hand on of a CGI program's run: 0 is nothing."""
    answer = fastcgi.Answer(done.stdout, b"", True, 0)
    length = answer.headers.get("content-length")
    if length is None or int(length) != len(answer.body):
        return 0
    return answer.status


def telling(calls):
    """Those that others can see, and of the counters' writes a few."""
    found = [c for c in calls if SEEN.get(c.name, "no call") in c.args]
    many = [c for c in found if c.name == "pwrite64" and ", 20, " in c.args]
    return [c for c in found if c not in many[ALIKE:]]
