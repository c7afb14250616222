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
    """Parts that give items one after the other, each worked through by the next free worker.

    A worker goes on only when its item has been seen: while the caller looks at one, the others
    come to rest with theirs. A single worker needs no thread.

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
        self._begun = 0
        self._at_work: set[int] = set()
        self._shown: deque[tuple[int, int, Item | None]] = deque()
        self._seen: set[int] = set()
        self._stopped = False

    def items(self) -> Iterator[tuple[int, Item | None]]:
        """Every item as it comes, with the number of its part; None where a part has ended.

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
        self._at_work |= {*range(self._workers)}
        with ThreadPoolExecutor(self._workers, "entoptic") as threads:
            try:
                running = [threads.submit(self._run, worker) for worker in range(self._workers)]
                while (shown := self._next()) is not None:
                    worker, number, item = shown
                    yield number, item
                    with self._changed:
                        self._seen.add(worker)
                        self._at_work.add(worker)
                        self._changed.notify_all()
            finally:
                self._stop()
        for each in running:
            each.result()  # raises what went wrong

    def _next(self) -> tuple[int, int, Item | None] | None:
        """The next item, with its worker and part; None where no more will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._shown or self._stopped or not self._at_work)
            return self._shown.popleft() if self._shown and not self._stopped else None

    def _stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _run(self, worker: int) -> None:
        """Work through one part after the other."""
        try:
            while (number := self._part()) is not None:
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

    def _part(self) -> int | None:
        """The next part that nobody has begun."""
        with self._changed:
            if self._begun == self._parts or self._stopped:
                return None
            self._begun += 1
            return self._begun - 1

    def _show(self, worker: int, number: int, item: Item | None) -> bool:
        """Show an item and wait until it has been seen; False where no more is asked for."""
        with self._changed:
            self._shown.append((worker, number, item))
            self._at_work.discard(worker)
            self._changed.notify_all()
            self._changed.wait_for(lambda: worker in self._seen or self._stopped)
            self._seen.discard(worker)
            return not self._stopped
