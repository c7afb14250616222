"""The local runner: processes of this machine, each with the network loaded once."""

from __future__ import annotations

import multiprocessing
import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

import torch

from entoptic.errors import BadSetting, WorkerFailed
from entoptic.networks import DeviceLike, ModelLike, at_a_time, devices
from entoptic.registry import IMPORTED
from entoptic.runners.runner import Answer, Batch, Failed, Runner
from entoptic.runners.worker import serve

# As `jobs.sheets` has it for batches at a time on a CPU.
_MOST_WORKERS = 4
# A batch that has ended so many workers is at fault itself; so are workers that never begin.
_MOST_DEATHS = 3
# Seconds that a worker has to end in.
_PATIENCE = 5.0


def places_of(device: DeviceLike, workers: int | None = None) -> list[str]:
    """Return the device of each worker: on a CPU a few, which share its cores; else one a device.

    Args:
        device: as recipes take it.
        workers: their number, where it is given; they take the devices in turn.
    """
    named = devices(device)
    if workers is None:
        return [str(each) for each in at_a_time(named, _MOST_WORKERS)]
    return [str(named[number % len(named)]) for number in range(workers)]


@dataclass(eq=False)
class _Worker:
    """A process, the line to it, and the batch that it makes."""

    process: SpawnProcess
    line: Connection
    batch: Batch | None = None
    ready: bool = False

    def give(self, batch: Batch) -> None:
        """Give it a batch, which it gets as soon as it is ready."""
        self.batch = batch
        if self.ready:
            self.line.send(batch)

    def end(self) -> int | None:
        """End it; return its exit code."""
        self.line.close()
        self.process.terminate()
        self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        return self.process.exitcode


class Local(Runner):
    """Processes by `spawn`, started when there is work and anew where they end.

    Args:
        network: as `load` takes it; a Model or a module is sent to each process as it is.
        places: the device of each worker.

    Raises:
        BadSetting: the network can't be sent to another process.
    """

    def __init__(self, network: ModelLike, places: Sequence[str]) -> None:
        if not isinstance(network, str):
            _check_sent(network)
        self._network, self._places = network, places
        self._threads = max(1, torch.get_num_threads() // len(places))
        self._team: list[_Worker | None] = [None] * len(places)
        self._deaths: Counter[int] = Counter()
        self._false_starts = 0

    @property
    def workers(self) -> int:
        return len(self._places)

    def run(self, take: Callable[[], Batch | None], tick: float) -> Iterator[Answer | None]:
        waiting: list[Batch] = []
        more = True
        while True:
            for number, worker in enumerate(self._team):
                if worker is not None and worker.batch is not None:
                    continue
                if not waiting and more:
                    taken = take()
                    more = taken is not None
                    waiting += [taken] if taken else []
                if waiting:
                    self._give(number, waiting.pop())
            busy = [each for each in self._team if each is not None and each.batch is not None]
            if not busy:
                return
            heard = wait([each.line for each in busy], tick)
            if not heard:
                yield None
            for worker in busy:
                if worker.line not in heard:
                    continue
                batch = worker.batch
                answer = self._heard(worker)
                if answer is not None:
                    yield answer
                elif worker.batch is None:
                    assert batch is not None  # as it is busy
                    waiting.append(batch)

    def _give(self, number: int, batch: Batch) -> None:
        worker = self._team[number] or self._started(number)
        try:
            worker.give(batch)
        except (BrokenPipeError, ConnectionResetError):  # it ended while it had nothing to do
            worker.end()
            self._started(number).give(batch)

    def _started(self, number: int) -> _Worker:
        """Start the worker of a device."""
        context = multiprocessing.get_context("spawn")
        line, its = context.Pipe()
        process = context.Process(
            target=serve,
            args=(its, self._network, self._places[number], self._threads, tuple(IMPORTED)),
            daemon=True,
        )
        process.start()
        its.close()  # or its end would never be seen
        worker = self._team[number] = _Worker(process, line)
        return worker

    def _heard(self, worker: _Worker) -> Answer | None:
        """Return a worker's answer; None where it has become ready, or has ended.

        Raises:
            WorkerFailed: it can't load the network, or workers end before they are ready.
        """
        try:
            said = worker.line.recv()
        except (EOFError, ConnectionResetError):
            return self._ended(worker)
        if worker.ready:
            worker.batch = None
            answer: Answer = said
            return answer
        if said is not None:
            raise WorkerFailed(f"a worker can't load the network: {said}")
        worker.ready, self._false_starts = True, 0
        assert worker.batch is not None  # for which it was started
        worker.give(worker.batch)
        return None

    def _ended(self, worker: _Worker) -> Failed | None:
        """Take leave of a worker that has ended; return its batch as failed, the third time."""
        batch, worker.batch = worker.batch, None
        assert batch is not None  # as it is busy
        code = worker.end()
        self._team[self._team.index(worker)] = None
        if not worker.ready:
            self._false_starts += 1
            if self._false_starts < _MOST_DEATHS:
                return None
            raise WorkerFailed(
                f"{_MOST_DEATHS} workers ended before they were ready (exit code {code}); in a "
                'script, call this below `if __name__ == "__main__":`'
            )
        self._deaths[batch.key] += 1
        if self._deaths[batch.key] < _MOST_DEATHS:
            return None
        return Failed(
            batch.key, f"it ended its worker process {_MOST_DEATHS} times (exit code {code})"
        )

    def close(self) -> None:
        for worker in self._team:
            if worker is not None:
                worker.end()
        self._team = [None] * len(self._places)


def _check_sent(network: ModelLike) -> None:
    """Find out whether a network can be sent to another process.

    Raises:
        BadSetting: with what to do.
    """
    try:
        pickle.dumps(network)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise BadSetting(
            f"the network can't be sent to worker processes ({error}); name it as "
            "python:MODULE:FUNCTION"
        ) from None
