"""Plain CGI, and what a web server may hand over beside the request."""

import concurrent.futures
import contextlib
import os
import socket
import subprocess

import pytest

from world import behave, montecarlo
from world.montecarlo import INCIDENT, alert
from world.site import environment, ticket_id, until

BODY = montecarlo.volume()


def test_a_webhook_rings_by_cgi(site, standin):
    answer = site.cgi(BODY)
    assert answer.returncode == 0
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert standin.alerts().is_open(INCIDENT)


def test_nothing_but_the_answer_is_on_standard_output(site):
    answer = site.cgi(BODY)
    assert answer.raw.startswith(b"Status: 200 OK\r\n")
    assert answer.raw.endswith(answer.body)


def test_by_cgi_a_refusal_is_the_same(site):
    for signature, status in ((None, 403), ("0" * 128, 403)):
        answer = site.cgi(BODY, signature=signature)
        assert (answer.status, answer.returncode) == (status, 0)
        assert answer.headers["content-type"] == "application/problem+json"
    assert site.cgi(BODY, REQUEST_METHOD="GET").headers["allow"] == "POST"
    assert site.cgi(BODY, path="/nobody").status == 404
    assert site.spool_files() == []


def test_a_path_that_the_server_lost_is_found_in_the_uri(site):
    """SCRIPT_NAME alone says where the program is, and no source."""

    def ask(uri, **more):
        lost = {"PATH_INFO": None, "REQUEST_URI": uri, **more}
        return site.cgi(BODY, **lost).status

    assert ask("/bellrelay/montecarlo") == 200
    assert ask("/bellrelay/monte%63arlo?x=/y#z") == 200
    assert ask("http://host/bellrelay/montecarlo") == 200
    assert ask("/hooks/montecarlo", SCRIPT_NAME="/cgi-bin/bellrelay.fcgi") == 200
    assert ask("/bellrelay/nobody?/montecarlo") == 404
    assert ask("/bellrelay/nobody%3F/montecarlo%2F") == 404
    look = {"REQUEST_METHOD": "GET"}
    assert ask("/bellrelay/healthz", **look) == 200
    assert ask("/bellrelay/x/healthz", **look) == 404
    assert ask("/bellrelay/x/healthz", PATH_INFO="/x/healthz", **look) == 404


@pytest.mark.parametrize("name", ["healthz", "metrics"])
@pytest.mark.parametrize(
    ("script", "info", "uri", "status"),
    [
        ("/bellrelay", "/{}", "/bellrelay/{}", 200),
        ("/bellrelay", None, "/bellrelay/{}", 200),
        ("/bellrelay", "", "/bellrelay/{}?x", 200),
        ("/bellrelay", None, "/bellrelay/x/{}", 404),
        ("/bellrelay", "/x/{}", "/bellrelay/x/{}", 404),
        ("/bellrelay", "/x", "/bellrelay/{}", 404),
        ("/bellrelay/bellrelay.fcgi", "/{}", "/bellrelay/{}", 200),
        ("/bellrelay/bellrelay.fcgi", "/x/{}", "/bellrelay/x/{}", 404),
        ("/bellrelay/bellrelay.fcgi", "/x/{}", "/{}", 404),
        ("/bellrelay/bellrelay.fcgi", "/x", "/bellrelay/x/{}", 404),
        ("/bellrelay/bellrelay.fcgi", "/x/{}/", "/bellrelay/{}", 404),
    ],
)
def test_the_uri_opens_no_look_that_the_path_closes(
    site, name, script, info, uri, status
):
    """A server's rule for BASE/metrics says nothing of BASE/x/metrics."""
    answer = site.cgi(
        REQUEST_METHOD="GET",
        SCRIPT_NAME=script,
        PATH_INFO=info and info.format(name),
        REQUEST_URI=uri.format(name),
    )
    assert answer.status == status


def test_a_token_of_the_uri_is_decoded(site, standin):
    secret = site.write(site.etc / "anything.secret", "to/ken-" + "x" * 20)
    site.configure(
        more=f"source anything {{\n\tkind = generic\n\tproof = token\n"
        f'\tsecret_file = "{secret}"\n\tdestination = oncall\n}}\n'
    )
    for uri, status in (
        ("/bellrelay/anything/to%2Fken%2D" + "x" * 20, 200),
        ("/bellrelay/anything/to%2Fken%2D" + "x" * 19, 403),
    ):
        env = {"PATH_INFO": None, "REQUEST_URI": uri}
        assert site.cgi(b'{"a":1}', signature=None, **env).status == status
    assert len(standin.events()) == 1


def test_by_cgi_a_length_that_lies_is_refused(site):
    for length in (len(BODY) + 1, len(BODY) - 1, 0):
        assert site.cgi(BODY, CONTENT_LENGTH=str(length)).status == 400
    for length in (None, "", "-1"):
        assert site.cgi(BODY, CONTENT_LENGTH=length).status == 200


def test_a_body_that_cannot_be_read_is_answered_503(site):
    """A failing read is not its sender's doing: it has to come again."""
    env = site.params(BODY)
    env["BELLRELAY_CONFIG"] = str(site.conf)
    unreadable = os.open(site.dir, os.O_RDONLY)  # a read gives EISDIR
    try:
        broken = subprocess.run(
            [site.bin / "bellrelay.fcgi"],
            stdin=unreadable, capture_output=True,
            env=environment(**env), cwd=site.dir, check=True, **site.user,
        )  # fmt: skip
    finally:
        os.close(unreadable)
    raw = broken.stdout
    assert raw.startswith(b"Status: 503 ")
    assert b"\r\nRetry-After: " in raw
    assert b"the body could not be read" in raw
    assert site.spool_files() == []
    assert b'why="the body could not be read"' in broken.stderr


def test_it_rings_when_standard_input_is_a_socket(site, standin):
    """As under Apache's mod_cgid: fd 0 and 1 are one connected socket."""
    ours, theirs = socket.socketpair()
    env = site.params(BODY)
    env["BELLRELAY_CONFIG"] = str(site.conf)
    with ours, subprocess.Popen(
        [site.bin / "bellrelay.fcgi"],
        stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
        env=environment(**env), cwd=site.dir, **site.user,
    ) as child:  # fmt: skip
        theirs.close()
        ours.settimeout(60)
        ours.sendall(BODY)
        ours.shutdown(socket.SHUT_WR)
        raw = b""
        while piece := ours.recv(65536):
            raw += piece
        assert child.wait(60) == 0
    assert raw.startswith(b"Status: 200 ")
    assert standin.alerts().is_open(INCIDENT)


def test_after_a_cgi_answer_what_waits_is_drained(site, standin):
    """Each request drains for up to a second after its answer is out."""
    standin.script(behave.retry_after("1"))
    assert site.cgi(alert("a")).status == 202
    until(lambda: site.cgi(alert("b")).status == 200, "the rest to be over")
    until(
        lambda: site.cgi(path="/healthz", REQUEST_METHOD="GET").status == 200
        and standin.alerts().is_open("a"),
        "the drain",
    )


def by_cgi(site, body, stderr):
    """A webhook to its answer, with standard error of the caller's choice."""
    env = site.params(body)
    env["BELLRELAY_CONFIG"] = str(site.conf)
    return subprocess.run(
        [site.bin / "bellrelay.fcgi"],
        input=body, stdout=subprocess.PIPE, stderr=stderr,
        env=environment(**env), cwd=site.dir, check=True, **site.user,
    ).stdout  # fmt: skip


def test_what_is_drained_after_the_answer_is_in_the_servers_log(site, standin):
    """Where its standard error is that file."""
    standin.script(behave.retry_after("3"))
    assert site.cgi(alert("a")).status == 202

    def drained():
        with open(site.log_file, "ab") as log:
            by_cgi(site, alert("b"), log)
        site.left()
        return standin.alerts().is_open("a")

    until(drained, "the drain")
    assert site.log_lines(event="delivery", alert=ticket_id("a"))


def test_the_drain_does_not_hold_a_pipe_that_is_standard_error(site, standin):
    """A server that reads it to its end would wait as long."""
    standin.script(behave.answer(503))
    assert site.cgi(alert("a")).status == 202
    hold = standin.script(behave.Hold())
    ours, theirs = os.pipe()
    try:
        until(lambda: by_cgi(site, b"", theirs) and hold.reached.is_set(), "it")
        os.close(theirs)
        theirs = None
        with open(ours, "rb", closefd=False) as end:
            end.read()  # comes to its end while the child still waits
        assert site.workers()
    finally:
        hold.release()
        os.close(ours)
        if theirs is not None:
            os.close(theirs)


def test_many_cgi_processes_at_once_do_not_disturb_each_other(site, standin):
    standin.limit.per_minute = 0
    site.configure(destination={"rate": 6000})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda n: site.cgi(alert(f"a{n % 4}"), leave=False), range(24)
            )
        )
    assert all(a.status in (200, 202) for a in answers)
    site.left()
    assert site.cli("drain").returncode == 0
    for n in range(4):
        assert standin.alerts().opened(f"a{n}") == 1


# ---- arguments ----

ARGUMENTS = [
    ["--help"],
    ["-c", "/nonexistent"],
    ["drop", "--", "all"],
    ["%2e", "x" * 5000],
]


@pytest.mark.parametrize("args", ARGUMENTS, ids=[a[0] for a in ARGUMENTS])
def test_arguments_of_a_web_server_are_ignored(site, standin, args):
    """RFC 3875, 4.4: a query string without `=` may come as arguments."""
    answer = site.cgi(BODY, args=args)
    assert (answer.status, answer.returncode) == (200, 0)
    assert standin.alerts().is_open(INCIDENT)


@pytest.mark.parametrize("name", ["GATEWAY_INTERFACE", "REQUEST_METHOD"])
@pytest.mark.parametrize(
    "args", [[], ["check"], ["drain"], ["--help"], ["secret"]],
    ids=lambda args: " ".join(args) or "none",
)  # fmt: skip
def test_the_command_line_does_not_run_under_a_web_server(site, name, args):
    value = {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "POST"}[name]
    done = site.run(site.bin / "bellrelay", *args, env={name: value})
    assert done.stdout.startswith(b"Status: 403 ")
    assert b"Content-Type: text/plain" in done.stdout
    assert str(site.dir).encode() not in done.stdout
    assert not os.listdir(site.spool)


def test_started_by_hand_the_responder_says_what_it_is(site):
    done = site.run(site.bin / "bellrelay.fcgi")
    assert done.returncode == 78
    assert done.stdout == b""
    assert b"web server" in done.stderr


# ---- the environment ----


def test_the_configuration_is_not_taken_from_the_request(site):
    other = site.write(site.etc / "other.conf", "nonsense")
    answer = site.cgi(BODY, HTTP_BELLRELAY_CONFIG=str(other))
    assert answer.status == 200


def test_the_configuration_beside_the_program_is_found(site, standin):
    site.write(site.bin / "bellrelay.conf", site.conf.read_text())
    env = site.params(BODY)
    done = site.run(site.bin / "bellrelay.fcgi", stdin=BODY, env=env)
    assert done.stdout.startswith(b"Status: 200 ")
    assert standin.alerts().is_open(INCIDENT)


def test_certificates_beside_the_program_are_trusted(site, standin, authority):
    """As a bundle has them; what the configuration names goes before."""
    site.configure(destination={"ca_file": None})
    assert site.cgi(alert("a")).status == 202
    beside = site.bin / "bellrelay-ca.pem"
    site.write(beside, authority.ca_file.read_bytes())
    said = site.cli("check").stdout.decode()
    assert f'ca_file = "{beside}"' in said
    site.cgi(alert("b"))
    assert standin.alerts().is_open("b")
    site.write(beside, "nothing to trust")
    site.configure()
    assert site.cgi(alert("c")).status == 200


def test_httpoxy_has_no_effect(site, standin):
    answer = site.cgi(
        BODY, HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9"
    )
    assert answer.status == 200
    assert standin.alerts().is_open(INCIDENT)


def open_files(pid):
    """What a process has open; it may close some while we look."""
    names = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            names.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return names


def test_open_descriptors_of_the_parent_are_not_kept(site):
    """mod_fcgid leaves its own open; a file held is a file not freed."""
    assert site.cgi(BODY).status == 200
    with site.responder() as direct:
        with direct.connect() as client:
            client.request(site.params(alert("a")), alert("a"))
        names = open_files(direct.pid)
    regular = [n for n in names if n.startswith("/")]
    ours = (str(site.dir), "/dev/null")
    assert all(n.startswith(ours) for n in regular), regular


def test_the_ticket_is_that_of_the_spool(site):
    site.cgi(alert("a"))
    assert site.ticket("a")["key"] == "a"
    assert site.tickets() == {}
    assert ticket_id("a")
