"""Parts spread over workers: all items, in each part's order, and nothing left running."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator

import pytest

from entoptic.ascent.spreading import Spread


def counting(number: int, worker: int) -> Generator[int, None, None]:
    """As many items as the part's number, and one more."""
    yield from range(number + 1)


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("entoptic")]


@pytest.fixture(autouse=True)
def none_is_left() -> Iterator[None]:
    assert threads() == []
    yield
    assert threads() == []


@pytest.mark.parametrize("workers", [1, 2, 3, 9])
def test_each_part_gives_all_its_items_in_order_and_ends(workers: int) -> None:
    found: dict[int, list[int | None]] = {}
    for number, item in Spread(counting, 5, workers).items():
        found.setdefault(number, []).append(item)
    assert found == {number: [*range(number + 1), None] for number in range(5)}


def test_one_worker_takes_no_thread_and_one_part_after_the_other() -> None:
    names = []
    order = []
    for number, _ in Spread(counting, 3, 1).items():
        names += threads()
        order.append(number)
    assert names == []
    assert order == [0, 0, 1, 1, 1, 2, 2, 2, 2]


def test_no_parts_give_nothing() -> None:
    assert list(Spread(counting, 0, 3).items()) == []


def test_parts_are_worked_through_at_the_same_time_by_different_workers() -> None:
    meet = threading.Barrier(2)  # is passed only where both have come

    def meeting(number: int, worker: int) -> Generator[int, None, None]:
        meet.wait(10)
        yield worker

    items = [item for _, item in Spread(meeting, 2, 2).items() if item is not None]
    assert sorted(items) == [0, 1]


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_take_turns_whatever_their_pace(workers: int) -> None:
    def slow(number: int, worker: int) -> Generator[int, None, None]:
        for count in range(3):
            time.sleep(0.005 * ((number * 7 + count * 3) % 4))
            yield count

    shown = list(Spread(slow, 5, workers).items())
    firsts = [number for number, _ in shown[:workers]]
    assert firsts == [*range(workers)]
    # Each gives three items and its end before it has its next part.
    expected = []
    for start in range(0, 5, workers):
        for item in (0, 1, 2, None):
            expected += [(number, item) for number in range(start, min(start + workers, 5))]
    assert shown == expected


def test_at_rest_nothing_moves_beyond_what_has_been_shown() -> None:
    made = [0, 0]

    def making(number: int, worker: int) -> Generator[int, None, None]:
        for count in range(1, 20):
            made[number] = count
            yield count

    spread = Spread(making, 2, 2)
    seen = [0, 0]
    for number, item in spread.items():
        spread.rest()
        if item is not None:
            seen[number] = item
        assert all(ours <= theirs <= ours + 1 for ours, theirs in zip(seen, made, strict=True))
    spread.rest()
    assert made == [19, 19]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_what_goes_wrong_in_a_part_is_raised_and_ends_the_others(workers: int) -> None:
    begun, closed = [], []

    def failing(number: int, worker: int) -> Generator[int, None, None]:
        begun.append(number)
        try:
            for count in range(1_000_000):
                if number == 0 and count == 3:
                    raise KeyError("lost")
                yield count
        finally:
            closed.append(number)

    with pytest.raises(KeyError, match="lost"):
        list(Spread(failing, 5, workers).items())
    assert sorted(closed) == sorted(begun) == [*range(workers)]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_who_stops_asking_ends_all_parts(workers: int) -> None:
    begun, closed = set(), set()

    def endless(number: int, worker: int) -> Generator[int, None, None]:
        begun.add(number)
        try:
            while True:
                yield worker
        finally:
            closed.add(number)

    spread = Spread(endless, 5, workers)
    for count, _ in enumerate(spread.items()):
        if count == 10:
            break
    spread.rest()
    assert closed == begun
    assert threads() == []
