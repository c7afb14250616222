"""Measures of pictures of units: by their network, by other networks, beside photographs."""

from __future__ import annotations

import functools
import json
import operator
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from entoptic.analysis.judges import (
    ClassName,
    Verdict,
    check_judge,
    class_name,
    counterpart,
    is_class,
    verdict,
)
from entoptic.analysis.photographs import crops, each_photo, photo_files
from entoptic.ascent.binding import bind
from entoptic.ascent.guides import guide_activations, joined
from entoptic.ascent.memory import within_memory
from entoptic.errors import BadSetting, WrongPictureSize
from entoptic.images import Picture, PictureLike, picture_of
from entoptic.images.picture import of_8_bits
from entoptic.jobs.default_layers import dream_objective
from entoptic.jobs.job import Result
from entoptic.jobs.sheets import SheetPlan
from entoptic.jobs.units import label_of, read_all
from entoptic.networks import Model, ModelLike, compiled, models_of
from entoptic.objectives import Objective, PerImage, diversity
from entoptic.objectives.facts import needing_alpha
from entoptic.types import Image

if TYPE_CHECKING:
    from entoptic.recipes.evaluate import Evaluate

JUDGES = ("squeezenet1_1", "efficientnet_lite0")
"""The judges where none are named: the embedded networks, except the one at hand."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """Measures of the pictures of one unit: means over its seeds, None where not measured.

    Args:
        unit: in its short form, or an expression.
        score: the unit's objective on the finished picture, without transforms and as a file of 8
            bits shows it; in the unit's own scale.
        percentile: per cent of the photographs' crops that score less.
        of_best: the score divided by that of the best crop, where that is above 0.
        top1: share of pictures and judges for which the class is the most probable one.
        probability: that judges give to the class.
        verdicts: what each judge says.
        diversity: how unlike the pictures of different seeds are in their textures, 0 to 1.
        seconds: of the optimisation, for each picture.
    """

    unit: str
    score: float
    percentile: float | None
    of_best: float | None
    top1: float | None
    probability: float | None
    verdicts: tuple[Verdict, ...]
    diversity: float | None
    seconds: float


@dataclass(frozen=True)
class Evaluation:
    """Measures of a network's pictures.

    Args:
        model: the network's specification.
        settings: of the recipe that made the pictures.
        seeds: how many pictures were made of each unit.
        judges: the networks that were asked for classes.
        photos: how many photographs there were to compare with, and
        crops: how many squares of them.
        rows: a unit each.
        peak_memory_mib: the most memory that the process (on CUDA: the device) has held so far.
        notes: what the user should know.
        sheets: the pictures, a sheet for each seed, with their jobs.
    """

    model: str
    settings: Mapping[str, Any]
    seeds: int
    judges: tuple[str, ...]
    photos: int
    crops: int
    rows: tuple[Row, ...]
    peak_memory_mib: float | None
    notes: tuple[str, ...]
    sheets: tuple[Result, ...] = field(repr=False, compare=False)

    @property
    def means(self) -> dict[str, float | None]:
        """Means over the units; there is none of scores, since each unit has its own scale."""
        names = ("percentile", "of_best", "top1", "probability", "diversity", "seconds")
        return {name: _mean([getattr(row, name) for row in self.rows]) for name in names}

    def to_json(self) -> str:
        """Everything but the pictures."""
        told = {each.name: getattr(self, each.name) for each in fields(self)}
        del told["sheets"]
        return json.dumps(told | {"rows": [asdict(row) for row in self.rows], "means": self.means})


@dataclass(frozen=True, eq=False)
class EvaluatePlan:
    """An evaluation that has been checked and can begin.

    Args:
        plans: of the pictures, one for each seed.
        units: what each unit is called.
        classes: of each unit, None where it is no class or has no name.
        judges: classifiers.
        photos: photographs to compare with.
        unlikeness: how unlike the pictures of a batch are; None where that can't be measured.
        notes: what the user should know beforehand.
    """

    plans: tuple[SheetPlan, ...]
    units: tuple[str, ...]
    classes: tuple[ClassName | None, ...]
    judges: tuple[Model, ...]
    photos: tuple[Picture | Path, ...]
    unlikeness: Objective | None
    notes: tuple[str, ...]

    def run(self, tell: Tell = lambda _: None) -> Evaluation:
        """Work: photographs first, then the pictures; again with less at a time without memory.

        Args:
            tell: is told what is being done.
        """
        return within_memory(self, lambda plan: plan._run(tell))

    def lighter(self) -> EvaluatePlan | None:
        """The same with fewer pictures at a time; None where that can't be."""
        plans = [each for plan in self.plans if (each := plan.lighter()) is not None]
        if len(plans) < len(self.plans):
            return None
        told = {note for plan in self.plans for note in plan.notes}
        notes = [note for note in self.notes if note not in told]
        return replace(self, plans=tuple(plans), notes=(*plans[0].notes, *notes))

    def _run(self, tell: Tell) -> Evaluation:
        device, job = self._plan.device, self._plan.job
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        photos = self._photo_scores(tell)
        made, seconds = self._made(tell)
        tell("scoring the pictures")
        scores = torch.stack([self._own_scores(each) for each in made], 1)
        rows = tuple(
            self._row(number, torch.stack(pictures), scores[number], photos[number], taken)
            for number, (pictures, taken) in enumerate(
                zip(zip(*made, strict=True), seconds, strict=True)
            )
        )
        return Evaluation(
            model=job.model,
            settings=dict(job.settings) | {"seed": job.seed, "device": job.device},
            seeds=len(self.plans),
            judges=tuple(judge.source for judge in self.judges),
            photos=len(self.photos),
            crops=photos.shape[1],
            rows=rows,
            peak_memory_mib=_peak_memory_mib(device),
            notes=self.notes,
            sheets=tuple(
                Result(plan.laid_out([pictures]), plan.job)
                for plan, pictures in zip(self.plans, made, strict=True)
            ),
        )

    @property
    def _plan(self) -> SheetPlan:
        return self.plans[0]

    @property
    def _objectives(self) -> tuple[Objective, ...]:
        assert isinstance(self._plan.objective, PerImage)
        return self._plan.objective.objectives

    def _photo_scores(self, tell: Tell) -> Tensor:
        """(units, crops); few photographs are in memory at a time."""
        found = [torch.zeros(len(self.units), 0)]
        side = min(self._plan.size)
        cut = each_photo(self.photos, lambda picture: crops(picture.image, side))
        for number, squares in enumerate(cut, 1):
            tell(f"scoring photograph {number} of {len(self.photos)}")
            if isinstance(squares, Exception):
                raise squares
            found.append(self._scores(self._objectives, squares))
        return torch.cat(found, 1)

    def _made(self, tell: Tell) -> tuple[list[Tensor], list[float]]:
        """The pictures of each seed, (units, 3, height, width), and each unit's seconds."""
        sheets, seconds = [], torch.zeros(len(self.units), dtype=torch.float64)
        count, done = len(self.units) * len(self.plans), 0
        for plan in self.plans:
            pictures: list[Tensor] = []
            tell(f"making {count} pictures")
            for batch, taken in _timed(plan.pictures()):
                first = sum(map(len, pictures))
                seconds[first : first + len(batch)] += taken / len(batch)
                pictures.append(of_8_bits(batch))
                done += len(batch)
                tell(f"made {done} of {count} pictures")
            sheets.append(torch.cat(pictures))
        return sheets, (seconds / len(self.plans)).tolist()

    def _own_scores(self, pictures: Image) -> Tensor:
        """(units): each picture by its own unit's objective."""
        each = zip(self._objectives, torch.split(pictures, 1), strict=True)
        return torch.cat([self._scores([unit], picture)[0] for unit, picture in each])

    @torch.no_grad()
    def _scores(
        self, objectives: Sequence[Objective], images: Image, together: int | None = None
    ) -> Tensor:
        """(objectives, images), of images as they are.

        Args:
            together: how many are shown at once; None for the plan's batch.
        """
        plan, size = self._plan, (images.shape[-2], images.shape[-1])
        layers = frozenset().union(*(each.layers() for each in objectives))
        ready = compiled(plan.model, layers, plan.device)
        found = []
        for some in torch.split(images, together or plan.batch):
            some = some.to(plan.device)
            acts = plan.model.arranged(ready(some), size)
            guides = guide_activations(PerImage(tuple(objectives)), plan.model, some)
            found.append(torch.stack([each(joined(acts, guides)) for each in objectives]))
        return torch.cat(found, 1).cpu()

    def _diversity(self, pictures: Image) -> float | None:
        """Return the diversity of a unit's pictures, all of them together."""
        if self.unlikeness is None:
            return None
        return float(self._scores([self.unlikeness], pictures, len(pictures)).mean())

    def _row(
        self, number: int, pictures: Image, scores: Tensor, photos: Tensor, seconds: float
    ) -> Row:
        """Return the measures of a unit's pictures, one of each seed."""
        verdicts = self._verdicts(number, pictures)
        score = float(scores.mean())
        best = float(photos.max()) if len(photos) else 0.0
        less = float((photos < scores[:, None]).float().mean()) if len(photos) else None
        return Row(
            unit=self.units[number],
            score=score,
            percentile=None if less is None else 100 * less,
            of_best=score / best if best > 0 else None,
            top1=_mean([each.top1 for each in verdicts]),
            probability=_mean([each.probability for each in verdicts]),
            verdicts=verdicts,
            diversity=self._diversity(pictures),
            seconds=seconds,
        )

    def _verdicts(self, number: int, pictures: Image) -> tuple[Verdict, ...]:
        name = self.classes[number]
        if name is None:
            return ()
        known = ((judge, counterpart(name, judge)) for judge in self.judges)
        return tuple(verdict(judge, own, pictures) for judge, own in known if own is not None)


def plan_evaluate(how: Evaluate) -> EvaluatePlan:
    """Check an evaluation and lay it out; see `Recipe.plan`."""
    model = how.network()
    plans = tuple(
        replace(how, model=model, seed=how.seed + number).sheet() for number in range(how.seeds)
    )
    wanted = read_all(how.units)
    told = [word for each in wanted for word in needing_alpha(each)]
    if told:
        raise BadSetting(
            f"{told[0]} is about transparency, and pictures are measured on white; leave it out"
        )
    classes = tuple(class_name(model, each) if is_class(each) else None for each in wanted)
    asked = _judges(model, how.judges, any(map(is_class, wanted)))
    unlike = _unlikeness(model, plans[0].size) if how.seeds > 1 else None
    files = _photographs(how.photos)
    notes = [
        *model.notes,
        *([] if files else ["no photographs to compare with; name some: --photos FOLDER"]),
        *_untold(model, wanted, classes, asked),
    ]
    if how.seeds > 1 and unlike is None:
        notes.append(f"{model.source} has no maps whose textures tell how diverse pictures are")
    names = tuple(map(label_of, wanted))
    return EvaluatePlan(plans, names, classes, asked, files, unlike, tuple(notes))


def _judges(model: Model, named: Sequence[ModelLike] | None, needed: bool) -> tuple[Model, ...]:
    if named is None:
        own = {each.name for each in (model, *model.members.values())}
        named = [each for each in JUDGES if each not in own] if needed else []
    judges = models_of(named, "judges")
    for judge in judges:
        check_judge(judge)
    return judges


def _photographs(photos: Sequence[PictureLike]) -> tuple[Picture | Path, ...]:
    files = photo_files(each for each in photos if isinstance(each, str | Path))
    others = [each for each in photos if not isinstance(each, str | Path)]
    return (*files, *(picture_of(each, "photos") for each in others))


def _untold(
    model: Model,
    units: Sequence[Objective],
    classes: Sequence[ClassName | None],
    judges: Sequence[Model],
) -> Iterator[str]:
    """Why some classes aren't judged, or not by all."""
    named = [each for each in classes if each is not None]
    if any(map(is_class, units)) and not named:
        yield f"{model.source} has no labels, so that no other network can judge its classes"
    if named and not judges:
        yield "no other network judges the classes; name one: --judges MODEL"
    if judges and not any(map(is_class, units)):
        yield "no unit is a class, so that there is nothing to judge"
    for judge in judges:
        lacking = [each.label for each in named if counterpart(each, judge) is None]
        if lacking:
            yield f"{judge.source} has no one class for {', '.join(map(repr, lacking))}"


def _unlikeness(model: Model, size: tuple[int, int]) -> Objective | None:
    """`diversity` where the network's textures are, the layers that it dreams of; the mean of them.

    Source: the measure is lucid's, one minus the mean cosine of Gram matrices; Olah et al.,
    "Feature Visualization", Distill, 2017.
    """
    try:
        layers = sorted(dream_objective(model).layers())
        total = functools.reduce(operator.add, map(diversity, layers))
        return bind(total / len(layers), model, size)
    except (BadSetting, WrongPictureSize):
        return None


def _timed(batches: Iterator[Tensor]) -> Iterator[tuple[Tensor, float]]:
    """Each batch with the seconds that it took."""
    start = time.perf_counter()
    for batch in batches:
        yield batch, time.perf_counter() - start
        start = time.perf_counter()


def _mean(values: Sequence[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return fmean(known) if known else None


def _peak_memory_mib(device: torch.device) -> float | None:
    """Return the peak memory of the device since the beginning, or of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        return None  # the standard library doesn't tell
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # In bytes on macOS, in KiB elsewhere; see getrusage(2) of each.
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
