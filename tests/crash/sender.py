"""A sender that keeps book, and the spool as it must be found afterwards."""

import collections
import hashlib
import json
import pathlib
import re
import threading

from world import montecarlo

from . import oracle

FIRING, RESOLVED = "firing", "resolved"
NAMES = {
    "pending": r"[0-9a-f]{32}\.json",
    "settled": r"[0-9a-f]{32}\.json",
    "dead": r"[0-9a-f]{32}-\d+(-superseded)?\.json",
    "bell": r"[0-9a-f]{32}",
    "tmp": r"[0-9a-f]{32}\.\d+\.\d+",
}
SEAL = re.compile(
    rb'(?s)(.*),\n  "seal": "(\d+) (\d+) ([0-9a-f]{64})"\n}\n'
)


class Sender:
    """Makes webhooks of alerts, and notes what was heard of each."""

    def __init__(self):
        self.posts = []
        self._next = collections.Counter()
        self._mutex = threading.Lock()

    def body(self, alert, status=FIRING):
        """The next webhook of an alert: (its number, its body)."""
        with self._mutex:
            seq = self._next[alert]
            self._next[alert] += 1
        fields = {"seq": seq}
        if seq < oracle.MARKS:
            fields[f"mark{seq}"] = 1
        fields["alert_feedback"] = "fixed" if status == RESOLVED else None
        if seq == 0:
            return seq, montecarlo.alert(alert, **fields)
        return seq, montecarlo.update(alert, **fields)

    def note(self, alert, seq, status, answer, stored=True):
        post = oracle.Post(alert, seq, status, answer, stored)
        with self._mutex:
            self.posts.append(post)
        return answer

    def post(self, how, alert, status=FIRING):
        """Post by how(body), which returns a status, or 0 for none."""
        seq, body = self.body(alert, status)
        return self.note(alert, seq, status, how(body))

    def judge(self, standin):
        """The oracle's verdict on all that was posted and taken."""
        return oracle.judge(list(self.posts), arrivals(standin))


def arrivals(standin):
    """What the stand-in took, in the order in which it came."""
    taken = [s.event for s in standin.history() if s.taken and s.event]
    return [a for a in map(oracle.arrival, taken) if a is not None]


def by_cgi(site):
    """How to post by plain CGI."""
    return lambda body: site.cgi(body).status


def by_http(site):
    """How to post through the web server."""

    def how(body):
        try:
            return site.post(body).status_code
        except OSError:
            return 0

    return how


# ---- the spool ----


def opened(path):
    """The generation and the JSON of a sealed file; AssertionError if it is
    torn or altered."""
    data = path.read_bytes()
    found = SEAL.fullmatch(data)
    assert found, f"{path.name}: no seal: {data[-200:]}"
    text, generation, length, digest = found.groups()
    assert len(text) == int(length), path.name
    covered = data[: found.start(4)]
    assert hashlib.sha256(covered).hexdigest() == digest.decode(), path.name
    return int(generation), json.loads(data)


def sealed(ticket, generation):
    """The bytes of a ticket's file."""
    ticket = {n: v for n, v in ticket.items() if n != "seal"}
    text = json.dumps(ticket, indent=2).encode()[:-2]
    head = text + b',\n  "seal": "%d %d ' % (generation, len(text))
    return head + hashlib.sha256(head).hexdigest().encode() + b'"\n}\n'


def _check_ticket(name, ticket):
    queue = ticket["queue"]
    assert len(queue) <= 3, name
    serials = [e["n"] for e in queue]
    assert serials == sorted(set(serials)), f"{name}: serials {serials}"
    assert all(n < ticket["next"] for n in serials), f"{name}: {serials}"
    states = [e["status"] for e in queue]
    assert all(a != b for a, b in zip(states, states[1:])), f"{name}: {states}"


def _check_names(directory, kind):
    pattern = re.compile(NAMES[kind])
    for path in directory.iterdir():
        assert pattern.fullmatch(path.name), f"{kind}: {path.name}"


def check_spool(spool, drained=True, dead=0):
    """Nothing is torn, nothing was set aside, and every leftover is lawful.
    Returns the newest copy of each ticket by id."""
    spool = pathlib.Path(spool)
    assert list((spool / "corrupt").iterdir()) == [], "set aside"
    _check_names(spool / "tmp", "tmp")
    tickets = {}
    for box in sorted(p.parent for p in spool.glob("*/lock")):
        for kind in ("pending", "dead", "bell"):
            _check_names(box / kind, kind)
        copies = [*box.glob("settled/*/*"), *box.glob("pending/*")]
        for path in copies:
            generation, ticket = opened(path)
            _check_ticket(path.name, ticket)
            if generation >= tickets.get(path.stem, (0,))[0]:
                tickets[path.stem] = (generation, ticket)
        letters = [opened(path) for path in box.glob("dead/*")]
        assert len(letters) == dead, f"{len(letters)} dead letters"
    if drained:
        # A repeat waits its time: the destination has accepted it.
        owing = [
            name
            for name, (_, t) in tickets.items()
            if t["queue"] and not t["queue"][0].get("repeat")
        ]
        assert owing == [], f"after a drain something is owed: {owing}"
    return {name: ticket for name, (_, ticket) in tickets.items()}


def drain(site, *more, **kwargs):
    """`bellrelay drain` until nothing is owed."""
    done = site.cli("drain", *more, **kwargs)
    assert done.returncode == 0, (done.stdout, done.stderr.decode())
    return done
