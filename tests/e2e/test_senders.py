"""Elementary, dbt and Fivetran ring incident.io as they really post."""

import json
import os
import re
import shutil
import subprocess

import pytest

from world import behave
from world.incidentio import PATIENCE
from world.montecarlo import alert
from world.senders import (
    Edr,
    changed,
    dbt_results,
    dbt_signature,
    fivetran_signature,
    published,
)
from world.site import BASE, ROOT, section, ticket_id

SECRETS = {
    "edr": "edr:Kf3-elementary_password_" + "e4" * 10,
    "dbt": "Hq8-dbt_secret_" + "d9" * 12,
    "fivetran": "Wn2-fivetran_secret_" + "f5" * 12,
}
TEST = published("elementary", "published-test")
MODEL = published("elementary", "published-model")
FRESHNESS = published("elementary", "published-source-freshness")
SYNC = published("fivetran", "published-sync-end")
JOB = published("dbt", "published-job-errored")
KEY = "prod/" + TEST["test_unique_id"]


def sections(site):
    """A source of each kind; edr and dbt share their alerts."""
    text = ""
    for name, kind in (
        ("edr", "elementary"),
        ("dbt", "dbt"),
        ("fivetran", "fivetran"),
    ):
        secret = site.etc / f"{name}.secret"
        site.write(secret, SECRETS[name] + "\n")
        site.secrets.add(SECRETS[name].rpartition(":")[2])
        text += section(
            "source",
            name,
            {
                "kind": kind,
                "secret_file": secret,
                "destination": ["oncall"],
                **({} if name == "fivetran" else {"namespace": "prod"}),
            },
        )
    return text


@pytest.fixture
def senders(site):
    site.configure(more=sections(site))
    return site.start()


def edr(site, user=SECRETS["edr"], path="/edr"):
    host = f"127.0.0.1:{site.port}{BASE}{path}"
    return Edr(f"http://{user}@{host}" if user else f"http://{host}")


def curl(site, path, *options):
    """The status and the answer."""
    done = subprocess.run(
        ["curl", "-sS", "-q", "--noproxy", "*", "--max-time", str(PATIENCE),
         "-w", "\n%{http_code}", *options,
         f"http://127.0.0.1:{site.port}{BASE}{path}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    text, _, status = done.stdout.rpartition("\n")
    site.check_secrets(text, "an answer")
    return int(status), json.loads(text)


def post_file(site, tmp_path, body, *options, path="/dbt"):
    """`curl --data-binary @target/run_results.json`, as a user would."""
    file = tmp_path / "run_results.json"
    file.write_text(json.dumps(body))
    return curl(site, path, "--data-binary", f"@{file}", *options)


def as_dbt():
    return "-u", "dbt:" + SECRETS["dbt"]


# ---- edr ----


def test_edr_rings_with_the_url_that_the_readme_gives(senders, standin):
    assert edr(senders).send(TEST)
    (event,) = standin.events()
    assert event["title"] == (
        '"unique" test failed on analytics.staging.orders.order_id'
    )
    assert event["deduplication_key"] == KEY
    assert event["status"] == "firing"
    assert event["metadata"]["severity"] == "fail"
    assert event["metadata"]["environment"] == "prod"
    assert event["metadata"]["owners"] == ["jane.smith@acme.com"]


def test_a_user_without_a_password_is_a_secret_too(site, standin):
    site.configure(more=sections(site))
    site.write(site.etc / "edr.secret", "Zu7-alone-" + "a1" * 10 + "\n")
    site.secrets.add("Zu7-alone-" + "a1" * 10)
    site.start()
    # Requests sends no credentials at all unless there is a colon.
    assert edr(site, "Zu7-alone-" + "a1" * 10 + ":").send(TEST)
    assert edr(site, "edr:Zu7-alone-" + "a1" * 10).send(MODEL)
    assert len(standin.events()) == 2


def test_edr_may_have_its_secret_in_the_path(senders, standin):
    sender = edr(senders, None, "/edr/" + SECRETS["edr"])
    assert sender.send(MODEL)
    (event,) = standin.events()
    assert event["title"] == 'dbt failed to build incremental "orders"'


@pytest.mark.parametrize(
    "user, path",
    [(None, "/edr"), ("edr:wrong", "/edr"), (None, "/edr/wrong")],
)
def test_edr_without_the_secret_is_refused(senders, standin, user, path):
    sender = edr(senders, user, path)
    assert not sender.send(TEST)
    assert [a.status_code for a in sender.answers] == [403, 403]
    assert senders.spool_files() == []
    assert not standin.history()


def test_edr_takes_what_is_queued_for_sent(senders, standin):
    """Only 200 is success for edr."""
    standin.always(behave.answer(500))
    sender = edr(senders)
    assert sender.send(TEST)
    (answer,) = sender.answers
    assert answer.json()["result"] == "queued"
    assert list(senders.tickets()) == [ticket_id(KEY)]


def test_a_group_is_an_alert_each(senders, standin):
    sender = edr(senders)
    assert sender.send([TEST, MODEL, FRESHNESS])
    said = sender.answers[0].json()
    assert [a["result"] for a in said["alerts"]] == ["delivered"] * 3
    assert {e["deduplication_key"] for e in standin.events()} == {
        KEY,
        "prod/model.jaffle.orders",
        "prod/source.jaffle.raw.orders",
    }


def test_a_group_is_answered_200_only_if_all_of_it_is_safe(senders, standin):
    assert edr(senders).send(FRESHNESS)
    # What cannot be read is left alone, and nothing is put in its place.
    name = ticket_id("prod/model.jaffle.orders")
    stuck = senders.box() / "pending" / f"{name}.json"
    stuck.mkdir()
    senders.own(stuck)
    sender = edr(senders)
    assert not sender.send([TEST, MODEL])
    assert [a.status_code for a in sender.answers] == [503, 503]
    stuck.rmdir()
    assert sender.send([TEST, MODEL])
    # What was kept before the refusal may still be under way.
    standin.wait_events(3)
    assert {e["deduplication_key"] for e in standin.events()} == {
        KEY,
        "prod/model.jaffle.orders",
        "prod/source.jaffle.raw.orders",
    }


def test_the_same_alert_again_is_not_sent_again(senders, standin):
    assert edr(senders).send(TEST)
    sender = edr(senders)
    other = changed(TEST, detected_at="2026-07-01 13:36:05 UTC")
    other["owners"] = other["owners"] * 2
    assert sender.send(other)
    assert sender.answers[0].json()["result"] == "unchanged"
    assert len(standin.events()) == 1


def test_what_is_too_large_rings_by_the_text_that_edr_falls_back_to(
    site, standin
):
    site.configure(top={"body_limit": 8192}, more=sections(site))
    site.start()
    sender = edr(site)
    # As edr has it: the identity comes before the query.
    large = {"test_unique_id": TEST["test_unique_id"], **TEST}
    large["test_results_query"] = "select " + "a_column, " * 1000
    assert sender.send(large)
    assert [a.status_code for a in sender.answers] == [413, 200]
    (event,) = standin.events()
    assert event["deduplication_key"] == KEY


def test_text_that_holds_nothing_rings_all_the_same(senders, standin):
    status, said = curl(
        senders, "/edr", "-u", SECRETS["edr"], "-d", "Oops"
    )
    assert (status, said["result"]) == (200, "delivered")
    assert standin.events()[0]["title"] == (
        "Elementary sent an alert that cannot be read"
    )


# ---- dbt ----


def test_a_pass_resolves_what_edr_opened(senders, standin, tmp_path):
    assert edr(senders).send(TEST)
    body = dbt_results(
        (TEST["test_unique_id"], "pass", None),
        ("model.jaffle.orders", "success", "SUCCESS 1"),
    )
    status, said = post_file(senders, tmp_path, body, *as_dbt())
    assert status == 200
    assert (said["result"], said["status"]) == ("delivered", "resolved")
    fired, resolved = standin.events()
    assert resolved["deduplication_key"] == fired["deduplication_key"] == KEY
    assert resolved["status"] == "resolved"
    assert resolved["title"] == fired["title"]
    assert resolved["metadata"]["owners"] == fired["metadata"]["owners"]
    assert not standin.alerts().is_open(KEY)
    again, said = post_file(senders, tmp_path, body, *as_dbt())
    assert (again, said["result"]) == (200, "ignored")


def test_a_failure_of_dbt_takes_nothing_from_what_edr_told(
    senders, standin, tmp_path
):
    assert edr(senders).send(TEST)
    body = dbt_results((TEST["test_unique_id"], "fail", "Got 7 results"))
    status, said = post_file(senders, tmp_path, body, *as_dbt())
    assert (status, said["result"]) == (200, "unchanged")
    assert edr(senders).send(TEST)
    assert len(standin.events()) == 1


def test_nor_does_it_ring_where_that_is_quiet(site, standin, tmp_path):
    """By tables and routes of which dbt knows nothing."""
    quiet = section("mute", "staging", {"tables": ["*.staging.*"]})
    site.configure(more=sections(site) + quiet)
    site.start()
    assert edr(site).send(TEST)
    body = dbt_results((TEST["test_unique_id"], "fail", "Got 7 results"))
    status, said = post_file(site, tmp_path, body, *as_dbt())
    assert (status, said["muted"]) == (202, "staging")
    assert not standin.history()


def test_a_pass_resolves_it_where_a_route_sent_it(site, standin, tmp_path):
    """The route is of edr alone; dbt's own would be another."""
    standin.add_source("TEAM", standin.token)
    team = {
        "url": standin.url("TEAM"),
        "token_file": site.token_file,
        "ca_file": site.etc / "ca.pem",
    }
    site.configure(
        more=section("destination", "team", team)
        + section(
            "route", "edr", {"sources": ["edr"], "destination": ["team"]}
        )
        + sections(site)
    )
    site.start()
    assert edr(site).send(TEST)
    body = dbt_results((TEST["test_unique_id"], "pass", None))
    status, said = post_file(site, tmp_path, body, *as_dbt())
    assert (status, said["status"]) == (200, "resolved")
    assert [
        (one.path.rsplit("/", 1)[-1], one.event["status"])
        for one in standin.history()
    ] == [("TEAM", "firing"), ("TEAM", "resolved")]


def readme_command(site, tmp_path, *changes):
    """The line of README that posts dbt's results, run as it stands there."""
    (line,) = re.findall(
        r"(?ms)^```sh\n(curl [^`]*run_results\.json[^`]*)```",
        (ROOT / "README.md").read_text(),
    )
    for was, now in (
        ("https://YOUR-HOST/bellrelay", f"http://127.0.0.1:{site.port}{BASE}"),
        *changes,
    ):
        assert was in line
        line = line.replace(was, now)
    done = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "TOKEN": SECRETS["dbt"]},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_command_of_the_readme_posts_results(senders, standin, tmp_path):
    (tmp_path / "target").mkdir()
    shutil.copy(
        ROOT / "src/samples/dbt/run-results-failed.json",
        tmp_path / "target/run_results.json",
    )
    said = readme_command(senders, tmp_path)
    assert [a["result"] for a in said["alerts"]] == ["delivered"] * 2
    # As curl's -d has it: without line feeds, of another type.
    said = readme_command(
        senders,
        tmp_path,
        ("-H 'Content-Type: application/json'", ""),
        ("--data-binary", "-d"),
    )
    assert [a["result"] for a in said["alerts"]] == ["unchanged"] * 2
    assert len(standin.events()) == 2


def test_results_ring_and_resolve_without_edr(senders, standin, tmp_path):
    failed = dbt_results(
        ("test.jaffle.t.0123456789", "fail", "Got 3 results"),
        ("model.jaffle.m", "error", "Database Error\n  no column x"),
        ("model.jaffle.n", "skipped", None),
    )
    path = "/dbt/" + SECRETS["dbt"]
    status, said = post_file(senders, tmp_path, failed, path=path)
    assert status == 200
    assert len(said["alerts"]) == 2
    passed = dbt_results(
        ("test.jaffle.t.0123456789", "pass", None),
        ("model.jaffle.m", "success", None),
        ("model.jaffle.n", "success", None),
    )
    status, said = post_file(senders, tmp_path, passed, path=path)
    assert [a["status"] for a in said["alerts"]] == ["resolved"] * 2
    assert [e["status"] for e in standin.events()] == [
        "firing", "firing", "resolved", "resolved",
    ]  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_pass_resolves_what_rang_without_being_stored(
    site, standin, tmp_path
):
    names = ["test.jaffle.t.0123456789", "test.jaffle.u.0123456789"]
    site.configure(more=sections(site))
    with site.small_spool():
        site.start()
        assert site.post(alert("known")).status_code == 200
        filler = site.fill()
        failed = dbt_results((names[0], "fail", "Got 3 results"))
        status, said = post_file(site, tmp_path, failed, *as_dbt())
        assert (status, said["result"]) == (200, "delivered")
        assert site.log_lines(result="unstored")
        filler.unlink()
        passed = dbt_results(*((name, "pass", None) for name in names))
        for wanted in ("delivered", "ignored"):
            status, said = post_file(site, tmp_path, passed, *as_dbt())
            assert (status, said["result"]) == (200, wanted)
        events = standin.events()[1:]
        assert [e["status"] for e in events] == ["firing", "resolved"]
        assert {e["deduplication_key"] for e in events} == {"prod/" + names[0]}


def test_a_run_of_thousands_is_one_webhook(site, standin):
    """Past lighttpd, whose own limit is in its own file."""

    def post(body):
        text = json.dumps(body).encode()
        assert len(text) > 2_000_000
        answer = site.cgi(
            text, path="/dbt/" + SECRETS["dbt"], signature=None
        )
        return answer.status, json.loads(answer.body)

    site.configure(top={"body_limit": 64 << 20}, more=sections(site))
    names = [f"test.jaffle.t{i}.0123456789" for i in range(3000)]
    body = dbt_results(*((name, "pass", None) for name in names))
    status, said = post(body)
    assert (status, said["result"]) == (200, "ignored")
    body["results"][1234].update(status="fail", message="Got 1 result")
    status, said = post(body)
    assert (status, said["result"]) == (200, "delivered")
    (event,) = standin.events()
    assert event["deduplication_key"] == "prod/" + names[1234]


def test_a_hundred_failures_at_once_are_all_kept(site, standin, tmp_path):
    site.configure({"rate": 10}, more=sections(site))
    site.start()
    names = [f"model.jaffle.m{i}" for i in range(100)]
    body = dbt_results(*((name, "error", "x") for name in names))
    status, said = post_file(site, tmp_path, body, *as_dbt())
    assert (status, said["result"]) == (202, "queued")
    assert len(said["alerts"]) == 100
    # In this order: what is sent between the two is in both.
    waiting = {t["key"] for t in site.tickets().values()}
    sent = {e["deduplication_key"] for e in standin.events()}
    assert sent | waiting == {"prod/" + name for name in names}
    assert len(sent) <= 10


def signed(site, body, signature, path="/dbt", header="Authorization"):
    text = json.dumps(body).encode()
    return site.post(
        text,
        None,
        path,
        headers={header: signature(text) if signature else None},
    )


def test_a_job_of_dbt_cloud_rings_and_recovers(senders, standin):
    def sign(text):
        return dbt_signature(text, SECRETS["dbt"])

    assert signed(senders, JOB, sign).json()["result"] == "delivered"
    passed = changed(JOB, eventType="job.run.completed")
    passed["data"].update(runStatus="Success", runStatusCode=10)
    assert signed(senders, passed, sign).json()["status"] == "resolved"
    fired, resolved = standin.events()
    assert fired["title"] == (
        'dbt job "dbt Vault" failed in Snowflake Github Demo'
    )
    assert fired["deduplication_key"] == "prod/job.1.123"
    assert resolved["status"] == "resolved"


def test_openssl_signs_for_dbt(senders, standin, tmp_path):
    """An implementation that is not ours, as the shell would use it."""
    file = tmp_path / "body.json"
    file.write_text(json.dumps(JOB))
    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", SECRETS["dbt"], "-r", file],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    status, _ = curl(
        senders, "/dbt", "--data-binary", f"@{file}",
        "-H", "Authorization: " + done.stdout.split()[0],
    )  # fmt: skip
    assert status == 200
    assert len(standin.events()) == 1


@pytest.mark.parametrize(
    "sign",
    [
        None,
        lambda text: dbt_signature(text, "another"),
        lambda text: dbt_signature(text + b" ", SECRETS["dbt"]),
        lambda text: dbt_signature(text, SECRETS["fivetran"]),
        lambda text: "Bearer " + SECRETS["dbt"],
        lambda text: SECRETS["dbt"],
    ],
)
def test_dbt_without_the_secret_is_refused(senders, standin, sign):
    assert signed(senders, JOB, sign).status_code == 403
    assert senders.spool_files() == []
    assert not standin.history()


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "\ufeff"])
def test_what_is_no_object_is_refused_once_proven(senders, text):
    status, _ = curl(
        senders, "/dbt/" + SECRETS["dbt"], "--data-binary", text
    )
    assert status == 400


# ---- fivetran ----


def as_fivetran(site, body, secret=SECRETS["fivetran"]):
    return signed(
        site,
        body,
        lambda text: fivetran_signature(text, secret),
        "/fivetran",
        "X-Fivetran-Signature-256",
    )


def test_a_connector_rings_and_recovers(senders, standin):
    bad = changed(
        SYNC, data={"status": "FAILURE_WITH_TASK", "reason": "no permission"}
    )
    assert as_fivetran(senders, bad).json()["result"] == "delivered"
    assert as_fivetran(senders, SYNC).json()["status"] == "resolved"
    assert as_fivetran(senders, SYNC).json()["result"] == "ignored"
    fired, resolved = standin.events()
    assert fired["metadata"]["source"] == "Fivetran"
    assert fired["metadata"]["connector"] == "ftar_pg"
    assert fired["metadata"]["failure_reason"] == "no permission"
    assert fired["deduplication_key"] == "fivetran/assimilate_seem"
    assert resolved["status"] == "resolved"


def test_the_test_event_of_fivetran_is_answered_200(senders, standin):
    body = published("fivetran", "published-test-event")
    answer = as_fivetran(senders, body)
    assert (answer.status_code, answer.json()["result"]) == (200, "ignored")
    assert not standin.history()


def test_fivetran_without_the_secret_is_refused(senders, standin):
    assert as_fivetran(senders, SYNC, "another").status_code == 403
    assert signed(senders, SYNC, None, "/fivetran").status_code == 403
    assert not standin.history()


def test_what_fivetran_never_posts_is_refused_once_proven(senders):
    for text in (b"", b"{", b"[]", b"7", b"\xff"):
        signature = fivetran_signature(text, SECRETS["fivetran"])
        answer = senders.post(
            text,
            None,
            "/fivetran",
            headers={"X-Fivetran-Signature-256": signature},
        )
        assert answer.status_code == 400, text


# ---- what is shipped ----

SAMPLES = sorted(
    path
    for kind in ("elementary", "dbt", "fivetran")
    for path in (ROOT / "src" / "samples" / kind).glob("*.json")
)


@pytest.mark.parametrize(
    "path", SAMPLES, ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_a_shipped_sample_is_an_alert_of_its_kind(site, path):
    site.configure(more=sections(site))
    source = {"elementary": "edr"}.get(path.parent.name, path.parent.name)
    done = site.cli("map", source, "-", stdin=path.read_bytes())
    assert done.returncode == 0, done.stderr
    if path.stem == "test-event":
        assert done.stdout == b""
        return
    made = json.loads(done.stdout)
    for event in made if isinstance(made, list) else [made]:
        assert event["status"] in ("firing", "resolved")
        assert "Alert from" not in event["title"]


# ---- a secret that was changed on one side alone ----


def test_what_looks_like_theirs_is_seen_in_healthz(senders):
    assert senders.health() == (200, "ok")
    for _ in range(3):
        edr(senders, "edr:wrong").send(TEST)
    assert senders.health() == (200, "degraded")


# ---- several of one alert in one webhook ----


def test_the_log_names_the_alert_of_which_the_least_is_sure(
    senders, standin, tmp_path
):
    standin.decide(
        lambda seen: behave.answer(503) if seen.key.endswith("late") else None
    )
    good = ("model.jaffle.good", "error", "x")
    body = dbt_results(good, ("model.jaffle.late", "error", "x"))
    assert post_file(senders, tmp_path, body, *as_dbt())[0] == 202
    (line,) = senders.log_lines(event="webhook")
    assert line["result"] == "queued"
    assert line["alert"] == ticket_id("prod/model.jaffle.late")


def test_each_of_several_events_of_one_alert_tells_that_it_went(
    senders, standin, tmp_path
):
    """The first call is followed by what the others have made of it."""
    body = json.loads(
        (ROOT / "src/samples/dbt/run-results-failed.json").read_text()
    )
    (one,) = [r for r in body["results"] if r["status"] == "fail"][:1]
    body["results"] = [one, {**one, "message": "again"},
                       {**one, "status": "pass"}]  # fmt: skip
    status, said = post_file(senders, tmp_path, body, *as_dbt())
    assert {a["result"] for a in said["alerts"]} == {"delivered"}
    assert status == 200
    assert standin.events()[-1]["status"] == "resolved"
    assert senders.tickets() == {}
