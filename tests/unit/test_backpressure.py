"""The limit of copies in flight: one more for each window, half when it is too much, once a flight.

Most tests are of a limit without patience, which the first refusal cuts.
"""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.backpressure import MOST_PATIENCE, Limit


def impatient(most: int) -> Limit:
    return replace(Limit.full(most), patience=0.0)


def after_answers(limit: Limit, count: int, sent_at: float, in_flight: int | None = None) -> Limit:
    """With as much in flight as is allowed, where nothing else is said."""
    for _ in range(count):
        limit = limit.answered(sent_at, limit.allowed if in_flight is None else in_flight)
    return limit


def test_it_begins_at_its_most_and_never_rises_above() -> None:
    limit = Limit.full(16)
    assert (limit.allowed, limit.lowest, limit.cuts) == (16, 16, 0)
    assert after_answers(limit, 100, 1.0).allowed == 16
    assert after_answers(limit, 1, 1.0) is limit, "a store that takes all costs nothing"


@pytest.mark.parametrize(("allowed", "halved"), [(16, 8), (9, 4), (3, 1), (2, 1), (1, 1)])
def test_a_refusal_halves_it_and_leaves_one(allowed: int, halved: int) -> None:
    assert impatient(allowed).refused(1.0, 2.0).allowed == halved


@pytest.mark.parametrize("most", [1, 2, 16])
def test_as_many_refusals_are_borne_as_patience_was_earned_and_one_more_cuts(most: int) -> None:
    limit = Limit.full(most)
    for _ in range(int(MOST_PATIENCE)):
        limit = limit.refused(1.0, 2.0)
        assert (limit.allowed, limit.cuts) == (most, 0)
    assert limit.refused(1.0, 2.0).allowed == max(1, most // 2)
    assert after_answers(limit, 8, 1.0).refused(1.0, 2.0).cuts == 0, "eight answers make up for one"
    assert after_answers(limit, 7, 1.0).refused(1.0, 2.0).cuts == (most > 1)
    assert after_answers(limit, 1000, 1.0).patience == MOST_PATIENCE, "no more than that is kept"


@pytest.mark.parametrize("most", [4, 16, 32])
@pytest.mark.parametrize(("share", "mean_share"), [(0.02, 0.99), (0.05, 0.9)])
def test_a_store_that_refuses_a_few_whatever_is_asked_is_asked_for_nearly_all(
    most: int, share: float, mean_share: float
) -> None:
    limit, refuses, allowed = Limit.full(most), random.Random(1), list[int]()
    for flight in range(1_000):
        sent = limit.allowed
        for _ in range(sent):
            refused = refuses.random() < share
            limit = limit.refused(flight + 0.1, flight + 0.5) if refused else limit.answered(flight + 0.1, sent)
        allowed.append(limit.allowed)
    assert sum(allowed) / len(allowed) >= mean_share * most


def test_however_many_of_one_flight_are_refused_it_is_cut_once() -> None:
    limit = impatient(16)
    for sent_at in (1.0, 1.5, 2.0):
        limit = limit.refused(sent_at, 2.0)
    assert (limit.allowed, limit.cuts) == (8, 1)
    again = limit.refused(2.1, 3.0)
    assert (again.allowed, again.lowest, again.cuts) == (4, 4, 2)


@pytest.mark.parametrize("allowed", [1, 2, 4, 7])
def test_a_window_that_is_answered_earns_one_more(allowed: int) -> None:
    limit = Limit(most=16, window=float(allowed), lowest=allowed)
    assert after_answers(limit, allowed - 1, 1.0).allowed == allowed
    assert after_answers(limit, allowed + 1, 1.0).allowed == allowed + 1


def test_of_what_was_sent_before_the_cut_nothing_is_learned() -> None:
    limit = impatient(16).refused(1.0, 2.0)
    assert after_answers(limit, 100, 2.0, in_flight=16) == limit
    assert after_answers(limit, 100, 2.1).allowed == 16


def test_a_limit_that_is_not_reached_stays_where_it_is() -> None:
    limit = impatient(16).refused(1.0, 2.0)
    assert after_answers(limit, 100, 3.0, in_flight=7).window == limit.window
    assert after_answers(limit, 9, 3.0, in_flight=8).allowed == 9


def test_the_lowest_is_kept_when_it_has_risen_again() -> None:
    limit = after_answers(impatient(16).refused(1.0, 2.0).refused(3.0, 4.0), 500, 5.0)
    assert (limit.allowed, limit.lowest, limit.cuts) == (16, 4, 2)


EVENTS = st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(1, 40)), max_size=200)


@given(st.integers(1, 32), EVENTS)
def test_it_stays_between_one_and_its_most_and_moves_by_its_rules(
    most: int, events: list[tuple[bool, int, int]]
) -> None:
    limit = Limit.full(most)
    for now, (answers, ago, in_flight) in enumerate(events):
        before, sent_at = limit, float(now - ago)
        limit = limit.answered(sent_at, in_flight) if answers else limit.refused(sent_at, float(now))
        assert 1 <= limit.lowest <= limit.allowed <= most
        assert 0 <= limit.patience <= MOST_PATIENCE
        if limit.cuts > before.cuts:
            assert before.patience < 1
            assert limit.allowed == max(1, int(before.window / 2))
            assert before.cut_at < sent_at <= limit.cut_at == now
        elif not answers:
            assert limit is before or limit == replace(before, patience=before.patience - 1)
        else:
            assert 0 <= limit.window - before.window <= 1 / before.allowed + 1e-9
            assert limit is before or sent_at > before.cut_at


@given(st.integers(1, 32), st.integers(1, 32))
def test_it_settles_around_what_the_store_takes(most: int, takes: int) -> None:
    """Flights as large as allowed; a store that refuses what is more than it takes at once."""
    limit, seen = Limit.full(most), []
    for flight in range(200):
        sent = limit.allowed
        for place in range(sent):
            taken = place < takes
            limit = limit.answered(flight + 0.1, sent) if taken else limit.refused(flight + 0.1, flight + 0.5)
        seen.append(limit.allowed)
    settled = seen[100:]
    # An eighth more is borne for ever; what is tried beyond that uses patience up: by one more in each flight.
    assert max(settled) <= min(most, takes + takes // 8 + int(MOST_PATIENCE))
    assert min(settled) >= min(most, max(1, takes // 2))


@given(st.integers(1, 64))
def test_it_comes_back_to_its_most_within_as_many_windows(most: int) -> None:
    limit = impatient(most)
    while limit.allowed > 1:
        limit = limit.refused(limit.cut_at + 1 if limit.cuts else 1.0, limit.cut_at + 2 if limit.cuts else 2.0)
    windows = 0
    while limit.allowed < most:
        limit = after_answers(limit, limit.allowed + 1, limit.cut_at + 1)
        windows += 1
        assert windows <= most
