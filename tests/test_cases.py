"""Every event that the cases want is one that incident.io takes."""

import json
import pathlib

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
