"""The matrix: each web server, with the file that is shipped for it, and what
can happen to a webhook.

A row of SERVERS says what a server does otherwise than the best of them.
Each server is started once; what harms it comes last.
"""

import concurrent.futures
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from world import behave, servers
from world.certs import Authority
from world.incidentio import StandIn
from world.montecarlo import alert
from world.site import ROOT, ticket_id, until

TOKEN = "Io_7-sender-token-" + "k3" * 12
EVENT = {"title": "Down", "status": "firing", "deduplication_key": "bearer"}
LIMIT = 1048576


class Row:
    """A server, and what it cannot do."""

    def __init__(self, kind, **but):
        self.kind = kind
        # A body over bellrelay's limit, and one over the server's.
        self.over = but.pop("over", 413)
        self.far_over = but.pop("far_over", 413)
        # Processes that a kill ended are replaced; spawn-fcgi does not.
        self.replaced = not kind.external
        # Its access log is the host's, with paths.
        self.quiet = but.pop("quiet", True)
        assert not but


SERVERS = {
    "lighttpd": Row(servers.Lighttpd),
    "lighttpd-spawn-fcgi": Row(servers.LighttpdExternal),
    # mod_fcgid makes 400 of what LimitRequestBody refuses.
    "apache-mod_fcgid": Row(servers.ApacheFcgid, far_over=400),
    "apache-mod_cgid": Row(servers.ApacheCgid),
    "apache-mod_cgi": Row(servers.ApacheCgi),
    "apache-mod_proxy_fcgi": Row(servers.ApacheProxy),
    # 128 KiB, and 500: the host's FcgidMaxRequestLen.
    "htaccess-mod_fcgid": Row(
        servers.HtaccessFcgid, over=500, far_over=500, quiet=False
    ),
    "htaccess-cgi-bin": Row(servers.HtaccessCgi, quiet=False),
    "nginx": Row(servers.Nginx),
    "caddy": Row(servers.Caddy),
}


@pytest.fixture(scope="module", params=SERVERS.values(), ids=SERVERS.keys())
def row(request):
    return request.param


@pytest.fixture(scope="module")
def standin(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with StandIn(authority) as server:
        server.limit.per_minute = 0
        yield server


@pytest.fixture(scope="module")
def place(row, standin):
    """The server, running."""
    with row.kind(standin, processes=4) as site:
        secret = site.write(site.etc / "senders.secret", TOKEN + "\n")
        site.secrets.add(TOKEN)
        site.configure(
            destination={"rate": 6000},
            more="source senders {\n\tkind = incidentio\n"
            f'\tsecret_file = "{secret}"\n\tdestination = oncall\n}}\n',
        )
        site.deaths_expected = True
        yield site.start()


@pytest.fixture
def key(request, row):
    """A key of this test and this server's alone."""
    return f"{row.kind.__name__}-{request.function.__name__}"


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(max_workers=16) as threads:
        yield threads


def head(site, body, length, path="/montecarlo", **more):
    lines = [f"POST {site.base}{path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += ["Content-Type: application/json", "Connection: close"]
    lines += [f"x-mcd-signature: {site.sign(body)}", f"Content-Length: {length}"]
    lines += [f"{name}: {text}" for name, text in more.items()]
    return "\r\n".join(lines + ["", ""]).encode()


def dial(site):
    return socket.create_connection(("127.0.0.1", site.port), 60)


def hear(sock):
    """All that comes back, and its status; None where there is no answer."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while piece := sock.recv(65536):
            said += piece
    return int(said.split(b" ", 2)[1]) if said.startswith(b"HTTP/") else None


@contextlib.contextmanager
def held(standin, key):
    """The calls for a key wait, those for what came before it do not."""
    hold = behave.Hold()
    standin.decide(lambda seen: hold if seen.key == key else None)
    try:
        yield hold
    finally:
        standin.decide(None)


def rings(site, standin, key):
    """It has arrived, or does by a drain."""
    if not standin.alerts().is_open(key):
        assert site.cli("drain").returncode in (0, 75)
    return standin.alerts().is_open(key)


def check(site, standin, key, answer):
    """A yes that is kept.  Beside other processes, which may be first to
    deliver what the one has just stored, it can be either."""
    assert answer.status_code in (200, 202), answer.text
    assert answer.json()["result"] in ("delivered", "queued")
    until(lambda: rings(site, standin, key), key)


def test_a_signed_webhook_is_delivered(place, standin, key):
    check(place, standin, key, place.post(alert(key)))
    refused = place.post(alert(key), "0" * 128)
    assert refused.status_code == 403
    assert refused.json()["status"] == 403
    assert place.look().json()["status"] == "ok"


def test_authorization_reaches_the_program(place, standin, key):
    body = json.dumps({**EVENT, "deduplication_key": key}).encode()
    path = "/v2/alert_events/http/senders"
    said = {"Authorization": f"Bearer {TOKEN}"}
    assert place.post(body, None, path, headers=said).status_code == 202
    until(lambda: rings(place, standin, key), key)
    said = {"Authorization": f"Bearer {TOKEN}x"}
    assert place.post(body, None, path, headers=said).status_code >= 400


def test_a_chunked_body_is_read_whole(place, standin, key):
    body = alert(key)
    pieces = iter([body[:7], body[7:300], body[300:]])
    answer = place.post(pieces, place.sign(body))
    check(place, standin, key, answer)


@pytest.mark.parametrize("off", [50, -50], ids=["longer", "shorter"])
def test_a_lying_length_is_no_webhook(place, standin, key, off):
    body = alert(key)
    with dial(place) as sock:
        sock.sendall(head(place, body, len(body) + off) + body)
        sock.shutdown(socket.SHUT_WR)
        status = hear(sock)
    assert status is None or status >= 400
    assert not rings(place, standin, key)


def big(site, size):
    """The status that a body of so many bytes is answered with."""
    body = b'{"a":"' + b"x" * (size - 8) + b'"}'
    with dial(site) as sock:
        with contextlib.suppress(ConnectionError):
            sock.sendall(head(site, b'{"a":"x"}', len(body)) + body)
        return hear(sock)


def test_a_body_over_the_limit_is_refused(place, row):
    assert big(place, LIMIT + 1) == row.over
    # A server may close on who still sends, who then hears nothing.
    assert big(place, 2 * LIMIT + 100) in (row.far_over, None)
    assert place.post(alert("after-the-long-one")).ok


def test_a_slow_body_is_waited_for_and_others_go_on(place, standin, key):
    body = alert(key)
    with dial(place) as sock:
        sock.sendall(head(place, body, len(body)) + body[:100])
        for n in range(3):
            assert place.post(alert(f"{key}-{n}")).ok
            sock.sendall(body[100 + n : 101 + n])
        sock.sendall(body[103:])
        assert hear(sock) in (200, 202)
    until(lambda: rings(place, standin, key), key)


def test_a_query_that_looks_like_arguments_is_none(place, standin, key):
    answer = place.post(alert(key), path="/montecarlo?-c+/dev/null+--help")
    check(place, standin, key, answer)
    assert place.look("/healthz?drain+--due").json()["status"] == "ok"


def test_a_client_gone_in_the_body_leaves_nothing(place, standin, key):
    body = alert(key)
    with dial(place) as sock:
        sock.sendall(head(place, body, len(body)) + body[:-1])
    assert place.post(alert(f"{key}-next")).ok
    assert not rings(place, standin, key)


def test_a_client_gone_before_the_answer_rings_all_the_same(
    place, standin, key
):
    body = alert(key)
    with held(standin, key) as hold:
        with dial(place) as sock:
            sock.sendall(head(place, body, len(body)) + body)
            assert hold.reached.wait(60)
        hold.release()
    until(lambda: standin.alerts().is_open(key), "the alert")


def test_no_log_tells_a_token_in_a_path(place, row):
    token = "path-token-" + "p5" * 10
    place.post(b"{}", None, f"/montecarlo/{token}")
    assert place.post(alert("after-the-token")).ok

    def told():
        logs = [p.read_text() for p in (place.dir / "log").iterdir()]
        return any(token in text for text in logs)

    if row.quiet:
        assert not told()
    else:
        until(told, "the host's own log")  # written after the answer


def test_nobody_else_may_connect_and_no_file_is_shown(place, row):
    sockets = list((place.dir / "run").glob("b.sock*"))
    assert sockets or not place.external
    for path in sockets:
        assert not path.stat().st_mode & 0o022, "connecting takes a write bit"
    if not row.quiet:
        inner = place.program().parent / "spool"
        inner.mkdir()
        place.own(place.write(inner / "README", "what is what").parent)
        for name in ("bellrelay.conf", ".htaccess", "spool/README"):
            with dial(place) as sock:
                at = "/" + row.kind.folder + "/" + name
                sock.sendall(f"GET {at} HTTP/1.0\r\n\r\n".encode())
                assert hear(sock) in (403, 404)


def load(site, prefix, stop, answers, ends):
    """Post until told to stop, or until there is no server; note what came."""
    k = 0
    while not stop.is_set():
        k += 1
        key = f"{prefix}-{k}"
        try:
            answers[key] = site.post(alert(key)).status_code
            if answers[key] >= 500:
                stop.wait(0.05)  # as a sender would
        except OSError as error:
            ends.append(error)
            if site.lighttpd is None:
                return


def check_all(site, standin, answers):
    """What was answered yes has arrived, once; the rest was refused."""
    taken = [k for k, status in answers.items() if status in (200, 202)]
    assert set(answers.values()) - {200, 202} <= {500, 502, 503}
    assert site.cli("drain").returncode == 0
    assert [k for k in taken if standin.alerts().opened(k) != 1] == []
    return taken


def serves(site, key):
    with contextlib.suppress(OSError):
        return site.post(alert(key)).ok
    return False


def test_an_upgrade_under_load_loses_nothing(place, row, standin, pool, key):
    """The recipe of the README; what is left out is that nobody is refused,
    which spawn-fcgi cannot do."""
    stop, answers, ends = threading.Event(), {}, []
    running = [
        pool.submit(load, place, f"{key}-{n}", stop, answers, ends)
        for n in range(3)
    ]
    try:
        until(lambda: len(answers) >= 30, "some load")
        place.upgrade()
        until(lambda: serves(place, f"{key}-new"), "new processes")
        until(lambda n=len(answers): len(answers) >= n + 10, "some more")
    finally:
        stop.set()
    for one in running:
        one.result(60)
    taken = check_all(place, standin, answers)
    assert len(taken) > 15
    if place.external or place.reload:
        until(lambda: place.outdated() == [], "the old processes to leave")
    else:
        # mod_fcgid keeps old ones for a while, and gives them nothing to do.
        # By CGI there are none, but for a moment.
        def new_or_none():
            there = set(place.workers())
            return not there or there - set(place.outdated())

        until(new_or_none, "a new one")


def test_a_killed_worker_loses_nothing(place, row, standin, pool, key):
    with held(standin, key) as hold:
        answer = pool.submit(place.post, alert(key))
        assert hold.reached.wait(60)
        # It is called out while it is being stored.
        until(lambda: ticket_id(key) in place.tickets(), "the ticket")
        for pid in place.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            assert answer.result(60).status_code >= 500, "no promise was given"
    hold.release(behave.Close())
    if not row.replaced:
        assert place.post(alert(f"{key}-gone")).status_code >= 500
        place.spawn()
    until(lambda: place.post(alert(f"{key}-next")).ok, "another process")
    until(lambda: rings(place, standin, key), key)


def test_a_graceful_stop_under_load_loses_nothing(place, standin, pool, key):
    taken, ends = [], []

    def sender(n):
        for k in range(2000):
            try:
                if place.post(alert(f"{key}-{n}-{k}")).ok:
                    taken.append(f"{key}-{n}-{k}")
            except OSError:
                ends.append(k)
                return

    running = [pool.submit(sender, n) for n in range(3)]
    until(lambda: len(taken) >= 20, "some load")
    place.stop()
    for one in running:
        one.result(60)
    assert len(ends) == 3, "the load outlived the server"
    assert place.cli("drain").returncode == 0
    assert [k for k in taken if not standin.alerts().is_open(k)] == []
    assert [k for k in taken if standin.alerts().opened(k) != 1] == []


# ---- what no web server is needed for ----


@pytest.fixture
def alone(standin):
    with servers.Lighttpd(standin) as site:
        yield site


def test_the_cron_line_delivers_what_waits(alone, standin):
    """As cron would: by sh, as the spool's owner, from its home."""
    standin.script(behave.answer(503))
    assert alone.cgi(alert("cron")).status == 202
    lines = alone.text("other-conf/cron").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    assert len(lines) == 2, lines

    def run(line):
        command = line.split(None, 5)[5]
        command = command.replace("/usr/local/bin", str(alone.bin))
        done = alone.run("sh", "-c", command, env={"HOME": alone.dir / "log"})
        assert done.returncode in (0, 75), done.stderr
        return standin.alerts().is_open("cron")

    until(lambda: run(lines[0]), "the alert")
    run(lines[1])


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze"
)
def test_the_units_are_valid_and_the_service_is_hardened(alone, tmp_path):
    for path in (ROOT / "other-conf").glob("bellrelay*.[st]*"):
        text = alone.text(path.relative_to(ROOT))
        text = text.replace("/usr/local/bin", str(alone.bin))
        (tmp_path / path.name).write_text(text)
    units = sorted(str(path) for path in tmp_path.iterdir())
    assert len(units) == 4
    said = subprocess.run(
        ["systemd-analyze", "verify", *units],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0 and said.stderr == "", said.stderr
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=15",
         str(tmp_path / "bellrelay.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout
