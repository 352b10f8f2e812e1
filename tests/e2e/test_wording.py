"""What the configuration makes of an alert: words, metadata, severities."""

import json

import pytest

from world.montecarlo import alert, update
from world.site import ROOT

WORDS = {
    "title": "[{environment}] {title} ({/payload/group_id})",
    "description": "{description}\\n\\n[Runbook](https://wiki.example/{type})",
    "metadata": ["team=data-platform", "group={/payload/group_id}"],
}


def test_templates_are_filled_from_alert_and_body(site, standin):
    site.configure(source=WORDS)
    site.start()
    site.post(alert("a", group_id="zeus:ares"))
    plain = "artemis in zeus:ares has 42 rows vs. 101 expected"
    (event,) = standin.events("a")
    assert event["title"] == f"[test] {plain} (zeus:ares)"
    assert event["description"].endswith(
        "\n\n[Runbook](https://wiki.example/open_anomaly_incident)"
    )
    assert event["metadata"]["team"] == "data-platform"
    assert event["metadata"]["group"] == "zeus:ares"


def test_an_update_keeps_what_was_in_the_first_body(site, standin):
    site.configure(source=WORDS)
    site.start()
    site.post(alert("a", group_id="zeus:ares"))
    site.post(update("a", owner="ann@example.com"))
    site.post(update("a", alert_feedback="fixed"))
    first, second, third = standin.events("a")
    for other in (second, third):
        assert other["title"] == first["title"]
        assert other["description"] == first["description"]
        assert other["metadata"]["group"] == "zeus:ares"
    assert second["metadata"]["owners"] == ["ann@example.com"]


def test_a_changed_template_is_followed_and_one_that_is_gone_forgotten(
    site, standin
):
    site.configure(source=WORDS)
    site.start()
    site.post(alert("a"))
    site.configure(source={"title": "{title}!"})
    site.post(update("a", owner="ann@example.com"))
    site.configure()
    site.post(update("a", owner="bob@example.com"))
    _, second, third = standin.events("a")
    assert second["title"] == third["title"] + "!"
    assert "team" not in second["metadata"] and "group" not in second["metadata"]
    assert "Runbook" not in second["description"]


def test_one_vocabulary_for_all_senders(site, standin):
    """A drop in words is no drop in rank: the original is there."""
    site.configure(
        top={"severity_map": ["SEV-1=critical", "SEV-*=major"]},
        source={"severity_map": ["SEV-4=minor"], "severity": "SEV-3"},
    )
    site.start()
    for word in ("SEV-1", "SEV-2", "SEV-4", None):
        site.post(alert(f"k{word}", declared_alert_severity=word))
    sent = {
        e["deduplication_key"]: (
            e["metadata"]["severity"],
            e["metadata"].get("severity_sent"),
        )
        for e in standin.events()
    }
    assert sent == {
        "kSEV-1": ("critical", "SEV-1"),
        "kSEV-2": ("major", "SEV-2"),
        "kSEV-4": ("minor", "SEV-4"),
        "kNone": ("SEV-3", None),
    }


def test_of_several_alerts_each_has_its_own_part_of_the_body(site, standin):
    site.configure(
        source={
            "kind": "elementary",
            "title": "{title} [{/test_params/column}]",
            "environment": None,
        },
    )
    site.start()
    tests = [
        {
            "test_unique_id": f"test.p.{n}",
            "test_name": f"t{n}",
            "table_name": "x",
            "status": "fail",
            "test_params": {"column": f"c{n}"},
        }
        for n in range(3)
    ]
    answer = site.post(
        json.dumps(tests).encode(),
        None,
        path=f"/montecarlo/{site.secret}",
        headers={"Content-Type": None},
    )
    assert answer.ok, answer.text
    ends = sorted(e["title"].rsplit(" ", 1)[1] for e in standin.events())
    assert ends == ["[c0]", "[c1]", "[c2]"]


def test_a_title_is_cut_as_ever(site, standin):
    site.configure(source={"title": "{title} {/payload/group_id}" + "é" * 300})
    site.start()
    site.post(alert("a"))
    (event,) = standin.events("a")
    assert len(event["title"]) == 200


# ---- to look at it ----


def test_map_says_which_template_made_a_field(site):
    site.configure(source={**WORDS, "severity_map": ["SEV-1=critical"]})
    done = site.cli(
        "map", "montecarlo", "--explain",
        stdin=alert("a", declared_alert_severity="SEV-1"),
    )  # fmt: skip
    rules = {
        line.split(maxsplit=1)[0]: line.split(maxsplit=1)[1]
        for line in done.stderr.decode().splitlines()
    }
    assert rules["title"] == (
        "title of source montecarlo:"
        ' "[{environment}] {title} ({/payload/group_id})"'
    )
    assert rules["description"].startswith("description of source montecarlo")
    assert rules["metadata.team"] == (
        'metadata of source montecarlo: "team=data-platform"'
    )
    assert rules["metadata.severity"] == 'severity_map: "SEV-1=critical"'
    assert rules["metadata.severity_sent"] == "the severity before severity_map"
    assert rules["metadata.tables"] == "read by kind montecarlo"
    event = json.loads(done.stdout)
    assert event["metadata"]["severity"] == "critical"
    assert event["title"].startswith("[test] artemis")


SAMPLES = sorted((ROOT / "src" / "samples").glob("*/*.json"))


def explained(site, source, body):
    """The events, and which fields each is told to be made of what."""
    done = site.cli("map", source, "--explain", stdin=body)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout) if done.stdout else []
    fields = [{}]
    for line in done.stderr.decode().splitlines():
        if not line.startswith("  "):
            continue
        name, why = line.split(maxsplit=1)
        if name == "(goes":
            fields.append({})
        else:
            fields[-1][name] = why
    return made if isinstance(made, list) else [made], fields[:-1]


@pytest.mark.parametrize(
    "path", SAMPLES, ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_map_says_of_every_field_which_rule_made_it(site, path):
    kind = path.parent.name
    more = {"kind": kind}
    if kind == "generic":
        conf = next(
            conf
            for conf in path.parent.glob("*.conf")
            if path.stem.startswith(conf.stem)
        )
        site.write(site.etc / f"{conf.stem}.secret", "c2VjcmV0\n")
        site.configure(
            more=conf.read_text().replace("data-oncall", "oncall")
        )
        source = conf.stem
    else:
        site.configure(source=more)
        source = "montecarlo"
    events, told = explained(site, source, path.read_bytes())
    assert len(events) == len(told)
    for event, rows in zip(events, told):
        want = set(event) - {"metadata"}
        want |= {f"metadata.{name}" for name in event["metadata"]}
        assert set(rows) == want
        assert all(rows.values())


def test_map_names_the_pointer_that_a_generic_field_comes_from(site):
    site.configure(
        source={
            "kind": "generic",
            "key": ["/no", "/id"],
            "title": ["{/no} failed", "{/name} of {/id}"],
            "status": ["/state"],
            "status_map": ["ok=resolved"],
            "severity": ["/level", "minor"],
            "tags": ["/tags", "/more/*/tag", "fixed"],
            "tables": ["/no"],
        }
    )
    body = {
        "id": 7,
        "name": "x",
        "state": "bad",
        "tags": ["a"],
        "more": [{"tag": "b"}],
    }
    _, (rows,) = explained(site, "montecarlo", json.dumps(body).encode())
    of = "of source montecarlo"
    assert rows["deduplication_key"] == (
        f'key {of}: "/id", in namespace "montecarlo"'
    )
    assert rows["title"] == f'title {of}: "{{/name}} of {{/id}}"'
    assert rows["status"].startswith(f'status {of}: "/state", and firing: ')
    assert rows["metadata.severity"] == f"severity {of}: none was sent"
    assert rows["metadata.tags"] == (
        f'tags {of}: "/tags" and "/more/*/tag", united with tags {of}'
    )


@pytest.mark.parametrize(
    "option, value, said",
    [
        ("title", "{titel}", "title: an alert has no field {titel}"),
        ("metadata", ["x={/a~}"], "metadata: {/a~}: not a JSON Pointer"),
        ("severity_map", ["x"], "severity_map: wanted"),
    ],
)
def test_check_refuses_what_could_never_be_filled(site, option, value, said):
    site.configure(source={option: value})
    done = site.cli("check")
    assert done.returncode == 78
    assert said in done.stderr.decode()


def test_check_prints_templates_as_they_were_given(site):
    site.configure(source=WORDS, top={"severity_map": ["a=b"]})
    said = site.cli("check").stdout.decode()
    assert 'title = "[{environment}] {title} ({/payload/group_id})"' in said
    assert 'severity_map = { "a=b" }' in said
