"""Pictures that are there before their index: known by their jobs, they needn't be made again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from entoptic import images
from entoptic.catalogs.index import Finished, Index, Lease
from entoptic.errors import BadPicture, BadSetting, NoJob, PictureNotFound
from entoptic.images import Picture
from entoptic.jobs.job import Job
from entoptic.networks import Model
from entoptic.runners.pictures import finished_scores, planned


def adoptable(index: Index) -> list[Lease]:
    """Return the batches all of whose pictures are there already, each by its own job.

    Raises:
        BadSetting: a file that the catalog would write is another picture.
    """
    found = []
    for lease in index.unfinished():
        # All are looked at, since none may be written over.
        there = [_is_there(index.folder / file, lease, at) for at, file in lease.wanted.items()]
        if all(there):
            found.append(lease)
    return found


def _is_there(file: Path, lease: Lease, place: int) -> bool:
    """Tell whether a picture is there; a damaged one isn't, and is made again."""
    try:
        found = Job.from_json(images.read_job(file))
        images.read(file)  # to its end
    except (PictureNotFound, BadPicture):
        return False
    except NoJob:
        found = None
    job = Job.from_json(lease.job)
    if lease.units > 1:
        job = replace(job, settings={**job.settings, "picture": place})
    if found is None or replace(found, made_with=job.made_with) != job:
        raise BadSetting(
            f"{str(file)!r} is there, and isn't the picture that this catalog would make; name "
            "another folder, or remove it"
        )
    return True


def adopt(index: Index, leases: Sequence[Lease], model: Model, photo: Picture | None) -> None:
    """Note pictures that are there as made.

    Args:
        index: of the catalog.
        leases: of batches whose pictures are there.
        model: the network.
        photo: of jobs that are about one.
    """
    for lease in leases:
        plan = planned(model, Job.from_json(lease.job), photo)
        files = [index.folder / lease.wanted[at] for at in sorted(lease.wanted)]
        scores = finished_scores(plan, torch.cat([images.read(each).image for each in files]))
        digests = [hashlib.sha256(each.read_bytes()).hexdigest() for each in files]
        found = [
            Finished(digest, score, None) for digest, score in zip(digests, scores, strict=True)
        ]
        index.finish(lease.batch, dict(enumerate(found)))
