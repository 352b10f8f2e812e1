"""Ready configurations and proofs of kind generic, through a web server."""

import base64
import hashlib
import hmac
import json
import pathlib
import shutil
import subprocess
import time

import pytest

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "src/samples/generic"
SECRET = "Generic_sender-secret_" + "w5" * 12
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ANY = {"id": 7, "name": "Too late", "state": "bad"}


def ready():
    return sorted(path.stem for path in SAMPLES.glob("*.conf"))


@pytest.fixture
def generic(site):
    """configure(text, secret): a source as text describes it."""

    def configure(text, name, secret=SECRET):
        site.write(site.etc / f"{name}.secret", secret + "\n")
        site.secrets.add(secret)
        site.write(site.etc / f"{name}.conf", text)
        site.configure(more=f'include("{name}.conf")\n')
        return site.start()

    return configure


def prove(name, body):
    """Headers and the end of the path, as the sender would have them."""
    if name == "metaplane":
        made = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        return {"x-metaplane-sig": made}, ""
    if name in ("airbyte", "great-expectations"):
        return {}, "/" + SECRET
    return {"Authorization": f"Bearer {SECRET}"}, ""


@pytest.mark.parametrize("name", ready())
def test_a_ready_configuration_rings(generic, standin, name):
    text = (SAMPLES / f"{name}.conf").read_text()
    site = generic(text.replace("data-oncall", "oncall"), name)
    body = (SAMPLES / f"{name}.json").read_bytes()
    headers, token = prove(name, body)
    answer = site.post(body, None, f"/{name}{token}", headers=headers)
    assert answer.status_code == 200
    assert answer.json()["result"] == "delivered"
    (event,) = standin.events()
    assert event["status"] == "firing"
    assert event["deduplication_key"].startswith(name + "/")
    assert not event["title"].startswith("Alert from")

    for wrong in (None, "/" + SECRET[:-1]):
        refused = site.post(body, None, f"/{name}{wrong or ''}")
        assert refused.status_code == 403
    assert len(standin.events()) == 1


def test_ready_configurations_are_there():
    assert ready() == [
        "airbyte", "bigeye", "great-expectations", "metaplane", "sifflet",
        "soda",
    ]  # fmt: skip


def test_an_unread_success_is_no_alert(generic, standin):
    text = (SAMPLES / "airbyte.conf").read_text()
    site = generic(text.replace("data-oncall", "oncall"), "airbyte")
    failed = json.loads((SAMPLES / "airbyte.json").read_text())
    worked = {"data": {**failed["data"], "success": True}}

    def post(body):
        body = json.dumps(body).encode()
        said = site.post(body, None, f"/airbyte/{SECRET}").json()
        return said["result"], said["status"]

    assert post(worked) == ("ignored", "resolved")
    assert post(failed) == ("delivered", "firing")
    assert post(worked) == ("delivered", "resolved")
    assert post(worked) == ("ignored", "resolved")
    assert [e["status"] for e in standin.events()] == ["firing", "resolved"]


def test_two_transformations_that_failed_are_two_alerts(generic, standin):
    """Sifflet's, which are of no monitor, and whose fields are not published."""
    text = (SAMPLES / "sifflet.conf").read_text()
    site = generic(text.replace("data-oncall", "oncall"), "sifflet")
    for name in ("orders", "orders", "customers"):
        body = {
            "eventType": "TRANSFORMATION_RUN_FAILURE",
            "transformation": {"name": name},
        }
        headers = {"Authorization": f"Bearer {SECRET}"}
        site.post(json.dumps(body).encode(), None, "/sifflet", headers=headers)
    first, second = standin.events()
    assert first["title"] == second["title"] == "TRANSFORMATION_RUN_FAILURE"
    assert '"name": "orders"' in first["description"]
    assert '"name": "customers"' in second["description"]


def test_check_notes_a_status_without_a_key(site):
    """Firing and resolve would be one alert only if all else is the same."""

    def said(options):
        site.configure(
            more="source any {\n\tkind = generic\n\tdestination = oncall\n"
            f"\tsecret_file = any.secret\n\t{options}\n}}\n"
        )
        done = site.cli("check")
        assert done.returncode == 0
        return done.stderr.decode()

    site.write(site.etc / "any.secret", SECRET + "\n")
    site.secrets.add(SECRET)
    status = 'title = "/name" status = "/state"'
    note = "note: source any: no key: "
    assert note in said(status)
    assert "; give it a key\n" in said(status)
    assert note not in said(status + ' key = "/id"')
    assert note not in said('title = "/name"')


@pytest.mark.parametrize("option", ["status", "severity"])
def test_a_map_takes_a_dash_for_an_underscore(site, option):
    """As the severity_map of all other kinds does."""
    site.configure(
        more="source any {\n\tkind = generic\n\tdestination = oncall\n"
        f'\tkey = "/id" {option} = "/word"\n'
        f'\t{option}_map = "All_well-now=resolved"\n}}\n'
    )
    for word in ("all-well_now", "ALL_WELL_NOW", "all-well-now"):
        body = json.dumps({"id": 1, "word": word}).encode()
        done = site.cli("map", "any", stdin=body)
        event = json.loads(done.stdout)
        said = {"status": event["status"], **event["metadata"]}
        assert said[option] == "resolved"


def test_a_bad_pointer_is_refused_with_its_line(site):
    site.configure(
        more="source any {\n\tkind = generic\n\tdestination = oncall\n"
        '\tkey = { "/id",\n\t\t"/a~2" }\n}\n'
    )
    lines = site.conf.read_text().splitlines()
    line = lines.index('\t\t"/a~2" }') + 1
    done = subprocess.run(
        [site.bin / "bellrelay", "-c", site.conf, "check"],
        capture_output=True, text=True, check=False, **site.user,
    )  # fmt: skip
    assert done.returncode == 78
    assert f"bellrelay.conf:{line}: key: not a JSON Pointer" in done.stderr


# ---- Standard Webhooks ----

STANDARD = """source standard {
	kind = generic
	proof = standard-webhooks
	secret_file = "standard.secret"
	destination = oncall
	key = "/id"
	title = "/name"
}
"""

SIGN = """
const { Webhook } = require("standardwebhooks");
const body = require("fs").readFileSync(0, "utf8");
const [secret, id, seconds] = process.argv.slice(2);
const when = new Date(Number(seconds) * 1000);
process.stdout.write(new Webhook(secret).sign(id, when, body));
"""


def sign_by_hand(secret, name, seconds, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{name}.{seconds}.".encode() + body
    made = hmac.new(key, text, hashlib.sha256).digest()
    return "v1," + base64.b64encode(made).decode()


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Sign with the published package, in a directory of its own."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm or node is not here, so no package of others signs")
    place = tmp_path_factory.mktemp("standardwebhooks")
    (place / "package.json").write_text("{}")
    (place / "sign.js").write_text(SIGN)
    try:
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "standardwebhooks@1"],
            cwd=place, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"npm cannot install standardwebhooks: {error}")

    def sign(secret, name, seconds, body):
        done = subprocess.run(
            ["node", "sign.js", secret, name, str(seconds)],
            cwd=place, input=body, check=True, capture_output=True,
        )  # fmt: skip
        return done.stdout.decode()

    return sign


def headers(name, seconds, signature):
    return {
        "webhook-id": name,
        "webhook-timestamp": str(seconds),
        "webhook-signature": signature,
    }


def exchange(site, standin, sign):
    body = json.dumps({**ANY, "note": "über \u2028 \"quotes\""}).encode()
    now = int(time.time())
    right = sign(WHSEC, "msg_1", now, body)
    other = sign_by_hand("whsec_b3RoZXI=", "msg_1", now, body)

    def post(*parts, sent=body):
        return site.post(
            sent, None, "/standard", headers=headers(*parts)
        ).status_code

    assert post("msg_1", now, right) == 200
    assert post("msg_1", now, f"{other} {right}") == 200
    assert post("msg_2", now, right) == 403
    assert post("msg_1", now + 1, right) == 403
    assert post("msg_1", now, other) == 403
    assert post("msg_1", now, right, sent=body + b" ") == 403
    old = now - 400
    assert post("msg_1", old, sign(WHSEC, "msg_1", old, body)) == 403
    (event,) = standin.events()
    assert event["deduplication_key"] == "standard/7"


def test_the_published_package_signs_for_standard_webhooks(
    generic, standin, published
):
    exchange(generic(STANDARD, "standard", WHSEC), standin, published)


def test_a_signature_by_the_letter_of_standard_webhooks(generic, standin):
    exchange(generic(STANDARD, "standard", WHSEC), standin, sign_by_hand)


# ---- bodies ----


def test_a_broken_body_is_refused_and_an_odd_one_rings(generic, standin):
    site = generic(STANDARD.replace("standard-webhooks", "token"), "standard")

    def post(body):
        return site.post(body, None, f"/standard/{SECRET}").status_code

    assert [post(b) for b in (b"", b"{", b'{"id": 1}x', b"\xff")] == [400] * 4
    assert standin.events() == []
    assert [post(b) for b in (b"{}", b"[7]", b'"text"', b"null")] == [200] * 4
    assert len(standin.events()) == 4


# ---- other proofs, by a client of its own ----


def test_curl_with_basic(generic, standin):
    site = generic(
        STANDARD.replace("standard-webhooks", "basic"), "standard"
    )
    base = [
        "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
        "-H", "Content-Type: application/json", "-d", "@-",
        site.url("/standard"),
    ]  # fmt: skip
    for user, want in ((f"any:{SECRET}", "200"), ("any:other", "403")):
        done = subprocess.run(
            [*base, "--user", user], input=json.dumps(ANY),
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        assert done.stdout == want
    assert len(standin.events()) == 1
