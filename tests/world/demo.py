#!/usr/bin/python3
"""What `make run` shows: lighttpd, bellrelay and a stand-in for incident.io,
below ./run/, and the life of one alert from the first webhook to its resolve.

ONCE=1 ends after that, with 0 only if all arrived as it must.  PORT is the
first port to try, RUN_DIR another directory.
"""

import fcntl
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import sys
import textwrap
import threading
import time

if __package__ in (None, ""):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    __package__ = "world"  # pylint: disable=redefined-builtin

# pylint: disable=wrong-import-position
from . import montecarlo
from .certs import Authority
from .incidentio import StandIn
from .site import ROOT, Site

RUN = pathlib.Path(os.environ.get("RUN_DIR") or ROOT / "run")
FIRST_PORT = 8080
PORTS = 50
WIDTH = 78
PATIENCE = 60

OWNER = "ann@example.com"

STORY = [
    (
        "A rule is breached (the first published example)",
        montecarlo.rule_breach,
        "firing",
    ),
    (
        "The same alert, now with a volume anomaly (the second)",
        montecarlo.volume,
        "firing",
    ),
    (
        f"Somebody looks into it: acknowledged, SEV-2, owner {OWNER}",
        lambda: montecarlo.update(
            alert_feedback="investigating",
            declared_alert_severity="SEV-2",
            owner=OWNER,
        ),
        "firing",
    ),
    (
        "It is fixed",
        lambda: montecarlo.update(alert_feedback="fixed"),
        "resolved",
    ),
]


class Interrupted(Exception):
    """Somebody wants it to end."""


_out = threading.Lock()


def say(*lines):
    with _out:
        for line in lines or ("",):
            print(line, flush=True)


def near(path):
    """A path as one types it."""
    try:
        return str(path.relative_to(pathlib.Path.cwd()))
    except ValueError:
        return str(path)


def wait(predicate, what):
    """Wait, and say for what once it takes long."""
    begin = time.monotonic()
    told = False
    while not predicate():
        if not told and time.monotonic() > begin + 2:
            say(f"  ... waiting for {what}")
            told = True
        if time.monotonic() > begin + PATIENCE:
            return False
        time.sleep(0.02)
    return True


# ---- showing an event ----


def flat(value):
    """A value of the metadata on one line."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def rows(label, text, indent):
    """`label  text`, wrapped and aligned."""
    start = " " * indent + f"{label:<13}"
    width = max(20, WIDTH - len(start))
    lines = []
    for part in text.splitlines() or [""]:
        lines += textwrap.wrap(
            part, width, break_long_words=False, break_on_hyphens=False
        ) or [""]
    yield start + lines[0]
    for line in lines[1:]:
        yield (" " * len(start) + line).rstrip()


def describe(seen, standin):
    """An alert event as it arrived, for people."""
    event = seen.event
    yield f"    incident.io got alert event {seen.number}:"
    for name, label in (
        ("title", "title"),
        ("status", "status"),
        ("deduplication_key", "key"),
        ("source_url", "link"),
        ("description", "description"),
    ):
        if name in event:
            yield from rows(label, event[name], 6)
    label = "metadata"
    for name, value in event.get("metadata", {}).items():
        yield from rows(label, f"{name:<15} {flat(value)}", 6)
        label = ""
    key = event["deduplication_key"]
    alerts = standin.alerts()
    if alerts.opened(key):
        state = "open" if alerts.is_open(key) else "resolved"
        yield from rows("it shows", f"{alerts.newest(key).title} ({state})", 6)


def show(seen, standin):
    """Print what arrived, or why it was refused."""
    if seen.taken and isinstance(seen.event, dict):
        say(*describe(seen, standin), "")
    else:
        say(f"    incident.io refused a request: {seen.verdict}", "")


# ---- the world ----


def free(port):
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def choose_port():
    first = int(os.environ.get("PORT") or FIRST_PORT)
    for port in range(first, first + PORTS):
        if free(port):
            return port
    raise SystemExit(f"no port from {first} on is free; try make run PORT=9000")


def clear():
    """Make RUN empty, but for the lock that says that it is ours."""
    RUN.mkdir(mode=0o700, exist_ok=True)
    lock = open(RUN / "lock", "a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        raise SystemExit(
            f"{RUN}: another one runs here{lock.read()}: end it with Ctrl-C "
            "where it runs, or take another directory: make run RUN_DIR=run2"
        ) from None
    lock.truncate(0)
    for path in RUN.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()
    return lock


def introduce(place, standin):
    say(
        f"bellrelay    {place.url()}",
        f"incident.io  {standin.url()} (a stand-in)",
        f"to look at   {near(place.conf)}, {near(place.spool)}/, "
        f"{near(RUN / 'log')}/",
        "",
    )


def tell(place, standin):
    """The story.  True if all of it went as it must."""
    good = True
    for number, (what, body, status) in enumerate(STORY, 1):
        body = body()
        say(f"{number}. Monte Carlo: {what}.")
        answer = place.post(body, place.sign(body))
        if not answer.ok:
            say(f"    bellrelay refused it: {answer.status_code} {answer.text}")
            return False
        say(f"    bellrelay: {answer.status_code} {answer.json()['result']}")
        if not wait(
            lambda n=number: len(standin.events()) >= n, "the alert event"
        ):
            say("    it did not arrive; see " + near(RUN / "log"))
            return False
        good = good and standin.events()[-1]["status"] == status
    return good and sound(standin)


def sound(standin):
    """What must be true at the end of the story."""
    key = montecarlo.INCIDENT
    alerts = standin.alerts()
    wrong = standin.complaints()
    if len(standin.events(key)) != len(STORY):
        wrong.append("not every event arrived under the alert's key")
    if alerts.opened(key) != 1 or alerts.is_open(key):
        wrong.append("it should be one alert, and resolved")
    if alerts.newest(key).metadata.get("owners") != [OWNER]:
        wrong.append("the owner was lost")
    for line in wrong:
        say(f"wrong: {line}")
    return not wrong


def invite(place):
    """How to go on by hand."""
    body = montecarlo.alert("try-it-by-hand", table="orders")
    path = place.write(RUN / "try.json", body)
    command = near(place.bin / "bellrelay")
    say(
        "Try it by hand (change the file, and what is sent is changed):",
        "",
        f"curl -i {place.url()} \\",
        "  -H 'Content-Type: application/json' \\",
        f'  -H "x-mcd-signature: $({command} sign --secret-file '
        f'{near(place.secret_file)} {near(path)})" \\',
        f"  --data-binary @{near(path)}",
        "",
        "Every alert event that arrives is shown here.  Ctrl-C ends it.",
        "",
    )


def run(once):
    token = secrets.token_hex(32)
    with (
        clear() as lock,
        StandIn(Authority(RUN / "authority"), token=token) as standin,
    ):
        standin.on_event = lambda seen: show(seen, standin)
        secret = secrets.token_urlsafe(42)
        with Site(standin, 2, RUN, secret) as place:
            if not place.programs():
                raise SystemExit(f"{place.bin}: not built, see make")
            place.start(choose_port())
            print(f", on port {place.port}, process {os.getpid()}",
                  end="", file=lock, flush=True)  # fmt: skip
            introduce(place, standin)
            good = tell(place, standin)
            if not once:
                invite(place)
                threading.Event().wait()
    say("All arrived as it must." if good else "Not all went as it must.")
    return 0 if good else 1


ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt(_signal, _frame):
    """Once; the end itself is not to be interrupted."""
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)
    raise Interrupted


def main():
    for number in ENDS:
        signal.signal(number, interrupt)
    try:
        return run(os.environ.get("ONCE", "") not in ("", "0"))
    except Interrupted:
        say("", "Ended.")
        return 0


if __name__ == "__main__":
    sys.exit(main())
