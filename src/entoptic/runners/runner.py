"""Runners: carry out many jobs of one network, wherever they run.

A runner takes batches one at a time as its workers become free, and gives the pictures back as
they are finished, so that no more is held in memory than what is being made. It knows no index and
no folder.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TypeAlias

from entoptic.jobs.job import Job


@dataclass(frozen=True)
class Batch:
    """Pictures that are optimised together.

    Args:
        key: by which its answer is known.
        job: that makes all of them.
    """

    key: int
    job: Job


@dataclass(frozen=True)
class Made:
    """One finished picture.

    Args:
        data: the bytes of a PNG, with the job that makes this picture alone.
        score: the unit's objective on the picture as it is in the file, without transforms.
    """

    data: bytes
    score: float


@dataclass(frozen=True)
class Done:
    """A batch that is made.

    Args:
        key: of the batch.
        pictures: in the order of the batch's units.
        seconds: taken by the batch.
    """

    key: int
    pictures: tuple[Made, ...]
    seconds: float


@dataclass(frozen=True)
class Failed:
    """A batch that can't be made.

    Args:
        key: of the batch.
        reason: in one line.
    """

    key: int
    reason: str


Answer: TypeAlias = Done | Failed


class Runner(ABC):
    """Workers that hold one network, loaded and prepared once each; used in a `with`."""

    @property
    @abstractmethod
    def workers(self) -> int:
        """Number of batches that are made at a time."""

    @abstractmethod
    def run(self, take: Callable[[], Batch | None], tick: float) -> Iterator[Answer | None]:
        """Yield the answers of batches as they come, until there are no more.

        A batch whose worker ends without an answer is given to another one; the third time it has
        failed.

        Args:
            take: returns the next batch; None where there is none, and then isn't called again.
            tick: None is yielded where no answer has come for so many seconds.
        """

    @abstractmethod
    def close(self) -> None:
        """End the workers; what they are making is lost."""

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
