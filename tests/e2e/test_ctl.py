"""The command line, run as a program (DESIGN.md, 6)."""

import contextlib
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import pty
import re
import signal
import stat
import subprocess
import time
import urllib.parse

import jsonschema
import pytest

from world import behave, montecarlo
from world.montecarlo import INCIDENT, alert, update
from world.site import (
    NOBODY,
    SECRET,
    clock,
    environment,
    ticket_id,
    until,
)

SCHEMA = json.loads(
    (pathlib.Path(__file__).parents[1] / "alert-event.schema.json").read_text()
)
BODY = montecarlo.rule_breach()
NAME = ticket_id("a")
COMMANDS = [
    "canonical", "sign", "verify", "map", "check", "doctor", "test", "try",
    "drain", "list", "show", "retry", "drop", "prune", "move", "replay", "secret",
]  # fmt: skip


def out(done, code=0):
    """What is on stdout, of a command that ended with code."""
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout.decode()


def err(done, code):
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stderr.decode()


def ctl(site, *args, **kwargs):
    """Without a configuration."""
    return site.cli(*args, conf=False, **kwargs)


def wait_in_queue(site, standin, body=None, answer=503):
    """An alert that waits."""
    standin.script(behave.answer(answer))
    assert site.cgi(body or alert("a")).status == 202


# ---- the program ----


def test_every_command_has_help_and_the_version(site):
    usage = out(ctl(site, "--help"))
    version = out(ctl(site, "--version"))
    assert re.fullmatch(r"bellrelay \d+\.\d+\.\d+\n", version)
    for name in COMMANDS:
        text = out(ctl(site, name, "--help"))
        assert re.search(rf"(?m)^  {name}( |$)", usage)
        assert text.startswith(f"NAME\n  bellrelay {name} - ")
        for part in ("SYNOPSIS", "OPTIONS", "EXIT STATUS"):
            assert f"\n{part}\n" in text
        assert all(len(line) <= 80 for line in text.splitlines()), name
        assert out(ctl(site, name, "--version")) == version
    assert all(len(line) <= 80 for line in usage.splitlines())


def test_without_a_command_it_says_what_there_is(site):
    done = ctl(site)
    assert "usage: bellrelay" in err(done, 64)
    assert done.stdout == b""


@pytest.mark.parametrize(
    "args, said",
    [
        (["lsit"], "no such command as lsit; wanted list"),
        (["frobnicate"], "no such command as frobnicate; wanted check,"),
        (["list", "--jsno"], "no such option as --jsno; wanted --json"),
        (["--jsno"], "no such option as --jsno"),
        (["list", "--json=1"], "--json takes no value"),
        (["list", "--dead", "--firing"], "wanted one of"),
        (["list", "a"], "one argument too many; wanted: list "),
        (["show"], "too few arguments; wanted: show ALERT"),
        (["sign"], "--secret-file is missing; wanted: sign "),
        (["sign", "--secret-file"], "--secret-file: no F given"),
        (["-c"], "-c: no FILE given"),
        (["sho\x1b[31mw"], r"no such command as sho\x1b[31mw"),
    ],
)
def test_what_it_does_not_know_is_said_with_a_hint(site, args, said):
    done = ctl(site, *args)
    assert said in err(done, 64)
    assert done.stdout == b""


@pytest.mark.parametrize("name", ["GATEWAY_INTERFACE", "REQUEST_METHOD"])
@pytest.mark.parametrize("args", [[], ["secret"], ["-x"], ["--help"]])
def test_under_a_web_server_it_is_forbidden_whatever_the_arguments(
    site, name, args
):
    done = ctl(site, *args, env={name: "GET"}, stdin=b"{}")
    assert out(done).startswith(
        "Status: 403 Forbidden\r\nContent-Type: text/plain\r\n\r\n"
    )
    assert done.stderr == b""
    assert b"usage" not in done.stdout


@pytest.mark.parametrize("how", [">&-", ">/dev/full"])
@pytest.mark.parametrize("args", ["secret", "--help", "canonical"])
def test_a_result_that_cannot_be_written_is_an_error(site, how, args):
    done = site.run(
        "/bin/sh", "-c", f"{site.bin}/bellrelay {args} {how}", stdin=BODY
    )
    assert "stdout: " in err(done, 74)


def test_a_closed_standard_input_is_an_error_not_an_empty_body(site):
    done = site.run("/bin/sh", "-c", f"{site.bin}/bellrelay canonical <&-")
    assert "standard input" in err(done, 74)


# ---- canonical, sign, secret ----


def canonical(body):
    return urllib.parse.urlencode(json.loads(body)).encode()


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        montecarlo.volume(),
        b"{}",
        b'{"a": "\\u0000", "b": [1.50, null, "it\'s"]}\n',
        update(owner="ann@example.com", alert_feedback=None),
    ],
)
def test_canonical_is_what_python_makes_of_it(site, body):
    done = ctl(site, "canonical", stdin=body)
    assert done.returncode == 0
    assert done.stdout == canonical(body), "the bytes and nothing else"
    assert ctl(site, "canonical", "-", stdin=body).stdout == done.stdout


def test_a_body_can_be_a_file(site):
    path = site.write(site.dir / "body", BODY)
    assert ctl(site, "canonical", path).stdout == canonical(BODY)
    assert ctl(site, "canonical", "--", path).stdout == canonical(BODY)


@pytest.mark.parametrize(
    "body, said",
    [
        (b"", "nothing came on standard input"),
        (b'{"a":1', "not JSON"),
        (b"[1]", "object"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b"[" * 300 + b"]" * 300, "256 levels"),
        (b'{"a":"' + b"x" * (16 << 20) + b'"}', "over 16777216 bytes"),
    ],
)
def test_what_is_no_such_body_is_refused_with_the_reason(site, body, said):
    done = ctl(site, "canonical", stdin=body)
    assert said in err(done, 65)
    assert done.stdout == b""
    done = ctl(site, "sign", "--secret-file", site.secret_file, stdin=body)
    assert said in err(done, 65)


def test_a_file_that_is_not_there_is_said(site):
    assert "No such file" in err(ctl(site, "canonical", "/nowhere"), 66)


def test_sign_is_what_monte_carlo_sends(site):
    done = ctl(site, "sign", "--secret-file", site.secret_file, stdin=BODY)
    assert out(done) == site.sign(BODY) + "\n"
    site.secrets.add("the-old-one-of-two")
    site.write(site.secret_file, f"{SECRET} \r\n\nthe-old-one-of-two\n")
    done = ctl(site, "sign", f"--secret-file={site.secret_file}", stdin=BODY)
    assert out(done) == site.sign(BODY) + "\n", "the first of two"


@pytest.mark.parametrize("command", ["sign", "verify"])
def test_a_secret_that_others_may_read_is_refused(site, command):
    site.write(site.secret_file, SECRET, mode=0o640)
    more = ["--signature", "0" * 128] if command == "verify" else []
    done = ctl(site, command, "--secret-file", site.secret_file, *more)
    assert "chmod 600" in err(done, 66)


def test_a_secret_is_new_each_time(site):
    made = {out(ctl(site, "secret")) for _ in range(3)}
    assert len(made) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{56}\n", text) for text in made)


# ---- verify ----


def mac(key, text, how="sha512"):
    key = key.encode() if isinstance(key, str) else key
    return hmac.new(key, text, how).hexdigest()


def verify(site, signature, body=BODY, secret=SECRET + "\n"):
    path = site.write(site.dir / "secret", secret)
    done = ctl(
        site, "verify", "--secret-file", path, f"--signature={signature}",
        stdin=body,
    )  # fmt: skip
    said = done.stdout.decode()
    assert done.stderr == b""
    assert done.returncode == (0 if said.startswith("valid") else 1)
    site.check_secrets(said, "verify")
    with contextlib.suppress(ValueError):
        assert site.sign(body) not in said, "the right one is not told"
    return said


def test_a_right_signature_is_valid(site):
    for body in (BODY, montecarlo.volume(), b"{}"):
        assert verify(site, site.sign(body), body) == "valid\n"


def test_it_says_which_of_several_secrets_it_was(site):
    both = f"another-one\n{SECRET}\n"
    assert verify(site, site.sign(BODY), secret=both) == (
        "valid, by secret 2 of 2\n"
    )


def test_another_unicode_version_is_valid_and_said(site):
    """U+1FAE8 is printable from Unicode 15.0 on, not in the 14.0 of 3.11."""
    body = '{"a": {"x": "\U0001fae8"}}'.encode()
    new = "a=" + urllib.parse.quote_plus("{'x': '\U0001fae8'}")
    old = "a=" + urllib.parse.quote_plus("{'x': '\\U0001fae8'}")
    said = verify(site, mac(SECRET, new.encode()), body)
    assert said == "valid, by a Python with Unicode 15.0\n"
    assert verify(site, mac(SECRET, old.encode()), body) == "valid\n"


def sorted_text(body):
    return canonical(json.dumps(json.loads(body), sort_keys=True))


UNSORTED = b'{"b": "~", "a": {"z": 1, "y": "two words, x"}}\n'
MISTAKES = [
    (lambda b: mac(SECRET, b), "the raw body was signed"),
    (lambda b: mac(SECRET, b.rstrip()), "raw body without its last newline"),
    (lambda b: mac(SECRET, b + b"\n"), "raw body and a newline"),
    (lambda b: mac(SECRET, b + b"\r\n"), "raw body and CR LF"),
    (lambda b: mac(SECRET, canonical(b) + b"\n"), "newline was signed behind"),
    (lambda b: mac(SECRET, canonical(b), "sha256"), "HMAC-SHA256 was used"),
    (lambda b: mac(SECRET, canonical(b), "sha1"), "HMAC-SHA1 was used"),
    (lambda b: mac(SECRET, sorted_text(b)), "keys were sorted at every level"),
    (
        lambda b: mac(SECRET, canonical(b).replace(b"~", b"%7E")),
        "~ was written as %7E",
    ),
    (
        lambda b: mac(SECRET, canonical(b).replace(b"+", b"%20")),
        "spaces were written as %20",
    ),
    (
        lambda b: mac(
            SECRET,
            re.sub(rb"%..", lambda m: m.group().lower(), canonical(b)),
        ),
        "lower case",
    ),
    (lambda b: mac(SECRET, canonical(b)).upper(), "signature is in upper case"),
    (lambda b: mac(SECRET, canonical(b))[:100], "is 100 characters"),
    (lambda b: mac(SECRET, canonical(b)) + " ", "white space around it"),
    (lambda b: "sha512=" + mac(SECRET, canonical(b)), "a prefix before its ="),
    (lambda b: ", ".join([mac(SECRET, canonical(b))] * 2), "a comma"),
    (lambda b: "", "is 0 characters"),
    (lambda b: "é" * 64, "is 128 characters"),
    (lambda b: mac(SECRET + "\n", canonical(b)), "secret ends in a newline"),
    (lambda b: mac(SECRET + "\r\n", canonical(b)), "secret ends in CR LF"),
    (lambda b: mac(SECRET + "\r", canonical(b)), "secret ends in CR;"),
    (lambda b: mac(SECRET + "\n\n", canonical(b)), "ends in two newlines"),
    (lambda b: mac(SECRET + " ", canonical(b)), "secret ends in a space"),
    (lambda b: mac(SECRET + "\t", canonical(b)), "secret ends in a tab"),
    (lambda b: mac(" " + SECRET, canonical(b)), "begins with a space"),
    (lambda b: mac("\t" + SECRET, canonical(b)), "begins with a tab"),
    (lambda b: mac("\n" + SECRET, canonical(b)), "begins with a newline"),
    (lambda b: mac(f'"{SECRET}"', canonical(b)), "double quotes around it"),
    (lambda b: mac(f"'{SECRET}'", canonical(b)), "single quotes around it"),
    (lambda b: mac("", canonical(b)), "secret is empty"),
    (lambda b: hashlib.sha512(b).hexdigest(), "a digest without a key"),
    (lambda b: mac("another", canonical(b)), "another secret signed this body"),
    (lambda b: mac(SECRET, canonical(b"{}")), "another secret signed"),
]


@pytest.mark.parametrize(
    "make, said", MISTAKES, ids=[said for _, said in MISTAKES]
)
def test_a_usual_mistake_is_recognised(site, make, said):
    told = verify(site, make(UNSORTED), UNSORTED)
    assert told.startswith("not valid: ")
    assert said in told
    assert all(line.startswith("not valid: ") for line in told.splitlines())


def test_sorting_the_top_level_alone_is_recognised(site):
    body = b'{"b": {"z": 1, "y": 2}, "a": 1}'
    text = urllib.parse.urlencode(sorted(json.loads(body).items())).encode()
    assert "the keys were sorted; " in verify(site, mac(SECRET, text), body)


@pytest.mark.parametrize(
    "stored, typed, said",
    [
        (f"  {SECRET}\n", f"  {SECRET}", "white space around the secret"),
        (f'"{SECRET}"\n', SECRET, "the secret file has quotes"),
        ("c2VjcmV0\n", b"secret", "decodes the secret as base64"),
        ("736563726574\n", b"secret", "decodes the secret as hex"),
    ],
)
def test_a_secret_that_is_not_what_the_sender_has(site, stored, typed, said):
    assert said in verify(site, mac(typed, canonical(BODY)), secret=stored)


def test_two_mistakes_at_once_are_both_told(site):
    said = verify(site, mac(SECRET + "\n", BODY, "sha256"))
    for one in ("HMAC-SHA256", "the raw body", "ends in a newline"):
        assert one in said


@pytest.mark.parametrize(
    "body, said",
    [
        (b'{"a": "\\ud800"}', "surrogate"),
        (b"nonsense", "not JSON"),
        (b"[]", "object"),
    ],
)
def test_where_no_signature_can_be_right_that_is_said(site, body, said):
    told = verify(site, mac(SECRET, b"anything"), body)
    assert told.startswith("not valid: no signature is right: ")
    assert said in told
    told = verify(site, mac(SECRET, body), body)
    assert "the raw body was signed" in told


# ---- map ----


def test_map_shows_the_event_that_is_then_sent(site, standin):
    event = json.loads(out(site.cli("map", "montecarlo", stdin=BODY)))
    jsonschema.validate(event, SCHEMA)
    assert event["deduplication_key"] == INCIDENT
    assert standin.history() == [], "nothing is sent"
    assert list(site.spool.iterdir()) == [], "nothing is kept"
    assert site.cgi(BODY).status == 200
    (sent,) = standin.events()
    for one in (event, sent):
        assert one["metadata"].pop("received_at")
    assert event == sent


def test_map_explains_each_field(site):
    site.configure(source={"tags": ["t"], "severity": "minor"})
    body = alert("k", owner="ann@example.com")
    done = site.cli("map", "montecarlo", "--explain", stdin=body)
    event = json.loads(out(done))
    rules = dict(
        re.split(r"\s\s+", line.strip(), maxsplit=1)
        for line in done.stderr.decode().splitlines()
    )
    fields = {n for n in event if n != "metadata"}
    fields |= {f"metadata.{n}" for n in event["metadata"]}
    assert set(rules) == fields | {"(goes to)"}
    assert rules["(goes to)"] == "oncall: destination of source montecarlo"
    assert rules["deduplication_key"] == "read by kind montecarlo"
    assert rules["title"].startswith("worded by kind montecarlo")
    assert rules["metadata.owners"] == "read by kind montecarlo"
    assert rules["metadata.severity"].startswith("severity of source")
    assert rules["metadata.tags"].startswith("tags of source montecarlo")
    assert rules["metadata.environment"].startswith("environment of source")
    assert "first receipt" in rules["metadata.received_at"]


SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "src/samples"
KINDS = {
    "elementary": "", "dbt": "", "fivetran": "", "incidentio": "",
    "generic": 'proof = standard-webhooks', "montecarlo": "verify = off",
}  # fmt: skip


@pytest.fixture
def kinds(site):
    """A source of each kind, named after it, with a secret and without."""
    token = "whsec_" + "Ab12" * 8
    secret = site.write(site.etc / "kinds.secret", token)
    site.secrets.add(token)
    site.configure(
        more="".join(
            f"source {name}{with_secret} {{\n\tkind = {kind}\n"
            f"\tdestination = oncall\n\t{more}\n"
            + (f'\tsecret_file = "{secret}"\n' if with_secret else "")
            + "}\n"
            for kind, more in KINDS.items()
            for name in [kind.replace("montecarlo", "mc")]
            for with_secret in ("", "-proven")
        )
    )
    return site


@pytest.mark.parametrize("proven", ["", "-proven"])
@pytest.mark.parametrize(
    "name, body, said",
    [
        ("incidentio", [{"title": "t", "status": "firing"}], "HTTP 422: no title"),
        ("incidentio", {}, "HTTP 422: no title"),
        ("incidentio", b"{", "HTTP 400: not JSON"),
        ("dbt", [{"metadata": {}}], "HTTP 400: "),
        ("dbt", b"x", "HTTP 400: not JSON"),
        ("mc", [{}], "HTTP 400: "),
        ("fivetran", 5, "HTTP 400: "),
        ("generic", b"[", "HTTP 400: not JSON"),
        ("generic", None, "HTTP 413: "),
    ],
)
def test_map_refuses_what_a_webhook_is_refused_for(kinds, name, proven, body, said):
    if body is None:
        body = b" " * (1 << 20) + b"1"
    elif not isinstance(body, bytes):
        body = json.dumps(body).encode()
    done = kinds.cli("map", name + proven, stdin=body)
    assert "would be refused with " + said in err(done, 65)
    assert done.stdout == b""


@pytest.mark.parametrize("proven", ["", "-proven"])
def test_map_takes_what_a_webhook_is_taken_for(kinds, proven):
    """edr's second try is no JSON; Monte Carlo's proof may be off."""
    plain = b"Oops, we failed to format the alert\n```\nbroken\n```"
    for name, body in (
        ("elementary", plain), ("generic", b"5"), ("mc", alert("k")),
        ("incidentio", b'{"status":"firing"}'),
    ):  # fmt: skip
        event = json.loads(out(kinds.cli("map", name + proven, stdin=body)))
        jsonschema.validate(event, SCHEMA)
    started = b'{"eventType":"job.run.started","data":{}}'
    done = kinds.cli("map", "dbt" + proven, stdin=started)
    assert "ignored: " in done.stderr.decode()


def explained(site, source, body):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    done = site.cli("map", source, "--explain", stdin=body)
    out(done)
    return dict(
        re.split(r"\s\s+", line.strip(), maxsplit=1)
        for line in done.stderr.decode().splitlines()
        if line.startswith("  ")
    )


def test_map_explains_what_the_options_of_kind_generic_made(site):
    site.configure(
        more="source g {\n\tkind = generic\n\tdestination = oncall\n"
        '\tkey = { "/id" }\n\ttitle = { "/t" }\n\tnamespace = "prod"\n'
        '\tseverity = { "low", "/sev" }\n'
        '\tseverity_map = { "3=high", "4=4" }\n'
        '\tstatus = { "/st/*" }\n\tstatus_map = { "0=resolved", "1=firing" }\n}\n'
    )
    of = " of source g"
    body = {"id": 7, "t": "x", "sev": 3, "st": [0, 1]}
    rules = explained(site, "g", body)
    assert rules["deduplication_key"] == f'key{of}: "/id", in namespace "prod"'
    assert rules["metadata.severity"] == (
        f'severity{of}: "/sev", severity_map "3=high"'
    )
    assert rules["metadata.severity_sent"] == (
        f'severity{of}: "/sev", before severity_map "3=high"'
    )
    assert rules["status"] == f'status{of}: "/st/*", status_map "1=firing"'
    assert rules["metadata.source"] == "name" + of + ", which has no sender"

    rules = explained(site, "g", {**body, "sev": 4, "st": ["resolved"]})
    assert rules["metadata.severity"] == f'severity{of}: "/sev", severity_map "4=4"'
    assert rules["status"] == f'status{of}: "/st/*"'
    rules = explained(site, "g", {**body, "sev": None, "st": ["odd"]})
    assert rules["metadata.severity"] == f"severity{of}: none was sent"
    assert "status_map has no such value" in rules["status"]
    rules = explained(site, "g", {"x": 1})
    assert rules["deduplication_key"] == (
        f"no key{of} leads to anything: a digest of all but the status, "
        'in namespace "prod"'
    )
    assert rules["description"].startswith("the alert as it came")
    assert rules["status"].startswith("firing: no status")


def test_map_explains_the_namespace_of_a_key(kinds):
    event = {"title": "t", "deduplication_key": "incidentio/k"}
    key = explained(kinds, "incidentio", event)["deduplication_key"]
    assert key == "read by kind incidentio", "it is the sender's own"
    kinds.configure(
        more="source io {\n\tkind = incidentio\n\tdestination = oncall\n"
        "\tnamespace = team\n}\n"
    )
    key = explained(kinds, "io", event)["deduplication_key"]
    assert key == 'read by kind incidentio, in namespace "team"'


def test_what_check_prints_makes_the_same_of_every_alert(kinds):
    """Its configuration is the one in effect: as such it changes no key."""
    keyless = b'{"title":"t","status":"firing"}'
    bodies = [("generic", b'{"id":7}'), ("incidentio", keyless)]
    for kind in KINDS:
        name = kind.replace("montecarlo", "mc")
        samples = sorted((SAMPLES / kind).glob("*.json"))
        assert samples
        bodies += [(name, sample.read_bytes()) for sample in samples]

    def made():
        said = [out(kinds.cli("map", name, stdin=body)) for name, body in bodies]
        return [re.sub('"received_at": "[^"]*"', "", text) for text in said]

    before = made()
    assert sum('"deduplication_key"' in text for text in before) > 15
    printed = out(kinds.cli("check"))
    kinds.conf.write_text(printed)
    assert made() == before
    assert out(kinds.cli("check")) == printed


def test_map_says_plainly_that_a_body_is_ignored(site):
    done = site.cli("map", "montecarlo", stdin=b'{"run":{},"monitor":{}}')
    assert out(done) == ""
    assert "ignored: " in done.stderr.decode()


@pytest.mark.parametrize(
    "args, body, code, said",
    [
        (["montecarl"], BODY, 64, "no such source as montecarl; wanted monte"),
        (["montecarlo"], b"{", 65, "not JSON"),
        (["montecarlo", "/nowhere"], b"", 66, "No such file"),
    ],
)
def test_map_refuses_what_it_cannot_read(site, args, body, code, said):
    assert said in err(site.cli("map", *args, stdin=body), code)


def test_json_is_fit_for_a_terminal(site):
    body = alert("k", table="a\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}\x9bb")
    done = site.cli("map", "montecarlo", stdin=body)
    assert "\x1b" not in out(done)
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in out(done)
    assert "\x9b" not in out(done)
    (table,) = json.loads(out(done))["metadata"]["tables"]
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" in table, "the value is the same"


# ---- check ----


def test_check_prints_what_is_in_effect(site, standin):
    done = site.cli("check")
    text = out(done)
    assert 'url = "' + standin.url() in text
    assert "resend_after = 600" in text, "defaults too"
    assert str(site.secret_file) in text
    site.check_secrets(text, "check")
    said = done.stderr.decode()
    assert "error: " not in said
    assert "drain --due" in said, "the cron line"
    assert standin.history() == [], "it touches nothing outside"


def test_the_cron_line_of_check_runs_where_cron_runs_it(site):
    said = site.cli("check").stderr.decode()
    line = re.search(r"\* \* \* \* \* (.* drain --due)", said).group(1)
    assert line.startswith("/"), "cron's PATH is not a shell's"
    done = subprocess.run(
        ["env", "-i", "PATH=/usr/bin:/bin", "sh", "-c", line],
        capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_check_says_that_a_ca_file_has_no_certificate(site):
    """The key of the same name, say."""
    key = site.write(site.etc / "key.pem", "-----BEGIN PRIVATE KEY-----\n")
    empty = site.write(site.etc / "empty.pem", "")
    for path in (key, empty):
        site.configure(destination={"ca_file": path})
        done = site.cli("check")
        assert done.returncode == 78
        said = done.stderr.decode()
        assert f"no certificate in its ca_file {path}" in said
        assert "wanted text with -----BEGIN CERTIFICATE-----" in said


@pytest.mark.parametrize(
    "url, code, said",
    [
        ("https://api.incident.io/v2/alert_events/http/YOUR-ALERT-SOURCE",
         78, "error: destination oncall: its url still has a placeholder"),
        ("https://api.incident.io/v2/alerts", 0,
         "warning: destination oncall: its url does not look like"),
    ],
)  # fmt: skip
def test_check_says_that_a_url_is_none_of_an_alert_source(
    site, url, code, said
):
    site.configure(destination={"url": url})
    done = site.cli("check")
    assert done.returncode == code
    assert said in done.stderr.decode()


@pytest.mark.parametrize(
    "token, said",
    [
        ("YOUR-TOKEN", "its token is still a placeholder"),
        ("Bearer xyz", "without the word Bearer"),
        ('"xyz"', "without quotes"),
        ("'xyz'", "without quotes"),
    ],
)
def test_check_says_that_a_token_is_none(site, token, said):
    site.configure()
    site.write(site.etc / "oncall.token", token + "\n")
    done = site.cli("check")
    assert done.returncode == 78
    assert said in done.stderr.decode()


def test_what_check_prints_is_a_configuration(site):
    text = out(site.cli("check"))
    site.write(site.conf, text)
    assert out(site.cli("check")) == text


def broken_conf(site):
    site.write(site.conf, 'spool = "/x"\nbogus = 1\n')
    return f"{site.conf}:2: "


def open_secret(site):
    site.secret_file.chmod(0o644)
    return "chmod 600"


def conf_for_all(site):
    site.conf.chmod(0o666)
    return f"anybody may change it; chmod o-w {site.conf}"


def place_for_all(site):
    site.etc.chmod(0o777)
    return f"{site.etc}: anybody may replace "


def no_spool(site):
    site.spool.rmdir()
    return "install -d -m 700"


def spool_is_file(site):
    site.spool.rmdir()
    site.write(site.spool, "")
    return "not a directory"


def spool_for_others(site):
    site.spool.chmod(0o770)
    return "chmod 700"


def foreign_file(site):
    (site.spool / "tmp").mkdir(mode=0o700)
    return f"{site.spool}/tmp belongs to root; chown -R "


def not_for_the_owner(site):
    site.write(site.secret_file, SECRET)
    os.chown(site.secret_file, 0, 0)
    return "cannot read it: Permission denied; chown nobody"


root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.mark.parametrize(
    "spoil",
    [
        broken_conf,
        open_secret,
        conf_for_all,
        place_for_all,
        no_spool,
        spool_is_file,
        spool_for_others,
        pytest.param(foreign_file, marks=root),
    ],
)
def test_check_says_what_is_wrong_and_the_cure(site, spoil):
    said = spoil(site)
    assert said in err(site.cli("check"), 78)


@root
def test_root_checks_as_the_owner_of_the_spool(site):
    said = not_for_the_owner(site)
    done = subprocess.run(
        [site.bin / "bellrelay", "-c", site.conf, "check"],
        capture_output=True, env=environment(), check=False,
    )  # fmt: skip
    assert said in err(done, 78)
    assert {p.stat().st_uid for p in site.spool.rglob("*")} == {NOBODY}


@pytest.mark.parametrize(
    "source, said",
    [
        ({"verify": "off", "secret_file": None}, "whoever knows its URL"),
        ({"secret_file": None}, "all is refused"),
    ],
)
def test_check_warns_of_a_source_without_a_secret(site, source, said):
    site.configure(source=source)
    done = site.cli("check")
    out(done)
    assert "warning: source montecarlo: " in done.stderr.decode()
    assert said in done.stderr.decode()


@root
def test_check_warns_of_a_spool_that_a_reboot_empties(site):
    with site.small_spool():
        done = site.cli("check")
        assert "tmpfs: it loses everything at a reboot" in (
            done.stderr.decode()
        )
        assert done.returncode == 0
        site.fill()
        assert "full" in err(site.cli("check"), 78)


def test_a_broken_configuration_is_78_for_every_command(site):
    said = broken_conf(site)
    for args in (
        ["map", "montecarlo"], ["check"], ["test", "oncall"], ["drain"],
        ["list"], ["show", "abcd"],
    ):  # fmt: skip
        done = site.cli(*args)
        assert said in err(done, 78), args
        assert done.stdout == b""


def test_a_configuration_that_is_not_there_is_said(site):
    site.conf.unlink()
    assert "No such file" in err(site.cli("check"), 78)


# ---- test ----


def test_test_sends_a_firing_alert_and_its_resolve(site, standin):
    said = out(site.cli("test", "oncall"))
    first, last = standin.events()
    assert (first["status"], last["status"]) == ("firing", "resolved")
    assert first["deduplication_key"] == last["deduplication_key"]
    assert first["deduplication_key"].startswith("bellrelay-test-")
    for name in (
        "source", "severity", "owners", "tags", "environment",
        "test_description", "connector", "failure_reason",
    ):  # fmt: skip
        assert first["metadata"][name]
    for event in (first, last):
        jsonschema.validate(event, SCHEMA)
    lines = said.splitlines()
    assert re.match(
        r"firing: accepted, HTTP 202 in \d+ ms: Event accepted", lines[0]
    )
    assert lines[1].startswith("resolved: accepted")
    assert list(site.spool.iterdir()) == [], "not by way of the spool"


def test_test_can_leave_it_firing_and_never_uses_a_key_twice(site, standin):
    for _ in range(2):
        out(site.cli("test", "oncall", "--keep-firing"))
    one, two = standin.events()
    assert one["deduplication_key"] != two["deduplication_key"]
    assert standin.alerts().is_open(one["deduplication_key"])


@pytest.mark.parametrize(
    "status, code, cure",
    [
        (401, 77, "token_file"),
        (403, 77, "token_file"),
        (404, 77, "see its url"),
        (429, 69, "try again"),
        (422, 69, ""),
        (500, 69, ""),
        (302, 69, ""),
    ],
)
def test_test_says_what_was_answered(site, standin, status, code, cure):
    standin.script(behave.answer(status))
    done = site.cli("test", "oncall")
    assert done.returncode == code
    said = done.stdout.decode()
    assert f"firing: not accepted, HTTP {status}" in said
    assert f"scripted {status}" in said, "in the words of the other end"
    assert "request " in said
    assert cure in done.stderr.decode()
    assert len(standin.history()) == 1


def test_test_says_when_nobody_answers(site, standin):
    standin.stop()
    done = site.cli("test", "oncall")
    assert "firing: not accepted, no answer" in done.stdout.decode()
    assert "the network" in err(done, 69)


def test_test_says_that_the_alert_may_still_fire(site, standin):
    standin.script(behave.judge(), behave.answer(500))
    assert "may still be firing" in err(site.cli("test", "oncall"), 69)


def test_what_is_answered_is_fit_for_a_terminal(site, standin):
    standin.script(behave.answer(500, "a\x1b[2Jb\u202ec\r\nd"))
    said = site.cli("test", "oncall").stdout.decode()
    assert "\x1b" not in said and "\u202e" not in said and "\r" not in said


def test_test_wants_a_destination_that_there_is(site):
    assert "no such destination as oncal; wanted oncall" in err(
        site.cli("test", "oncal"), 64
    )


# ---- drain ----


def test_drain_delivers_and_says_so(site, standin):
    wait_in_queue(site, standin)
    assert out(site.cli("drain")) == (
        "1 delivered, 0 refused, 0 failed; 0 alerts still wait\n"
    )
    assert standin.alerts().is_open("a")
    assert out(site.cli("drain")).startswith("0 delivered")


def test_drain_tries_each_once_and_says_that_it_waits(site, standin):
    wait_in_queue(site, standin)
    standin.always(behave.answer(500))
    assert out(site.cli("drain"), 75) == (
        "0 delivered, 0 refused, 1 failed; 1 alert still waits\n"
    )
    assert len(standin.history()) == 2


def test_drain_says_that_a_destination_is_held(site, standin):
    standin.always(behave.answer(401))
    assert site.cgi(alert("a")).status == 202
    done = site.cli("drain")
    assert "destination oncall is held" in err(done, 75)
    assert "token_file" in done.stderr.decode()


def test_drain_says_when_the_rate_lets_the_next_call_go(site, standin):
    site.configure(destination={"rate": 1})
    standin.always(behave.answer(401))
    assert site.cgi(alert("a")).status == 202
    said = err(site.cli("drain"), 75)
    assert len(standin.history()) == 1, "a second within a minute is too many"
    at = re.search(r"oncall: at its rate of 1 .* at (\S+Z)", said)
    assert at, said
    wait = datetime.datetime.fromisoformat(at[1]).timestamp() - time.time()
    assert 0 < wait <= 60


def test_drain_says_nothing_of_a_rate_that_is_not_in_the_way(site, standin):
    standin.always(behave.answer(401))
    assert site.cgi(alert("a")).status == 202
    assert "rate" not in err(site.cli("drain"), 75)
    assert len(standin.history()) == 2


def test_drains_probe_one_after_the_other(site, standin):
    standin.always(behave.answer(503))
    for key in "abcd":
        assert site.cgi(alert(key)).status == 202
    before = len(standin.history())
    for _ in range(4):
        assert "destination oncall rests" in err(site.cli("drain"), 75)
    probed = [seen.key for seen in standin.history()[before:]]
    assert sorted(probed) == list("abcd"), "a run probes once, and goes round"


def test_drain_delivers_what_those_that_fail_do_not_stop(site, standin):
    standin.decide(
        lambda seen: behave.answer(503) if seen.key in "ab" else None
    )
    for key in "abcdef":
        assert site.cgi(alert(key)).status == 202
    for _ in range(3):
        assert site.cli("drain").returncode == 75
    assert sorted(e["deduplication_key"] for e in standin.events()) == [
        "c", "d", "e", "f",
    ]  # fmt: skip


def test_drain_tries_what_was_made_smaller_at_once(site, standin):
    wait_in_queue(site, standin)
    standin.script(behave.answer(413))
    out(site.cli("drain"))
    assert "description" not in standin.events()[-1]


def test_a_due_drain_prints_nothing(site, standin):
    site.waits(alert("a"))
    before = len(standin.history())
    assert out(site.cli("drain", "--due"), 75) == ""
    assert len(standin.history()) == before, "its wait is kept"


def on_a_terminal(site, *args, code=0):
    """What a command says to a person: its standard error is a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [site.bin / "bellrelay", "-c", site.conf, *args],
        stderr=theirs, stdout=subprocess.PIPE, env=environment(),
        **site.user,
    ) as child:  # fmt: skip
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):
            while piece := os.read(ours, 65536):
                said += piece
        assert child.wait(60) == code, said
    os.close(ours)
    return said


def test_a_drain_shows_its_progress_on_a_terminal(site, standin):
    wait_in_queue(site, standin)
    assert b"1 delivered, 0 to go\r" in on_a_terminal(site, "drain")


def test_on_a_terminal_there_is_no_log_among_the_answers(site, standin):
    wait_in_queue(site, standin)
    standin.script(behave.answer(503))
    said = on_a_terminal(site, "drain", code=75)
    assert b"event=" not in said
    assert b"bellrelay list --pending says what failed, bellrelay show" in said
    assert b"event=" not in on_a_terminal(site, "try", "montecarlo", "volume")
    assert "event=delivery" in site.cli("drain").stderr.decode()


def test_on_a_terminal_what_is_wrong_is_a_sentence(site, standin):
    wait_in_queue(site, standin)
    name = ticket_id("a")
    (site.box() / "pending" / f"{name}.json").write_text("torn")
    said = on_a_terminal(site, "drop", name)
    assert said == (
        f"bellrelay: corrupt, destination oncall, alert {name}: its file is "
        "torn or altered; moved to corrupt/\r\n"
    ).encode()


def test_on_a_terminal_a_refusal_has_its_reason(site, standin):
    """Which the answer to a sender has not."""
    wait_in_queue(site, standin)
    standin.always(behave.answer(503))
    (site.box() / "pending").chmod(0o500)
    said = on_a_terminal(site, "try", "montecarlo", "volume", code=73)
    (site.box() / "pending").chmod(0o700)
    assert b"event=" not in said
    assert b"bellrelay: webhook, source montecarlo" in said
    assert b"Permission denied" in said and b"refused with HTTP 503" in said


def test_the_cure_stands_at_the_end_whatever_the_path(site):
    place = site.etc / ("d" * 200)
    place.mkdir()
    site.own(place)
    gone = place / "mc.secret"
    site.configure(source={"secret_file": gone})
    said = err(site.cli("check"), 78)
    assert said.endswith(", then write it in\n")
    assert f"install -m 600 -o USER /dev/null {gone}" in said


def test_an_interrupt_ends_a_drain_after_the_call_in_flight(site, standin):
    wait_in_queue(site, standin)
    wait_in_queue(site, standin, alert("b"))
    hold = behave.Hold()
    standin.script(hold)
    child = subprocess.Popen(
        [site.bin / "bellrelay", "-c", site.conf, "drain"],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(),
        **site.user,
    )  # fmt: skip
    with child:
        assert hold.reached.wait(60)
        child.send_signal(signal.SIGINT)
        assert b"ending after" in child.stderr.readline()
        hold.release()
        said = child.stdout.read()
        assert child.wait(60) == 75
    assert said.startswith(b"1 delivered")
    assert len(standin.events()) == 1
    assert len(site.tickets()) == 1


def test_a_second_signal_ends_a_drain_and_loses_nothing(site, standin):
    wait_in_queue(site, standin)
    hold = behave.Hold()
    standin.script(hold)
    child = subprocess.Popen(
        [site.bin / "bellrelay", "-c", site.conf, "drain"],
        stderr=subprocess.PIPE, env=environment(), **site.user,
    )  # fmt: skip
    with child:
        assert hold.reached.wait(60)
        child.send_signal(signal.SIGTERM)
        assert b"ending after" in child.stderr.readline()
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == -signal.SIGTERM
    hold.release()
    out(site.cli("drain"))
    assert standin.alerts().is_open("a")


# ---- who runs it ----


@root
@pytest.mark.parametrize("args", [["drain"], ["list"], ["show", "a"]])
def test_root_leaves_nothing_of_its_own_in_the_spool(site, standin, args):
    wait_in_queue(site, standin)
    done = subprocess.run(
        [site.bin / "bellrelay", "-c", site.conf, *args],
        capture_output=True, env=environment(), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {p.stat().st_uid for p in site.spool.rglob("*")} == {NOBODY}
    assert {p.stat().st_gid for p in site.spool.rglob("*")} == {NOBODY}


@root
@pytest.mark.parametrize("args", [["drain"], ["list"], ["show", "abcd"]])
def test_somebody_else_is_refused_with_the_cure(site, args):
    os.chown(site.spool, 1, 1)
    assert "belongs to daemon; sudo -u daemon bellrelay" in err(
        site.cli(*args), 77
    )


# ---- list ----


def rows(text):
    """The rows of a list, as dicts by the names of the columns."""
    head, *lines = text.splitlines()
    names = re.split(r"\s\s+", head.strip())
    return [
        dict(zip(names, re.split(r"\s\s+", line.strip()))) for line in lines
    ]


@pytest.mark.parametrize(
    "args",
    [["map", "montecarlo"], ["canonical"], ["try", "montecarlo", "-"]],
    ids=lambda args: args[0],
)
def test_an_empty_body_is_said_to_be_none(site, args):
    said = err(site.cli(*args, stdin=b""), 65)
    assert "nothing came on standard input" in said


def test_an_empty_spool_has_nothing_to_list(site):
    done = site.cli("list")
    assert out(done) == ""
    assert "none" in done.stderr.decode()
    assert json.loads(out(site.cli("list", "--json"))) == []


def some_of_each(site, standin):
    """One that waits, one dead, one that fires and one that is resolved."""
    assert site.cgi(alert("fires")).status == 200
    assert site.cgi(alert("over")).status == 200
    assert site.cgi(update("over", alert_feedback="fixed")).status == 200
    standin.script(behave.answer(422))
    site.cgi(alert("dead"))
    site.waits(alert("waits"))


def listed(site, *args):
    found = json.loads(out(site.cli("list", *args, "--json")))
    return sorted((row["key"], row["state"]) for row in found)


def test_list_tells_what_waits_fires_and_was_refused(site, standin):
    some_of_each(site, standin)
    until(
        lambda: out(site.cli("drain", "--due"), 75) == ""
        and site.pending_files() == [ticket_id("waits") + ".json"],
        "the rest to settle",
    )
    assert listed(site, "--pending") == [("waits", "pending")]
    assert listed(site, "--dead") == [("dead", "dead")]
    assert listed(site, "--firing") == [
        ("dead", "settled"),
        ("fires", "settled"),
        ("waits", "pending"),
    ]
    assert listed(site) == [
        ("dead", "dead"),
        ("dead", "settled"),
        ("fires", "settled"),
        ("over", "settled"),
        ("waits", "pending"),
    ]


def test_list_for_people_has_a_line_for_each(site, standin):
    some_of_each(site, standin)
    (row,) = rows(out(site.cli("list", "--pending")))
    assert ticket_id("waits").startswith(row["ALERT"])
    assert row["DESTINATION"] == "oncall"
    assert row["STATUS"] == "firing"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["SINCE"])
    assert row["TRIES"] == "5"
    assert row["NEXT TRY"].startswith("in ")
    assert "artemis" in row["TITLE"]
    (row,) = rows(out(site.cli("list", "--dead")))
    assert row["STATUS"] == "dead"
    words = r"HTTP 422: [^{]*, request [0-9a-f-]{36}"
    assert re.search(rf" \[{words}\]$", row["TITLE"]), "in words, not as JSON"
    assert re.search(words, out(site.cli("show", row["ALERT"])))
    assert re.search(words, site.cli("show", row["ALERT"], "--json").stdout.decode())


@pytest.mark.parametrize(
    "seconds", [9, 599, 3599, 86399, 86400 * 9 + 3601, 86400 * 399 + 86399]
)
def test_no_age_is_cut(site, standin, seconds):
    wait_in_queue(site, standin)
    (row,) = rows(
        out(
            site.run(
                site.bin / "bellrelay", "-c", site.conf, "list",
                env=clock(f"+{seconds}s"),
            )
        )
    )  # fmt: skip
    units = r"\d+ (d|h|min|s)( \d+ (h|min|s))?"
    for name in ("AGE", "WAITING"):
        assert re.fullmatch(units, row[name]), row


def test_no_wait_is_cut(site, standin):
    standin.always(behave.answer(503))
    site.cgi(alert("a"))
    for _ in range(5):
        out(site.cli("drain"), 75)
    (row,) = rows(out(site.cli("list")))
    assert row["TRIES"] == "6"
    assert re.fullmatch(r"in 4 min \d+ s", row["NEXT TRY"])


def test_list_names_a_repeat_which_drain_does_not_count(site, standin):
    standin.script(behave.Reset(takes=True))
    site.cgi(alert("a"))
    said = out(site.cli("drain"))
    assert "; 0 alerts still wait" in said
    (row,) = rows(out(site.cli("list", "--pending")))
    assert row["TITLE"].endswith(" [repeat]")
    assert row["NEXT TRY"].startswith("in ")
    (found,) = json.loads(out(site.cli("list", "--pending", "--json")))
    assert found["repeat"] is True
    wait_in_queue(site, standin, alert("b"))
    found = json.loads(out(site.cli("list", "--pending", "--json")))
    assert sorted("repeat" in row for row in found) == [False, True]


def test_list_says_that_a_destination_is_held(site, standin):
    standin.always(behave.answer(403))
    site.cgi(alert("a"))
    (row,) = rows(out(site.cli("list", "--pending")))
    assert row["NEXT TRY"] == "held"


def opened(site, *args):
    """How many files and directories a list opens."""
    trace = site.write(site.dir / "trace", "")
    out(
        site.run(
            "strace", "-o", trace, "-e", "trace=openat",
            site.bin / "bellrelay", "-c", site.conf, "list", *args,
            env={"ASAN_OPTIONS": "detect_leaks=0"},  # not under strace
        )  # fmt: skip
    )
    return trace.read_text().count("openat(")


def test_what_waits_is_listed_without_a_look_at_what_is_settled(site, standin):
    """Which is in 256 directories."""
    some_of_each(site, standin)
    everything = opened(site)
    for one in ("--pending", "--dead"):
        assert opened(site, one) + 256 <= everything
    assert opened(site, "--firing") + 256 > everything


def test_what_is_no_longer_configured_is_listed_with_a_remark(site, standin):
    wait_in_queue(site, standin)
    text = site.conf.read_text()
    for old, new in (
        ("destination oncall {", "destination newcall {"),
        ('{ "oncall" }', '{ "newcall" }'),
    ):
        assert old in text
        text = text.replace(old, new)
    site.write(site.conf, text)
    done = site.cli("list")
    (row,) = rows(out(done))
    assert (row["DESTINATION"], row["NEXT TRY"]) == ("oncall", "never")
    assert "no such destination is configured any more" in done.stderr.decode()
    (found,) = json.loads(out(site.cli("list", "--json")))
    assert found["orphan"] is True
    assert "not configured any more" in out(site.cli("show", "a"))


def test_titles_of_strangers_are_fit_for_a_terminal(site, standin):
    wait_in_queue(site, standin, alert("a", table="x\x1b]0;y\x07\u202ez\x9b"))
    for args in (
        ["list"], ["list", "--json"], ["show", "a"], ["show", "a", "--json"],
    ):  # fmt: skip
        said = out(site.cli(*args))
        for one in "\x1b\x07\u202e\x9b":
            assert one not in said, args


def spoilt(site, standin, how):
    """A ticket and a dead letter that are there and say nothing."""
    standin.script(behave.answer(422))
    site.cgi(alert("dead"))
    out(site.cli("drain"))
    assert site.pending_files() == []
    found = [
        *site.box().glob("settled/*/*.json"),
        *(site.box() / "dead").iterdir(),
    ]
    assert len(found) == 2
    for path in found:
        if how == "unreadable":
            path.chmod(0)
        else:
            path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("how", ["torn", "unreadable"])
@pytest.mark.parametrize("args", [[], ["--firing"], ["--dead"], ["--json"]])
def test_what_cannot_be_read_is_said_and_not_that_there_is_none(
    site, standin, how, args
):
    spoilt(site, standin, how)
    done = site.cli("list", *args)
    said = err(done, 74)
    assert "there are none" not in said
    assert ("torn or altered" if how == "torn" else "modes below") in said
    assert done.stdout == (b"[]\n" if args == ["--json"] else b"")


def test_a_torn_ticket_is_said_and_the_others_are_listed(site, standin):
    some_of_each(site, standin)
    until(
        lambda: out(site.cli("drain", "--due"), 75) == ""
        and site.pending_files() == [ticket_id("waits") + ".json"],
        "the rest to settle",
    )
    path = site.box() / "pending" / (ticket_id("waits") + ".json")
    path.write_bytes(path.read_bytes()[:-20])
    done = site.cli("list", "--firing", "--json")
    keys = [row["key"] for row in json.loads(out(done, 74))]
    assert "fires" in keys and "waits" not in keys
    assert "torn" in done.stderr.decode()


# ---- show ----


def test_show_tells_the_story(site, standin):
    wait_in_queue(site, standin)
    standin.script(behave.answer(422))
    site.cli("drain")
    site.cgi(alert("a", table="orders"))
    said = out(site.cli("show", "a"))
    assert re.search(rf"^alert +{NAME}$", said, re.M)
    assert re.search(r"^destination +oncall$", said, re.M)
    assert re.search(r"^key +a$", said, re.M)
    assert re.search(r"^status +firing$", said, re.M)
    assert re.search(r"^delivered +firing, event 2, ", said, re.M)
    timeline, letters = said.split("\ndead letters\n")
    story = re.findall(r"Z  (\w+) +event (\d)", timeline.split("timeline")[1])
    assert story == [
        ("firing", "1"),
        ("failed", "1"),
        ("refused", "1"),
        ("firing", "2"),
        ("delivered", "2"),
    ]
    assert re.search(r"event 1  .*422", letters)


def test_show_tells_what_waits_and_why(site):
    site.waits(alert("a"))
    said = out(site.cli("show", "a"))
    assert re.search(r"^waits +firing, event 1, since ", said, re.M)
    assert re.search(r"^failed +5 in a row$", said, re.M)
    assert re.search(r"^last error +HTTP 503", said, re.M)
    assert re.search(r"^next try +\d{4}-", said, re.M)


def test_show_as_json_is_all_that_is_known(site, standin):
    wait_in_queue(site, standin)
    found = json.loads(out(site.cli("show", "a", "--json")))
    assert found["alert"] == NAME
    assert found["place"] == "pending"
    assert found["ticket"]["key"] == "a"
    assert found["dead"] == []


def timeline(said):
    """What is told of each event: (what, event, the rest)."""
    return re.findall(
        r"Z  (\w+(?: \w+)?) +event (\d+)(?:  (.*))?",
        said.split("\ntimeline\n")[1],
    )


@pytest.mark.parametrize("status", [401, 403, 404])
def test_show_tells_once_what_a_held_destination_answers(
    site, standin, status
):
    standin.always(behave.answer(status))
    site.cgi(alert("a"))
    for _ in range(3):
        out(site.cli("drain"), 75)
    assert len(standin.history()) == 4
    said = out(site.cli("show", "a"))
    assert re.search(rf"^last error +HTTP {status}: ", said, re.M)
    assert [m[:2] for m in timeline(said)] == [("firing", "1"), ("held", "1")]
    assert f"HTTP {status}: " in timeline(said)[1][2]
    (ticket,) = site.tickets().values()
    assert ticket["tries"] == 0, "nothing is burnt"
    (row,) = json.loads(out(site.cli("list", "--pending", "--json")))
    assert row["error"].startswith(f"HTTP {status}: ")
    standin.always(behave.answer(404 if status != 404 else 401))
    out(site.cli("drain"), 75)
    last = timeline(out(site.cli("show", "a")))[-1]
    assert last[0] == "held" and f"HTTP {status}" not in last[2]
    standin.decide(None)
    out(site.cli("drain"))
    assert "last error" not in out(site.cli("show", "a"))


def test_show_marks_what_was_merged_and_never_sent(site, standin):
    standin.always(behave.answer(401))
    site.cgi(alert("a"))
    for n in range(6):
        word = "investigating" if n % 2 else "fixed"
        site.cgi(update("a", alert_feedback=word))
    standin.decide(None)
    merged = [
        m[1] for m in timeline(out(site.cli("show", "a"))) if "merged" in m[2]
    ]
    waiting = [q["n"] for q in site.ticket("a")["queue"]]
    assert waiting[0] == 1
    assert merged == [str(n) for n in range(1, 8) if n not in waiting]
    out(site.cli("drain"))
    told = timeline(out(site.cli("show", "a")))
    assert [m[1] for m in told if "merged" in m[2]] == merged
    delivered = [m[1] for m in told if m[0] == "delivered"]
    assert sorted(merged + delivered) == list("1234567")


def test_show_marks_what_was_tried_and_then_merged(site, standin):
    standin.always(behave.answer(503))
    site.cgi(alert("a"))
    site.cgi(update("a", alert_feedback="investigating"))
    told = timeline(out(site.cli("show", "a")))
    assert [m[:2] for m in told[:2]] == [("firing", "1"), ("failed", "1")]
    assert told[0][2] == "merged into a later one, not accepted itself"
    assert told[2][:2] == ("firing", "2") and not told[2][2]
    standin.decide(None)
    out(site.cli("drain"))
    told = timeline(out(site.cli("show", "a")))
    assert ["merged" in m[2] for m in told].count(True) == 1


@pytest.mark.parametrize("how", ["torn", "unreadable"])
def test_show_says_what_it_cannot_read_and_tells_the_rest(site, standin, how):
    spoilt(site, standin, how)
    done = site.cli("show", "dead")
    assert err(done, 74).count("\n") == 2, "the ticket and its dead letter"
    assert f"alert        {ticket_id('dead')}\n" in done.stdout.decode()
    done = site.cli("show", "dead", "--json")
    assert json.loads(out(done, 74))["dead"] == []


@pytest.mark.parametrize(
    "name",
    [NAME, NAME[:12], NAME[:4], f"oncall/{NAME}", f"oncall/{NAME[:5]}", "a",
     "oncall/a"],
)  # fmt: skip
def test_an_alert_is_found_by_id_beginning_or_key(site, standin, name):
    wait_in_queue(site, standin)
    assert NAME in out(site.cli("show", name))


def test_an_alert_is_found_wherever_it_is(site, standin):
    some_of_each(site, standin)
    out(site.cli("drain"))
    assert site.pending_files() == []
    for key in ("fires", "over", "dead", "waits"):
        for name in (key, ticket_id(key)[:6], ticket_id(key)):
            assert ticket_id(key) in out(site.cli("show", name))


@pytest.mark.parametrize("name", ["b", NAME[:3], "other/a", "x" * 300, ""])
def test_what_is_no_alert_is_said(site, standin, name):
    wait_in_queue(site, standin)
    assert "no such alert as" in err(site.cli("show", name), 66)


def test_a_key_may_hold_a_slash(site, standin):
    wait_in_queue(site, standin, alert("prod/model.a"))
    for name in ("prod/model.a", "oncall/prod/model.a"):
        assert ticket_id("prod/model.a") in out(site.cli("show", name))


def test_a_beginning_that_two_share_is_not_clear(site, standin):
    seen = {}
    for n in range(10000):
        first = ticket_id(f"k{n}")[:4]
        if first in seen:
            break
        seen[first] = f"k{n}"
    for key in (seen[first], f"k{n}"):
        assert site.cgi(alert(key)).status == 200
    said = err(site.cli("show", first), 65)
    assert ticket_id(seen[first]) in said
    assert ticket_id(f"k{n}") in said


def test_the_readme_of_a_spool_names_all_that_is_in_it(site, standin):
    site.configure(top={"journal": "full"})
    some_of_each(site, standin)
    readme = (site.spool / "README").read_text()
    for where, before in ((site.spool, ""), (site.box(), "DESTINATION/")):
        for path in where.iterdir():
            if path.name not in ("README", "oncall"):
                name = before + path.name + "/" * path.is_dir()
                assert re.search(rf"(?m)^  {re.escape(name)}", readme), name
    assert "rung" in readme, "the marks in state.json"


def test_commands_make_files_that_nobody_else_reads(site, standin):
    wait_in_queue(site, standin)
    out(site.cli("drain"))
    for path in site.spool.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o077 == 0, path
