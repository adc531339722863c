"""The limit of copies in flight: one more for each window, half when it is too much, once a flight."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.backpressure import Limit


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
    assert Limit.full(allowed).refused(1.0, 2.0).allowed == halved


def test_however_many_of_one_flight_are_refused_it_is_cut_once() -> None:
    limit = Limit.full(16)
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
    limit = Limit.full(16).refused(1.0, 2.0)
    assert after_answers(limit, 100, 2.0, in_flight=16) == limit
    assert after_answers(limit, 100, 2.1).allowed == 16


def test_a_limit_that_is_not_reached_stays_where_it_is() -> None:
    limit = Limit.full(16).refused(1.0, 2.0)
    assert after_answers(limit, 100, 3.0, in_flight=7) == limit
    assert after_answers(limit, 9, 3.0, in_flight=8).allowed == 9


def test_the_lowest_is_kept_when_it_has_risen_again() -> None:
    limit = after_answers(Limit.full(16).refused(1.0, 2.0).refused(3.0, 4.0), 500, 5.0)
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
        if limit.cuts > before.cuts:
            assert limit.allowed == max(1, int(before.window / 2))
            assert before.cut_at < sent_at <= limit.cut_at == now
        elif not answers:
            assert limit is before
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
    assert max(settled) <= min(most, takes + 1)
    assert min(settled) >= min(most, max(1, takes // 2))


@given(st.integers(1, 64))
def test_it_comes_back_to_its_most_within_as_many_windows(most: int) -> None:
    limit = Limit.full(most)
    while limit.allowed > 1:
        limit = limit.refused(limit.cut_at + 1 if limit.cuts else 1.0, limit.cut_at + 2 if limit.cuts else 2.0)
    windows = 0
    while limit.allowed < most:
        limit = after_answers(limit, limit.allowed + 1, limit.cut_at + 1)
        windows += 1
        assert windows <= most
