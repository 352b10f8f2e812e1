"""post against a server that does what servers do, good and bad.

build/tools/post makes the exchanges; POST_TOOL names another build of it.
"""

import json
import os
import pathlib
import re
import selectors
import shutil
import socket
import ssl
import subprocess
import time

import pytest

from world import behave
from world.incidentio import TOKEN

ROOT = pathlib.Path(__file__).resolve().parents[1]
TOOL = os.environ.get("POST_TOOL") or str(ROOT / "build/tools/post")
PATIENCE = 60  # seconds; only a failure takes so long
LONG = 600000  # ms; longer than our patience
SHORT = 1000  # ms, where running out of time is the point
AMPLE = 5000  # the same, where something must come first


def event(key="k", title="It broke"):
    return json.dumps(
        {"title": title, "deduplication_key": key, "status": "firing"}
    )


class Tool:
    """One process, its two slots and its connections."""

    def __init__(self, ca_file=None, before=(), env=None):
        self.ca_file = ca_file
        self._process = subprocess.Popen(
            [*before, TOOL],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            text=True,
        )

    def say(self, *words):
        line = "\t".join("-" if w is None else str(w) for w in words)
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self):
        with selectors.DefaultSelector() as ready:
            ready.register(self._process.stdout, selectors.EVENT_READ)
            assert ready.select(PATIENCE), "no answer from the tool"
        return json.loads(self._process.stdout.readline())

    def ask(self, *words):
        self.say(*words)
        return self.hear()

    def start(self, url, body=None, slot=0, **how):
        self.say(
            "start",
            slot,
            url,
            how.get("token", TOKEN),
            how.get("ca_file", self.ca_file),
            how.get("connect", LONG),
            how.get("timeout", LONG),
            event() if body is None else body,
        )

    def post(self, url, body=None, slot=0, **how):
        self.start(url, body, slot, **how)
        return self.ask("wait", slot)

    def close(self):
        self._process.stdin.close()
        status = self._process.wait(PATIENCE)
        self._process.stdout.close()
        return status


@pytest.fixture(scope="module", autouse=True)
def built():
    if "POST_TOOL" not in os.environ:
        subprocess.run(
            ["make", "-s", "build/tools/post"], cwd=ROOT, check=True
        )


@pytest.fixture
def tool(authority):
    made = Tool(authority.ca_file)
    yield made
    assert made.close() == 0


@pytest.fixture
def warm(tool, standin):
    """With a kept connection, so that what follows needs no handshake."""
    assert tool.post(standin.url())["status"] == 202
    return tool


def reach(tool, hold):
    """Until a request waits at hold; the tool only polls when told to."""
    while not hold.reached.is_set():
        tool.say("turn")
        hold.reached.wait(0.01)


def count(standin):
    return len(standin.history())


# ---- a good exchange ----


def test_an_event_arrives_as_the_contract_wants_it(tool, standin):
    answer = tool.post(standin.url())
    assert (answer["status"], answer["unknown"], answer["why"]) == (
        202,
        False,
        "",
    )
    assert json.loads(answer["text"])["deduplication_key"] == "k"
    (seen,) = standin.history()
    assert standin.complaints() == []
    assert seen.body == event().encode()
    assert seen.method == "POST"
    assert seen.header("authorization") == [f"Bearer {TOKEN}"]
    assert seen.header("content-type") == ["application/json"]
    assert seen.header("content-length") == [str(len(event()))]
    assert re.fullmatch(r"bellrelay/[0-9.]+", seen.header("user-agent")[0])
    for absent in ("expect", "accept-encoding", "transfer-encoding", "cookie"):
        assert seen.header(absent) == []


def test_the_url_is_taken_as_it_stands(tool, standin):
    url = standin.url().replace("/v2/", "/./a/../v2/") + "?x=%41&token=a%2Fb"
    tool.post(url)
    assert standin.history()[0].path == url[url.index("/./") :]


def test_a_kept_connection_is_used_again(warm, standin):
    for _ in range(3):
        assert warm.post(standin.url())["status"] == 202
    assert [s.connection for s in standin.history()] == [1, 1, 1, 1]


def test_both_slots_share_what_is_kept(warm, standin):
    assert warm.post(standin.url(), slot=1)["status"] == 202
    assert standin.connections() == 1


def test_a_get_has_no_body_and_no_type(tool, standin):
    assert tool.post(standin.heartbeat_url(), "-")["status"] == 204
    (seen,) = standin.history()
    assert (seen.method, seen.body) == ("GET", b"")
    assert seen.header("content-type") == []


def test_a_get_after_a_post_is_a_get_still(warm, standin):
    assert warm.post(standin.heartbeat_url(), "-")["status"] == 204
    assert warm.post(standin.url())["status"] == 202
    assert [s.method for s in standin.history()] == ["POST", "GET", "POST"]


def test_half_a_megabyte_arrives_whole(tool, standin):
    assert tool.post(standin.url(), "=500000")["status"] in (202, 422)
    assert len(standin.history()[0].body) == 500000


def test_without_a_token_there_is_no_authorization(tool, standin):
    assert tool.post(standin.url(), token=None)["status"] == 401
    assert standin.history()[0].header("authorization") == []


def test_plain_http_to_this_machine(tool, plain_standin):
    for _ in range(2):
        answer = tool.post(plain_standin.url(), ca_file=None)
        assert answer["status"] == 202
    assert plain_standin.connections() == 1


# ---- answers ----


@pytest.mark.parametrize(
    "status",
    [200, 202, 204, 400, 401, 403, 404, 408, 413, 415, 422, 429]
    + [500, 502, 503, 504, 599],
)
def test_a_status_is_told_as_it_came(warm, standin, status):
    standin.script(behave.answer(status))
    answer = warm.post(standin.url())
    assert (answer["status"], answer["unknown"]) == (status, False)
    assert answer["why"] == ""


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(warm, standin, status):
    standin.script(behave.redirect(standin.url("elsewhere"), status))
    assert warm.post(standin.url())["status"] == status
    assert count(standin) == 2


def test_a_redirect_to_nonsense_is_still_a_redirect(warm, standin):
    standin.script(behave.redirect("https://[:/\\"))
    assert warm.post(standin.url())["status"] == 307


def test_retry_after_and_date_are_kept(warm, standin):
    date = "Thu, 17 Apr 2025 11:17:18 UTC"
    headers = {"Retry-After": f" \t{date} ", "Date": "x"}
    standin.script(behave.answer(429, None, headers))
    answer = warm.post(standin.url())
    assert (answer["retry_after"], answer["date"]) == (date, "x")


def test_header_names_have_no_case(warm, standin):
    standin.script(behave.answer(429, None, {"rEtRy-aFtEr": "7"}))
    assert warm.post(standin.url())["retry_after"] == "7"


def test_headers_of_an_earlier_exchange_are_forgotten(warm, standin):
    standin.script(behave.retry_after("7"))
    warm.post(standin.url())
    assert warm.post(standin.url())["retry_after"] == ""


def test_a_header_too_long_to_be_true_is_left_out(warm, standin):
    standin.script(behave.retry_after("1" * 64), behave.retry_after("1" * 63))
    assert warm.post(standin.url())["retry_after"] == ""
    assert warm.post(standin.url())["retry_after"] == "1" * 63


def test_a_hint_before_the_answer_is_not_the_answer(warm, standin):
    standin.script(behave.Continue())
    assert warm.post(standin.url())["status"] == 202
    standin.script(
        behave.Raw(
            "HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n"
            "HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n"
        )
    )
    answer = warm.post(standin.url())
    assert (answer["status"], answer["retry_after"]) == (429, "")


def test_the_beginning_of_a_long_text_is_kept(warm, standin):
    body = b'\0"\xff' + b"x" * 5000
    standin.script(behave.answer(500, body))
    answer = warm.post(standin.url())
    assert answer["text"].encode("latin-1") == body[:2047]
    assert answer["ended"]


# ---- answers cut short: the status was read, so it counts ----


@pytest.mark.parametrize(
    "cut, text",
    [
        (behave.half_reply(), '{"dedup'),
        (behave.half_head(), ""),
        (behave.WrongLength(), '{"dedup'),
        (behave.Huge(size=1 << 40), "xxxxxxx"),
        (behave.hang_in_body(), '{"dedup'),
        (behave.Hang(b"HTTP/1.1 202 Accepted\r\n", takes=True), ""),
        (behave.Raw("HTTP/1.1 202 \r\nTransfer-Encoding: x\r\n\r\n"), ""),
    ],
    ids=[
        "the body ends early",
        "the headers end early",
        "the length lies",
        "the body has no end",
        "the body never comes",
        "the headers never come",
        "the encoding is unknown",
    ],
)
def test_a_status_that_was_read_counts(warm, standin, cut, text):
    standin.script(cut)
    comes = cut.name in ("half_reply", "huge")
    answer = warm.post(standin.url(), timeout=LONG if comes else AMPLE)
    assert (answer["status"], answer["unknown"]) == (202, False)
    assert answer["text"][:7] == text
    assert count(standin) == 2
    assert warm.post(standin.url())["status"] == 202


# ---- no answer, and nobody knows ----

UNKNOWN = [
    (behave.Hang(), "no answer within 1 s"),
    (behave.Hang(b"HTTP/1.1 202"), "no answer within 1 s"),
    (behave.Hang(b"HTTP/1.1 100 Continue\r\n\r\n"), "no answer within 1 s"),
    (behave.Reset(), "without an answer"),
    (behave.Close(), "without an answer"),
    (behave.Raw(b"HTTP/1.1 20"), ""),
    (behave.Raw(b"HTTP/1.1 100 Continue\r\n\r\n"), ""),
    (behave.Raw(), "not HTTP"),
    (behave.Raw(b"\0\xff" * 5000), ""),
]


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "new"])
@pytest.mark.parametrize(
    "bad, why", UNKNOWN, ids=[f"{b.name}{i}" for i, (b, _) in enumerate(UNKNOWN)]
)
def test_without_a_status_the_outcome_is_unknown(
    tool, standin, bad, why, kept
):
    if kept:
        tool.post(standin.url())
    before = count(standin)
    standin.script(bad)
    timeout = SHORT if bad.name == "hang" else LONG
    for _ in range(PATIENCE):  # the connecting may take all of the time
        answer = tool.post(standin.url(), timeout=timeout)
        if "no connection" not in answer["why"]:
            break
    standin.wait(lambda: not standin.unused())
    assert (answer["status"], answer["unknown"]) == (0, True)
    assert answer["why"].startswith(f"localhost:{standin.port}: ")
    if kept or bad.name in ("hang", "raw"):
        assert why in answer["why"]
    assert TOKEN not in answer["why"]
    assert count(standin) == before + 1, "sent once, whatever became of it"
    assert tool.post(standin.url())["status"] == 202, "and the next is fine"


@pytest.mark.parametrize("size", [100, 400000])
def test_a_reset_before_the_body_was_read_is_unknown_too(warm, standin, size):
    standin.script(behave.ResetUnread())
    answer = warm.post(standin.url(), f"={size}")
    if answer["status"] == 0:
        assert answer["unknown"]
        assert standin.events() == [json.loads(event())]
    else:  # none of the body was on its way, and so it was sent anew
        assert len(standin.history()) == 3


def test_waiting_for_an_answer_does_not_spin(warm, standin):
    standin.script(behave.Hang())
    assert warm.post(standin.url(), timeout=SHORT)["polls"] < 50


# ---- no connection: the event is surely here still ----


def refused(answer, why):
    assert (answer["status"], answer["unknown"]) == (0, False), answer
    assert why in answer["why"], answer
    assert len(answer["why"]) < 239, "is not cut"


def test_nobody_listens(tool):
    with socket.socket() as mute:  # nobody else's, and it does not listen
        mute.bind(("127.0.0.1", 0))
        port = mute.getsockname()[1]
        answer = tool.post(f"https://127.0.0.1:{port}/x?token=hidden")
    refused(answer, f"127.0.0.1:{port}: no connection (Connection refused)")
    assert "hidden" not in answer["why"]


def test_a_host_that_is_not_there(tool):
    answer = tool.post("https://nowhere.invalid/x")
    refused(answer, "nowhere.invalid: this host is not found")
    assert "DNS" in answer["why"]


@pytest.mark.parametrize(
    "kind, why",
    [
        ("wrong-host", "look at the host in the url"),
        ("expired", "has expired); it must be renewed"),
        ("not-yet", "machine's clock is wrong"),
        ("self-signed", "name the authority that signed it in ca_file"),
        ("stranger", "name the authority that signed it in ca_file"),
        ("old-tls", "TLS 1.2 or later"),
    ],
)
def test_a_server_that_cannot_be_trusted_hears_nothing(
    tool, standin, kind, why
):
    standin.certificate = kind
    refused(tool.post(standin.url()), why)
    assert standin.history() == []


def test_old_tls_is_refused_whatever_openssl_is_told(
    authority, standin, tmp_path
):
    conf = tmp_path / "openssl.cnf"
    conf.write_text(
        "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
        "[c]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n"
    )
    standin.certificate = "old-tls"
    made = Tool(authority.ca_file, env={**os.environ, "OPENSSL_CONF": str(conf)})
    refused(made.post(standin.url()), "TLS 1.2 or later")
    assert made.close() == 0


def test_an_authority_of_our_own_is_none_of_the_system(tool, standin):
    refused(tool.post(standin.url(), ca_file=None), "ca_file")
    assert standin.history() == []


def test_a_ca_file_that_is_not_there(tool, standin):
    refused(tool.post(standin.url(), ca_file="/nonexistent"), "look at ca_file")


def test_a_ca_file_with_nothing_in_it(tool, standin, tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate\n")
    answer = tool.post(standin.url(), ca_file=tmp_path / "ca.pem")
    refused(answer, "look at ca_file")


@pytest.mark.parametrize(
    "bad, why",
    [
        # Early enough the reset ends the connecting, else the handshake.
        (behave.ResetFirst, "connection"),
        (behave.CloseFirst, "no TLS connection"),
        (behave.TlsAlert, "no TLS connection"),
    ],
)
def test_a_handshake_that_fails(tool, standin, bad, why):
    standin.script(bad())
    refused(tool.post(standin.url()), why)


def test_what_answers_speaks_no_tls(tool, standin):
    standin.script(behave.RawFirst())
    refused(tool.post(standin.url()), "no TLS connection")


def test_a_handshake_that_never_ends(tool, standin):
    standin.script(behave.NeverRead())
    answer = tool.post(standin.url(), connect=2000)
    refused(answer, "no connection within 2 s")


def test_the_whole_time_bounds_the_connecting_too(tool, standin):
    standin.script(behave.NeverRead())
    answer = tool.post(standin.url(), timeout=SHORT)
    refused(answer, "no connection within 1 s")


def test_plain_http_goes_nowhere_else(tool):
    answer = tool.post("http://192.0.2.1/x")
    refused(answer, "192.0.2.1 is not this machine")
    assert answer["polls"] == 0


@pytest.mark.parametrize("token", ["a\rb", "a\x01b", "a\x7fb", "\x1b"])
def test_a_token_with_a_control_is_not_sent(tool, standin, token):
    refused(tool.post(standin.url(), token=token), "look at token_file")
    assert standin.connections() == 0


def test_an_exchange_that_cannot_begin_wakes_the_poll(tool):
    tool.start("http://192.0.2.1/x")
    assert tool.ask("listen", LONG) == {"input": False, "silent": False}
    assert tool.ask("look", 0) == {"busy": False, "done": True}


# ---- kept connections that are kept no longer ----


def test_a_connection_that_was_closed_in_good_order_is_not_used(tool, standin):
    for nth in range(1, 4):
        standin.script(behave.AnswerAndClose())
        answer = tool.post(standin.url())
        assert (answer["status"], answer["unknown"]) == (202, False)
        standin.wait(lambda: standin.open_connections() == 0)
        assert [s.connection for s in standin.history()] == list(
            range(1, nth + 1)
        )


def test_nor_one_that_was_dropped(warm, standin):
    standin.close_connections()
    standin.wait(lambda: standin.open_connections() == 0)
    assert warm.post(standin.url())["status"] == 202
    assert [s.connection for s in standin.history()] == [1, 2]


def test_a_closed_one_is_found_out_while_the_other_slot_waits(tool, standin):
    standin.script(behave.AnswerAndClose())
    tool.post(standin.url())
    standin.wait(lambda: standin.open_connections() == 0)
    hold = standin.script(behave.Hold())
    tool.start(standin.url(), event("held"), slot=1)
    reach(tool, hold)
    answer = tool.post(standin.url(), event("next"))
    assert answer["status"] == 202
    assert len(standin.history("next")) == 1
    hold.release()
    assert tool.ask("wait", 1)["status"] == 202


def test_a_closed_one_and_nobody_who_listens_any_more(tool, standin):
    """The head went out on it, but none of the event."""
    standin.script(behave.AnswerAndClose())
    tool.post(standin.url())
    standin.wait(lambda: standin.open_connections() == 0)
    standin.stop()
    refused(tool.post(standin.url()), "no connection (Connection refused)")


def test_connections_do_not_pile_up(tool, standin):
    for _ in range(12):
        standin.script(behave.AnswerAndClose())
        tool.post(standin.url())
    assert tool.ask("sockets")["sockets"] < 8


# ---- two at once ----


def test_one_hangs_and_the_other_is_done(tool, standin):
    hold = standin.script(behave.Hold())
    tool.start(standin.url(), event("a"), slot=1)
    reach(tool, hold)
    tool.start(standin.url(), event("b"), slot=0)
    assert tool.ask("race")["slot"] == 0
    assert tool.ask("look", 1) == {"busy": True, "done": False}
    hold.release()
    assert tool.ask("race")["slot"] == 1
    assert {e["deduplication_key"] for e in standin.events()} == {"a", "b"}


def test_an_answer_is_given_once(warm):
    assert warm.ask("look", 0) == {"busy": False, "done": False}
    assert warm.ask("look", 1) == {"busy": False, "done": False}


def test_what_was_given_up_has_no_answer(tool, standin):
    hold = standin.script(behave.Hold())
    tool.start(standin.url(), event("a"))
    reach(tool, hold)
    tool.say("stop", 0)
    assert tool.ask("look", 0) == {"busy": False, "done": False}
    hold.release()
    assert tool.post(standin.url(), event("b"))["status"] == 202


def test_a_slot_may_be_used_before_it_is_done(tool, standin):
    hold = standin.script(behave.Hold())
    tool.start(standin.url(), event("a"))
    reach(tool, hold)
    assert tool.post(standin.url(), event("b"))["status"] == 202
    hold.release()


def test_the_process_may_end_with_an_exchange_under_way(authority, standin):
    made = Tool(authority.ca_file)
    hold = standin.script(behave.Hold())
    made.start(standin.url())
    reach(made, hold)
    assert made.close() == 0
    hold.release()


# ---- polling ----


def test_a_poll_ends_when_a_descriptor_can_be_read(warm, standin):
    standin.script(behave.Hold())
    warm.start(standin.url(), slot=1)
    heard = {"input": False}
    while not heard["input"]:  # a poll may end early for the exchange's sake
        warm.say("listen", LONG)
        warm.say("turn")
        heard = warm.hear()
        assert not heard["silent"]
    assert warm.ask("look", 1) == {"busy": True, "done": False}


def test_a_poll_with_nothing_to_do_ends_for_a_descriptor_too(tool):
    tool.say("listen", LONG)
    tool.say("turn")
    assert tool.hear() == {"input": True, "silent": False}


def test_a_poll_without_time_only_looks(tool):
    assert tool.ask("listen", 0) == {"input": False, "silent": False}


# ---- what the environment says ----


def environment(tmp_path, standin):
    (tmp_path / ".netrc").write_text("machine localhost login a password b\n")
    (tmp_path / ".netrc").chmod(0o600)
    (tmp_path / ".curlrc").write_text("header = X-Rc: 1\n")
    names = ["http_proxy", "https_proxy", "all_proxy", "ftp_proxy"]
    nobody = "http://127.0.0.1:1"
    said = {name: nobody for name in names}
    said |= {name.upper(): nobody for name in names}
    said |= {"no_proxy": "", "NO_PROXY": "", "HOME": str(tmp_path)}
    return {**os.environ, **said, "NETRC": str(tmp_path / ".netrc")}


def test_proxies_and_netrc_are_ignored(
    authority, standin, plain_standin, tmp_path
):
    made = Tool(authority.ca_file, env=environment(tmp_path, standin))
    assert made.post(standin.url())["status"] == 202
    assert made.post(plain_standin.url())["status"] == 202
    assert made.post(standin.url(), token=None)["status"] == 401
    assert made.close() == 0
    assert standin.history()[1].header("authorization") == []


# ---- the certificates ----


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace")
def test_the_certificates_are_read_once(authority, standin, tmp_path):
    trace = tmp_path / "trace"
    options = ["-f", "-qq", "-e", "trace=openat,connect", "-e", "signal=none"]
    # A traced process cannot look for leaks.
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    before = ["strace", *options, "-o", str(trace)]
    made = Tool(authority.ca_file, before, env)
    for slot in (0, 1, 0):
        assert made.post(standin.url(), slot=slot)["status"] == 202
        standin.close_connections()
        standin.wait(lambda: standin.open_connections() == 0)
    assert made.close() == 0
    calls = trace.read_text()
    assert standin.connections() == 3
    assert calls.count(f'"{authority.ca_file}"') == 1
    assert "/etc/ssl/certs" not in calls, "no directory of certificates either"


def test_a_mended_ca_file_is_taken_up(authority, standin, tmp_path):
    mended = tmp_path / "ca.pem"
    shutil.copy(authority.ca_file, mended)
    made = Tool(mended)
    standin.certificate = "stranger"
    refused(made.post(standin.url()), "ca_file")
    stranger = ssl.get_server_certificate(("127.0.0.1", standin.port))
    mended.write_text(stranger)
    end = time.monotonic() + PATIENCE
    while made.post(standin.url())["status"] != 202:
        # For a second what is at hand counts still.
        assert time.monotonic() < end, "the new file is not read"
    assert made.close() == 0


# ---- a name server that does not answer ----


@pytest.mark.skipif(os.geteuid() != 0, reason="port 53 is root's")
def test_a_silent_name_server_holds_nothing(authority, tmp_path):
    """The look-up itself would take two and a half minutes."""
    host = "127.0.53.53"
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"nameserver {host}\noptions timeout:30 attempts:5\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        try:
            silent.bind((host, 53))
        except OSError as error:
            pytest.skip(f"no name server here: {error}")
        mount = f"mount --bind {conf} /etc/resolv.conf && exec \"$0\""
        made = Tool(authority.ca_file, ["unshare", "-m", "sh", "-c", mount])
        answer = made.post("https://somewhere.example/x", connect=SHORT)
        if "not found" in answer["why"]:
            pytest.skip("this machine does not ask its name server")
        refused(answer, "no connection within 1 s")
        assert made.close() == 0


# ---- where we may send to ----


@pytest.mark.parametrize(
    "url, why",
    [
        ("https://api.incident.io/v2/alert_events/http/01HXYZ", None),
        ("HTTPS://api.incident.io/v2/alert_events/http/01HXYZ?a=b", None),
        ("https://127.0.0.1:8443/x", None),
        ("http://127.0.0.1/x", None),
        ("http://127.255.1.2:80/x", None),
        ("http://[::1]:80/x", None),
        ("http://localhost:80/x", None),
        ("http://LocalHost/x", None),
        ("http://api.incident.io/x", "must begin with https:"),
        ("http://10.0.0.1/x", "must begin with https:"),
        ("http://128.0.0.1/x", "must begin with https:"),
        ("http://[::2]/x", "must begin with https:"),
        ("http://[::ffff:127.0.0.1]/x", "must begin with https:"),
        ("http://127.0.0.1.example/x", "must begin with https:"),
        ("http://127.0.0.1@example.com/x", "user or password"),
        ("http://localhost.example/x", "must begin with https:"),
        ("https://user@api.incident.io/x", "user or password"),
        ("https://user:word@api.incident.io/x", "user or password"),
        ("https://:word@api.incident.io/x", "user or password"),
        ("ftp://127.0.0.1/x", "wanted https:"),
        ("file:///etc/passwd", "wanted https:"),
        ("gopher://127.0.0.1/x", "wanted https:"),
        ("api.incident.io/x", "wanted https:"),
        ("https://", "wanted https:"),
        ("https://api.incident.io:99999/", "wanted https:"),
        ("https://api incident.io/x", "a space"),
        ("https://api.incident.io/x y", "a space"),
        ("https://api.incident.io/x\r", "a control"),
        ("https://api.incident.io/x\x7f", "a control"),
        ("https://api.incident.io/\u00e9", "beyond ASCII"),
        ("https://\u0430pi.incident.io/", "beyond ASCII"),
        (" https://api.incident.io/", "a space"),
        ("", "wanted https:"),
    ],
)
def test_a_url_is_one_we_may_send_to_or_says_why_not(tool, url, why):
    answer = tool.ask("url", url)
    assert answer["ok"] == (why is None)
    assert (why or "") in answer["text"]
    assert (answer["kind"] == 5) == (why is not None), "FAIL_BROKEN or none"
    assert "word@" not in answer["text"]
