"""The work of one worker: batches of one network, which is loaded once."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection

import torch

from entoptic.ascent.loop import guide_activations, joined
from entoptic.errors import EntopticError
from entoptic.images.picture import of_8_bits
from entoptic.images.writing import encode_png
from entoptic.jobs.job import Job
from entoptic.jobs.sheets import SheetPlan
from entoptic.networks import Model, ModelLike, compiled, model_of
from entoptic.registry import import_file
from entoptic.runners.run import plan_job
from entoptic.runners.runner import Answer, Batch, Done, Failed, Made
from entoptic.types import Image


def serve(
    line: Connection, network: ModelLike, place: str, threads: int, imports: Sequence[str]
) -> None:
    """Answer batches until the other end is closed; runs in a process of its own.

    Args:
        line: on which None is sent when the network is loaded.
        network: as `model_of` takes it.
        place: the device.
        threads: that torch may use.
        imports: files of the user's that register things.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    torch.set_num_threads(threads)
    for each in imports:
        import_file(each)
    try:
        model = model_of(network)
    except EntopticError as error:
        line.send(str(error))
        return
    try:
        line.send(None)
        while True:
            line.send(answer(model, line.recv(), place))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # whoever asked is gone


def answer(model: Model, batch: Batch, place: str) -> Answer:
    """Make the pictures of a batch, or say why not."""
    began = time.perf_counter()
    try:
        pictures = made(model, replace(batch.job, device=place))
    except EntopticError as error:
        return Failed(batch.key, str(error))
    return Done(batch.key, pictures, time.perf_counter() - began)


def made(model: Model, job: Job) -> tuple[Made, ...]:
    """Return the pictures of a job that makes a sheet of units."""
    plan = plan_job(job, model=model)
    assert isinstance(plan, SheetPlan)
    result = plan.run(progress=False)
    pictures = [result[number] for number in range(len(result))]
    data = [encode_png(each.image, alpha=each.alpha, job=each.job.to_json()) for each in pictures]
    scores = finished_scores(plan, result.images)
    return tuple(Made(*each) for each in zip(data, scores, strict=True))


@torch.no_grad()
def finished_scores(plan: SheetPlan, pictures: Image) -> list[float]:
    """Return the score of each finished picture by its own unit, without transforms.

    Args:
        plan: of the pictures.
        pictures: (count, 3, height, width), rounded here as in their files.
    """
    scores: list[float] = []
    layers = plan.objective.layers()
    for objective, count in plan.batches:
        some = of_8_bits(pictures[len(scores) : len(scores) + count]).to(plan.device)
        ready = compiled(plan.model, layers, plan.device)
        acts = plan.model.arranged(ready(some), plan.size)
        guides = guide_activations(objective, plan.model, some)
        scores += objective(joined(acts, guides)).tolist()
    return scores
