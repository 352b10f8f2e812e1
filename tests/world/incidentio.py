#!/usr/bin/python3
"""The stand-in for incident.io.

It takes what incident.io takes, refuses what incident.io refuses, keeps all
it got, and does on request whatever a server can do wrong (behave.py).  In a
test:

    with StandIn(authority) as server:
        server.script(behave.answer(503), behave.Hold())
        ... server.url(), server.token ...
        server.wait(lambda: server.alerts().is_open("key"))

As a program it is steered through a control port, and writes a line of JSON
for each request; see --help.
"""

import argparse
import base64
import collections
import contextlib
import http.server
import json
import os
import pathlib
import select
import signal
import socket
import ssl
import sys
import threading
import time

if __package__ in (None, ""):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    __package__ = "world"  # pylint: disable=redefined-builtin

# pylint: disable=wrong-import-position
from . import behave, contract
from .certs import Authority

SOURCE = "01HSTANDIN0000000000000001"
TOKEN = "stand-in-token-" + "0123456789abcdef" * 2
HEAD_MAX = 64 * 1024
BODY_READ_MAX = 8 << 20

#: What a wait in a test may take on a busy machine before it is a failure.
PATIENCE = 60


class Gone(Exception):
    """The client is no longer there."""


class BadRequest(Exception):
    """What the client sent is no HTTP."""


def _split_head(data):
    """Method, path and headers of a request's head."""
    lines = data.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or words[2] != "HTTP/1.1":
        raise BadRequest(f"request line {lines[0]!r}")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip() or not name:
            raise BadRequest(f"header line {line!r}")
        headers.append((name, value.strip(" \t")))
    return words[0], words[1], headers


class Seen:
    """A request as it arrived, and what became of it."""

    def __init__(self, number, connection, nth, head):
        self.number = number  # of all requests, from 1
        self.connection = connection  # from 1
        self.nth = nth  # on its connection, from 1
        self.time = time.time()
        self.head = head
        self.method, self.path, self.headers = "", "", []
        self.body = b""
        self.event = None
        self.verdict = ""  # what the contract says against it
        self.limited = False  # nothing but too early
        self.behaviour = ""
        self.status = 0  # what was answered; 0: nothing
        self.taken = False
        self.done = False
        try:
            self.method, self.path, self.headers = _split_head(head)
        except BadRequest as error:
            self.verdict = str(error)

    def header(self, name):
        """All values of a header, whatever its case."""
        return [v for n, v in self.headers if n.lower() == name.lower()]

    @property
    def key(self):
        if isinstance(self.event, dict):
            return self.event.get("deduplication_key")
        return None

    def as_json(self):
        """All of it, for a line of the log."""
        return {
            "number": self.number,
            "time": self.time,
            "connection": self.connection,
            "nth": self.nth,
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "head": base64.b64encode(self.head).decode(),
            "body": base64.b64encode(self.body).decode(),
            "event": self.event,
            "verdict": self.verdict,
            "limited": self.limited,
            "behaviour": self.behaviour,
            "status": self.status,
            "taken": self.taken,
        }

    def __repr__(self):
        return (
            f"<{self.number}: {self.method} {self.path} key={self.key!r}"
            f" {self.verdict or 'fine'} -> {self.behaviour} {self.status}>"
        )


class Exchange:
    """One request and its answer, for a behaviour to act on."""

    def __init__(self, server, connection, seen):
        self.server = server
        self.seen = seen
        self.keep = True
        self.refusal = None
        self.source = None  # the id of the alert source; None: a heartbeat
        self._connection = connection

    @property
    def key(self):
        return self.seen.key or "unknown"

    def headers(self, length):
        return {"Content-Type": "application/json", "Content-Length": length}

    def answer(self, status, body=b"", more=None):
        headers = self.headers(len(body))
        if status in behave.BODILESS:
            headers = {}
        headers.update(more or {})
        self.seen.status = status
        self.send(behave.head(status, headers) + body)

    def send(self, data):
        if data:
            self._connection.send(data)

    def took(self):
        """The event counts, whatever the client gets to hear."""
        self.server.take(self)

    def reset(self):
        self.keep = False
        self._connection.reset()

    def wait_gone(self):
        self._connection.wait_gone()


class Connection:
    """A client's connection, served by one thread."""

    def __init__(self, server, sock, number):
        self.server = server
        self.number = number
        self.sock = sock
        self._data = b""
        self._open = True

    # ---- bytes ----

    def handshake(self, context):
        self.sock = context.wrap_socket(
            self.sock, server_side=True, do_handshake_on_connect=False
        )
        self.sock.do_handshake()

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Gone(str(error)) from None

    def _more(self):
        try:
            data = self.sock.recv(65536)
        except OSError as error:
            raise Gone(str(error)) from None
        if not data:
            raise Gone("closed")
        self._data += data

    def _take_until(self, mark, most):
        while mark not in self._data:
            if len(self._data) > most:
                raise BadRequest(f"head of over {most} bytes")
            self._more()
        piece, _, self._data = self._data.partition(mark)
        return piece

    def _take(self, count):
        while len(self._data) < count:
            self._more()
        piece, self._data = self._data[:count], self._data[count:]
        return piece

    def reset(self):
        self._open = False
        behave.linger_reset(self.sock)

    def wait_gone(self):
        """Until the client closes, or we stop."""
        poll = select.poll()
        poll.register(self.sock, select.POLLRDHUP | select.POLLIN)
        poll.register(self.server.stop_fd, select.POLLIN)
        poll.poll()

    def shut(self):
        """From another thread: whoever waits for this client waits no more."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def close(self):
        if self._open:
            self._open = False
            # A good server says close_notify, and does not wait for the
            # client's.
            if isinstance(self.sock, ssl.SSLSocket):
                with contextlib.suppress(OSError, ValueError):
                    self.sock.settimeout(0)
                    self.sock.unwrap()
            self.sock.close()

    # ---- requests ----

    def _length(self, seen):
        if seen.header("transfer-encoding"):
            return None
        given = seen.header("content-length")
        if not given:
            return 0
        if len(given) != 1 or not given[0].isdigit():
            raise BadRequest(f"content-length {given}")
        return min(int(given[0]), BODY_READ_MAX)

    def _chunks(self):
        body = b""
        while True:
            size = int(self._take_until(b"\r\n", 64).split(b";")[0], 16)
            piece = self._take(size + 2)[:-2]
            if size == 0:
                return body
            body += piece
            if len(body) > BODY_READ_MAX:
                raise BadRequest("endless chunks")

    def _body(self, seen):
        expects = [v.lower() for v in seen.header("expect")]
        if "100-continue" in expects:
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = self._length(seen)
        return self._chunks() if length is None else self._take(length)

    def serve(self):
        """Answer requests until one side has had enough."""
        nth = 0
        keep = True
        while keep and not self.server.stopping.is_set():
            head = self._take_until(b"\r\n\r\n", HEAD_MAX)
            nth += 1
            seen = self.server.seen(self.number, nth, head)
            if seen.verdict:
                raise BadRequest(seen.verdict)
            keep = self._exchange(seen)

    def _exchange(self, seen):
        exchange = Exchange(self.server, self, seen)
        try:
            behaviour = self.server.early(seen)
            if behaviour is None:
                seen.body = self._body(seen)
                self.server.judge(exchange)
                behaviour = self.server.choose(exchange)
            seen.behaviour = behaviour.name
            behaviour.act(exchange)
        finally:
            self.server.finish(seen)
        leave = [v.lower() for v in seen.header("connection")]
        return exchange.keep and "close" not in leave


class StandIn:
    """The server.

    certificate: a kind of certs.KINDS, "old-tls", or None for plain http; it
    may be changed at any time and holds for connections made from then on.
    """

    def __init__(
        self, authority=None, certificate="good", port=0, log=None, token=TOKEN
    ):
        self.authority = authority
        self.certificate = certificate if authority is not None else None
        self.token = token
        self.tokens = {SOURCE: token}
        self.heartbeats = 0
        self.limit = contract.Limit()
        self.stopping = threading.Event()
        self.on_event = None  # called with each Seen once it is done
        self._history = []
        self._alerts = collections.defaultdict(contract.Alerts)
        self._script = collections.deque()
        self._connection_script = collections.deque()
        self._decide = None
        self._connections = {}
        self._accepted = 0
        self._stops = []
        self._changed = threading.Condition(threading.RLock())
        self._log = log
        self._threads = []
        self.stop_fd, self._stop_write = os.pipe()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.port = self._listener.getsockname()[1]

    # ---- for tests ----

    @property
    def scheme(self):
        return "http" if self.certificate is None else "https"

    def url(self, source=SOURCE, host="localhost"):
        host = "127.0.0.1" if self.certificate is None else host
        return f"{self.scheme}://{host}:{self.port}{self.path(source)}"

    def path(self, source=SOURCE):
        return f"/v2/alert_events/http/{source}"

    def heartbeat_url(self, name="hb"):
        return f"{self.scheme}://localhost:{self.port}/v2/heartbeat/{name}/ping"

    def add_source(self, source, token):
        self.tokens[source] = token
        return self.url(source)

    def script(self, *behaviours):
        """One for each request (or connection) to come, in this order; when
        they are used up it is a good server again.  Returns the last."""
        with self._changed:
            for behaviour in behaviours:
                if behaviour.on == "connection":
                    self._connection_script.append(behaviour)
                else:
                    self._script.append(behaviour)
        return behaviours[-1] if behaviours else None

    def decide(self, function):
        """Ask function(seen) for a behaviour of each request that has no
        script; None from it is a good server.  None: no longer."""
        with self._changed:
            self._decide = function

    def always(self, behaviour):
        """The same for every request, until decide(None)."""
        self.decide(lambda seen: behaviour)

    def forget_script(self):
        with self._changed:
            self._script.clear()
            self._connection_script.clear()
            self._decide = None

    def unused(self):
        """What was scripted and did not happen."""
        with self._changed:
            return list(self._script) + list(self._connection_script)

    def history(self, key=None):
        """All requests so far, or those of a deduplication key."""
        with self._changed:
            return [s for s in self._history if key in (None, s.key)]

    def events(self, key=None):
        """What was taken, in the order in which it was taken."""
        return [
            s.event for s in self.history(key) if s.taken and s.event is not None
        ]

    def alerts(self, source=SOURCE):
        """What incident.io would show."""
        with self._changed:
            return self._alerts[source]

    def connections(self):
        """How many were made so far."""
        with self._changed:
            return self._accepted

    def open_connections(self):
        with self._changed:
            return len(self._connections)

    def close_connections(self):
        """Close those that are there now, as an idle server may."""
        with self._changed:
            for connection in list(self._connections):
                connection.shut()

    def wait(self, predicate, patience=PATIENCE):
        """Until predicate() holds; it is asked when something has happened.
        AssertionError when it takes longer than any machine should."""
        with self._changed:
            if not self._changed.wait_for(predicate, patience):
                raise AssertionError(
                    f"waited {patience} s in vain; the stand-in saw "
                    f"{self._history[-10:]}"
                )

    def wait_requests(self, count, key=None):
        """Until so many requests are done; returns them."""
        self.wait(
            lambda: sum(s.done for s in self.history(key)) >= count
        )
        return self.history(key)

    def wait_events(self, count, key=None):
        """Until so many events were taken; returns them."""
        self.wait(lambda: len(self.events(key)) >= count)
        return self.events(key)

    def complaints(self):
        """What was wrong with what came, but for coming too early."""
        return [
            f"{s.number}: {s.verdict}"
            for s in self.history()
            if s.verdict and not s.limited
        ]

    # ---- life ----

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    def start(self):
        self._spawn(self._accept)
        return self

    def _spawn(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()

    def on_stop(self, function):
        """Called when the server stops, at once if it has."""
        with self._changed:
            self._stops.append(function)
            if self.stopping.is_set():
                function()

    def stop(self):
        """Ends all, whatever it was doing."""
        if self.stopping.is_set():
            return
        with self._changed:
            self.stopping.set()
            os.write(self._stop_write, b"x")
            for function in self._stops:
                function()
            for connection in list(self._connections):
                connection.shut()
            self._changed.notify_all()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
        os.close(self._stop_write)
        os.close(self.stop_fd)

    # ---- what its own threads call ----

    def _accept(self):
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                if self.stopping.is_set():
                    return
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                self._accepted += 1
                behaviour = None
                if self._connection_script:
                    behaviour = self._connection_script.popleft()
                self._spawn(self._serve, sock, self._accepted, behaviour)
                self._changed.notify_all()

    def _serve(self, sock, number, behaviour):
        connection = Connection(self, sock, number)
        with self._changed:
            if self.stopping.is_set():
                sock.close()
                return
            self._connections[connection] = True
        try:
            if behaviour is not None:
                behaviour.act(sock, self)
                return
            if self.certificate is not None:
                connection.handshake(self.authority.context(self.certificate))
            connection.serve()
        except (Gone, OSError):
            pass
        except BadRequest as error:
            with contextlib.suppress(Gone):
                body = contract.envelope(400, str(error))
                connection.send(
                    behave.head(
                        400,
                        {"Content-Length": len(body), "Connection": "close"},
                    )
                    + body
                )
        finally:
            connection.close()
            with self._changed:
                del self._connections[connection]
                self._changed.notify_all()

    def seen(self, connection, nth, head):
        """Note a request whose head has come."""
        with self._changed:
            seen = Seen(len(self._history) + 1, connection, nth, head)
            self._history.append(seen)
            self._changed.notify_all()
            return seen

    def early(self, _seen):
        """The behaviour that does not wait for the body, or None."""
        with self._changed:
            if self._script and self._script[0].early:
                return self._script.popleft()
            return None

    def judge(self, exchange):
        """Read the event of a request, and hold it against the contract."""
        seen = exchange.seen
        headers = collections.defaultdict(list)
        for name, value in seen.headers:
            headers[name.lower()].append(value)
        with contextlib.suppress(ValueError):
            seen.event = contract.read_event(seen.body)
        if contract.HEARTBEAT.fullmatch(seen.path.partition("?")[0]):
            self._judge_heartbeat(exchange, headers)
            return
        exchange.source = seen.path.rpartition("/")[2]
        try:
            seen.event = contract.check_request(
                seen.method, seen.path, headers, seen.body, self.tokens
            )
            with self._changed:
                self.limit.check(exchange.source, time.monotonic())
        except contract.Refusal as refusal:
            exchange.refusal = refusal
            seen.verdict = str(refusal)
            seen.limited = refusal.status == 429

    def _judge_heartbeat(self, exchange, headers):
        seen = exchange.seen
        proof = headers["authorization"] == [f"Bearer {self.token}"]
        proof = proof or seen.path.endswith(f"?token={self.token}")
        if seen.method not in ("GET", "POST"):
            exchange.refusal = contract.Refusal(405, "GET or POST")
        elif not proof:
            exchange.refusal = contract.Refusal(401, "No proof")
        if exchange.refusal is not None:
            seen.verdict = str(exchange.refusal)
            return
        with self._changed:
            self.heartbeats += 1

    def choose(self, exchange):
        """What to do with a request: the script, the function, or well."""
        with self._changed:
            if exchange.source is not None:
                if self._script:
                    return self._script.popleft()
                if self._decide is not None:
                    return self._decide(exchange.seen) or behave.Judge()
        return behave.Judge()

    def take(self, exchange):
        """The event of this request was taken."""
        with self._changed:
            exchange.seen.taken = True
            if exchange.source is not None and exchange.refusal is None:
                self._alerts[exchange.source].take(exchange.seen.event)

    def finish(self, seen):
        """All that was to be done with a request is done."""
        with self._changed:
            seen.done = True
            if self._log is not None:
                self._log.write(json.dumps(seen.as_json()) + "\n")
                self._log.flush()
            self._changed.notify_all()
        if self.on_event is not None:
            self.on_event(seen)


# ---- as a program ----


class Control(http.server.BaseHTTPRequestHandler):
    """The control port of the program form: plain HTTP, JSON both ways.

        GET /history[?key=K]   the requests so far
        GET /alerts[?source=S] what incident.io would show
        POST /script           [{"do": "answer", "status": 503}, ...]
        POST /always           {"do": "hang"}; null: a good server again
        POST /release          lets go what hold holds
        POST /limit            {"per_minute": 120}
        POST /certificate      {"kind": "expired"}
        POST /close            closes all connections
    """

    protocol_version = "HTTP/1.1"
    held = []

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    @property
    def standin(self):
        return self.server.standin

    def _say(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _query(self):
        path, _, query = self.path.partition("?")
        name, _, value = query.partition("=")
        return path, {name: value}

    def do_GET(self):
        path, query = self._query()
        if path == "/history":
            seen = self.standin.history(query.get("key"))
            return self._say([s.as_json() for s in seen])
        if path == "/alerts":
            alerts = self.standin.alerts(query.get("source", SOURCE))
            return self._say(
                {
                    key: {
                        "open": alerts.is_open(key),
                        "opened": alerts.opened(key),
                        "title": alerts.newest(key).title,
                        "metadata": alerts.newest(key).metadata,
                    }
                    for key in alerts.keys()
                }
            )
        return self._say({"error": "nothing here"}, 404)

    def _behaviour(self, wish):
        behaviour = behave.by_name(**wish)
        if isinstance(behaviour, behave.Hold):
            self.held.append(behaviour)
        return behaviour

    def _do(self, path, given):
        standin = self.standin
        if path == "/script":
            standin.script(*[self._behaviour(wish) for wish in given])
        elif path == "/always":
            if given is None:
                standin.decide(None)
            else:
                standin.always(self._behaviour(given))
        elif path == "/release":
            for hold in self.held:
                hold.release()
            self.held.clear()
        elif path == "/limit":
            standin.limit.per_minute = int(given["per_minute"])
        elif path == "/certificate":
            standin.authority.context(given["kind"])
            standin.certificate = given["kind"]
        elif path == "/close":
            standin.close_connections()
        else:
            return False
        return True

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        try:
            done = self._do(self.path, json.loads(body) if body else None)
        except (ValueError, TypeError, KeyError) as error:
            return self._say({"error": str(error)}, 400)
        if not done:
            return self._say({"error": "nothing here"}, 404)
        return self._say({"done": True})


def control(standin, port=0):
    """A control port for standin; its server_port says which."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Control)
    server.daemon_threads = True
    server.standin = standin
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main():
    parser = argparse.ArgumentParser(
        description="A stand-in for incident.io's HTTP alert source.",
        epilog="Prints one line of JSON when it is ready: url, token, "
        "ca_file, port, control port.  SIGTERM or SIGINT end it.",
    )
    parser.add_argument(
        "--dir", type=pathlib.Path, required=True, help="for certificates"
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--log", help="a file for a line of JSON a request")
    parser.add_argument("--plain", action="store_true", help="http, not https")
    parser.add_argument(
        "--limit", type=int, default=contract.PER_MINUTE, help="a minute; 0: no"
    )
    given = parser.parse_args()
    # Before it writes certificates in the place of those that are in use.
    for option, port in (
        ("--port", given.port),
        ("--control-port", given.control_port),
    ):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as e:
            parser.error(f"{option} {port}: {e.strerror}; name another")
    log = open(given.log, "a", encoding="utf-8") if given.log else None
    authority = Authority(given.dir)
    standin = StandIn(
        authority, None if given.plain else "good", given.port, log
    )
    standin.limit.per_minute = given.limit
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with standin:
        steer = control(standin, given.control_port)
        print(
            json.dumps(
                {
                    "url": standin.url(),
                    "token": standin.token,
                    "ca_file": str(authority.ca_file),
                    "port": standin.port,
                    "control_port": steer.server_port,
                }
            ),
            flush=True,
        )
        signal.sigwait(ends)
        steer.shutdown()


if __name__ == "__main__":
    main()
