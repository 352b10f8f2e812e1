"""A FastCGI client (specification 1.0) that does as it is told, also wrong.

    with Client.unix(path) as client:
        client.begin()
        client.params({"REQUEST_METHOD": "POST", ...})
        client.stdin(b"...")
        client.stdin(b"")           # the end of it
        answer = client.read()
"""

import socket
import struct

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR = range(1, 8)
RESPONDER = 1
KEEP = 1
PIECE = 32768


def record(kind, content=b"", number=1, padding=0):
    """One record, padded."""
    return (
        struct.pack(">BBHHBx", 1, kind, number, len(content), padding)
        + content
        + b"\0" * padding
    )


def _length(count):
    if count < 128:
        return bytes([count])
    return struct.pack(">I", count | 0x80000000)


def pairs(params):
    """Name-value pairs, encoded."""
    out = b""
    for name, value in params.items():
        name = name.encode() if isinstance(name, str) else name
        value = value.encode() if isinstance(value, str) else value
        out += _length(len(name)) + _length(len(value)) + name + value
    return out


class Answer:
    """What came back: CGI output taken apart."""

    def __init__(self, out, err, ended, status):
        self.raw = out
        self.stderr = err
        self.ended = ended  # an END_REQUEST came
        self.app_status = status
        head, _, self.body = out.partition(b"\r\n\r\n")
        self.headers = {}
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            self.headers[name.decode("latin-1").lower()] = value.decode(
                "latin-1"
            ).strip()
        self.status = int(self.headers.get("status", "200 OK").split()[0])


class Client:
    """One connection."""

    def __init__(self, sock):
        self.sock = sock

    @classmethod
    def unix(cls, path, timeout=60):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        sock.connect(str(path))
        return cls(sock)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def begin(self, flags=0, role=RESPONDER):
        self.send(record(BEGIN, struct.pack(">HB5x", role, flags)))

    def params(self, params):
        encoded = pairs(params)
        for at in range(0, len(encoded), PIECE):
            self.send(record(PARAMS, encoded[at : at + PIECE]))
        self.send(record(PARAMS))

    def stdin(self, data=b""):
        """Some of the body; nothing is its end."""
        if not data:
            self.send(record(STDIN))
        for at in range(0, len(data), PIECE):
            self.send(record(STDIN, data[at : at + PIECE]))

    def abort(self):
        self.send(record(ABORT))

    def _take(self, count):
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def read(self):
        """All up to END_REQUEST, or to the end of the connection."""
        out, err, status, ended = b"", b"", None, False
        try:
            while not ended:
                _, kind, _, length, padding = struct.unpack(
                    ">BBHHBx", self._take(8)
                )
                content = self._take(length + padding)[:length]
                if kind == STDOUT:
                    out += content
                elif kind == STDERR:
                    err += content
                elif kind == END:
                    status = struct.unpack(">I4x", content)[0]
                    ended = True
        except (EOFError, ConnectionResetError):
            pass
        return Answer(out, err, ended, status)

    def request(self, params, body=b"", end=True):
        """The ordinary course: all of it, then the answer."""
        self.begin()
        self.params(params)
        if body:
            self.stdin(body)
        if end:
            self.stdin()
        return self.read()
