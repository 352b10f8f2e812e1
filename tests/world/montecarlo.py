"""Monte Carlo, the sender: its published webhooks and its signature."""

import copy
import hashlib
import hmac
import json
import pathlib
import urllib.parse

SAMPLES = pathlib.Path(__file__).parent / "samples"

#: Both published examples are of this alert.
INCIDENT = "f83867b6-8f25-428b-807c-08518f63384c"


def rule_breach():
    """The body of the first published example, as bytes."""
    return (SAMPLES / "rule-breach.json").read_bytes()


def volume():
    """The body of the second."""
    return (SAMPLES / "volume.json").read_bytes()


def sign(body, secret):
    """The published lines, as Monte Carlo's page gives them."""
    body_as_bytes = urllib.parse.urlencode(json.loads(body)).encode("utf8")
    return hmac.new(secret, body_as_bytes, hashlib.sha512).hexdigest()


def alert(incident, table="artemis", **payload):
    """The body of an anomaly of an alert of one's own."""
    body = json.loads(volume())
    body["payload"]["incident_id"] = incident
    body["payload"]["url"] = f"https://getmontecarlo.com/incidents/{incident}"
    body["payload"]["event_list"][0]["table_name"] = table
    body["payload"].update(payload)
    return json.dumps(body).encode()


def update(incident=INCIDENT, **fields):
    """The body of an update: the alert's id and what has changed."""
    payload = {
        "incident_id": incident,
        "url": f"https://getmontecarlo.com/incidents/{incident}",
    }
    payload.update(copy.deepcopy(fields))
    return json.dumps(
        {
            "account": {"id": "9a59c6f1-203a-4c72-8cd7-132db7f21b92"},
            "action": "incident",
            "payload": payload,
            "type": "open_anomaly_incident",
            "version": "v0.1",
        }
    ).encode()
