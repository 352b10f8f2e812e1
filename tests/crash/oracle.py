"""What was posted against what arrived.

An alert's posts have a growing number each, are made one after the other,
and each carries a mark of its own, which the merged alert keeps.  From that,
and from what the destination took, in its order, follows:

    lost      answered 2xx, and neither it nor anything newer of its alert
              arrived; or what is newer does not know of it
    skipped   a change of status that may not be merged away: only an even
              number of them may be missing, and never the first
    older     an older state after a newer one
    stray     what was never posted, or with another status
    repeats   an event once more, right after itself: lawful, but counted
"""

import collections
import dataclasses


#: Posts of an alert that carry a mark; later ones are not worth the bytes.
MARKS = 60


@dataclasses.dataclass(frozen=True)
class Post:
    """A webhook, and what its sender heard: answer 0 is nothing at all."""

    alert: str
    seq: int
    status: str
    answer: int
    stored: bool = True  # else it was only sent: there was no room for it

    @property
    def kept(self):
        """Its sender was told that it is safe."""
        return 200 <= self.answer < 300

    @property
    def refused(self):
        """It is nowhere, by our own word."""
        return 400 <= self.answer < 500


@dataclasses.dataclass(frozen=True)
class Arrival:
    """An event that the destination took."""

    alert: str
    seq: int
    status: str
    marks: frozenset = None  # None: not looked at


def arrival(event):
    """An Arrival of an alert event; None if it is not one of ours."""
    extra = event.get("metadata", {}).get("extra", {})
    if "seq" not in extra:
        return None
    return Arrival(
        event["deduplication_key"],
        extra["seq"],
        event["status"],
        frozenset(int(k[4:]) for k in extra if k.startswith("mark")),
    )


@dataclasses.dataclass
class Verdict:
    posted: int = 0
    kept: int = 0
    arrived: int = 0
    repeats: dict = dataclasses.field(default_factory=dict)
    lost: list = dataclasses.field(default_factory=list)
    skipped: list = dataclasses.field(default_factory=list)
    older: list = dataclasses.field(default_factory=list)
    stray: list = dataclasses.field(default_factory=list)

    @property
    def repeated(self):
        return sum(self.repeats.values())

    def faults(self):
        return [
            f"{kind}: {what}"
            for kind in ("lost", "skipped", "older", "stray")
            for what in getattr(self, kind)
        ]

    def check(self, repeats=None):
        """Nothing is wrong, and of no alert more than `repeats` repeats."""
        assert not self.faults(), "\n".join(self.faults()[:40])
        if repeats is not None:
            over = {a: n for a, n in self.repeats.items() if n > repeats}
            assert not over, f"repeated more than {repeats} times: {over}"
        return self

    def add(self, other):
        """Take in another round's, for the figures."""
        self.posted += other.posted
        self.kept += other.kept
        self.arrived += other.arrived
        for kind in ("lost", "skipped", "older", "stray"):
            getattr(self, kind).extend(getattr(other, kind))
        for alert, count in other.repeats.items():
            self.repeats[alert] = self.repeats.get(alert, 0) + count

    def __str__(self):
        return (
            f"{self.posted} posted, {self.kept} answered 2xx, "
            f"{self.arrived} arrived, {len(self.lost)} lost, "
            f"{len(self.skipped)} skipped, {self.repeated} repeated, "
            f"{len(self.older)} older after newer"
        )


def _by_alert(things):
    found = collections.defaultdict(list)
    for thing in things:
        found[thing.alert].append(thing)
    return found


def _in_order(alert, arrivals, verdict):
    """The arrivals without their repeats, and what stands out of order."""
    course = []
    for one in arrivals:
        if course and one.seq == course[-1].seq:
            verdict.repeats[alert] = verdict.repeats.get(alert, 0) + 1
            continue
        newest = max((c.seq for c in course), default=-1)
        if one.seq < newest:
            verdict.older.append(f"{alert}: {one.seq} after {newest}")
        course.append(one)
    return course


def _known(alert, posts, arrivals, verdict):
    """The arrivals that were posted."""
    by_seq = {p.seq: p for p in posts}
    known = []
    for one in arrivals:
        post = by_seq.get(one.seq)
        if post is None or post.refused:
            verdict.stray.append(f"{alert}: {one.seq} was never taken")
        elif post.status != one.status:
            verdict.stray.append(
                f"{alert}: {one.seq} is {one.status}, was {post.status}"
            )
        else:
            known.append(one)
    return known


def _lost(alert, posts, course, verdict):
    newest = max((c.seq for c in course), default=-1)
    for post in posts:
        if post.kept and post.seq > newest:
            verdict.lost.append(f"{alert}: {post.seq} ({post.status})")
    kept = {p.seq for p in posts if p.kept and p.stored and p.seq < MARKS}
    for one in course:
        if one.marks is None:
            continue
        unknown = {s for s in kept if s <= one.seq} - one.marks
        if unknown:
            verdict.lost.append(
                f"{alert}: {one.seq} does not know of {sorted(unknown)}"
            )


def _runs(posts, course):
    """seq -> number of its run of one status, of all that surely was kept;
    and those of which nobody knows."""
    arrived = {c.seq for c in course}
    runs, number, status, maybe = {}, -1, None, []
    for post in posts:
        if post.refused:
            continue
        if not post.kept and post.seq not in arrived:
            maybe.append(post.seq)
            continue
        if post.status != status:
            number, status = number + 1, post.status
        runs[post.seq] = number
    return runs, maybe


def _skipped(alert, posts, course, verdict):
    runs, maybe = _runs(posts, course)
    last_seq, last_run = -1, -1
    for one in course:
        if one.seq < last_seq:
            return  # said already
        missing = runs[one.seq] - last_run - 1
        unsure = any(last_seq < seq < one.seq for seq in maybe)
        first = last_run == -1
        if not unsure and missing > 0 and (first or missing % 2):
            verdict.skipped.append(
                f"{alert}: {missing} changes of status between "
                f"{last_seq} and {one.seq}"
            )
        last_seq, last_run = one.seq, runs[one.seq]


def judge(posts, arrivals):
    """The Verdict on a whole history, after all that waits was drained."""
    posts, arrivals = list(posts), list(arrivals)
    verdict = Verdict(
        posted=len(posts),
        kept=sum(p.kept for p in posts),
        arrived=len(arrivals),
    )
    posted, arrived = _by_alert(posts), _by_alert(arrivals)
    for alert in sorted(set(posted) | set(arrived)):
        mine = sorted(posted[alert], key=lambda p: p.seq)
        known = _known(alert, mine, arrived[alert], verdict)
        course = _in_order(alert, known, verdict)
        _lost(alert, mine, course, verdict)
        _skipped(alert, mine, course, verdict)
    return verdict
