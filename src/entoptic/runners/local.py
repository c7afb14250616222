"""The local runner: processes of this machine, each of which loads what it needs once."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

import torch

from entoptic.checks import taking, whole
from entoptic.errors import BadSetting, EntopticError
from entoptic.networks import DeviceLike, at_a_time, devices
from entoptic.registry import IMPORTED
from entoptic.runners.runner import Batch, Runner, Work
from entoptic.runners.team import Crew, Ended, Ready, Said, Team, Unable
from entoptic.runners.worker import answer, begin

# As `jobs.sheets` has it for batches at a time on a CPU.
_MOST_WORKERS = 4
# Seconds that a worker has to end in.
_PATIENCE = 5.0


@taking(workers=whole(1, 1024))
@dataclass(frozen=True)
class Local(Runner):
    """Processes of this machine.

    Args:
        workers: their number; by default a few on a CPU, else one a device.
    """

    workers: int | None = None

    def start(self, work: Work, device: DeviceLike = "auto") -> Team:
        """See `Runner`."""
        return Team(_Processes(work, self.places(device)))

    def places(self, device: DeviceLike) -> list[str]:
        """Return the device of each worker; they take the devices in turn."""
        named = devices(device)
        if self.workers is None:
            return [str(each) for each in at_a_time(named, _MOST_WORKERS)]
        return [str(named[number % len(named)]) for number in range(self.workers)]


@dataclass(eq=False)
class _Process:
    """A process, the line to it, and the number of its device."""

    process: SpawnProcess
    line: Connection
    place: int
    is_ready: bool = False


class _Processes(Crew):
    """Processes by `spawn`.

    Args:
        work: is sent to each.
        places: the device of each.

    Raises:
        BadSetting: the work can't be sent to another process.
    """

    def __init__(self, work: Work, places: Sequence[str]) -> None:
        _check_sent(work)
        self._work, self._places = work, places
        self._threads = max(1, torch.get_num_threads() // len(places))
        self._free = list(range(len(places)))

    def places(self) -> int:
        return len(self._places)

    def start(self) -> _Process:
        place = self._free.pop(0)
        context = multiprocessing.get_context("spawn")
        line, its = context.Pipe()
        process = context.Process(
            target=serve,
            args=(its, self._work, self._places[place], self._threads, tuple(IMPORTED)),
            daemon=True,
        )
        process.start()
        its.close()  # or its end would never be seen
        return _Process(process, line, place)

    def give(self, worker: _Process, batch: Batch) -> bool:
        try:
            worker.line.send(batch)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def hear(self, workers: Sequence[_Process], seconds: float) -> list[tuple[_Process, Said]]:
        heard = wait([each.line for each in workers], seconds)
        return [(each, self._said(each)) for each in workers if each.line in heard]

    def _said(self, worker: _Process) -> Said:
        try:
            said = worker.line.recv()
        except (EOFError, ConnectionResetError):
            return Ended(f"exit code {self._stopped(worker)}")
        if worker.is_ready:
            answered: Said = said
            return answered
        worker.is_ready = said is None
        return Ready() if worker.is_ready else Unable(said)

    def _stopped(self, worker: _Process) -> int | None:
        """See that a process has ended; return its exit code."""
        worker.process.terminate()
        worker.process.join(_PATIENCE)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        return worker.process.exitcode

    def end(self, worker: _Process) -> None:
        worker.line.close()
        self._stopped(worker)
        self._free.append(worker.place)

    def close(self) -> None:
        """See `Crew`; processes share nothing."""


def serve(line: Connection, work: Work, device: str, threads: int, imports: Sequence[str]) -> None:
    """Answer batches until the other end is closed; runs in a process of its own.

    Args:
        line: on which None is sent when the worker is ready, else why it can't be.
        work: what it does.
        device: where it computes.
        threads: that torch may use.
        imports: files of the user's that register things.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    try:
        make = begin(work, threads, imports)
    except EntopticError as error:
        line.send(str(error))
        return
    try:
        line.send(None)
        while True:
            line.send(answer(make, line.recv(), device))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # whoever asked is gone


def _check_sent(work: Work) -> None:
    """Find out whether work can be sent to another process.

    Raises:
        BadSetting: with what to do.
    """
    try:
        pickle.dumps(work)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise BadSetting(
            f"the network can't be sent to worker processes ({error}); name it as "
            "python:MODULE:FUNCTION"
        ) from None
