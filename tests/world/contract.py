"""What incident.io takes, and what it makes of it (facts/incidentio.md).

Knows neither sockets nor threads: a request goes in as values, a verdict
comes out.
"""

import collections
import json
import pathlib
import re
import uuid

import jsonschema

SCHEMA = pathlib.Path(__file__).parent.parent / "alert-event.schema.json"
BODY_MAX = 512 * 1024
PER_MINUTE = 120
ALERT_EVENTS = re.compile(r"/v2/alert_events/http/([^/?#]+)")
HEARTBEAT = re.compile(r"/v2/heartbeat/([^/?#]+)/ping")

#: DESIGN.md, 4: the order in which bellrelay writes them
KEYS = (
    "title",
    "deduplication_key",
    "status",
    "description",
    "source_url",
    "metadata",
)

#: status -> type of the error envelope (facts/incidentio.md, 1.3)
TYPES = {
    400: "bad_request",
    401: "authentication_error",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    409: "conflict",
    412: "precondition_failed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "validation_error",
    429: "too_many_requests",
}

_validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))


def envelope(status, message, field=None, code=None, **more):
    """The body of a refusal, as incident.io words it."""
    error = {"code": code or "invalid_value", "message": message}
    if field is not None:
        error["source"] = {"field": field}
    body = {
        "type": TYPES.get(status, "internal_error"),
        "status": status,
        "request_id": str(uuid.uuid4()),
        "errors": [error],
    }
    body.update(more)
    return json.dumps(body).encode()


class Refusal(Exception):
    """The request is not one that incident.io takes."""

    def __init__(self, status, message, field=None, code=None, **more):
        super().__init__(message)
        self.status = status
        self.body = envelope(status, message, field, code, **more)
        self.headers = {}


def _no_twins(pairs):
    names = [name for name, _ in pairs]
    twins = {name for name in names if names.count(name) > 1}
    if twins:
        raise ValueError(f"member given twice: {sorted(twins)[0]!r}")
    return dict(pairs)


def _no_constant(word):
    raise ValueError(f"{word} is not JSON")


def read_event(body):
    """The event in a body.  ValueError if it is not JSON to the letter."""
    return json.loads(
        body.decode("utf-8"),
        object_pairs_hook=_no_twins,
        parse_constant=_no_constant,
    )


def complaints(event):
    """What the published schema says against an event, one a line."""
    found = [
        "/".join(str(step) for step in error.absolute_path)
        + ": "
        + error.message[:200]
        for error in _validator.iter_errors(event)
    ]
    if not found:
        order = [key for key in KEYS if key in event]
        if list(event) != order:
            found.append(f"members stand in the order {list(event)}")
    return found


def _check_authorization(given, token):
    if not given:
        raise Refusal(
            401,
            "No authorization material provided in request",
            code="missing_authorization_material",
        )
    if given != [f"Bearer {token}"]:
        raise Refusal(403, "The token is not that of this alert source")


def check_request(method, path, headers, body, tokens):
    """The event of a request, or Refusal: what incident.io would answer.

    headers maps lower-case names to lists of values; tokens maps source ids
    to tokens.
    """
    at = ALERT_EVENTS.fullmatch(path)
    if at is None:
        raise Refusal(404, "There is nothing at this path")
    if method != "POST":
        raise Refusal(405, "Only POST is allowed here")
    if at.group(1) not in tokens:
        raise Refusal(404, "No such alert source")
    _check_authorization(headers.get("authorization"), tokens[at.group(1)])
    kind = headers.get("content-type", [""])
    if len(kind) != 1 or not re.fullmatch(
        r"application/json(;\s*charset=utf-8)?", kind[0], re.IGNORECASE
    ):
        raise Refusal(415, "The content type must be application/json")
    if len(body) > BODY_MAX:
        raise Refusal(413, "The body is larger than 512 KB")
    try:
        event = read_event(body)
    except ValueError as error:
        raise Refusal(400, f"The body is not JSON: {error}") from None
    if not isinstance(event, dict):
        raise Refusal(400, "The body is not a JSON object")
    if not event.get("deduplication_key"):
        raise Refusal(
            422,
            "Deduplication key is required",
            "deduplication_key",
            "is_required",
        )
    found = complaints(event)
    if found:
        raise Refusal(422, "; ".join(found), found[0].split(":")[0])
    return event


class Limit:
    """At most so many events of a source in any 60 seconds; 0 is no limit."""

    def __init__(self, per_minute=PER_MINUTE):
        self.per_minute = per_minute
        self._seen = collections.defaultdict(collections.deque)

    def check(self, source, now):
        """Count an event, or Refusal; now is in seconds, of any clock."""
        seen = self._seen[source]
        while seen and seen[0] <= now - 60:
            seen.popleft()
        if self.per_minute and len(seen) >= self.per_minute:
            wait = max(1, round(seen[0] + 60 - now + 0.5))
            refusal = Refusal(
                429,
                "Too many requests",
                code="rate_limited",
                rate_limit={
                    "name": "alert_events",
                    "limit": self.per_minute,
                    "remaining": 0,
                },
            )
            refusal.headers = {"Retry-After": str(wait)}
            raise refusal
        seen.append(now)


class Alert:
    """An alert as incident.io shows it.

    Title, description and link are those of the first event for as long as
    the alert is open; of the metadata the newest is seen too (facts, 2).
    """

    def __init__(self, event):
        self.key = event["deduplication_key"]
        self.title = event["title"]
        self.description = event.get("description")
        self.source_url = event.get("source_url")
        self.open = True
        self.events = [event]

    @property
    def metadata(self):
        return self.events[-1].get("metadata", {})


class Alerts:
    """The alerts of one source, made from the events that were taken."""

    def __init__(self):
        self._by_key = collections.defaultdict(list)
        self.stray = []  # resolves of what was not open

    def take(self, event):
        alerts = self._by_key[event["deduplication_key"]]
        known = alerts[-1] if alerts and alerts[-1].open else None
        if event["status"] == "resolved":
            if known is None:
                self.stray.append(event)
                return
            known.open = False
        if known is None:
            alerts.append(Alert(event))
        else:
            known.events.append(event)

    def keys(self):
        return [key for key, alerts in self._by_key.items() if alerts]

    def opened(self, key):
        """How many alerts were opened under key: how often it paged."""
        return len(self._by_key.get(key, ()))

    def newest(self, key):
        """The newest alert of key; KeyError if there was none."""
        alerts = self._by_key.get(key)
        if not alerts:
            raise KeyError(key)
        return alerts[-1]

    def is_open(self, key):
        return self.opened(key) > 0 and self.newest(key).open
