"""The work on a catalog: batches are leased, made by a runner, and kept one by one."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from entoptic.catalogs.index import Finished, Index, Lease
from entoptic.catalogs.owners import owner
from entoptic.errors import CannotWrite
from entoptic.images.writing import write_file
from entoptic.jobs.job import Job
from entoptic.objectives import PerImage, parse, per_image
from entoptic.runners.runner import Answer, Batch, Done, Runner

# Seconds after which the index hears of its owner again: often enough for `LEASE`.
TICK = 5.0
# Seconds until what other processes work on is looked at again.
PAUSE = 1.0


def work(index: Index, runner: Runner, tell: Callable[[], None]) -> None:
    """Make all that isn't made; end when nothing is left, whoever has made it.

    Args:
        index: of the catalog.
        runner: makes the batches.
        tell: called after each batch.

    Raises:
        CannotWrite: the disk is full, or the folder may not be written to.
    """
    mine = owner()
    try:
        while not index.is_finished():
            for _ in _batches(index, runner, mine):
                tell()
            if not index.is_finished():  # by others, who may yet end without finishing
                time.sleep(PAUSE)
    finally:
        # Where the index can't be written, its leases end by themselves.
        with contextlib.suppress(CannotWrite):
            index.release(mine)


def _batches(index: Index, runner: Runner, mine: str) -> Iterator[None]:
    """Make batches until none can be leased; yield after each."""
    leases: dict[int, Lease] = {}

    def take() -> Batch | None:
        lease = index.claim(mine)
        if lease is None:
            return None
        leases[lease.batch] = lease
        return Batch(lease.batch, Job.from_json(lease.job))

    last = time.monotonic()
    for answer in runner.run(take, TICK):
        if time.monotonic() - last >= TICK:
            index.heard(mine)
            last = time.monotonic()
        if answer is not None:
            _keep(index, leases.pop(answer.key), answer, mine)
            yield


def _keep(index: Index, lease: Lease, answer: Answer, mine: str) -> None:
    """Write the pictures of a batch, then note them as made, or why they failed."""
    if not index.is_mine(lease.batch, mine):
        return  # this process was not heard of for too long, and another one makes them
    if isinstance(answer, Done):
        found = {}
        for place, file in lease.wanted.items():
            made = answer.pictures[place]
            write_picture(index.folder / file, made.data)
            digest = hashlib.sha256(made.data).hexdigest()
            found[place] = Finished(digest, made.score, answer.seconds / lease.units)
        for folder in {(index.folder / file).parent for file in lease.wanted.values()}:
            keep_names(folder)
        index.finish(lease.batch, found)
    elif lease.units == 1:
        index.fail(lease.batch, answer.reason)
    else:
        # One unit alone may be at fault.
        index.split(lease.batch, {place: _alone(lease, place) for place in lease.wanted})


def keep_names(folder: Path) -> None:
    """Have the names in a folder survive a power cut, where the system knows how."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _alone(lease: Lease, place: int) -> str:
    """Return the job that makes one unit of a batch by itself."""
    job = Job.from_json(lease.job)
    units = parse(job.objective)
    assert isinstance(units, PerImage)
    return replace(job, objective=repr(per_image([units.objectives[place]]))).to_json()


def file_hash(file: Path) -> str | None:
    """Return the sha256 of a file; None where it isn't there or can't be read."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def write_picture(file: Path, data: bytes) -> None:
    """Write a picture whole or not at all, into a folder that may be new.

    Raises:
        CannotWrite: with what to do.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"can't make the folder {str(file.parent)!r} ({error.strerror}); make room, or look at "
            "the permissions of the folder of the catalog"
        ) from None
    write_file(file, data)
