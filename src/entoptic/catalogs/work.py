"""The work on a catalog: batches are leased, made by a runner, and kept one by one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from entoptic.catalogs.files import Files
from entoptic.catalogs.index import Finished, Index, Lease
from entoptic.catalogs.owners import owner
from entoptic.errors import CannotWrite
from entoptic.jobs.job import Job
from entoptic.objectives import PerImage, parse, per_image
from entoptic.runners.runner import Answer, Batch, Done
from entoptic.runners.team import Team

# Seconds after which the index hears of its owner again: often enough for `LEASE`.
TICK = 5.0
# Seconds until what other processes work on is looked at again.
PAUSE = 1.0
# Pictures of a batch that are written at a time: most of it is waiting for the disk.
_WRITERS = 8


def work(index: Index, team: Team, tell: Callable[[], None]) -> None:
    """Make all that isn't made; end when nothing is left, whoever has made it.

    Args:
        index: of the catalog.
        team: makes the batches.
        tell: called after each batch.

    Raises:
        CannotWrite: the disk is full, or the folder may not be written to.
    """
    mine = owner()
    try:
        while not index.is_finished():
            for _ in _batches(index, team, mine):
                tell()
            if not index.is_finished():  # by others, who may yet end without finishing
                time.sleep(PAUSE)
    finally:
        # Where the index can't be written, its leases end by themselves.
        with contextlib.suppress(CannotWrite):
            index.release(mine)


def _batches(index: Index, team: Team, mine: str) -> Iterator[None]:
    """Make batches until none can be leased; yield after each."""
    leases: dict[int, Lease] = {}

    def take() -> Batch | None:
        lease = index.claim(mine)
        if lease is None:
            return None
        leases[lease.batch] = lease
        return Batch(lease.batch, Job.from_json(lease.job))

    files, last = Files(index.folder, mine), time.monotonic()
    for answer in team.run(take, TICK):
        if time.monotonic() - last >= TICK:
            index.heard(mine)
            last = time.monotonic()
        if answer is not None:
            _keep(index, files, leases.pop(answer.key), answer)
            yield


def _keep(index: Index, files: Files, lease: Lease, answer: Answer) -> None:
    """Write the pictures of a batch, then note them as made, or why they failed."""
    if not index.is_mine(lease.batch, files.owner):
        return  # this process was not heard of for too long, and another one makes them
    if isinstance(answer, Done):
        made = {place: answer.made[place] for place in lease.wanted}
        with ThreadPoolExecutor(_WRITERS) as writers:  # which wait for the disk
            data = [each.data for each in made.values()]
            digests = list(writers.map(files.write, lease.wanted.values(), data))
        each_took = answer.seconds / lease.units
        found = {
            place: Finished(digest, each.score, each_took)
            for (place, each), digest in zip(made.items(), digests, strict=True)
        }
        files.keep_names(lease.wanted.values())
        index.finish(lease.batch, found)
    elif lease.units == 1:
        index.fail(lease.batch, answer.reason)
    else:
        # One unit alone may be at fault.
        index.split(lease.batch, {place: _alone(lease, place) for place in lease.wanted})


def _alone(lease: Lease, place: int) -> str:
    """Return the job that makes one unit of a batch by itself."""
    job = Job.from_json(lease.job)
    units = parse(job.objective)
    assert isinstance(units, PerImage)
    return replace(job, objective=repr(per_image([units.objectives[place]]))).to_json()
