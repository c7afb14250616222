"""The Ray runner: an actor a worker, on one machine or on a cluster whose nodes come and go."""

from __future__ import annotations

import logging
import math
import os
import pickle
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entoptic.checks import number, taking, text, whole
from entoptic.errors import BadSetting, EntopticError, MissingExtra, WorkerFailed, one_line
from entoptic.jobs.plan import made_with
from entoptic.networks import DeviceLike, devices
from entoptic.registry import IMPORTED
from entoptic.runners.runner import Answer, Batch, Runner, Work
from entoptic.runners.team import Crew, Ended, Ready, Said, Team, Unable
from entoptic.runners.worker import Make, answer, begin

# Seconds after which the cluster is asked again how many workers it has room for.
_LOOK_AGAIN = 1.0
# So many answers are here at a time; the others stay in the stores of their nodes.
_HEARD_AT_ONCE = 8
# Seconds in which a cluster must answer.
_REACHED = 10.0


@taking(address=text, workers=whole(1, 100_000), gpus=number(least=0, most=64), cpus=whole(1, 1024))
@dataclass(frozen=True)
class Ray(Runner):
    """Actors of Ray, as many as there is room for: more where nodes join, fewer where they go.

    Args:
        address: the cluster: `auto` for that of this machine, `ray://HOST:PORT` for one elsewhere;
            `local` starts Ray on this machine alone.
        workers: the most workers; by default all that there is room for.
        gpus: GPUs of each worker; with 0.5, two workers share one. By default 1 where pictures are
            made on GPUs, else 0.
        cpus: CPUs of each worker, and its threads.
    """

    address: str = "local"
    workers: int | None = None
    gpus: float | None = None
    cpus: int = 1

    def start(self, work: Work, device: DeviceLike = "auto") -> Team:
        """See `Runner`."""
        place = devices(device)[0]
        gpus = float(place.type != "cpu") if self.gpus is None else float(self.gpus)
        if gpus and place.type == "cpu":
            raise BadSetting(
                f"each worker is to have {gpus:g} GPU, and the pictures are planned for a CPU; "
                "start this where there is a GPU, as on a node of the cluster, or leave gpus out"
            )
        if gpus > 1 and gpus != int(gpus):
            raise BadSetting(f"gpus is {gpus:g}; above 1 it must be a whole number")
        if not gpus and place.type != "cpu":
            raise BadSetting(f"a worker without a GPU can't use {place}; leave gpus out")
        # A worker sees no GPU but its own, which is the first to it.
        return Team(_Actors(self, work, place.type, {"CPU": self.cpus, "GPU": gpus}))


@dataclass(eq=False)
class _Actor:
    """A worker, and what it is to say next.

    Args:
        handle: Ray's.
        nodes: on one of which it is; on which one it says when it is ready.
        awaited: what it says next.
        is_ready: whether it has said so.
    """

    handle: Any
    nodes: set[str]
    awaited: Any
    is_ready: bool = False


class _Actors(Crew):
    """Actors of one work.

    Args:
        how: as the user wants them.
        work: goes to each node once, through Ray's object store.
        device: of each.
        needs: what each takes of its node.

    Raises:
        BadSetting: the work can't be sent, or no node has room for a worker.
        MissingExtra: Ray isn't installed.
        WorkerFailed: the cluster can't be reached.
    """

    def __init__(self, how: Ray, work: Work, device: str, needs: Mapping[str, float]) -> None:
        self._how, self._device, self._needs = how, device, needs
        self._ray = _imported()
        self._is_ours = _connect(self._ray, how)
        self._asked, self._room = -math.inf, 0
        try:
            self._work = _put(self._ray, work)
            if how.workers is None and not self.places():
                raise BadSetting(
                    f"no node has room for a worker of {_told(needs)}; the cluster has "
                    f"{_told(self._ray.cluster_resources())}"
                )
        except BaseException:
            self.close()
            raise
        self._actor = self._ray.remote(Serving).options(
            num_cpus=needs["CPU"], num_gpus=needs["GPU"], max_restarts=0
        )

    def places(self) -> int:
        # Asked for more than there is room for, a cluster that can grow does.
        if self._how.workers is not None:
            return self._how.workers
        now = time.monotonic()
        if now - self._asked >= _LOOK_AGAIN:
            self._room = sum(_room(each, self._needs) for each in self._nodes().values())
            self._asked = now
        return self._room

    def _nodes(self) -> dict[str, Mapping[str, float]]:
        """Return what the nodes that are there have."""
        return {each["NodeID"]: each["Resources"] for each in self._ray.nodes() if each["Alive"]}

    def start(self) -> _Actor:
        handle = self._actor.remote()
        begun = handle.begin.remote(
            self._work, self._how.cpus, tuple(IMPORTED), made_with(), str(_folder())
        )
        return _Actor(handle, {*self._nodes()}, begun)

    def give(self, worker: _Actor, batch: Batch) -> bool:
        worker.awaited = worker.handle.make.remote(batch, self._device)
        return True

    def hear(self, workers: Sequence[_Actor], seconds: float) -> list[tuple[_Actor, Said]]:
        if not workers:
            time.sleep(min(seconds, _LOOK_AGAIN))
            return []
        awaited = {each.awaited: each for each in workers}
        ready, _ = self._ray.wait([*awaited], num_returns=1, timeout=seconds)
        if ready:
            most = min(len(awaited), _HEARD_AT_ONCE)
            ready, _ = self._ray.wait([*awaited], num_returns=most, timeout=0)
        return [(awaited[each], self._said(awaited[each])) for each in ready]

    def _said(self, worker: _Actor) -> Said:
        failures = self._ray.exceptions
        try:
            said = self._ray.get(worker.awaited)
        except failures.ActorUnavailableError as error:
            return Ended(_last_line(error), lost=True)
        except failures.RayTaskError as error:
            # What ends a process elsewhere; this actor is ended for it.
            reason = one_line(f"{type(error.cause).__name__}: {error.cause}", 200)
            return Ended(reason) if worker.is_ready else Unable(reason)
        except failures.RayError as error:
            return Ended(_last_line(error), lost=not worker.nodes <= self._nodes().keys())
        if worker.is_ready:
            answered: Answer = said
            return answered
        node, refused = said
        worker.nodes, worker.is_ready = {node}, True
        return Unable(refused) if refused else Ready()

    def end(self, worker: _Actor) -> None:
        self._ray.kill(worker.handle)

    def close(self) -> None:
        if self._is_ours:
            self._ray.shutdown()


class Serving:
    """The actor: one worker, in a process of its own on any node."""

    def __init__(self) -> None:
        self._make: Make | None = None

    def begin(
        self,
        work: Work,
        threads: int,
        imports: Sequence[str],
        versions: Mapping[str, str],
        folder: str,
    ) -> tuple[str, str | None]:
        """Prepare it; return the number of its node, and why it can't work, if so.

        Args:
            work: what it does.
            threads: that torch may use.
            imports: files of the user's that register things.
            versions: of entoptic and torch, where the pictures are asked for.
            folder: in which files of no folder are.
        """
        import ray

        node = ray.get_runtime_context().get_node_id()
        where = f"on the node {os.uname().nodename}" if hasattr(os, "uname") else "on a node"
        if made_with() != dict(versions):
            return node, (
                f"{where} there are {_versions(made_with())}, here {_versions(versions)}; pictures "
                "may differ, so install the same everywhere"
            )
        if os.path.isdir(folder):  # noqa: PTH112
            os.chdir(folder)
        try:
            self._make = begin(work, threads, imports)
        except EntopticError as error:
            return node, f"{where}: {error}; each node must have what the network is loaded from"
        return node, None

    def make(self, batch: Batch, device: str) -> Answer:
        """Make a batch, or say why not."""
        assert self._make is not None  # as `begin` has made it ready
        return answer(self._make, batch, device)


def _imported() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise MissingExtra('Ray needs the ray extra: pip install "entoptic[ray]"') from None
    return ray


def _connect(ray: Any, how: Ray) -> bool:
    """Connect to a cluster, or start one; tell whether this is to be undone at the end.

    Raises:
        WorkerFailed: it can't be reached.
    """
    if ray.is_initialized():  # by the user, who knows why
        return False
    more: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if how.address == "local":
        wanted = (how.workers or 1) * how.cpus
        more |= {"num_cpus": max(os.cpu_count() or 1, wanted), "include_dashboard": False}
    try:
        _check_reached(how.address)
        ray.init(address=how.address, **more)
    except (OSError, ImportError, RuntimeError, ValueError) as error:
        reason = one_line(str(error), 200)
        raise WorkerFailed(
            f"no cluster of Ray at {how.address!r} ({reason}); start one with `ray start --head`, "
            "or take `ray`, which starts one here"
        ) from None
    return True


def _check_reached(address: str) -> None:
    """Find out whether something answers at HOST:PORT; Ray itself tries for minutes.

    Raises:
        OSError: nothing does.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), _REACHED).close()


def _put(ray: Any, work: Work) -> Any:
    """Put work into the object store, from which each node gets it once.

    Raises:
        BadSetting: it can't be sent.
    """
    try:
        return ray.put(work)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise BadSetting(
            f"the network can't be sent to workers ({one_line(str(error), 200)}); name it as "
            "python:MODULE:FUNCTION"
        ) from None


def _room(has: Mapping[str, float], needs: Mapping[str, float]) -> int:
    """Return how many workers a node has room for.

    >>> _room({"CPU": 16, "GPU": 2}, {"CPU": 1, "GPU": 0.5})
    4
    >>> _room({"CPU": 3}, {"CPU": 2, "GPU": 0})
    1
    """
    room = int(has.get("CPU", 0) / needs["CPU"])
    gpus, each = has.get("GPU", 0), needs["GPU"]
    if not each:
        return room
    # A fraction is of one GPU, and doesn't span two.
    return min(room, int(gpus / each) if each >= 1 else int(gpus) * int(1 / each))


def _told(resources: Mapping[str, float]) -> str:
    kinds = [f"{resources.get(each, 0):g} {each}" for each in ("CPU", "GPU")]
    return " and ".join(kinds)


def _versions(found: Mapping[str, str]) -> str:
    return " and ".join(f"{name} {each}" for name, each in found.items())


def _folder() -> str:
    return os.getcwd()  # noqa: PTH109


def _last_line(error: Exception) -> str:
    """Return the last line of an error of Ray's, which says most."""
    return one_line(str(error).strip().splitlines()[-1], 200)
