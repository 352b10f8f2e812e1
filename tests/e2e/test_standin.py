"""The stand-in is what the other tests believe it is."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading

import pytest
import requests

from world import behave, incidentio
from world.incidentio import SOURCE, TOKEN
from world.site import until

PROGRAM = pathlib.Path(incidentio.__file__)


def event(key="k", status="firing", title="It broke", **more):
    body = {"title": title, "deduplication_key": key, "status": status}
    body.update(more)
    return body


def post(server, body=None, timeout=30, **kwargs):
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "application/json",
    }
    headers.update(kwargs.pop("headers", {}))
    headers = {name: value for name, value in headers.items() if value}
    data = body if isinstance(body, bytes) else json.dumps(body or event())
    verify = str(server.authority.ca_file) if server.authority else None
    return requests.request(
        kwargs.pop("method", "POST"),
        kwargs.pop("url", server.url()),
        data=data,
        headers=headers,
        verify=verify,
        timeout=timeout,
        allow_redirects=False,
        **kwargs,
    )


def curl(server, *options):
    return subprocess.run(
        [
            "curl", "-sS", *options,
            "--cacert", server.authority.ca_file,
            "-H", f"Authorization: Bearer {TOKEN}",
            "-H", "Content-Type: application/json",
            "-d", json.dumps(event()), server.url(),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


# ---- what it takes ----


def test_a_good_event_is_accepted_with_three_fields(standin):
    answer = post(standin)
    assert answer.status_code == 202
    assert set(answer.json()) == {"status", "message", "deduplication_key"}
    assert answer.json()["deduplication_key"] == "k"
    assert standin.complaints() == []
    assert standin.history()[0].connection == 1


def test_curl_gets_the_same(standin):
    done = curl(standin, "-w", " %{http_code}")
    assert done.stdout.endswith(" 202")


def test_it_keeps_every_byte(standin):
    body = b'{ "title":"\\u00e9",\n"deduplication_key":"k","status":"firing"}'
    post(standin, body)
    seen = standin.history()[0]
    assert seen.body == body
    assert seen.header("authorization") == [f"Bearer {TOKEN}"]
    assert seen.head.startswith(b"POST /v2/alert_events/http/")


REFUSED = [
    ({"method": "GET"}, 405, "only POST"),
    ({"method": "PUT"}, 405, "only POST"),
    ({"headers": {"Authorization": None}}, 401, "no token"),
    ({"headers": {"Authorization": "Bearer nonsense"}}, 403, "a wrong token"),
    ({"headers": {"Authorization": TOKEN}}, 403, "no scheme"),
    ({"headers": {"Content-Type": None}}, 415, "no content type"),
    ({"headers": {"Content-Type": "text/plain"}}, 415, "a wrong content type"),
    ({"body": b"{"}, 400, "not JSON"),
    ({"body": b"[]"}, 400, "not an object"),
    ({"body": b'{"title":NaN}'}, 400, "NaN is not JSON"),
    ({"body": b'{"title":"a","title":"a"}'}, 400, "a member given twice"),
    ({"body": b'{"title":"\xff"}'}, 400, "not UTF-8"),
    ({"body": event(key="")}, 422, "an empty key"),
    ({"body": {"title": "t", "status": "firing"}}, 422, "no key"),
    ({"body": event(status="acknowledged")}, 422, "an unknown status"),
    ({"body": event(title="")}, 422, "an empty title"),
    ({"body": event(description=None)}, 422, "a null"),
    ({"body": event(metadata=[])}, 422, "metadata that is no object"),
    ({"body": event(priority="P1")}, 422, "an undocumented member"),
    (
        {"body": {"status": "firing", "title": "t", "deduplication_key": "k"}},
        422,
        "another order",
    ),
    ({"body": event(description="x" * 524288)}, 413, "over 512 KB"),
]


@pytest.mark.parametrize(
    "how, status, why", REFUSED, ids=[why for _, _, why in REFUSED]
)
def test_it_refuses(standin, how, status, why):
    answer = post(standin, **how)
    assert answer.status_code == status, why
    said = answer.json()
    assert said["status"] == status
    assert said["type"] and said["request_id"]
    assert isinstance(said["errors"][0], dict)
    assert len(standin.complaints()) == 1
    assert standin.events() == []


def test_an_unknown_source_is_404_and_a_token_belongs_to_its_source(standin):
    other = standin.add_source("OTHER", "other-token")
    assert post(standin, url=standin.url("NOBODY")).status_code == 404
    assert post(standin, url=other).status_code == 403
    answer = post(
        standin, url=other, headers={"Authorization": "Bearer other-token"}
    )
    assert answer.status_code == 202
    assert standin.alerts("OTHER").is_open("k")
    assert not standin.alerts(SOURCE).is_open("k")


def test_more_than_its_rate_is_429_with_retry_after(standin):
    standin.limit.per_minute = 3
    codes = [post(standin).status_code for _ in range(4)]
    assert codes == [202, 202, 202, 429]
    answer = post(standin)
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert answer.json()["rate_limit"]["limit"] == 3
    assert standin.complaints() == []
    assert standin.history()[-1].limited


def test_a_heartbeat_is_204(standin):
    for method in ("GET", "POST"):
        answer = post(standin, b"", method=method, url=standin.heartbeat_url())
        assert answer.status_code == 204
    bare = post(
        standin,
        url=standin.heartbeat_url(),
        headers={"Authorization": "Bearer no"},
    )
    assert bare.status_code == 401
    assert standin.heartbeats == 2


# ---- what it makes of it ----


def test_the_first_content_stays_and_the_key_opens_one_alert(standin):
    post(standin, event(title="first", metadata={"owners": ["a"]}))
    post(standin, event(title="second", metadata={"owners": ["b"]}))
    alerts = standin.alerts()
    assert alerts.opened("k") == 1
    assert alerts.newest("k").title == "first"
    assert alerts.newest("k").metadata == {"owners": ["b"]}


def test_resolved_closes_and_firing_again_opens_another(standin):
    for status in ("firing", "resolved"):
        post(standin, event(status=status))
    assert not standin.alerts().is_open("k")
    post(standin, event())
    assert standin.alerts().is_open("k")
    assert standin.alerts().opened("k") == 2


def test_a_resolve_of_nothing_opens_nothing(standin):
    post(standin, event(status="resolved"))
    assert standin.alerts().opened("k") == 0
    assert len(standin.alerts().stray) == 1


# ---- what it can do wrong ----


def test_a_connection_is_kept_and_numbered(standin):
    with requests.Session() as session:
        for _ in range(2):
            session.post(
                standin.url(),
                json=event(),
                headers={"Authorization": f"Bearer {TOKEN}"},
                verify=str(standin.authority.ca_file),
                timeout=30,
            )
    assert [(s.connection, s.nth) for s in standin.history()] == [(1, 1), (1, 2)]


def test_a_script_runs_once_and_then_all_is_well(standin):
    standin.script(behave.answer(503), behave.answer(418, b"tea"))
    assert [post(standin).status_code for _ in range(3)] == [503, 418, 202]
    assert [s.taken for s in standin.history()] == [False, False, True]
    assert standin.unused() == []


def test_a_function_decides_by_key(standin):
    standin.decide(lambda s: behave.answer(500) if s.key == "bad" else None)
    assert post(standin, event("bad")).status_code == 500
    assert post(standin, event("good")).status_code == 202


RETRY_AFTER = ["7", "Wed, 21 Oct 2026 07:28:00 GMT",
               "Thu, 17 Apr 2025 11:17:18 UTC", "soon", "9" * 40]  # fmt: skip


@pytest.mark.parametrize("value", RETRY_AFTER)
def test_retry_after_is_whatever_was_asked_for(standin, value):
    standin.script(behave.retry_after(value))
    answer = post(standin)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, value)


def test_a_redirect_has_a_location(standin):
    standin.script(behave.redirect("https://elsewhere.example/"))
    answer = post(standin)
    assert answer.status_code == 307
    assert answer.headers["Location"] == "https://elsewhere.example/"


def test_204_has_no_body(standin):
    standin.script(behave.no_content())
    assert (post(standin).status_code, post(standin).status_code) == (204, 202)


def test_100_continue_comes_before_the_answer(standin):
    standin.script(behave.Continue())
    done = curl(standin, "-i")
    assert done.stdout.startswith("HTTP/1.1 100 Continue\n")
    assert "HTTP/1.1 103" in done.stdout and "HTTP/1.1 202" in done.stdout


def test_an_expectation_is_met(standin):
    answer = post(standin, headers={"Expect": "100-continue"})
    assert answer.status_code == 202


def test_a_held_answer_waits_for_its_release(standin):
    hold = standin.script(behave.Hold())
    got = []
    client = threading.Thread(target=lambda: got.append(post(standin)))
    client.start()
    assert hold.reached.wait(30)
    assert got == [] and not standin.history()[0].done
    hold.release(behave.answer(500))
    client.join(30)
    assert got[0].status_code == 500


CUT_SHORT = [
    (behave.half_reply, True, "half a body"),
    (lambda: behave.WrongLength(10), True, "a length that lies"),
    (behave.Close, False, "no word at all"),
    (behave.Reset, True, "a reset after the request"),
    (lambda: behave.Reset(takes=False), False, "a reset, not taken"),
    (behave.ResetUnread, False, "a reset before the body"),
    (behave.Raw, False, "another protocol"),
]


@pytest.mark.parametrize(
    "make, taken, why", CUT_SHORT, ids=[why for _, _, why in CUT_SHORT]
)
def test_the_client_sees_no_answer(standin, make, taken, why):
    standin.script(make())
    assert curl(standin).returncode not in (0, 28), why
    standin.wait(lambda: standin.history()[0].done)
    assert standin.history()[0].taken is taken, why
    assert post(standin).status_code == 202, "and then all is well again"


def test_half_a_head_is_a_status_line_and_little_more(standin):
    standin.script(behave.half_head())
    got = curl(standin, "-i", "--raw").stdout
    assert got == "HTTP/1.1 202 Accepted\n"
    assert standin.history()[0].taken


HANGING = [
    (behave.Hang, "before the answer"),
    (behave.hang_in_body, "in the middle of the body"),
    (behave.Drip, "drop by drop"),
    (behave.NeverRead, "before reading"),
]


@pytest.mark.parametrize("make, why", HANGING, ids=[why for _, why in HANGING])
def test_the_client_runs_out_of_time(standin, make, why):
    standin.script(make())
    done = curl(standin, "-m", "1")
    assert done.returncode == 28, (why, done.stderr)
    standin.wait(lambda: standin.open_connections() == 0)


def test_a_huge_answer_is_as_large_as_asked_for(standin):
    standin.script(behave.Huge(size=1 << 20))
    assert len(post(standin).content) == 1 << 20


BEFORE_TLS = [
    (behave.ResetFirst, "reset"),
    (behave.CloseFirst, "closed"),
    (behave.TlsAlert, "a TLS alert"),
    (behave.RawFirst, "plain text"),
]


@pytest.mark.parametrize("make, why", BEFORE_TLS, ids=[w for _, w in BEFORE_TLS])
def test_there_is_no_tls(standin, make, why):
    standin.script(make())
    with pytest.raises(requests.ConnectionError):
        post(standin)
    assert standin.history() == [], why


@pytest.mark.parametrize(
    "kind",
    ["wrong-host", "expired", "not-yet", "self-signed", "stranger", "old-tls"],
)
def test_a_bad_certificate_is_bad(standin, kind):
    standin.certificate = kind
    with pytest.raises(requests.exceptions.SSLError):
        post(standin)
    assert standin.history() == []
    standin.certificate = "good"
    assert post(standin).status_code == 202


def test_a_kept_connection_may_be_closed_between_requests(standin):
    with requests.Session() as session:
        def send():
            return session.post(
                standin.url(), json=event(), timeout=30,
                headers={"Authorization": f"Bearer {TOKEN}"},
                verify=str(standin.authority.ca_file),
            )  # fmt: skip
        assert send().status_code == 202
        standin.close_connections()
        standin.wait(lambda: standin.open_connections() == 0)
        assert send().status_code == 202
        standin.script(behave.AnswerAndClose())
        assert send().status_code == 202
        standin.wait(lambda: standin.open_connections() == 0)
        assert send().status_code == 202
    assert standin.connections() == 3


def test_what_is_no_http_is_kept_and_refused(plain_standin):
    with socket.create_connection(("127.0.0.1", plain_standin.port)) as sock:
        sock.sendall(b"HELO there\r\n\r\n")
        answer = sock.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert plain_standin.history()[0].head == b"HELO there"
    assert plain_standin.complaints()


def test_it_speaks_plain_http_too(plain_standin):
    assert plain_standin.url().startswith("http://127.0.0.1:")
    assert post(plain_standin).status_code == 202


def test_it_stops_whatever_it_was_doing(authority):
    server = incidentio.StandIn(authority).start()
    server.script(
        behave.NeverRead(), behave.Hold(), behave.Hang(), behave.Drip(every=60)
    )
    clients = [
        threading.Thread(target=lambda: pytest.raises(Exception, post, server))
        for _ in range(4)
    ]
    for client in clients:
        client.start()
    server.wait(lambda: server.connections() == 4 and len(server.history()) == 3)
    server.stop()
    for client in clients:
        client.join(30)
        assert not client.is_alive()
    assert threading.active_count() < 20


# ---- as a program ----


@pytest.fixture
def program(tmp_path):
    with subprocess.Popen(
        [sys.executable, PROGRAM, "--dir", tmp_path / "ca",
         "--log", tmp_path / "log"],
        stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        try:
            yield child, json.loads(child.stdout.readline()), tmp_path / "log"
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                child.wait(30)


def test_the_program_is_steered_by_its_control_port(program):
    child, ready, log = program
    control = f"http://127.0.0.1:{ready['control_port']}"

    def send():
        return requests.post(
            ready["url"], json=event(), timeout=30, verify=ready["ca_file"],
            headers={"Authorization": f"Bearer {ready['token']}"},
        ).status_code  # fmt: skip

    script = [{"do": "answer", "status": 503}]
    assert requests.post(f"{control}/script", json=script, timeout=30).ok
    assert (send(), send()) == (503, 202)
    bad = requests.post(f"{control}/script", json=[{"do": "no"}], timeout=30)
    assert bad.status_code == 400
    history = requests.get(f"{control}/history", timeout=30).json()
    assert [seen["status"] for seen in history] == [503, 202]
    alerts = requests.get(f"{control}/alerts", timeout=30).json()
    assert alerts["k"]["open"] and alerts["k"]["opened"] == 1
    # A line is written after the answer.
    until(lambda: log.read_text().count("\n") == 2, "a line of each")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["taken"] for line in lines] == [False, True]
    os.kill(child.pid, signal.SIGTERM)
    assert child.wait(30) == 0
