"""An installation of bellrelay in a directory of its own: programs,
configuration, spool, and lighttpd around them.

Nothing here runs as root.  Where the tests do, what they start is `nobody`,
and so is the owner of the directory.

BELLRELAY_BIN names the directory of another build, such as build-asan/bin.
"""

import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import behave, fastcgi, montecarlo
from .incidentio import PATIENCE

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = (ROOT / (os.environ.get("BELLRELAY_BIN") or "cgi-bin")).resolve()
CONF = ROOT / "lighttpd-conf"
VERSION = re.search(
    r"(?m)^VERSION = (.*)$", (ROOT / "Makefile").read_text()
).group(1)
NOBODY = 65534
BASE = "/bellrelay"
SECRET = "Zx9-montecarlo_shared-secret_" + "q7" * 12
CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}

#: How long a call may take, of a destination: longer than a busy machine has
#: ever stood still, shorter than who waits for the answer waits.
UNHURRIED = {"connect_timeout": 20, "timeout": 40}

#: What a spool holds beside alerts.
UNIMPORTANT = ("lock", "state.json", "summary.json", "README")

#: What no log may hold, whatever was sent.
NEVER = re.compile(
    r"Sanitizer|runtime error:|Traceback|stack smashing|Assertion|assertion"
    r"|[Ss]egmentation|double free|corrupted|core dumped|CRITICAL"
)

#: What lighttpd says when a responder came to a bad end.
DIED = re.compile(r"child (died|signalled|exited)|terminated by signal|died")


def environment(**more):
    """A small environment, with what a sanitizer is told."""
    env = dict(CLEAN)
    for name, value in os.environ.items():
        if name.endswith("SAN_OPTIONS"):
            env[name] = value
    env.update({name: str(value) for name, value in more.items()})
    return env


def ticket_id(key):
    """SPOOL.md: the name of a ticket's file."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def until(predicate, what, patience=PATIENCE):
    """Wait for something that cannot be waited for in another way."""
    end = time.monotonic() + patience
    while not predicate():
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience} s in vain for {what}")
        time.sleep(0.01)


def clock(by):
    """The environment in which the clock is `by` ahead, such as +10s.

    Not by the wrapper of faketime: it names what it shares by its process
    id, and what a killed one has left under that name is in its way."""
    found = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        # The demonstration uses this module, and needs no pytest.
        import pytest  # pylint: disable=import-outside-toplevel

        pytest.skip("faketime is not installed")
    return {
        "LD_PRELOAD": found[0],
        "FAKETIME": by,
        "FAKETIME_DONT_FAKE_MONOTONIC": 1,
        "ASAN_OPTIONS": "verify_asan_link_order=0",
    }


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def value(given):
    """A value in the configuration's language."""
    if isinstance(given, (list, tuple)):
        return "{ " + ", ".join(value(one) for one in given) + " }"
    if isinstance(given, int):
        return str(given)
    text = str(given).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def section(kind, name, options):
    lines = [f"\t{name} = {value(v)}" for name, v in options.items()]
    return "\n".join([f"{kind} {name} {{"] + lines + ["}", ""])


class Reply:
    """An answer over HTTP, whole."""

    def __init__(self, response):
        self.status_code = response.status
        self.headers = response.headers
        self.content = response.read()

    @property
    def ok(self):
        return 200 <= self.status_code < 300

    @property
    def text(self):
        return self.content.decode("utf-8", "backslashreplace")

    def json(self):
        return json.loads(self.content)


class Site:
    """See the head of this file.  Use it in a `with`.

    With a directory of one's own, which must be empty or not there, the
    programs are not copied, nothing is removed, and root stays root.
    """

    base = BASE

    def __init__(self, standin, processes=1, directory=None, secret=SECRET):
        self.standin = standin
        self.secret = secret
        self.processes = processes
        self.ours = directory is None
        if self.ours:
            directory = tempfile.mkdtemp(prefix="bellrelay-")
        self.dir = pathlib.Path(directory)
        self.bin = self.dir / "cgi-bin" if self.ours else BIN
        self.user = {}
        if self.ours and os.geteuid() == 0:
            self.user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        self.etc = self.dir / "etc"
        self.conf = self.etc / "bellrelay.conf"
        self.spool = self.dir / "spool"
        self.view = self.spool  # where we see it, if that is elsewhere
        self.log_file = self.dir / "log" / "bellrelay.log"
        self.secret_file = self.etc / "montecarlo.secret"
        self.token_file = self.etc / "oncall.token"
        self.secrets = {secret, standin.token}
        self.port = None
        self.wrap = []  # a command to run all else in
        self.deaths_expected = False
        self._lighttpd = None
        self._children = []
        self._make()

    def programs(self):
        """Whether there are any."""
        names = ("bellrelay", "bellrelay.fcgi")
        return all(os.access(self.bin / name, os.X_OK) for name in names)

    # ---- files ----

    def _make(self):
        for name in ("etc", "spool", "log", "run", "htdocs"):
            (self.dir / name).mkdir(mode=0o700, parents=True)
        if self.ours:
            self.bin.mkdir()
            for name in ("bellrelay", "bellrelay.fcgi"):
                shutil.copy2(BIN / name, self.bin / name)
        self.own(self.dir)
        self.log_file.touch()
        self.own(self.log_file)
        self.write(self.secret_file, self.secret + "\n")
        self.write(self.token_file, self.standin.token + "\n")
        self.configure()

    def own(self, path):
        """Give path, and all below it, to whom the programs run as."""
        if not self.user:
            return
        os.lchown(path, NOBODY, NOBODY)
        if path.is_dir() and not path.is_symlink():
            for below in path.iterdir():
                self.own(below)

    def write(self, path, text, mode=0o600):
        """Replace a file, all or nothing."""
        fresh = path.with_name(path.name + ".fresh")
        fresh.touch(mode=0o600)
        fresh.chmod(mode)
        fresh.write_bytes(text.encode() if isinstance(text, str) else text)
        self.own(fresh)
        fresh.rename(path)
        return path

    def options(self, destination=None, source=None, top=None):
        """The configuration in text; the arguments change or add options, and
        one that is None is left out."""
        to = {
            "url": self.standin.url(),
            "token_file": self.token_file,
            **UNHURRIED,
        }
        if self.standin.certificate is not None:
            to["ca_file"] = self.standin.authority.ca_file
        by = {
            "kind": "montecarlo",
            "secret_file": self.secret_file,
            "destination": ["oncall"],
            "environment": "test",
        }
        first = {"spool": self.spool}
        for options, more in ((to, destination), (by, source), (first, top)):
            options.update(more or {})
        first, to, by = (
            {n: v for n, v in options.items() if v is not None}
            for options in (first, to, by)
        )
        lines = [f"{name} = {value(v)}" for name, v in first.items()]
        return "\n".join(
            lines
            + [
                "",
                section("destination", "oncall", to),
                section("source", "montecarlo", by),
            ]
        )

    def configure(self, destination=None, source=None, top=None, more=""):
        """Write the configuration; `more` is text to append."""
        if self.standin.certificate is not None:
            # The authority's own directory is not for nobody to read.
            self.write(
                self.etc / "ca.pem",
                self.standin.authority.ca_file.read_bytes(),
                0o644,
            )
            destination = {"ca_file": self.etc / "ca.pem", **(destination or {})}
        self.write(
            self.conf, self.options(destination, source, top) + more
        )

    # ---- the web server ----

    def _shipped(self):
        """The shipped file, with our paths."""
        text = (CONF / "bellrelay.conf").read_text()
        ours = {
            "program": f'"{self.bin}/bellrelay.fcgi"',
            "config": f'"{self.conf}"',
            "socket": f'"{self.dir}/run/b.sock"',
            "log": f'"{self.log_file}"',
            "processes": str(self.processes),
        }
        for name, new in ours.items():
            text, count = re.subn(
                rf"(?m)^(var\.bellrelay_{name} = ).*$",
                lambda m, new=new: m.group(1) + new,
                text,
            )
            assert count == 1, f"bellrelay.conf does not set bellrelay_{name}"
        return text

    def _bind(self, port):
        self.write(self.dir / "lighttpd.conf", self._shipped())
        self.write(self.dir / "run.conf", (CONF / "run.conf").read_bytes())
        self.port = port
        self._lighttpd = subprocess.Popen(
            self.wrap + ["lighttpd", "-D", "-f", self.dir / "run.conf"],
            env=environment(BELLRELAY_RUN=self.dir, BELLRELAY_PORT=port),
            stdin=subprocess.DEVNULL,
            stdout=open(self.dir / "log" / "start.log", "ab"),
            stderr=subprocess.STDOUT,
            cwd=self.dir,
            start_new_session=True,
            **self._as(),
        )
        until(
            lambda: self._listens() or self._lighttpd.poll() is not None,
            "lighttpd",
        )
        return self._lighttpd.poll() is None

    def _as(self):
        """How to start a program; what we are wrapped in sees to the rest."""
        return {} if self.wrap else self.user

    def _listens(self):
        """Whether it is ours who listens: its pid is written after that."""
        with contextlib.suppress(OSError):
            pid = (self.dir / "run" / "lighttpd.pid").read_text().strip()
            if not self.wrap and pid != str(self._lighttpd.pid):
                return False
            socket.create_connection(("127.0.0.1", self.port), 5).close()
            return True
        return False

    def start(self, port=None):
        """Start lighttpd, which starts the responders."""
        for _ in range(10):
            if self._bind(port or free_port()):
                return self
        said = (self.dir / "log" / "start.log").read_text()
        raise AssertionError(f"lighttpd does not start: {said}")

    @property
    def lighttpd(self):
        return self._lighttpd

    def stop(self, how=signal.SIGINT):
        """Stop lighttpd in good order; all it started must go with it."""
        if self._lighttpd is None:
            return
        if self._lighttpd.poll() is None:
            self._lighttpd.send_signal(how)
        self._lighttpd.wait(PATIENCE)
        self._lighttpd = None
        self.left()

    def workers(self):
        """The process ids of our responders."""
        mine = str(self.bin / "bellrelay.fcgi").encode()
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    line = (entry / "cmdline").read_bytes()
                    if line.split(b"\0")[0] == mine:
                        found.append(int(entry.name))
        return sorted(found)

    def left(self, but=()):
        """Wait until no responder is there but these, by their ids."""

        def none():
            return not set(self.workers()) - set(but)

        # Twice: who is not there at the first look may have left a child that
        # came after it.
        until(lambda: none() and none(), "the responders to leave")

    # ---- life ----

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        try:
            self._end()
            if kind is None:
                self.check()
        finally:
            if self.ours:
                shutil.rmtree(self.dir, ignore_errors=True)

    def _end(self):
        for child in self._children:
            if child.poll() is None:
                child.kill()
            child.wait()
        try:
            self.stop()
            # What a CGI program leaves to a child is done soon after.
            self.left()
        finally:
            for pid in self.workers():
                os.kill(pid, signal.SIGKILL)

    def log(self):
        """All that the responders have said."""
        return self.log_file.read_text(errors="backslashreplace")

    def log_lines(self, **fields):
        """The lines of the log that have these fields, as dicts."""
        found = []
        for line in self.log().splitlines():
            one = dict(
                (name, text.strip('"'))
                for name, text in re.findall(r'(\w+)=("[^"]*"|\S*)', line)
            )
            if all(one.get(n) == str(v) for n, v in fields.items()):
                found.append(one)
        return found

    def logged(self, **fields):
        """The same, once there is one: what is seen may be logged after."""
        until(lambda: self.log_lines(**fields), f"the log to have {fields}")
        return self.log_lines(**fields)

    def check(self):
        """What must hold after every test."""
        for path in sorted((self.dir / "log").iterdir()):
            text = path.read_text(errors="backslashreplace")
            self.check_text(text, path.name)
            if path.name == "lighttpd.log" and not self.deaths_expected:
                assert not DIED.search(text), text
        for path in self.view.rglob("*"):
            if path.is_file():
                text = path.read_text(errors="backslashreplace")
                self.check_secrets(text, path.name)

    def check_text(self, text, where):
        assert not NEVER.search(text), f"{where}: {text[-4000:]}"
        self.check_secrets(text, where)

    def check_secrets(self, text, where):
        for secret in self.secrets:
            assert secret not in text, f"{where} tells a secret: {text[-2000:]}"

    # ---- the sender ----

    def sign(self, body, secret=None):
        return montecarlo.sign(body, (secret or self.secret).encode())

    def url(self, path="/montecarlo"):
        return f"http://127.0.0.1:{self.port}{self.base}{path}"

    def post(self, body, signature=True, path="/montecarlo", **kwargs):
        """A webhook.  signature: True for the right one, None for none."""
        headers = {"Content-Type": "application/json"}
        if signature is True:
            signature = self.sign(body) if body else None
        if signature is not None:
            headers["x-mcd-signature"] = signature
        headers.update(kwargs.pop("headers", {}))
        headers = {n: v for n, v in headers.items() if v is not None}
        answer = self._exchange(
            kwargs.pop("method", "POST"), self.base + path, body, headers
        )
        assert not kwargs, kwargs
        self.check_answer(answer)
        return answer

    def look(self, path="/healthz", **headers):
        """GET, as somebody on this host."""
        return self.post(None, None, path, method="GET",
                         headers={"Content-Type": None, **headers})  # fmt: skip

    def health(self):
        """The status code and the one word."""
        answer = self.look()
        return answer.status_code, answer.json()["status"]

    def _exchange(self, method, path, body, headers):
        """OSError if there is no whole answer."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=PATIENCE
        )
        chunked = body is not None and not isinstance(body, bytes)
        if chunked:
            headers = {**headers, "Transfer-Encoding": "chunked"}
        try:
            connection.request(
                method, path, body, headers, encode_chunked=chunked
            )
            return Reply(connection.getresponse())
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def check_answer(self, answer):
        """What holds for every answer: no path, no secret."""
        said = answer.text + str(answer.headers)
        self.check_secrets(said, "an answer")
        assert str(self.dir) not in said, said
        assert str(self.spool) not in said, said

    # ---- the spool ----

    def box(self, destination="oncall"):
        return self.view / destination

    def _read(self, directory, pattern="*.json"):
        found = {}
        for path in sorted(directory.glob(pattern)):
            with contextlib.suppress(FileNotFoundError):
                found[path.stem] = json.loads(path.read_bytes())
        return found

    def tickets(self, destination="oncall"):
        """id -> ticket, of all that owe something."""
        found = self._read(self.box(destination) / "pending")
        return {i: t for i, t in found.items() if t.get("queue")}

    def owed(self, destination="oncall"):
        """The same without repeats of what was accepted."""
        return {
            i: t
            for i, t in self.tickets(destination).items()
            if not t["queue"][0].get("repeat")
        }

    def pending_files(self, destination="oncall"):
        """The names in pending, whatever they hold."""
        return sorted(p.name for p in self.box(destination).glob("pending/*"))

    def ticket(self, key, destination="oncall"):
        """The ticket of a key, wherever it is; KeyError if there is none."""
        name = ticket_id(key)
        for where in ("pending", f"settled/{name[:2]}"):
            path = self.box(destination) / where / f"{name}.json"
            with contextlib.suppress(FileNotFoundError):
                return json.loads(path.read_bytes())
        raise KeyError(key)

    def dead(self, destination="oncall"):
        """<id>-<n> -> dead letter."""
        return self._read(self.box(destination) / "dead")

    def summary(self, destination="oncall"):
        """What the last drain has seen; empty before there was one."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            text = (self.box(destination) / "summary.json").read_text()
            return json.loads(text.rstrip("\0 \n"))
        return {}

    def counted(self, count):
        """Wait until so many are owed and a drain has seen them."""
        until(
            lambda: len(self.tickets()) == count == self.summary().get("owed"),
            f"a drain to see {count}",
        )

    def spool_files(self):
        """All files of the spool that hold something of somebody."""
        return sorted(
            str(p.relative_to(self.view))
            for p in self.view.rglob("*")
            if p.is_file()
            and p.name not in UNIMPORTANT
            and p.relative_to(self.view).parts[0] != "counters"
        )

    @contextlib.contextmanager
    def small_spool(self, size="4m", inodes=2000):
        """The spool on a file system of its own, seen by the programs alone.
        Needs root, to mount it in a name space."""
        mount = (
            f"mount -t tmpfs -o size={size},nr_inodes={inodes},mode=0700,"
            f"uid={NOBODY},gid={NOBODY} none {self.spool}"
        )
        with subprocess.Popen(
            ["unshare", "-m", "sh", "-c", f"{mount} && echo ready && exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as holder:
            assert holder.stdout.readline() == b"ready\n", mount
            self.view = pathlib.Path(f"/proc/{holder.pid}/root{self.spool}")
            self.wrap = [
                "nsenter", "-t", str(holder.pid), "-m", "--",
                "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
                "--clear-groups", "--",
            ]  # fmt: skip
            try:
                yield
                self.stop()
            finally:
                self.view = self.spool
                holder.stdin.close()

    def fill(self, leave=0):
        """Use up all room of the spool's file system, but for some bytes."""
        path = self.view / "filler"
        with open(path, "wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
            size = file.tell()
            file.truncate(max(0, size - leave))
        return path

    # ---- the programs, without a web server ----

    def run(self, *args, stdin=b"", env=None, timeout=PATIENCE, **kwargs):
        """A program to its end; bytes in, bytes out."""
        started = self.wrap + [str(arg) for arg in args]
        done = subprocess.run(
            started,
            input=stdin,
            capture_output=True,
            env=environment(**(env or {})),
            cwd=self.dir,
            timeout=timeout,
            check=False,
            **self._as(),
            **kwargs,
        )
        self.check_text(done.stderr.decode(errors="replace"), str(args))
        return done

    def cli(self, *args, conf=True, **kwargs):
        """`bellrelay -c CONF ...`"""
        which = ["-c", self.conf] if conf else []
        return self.run(self.bin / "bellrelay", *which, *args, **kwargs)

    def params(self, body=b"", path="/montecarlo", signature=True, **more):
        """The CGI variables of a webhook; None removes one."""
        if signature is True:
            signature = self.sign(body) if body else None
        env = {
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_SOFTWARE": "test",
            "REQUEST_METHOD": "POST",
            "REQUEST_URI": BASE + path,
            "SCRIPT_NAME": BASE,
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_X_MCD_SIGNATURE": signature,
        }
        env.update(more)
        return {n: v for n, v in env.items() if v is not None}

    def cgi(self, body=b"", args=(), leave=True, **kwargs):
        """bellrelay.fcgi as plain CGI; the answer has `returncode` too.

        leave: what it leaves to a child is waited for."""
        env = self.params(body, **kwargs)
        env["BELLRELAY_CONFIG"] = str(self.conf)
        before = self.workers()
        done = self.run(self.bin / "bellrelay.fcgi", *args, stdin=body, env=env)
        if leave:
            self.left(before)
        answer = fastcgi.Answer(
            done.stdout, done.stderr, done.returncode == 0, done.returncode
        )
        answer.returncode = done.returncode
        return answer

    def waits(self, body):
        """A webhook whose event has failed so often that its next try is two
        minutes away: nobody sends it while a slow test does something else."""
        self.standin.always(behave.answer(503))
        assert self.cgi(body).status == 202
        for _ in range(4):
            assert self.cli("drain").returncode == 75
        self.standin.decide(None)

    @contextlib.contextmanager
    def responder(self, env=None, around=()):
        """bellrelay.fcgi as spawn-fcgi starts it: a listening socket on fd 0.
        around: a program and arguments that start it in their turn.

        Yields an object with `pid`, `process` and `connect()`.
        """
        path = self.dir / "run" / "direct.sock"
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(128)
            self.own(path)
            child = subprocess.Popen(
                self.wrap + [*around, str(self.bin / "bellrelay.fcgi")],
                stdin=listener,
                stdout=subprocess.DEVNULL,
                stderr=open(self.log_file, "ab"),
                env=environment(BELLRELAY_CONFIG=self.conf, **(env or {})),
                cwd=self.dir,
                **self._as(),
            )
        self._children.append(child)
        try:
            yield Responder(child, path)
        finally:
            if child.poll() is None:
                child.terminate()
            child.wait(PATIENCE)


class Responder:
    """A responder that listens on a socket of our own."""

    def __init__(self, process, path):
        self.process = process
        self.pid = process.pid
        self.path = path

    def connect(self):
        return fastcgi.Client.unix(self.path)
