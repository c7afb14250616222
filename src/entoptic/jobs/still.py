"""Plans of pictures that are drawn in one go, without steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from entoptic.ascent.loop import Step
from entoptic.images import Picture
from entoptic.jobs.inputs import check_pixels, source_of
from entoptic.jobs.job import Job
from entoptic.jobs.looking import Looking
from entoptic.jobs.plan import Plan, made_with
from entoptic.networks import Model
from entoptic.networks.sources.named_files import files_named
from entoptic.objectives.algebra import Const
from entoptic.types import Image


@dataclass(frozen=True, eq=False)
class StillPlan(Plan):
    """A picture that is drawn in one go.

    Args:
        size: (height, width) of it.
        draw: makes it.
        photo: the file that it is drawn from.
    """

    size: tuple[int, int]
    draw: Callable[[], Image]
    photo: Path | None

    @property
    def stages(self) -> Sequence[int]:
        return ()

    @property
    def stage_name(self) -> str:
        return "picture"

    @property
    def stage_steps(self) -> int:
        return 0

    @property
    def shape(self) -> tuple[int, int]:
        return self.size

    @property
    def start(self) -> Image:
        return self.draw()

    @property
    def inputs(self) -> tuple[Path, ...]:
        read = () if self.photo is None else (self.photo,)
        return (*read, *files_named(self.model.source))

    def all_steps(self) -> Iterator[Step]:
        return iter(())


def plan_still(
    how: Looking,
    model: Model,
    draw: Callable[[], Image],
    size: tuple[int, int],
    device: torch.device,
    photo: Picture | None = None,
) -> StillPlan:
    """Lay out a picture that is drawn in one go.

    Args:
        how: the recipe, with all that depends on the network filled in.
        model: the network.
        draw: makes the picture.
        size: (height, width) of it.
        device: where it is computed.
        photo: that it is drawn from.

    Raises:
        BadSetting, NotEnoughMemory: it would be too large.
    """
    check_pixels(*size)
    job = Job(
        recipe=how.name,
        model=model.source,
        objective="",
        settings=how.kept(),
        photo=None if photo is None else source_of(photo),
        seed=how.seed,
        device=str(device),
        made_with=made_with(),
    )
    return StillPlan(
        model, Const(0), device, job, model.notes, size, draw, None if photo is None else photo.path
    )
