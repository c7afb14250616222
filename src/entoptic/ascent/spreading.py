"""Work in parts, spread over several workers, each in a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Spread(Generic[Item]):
    """Parts that give items one after the other, spread over workers that take turns.

    Each worker has every so-many-th part. A worker makes its next item while it is the others'
    turn, and rests until that has been seen, so that the order is always the same. A single
    worker needs no thread.

    Args:
        work: works through a part, given its number and the worker's; runs in the worker's thread.
        parts: how many there are.
        workers: how many work at the same time.
    """

    def __init__(
        self, work: Callable[[int, int], Generator[Item, None, None]], parts: int, workers: int
    ) -> None:
        self._work = work
        self._parts = parts
        self._workers = min(workers, parts)
        # All of these are looked at and changed under the lock of `_changed`.
        self._changed = threading.Condition()
        self._at_work: set[int] = set()
        self._shown: dict[int, tuple[int, Item | None]] = {}
        self._stopped = False

    def items(self) -> Generator[tuple[int, Item | None], None, None]:
        """Every item, with the number of its part; None where a part has ended.

        What goes wrong in a part is raised here, and ends the others. So does a caller who stops
        asking; either way no thread is left. To be called once.
        """
        if self._workers > 1:
            yield from self._by_threads()
            return
        for number in range(self._parts):
            with closing(self._work(number, 0)) as part:
                for item in part:
                    yield number, item
            yield number, None

    def rest(self) -> None:
        """Wait until no worker is at work, so that what they work on keeps still.

        To be called between two items, or after the last.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._at_work)

    def _by_threads(self) -> Iterator[tuple[int, Item | None]]:
        turns = deque(range(self._workers))
        self._at_work |= {*turns}
        with ThreadPoolExecutor(self._workers, "entoptic") as threads:
            try:
                running = [threads.submit(self._run, worker) for worker in turns]
                while turns:
                    worker = turns.popleft()
                    shown = self._next(worker)
                    if shown is not None:
                        yield shown
                        self._go_on(worker)
                        turns.append(worker)
            finally:
                self._stop()
        for each in running:
            each.result()  # raises what went wrong

    def _next(self, worker: int) -> tuple[int, Item | None] | None:
        """A worker's next item, with its part; None where no more will come."""
        with self._changed:
            self._changed.wait_for(lambda: worker not in self._at_work or self._stopped)
            return None if self._stopped else self._shown.get(worker)

    def _go_on(self, worker: int) -> None:
        with self._changed:
            del self._shown[worker]
            self._at_work.add(worker)
            self._changed.notify_all()

    def _stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _run(self, worker: int) -> None:
        """Work through one part after the other."""
        try:
            for number in range(worker, self._parts, self._workers):
                with closing(self._work(number, worker)) as part:
                    for item in part:
                        if not self._show(worker, number, item):
                            return
                if not self._show(worker, number, None):
                    return
        except BaseException:
            self._stop()
            raise
        finally:
            with self._changed:
                self._at_work.discard(worker)
                self._changed.notify_all()

    def _show(self, worker: int, number: int, item: Item | None) -> bool:
        """Show an item and wait until it has been seen; False where no more is asked for."""
        with self._changed:
            self._shown[worker] = number, item
            self._at_work.discard(worker)
            self._changed.notify_all()
            self._changed.wait_for(lambda: worker not in self._shown or self._stopped)
            return not self._stopped
