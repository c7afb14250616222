"""Runners: carry out many jobs, wherever they run.

A runner takes batches one at a time as its workers become free, and gives what they made back as it
is finished, so that no more is held in memory than what is being made. It knows no index and no
folder, and nothing of what is made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from entoptic.networks import DeviceLike
    from entoptic.runners.team import Team


@dataclass(frozen=True)
class Batch:
    """What one worker makes in one go.

    Args:
        key: by which its answer is known.
        job: what its work is given: a job that makes several pictures together, for one.
    """

    key: int
    job: Any


@dataclass(frozen=True)
class Done:
    """A batch that is made.

    Args:
        key: of the batch.
        made: what came of it.
        seconds: taken by the batch.
    """

    key: int
    made: Any
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


class Work(ABC):
    """What workers do; it is sent to each once, with all that it holds."""

    @abstractmethod
    def prepared(self) -> Callable[[Any, str], Any]:
        """Load what all batches need; return what makes one, given its job and a device.

        Raises:
            EntopticError: it can't be loaded where this runs.
        """


class Runner(ABC):
    """Where many jobs run, and by how many workers."""

    @abstractmethod
    def start(self, work: Work, device: DeviceLike = "auto") -> Team:
        """Return a team of workers, used in a `with`; they begin when there are batches.

        Args:
            work: what each of them does.
            device: as recipes take it.

        Raises:
            BadSetting: the work can't be sent to workers, or there can be none.
            MissingExtra: packages of the runner aren't installed.
        """
