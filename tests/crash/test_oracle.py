"""The oracle finds what it is there to find."""

import pytest

from crash.oracle import Arrival, Post, judge

F, R = "firing", "resolved"


def posts(*given):
    """(status, answer) of alert `a`, numbered from 0."""
    return [Post("a", n, s, a) for n, (s, a) in enumerate(given)]


def arrivals(course, *seqs):
    by_seq = {p.seq: p for p in course}
    return [Arrival("a", n, by_seq[n].status) for n in seqs]


FLAP = posts((F, 200), (R, 202), (F, 202), (R, 202))
UPDATES = posts((F, 200), (F, 202), (F, 202), (R, 202))
UNHEARD = posts((F, 200), (R, 0), (F, 202))

LAWFUL = [
    (FLAP, (0, 1, 2, 3), 0, "all of it, in order"),
    (FLAP, (0, 3), 0, "a flap in the middle is merged away"),
    (UPDATES, (0, 2, 3), 0, "of updates the last wins"),
    (UPDATES, (2, 3), 0, "an update may take the place of the first"),
    (FLAP, (0, 0, 1, 2, 3), 1, "an event that came twice is counted"),
    (FLAP, (0, 1, 1, 1, 2, 3, 3), 3, "each time"),
    (UNHEARD, (0, 2), 0, "what was not answered may be missing"),
    (UNHEARD, (0, 1, 2), 0, "or be there"),
    (posts((F, 503)), (), 0, "what was not kept need not arrive"),
    (posts((F, 503)), (0,), 0, "but may"),
    (posts((F, 403)), (), 0, "what was refused does not arrive"),
    (posts((F, 0), (R, 202)), (1,), 0, "what was not answered is no first"),
]


@pytest.mark.parametrize(
    "course, seqs, repeats, why", LAWFUL, ids=[row[-1] for row in LAWFUL]
)
def test_a_lawful_history_is_found_lawful(course, seqs, repeats, why):
    verdict = judge(course, arrivals(course, *seqs)).check()
    assert verdict.repeated == repeats, why


UNLAWFUL = [
    (FLAP, (0, 1, 2), "lost", "the newest is missing"),
    (FLAP, (), "lost", "all is missing"),
    (UPDATES, (0, 1), "lost", "the last update is missing"),
    (UNHEARD, (0, 1), "lost", "a kept event after an unknown one"),
    (FLAP, (0, 2, 1, 3), "older", "two changed places"),
    (FLAP, (0, 1, 2, 3, 1), "older", "an old one after all"),
    (FLAP, (0, 1, 0, 1, 2, 3), "older", "two came again, not one"),
    (UPDATES, (0, 2, 1, 3), "older", "an update that was overtaken"),
    (FLAP, (3,), "skipped", "it never rang"),
    (FLAP, (0, 2, 3), "skipped", "the resolve between is missing"),
    (FLAP, (1, 2, 3), "skipped", "the first is missing"),
    (posts((F, 403)), (0,), "stray", "it was refused"),
]


@pytest.mark.parametrize(
    "course, seqs, fault, why", UNLAWFUL, ids=[row[-1] for row in UNLAWFUL]
)
def test_an_unlawful_history_is_found_out(course, seqs, fault, why):
    verdict = judge(course, arrivals(course, *seqs))
    assert getattr(verdict, fault), why
    with pytest.raises(AssertionError, match=fault):
        verdict.check()


def test_what_was_never_posted_is_found_out():
    assert judge(FLAP, arrivals(FLAP, 0, 3) + [Arrival("b", 0, F)]).stray
    assert judge(FLAP, arrivals(FLAP, 0) + [Arrival("a", 3, F)]).stray


def test_a_merged_alert_knows_of_all_that_was_kept():
    whole = [Arrival("a", 2, F, frozenset({0, 1, 2})),
             Arrival("a", 3, R, frozenset({0, 1, 2, 3}))]  # fmt: skip
    judge(UPDATES, whole).check()
    torn = [Arrival("a", 3, R, frozenset({0, 2, 3}))]
    assert judge(UPDATES, whole[:1] + torn).lost == [
        "a: 3 does not know of [1]"
    ]


def test_one_alert_does_not_answer_for_another():
    both = FLAP + [Post("b", 0, F, 202)]
    assert judge(both, arrivals(FLAP, 0, 3)).lost == ["b: 0 (firing)"]


def test_too_many_repeats_are_found_out():
    verdict = judge(FLAP, arrivals(FLAP, 0, 0, 0, 3))
    verdict.check(repeats=2)
    with pytest.raises(AssertionError, match="more than 1"):
        verdict.check(repeats=1)
