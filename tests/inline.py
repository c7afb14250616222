"""A runner in the process of the tests, which starts no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from entoptic.networks import DeviceLike
from entoptic.runners.runner import Batch, Runner, Work
from entoptic.runners.team import Crew, Ready, Said, Team
from entoptic.runners.worker import answer


class Inline(Runner):
    """One worker, which makes a batch as soon as it is given it."""

    def start(self, work: Work, device: DeviceLike = "auto") -> Team:
        """See `Runner`."""
        return Team(_Crew(work.prepared()))


@dataclass(eq=False)
class _Crew(Crew):
    make: Callable[[Any, str], Any]
    says: list[Said] = field(default_factory=list)

    def places(self) -> int:
        return 1

    def start(self) -> list[Said]:
        self.says.append(Ready())
        return self.says

    def give(self, worker: list[Said], batch: Batch) -> bool:
        worker.append(answer(self.make, batch, "cpu"))
        return True

    def hear(self, workers: Sequence[list[Said]], seconds: float) -> list[tuple[list[Said], Said]]:
        return [(each, each.pop()) for each in workers]

    def end(self, worker: list[Said]) -> None:
        pass

    def close(self) -> None:
        pass
