"""`entoptic dream`: several photos, or noise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entoptic.cli import options, streams
from entoptic.cli.making import check, make, make_together
from entoptic.cli.outputs import Delivery, check_inputs, destinations, made
from entoptic.cli.progress import Share
from entoptic.cli.recipes import arguments, declared_command
from entoptic.errors import BadSetting
from entoptic.jobs.defaults import USUAL
from entoptic.jobs.progress import work
from entoptic.recipes.dream import Dream

if TYPE_CHECKING:
    from entoptic.jobs.dreams import DreamPlan


@options.result
def _dream(photos: tuple[str, ...], **given: Any) -> int:
    """Dream photos, or noise; the result is PHOTO-dream.png, and no file is overwritten."""
    noise = given["noise"]
    if not photos and noise is None:
        raise click.UsageError("name a photo, or begin with noise: --noise 512x768")
    if photos and noise is not None:
        raise click.UsageError("name photos or --noise, not both")
    if "" in photos:
        raise BadSetting("the name of a photo is empty; name a file")
    delivery, settings = Delivery.split(given)
    asked = arguments(Dream, settings)
    starts: list[str | None] = [*photos] or [None]
    masks = [mask for mask, _ in asked.get("region", ())]
    named = (*photos, asked.get("guide"), asked.get("mask"), *masks)
    inputs = [Path(each) for each in named if each is not None]
    streams.check_once(named)
    check_inputs(inputs)
    outputs = destinations(starts, delivery, "dream", inputs)
    model = Dream(**{"model": USUAL} | asked).network()
    # Read once, and before anything else is: stdin can't be read again.
    begin = [None if each is None else streams.photo_of(each) for each in starts]
    asked["model"] = model
    for name in {"guide", "mask"} & asked.keys():
        asked[name] = streams.photo_of(asked[name])
    if masks:
        asked["region"] = [(streams.photo_of(mask), wanted) for mask, wanted in asked["region"]]
    dream = Dream(**asked)

    def plan(number: int) -> DreamPlan:
        return replace(dream, photo=begin[number]).plan()

    with made(delivery.folder):
        if len(starts) == 1:
            return make(plan(0), outputs[0], delivery, inputs)
        return _make_all(plan, outputs, dream.batch, delivery, inputs)


dream_command = declared_command(Dream, _dream, many=True)


def _make_all(
    plan: Callable[[int], DreamPlan],
    outputs: Sequence[Path],
    batch: int | str,
    delivery: Delivery,
    inputs: Sequence[Path],
) -> int:
    """Dream several photos, those of one size together; else like `make`.

    All are checked before the first is dreamt; a plan holds its photo, so none is kept.
    """
    from entoptic.jobs.dream_batches import PhotosTogether, together_by_size

    works: list[int] = []

    def checked() -> Iterator[DreamPlan]:
        for number, output in enumerate(outputs):
            planned = plan(number)
            check(planned, output, delivery, inputs)
            works.append(work(planned))
            yield planned

    groups = together_by_size(checked(), batch)
    began, before = time.monotonic(), 0
    for group in groups:
        together = PhotosTogether([plan(number) for number in group])
        share = Share(len(group), before, sum(works), began)
        code = make_together(
            together, [outputs[number] for number in group], delivery, inputs, share
        )
        if code:
            return code
        before += sum(works[number] for number in group)
    return 0
