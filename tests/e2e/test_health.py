"""healthz and metrics: what a monitor sees, and a stranger does not."""

import json
import re

import pytest

from world import behave
from world.montecarlo import alert
from world.site import until

STRANGER = {"X-Forwarded-For": "203.0.113.9"}


def check_degraded(site, why):
    """It says so, to those who may see also why, and in strict words 503."""
    until(lambda: site.health() == (200, "degraded"), "the word to get about")
    answer = site.look()
    assert why in " ".join(answer.json()["reasons"])
    assert site.look("/healthz?strict").status_code == 503
    assert site.look("/healthz?strict").json()["status"] == "degraded"
    stranger = site.look(**STRANGER)
    assert (stranger.status_code, stranger.json()) == (
        200,
        {"status": "degraded"},
    )


def test_all_is_well(served):
    assert served.health() == (200, "ok")
    served.post(alert("a"))
    assert served.health() == (200, "ok")
    assert served.look("/healthz?strict").status_code == 200
    assert served.look().headers["Content-Type"] == "application/json"


def test_strangers_get_the_one_word(served):
    for headers in (STRANGER, {"Forwarded": "for=203.0.113.9"}):
        answer = served.look(**headers)
        assert answer.json() == {"status": "ok"}
        assert served.look("/metrics", **headers).status_code == 403


def test_a_stranger_is_known_by_the_address_that_the_server_saw(site):
    env = {"REQUEST_METHOD": "GET", "REMOTE_ADDR": "203.0.113.9"}
    answer = site.cgi(path="/healthz", **env)
    assert json.loads(answer.body) == {"status": "ok"}
    assert site.cgi(path="/metrics", **env).status == 403


def test_with_status_off_nobody_gets_more_than_the_word(site):
    site.configure(top={"status": "off"})
    site.start()
    assert site.look().json() == {"status": "ok"}
    assert site.look("/metrics").status_code == 403


def test_with_a_token_a_stranger_may_see(site):
    token = "status-token-" + "t8" * 12
    site.secrets.add(token)
    site.write(site.etc / "status.token", token)
    site.configure(top={"status_token_file": site.etc / "status.token"})
    site.start()
    for given, more in ((f"Bearer {token}", True), (f"Bearer {token}x", False),
                        (token, False), ("Bearer ", False)):  # fmt: skip
        headers = {**STRANGER, "Authorization": given}
        answer = site.look(**headers)
        assert (len(answer.json()) > 1) is more, given
        answer = site.look("/metrics", **headers)
        assert answer.status_code == (200 if more else 403)


def test_head_is_as_get_without_the_body(served):
    answer = served.post(None, None, "/healthz", method="HEAD")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("status, word", [(401, "held"), (429, "resting")])
def test_a_destination_that_takes_nothing_is_a_reason(
    served, standin, status, word
):
    standin.always(behave.answer(status))
    served.post(alert("a"))
    check_degraded(served, word)
    standin.decide(None)
    assert served.cli("drain").returncode == 0
    until(lambda: served.health() == (200, "ok"), "it to be well again")


def test_dead_letters_are_a_reason(served, standin):
    standin.script(behave.answer(422))
    served.post(alert("a"))
    check_degraded(served, "dead letters")


def test_three_refusals_of_what_looks_right_are_a_reason(served):
    """A secret changed on one side alone must not look like silence."""
    for n in range(2):
        assert served.post(alert(f"a{n}"), "0" * 128).status_code == 403
    assert served.health() == (200, "ok")
    assert served.post(alert("a3"), None).status_code == 403
    check_degraded(served, "was its secret changed")


def test_refusals_of_anything_else_are_not(served):
    for body in (b"{}", b'{"x": 1}', b"[]", b"x", b'{"payload": 3}'):
        for signature in (None, "0" * 128):
            assert served.post(body, signature).status_code in (400, 403)
    assert served.health() == (200, "ok")


def test_a_torn_ticket_is_a_reason(served):
    served.stop()
    served.cgi(alert("a"))
    until(lambda: not served.workers(), "the child to end")
    (path,) = [
        p
        for where in ("pending", "settled")
        for p in (served.box() / where).rglob("*.json")
    ]
    served.write(path, path.read_bytes()[:-100])
    served.start()
    assert served.post(alert("a")).json()["result"] == "delivered"
    check_degraded(served, "torn")


# ---- metrics ----


def metrics(site):
    """name{labels} -> value; each line must be one that Prometheus reads."""
    answer = site.look("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    found = {}
    for line in answer.text.splitlines():
        if line.startswith(("# HELP ", "# TYPE ")):
            continue
        match = re.fullmatch(
            r'([a-z_]+(?:\{(?:[a-z_]+="[^"\n]*",?)*\})?) (-?[0-9.e+]+)', line
        )
        assert match, line
        assert match.group(1) not in found, line
        found[match.group(1)] = float(match.group(2))
    return found


def total(found, *words):
    """The sum of what is named by all these words."""
    return sum(
        v
        for k, v in found.items()
        if all(w in k for w in words)
        and not k.split("{")[0].endswith(("_bucket", "_sum", "_count"))
    )


def test_webhooks_and_deliveries_are_counted(served, standin):
    standin.script(behave.answer(422))
    for key, signature in (("a", True), ("b", True), ("b", True), ("c", None)):
        served.post(alert(key), signature)
    found = metrics(served)
    words = 'source="montecarlo"', "webhooks"
    assert total(found, *words, "delivered") == 1
    assert total(found, *words, "unchanged") == 1
    assert total(found, *words) == 4
    assert total(found, "deliver", 'destination="oncall"') >= 2


def test_all_processes_are_counted_together_and_over_a_restart(site):
    site.processes = 3
    site.start()
    for n in range(9):
        site.post(alert(f"a{n}"))
    before = total(metrics(site), "webhooks", "montecarlo")
    assert before == 9
    site.stop()
    site.start()
    assert total(metrics(site), "webhooks", "montecarlo") == 9
