"""Who is refused, in which words, and that nothing is left of it."""

import contextlib
import fcntl
import hashlib
import hmac
import http.client
import json
import os
import shutil
import signal
import time

import pytest

from world import behave, montecarlo
from world.montecarlo import alert, update
from world.senders import dbt_results
from world.site import SECRET, section, ticket_id, until

BODY = montecarlo.volume()

#: A word that must come back nowhere.
MARK = "Quetzalcoatl"


def check_problem(said, status, retryable=False):
    """RFC 9457, with `retryable`."""
    assert set(said) == {"type", "title", "status", "detail", "retryable"}
    assert said["status"] == status
    assert said["retryable"] is retryable
    for name in ("type", "title", "detail"):
        assert isinstance(said[name], str) and said[name]


def check_refused(answer, status, retryable=False):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    check_problem(answer.json(), status, retryable)
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert MARK not in answer.text + str(answer.headers)


def check_no_trace(site):
    """Nothing in the spool, nothing sent, all still alive."""
    assert site.spool_files() == []
    assert site.standin.history() == []
    assert site.post(alert("afterwards")).json()["result"] == "delivered"


# ---- the proof ----


def right():
    return montecarlo.sign(BODY, SECRET.encode())


RIGHT = right()

SIGNATURES = [
    (None, "no signature"),
    ("", "an empty one"),
    ("0" * 128, "a wrong one"),
    (RIGHT[:-1], "one digit short"),
    (RIGHT[:64], "half of it"),
    (RIGHT + "0", "one digit more"),
    (RIGHT[:-1] + "g", "a digit that is none"),
    (" ".join(RIGHT), "spaces in between"),
    ("sha512=" + RIGHT, "a prefix"),
    (RIGHT[:-1] + "\xe9", "a letter beyond ASCII"),
    (RIGHT.upper(), "upper case"),
    (f"{RIGHT},{RIGHT}", "two, joined by a comma"),
    (f"{RIGHT}, {'0' * 128}", "the right one and another"),
    (hmac.new(SECRET.encode(), BODY, "sha512").hexdigest(), "of the raw body"),
    (hmac.new(b"", BODY, "sha512").hexdigest(), "with an empty secret"),
    (montecarlo.sign(BODY, SECRET.encode() + b"\n"), "secret and newline"),
    (montecarlo.sign(BODY + b" ", b"another secret"), "another secret"),
    (montecarlo.sign(alert("other"), SECRET.encode()), "of another body"),
    (hashlib.sha512(BODY).hexdigest(), "a digest without a key"),
]


@pytest.mark.parametrize(
    "signature, why", SIGNATURES, ids=[why for _, why in SIGNATURES]
)
def test_without_proof_nobody_gets_in(served, signature, why):
    if signature is not None:
        signature = signature.encode("latin-1")
    answer = served.post(BODY, signature)
    check_refused(answer, 403)
    check_no_trace(served)
    assert why


def test_no_proof_and_a_wrong_one_are_answered_alike(served):
    answers = [served.post(BODY, s) for s in (None, "0" * 128, RIGHT.upper())]
    assert len({a.text for a in answers}) == 1
    served.write(served.secret_file, "x" * 40 + "\n")
    assert served.post(BODY, RIGHT).text == answers[0].text


def test_what_is_for_no_source_leaves_a_line_that_says_so(served):
    """Without the path, which may hold a token."""
    assert served.post(BODY, path=f"/montecarl/{MARK}").status_code == 404
    (line,) = served.logged(event="request")
    assert line["why"] == "there is no such source"
    assert MARK not in served.log()


def test_a_refusal_leaves_a_line_of_the_log(served):
    served.post(BODY, "0" * 128)
    (line,) = served.log_lines(event="webhook")
    assert line["http"] == "403"


def test_the_proof_is_asked_for_before_anything_else(served):
    for body, headers in (
        (b"not json", {}),
        (BODY, {"Content-Type": "text/plain"}),
        (b"[" * 300 + b"]" * 300, {}),
        (b"x" * (1 << 20) + b"x", {}),
    ):
        check_refused(served.post(body, None, headers=headers), 403)
    check_no_trace(served)


def test_a_source_without_a_secret_refuses_all(site):
    site.configure(source={"secret_file": None})
    site.start()
    for signature in (None, montecarlo.sign(BODY, b""), RIGHT):
        check_refused(site.post(BODY, signature), 403)
    assert site.spool_files() == []


def test_two_headers_are_no_better_than_one(served):
    """lighttpd joins them with a comma."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port)
    connection.putrequest("POST", "/bellrelay/montecarlo")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(BODY)))
    connection.putheader("x-mcd-signature", RIGHT)
    connection.putheader("x-mcd-signature", RIGHT)
    connection.endheaders(BODY)
    assert connection.getresponse().status == 403
    connection.close()
    check_no_trace(served)


# ---- method, path, type ----


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_webhook_is_a_post(served, method):
    body = None if method == "GET" else BODY  # lighttpd's own refusal
    answer = served.post(body, right(), method=method)
    check_refused(answer, 405)
    assert answer.headers["Allow"] == "POST"
    check_no_trace(served)


def test_head_is_refused_without_a_body(served):
    answer = served.post(None, None, method="HEAD")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    assert answer.content == b""


def test_healthz_can_only_be_read(served):
    answer = served.post(b"{}", None, "/healthz")
    check_refused(answer, 405)
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "path",
    ["", "/", "/nobody", f"/{MARK}", "/montecarlo.json", "/Montecarlo",
     "/..%2fmontecarlo%00", "/montecarlo%00", "/oncall"],
)  # fmt: skip
def test_there_is_no_such_source(served, path):
    answer = served.post(BODY, path=path)
    assert answer.status_code in (400, 404)
    if answer.headers["Content-Type"] != "text/html":  # lighttpd's own
        check_refused(answer, 404)
    check_no_trace(served)


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "application/jsonx",
     "multipart/form-data; boundary=x", "json", f"x/{MARK}"],
)  # fmt: skip
def test_a_content_type_that_is_not_json_is_415(served, kind):
    check_refused(served.post(BODY, headers={"Content-Type": kind}), 415)
    check_no_trace(served)


# ---- the body ----

BODIES = [
    (b"", "nothing"),
    (b"   ", "white space"),
    (b"{", "cut short"),
    (b'{"a":1}}', "trailing data"),
    (b"{} {}", "two values"),
    (b"{'a':1}", "single quotes"),
    (b'{"a":1,}', "a comma too many"),
    (b'{"a":01}', "a leading zero"),
    (b'{"a":"\t"}', "a raw control character"),
    (b'{"a":"\xff"}', "no UTF-8"),
    (b'{"a":"\\x"}', "an unknown escape"),
    (b"a=1&b=2", "a form"),
    (b"[]", "an array"),
    (b'[{"payload":{}}]', "an array of objects"),
    (b'"text"', "a string"),
    (b"null", "null"),
    (b"17", "a number"),
    (b'{"a":' + b"[" * 300 + b"]" * 300 + b"}", "too deep"),
    (b'{"a":' + b'{"a":' * 99999 + b"1" + b"}" * 100000, "far too deep"),
    (b'{"a":' + b"9" * 4301 + b"}", "more digits than Python takes"),
    (f'{{"{MARK}":}}'.encode(), "words of its own"),
]


@pytest.mark.parametrize("body, why", BODIES, ids=[why for _, why in BODIES])
def test_what_is_not_a_json_object_is_400(served, body, why):
    """The proof cannot be computed: no signature could be right."""
    check_refused(served.post(body, "0" * 128), 400)
    check_no_trace(served)
    assert MARK not in served.log(), why


def test_a_lone_surrogate_at_the_top_has_no_signature(served):
    """urlencode raises in Python: nothing that it sent looks like this."""
    body = b'{"a": "\\ud800", "payload": {"incident_id": "x"}}'
    answer = served.post(body, "0" * 128)
    assert answer.status_code in (400, 403)
    check_no_trace(served)


def test_a_body_over_the_limit_is_413(served):
    body = json.dumps({"a": "x" * (1 << 20)}).encode()
    answer = served.post(body, "0" * 128)
    check_refused(answer, 413)
    assert "1048576 bytes, the body_limit" in answer.json()["detail"]
    check_no_trace(served)


def test_a_body_of_the_limit_exactly_is_taken(site):
    site.configure(top={"body_limit": 4096})
    site.start()
    body = alert("limit", pad="")
    body = alert("limit", pad="x" * (4096 - len(body)))
    assert len(body) == 4096
    assert site.post(body).status_code == 200
    check_refused(site.post(body + b" ", "0" * 128), 413)


def test_far_over_the_limit_the_web_server_refuses(served):
    answer = served.post(b"x" * (3 << 20), "0" * 128)
    assert answer.status_code == 413
    check_no_trace(served)


def test_no_answer_repeats_what_was_sent(served):
    for path in (f"/<b>{MARK}", "/montecarlo"):
        for headers in ({}, {"Content-Type": f"a/{MARK}"}):
            answer = served.post(
                json.dumps({MARK: MARK}).encode(), MARK, path, headers=headers
            )
            assert MARK not in answer.text + str(answer.headers)
    assert MARK not in served.log()


# ---- lengths that lie, and other liberties of a web server ----


@pytest.fixture
def direct(site):
    """The responder on a socket, and we are the web server."""
    with site.responder() as responder:
        yield responder


def check_fcgi(answer, status):
    assert answer.ended and answer.app_status == 0
    assert answer.status == status, answer.raw
    check_problem(json.loads(answer.body), status, status in (408, 503))


def check_alive(site, direct, key="afterwards"):
    """It goes on, and what came before has left nothing."""
    assert site.spool_files() == []
    assert site.standin.history() == []
    with direct.connect() as client:
        answer = client.request(site.params(alert(key)), alert(key))
    assert answer.status == 200, answer.raw


LENGTHS = [
    (str(len(BODY) + 1), "one more than there is"),
    (str(len(BODY) - 1), "one less"),
    ("0", "none"),
    ("99999999999", "far more"),
    ("9" * 30, "more than any"),
    ("abc", "no number"),
    ("+5", "a sign"),
]


@pytest.mark.parametrize(
    "length, why", LENGTHS, ids=[why for _, why in LENGTHS]
)
def test_a_length_that_lies_is_refused(site, direct, length, why):
    with direct.connect() as client:
        answer = client.request(site.params(BODY, CONTENT_LENGTH=length), BODY)
    check_fcgi(answer, 400)
    check_alive(site, direct)


@pytest.mark.parametrize("length", [None, "", "-1"])
def test_a_length_that_is_not_given_is_no_lie(site, direct, length):
    with direct.connect() as client:
        answer = client.request(site.params(BODY, CONTENT_LENGTH=length), BODY)
    assert answer.status == 200


def test_without_a_length_the_limit_still_holds(site, direct):
    body = b'{"a":"' + b"x" * (2 << 20) + b'"}'
    with direct.connect() as client:
        answer = client.request(
            site.params(body, signature="0" * 128, CONTENT_LENGTH=None), body
        )
    check_fcgi(answer, 413)
    check_alive(site, direct)


def test_a_body_that_comes_too_slowly_is_408(site, direct):
    with direct.connect() as client:
        client.begin()
        client.params(site.params(BODY))
        client.stdin(BODY[:20])
        until(lambda: not asleep_in_poll(direct.pid), "the body to be awaited")
        os.kill(direct.pid, signal.SIGALRM)  # the guard's own signal
        answer = client.read()
    check_fcgi(answer, 408)
    check_alive(site, direct)


def asleep_in_poll(pid):
    """Whether the process waits for a connection."""
    with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
        return not file.read().startswith("0 ")  # read(2)


def test_an_aborted_request_leaves_nothing(site, direct):
    with direct.connect() as client:
        client.begin()
        client.params(site.params(BODY))
        client.stdin(BODY[:20])
        client.abort()
        answer = client.read()
    assert answer.status >= 400 or not answer.raw
    check_alive(site, direct)


def test_a_web_server_that_goes_away_leaves_nothing(site, direct):
    for part in (b"", BODY[:20]):
        with direct.connect() as client:
            client.begin()
            client.params(site.params(BODY))
            if part:
                client.stdin(part)
    check_alive(site, direct)


def test_a_web_server_that_does_not_wait_for_the_answer_does_no_harm(
    site, direct
):
    with direct.connect() as client:
        client.begin()
        client.params(site.params(alert("a")))
        client.stdin(alert("a"))
        client.stdin()
    site.standin.wait_events(1, "a")
    with direct.connect() as client:
        answer = client.request(site.params(alert("b")), alert("b"))
    assert answer.status == 200


def test_a_path_is_found_however_the_server_splits_it(site, direct):
    for script, info, uri in (
        ("/bellrelay", "/montecarlo", None),
        ("/bellrelay/montecarlo", None, None),
        ("/bellrelay/montecarlo", "", "/x"),
        ("", "/montecarlo", None),
        ("", "/bellrelay/montecarlo", "/other"),
        (None, None, "/bellrelay/montecarlo?x=/nobody"),
        ("/cgi-bin/bellrelay.fcgi", "/montecarlo", None),
    ):
        with direct.connect() as client:
            answer = client.request(
                site.params(
                    BODY, SCRIPT_NAME=script, PATH_INFO=info, REQUEST_URI=uri
                ),
                BODY,
            )
        assert answer.status == 200, (script, info, uri)


def test_strange_variables_are_only_variables(site, direct):
    more = {f"HTTP_X_{n}": "y" * 100 for n in range(500)}
    more["HTTP_PROXY"] = "http://127.0.0.1:9"
    more["SCRIPT_FILENAME"] = "../../etc/passwd"
    more["BELLRELAY_CONFIG"] = "/nonexistent"
    with direct.connect() as client:
        answer = client.request(site.params(BODY, **more), BODY)
    assert answer.status == 200
    assert len(site.standin.events()) == 1


# ---- what is wrong on our side ----


def check_unavailable(site, key="refused"):
    answer = site.post(alert(key))
    check_refused(answer, 503, retryable=True)
    assert int(answer.headers["Retry-After"]) > 0
    assert site.standin.history(key) == []
    assert site.health() == (503, "failing")


def test_a_spool_that_is_missing_is_503_until_it_is_there(site):
    shutil.rmtree(site.spool)
    site.start()
    check_unavailable(site)
    assert not site.spool.exists(), "a wrong path must not be made"
    site.spool.mkdir(mode=0o700)
    site.own(site.spool)
    assert site.post(alert("a")).status_code == 200


def test_a_spool_that_cannot_be_written_is_503_until_it_can(site):
    site.spool.chmod(0o500)
    site.start()
    check_unavailable(site)
    site.spool.chmod(0o700)
    assert site.post(alert("a")).status_code == 200


def test_a_spool_that_becomes_read_only_refuses(served):
    """All that is known; what is new is tried, also without the record of the
    rate, which each process then keeps by itself."""
    served.post(alert("known"))
    places = [served.spool / "tmp", served.box() / "pending"]
    for place in places:
        place.chmod(0o500)
    answer = served.post(update("known", owner="ann@example.com"))
    check_refused(answer, 503, retryable=True)
    assert served.post(alert("new")).json()["result"] == "delivered"
    (served.box() / "state.json").chmod(0o400)
    assert served.post(alert("newer")).json()["result"] == "delivered"
    assert [e["deduplication_key"] for e in served.standin.events()] == [
        "known", "new", "newer",
    ]  # fmt: skip
    (served.box() / "state.json").chmod(0o600)
    for place in places:
        place.chmod(0o700)
    assert served.post(alert("newest")).status_code == 200


def test_where_the_pace_cannot_be_written_nobody_is_hammered(site, standin):
    standin.always(behave.answer(503))
    assert site.cgi(alert("a")).status == 202
    standin.always(behave.answer(401))
    (site.box() / "state.json").chmod(0o400)
    before = len(standin.history())
    assert site.cli("drain").returncode == 75
    assert len(standin.history()) - before == 1
    standin.decide(None)
    (site.box() / "state.json").chmod(0o600)
    assert site.cli("drain").returncode == 0


def test_a_spool_that_is_a_file_refuses(site):
    shutil.rmtree(site.spool)
    site.write(site.spool, "not a directory")
    site.start()
    check_unavailable(site)
    site.spool.unlink()
    site.spool.mkdir(mode=0o700)


root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can mount a small file system"
)


@root
def test_when_the_disk_is_full_a_new_alert_is_sent_at_once(site, standin):
    with site.small_spool():
        site.start()
        assert site.post(alert("known")).json()["result"] == "delivered"
        filler = site.fill()
        answer = site.post(alert("new"))
        assert answer.status_code == 200
        assert answer.json()["result"] == "delivered"
        assert standin.alerts().is_open("new")
        assert site.log_lines(event="webhook")[-1]["result"] == "unstored"
        assert ticket_id("new") + ".json" not in site.pending_files()
        filler.unlink()


@root
@pytest.mark.parametrize(
    "make", [lambda: behave.answer(503), lambda: behave.answer(422),
             behave.Reset, lambda: behave.answer(401)],
    ids=["503", "422", "a reset", "401"],
)  # fmt: skip
def test_when_the_disk_is_full_and_it_is_not_taken_it_is_503(
    site, standin, make
):
    with site.small_spool():
        site.start()
        site.post(alert("known"))
        filler = site.fill()
        # On a connection that was used before, libcurl would try again.
        standin.close_connections()
        standin.wait(lambda: standin.open_connections() == 0)
        standin.script(make())
        check_refused(site.post(alert("new")), 503, retryable=True)
        assert len(standin.history("new")) == 1, "tried once"
        assert ticket_id("new") + ".json" not in site.pending_files()
        filler.unlink()
        assert site.post(alert("new")).status_code in (200, 202)


@root
def test_when_the_disk_is_full_a_known_alert_is_refused(site, standin):
    """Its order could not be kept."""
    with site.small_spool():
        site.start()
        site.post(alert("known"))
        filler = site.fill()
        answer = site.post(update("known", alert_feedback="fixed"))
        check_refused(answer, 503, retryable=True)
        assert standin.alerts().is_open("known")
        assert site.health() == (503, "failing")
        filler.unlink()
        assert site.post(update("known", alert_feedback="fixed")).ok
        assert not standin.alerts().is_open("known")


@root
def test_when_there_are_no_inodes_it_is_as_when_the_disk_is_full(site, standin):
    with site.small_spool(inodes=400):
        site.start()
        site.post(alert("known"))
        made = 0
        try:
            while True:
                (site.view / f"filler{made}").touch()
                made += 1
        except OSError:
            pass
        answer = site.post(alert("new"))
        assert answer.status_code == 200
        assert standin.alerts().is_open("new")
        answer = site.post(update("known", alert_feedback="fixed"))
        check_refused(answer, 503, retryable=True)


CONFIGURATIONS = [
    ("nonsense {", "nonsense"),
    ("", "nothing"),
    ("spool = ", "an option without a value"),
]


@pytest.mark.parametrize(
    "text, why", CONFIGURATIONS, ids=[why for _, why in CONFIGURATIONS]
)
def test_a_configuration_that_cannot_be_used_refuses_all(site, text, why):
    site.write(site.conf, text)
    site.start()
    check_unavailable(site)
    assert "bellrelay.conf" in site.log(), why
    site.configure()
    assert site.post(alert("a")).status_code == 200, "and is tried again"


def test_a_configuration_that_cannot_be_read_refuses_all(site):
    site.conf.chmod(0o000)
    site.start()
    check_unavailable(site)
    site.conf.chmod(0o600)
    assert site.post(alert("a")).status_code == 200


def test_a_configuration_that_is_not_there_refuses_all(site):
    site.conf.unlink()
    site.start()
    check_unavailable(site)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o622, 0o660])
@pytest.mark.parametrize("which", ["secret_file", "token_file"])
def test_a_secret_that_others_may_read_is_not_used(site, which, mode):
    path = getattr(site, which)
    path.chmod(mode)
    site.start()
    check_unavailable(site)
    assert path.name in site.log()
    path.chmod(0o600)
    assert site.post(alert("a")).status_code == 200


def test_a_secret_that_is_missing_refuses_all(site):
    site.secret_file.unlink()
    site.start()
    check_unavailable(site)


def test_no_more_than_max_pending_may_wait(site, standin):
    """What is known already goes on; a new alert is tried once directly."""
    site.configure(top={"max_pending": 2})
    site.start()
    standin.always(behave.answer(500))
    for key in "ab":
        assert site.post(alert(key)).status_code == 202
    site.counted(2)
    check_refused(site.post(alert("c")), 503, retryable=True)
    assert site.post(update("a", alert_feedback="fixed")).status_code == 202
    assert len(site.tickets()) == 2


@contextlib.contextmanager
def one_of_two_waits(site, standin):
    """And was counted by a drain; there is none meanwhile."""
    site.configure(top={"max_pending": 2})
    standin.always(behave.answer(500))
    site.start()
    assert site.post(alert("a")).status_code == 202
    site.counted(1)
    with open(site.box() / "lock", "r+b") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX, 1, 0)  # SPOOL.md: drain = 0
        yield


def test_what_came_since_the_last_count_waits_too(site, standin):
    """The count of the last drain is read every second, old as it may be."""
    with one_of_two_waits(site, standin):
        time.sleep(1.1)
        assert site.post(alert("b")).status_code == 202
        time.sleep(1.1)
        assert site.summary()["owed"] == 1
        check_refused(site.post(alert("c")), 503, retryable=True)


def test_an_update_of_what_waits_takes_no_further_place(site, standin):
    with one_of_two_waits(site, standin):
        for owner in ("ann@example.com", "bob@example.com"):
            answer = site.post(update("a", owner=owner))
            assert answer.status_code == 202
        assert site.post(alert("b")).status_code == 202
        assert len(site.tickets()) == 2


def test_what_does_not_wait_is_taken_however_many_wait(site, standin):
    """With updates = none an update of what rang is written, and no more."""
    site.configure(
        destination={"updates": "none"}, top={"max_pending": 1}
    )
    site.start()
    assert site.post(alert("a")).status_code == 200
    until(lambda: not site.pending_files(), "it to be settled")
    standin.always(behave.answer(500))
    assert site.post(alert("b")).status_code == 202
    site.counted(1)
    check_refused(site.post(alert("c")), 503, retryable=True)
    answer = site.post(update("a", owner="ann@example.com"))
    assert (answer.status_code, answer.json()["result"]) == (200, "unchanged")
    assert "ann@example.com" in json.dumps(site.ticket("a")["alert"])


# ---- what the spool cannot take, and does not know: tried once directly ----


TOKEN = "Hq8-dbt_secret_" + "d9" * 12


@pytest.fixture
def crowded(site, standin):
    """Two destinations in whose spool there is no room for anything new, and
    a source of several alerts a webhook."""
    site.write(site.etc / "dbt.secret", TOKEN + "\n")
    site.secrets.add(TOKEN)
    site.configure()
    second = {
        "url": standin.add_source("SECOND", standin.token),
        "token_file": site.token_file,
        "ca_file": site.etc / "ca.pem",
    }
    dbt = {"kind": "dbt", "secret_file": site.etc / "dbt.secret"}
    site.configure(
        source={"destination": ["oncall", "second"]},
        more=section("destination", "second", second)
        + section("source", "dbt", {**dbt, "destination": ["oncall"]}),
    )
    site.start()
    assert failures(site, "known").status_code == 200
    until(lambda: not site.pending_files(), "it to be settled")
    for name in ("oncall", "second"):
        (site.box(name) / "pending").chmod(0o500)
    yield site
    for name in ("oncall", "second"):
        (site.box(name) / "pending").chmod(0o700)


def failures(site, *names, status="error"):
    body = dbt_results(*((f"model.shop.{n}", status, "x") for n in names))
    text = json.dumps(body).encode()
    return site.post(text, path=f"/dbt/{TOKEN}", signature=None)


def tried(standin, source=None):
    """The names of what was asked of incident.io, or the keys."""
    return [
        seen.key.rpartition(".")[2]
        for seen in standin.history()
        if source is None or source in seen.path
    ]


def test_each_of_several_new_alerts_is_tried(crowded, standin):
    answer = failures(crowded, "a", "b", "c")
    assert answer.status_code == 200
    said = answer.json()
    assert [one["result"] for one in said["alerts"]] == ["delivered"] * 3
    assert tried(standin) == ["known", "a", "b", "c"]
    assert crowded.log_lines(event="webhook")[-1]["result"] == "unstored"


def test_of_several_all_must_be_taken_for_a_yes(crowded, standin):
    standin.decide(
        lambda seen: behave.answer(422) if seen.key.endswith(".a") else None
    )
    check_refused(failures(crowded, "a", "b"), 503, retryable=True)
    assert tried(standin) == ["known", "a", "b"]


def test_one_that_is_known_keeps_no_new_one_from_being_tried(crowded, standin):
    answer = failures(crowded, "known", "a", status="partial success")
    check_refused(answer, 503, retryable=True)
    assert tried(standin) == ["known", "a"]


def test_each_destination_of_a_new_alert_is_tried(crowded, standin):
    answer = crowded.post(alert("a"))
    assert answer.json()["result"] == "delivered"
    assert tried(standin, "SECOND") == ["a"]
    assert tried(standin) == ["known", "a", "a"]
    (crowded.box("second") / "pending").chmod(0o700)
    assert crowded.post(alert("b")).json()["result"] == "delivered"
    assert crowded.ticket("b", "second")["key"] == "b"


def test_the_end_of_what_rang_without_a_ticket_does_not_wait(crowded, standin):
    assert crowded.post(alert("a")).json()["result"] == "delivered"
    for name in ("oncall", "second"):
        (crowded.box(name) / "pending").chmod(0o700)
    standin.always(behave.answer(500))
    answer = crowded.post(update("a", alert_feedback="fixed"))
    assert answer.status_code == 202
    (event,) = crowded.ticket("a")["queue"]
    assert event["status"] == "resolved" and event["urgent"]


def test_a_destination_that_rests_is_tried_for_what_has_no_ticket(
    crowded, standin
):
    standin.always(behave.answer(500))
    for key in "abc":
        check_refused(failures(crowded, key), 503, retryable=True)
    assert pace(crowded)["mode"] == "resting"
    assert tried(standin) == ["known", "a", "b", "c"]
    standin.decide(None)
    assert failures(crowded, "d").json()["result"] == "delivered"
    assert pace(crowded)["mode"] == "ready"


@pytest.mark.parametrize(
    "status, headers, mode",
    [(429, {"Retry-After": "600"}, "resting"), (401, {}, "held")],
    ids=["429", "401"],
)
def test_but_not_where_it_was_told_to_wait(
    crowded, standin, status, headers, mode
):
    standin.script(behave.answer(status, headers=headers))
    for key in "ab":
        check_refused(failures(crowded, key), 503, retryable=True)
    assert pace(crowded)["mode"] == mode
    assert tried(standin) == ["known", "a"]


def pace(site):
    return json.loads((site.box() / "state.json").read_text())
