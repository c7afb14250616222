"""A team of workers, whatever they are: batches are given out, and given again where one ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeAlias

from entoptic.errors import WorkerFailed
from entoptic.runners.runner import Answer, Batch, Failed

# A batch that has ended so many workers is at fault itself; so are workers that never begin.
_MOST_DEATHS = 3
# So many machines go by chance only where all of them do, again and again.
_MOST_LOST = 10


@dataclass(frozen=True)
class Ready:
    """A worker has loaded what it needs."""


@dataclass(frozen=True)
class Unable:
    """A worker can't load what it needs.

    Args:
        reason: in one line.
    """

    reason: str


@dataclass(frozen=True)
class Ended:
    """A worker is there no more.

    Args:
        how: in a few words.
        lost: whether its machine is gone or out of reach, which is no fault of what it made.
    """

    how: str
    lost: bool = False


Said: TypeAlias = Ready | Unable | Ended | Answer
Worker: TypeAlias = Any
"""What a crew knows a worker by."""


class Later:
    """There are no batches now, but there will be when others are made."""


LATER = Later()


class Crew(ABC):
    """Workers of one kind: how one is started, given a batch, heard and ended."""

    @abstractmethod
    def places(self) -> int:
        """Return how many workers there can be now."""

    @abstractmethod
    def start(self) -> Worker:
        """Start one more, which says when it is ready."""

    @abstractmethod
    def give(self, worker: Worker, batch: Batch) -> bool:
        """Give a batch to one that is ready and has none; tell whether it is still there."""

    @abstractmethod
    def hear(self, workers: Sequence[Worker], seconds: float) -> Sequence[tuple[Worker, Said]]:
        """Wait until a worker says something, and return what all have said, each one thing.

        Args:
            workers: those that are to say something.
            seconds: the longest wait; after it nothing is returned.
        """

    @abstractmethod
    def end(self, worker: Worker) -> None:
        """End one; what it makes is lost."""

    @abstractmethod
    def close(self) -> None:
        """Give back what all workers shared."""


@dataclass(eq=False)
class _Member:
    """A worker of a team, and the batch that it makes."""

    worker: Worker
    batch: Batch | None = None
    is_ready: bool = False

    @property
    def is_awaited(self) -> bool:
        return not self.is_ready or self.batch is not None


class Team:
    """Workers that have loaded what they need once each; used in a `with`.

    Args:
        crew: of one kind of workers.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._members: list[_Member] = []
        self._deaths: Counter[int] = Counter()
        self._lost: Counter[int] = Counter()
        self._false_starts = 0

    def places(self) -> int:
        """Return how many workers there can be now."""
        return self._crew.places()

    def run(self, take: Callable[[], Batch | Later | None], tick: float) -> Iterator[Answer | None]:
        """Yield the answers of batches as they come, until there are no more.

        No more batches are taken than there are workers. One whose worker ends without an answer
        is given to another one; the third time it has failed. A worker that has answered has its
        next batch before the answer is yielded, and so doesn't wait for what becomes of it.

        Args:
            take: returns the next batch; None where there is none, and then isn't called again;
                `LATER` where it is to be called again after the next answer.
            tick: None is yielded where no answer has come for so many seconds.

        Raises:
            WorkerFailed: workers can't load what they need, or end before they are ready.
        """
        waiting: list[Batch] = []
        answers: list[Answer | None] = []
        more = True
        while True:
            places = self._crew.places()
            later = False
            while more and not later and len(waiting) + self._busy() < places:
                taken = take()
                more, later = taken is not None, isinstance(taken, Later)
                waiting += [taken] if isinstance(taken, Batch) else []
            wanted = min(places, len(waiting) + self._busy())
            while len(self._members) < wanted:
                self._members.append(_Member(self._crew.start()))
            self._give(waiting)
            yield from answers
            if not (more or waiting or self._busy()):
                return
            if later and any(answers):
                answers = []  # there may be more, now that these have been looked at
                continue
            answers = self._answers(waiting, tick)

    def _busy(self) -> int:
        return sum(each.batch is not None for each in self._members)

    def _give(self, waiting: list[Batch]) -> None:
        """Give batches to those that have none."""
        for member in [*self._members]:
            if waiting and member.is_ready and member.batch is None:
                if self._crew.give(member.worker, waiting[0]):
                    member.batch = waiting.pop(0)
                else:  # it ended while it had nothing to do
                    self._dismiss(member)

    def _answers(self, waiting: list[Batch], tick: float) -> list[Answer | None]:
        """Hear the workers; return their answers, and give back what must be made again."""
        awaited = {id(each.worker): each for each in self._members if each.is_awaited}
        heard = self._crew.hear([each.worker for each in awaited.values()], tick)
        answers: list[Answer | None] = [None] if not heard else []
        for worker, said in heard:
            member = awaited[id(worker)]
            batch = member.batch
            answer = self._answer(member, said)
            if answer is not None:
                answers.append(answer)
            elif batch is not None:
                waiting.insert(0, batch)
        return answers

    def _answer(self, member: _Member, said: Said) -> Answer | None:
        """Return a worker's answer; None where it has become ready, or has ended."""
        if isinstance(said, Unable):
            raise WorkerFailed(f"a worker can't load the network: {said.reason}")
        if isinstance(said, Ended):
            return self._ended(member, said)
        if isinstance(said, Ready):
            member.is_ready, self._false_starts = True, 0
            return None
        member.batch = None
        return said

    def _ended(self, member: _Member, said: Ended) -> Failed | None:
        """Take leave of a worker that has ended; return its batch as failed, the third time."""
        batch = member.batch
        self._dismiss(member)
        if batch is None:
            self._false_starts += not said.lost
            if self._false_starts < _MOST_DEATHS:
                return None
            raise WorkerFailed(
                f"{_MOST_DEATHS} workers ended before they were ready ({said.how}); in a script, "
                'call this below `if __name__ == "__main__":`'
            )
        ends, most = (self._lost, _MOST_LOST) if said.lost else (self._deaths, _MOST_DEATHS)
        ends[batch.key] += 1
        if ends[batch.key] < most:
            return None
        ended = "lost its machine" if said.lost else "ended its worker process"
        return Failed(batch.key, f"it {ended} {most} times ({said.how})")

    def _dismiss(self, member: _Member) -> None:
        self._members.remove(member)
        self._crew.end(member.worker)

    def close(self) -> None:
        """End the workers; what they are making is lost."""
        while self._members:
            self._dismiss(self._members[0])
        self._crew.close()

    def __enter__(self) -> Team:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
