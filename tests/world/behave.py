"""What a server can do to its client.

A behaviour is asked once, for one connection or for one request, and does
what it does to the socket.  Those for a connection act before anything was
read.  `takes` says whether the event counts as taken, whatever the client
got to hear.
"""

import json
import select
import socket
import struct
import threading

from . import contract

LINES = "\r\n"

REASONS = {
    200: "OK",
    202: "Accepted",
    204: "No Content",
    301: "Moved Permanently",
    302: "Found",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    413: "Payload Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}

BODILESS = (204, 304)


def head(status, headers):
    """The head of an answer; a header's value may be a list of values."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Whatever')}"]
    for name, value in headers.items():
        values = value if isinstance(value, list) else [value]
        lines += [f"{name}: {one}" for one in values]
    return (LINES.join(lines) + LINES + LINES).encode("latin-1")


def success(key):
    """The body of 202."""
    return json.dumps(
        {
            "deduplication_key": key,
            "message": "Event accepted for processing",
            "status": "success",
        }
    ).encode()


class Behaviour:
    """Base of all.  on: "request" or "connection"."""

    on = "request"
    early = False  # acts on the head of a request, before its body
    takes = False
    name = ""

    def act(self, exchange):
        """Do it; afterwards the connection is kept iff exchange.keep."""
        raise NotImplementedError


class Judge(Behaviour):
    """What incident.io does: 202 if the contract is kept, else why not."""

    name = "judge"

    def act(self, exchange):
        if exchange.refusal is not None:
            exchange.answer(
                exchange.refusal.status,
                exchange.refusal.body,
                exchange.refusal.headers,
            )
        elif exchange.source is None:
            exchange.answer(204)
        else:
            exchange.took()
            exchange.answer(202, success(exchange.key))


class Answer(Behaviour):
    name = "answer"

    def __init__(self, status, body=None, headers=None, takes=None):
        self.status = status
        self.body = body
        self.headers = headers or {}
        self.takes = 200 <= status < 300 if takes is None else takes

    def _body(self, exchange):
        if self.body is not None:
            if isinstance(self.body, (bytes, bytearray)):
                return bytes(self.body)
            if isinstance(self.body, str):
                return self.body.encode()
            return json.dumps(self.body).encode()
        if self.status in BODILESS:
            return b""
        if 200 <= self.status < 300:
            return success(exchange.key)
        return contract.envelope(self.status, f"scripted {self.status}")

    def act(self, exchange):
        if self.takes:
            exchange.took()
        exchange.answer(self.status, self._body(exchange), self.headers)


class Hold(Behaviour):
    """Holds the answer until it is released, or the server stops.

    `reached` is set once a request waits here.  What comes after the release
    is another behaviour.
    """

    name = "hold"

    def __init__(self, then=None):
        self.then = then or Judge()
        self.reached = threading.Event()
        self._released = threading.Event()

    def release(self, then=None):
        if then is not None:
            self.then = then
        self._released.set()

    def act(self, exchange):
        exchange.server.on_stop(self._released.set)
        self.reached.set()
        self._released.wait()
        self.then.act(exchange)


class Delay(Behaviour):
    """Answers after so many seconds: for measurements, not for tests."""

    name = "delay"

    def __init__(self, seconds, then=None):
        self.seconds = seconds
        self.then = then or Judge()

    def act(self, exchange):
        exchange.server.stopping.wait(self.seconds)
        self.then.act(exchange)


class Hang(Behaviour):
    """Says nothing more after `first`, until the client has gone."""

    name = "hang"

    def __init__(self, first=b"", takes=False):
        self.first = first
        self.takes = takes

    def act(self, exchange):
        if self.takes:
            exchange.took()
        exchange.send(self.first)
        exchange.wait_gone()
        exchange.keep = False


class Cut(Behaviour):
    """Sends the first `share` of a good answer, then closes or hangs."""

    name = "cut"

    def __init__(self, share=0.5, hang=False, takes=True, of="body"):
        self.share = share
        self.hang = hang
        self.takes = takes
        self.of = of

    def act(self, exchange):
        body = success(exchange.key)
        start = head(202, exchange.headers(len(body)))
        if self.takes:
            exchange.took()
        if self.of == "body":
            exchange.send(start + body[: int(len(body) * self.share)])
        else:
            exchange.send(start[: int(len(start) * self.share)])
        if self.hang:
            exchange.wait_gone()
        exchange.keep = False


class Reset(Behaviour):
    """RST after the whole request was read: did it arrive or not?"""

    name = "reset"

    def __init__(self, takes=True):
        self.takes = takes

    def act(self, exchange):
        if self.takes:
            exchange.took()
        exchange.reset()


class ResetUnread(Behaviour):
    """RST once the head was read, with the body still on its way."""

    name = "reset_unread"
    early = True

    def act(self, exchange):
        exchange.reset()


class Close(Behaviour):
    """Closes in good order without a word."""

    name = "close"

    def __init__(self, takes=False):
        self.takes = takes

    def act(self, exchange):
        if self.takes:
            exchange.took()
        exchange.keep = False


class AnswerAndClose(Behaviour):
    """Answers as if to keep the connection, then closes it."""

    name = "answer_and_close"

    def __init__(self, then=None):
        self.then = then or Judge()

    def act(self, exchange):
        self.then.act(exchange)
        exchange.keep = False


class Drip(Behaviour):
    """A good answer, a byte at a time, never fast enough."""

    name = "drip"

    def __init__(self, every=0.2, takes=True):
        self.every = every
        self.takes = takes

    def act(self, exchange):
        body = success(exchange.key)
        if self.takes:
            exchange.took()
        for byte in head(202, exchange.headers(len(body))) + body:
            exchange.send(bytes([byte]))
            if exchange.server.stopping.wait(self.every):
                break


class Huge(Behaviour):
    """An answer whose body has no end in sight: `size` bytes."""

    name = "huge"

    def __init__(self, status=202, size=64 << 20, takes=True):
        self.status = status
        self.size = size
        self.takes = takes

    def act(self, exchange):
        if self.takes:
            exchange.took()
        exchange.send(head(self.status, exchange.headers(self.size)))
        piece = b"x" * 65536
        for _ in range(self.size // len(piece)):
            exchange.send(piece)
        exchange.send(piece[: self.size % len(piece)])


class Raw(Behaviour):
    """Any bytes at all, then closes."""

    name = "raw"

    def __init__(self, data=b"220 mail.example ESMTP\r\n", takes=False):
        self.data = data.encode() if isinstance(data, str) else data
        self.takes = takes

    def act(self, exchange):
        if self.takes:
            exchange.took()
        exchange.send(self.data)
        exchange.keep = False


class WrongLength(Behaviour):
    """A Content-Length that is not the body's; closes after it."""

    name = "wrong_length"

    def __init__(self, by=10, takes=True):
        self.by = by
        self.takes = takes

    def act(self, exchange):
        body = success(exchange.key)
        if self.takes:
            exchange.took()
        exchange.send(head(202, exchange.headers(len(body) + self.by)) + body)
        exchange.keep = False


class Continue(Behaviour):
    """100 Continue (and 103) unasked, before the answer."""

    name = "continue"

    def __init__(self, then=None):
        self.then = then or Judge()

    def act(self, exchange):
        exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        self.then.act(exchange)


class OnConnection(Behaviour):
    """For a connection, before anything of it was read.

    act gets the plain socket and the server.
    """

    on = "connection"

    def act(self, sock, server):  # pylint: disable=arguments-differ
        raise NotImplementedError


def linger_reset(sock):
    """Close so that the other end sees a reset."""
    sock.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    sock.close()


class ResetFirst(OnConnection):
    name = "reset_first"

    def act(self, sock, server):
        linger_reset(sock)


class CloseFirst(OnConnection):
    name = "close_first"

    def act(self, sock, server):
        sock.close()


class NeverRead(OnConnection):
    """Accepts and does nothing, until the client has gone or we stop."""

    name = "never_read"

    def act(self, sock, server):
        poll = select.poll()
        poll.register(sock, select.POLLRDHUP | select.POLLHUP)
        poll.register(server.stop_fd, select.POLLIN)
        poll.poll()
        sock.close()


class TlsAlert(OnConnection):
    """A fatal alert (handshake_failure) instead of a server hello."""

    name = "tls_alert"

    def act(self, sock, server):
        sock.recv(1)
        sock.sendall(b"\x15\x03\x03\x00\x02\x02\x28")
        sock.close()


class RawFirst(OnConnection):
    """Any bytes at all in place of TLS."""

    name = "raw_first"

    def __init__(self, data=b"HTTP/1.1 400 Bad Request\r\n\r\n"):
        self.data = data.encode() if isinstance(data, str) else data

    def act(self, sock, server):
        sock.recv(1)
        sock.sendall(self.data)
        sock.close()


def judge():
    return Judge()


def answer(status, body=None, headers=None, takes=None):
    return Answer(status, body, headers, takes)


def no_content():
    return Answer(204)


def redirect(to, status=307):
    return Answer(status, b"", {"Location": to}, takes=False)


def retry_after(value, status=429):
    return Answer(status, None, {"Retry-After": value})


def hang_in_body(takes=True):
    return Cut(hang=True, takes=takes)


def half_reply(takes=True):
    return Cut(takes=takes)


def half_head(takes=True):
    return Cut(of="head", takes=takes)


#: the names by which a control request asks for them
BY_NAME = {
    "judge": judge,
    "answer": answer,
    "no_content": no_content,
    "redirect": redirect,
    "retry_after": retry_after,
    "hold": Hold,
    "delay": Delay,
    "hang": Hang,
    "hang_in_body": hang_in_body,
    "half_reply": half_reply,
    "half_head": half_head,
    "reset": Reset,
    "reset_unread": ResetUnread,
    "close": Close,
    "answer_and_close": AnswerAndClose,
    "drip": Drip,
    "huge": Huge,
    "raw": Raw,
    "wrong_length": WrongLength,
    "continue": Continue,
    "reset_first": ResetFirst,
    "close_first": CloseFirst,
    "never_read": NeverRead,
    "tls_alert": TlsAlert,
    "raw_first": RawFirst,
}


def by_name(do, **arguments):
    """The behaviour of that name; ValueError if there is none."""
    if do not in BY_NAME:
        raise ValueError(f"no behaviour {do!r}: there are {sorted(BY_NAME)}")
    return BY_NAME[do](**arguments)
