"""Where an alert goes: the routes, and where it went before."""

import concurrent.futures
import json

import pytest

from world import behave
from world.montecarlo import alert, update
from world.site import UNHURRIED, section, ticket_id, until

TEAMS = ("finance", "extra")


def group(name):
    """What puts an alert's tables into a schema."""
    return {"group_id": f"zeus:{name}"}


class Teams:
    """A site with a destination for each team, and their alerts."""

    def __init__(self, site, standin):
        self.site = site
        self.standin = standin
        for team in TEAMS:
            standin.add_source(team.upper(), standin.token)

    def configure(self, *sections, source=None, destination=None):
        """sections: (kind, name, options)."""
        more = [
            section(
                "destination",
                team,
                {
                    "url": self.standin.url(team.upper()),
                    "token_file": self.site.token_file,
                    "ca_file": self.site.etc / "ca.pem",
                    **UNHURRIED,
                    **(destination or {}),
                },
            )
            for team in TEAMS
        ]
        more += [section(*one) for one in sections]
        self.site.configure(source=source, more="".join(more))
        return self

    def post(self, body, **kwargs):
        """destination -> result."""
        answer = self.site.post(body, **kwargs)
        assert answer.ok, answer.text
        said = answer.json()
        listed = said.get("alerts", [said])
        return {a.get("destination", "?"): a["result"] for a in listed}

    def went(self, key):
        """The statuses that each team was sent."""
        sent = {}
        for one in self.standin.history(key):
            team = one.path.rsplit("/", 1)[-1].lower()
            if team not in TEAMS:
                team = "oncall"
            sent.setdefault(team, []).append(one.event["status"])
        return sent


def knows(site, key, destination):
    """Whether it has a ticket of the key."""
    try:
        return site.ticket(key, destination)
    except KeyError:
        return None


@pytest.fixture
def teams(site, standin):
    return Teams(site, standin).configure()


FINANCE = ("route", "finance",
           {"tables": ["*.finance.*"], "destination": ["finance"]})  # fmt: skip
GRAVE = ("route", "grave",
         {"severities": ["SEV-1"], "destination": ["extra"]})  # fmt: skip


def test_the_first_route_that_matches_takes_an_alert(teams):
    teams.configure(
        ("route", "pages", {"severities": ["sev-1"], "destination": ["extra"]}),
        FINANCE,
        ("route", "never", {"tables": ["*.finance.*"], "destination": ["extra"]}),
    ).site.start()
    teams.post(alert("a", **group("finance")))
    teams.post(alert("b", **group("sales")))
    teams.post(
        alert("c", declared_alert_severity="SEV-1", **group("finance"))
    )
    assert teams.went("a") == {"finance": ["firing"]}
    assert teams.went("b") == {"oncall": ["firing"]}
    assert teams.went("c") == {"extra": ["firing"]}


def test_a_route_may_name_several_destinations(teams):
    teams.configure(
        ("route", "both",
         {"tables": ["*.finance.*"], "destination": ["extra", "finance"]}),
    ).site.start()  # fmt: skip
    said = teams.post(alert("a", **group("finance")))
    assert said == {"extra": "delivered", "finance": "delivered"}
    assert teams.went("a") == {"extra": ["firing"], "finance": ["firing"]}
    assert teams.site.ticket("a", "finance") != teams.site.ticket("a", "extra")


def test_a_source_may_name_several_destinations(teams):
    teams.configure(source={"destination": ["oncall", "finance"]}).site.start()
    teams.post(alert("a"))
    teams.post(update("a", alert_feedback="fixed"))
    both = ["firing", "resolved"]
    assert teams.went("a") == {"oncall": both, "finance": both}


def test_a_route_may_be_of_one_source_alone(teams):
    other = {
        "kind": "montecarlo",
        "secret_file": teams.site.secret_file,
        "destination": ["oncall"],
    }
    teams.configure(
        ("source", "other", other),
        ("route", "r", {"sources": ["oth*"], "destination": ["extra"]}),
    ).site.start()
    teams.post(alert("a"))
    teams.post(alert("b"), path="/other")
    assert teams.went("a") == {"oncall": ["firing"]}
    assert teams.went("b") == {"extra": ["firing"]}


def test_updates_go_where_the_alert_went(teams):
    """An update of Monte Carlo tells no tables: what is known of it does."""
    teams.configure(FINANCE).site.start()
    teams.post(alert("a", **group("finance")))
    teams.post(update("a", owner="ann@example.com"))
    teams.post(update("a", alert_feedback="fixed"))
    assert teams.went("a") == {"finance": ["firing", "firing", "resolved"]}
    teams.post(update("a", alert_feedback="investigating"))
    assert teams.went("a") == {"finance": ["firing", "firing", "resolved", "firing"]}


def test_an_alert_goes_on_where_it_went_whatever_the_routes_say_later(teams):
    teams.configure(FINANCE).site.start()
    teams.post(alert("a", **group("finance")))
    teams.configure(
        ("route", "finance",
         {"tables": ["*.finance.*"], "destination": ["extra"]}),
    )  # fmt: skip
    said = teams.post(update("a", owner="ann@example.com"))
    assert said == {"extra": "delivered", "finance": "delivered"}
    teams.post(update("a", alert_feedback="fixed"))
    assert teams.went("a") == {
        "finance": ["firing", "firing", "resolved"],
        "extra": ["firing", "resolved"],
    }


def test_it_goes_on_where_its_source_sent_it_too(teams):
    teams.site.start()
    teams.post(alert("a"))
    teams.configure(source={"destination": ["extra"]})
    teams.post(update("a", alert_feedback="fixed"))
    assert teams.went("a") == {"oncall": ["firing", "resolved"]}
    teams.post(alert("b"))
    assert teams.went("b") == {"extra": ["firing"]}


def test_a_route_that_newly_matches_is_added(teams, standin):
    teams.configure(GRAVE).site.start()
    teams.post(alert("a", owner="ann@example.com", **group("ares")))
    teams.post(update("a", declared_alert_severity="SEV-1"))
    assert teams.went("a") == {"oncall": ["firing"] * 2, "extra": ["firing"]}
    first, here, there = standin.events("a")
    assert here == there, "all that is known is known there too"
    assert there["metadata"]["owners"] == ["ann@example.com"]
    assert there["metadata"]["tables"] == ["artemis"]
    assert first["metadata"]["received_at"] == there["metadata"]["received_at"]
    teams.post(update("a", declared_alert_severity="SEV-3"))
    teams.post(update("a", alert_feedback="fixed"))
    assert teams.went("a")["extra"] == ["firing", "firing", "resolved"]


def test_the_fullest_ticket_is_the_one_to_begin_with(teams, standin):
    """A destination that was left out for a while knows less."""
    late = ("route", "late",
            {"severities": ["SEV-1"], "destination": ["finance"]})  # fmt: skip
    teams.configure(GRAVE).site.start()
    teams.post(alert("a", alert_feedback="fixed"))
    assert teams.went("a") == {"oncall": ["resolved"]}
    teams.configure(("route", "all", {"destination": ["extra"]}))
    teams.post(update("a", alert_feedback="investigating", owner="ann@example.com"))
    assert teams.went("a") == {"oncall": ["resolved"], "extra": ["firing"]}
    teams.configure(late)
    teams.post(update("a", declared_alert_severity="SEV-1"))
    assert teams.went("a")["finance"] == ["firing"]
    event = standin.events("a")[-1]
    assert event["metadata"]["owners"] == ["ann@example.com"]


def test_nobody_hears_first_of_an_alert_that_it_is_over(teams):
    teams.configure(GRAVE).site.start()
    teams.post(alert("a"))
    teams.post(update("a", alert_feedback="fixed", declared_alert_severity="SEV-1"))
    assert teams.went("a") == {"oncall": ["firing", "resolved"]}


def test_a_fresh_firing_after_a_resolve_is_routed_afresh(teams):
    teams.configure(GRAVE).site.start()
    teams.post(alert("a", declared_alert_severity="SEV-1"))
    teams.post(update("a", alert_feedback="fixed"))
    teams.post(update("a", alert_feedback="no_status",
                      declared_alert_severity="SEV-4"))  # fmt: skip
    assert teams.went("a") == {
        "extra": ["firing", "resolved"],
        "oncall": ["firing"],
    }


def test_a_resolve_that_is_not_delivered_keeps_an_alert_where_it_is(
    teams, standin
):
    teams.configure(GRAVE).site.start()
    teams.post(alert("a", declared_alert_severity="SEV-1"))
    standin.decide(
        lambda seen: behave.answer(503) if "EXTRA" in seen.path else None
    )
    teams.post(update("a", alert_feedback="fixed"))
    teams.post(update("a", alert_feedback="no_status",
                      declared_alert_severity="SEV-4"))  # fmt: skip
    standin.decide(None)
    until(
        lambda: (teams.went("a").get("extra", []))[-1] == "firing"
        and not teams.site.owed("extra"),
        "the queue of both",
    )
    assert teams.went("a")["oncall"] == ["firing"]


def test_each_destination_has_its_own_fate(teams, standin):
    teams.configure(source={"destination": ["oncall", "finance"]}).site.start()
    teams.standin.decide(
        lambda seen: behave.answer(401)
        if seen.path.endswith("FINANCE")
        else None
    )
    assert teams.post(alert("a")) == {"oncall": "delivered", "finance": "queued"}
    assert teams.post(alert("b")) == {"oncall": "delivered", "finance": "queued"}
    assert not teams.site.owed("oncall")
    assert set(teams.site.owed("finance")) == {ticket_id("a"), ticket_id("b")}
    assert standin.alerts().is_open("b")


def test_show_tells_of_one_destination_after_the_other(teams):
    teams.configure(source={"destination": ["oncall", "finance"]}).site.start()
    teams.post(alert("a"))
    said = teams.site.cli("show", "a").stdout.decode()
    parts = said.split("\n\nalert ")
    assert len(parts) == 2 and said.startswith("alert ")
    assert {"oncall", "finance"} == {
        line.split()[1]
        for line in said.splitlines()
        if line.startswith("destination ")
    }


def test_alerts_of_one_webhook_go_different_ways(teams):
    other = {
        "kind": "elementary",
        "secret_file": teams.site.secret_file,
        "destination": ["oncall"],
    }
    teams.configure(
        ("source", "edr", other),
        ("route", "r", {"tags": ["finance"], "destination": ["finance"]}),
        ("route", "s", {"tags": ["extra"], "destination": ["extra", "oncall"]}),
    ).site.start()
    body = json.dumps(
        [
            {
                "model_unique_id": f"model.p.{tag}",
                "table_name": tag,
                "status": "error",
                "tags": [tag],
            }
            for tag in ("finance", "extra", "none")
        ]
    ).encode()
    token = teams.site.secret
    said = teams.post(body, signature=None, path=f"/edr/{token}",
                      headers={"Content-Type": None})  # fmt: skip
    assert set(said.values()) == {"delivered"}
    assert teams.went("edr/model.p.finance") == {"finance": ["firing"]}
    assert teams.went("edr/model.p.none") == {"oncall": ["firing"]}
    assert set(teams.went("edr/model.p.extra")) == {"extra", "oncall"}


def test_an_end_of_the_unknown_is_ignored_wherever_it_would_go(teams):
    other = {
        "kind": "dbt",
        "secret_file": teams.site.secret_file,
        "destination": ["oncall", "finance"],
    }
    teams.configure(("source", "dbt", other), FINANCE).site.start()
    body = json.dumps(
        {
            "metadata": {"invocation_id": "x"},
            "results": [{"status": "pass", "unique_id": "test.p.t"}],
        }
    ).encode()
    answer = teams.site.post(body, signature=None, path=f"/dbt/{teams.site.secret}")
    assert answer.json()["result"] == "ignored"
    assert teams.standin.history() == []


def test_webhooks_of_one_alert_are_routed_one_after_the_other(teams, standin):
    """However they meet, all that they say is known wherever it went."""
    site = teams.site
    site.processes = 4
    teams.configure(FINANCE, GRAVE).site.start()
    names = [f"k{n}" for n in range(30)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for name in names:
            bodies = (
                alert(name, **group("finance")),
                update(name, declared_alert_severity="SEV-1"),
                update(name, owner="ann@example.com"),
            )
            assert all(a.ok for a in pool.map(site.post, bodies))
    for name in names:
        known = [
            site.ticket(name, d)["alert"]["metadata"]
            for d in ("oncall", *TEAMS)
            if knows(site, name, d)
        ]
        assert known
        for metadata in known:
            assert metadata["severity"] == "SEV-1"
            assert metadata["owners"] == ["ann@example.com"]
            assert metadata["tables"] == ["artemis"]


# ---- what the sender does not know ----


def test_what_the_configuration_knows_of_a_table_is_sent_and_routed(
    teams, standin
):
    teams.configure(
        ("route", "ann", {"owners": ["ann@*"], "destination": ["finance"]}),
        ("table", '"*.finance.*"',
         {"owners": ["ann@example.com"], "tags": ["money"],
          "severity": "major"}),
        source={"tags": ["all"], "severity": "minor"},
    ).site.start()  # fmt: skip
    teams.post(alert("a", owner="bob@example.com", **group("finance")))
    teams.post(alert("b"))
    assert teams.went("a") == {"finance": ["firing"]}
    assert teams.went("b") == {"oncall": ["firing"]}
    known, other = (one["metadata"] for one in standin.events())
    assert known["owners"] == ["bob@example.com", "ann@example.com"]
    assert known["tags"] == ["money", "all"]
    assert known["severity"] == "major"
    assert (other["tags"], other["severity"]) == (["all"], "minor")
    assert "owners" not in other
    teams.post(update("a", declared_alert_severity="SEV-1", owner=None))
    teams.post(update("a", declared_alert_severity=None))
    grave, back = (one["metadata"] for one in standin.events("a")[1:])
    assert grave["severity"] == "SEV-1"
    assert back["severity"] == "major", "a null falls back"
    assert grave["owners"] == back["owners"] == ["ann@example.com"]


def test_map_says_which_table_filled_a_field_in(teams):
    teams.configure(
        ("table", '"*.finance.*"', {"owners": ["ann"], "severity": "major"}),
        ("table", '"*artemis"', {"owners": ["bob"], "tags": ["x"]}),
        source={"owners": ["carl"], "severity": "minor"},
    )
    done = teams.site.cli(
        "map", "montecarlo", "--explain",
        stdin=alert("a", owner="dora", **group("finance")),
    )  # fmt: skip
    said = done.stderr.decode()
    assert (
        'read by kind montecarlo, united with owners of table "*.finance.*",'
        ' united with owners of table "*artemis", united with owners of'
        " source montecarlo" in said
    )
    assert 'severity of table "*.finance.*": none was sent' in said
    assert 'tags of table "*artemis"' in said


# ---- to look at it ----


def test_map_says_where_an_alert_goes(teams):
    teams.configure(FINANCE)
    done = teams.site.cli("map", "montecarlo", "--explain",
                          stdin=alert("a", **group("finance")))  # fmt: skip
    assert "(goes to)" in done.stderr.decode()
    assert "finance: taken by route finance" in done.stderr.decode()
    done = teams.site.cli("map", "montecarlo", "--explain", stdin=alert("a"))
    assert "oncall: destination of source montecarlo" in done.stderr.decode()


def test_check_prints_the_routes_and_names_what_is_never_asked(teams):
    teams.configure(
        ("route", "all", {"destination": ["finance"]}),
        ("route", "late", {"tags": ["x"], "destination": ["extra"]}),
    )
    done = teams.site.cli("check")
    assert 'route late {\n\ttags = { "x" }' in done.stdout.decode()
    assert "route all: takes all alerts" in done.stderr.decode()
    assert "no source or route names it" not in done.stderr.decode()


def test_replay_routes_as_today(teams):
    text = teams.site.conf.read_text()
    teams.site.write(teams.site.conf, 'journal = "full"\n' + text)
    teams.site.start()
    teams.post(alert("a", **group("finance")))
    teams.post(update("a", owner="ann@example.com"))
    teams.configure(FINANCE)
    done = teams.site.cli("replay", "--since", "2020-01-01")
    said = done.stdout.decode()
    name = ticket_id("a")
    assert f"finance/{name}  unknown" in said
    assert f"oncall/{name}  same" in said
    done = teams.site.cli("replay", "--since", "2020-01-01", "--send")
    until(lambda: teams.went("a").get("finance"), "the replayed alert")
    event = teams.standin.events("a")[-1]
    assert event["metadata"]["owners"] == ["ann@example.com"]
