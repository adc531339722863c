"""The window: one limit, turns, delays (B12)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.window import Window


def taken(window: Window[str, int], now_s: float = 0.0) -> list[tuple[str, int]]:
    items = []
    while (item := window.take(now_s)) is not None:
        items.append(item)
    return items


def test_b12_at_most_the_limit_is_in_flight_over_all_funnels() -> None:
    window: Window[str, int] = Window(5)
    window.add("a", range(4))
    window.add("b", range(4))
    assert len(taken(window)) == 5
    assert window.in_flight == 5
    window.release("a")
    assert len(taken(window)) == 1


def test_funnels_take_turns_however_large_they_are() -> None:
    window: Window[str, int] = Window(100)
    window.add("large", range(50))
    window.add("small", [0])
    window.add("middle", range(2))
    order = [key for key, _ in taken(window)]
    assert order[:5] == ["large", "small", "middle", "large", "middle"]
    assert set(order[5:]) == {"large"}


def test_a_funnels_own_items_stay_in_order_and_may_be_none() -> None:
    window: Window[str, int | None] = Window(4)
    window.add("a", [1, 2])
    window.add("a", [None])
    assert [window.take(0.0) for _ in range(4)] == [("a", 1), ("a", 2), ("a", None), None]


def test_a_requeued_item_waits_for_its_time_and_no_longer() -> None:
    window: Window[str, int] = Window(2)
    window.add("a", [1])
    assert window.take(10.0) == ("a", 1)
    window.release("a")
    window.requeue("a", 1, 15.0)
    window.requeue("a", 2, 12.0)
    assert (window.next_due_s(), window.take(11.9), window.waiting("a")) == (12.0, None, 2)
    assert window.take(12.0) == ("a", 2)
    assert (window.next_due_s(), window.take(15.0)) == (15.0, ("a", 1))


def test_nothing_falls_due_while_the_window_is_full() -> None:
    """Else a driver that waits until then would spin."""
    window: Window[str, int] = Window(1)
    window.requeue("b", 1, 0.0)
    window.add("a", [1])
    window.take(-1.0)
    assert window.next_due_s() is None
    window.release("a")
    assert window.next_due_s() == 0.0


def test_a_dropped_funnel_gives_back_what_waits_and_keeps_its_place_until_released() -> None:
    window: Window[str, int] = Window(3)
    window.add("a", [1, 2, 3])
    window.add("b", [7])
    window.take(0.0)
    window.requeue("a", 9, 5.0)
    window.requeue("a", 8, 4.0)
    assert window.drop("a") == [2, 3, 8, 9]
    assert window.drop("a") == []
    assert (window.waiting("a"), window.in_flight, window.next_due_s()) == (0, 1, None)
    assert taken(window, 9.0) == [("b", 7)]
    window.release("a")
    assert window.in_flight == 1


def test_dropping_one_funnel_leaves_the_times_of_others_in_order() -> None:
    window: Window[str, int] = Window(9)
    for key, due_s in (("a", 1), ("b", 5), ("a", 2), ("b", 6), ("b", 7), ("b", 3)):
        window.requeue(key, due_s, float(due_s))
    window.drop("a")
    assert window.next_due_s() == 3.0
    assert [item for _, item in taken(window, 6.0)] == [3, 5, 6]


def test_what_was_not_taken_cannot_be_released() -> None:
    window: Window[str, int] = Window(2)
    window.add("a", [1])
    window.take(0.0)
    window.release("a")
    with pytest.raises(ValueError, match="nothing of 'a' is in flight"):
        window.release("a")
    assert window.in_flight == 0


def test_items_that_cannot_be_compared_may_fall_due_together() -> None:
    window: Window[str, object] = Window(2)
    window.requeue("a", object(), 1.0)
    window.requeue("a", object(), 1.0)
    assert window.take(1.0)
    assert window.take(1.0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["add", "take", "release", "requeue"]))))
def test_nothing_is_lost_and_the_limit_holds(moves: list[tuple[str, str]]) -> None:
    window: Window[str, int] = Window(3)
    added, held, done = 0, [], 0
    for now, (key, move) in enumerate(moves):
        if move == "add":
            window.add(key, [now])
            added += 1
        elif move == "take" and (item := window.take(float(now))) is not None:
            held.append(item)
        elif held and move in ("release", "requeue"):
            mine, work = held.pop()
            window.release(mine)
            if move == "requeue":
                window.requeue(mine, work, now + 2.0)
            else:
                done += 1
        assert window.in_flight == len(held) <= 3
    assert sum(window.waiting(key) for key in "abc") + len(held) + done == added


def test_items_that_fall_due_together_come_in_the_order_in_which_they_were_requeued() -> None:
    window: Window[str, int] = Window(10)
    for item in range(6):
        window.requeue("a", item, 1.0)
    assert taken(window, 1.0) == [("a", item) for item in range(6)]
    for item in range(6):
        window.requeue("a", item, 1.0)
    assert window.drop("a") == list(range(6))
