"""Every event that the cases want is one that incident.io takes."""

import json
import pathlib
import re

import jsonschema
import pytest

TESTS = pathlib.Path(__file__).resolve().parent
SCHEMA = json.loads((TESTS / "alert-event.schema.json").read_text("utf-8"))
WANTED = sorted(TESTS.glob("cases/*/*/want*.json"))


def test_there_are_cases():
    assert len(WANTED) > 50


@pytest.mark.parametrize(
    "path", WANTED, ids=lambda p: "/".join(p.relative_to(TESTS / "cases").parts)
)
def test_a_wanted_event_is_lawful(path):
    text = path.read_text("utf-8")
    if text != "ignored\n":
        wanted = json.loads(text)
        events = wanted if isinstance(wanted, list) else [wanted]
        assert len(events) != 1 or wanted is events[0]
        for event in events:
            jsonschema.Draft7Validator(SCHEMA).validate(event)
            assert len(json.dumps(event, ensure_ascii=False).encode()) < 512_000


def test_templates_know_all_names_that_adapters_use():
    """But those that an event of incident.io brings along."""
    source = (TESTS.parent / "src/template.c").read_text()
    names = re.search(r"names\[\] = \{(.*?)\};", source, re.DOTALL).group(1)
    known = set(re.findall(r'"(\w+)"', names)) | {"extra"}
    for path in WANTED:
        text = path.read_text("utf-8")
        if text == "ignored\n" or "incidentio" in path.parts:
            continue
        wanted = json.loads(text)
        for event in wanted if isinstance(wanted, list) else [wanted]:
            assert set(event.get("metadata", {})) <= known, path
