"""`bellrelay try`: a shipped sample goes the way of a webhook, to the end."""

import json
import os
import subprocess

import pytest

from world import behave
from world.site import NOBODY, ROOT, environment, section, ticket_id

SAMPLES = ROOT / "src" / "samples"
SECRET = "Try_secret-" + "t6" * 12
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def shipped():
    """Kind, name, what ends it and what it shows, of each sample."""
    for line in (SAMPLES / "list").read_text().splitlines():
        if line and not line.startswith("#"):
            kind, name, end, shows = line.split(maxsplit=3)
            yield kind, name, None if end == "-" else end, shows


LIST = list(shipped())
KINDS = sorted({kind for kind, *_ in LIST})
FIRST = {kind: (name, end) for kind, name, end, _ in reversed(LIST)}


def source(site, kind, name="probe", secret=SECRET, **more):
    """A source of the kind beside the one of the fixture."""
    file = site.write(site.etc / f"{name}.secret", secret + "\n")
    site.secrets.add(secret)
    return section(
        "source",
        name,
        {
            "kind": kind,
            "secret_file": file,
            "destination": ["oncall"],
            **more,
        },
    )


def ready(site, name):
    """The ready configuration of that name, for oncall."""
    site.write(site.etc / f"{name}.secret", SECRET + "\n")
    site.secrets.add(SECRET)
    text = (SAMPLES / "generic" / f"{name}.conf").read_text()
    return text.replace("data-oncall", "oncall")


def attempt(site, *args, code=0, **kwargs):
    done = site.cli("try", *args, **kwargs)
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == code, said
    site.check_secrets(said, "try")
    return done.stdout.decode()


def as_json(site, *args, **kwargs):
    return json.loads(attempt(site, *args, "--json", **kwargs))


# ---- each kind ----


def ring_and_end(site, standin, name, sample, end):
    """The events that the sample sent; its end has ended them, and begun
    again they ring again."""
    before = len(standin.events())
    said = attempt(site, name, sample)
    fired = standin.events()[before:]
    assert fired and all(e["status"] == "firing" for e in fired), sample
    for event in fired:
        assert event["title"] in said
        assert event["deduplication_key"] in said
    assert "accepted, by " in said
    assert "incident.io has accepted it" in said
    if end is not None:
        assert f"bellrelay try {name} {end}\n" in said
        assert "resolved" in attempt(site, name, end)
    for event in fired:
        key = event["deduplication_key"]
        assert standin.alerts().is_open(key) == (end is None)
    if end is not None:
        before = len(standin.events())
        attempt(site, name, sample)
        again = standin.events()[before:]
        assert [e["title"] for e in again] == [e["title"] for e in fired]
        assert {e["status"] for e in again} == {"firing"}
    return fired


def test_a_sample_of_each_kind_rings_and_ends(site, standin):
    kinds = [kind for kind in KINDS if kind != "generic"]
    site.configure(more="".join(source(site, k, f"my-{k}") for k in kinds))
    for kind in kinds:
        ring_and_end(site, standin, f"my-{kind}", *FIRST[kind])


def test_so_do_all_of_the_ready_configurations(site, standin):
    confs = sorted(path.stem for path in (SAMPLES / "generic").glob("*.conf"))
    site.configure(more="".join(ready(site, conf) for conf in confs))
    ends = {end for _, _, end, _ in LIST}
    tried = set()
    for kind, name, end, _ in LIST:
        if kind == "generic" and name not in ends:
            (conf,) = (c for c in confs if name.startswith(c))
            (event,) = ring_and_end(site, standin, conf, name, end)
            assert not event["title"].startswith("Alert from")
            tried.add(conf)
    assert tried == set(confs)


PROOFS = [
    ({"proof": "token"}, SECRET, "the token in the path"),
    ({"proof": "basic"}, SECRET, "authorization"),
    ({"proof": "basic"}, "user:" + SECRET, "authorization"),
    ({"proof": "bearer"}, SECRET, "authorization"),
    ({"proof": "header", "header": "X-Proof"}, SECRET, "x-proof"),
    (
        {"proof": "header", "header": "X-Proof", "prefix": "v="},
        SECRET,
        "x-proof",
    ),
    ({"proof": "hmac", "header": "X-Sum"}, SECRET, "x-sum"),
    (
        {
            "proof": "hmac",
            "header": "X-Sum",
            "algorithm": "sha1",
            "encoding": "base64",
        },
        SECRET,
        "x-sum",
    ),
    (
        {
            "proof": "hmac",
            "header": "X-Sum",
            "algorithm": "sha512",
            "prefix": "sha512=",
        },
        SECRET,
        "x-sum",
    ),
    ({"proof": "standard-webhooks"}, WHSEC, "webhook-signature"),
]


def test_a_generic_source_is_signed_to_as_it_is_configured(site, standin):
    site.configure(
        more="".join(
            source(
                site, "generic", f"probe{n}", secret,
                key=["/id"], title=["/name"], **more,
            )
            for n, (more, secret, _) in enumerate(PROOFS)
        )
    )  # fmt: skip
    for n, (_, _, header) in enumerate(PROOFS):
        body = json.dumps({"id": 7, "name": f"Late {n}"}).encode()
        assert header in attempt(site, f"probe{n}", "-", stdin=body)
        assert standin.events()[-1]["title"] == f"Late {n}"


def test_two_kinds_end_each_others_alerts_under_one_namespace(site, standin):
    site.configure(
        more=source(site, "elementary", "edr", namespace="prod")
        + source(site, "dbt", "dbt", namespace="prod")
    )
    attempt(site, "edr", "group")
    assert [e["status"] for e in standin.events()] == ["firing"] * 2
    attempt(site, "dbt", "run-results-passed")
    assert [e["status"] for e in standin.events()[2:]] == ["resolved"] * 2


def test_a_sample_that_is_no_alert_is_said_to_be_none(site, standin):
    site.configure(more=source(site, "fivetran"))
    assert "by its shape it is no alert" in attempt(
        site, "probe", "test-event"
    )
    said = attempt(site, "probe", "sync-succeeded")
    assert "no such alert is firing that it could end" in said
    assert not standin.history()


def test_what_an_option_ignores_is_no_matter_of_its_shape(site, standin):
    site.configure(more=source(site, "dbt", failures="ignore"))
    said = attempt(site, "probe", "run-results-failed")
    assert "not wanted: failures = ignore" in said
    assert "by its shape" not in said and "to end it" not in said
    assert not standin.history()


def test_failures_that_nobody_tells_of_are_warned_of(site):
    dbt = source(site, "dbt", failures="ignore", namespace="prod")
    edr = source(site, "elementary", "edr", namespace="prod")
    for more, warned in ((dbt, True), (dbt + edr, False)):
        site.configure(more=more)
        said = site.cli("check").stderr.decode()
        assert ("rings nowhere" in said) is warned, said


def test_resolve_ends_it_at_once(site, standin):
    site.configure(more=source(site, "fivetran"))
    both = as_json(site, "probe", "sync-failed", "--resolve")
    assert [one["sample"] for one in both] == ["sync-failed", "sync-succeeded"]
    assert [e["status"] for e in standin.events()] == ["firing", "resolved"]


def test_an_update_says_more_of_the_same_alert(site, standin):
    attempt(site, "montecarlo", "rule-breach")
    attempt(site, "montecarlo", "rule-breach-marked")
    attempt(site, "montecarlo", "rule-breach-fixed")
    first, marked, fixed = standin.events()
    assert first["title"] == marked["title"] == fixed["title"]
    assert marked["metadata"]["severity"] == "SEV-2"
    assert fixed["status"] == "resolved"


def test_a_second_try_is_explained(site, standin):
    attempt(site, "montecarlo", "rule-breach")
    said = attempt(site, "montecarlo", "rule-breach")
    assert "unchanged" in said
    assert "after 600 s" in said
    assert len(standin.events()) == 1


# ---- what can go wrong ----


def test_without_a_secret_it_proves_nothing(site, standin):
    text = "".join(source(site, kind, f"my-{kind}") for kind in KINDS)
    site.configure(more=text.replace("secret_file", "# secret_file"))
    for kind in KINDS:
        name, _ = FIRST[kind]
        done = site.cli("try", f"my-{kind}", name)
        assert done.returncode == 77, kind
        assert b"no secret: set secret_file" in done.stderr
    assert site.spool_files() == []
    assert not standin.history()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_secret_of_somebody_else_is_said_with_the_cure(site):
    """Root reads it, and the user that the responder is does not."""
    os.chown(site.secret_file, 0, 0)
    for command in (["try", "montecarlo", "volume"], ["drain"]):
        done = subprocess.run(
            [site.bin / "bellrelay", "-c", site.conf, *command],
            env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 78
        assert f"bellrelay: {site.conf}" in done.stderr
        user = os.stat(site.spool).st_uid
        assert f"chown {user} {site.secret_file}, else" in done.stderr


def test_a_source_that_asks_for_no_proof_needs_no_secret(site, standin):
    site.configure(
        more=section(
            "source",
            "open",
            {"kind": "montecarlo", "verify": "off", "destination": ["oncall"]},
        )
    )
    assert "none is asked for" in attempt(site, "open", "volume")
    assert len(standin.events()) == 1


def test_a_secret_that_no_path_can_hold_is_found_out(site, standin):
    site.configure(
        more=source(site, "generic", secret=SECRET + "/x", proof="token")
    )
    attempt(site, "probe", "bigeye", code=77)
    assert not standin.history()


@pytest.mark.parametrize(
    "answer, code, said",
    [
        (503, 69, "kept, and sent later by itself"),
        (422, 69, "refused for good, and kept as a dead letter"),
        (401, 77, "see its url and token_file"),
    ],
)
def test_what_is_not_accepted_is_kept_and_said(
    site, standin, answer, code, said
):
    standin.always(behave.answer(answer))
    assert said in attempt(site, "montecarlo", "volume", code=code)
    key = json.loads((SAMPLES / "montecarlo/volume.json").read_text())
    key = key["payload"]["incident_id"]
    assert site.ticket(key)["key"] == key
    assert len(site.dead()) == (answer == 422)
    if answer != 422:
        assert list(site.owed()) == [ticket_id(key)]


def test_what_was_down_rings_once_it_is_back(site, standin):
    standin.always(behave.answer(503))
    attempt(site, "montecarlo", "volume", code=69)
    standin.forget_script()
    assert site.cli("drain").returncode == 0
    assert [e["status"] for e in standin.events()] == ["firing"]


def test_of_several_destinations_the_worst_counts(site, standin):
    site.configure(
        more=section(
            "destination",
            "nowhere",
            {
                "url": "http://127.0.0.1:1/",
                "token_file": site.token_file,
            },
        )
        + source(site, "fivetran", destination=["oncall", "nowhere"])
    )
    one = as_json(site, "probe", "sync-failed", code=69)
    assert [(a["destination"], a["result"]) for a in one["alerts"]] == [
        ("oncall", "delivered"),
        ("nowhere", "queued"),
    ]


def test_routes_are_asked_and_named(site, standin):
    site.configure(
        more='route finance {\n\ttables = { "*.orders" }\n'
        "\tdestination = { oncall }\n}\n" + source(site, "elementary")
    )
    assert "oncall, by route finance" in attempt(site, "probe", "test")
    site.configure(more=source(site, "elementary"))
    assert "goes to      oncall\n" in attempt(site, "probe", "test")


def test_a_body_that_is_refused_is_wrong_data(site):
    site.configure(top={"body_limit": 1024}, more=source(site, "fivetran"))
    attempt(site, "probe", "-", stdin=b"{", code=65)
    long = json.dumps({"event": "x" * 2000}).encode()
    attempt(site, "probe", "-", stdin=long, code=65)
    attempt(site, "probe", str(site.dir / "nothing"), code=66)


def test_a_file_goes_the_same_way(site, standin):
    site.configure(more=source(site, "fivetran"))
    body = (SAMPLES / "fivetran/sync-failed.json").read_bytes()
    path = site.write(site.dir / "body.json", body)
    said = attempt(site, "probe", str(path))
    assert "to end it" not in said
    assert len(standin.events()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change to others")
def test_root_tries_as_the_owner_of_the_spool(site, standin):
    done = subprocess.run(
        [site.bin / "bellrelay", "-c", site.conf, "try", "montecarlo", "volume"],
        env=environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(standin.events()) == 1
    owners = {path.stat().st_uid for path in site.spool.rglob("*")}
    assert owners == {NOBODY}


# ---- names ----


def test_it_lists_what_there_is(site):
    site.configure(more="".join(source(site, k, f"my-{k}") for k in KINDS))
    for kind in KINDS:
        said = attempt(site, f"my-{kind}")
        want = [(n, shows) for k, n, _, shows in LIST if k == kind]
        told = [tuple(line.split(maxsplit=1)) for line in said.splitlines()]
        assert told == want


@pytest.mark.parametrize(
    "args, said",
    [
        (["montecarl", "volume"], "no such source as montecarl; wanted mont"),
        (["montecarlo", "volum"], "no sample volum; wanted volume"),
        (["montecarlo", "test"], "wanted rule-breach, "),
        (["montecarlo", "rule-breach-fixed", "--resolve"], "no sample ends"),
        (["montecarlo", "./x", "--resolve"], "no sample ends"),
        (["montecarlo", "a", "b"], "one argument too many"),
    ],
)
def test_a_wrong_name_is_said_with_the_right_one(site, standin, args, said):
    done = site.cli("try", *args)
    assert done.returncode == 64
    assert said in done.stderr.decode()
    assert not standin.history()


# ---- what is shipped ----


def test_every_body_that_is_shipped_is_a_sample_and_no_other():
    there = {
        (path.parent.name, path.stem) for path in SAMPLES.glob("*/*.json")
    }
    assert {(kind, name) for kind, name, *_ in LIST} == there
    for kind, _, end, _ in LIST:
        assert end is None or (kind, end) in there


def test_samples_are_known_by_their_keys_to_be_none_of_yours():
    """dbt's names are those of people's projects."""
    for path in SAMPLES.glob("*/*.json"):
        if path.parent.name in ("elementary", "dbt"):
            text = path.read_text()
            assert "bellrelay_sample" in text or "jobId" in text, path
