"""The work on a catalog: jobs of one network, each of several pictures, as files and scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from entoptic.ascent.guides import guide_activations, joined
from entoptic.images import Picture
from entoptic.images.picture import of_8_bits
from entoptic.images.writing import encode_png
from entoptic.jobs.job import Job
from entoptic.jobs.plan import Plan
from entoptic.jobs.sheets import SheetPlan
from entoptic.networks import Model, ModelLike, compiled, model_of
from entoptic.runners.run import plan_job
from entoptic.runners.runner import Work
from entoptic.types import Image


@dataclass(frozen=True)
class Made:
    """One finished picture.

    Args:
        data: the bytes of a PNG, with the job that makes this picture alone.
        score: the unit's objective on the picture as it is in the file, without transforms.
    """

    data: bytes
    score: float


@dataclass(frozen=True, eq=False)
class Pictures(Work):
    """Every picture of each job of one network.

    Args:
        network: a name, which each worker loads; or the network, which is sent to it.
        photo: of the jobs that are about one; sent, so that no worker needs its file.
    """

    network: ModelLike
    photo: Picture | None = None

    def prepared(self) -> Callable[[Job, str], tuple[Made, ...]]:
        """See `Work`."""
        model = model_of(self.network)
        return lambda job, device: made(model, job, device, self.photo)


def made(model: Model, job: Job, device: str, photo: Picture | None = None) -> tuple[Made, ...]:
    """Return the pictures of a job, those of a sheet of units in the order of the units.

    They are the same on any device of one kind: their jobs name the device that was asked for.
    """
    plan = planned(model, replace(job, device=device), photo)
    result = plan.run(progress=False)
    pictures = [result[number] for number in range(len(result))]
    jobs = [replace(each.job, device=job.device).to_json() for each in pictures]
    data = [
        encode_png(each.image, alpha=each.alpha, job=own)
        for each, own in zip(pictures, jobs, strict=True)
    ]
    scores = finished_scores(plan, result.images)
    return tuple(Made(*each) for each in zip(data, scores, strict=True))


def planned(model: Model, job: Job, photo: Picture | None) -> Plan:
    """Return the plan of a job, which may be about the photo."""
    return plan_job(job, model=model, photo=None if job.photo is None else photo)


@torch.no_grad()
def finished_scores(plan: Plan, pictures: Image) -> list[float]:
    """Return the score of each finished picture by its own unit, without transforms.

    Args:
        plan: of the pictures.
        pictures: (count, 3, height, width), rounded here as in their files.
    """
    scores: list[float] = []
    layers = plan.objective.layers()
    batches = plan.batches if isinstance(plan, SheetPlan) else [(plan.objective, 1)]
    for objective, count in batches:
        some = of_8_bits(pictures[len(scores) : len(scores) + count]).to(plan.device)
        ready = compiled(plan.model, layers, plan.device)
        acts = plan.model.arranged(ready(some), (some.shape[-2], some.shape[-1]))
        guides = guide_activations(objective, plan.model, some)
        scores += objective(joined(acts, guides)).tolist()
    return scores
