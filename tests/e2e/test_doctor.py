"""`bellrelay doctor`: each thing that can be wrong is said, with its cure."""

import contextlib
import email.utils
import http.server
import json
import os
import pathlib
import threading
import time

import pytest

from world import behave
from world.montecarlo import alert
from world.site import NOBODY, Site, until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
CODES = {"OK": 0, "WARNING": 1, "CRITICAL": 2}


def doctor(site, *args, **kwargs):
    """The findings, by how grave they are, each "WHAT: TEXT -> CURE"."""
    done = site.cli("doctor", *args, "--json", **kwargs)
    said = json.loads(done.stdout)
    assert done.returncode == CODES[said["status"]], said
    assert done.stderr == b"", "progress is for a terminal"
    found = {"ok": [], "note": [], "warning": [], "failure": []}
    for one in said["findings"]:
        cure = one.get("cure", "")
        found[one["finding"]].append(f"{one['what']}: {one['text']} -> {cure}")
    assert said["failures"] == len(found["failure"])
    assert said["warnings"] == len(found["warning"])
    site.check_secrets(done.stdout.decode(), "doctor")
    return found


def the_one(found, grade, *words):
    """The finding of that grade in which all these words are."""
    (one,) = [f for f in found[grade] if all(w in f for w in words)]
    return one


@pytest.fixture
def well(served):
    """bellrelay behind lighttpd, that a drain has looked over."""
    until(lambda: served.summary().get("at"), "a drain")
    return served


# ---- all is well ----


def test_a_sound_installation_is_ok_and_nobody_is_paged(well, standin):
    found = doctor(well, well.url("/healthz"))
    assert found["warning"] == found["failure"] == []
    for words in (
        ["spool", "written, synced, renamed; a lock keeps another process out"],
        ["spool", "inodes are free"],
        ["oncall", "the last drain was"],
        ["oncall", "DNS and connection: 127.0.0.1"],
        ["oncall", "TLS: TLSv1.", "verified, certificate until 20"],
        ["oncall", "token: taken, HTTP 202"],
        ["web server", "answered by bellrelay: ok"],
        ["web server", "Authorization is passed on"],
        ["web server", "who owns the spool"],
        ["web server", "bodies arrive up to body_limit, 1048576"],
    ):
        the_one(found, "ok", *words)
    (event,) = standin.events()
    assert event["status"] == "resolved"
    assert event["deduplication_key"].startswith("bellrelay/doctor/")
    assert well.tickets() == {}
    assert well.health() == (200, "ok"), "its bodies are no forgeries"


def test_people_and_nagios_get_a_line_a_finding_and_a_first_one(well, standin):
    standin.always(behave.answer(401))
    done = well.cli("doctor")
    first, *lines = done.stdout.decode().splitlines()
    assert done.returncode == 2
    assert first == (
        "CRITICAL - failures: 1, warnings: 0; "
        "destination oncall: token: HTTP 401"
    )
    at = lines.index("failure  destination oncall       token: HTTP 401")
    assert lines[at + 1] == " " * 34 + "-> see its token_file: " + (
        "incident.io does not know that token"
    )
    assert "|" not in first


def test_a_broken_configuration_is_a_failure_with_file_and_line(site):
    site.write(site.conf, "nonsense = 1\n")
    found = doctor(site)
    assert f"{site.conf}:1:" in the_one(found, "failure", "configuration")


@pytest.mark.parametrize("path", [
    "", "/", "/healthz", "/montecarlo", "/montecarlo/", "/montecarlo/a-token",
    "/v2/alert_events/http/montecarlo", "/healthz?strict",
])
def test_the_url_may_be_that_of_base_of_healthz_or_of_a_source(well, path):
    found = doctor(well, well.url(path))
    the_one(found, "ok", f"{well.url('/healthz')} is answered")


@needs_root
def test_root_as_owner_is_judged_alike_in_spool_and_web_server(
    standin, tmp_path
):
    with Site(standin, directory=tmp_path / "root") as place:
        place.start()
        found = doctor(place, place.url())
        the_one(found, "warning", "spool:", "belongs to root", "of its own")
        the_one(found, "warning", "web server:", "runs as root", "of its own")
        assert not [f for f in found["ok"] if "root" in f.split(": ", 1)[1]
                    and "owns the spool" in f]  # fmt: skip


# ---- configuration and spool ----


def test_a_secret_that_can_be_guessed_is_a_warning(site):
    site.secrets.add("short-one")
    site.write(site.secret_file, "short-one\n")
    assert "bellrelay secret" in the_one(
        doctor(site), "warning", "source montecarlo", "less than 16 bytes"
    )


def test_a_spool_that_is_not_there_is_a_failure_and_all_else_is_asked(site):
    site.configure(top={"spool": site.dir / "nowhere"})
    found = doctor(site)
    assert "install -d -m 700" in the_one(found, "failure", "spool")
    the_one(found, "ok", "oncall", "token: taken")


def test_a_spool_that_no_drain_has_looked_at_is_a_warning(site):
    found = doctor(site)
    assert "drain --due" in the_one(found, "warning", "no drain has looked")


def test_a_drain_that_is_long_ago_is_worse_when_something_waits(site, standin):
    later = {"FAKETIME": "+20m", "LD_PRELOAD": FAKETIME} if FAKETIME else {}
    if not later:
        pytest.skip("no faketime")
    assert site.cli("drain").returncode == 0
    the_one(doctor(site, env=later), "warning", "the last drain was 20 min")
    standin.always(behave.answer(503))
    assert site.cgi(alert("a")).status == 202
    assert site.cli("drain").returncode == 75
    found = doctor(site, env=later)
    the_one(found, "failure", "the last drain was")
    the_one(found, "warning", "oncall", "an alert has waited for")


FAKETIME = next(
    (str(p) for p in pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")),
    None,
)


def test_what_the_spool_knows_is_said(site, standin):
    standin.script(behave.answer(422))
    assert site.cgi(alert("a")).status == 202
    (site.spool / "corrupt" / "torn").write_bytes(b"x")
    old = site.spool / "tmp" / "left"
    old.write_bytes(b"x")
    os.utime(old, (time.time() - 3 * 86400,) * 2)
    for path in (old, site.spool / "corrupt" / "torn"):
        site.own(path)
    found = doctor(site)
    assert "bellrelay retry oncall/ID" in the_one(
        found, "warning", "dead letters: 1"
    )
    the_one(found, "warning", "torn files in corrupt/: 1")
    the_one(found, "warning", "files of more than a day in tmp/: 1")


def test_alerts_of_a_destination_that_is_no_more_are_said(site, standin):
    standin.always(behave.answer(503))
    assert site.cgi(alert("a")).status == 202
    os.rename(site.box(), site.spool / "gone")
    assert "bellrelay move gone NEW" in the_one(
        doctor(site), "warning", "alerts that wait for gone"
    )


# ---- destinations ----


@pytest.mark.parametrize("status, grade, said", [
    (401, "failure", "does not know that token"),
    (403, "failure", "not for this URL"),
    (404, "failure", "no such alert source"),
    (429, "warning", "try again in a minute"),
    (503, "warning", "bellrelay test says more"),
])
def test_what_a_destination_answers_has_its_cure(site, standin, status, grade, said):
    standin.always(behave.answer(status))
    assert said in the_one(doctor(site), grade, "oncall", f"HTTP {status}")


def test_a_redirect_is_a_failure_that_says_where_to(site, standin):
    standin.always(behave.redirect("https://elsewhere.example/x"))
    the_one(doctor(site), "failure", "oncall", "to https://elsewhere.example/x")


@pytest.mark.parametrize("ahead, grade, said", [
    (0, "ok", "as the Date of its answer"),
    (-90, "warning", "ahead of the Date"),
    (90, "warning", "behind the Date"),
    (3700, "failure", "1 h 1 min behind the Date"),
])
def test_the_clock_is_compared_with_the_date(site, standin, ahead, grade, said):
    date = email.utils.formatdate(time.time() + ahead, usegmt=True)
    standin.always(behave.answer(202, headers={"Date": date}))
    found = the_one(doctor(site), grade, "clock:", said)
    assert ahead == 0 or "NTP" in found


@pytest.mark.parametrize("kind", ["wrong-host", "expired", "not-yet", "stranger"])
def test_a_certificate_that_is_not_to_be_trusted_is_a_failure(site, standin, kind):
    standin.certificate = kind
    (failure,) = doctor(site)["failure"]
    assert "oncall" in failure and not failure.endswith("-> "), "has a cure"


def test_a_certificate_that_is_about_to_expire_is_a_warning(site):
    if FAKETIME is None:
        pytest.skip("no faketime")
    env = {"FAKETIME": "+20d", "LD_PRELOAD": FAKETIME}
    the_one(doctor(site, env=env), "warning", "its certificate expires on 20")


def test_a_name_that_is_not_found_and_a_port_that_is_shut_are_told_apart(site):
    site.configure(destination={"url": "https://nowhere.invalid/x"})
    assert "DNS" in the_one(doctor(site), "failure", "not found")
    site.configure(destination={"url": "https://127.0.0.1:1/x"})
    assert "firewall" in the_one(doctor(site), "failure", "Connection refused")


def test_a_destination_that_rests_is_left_to_rest(site, standin):
    standin.always(behave.retry_after("600"))
    assert site.cgi(alert("a")).status == 202
    calls = len(standin.history())
    found = doctor(site)
    the_one(found, "warning", "oncall", "not asked: it rests")
    the_one(found, "warning", "oncall", "resting")
    assert len(standin.history()) == calls


def test_a_held_destination_is_asked_and_stays_held_until_a_drain(site, standin):
    standin.script(behave.answer(401))
    assert site.cgi(alert("a")).status == 202
    before = (site.box() / "state.json").read_bytes()
    assert b"held" in before
    found = doctor(site)
    assert "bellrelay drain" in the_one(found, "failure", "oncall", "held")
    the_one(found, "ok", "oncall", "token: taken")
    assert (site.box() / "state.json").read_bytes() == before


def test_its_call_is_one_of_the_rate(site, standin):
    site.configure(destination={"rate": 1})
    the_one(doctor(site), "ok", "token: taken")
    the_one(doctor(site), "warning", "not asked: its rate is used up")
    assert len(standin.events()) == 1


# ---- the web server ----


@contextlib.contextmanager
def web(answer):
    """A web server that answers each request by answer(method, path, body)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            length = int(self.headers.get("Content-Length") or 0)
            status, kind, body, *more = answer(
                self.command, self.path, self.rfile.read(length)
            )
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in more:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/bellrelay"
        finally:
            server.shutdown()
            thread.join()


PROBLEM = json.dumps({"type": "about:blank", "title": "Not Found",
                      "status": 404, "retryable": False}).encode()  # fmt: skip
PAGE = b"<html><h1>It works!</h1></html>"


@pytest.mark.parametrize("more", ["typo", "typo/token", "v2/alert_events/http/x"])
def test_a_source_that_is_not_there_is_no_loss_of_the_path(site, more):
    def answer(_, path, *__):
        if path.startswith("/bellrelay/healthz"):
            return 200, "application/json", b'{"status":"ok"}'
        return 404, "application/problem+json", PROBLEM

    with web(answer) as url:
        said = the_one(
            doctor(site, f"{url}/{more}"), "failure", "web server", "is no source"
        )
    assert f"reached at {url}," in said and "bellrelay check" in said


@pytest.mark.parametrize("status, kind, body, said, cure", [
    (404, "application/problem+json", PROBLEM, "PATH_INFO", "SCRIPT_NAME"),
    (404, "text/html", PAGE, "nothing is mounted there", "lighttpd-conf/"),
    (200, "text/html", PAGE, "not bellrelay but a page", "virtual host"),
    (200, "text/html", b"\x7fELF\x02\x01", "hands out the program", "ExecCGI"),
    (401, "text/html", PAGE, "asks for a login", "except BASE"),
    (403, "text/html", PAGE, "forbids it", "Require all granted"),
    (500, "text/html", PAGE, "does not start", "error log"),
    (502, "text/html", PAGE, "no answer from bellrelay's socket", "start the"),
    (503, "text/html", PAGE, "does not reach bellrelay's socket", "write to"),
    (504, "text/html", PAGE, "does not answer the web server in time", "more"),
    (503, "application/json", b'{"status":"failing"}', "failing", "findings"),
])
def test_the_usual_mistakes_at_a_web_server_are_told_apart(
    site, status, kind, body, said, cure
):
    with web(lambda *_: (status, kind, body)) as url:
        assert cure in the_one(doctor(site, url), "failure", "web server", said)


def test_a_port_at_which_nobody_listens_is_a_failure(site):
    the_one(doctor(site, "http://127.0.0.1:1/bellrelay"), "failure",
            "web server", "Connection refused")  # fmt: skip


def test_what_is_no_url_is_a_failure_that_says_what_is_wanted(site):
    the_one(doctor(site, "bell relay"), "failure", "web server", "url")
    the_one(doctor(site, "ftp://a.example/"), "failure", "wanted https:")


def test_a_redirect_is_said_and_the_secret_does_not_go_there(site):
    token = site.write(site.etc / "status.token", "open-sesame-abracadabra\n")
    site.secrets.add("open-sesame-abracadabra")
    site.configure(top={"status": "on", "status_token_file": token})

    def away(*_):
        return (301, "text/html", PAGE, ("Location", "https://127.0.0.1:1/b/healthz"))

    with web(away) as url:
        found = doctor(site, url)
    one = the_one(found, "warning", "web server", "redirects (HTTP 301)")
    assert "https://127.0.0.1:1/b/healthz" in one


def healthz(request):
    return (200, "application/json",
            json.dumps({"status": "ok", **request}).encode())  # fmt: skip


def test_a_lost_authorization_is_seen_and_said(site):
    seen = {"request": {"authorization": False, "user": 1, "spool_user": 2}}
    with web(lambda *_: healthz(seen)) as url:
        found = doctor(site, url)
    assert "CGIPassAuth On" in the_one(found, "failure", "Authorization is not")
    assert "chown -R" in the_one(found, "failure", "bellrelay.fcgi runs as")


def test_a_status_token_that_is_not_taken_means_the_same(site):
    token = site.write(site.etc / "status.token", "open-sesame-abracadabra\n")
    site.secrets.add("open-sesame-abracadabra")
    site.configure(top={"status": "on", "status_token_file": token})
    with web(lambda *_: healthz({})) as url:
        found = doctor(site, url)
    assert "CGIPassAuth On" in the_one(found, "failure", "token is not taken")


def test_a_stranger_is_told_how_to_see_more(site):
    with web(lambda *_: healthz({})) as url:
        found = doctor(site, url)
    assert "status_token_file" in the_one(found, "note", "no details")


@pytest.mark.parametrize("cap, grade", [(1 << 17, "failure"), (1 << 19, "warning")])
def test_a_limit_of_the_web_server_below_ours_is_said(site, cap, grade):
    def answer(_, path, body):
        if len(body) > cap:
            return 413, "text/html", PAGE
        return healthz({}) if "healthz" in path else (
            404, "application/problem+json", PROBLEM)

    with web(answer) as url:
        found = doctor(site, url)
    assert "FcgidMaxRequestLen" in the_one(found, grade, "do not arrive")


def test_another_spool_than_that_of_the_configuration_is_said(well, tmp_path):
    other = well.dir / "other"
    other.mkdir(mode=0o700)
    well.own(other)
    conf = well.write(
        well.etc / "other.conf", well.conf.read_text().replace(str(well.spool), str(other))
    )
    done = well.run(well.bin / "bellrelay", "-c", conf, "doctor", well.url())
    assert b"is not the one of this configuration" in done.stdout


# ---- what healthz tells for it ----


def test_strangers_get_one_word_also_when_they_ask_for_the_request(served):
    told = served.look("/healthz?request", **{"X-Forwarded-For": "203.0.113.7"})
    assert told.json() == {"status": "ok"}


def test_who_may_see_is_told_what_came_and_who_answers(served):
    told = served.look("/healthz?request", Authorization="Bearer x").json()
    assert told["request"]["authorization"] is True
    assert told["request"]["user"] == told["request"]["spool_user"]
    assert "destinations" not in told
    assert served.look("/healthz").json()["request"]["authorization"] is False


# ---- who asks ----


@needs_root
def test_root_asks_as_the_owner_of_the_spool(site):
    site.user, before = {}, site.user
    try:
        found = doctor(site)
    finally:
        site.user = before
    the_one(found, "ok", "token: taken")
    assert {p.stat().st_uid for p in site.spool.rglob("*")} == {NOBODY}


@needs_root
def test_another_user_is_told_whose_spool_it_is(site):
    os.chown(site.spool, 1, 1)
    assert "sudo -u" in the_one(doctor(site), "failure", "spool", "belongs to")
    os.chown(site.spool, NOBODY, NOBODY)
