"""Feature visualization: the picture that a unit wants most, or a sheet of many units' pictures."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from entoptic.ascent import Step, ascend, bind
from entoptic.canvas import Canvas, Fourier, Pixels
from entoptic.errors import BadExpression, BadSetting
from entoptic.jobs import Job, Result
from entoptic.models import Model, device
from entoptic.models.rules import redirected_relu
from entoptic.objectives import Leaf, Objective, PerImage, channel, parse, per_image
from entoptic.recipes.deepdream import check_pixels
from entoptic.recipes.numbers import real, whole
from entoptic.recipes.plan import Plan, made_with
from entoptic.sheets import sheet, sheet_size
from entoptic.steprules import adam
from entoptic.transforms import presets
from entoptic.types import Image

CANVASES = ("fourier", "pixels")

_RANGE = re.compile(r"\s*(?P<layer>.+):(?P<first>[0-9]{1,9})-(?P<last>[0-9]{1,9})\s*")

# A sheet of more pictures than this is no sheet.
_MOST_UNITS = 4096


@dataclass(frozen=True)
class VisualizeSettings:
    """How units are visualized.

    Args:
        size: side of each picture, in pixels.
        steps: of the climb.
        canvas: `fourier` (frequencies, decorrelated colour) or `pixels`.
        transforms: a preset of transforms.
        learning_rate: of Adam.
        batch: how many pictures climb together.

    Raises:
        BadSetting: a value out of its range.
    """

    size: int = 224
    steps: int = 256
    canvas: str = "fourier"
    transforms: str = "robust"
    learning_rate: float = 0.05
    batch: int = 8

    def __post_init__(self) -> None:
        whole("size", self.size, 1, 10_000)
        whole("steps", self.steps, 0, 1_000_000)
        whole("batch", self.batch, 1, 10_000)
        real("learning rate", self.learning_rate, above=0, most=1000)
        if self.canvas not in CANVASES:
            raise BadSetting(f"no canvas {self.canvas!r}; there are {', '.join(CANVASES)}")
        if not isinstance(self.transforms, str):
            raise BadSetting(f"transforms are {self.transforms!r}; name one preset")
        presets[self.transforms]


@dataclass(frozen=True, eq=False)
class VisualizePlan(Plan):
    """A visualization that has been checked and can begin.

    Args:
        settings: how to proceed.
        labels: what each picture is called on a sheet.
    """

    settings: VisualizeSettings
    labels: Sequence[str]

    @property
    def batches(self) -> list[tuple[Objective, ...]]:
        """The objectives that climb together."""
        assert isinstance(self.objective, PerImage)
        units, most = self.objective.objectives, self.settings.batch
        return [units[start : start + most] for start in range(0, len(units), most)]

    @property
    def stages(self) -> Sequence[int]:
        return [len(batch) * self.settings.size**2 for batch in self.batches]

    @property
    def stage_name(self) -> str:
        return "batch"

    @property
    def stage_steps(self) -> int:
        return self.settings.steps

    @property
    def shape(self) -> tuple[int, int]:
        side, count = self.settings.size, len(self.labels)
        if count == 1:
            return side, side
        return sheet_size(count, self.columns, side, side, labelled=True)

    @property
    def columns(self) -> int:
        """Of the sheet: about as many as rows."""
        return math.ceil(math.sqrt(len(self.labels)))

    @property
    def start(self) -> Image:
        return self.laid_out([])

    def all_steps(self) -> Iterator[Step]:
        done: list[Tensor] = []
        for number, batch in enumerate(self.batches):
            canvas = self._canvas(len(batch), self.job.seed + number)
            for step in self._climb(number, canvas):
                render = functools.partial(self._so_far, tuple(done), step)
                yield replace(step, octave=number, image=render)
            with torch.no_grad():
                done.append(canvas().cpu())

    def pictures(self) -> Iterator[Tensor]:
        """The finished pictures of each batch, (count, 3, height, width), on the CPU."""
        for number, batch in enumerate(self.batches):
            canvas = self._canvas(len(batch), self.job.seed + number)
            for _ in self._climb(number, canvas):
                pass
            with torch.no_grad():
                yield canvas().cpu()

    def _climb(self, number: int, canvas: Canvas) -> Iterator[Step]:
        how = self.settings
        return ascend(
            self.model,
            per_image(self.batches[number]),
            canvas,
            transforms=presets[how.transforms],
            optimizer=adam(how.learning_rate),
            rules=[redirected_relu()],
            steps=how.steps,
            seed=self.job.seed + number,
        )

    def _canvas(self, count: int, seed: int) -> Canvas:
        side = self.settings.size
        make = Fourier if self.settings.canvas == "fourier" else Pixels.noise
        return make(side, side, batch=count, seed=seed).to(self.device)

    def _so_far(self, done: Sequence[Tensor], step: Step) -> Image:
        return self.laid_out([*done, step.image().cpu()])

    def laid_out(self, made: Sequence[Tensor]) -> Image:
        """The pictures made so far, middle grey where there is none yet."""
        side, count = self.settings.size, len(self.labels)
        missing = count - sum(map(len, made))
        pictures = torch.cat([*made, torch.full((missing, 3, side, side), 0.5)])
        if count == 1:
            return pictures
        return sheet(pictures, self.columns, labels=self.labels)


def visualize(
    model: Model, *units: str | Objective, seed: int = 0, device: str = "auto", **settings: Any
) -> Result:
    """The picture that a unit wants most, or a sheet of many units' pictures.

    Args:
        model: from `load`, or `Model.wrap`.
        units: `layer:channel`, ranges `layer:3-9`, objectives, or expressions of them.
        seed: of all chance.
        device: `auto`, `cpu`, `cuda`, ...
        settings: those of `VisualizeSettings`.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Olah et al., "Feature Visualization", Distill, 2017.

    >>> import entoptic as ent
    >>> ent.visualize(ent.load(), "fire5:3", size=48, steps=1).image.shape
    torch.Size([1, 3, 48, 48])
    """
    return plan_visualize(model, units, seed=seed, on=device, **settings).run()


def plan_visualize(
    model: Model,
    units: Sequence[str | Objective],
    *,
    seed: int = 0,
    on: str = "auto",
    **settings: Any,
) -> VisualizePlan:
    """Check a visualization and lay it out; arguments as for `visualize`."""
    unknown = settings.keys() - VisualizeSettings.__dataclass_fields__.keys()
    if unknown:
        known = ", ".join(VisualizeSettings.__dataclass_fields__)
        raise BadSetting(f"visualize has no setting {min(unknown)!r}; it has {known}")
    how = VisualizeSettings(**{key: v for key, v in settings.items() if v is not None})
    whole("seed", seed, 0, 2**62)
    wanted = [each for unit in units for each in read_units(unit)]
    if not wanted:
        raise BadSetting("nothing to visualize; name a unit, such as fire7:3")
    if len(wanted) > _MOST_UNITS:
        raise BadSetting(f"{len(wanted)} units are too many for one sheet; {_MOST_UNITS} at most")
    objective = per_image(wanted)
    where = device(on)
    bound = bind(objective, model, (how.size, how.size))
    job = Job(
        recipe="visualize",
        model=model.source,
        objective=repr(objective),
        settings=asdict(how),
        photo=None,
        seed=seed,
        device=str(where),
        made_with=made_with(),
    )
    labels = [label_of(each) for each in wanted]
    plan = VisualizePlan(model, bound, where, job, model.notes, how, labels)
    check_pixels(*plan.shape)
    return plan


def read_units(unit: str | Objective) -> list[Objective]:
    """The objectives that a unit stands for; a range stands for several.

    >>> read_units("fire7:3-5")
    [channel('fire7', 3), channel('fire7', 4), channel('fire7', 5)]
    """
    if isinstance(unit, PerImage):
        return list(unit.objectives)
    if isinstance(unit, Objective):
        return [unit]
    found = _RANGE.fullmatch(unit)
    if found is None:
        return read_units(parse(unit))
    first, last = int(found["first"]), int(found["last"])
    if not first <= last < first + _MOST_UNITS:
        raise BadExpression(
            f"the range {unit!r} goes from {first} to {last}; write LAYER:FIRST-LAST, "
            f"of {_MOST_UNITS} channels at most"
        )
    return [channel(found["layer"], number) for number in range(first, last + 1)]


def label_of(objective: Objective) -> str:
    """The short form of a unit, where it has one."""
    if isinstance(objective, Leaf) and objective.name == "channel":
        layer, number = objective.arguments
        return f"{layer}:{number}"
    return repr(objective)
