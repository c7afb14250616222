"""The dream of each frame of a film, from the detail of the one before."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from entoptic.analysis.protection import protection
from entoptic.ascent.optimizers import Steps
from entoptic.images import picture_of
from entoptic.images.finish import Finish
from entoptic.images.stored import Stored
from entoptic.jobs.film_frames import Seen, Values, image_of_values, values_of
from entoptic.jobs.film_parts import State
from entoptic.jobs.keys import largest, value_at
from entoptic.jobs.octaves import Octaves, Region
from entoptic.jobs.regions import protected
from entoptic.types import Image
from entoptic.video.pixels import Pixels, bits_of, image_of, pixels_of

if TYPE_CHECKING:
    from entoptic.images import PictureLike
    from entoptic.jobs.dreams import DreamPlan
    from entoptic.jobs.job import Job, Source
    from entoptic.layers import Layer
    from entoptic.networks import Model
    from entoptic.objectives.files import Files
    from entoptic.recipes.dream import Dream
    from entoptic.recipes.film import Film
    from entoptic.recipes.zoom import Zoom

# Detail that is carried has less contrast than a fresh dream at the same score, since the steps
# had longer to find it; at this share of a fresh dream's root mean square the scores are alike.
_ROOM = 1.25

# Where a frame carries the detail of the one before, its steps are fewer and longer in turn; at a
# coherence of 1 this share of them is left out.
_FEWER = 0.5
# And octaves but the largest ones, so many, change what is carried less, by this power of the
# coherence: its larger shapes are there, and changing them costs the finer ones their score. With
# none of it, what comes into view in a long pan has small shapes only.
_LARGEST, _STILL = 2, 2 / 3

# Settings that a job keeps in other words than those in which they are given.
_TEXTS = ("transforms", "shaping", "rules", "optimizer", "region")

_Film = TypeVar("_Film")

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


class Dreamer:
    """Dreams frame after frame.

    Args:
        film: how; a film, or a zoom.
        model: the network.
        files: reads the files that objectives name; by default where their names say they are.
    """

    def __init__(self, film: Film | Zoom, model: Model, files: Files | None = None) -> None:
        self.film, self.model, self.files = film, model, files
        self.dream: Dream = replace(film.dream(), model=model, size=None)
        self.keys = film.keys()
        self.most = largest(self.film.strength)
        self._plans: dict[tuple[Any, ...], DreamPlan] = {}

    def dreamt(self, frames: Sequence[tuple[Seen, State]]) -> list[tuple[Pixels, State]]:
        """Return the dreams of frames, and what the next one of each needs of it.

        Args:
            frames: of different scenes, each with what it needs of the one before it; several only
                where nothing changes over time.
        """
        sources = [image_of(each.frame.pixels) for each, _ in frames]
        time = float(frames[0][0].frame.time)
        strength = value_at(self.film.strength, time)
        starts = [_Start.of(self.film, *each) for each in frames]
        if strength != self.most and any(each.limit is None for each in starts):
            # How much detail there may be is that of a fresh dream at the film's full strength.
            assert len(frames) == 1  # for strength changes over time
            starts = [replace(starts[0], limit=self._limit(sources[0], starts[0], time))]
        found: dict[int, Image] = {}
        for carried in (False, True):  # which aren't dreamt alike
            places = [n for n, each in enumerate(starts) if (each.carried is not None) == carried]
            some = [(sources[n], starts[n]) for n in places]
            found |= zip(places, self._found(some, time, strength) if some else [], strict=True)
        return [
            self._held(frame, sources[n], starts[n], found[n], time)
            for n, frame in enumerate(frames)
        ]

    def _limit(self, source: Image, start: _Start, time: float) -> float:
        fresh = replace(start, carried=None)
        (found,) = self._found([(source, fresh)], time, self.most)
        return _ROOM * _size(values_of(found - source))

    def _held(
        self, frame: tuple[Seen, State], source: Image, start: _Start, found: Image, time: float
    ) -> tuple[Pixels, State]:
        """Return a dream with its detail held, and what the next one needs of it."""
        (seen, before), strength = frame, value_at(self.film.strength, time)
        detail = values_of(found - source)
        limit = _ROOM * _size(detail) if start.limit is None else start.limit
        detail = held(source, detail, limit * strength / max(self.most, 1e-9), seen.mask)
        state = State(before.frames + 1, detail, np.array([limit]))
        finished = self._finished(source, _plus(source, detail), time)
        if seen.mask is not None:
            finished = torch.where(seen.mask > 0, finished, source)
        return pixels_of(finished, bits_of(seen.frame.pixels)), state

    def fresh(self, image: Image, time: float) -> Image:
        """Return the dream of an image at a time of the film."""
        strength = value_at(self.film.strength, time)
        (found,) = self._found([(image, _Start())], time, strength)
        return self._finished(image, found, time)

    def layer(self, time: float, image: Image) -> Layer:
        """Return the first layer of the objective at a time."""
        plan, _ = self._at(time, image, value_at(self.film.strength, time))
        return self.model.resolve(next(iter(plan.objective.layers())))

    def _found(
        self, frames: Sequence[tuple[Image, _Start]], time: float, strength: float
    ) -> list[Image]:
        """Return what steps make of frames, which are shown to the network together.

        Args:
            frames: from what each begins; all of them carry detail, or none does.
            time: of the film.
            strength: of the dream.
        """
        sources, starts = zip(*frames, strict=True)
        begun = [each.begun(source) for source, each in frames]
        if not strength:
            return begun
        plan, regions = self._at(time, sources[0], strength)
        protect = plan.settings.protect
        if protect is not None:
            maps = [protection(protect, self.model, each.to(plan.device)) for each in sources]
            regions = tuple(protected(each, torch.cat(maps).cpu()) for each in regions)
        octaves = replace(plan.octaves, regions=regions, finish=Finish())
        plan = replace(plan, settings=replace(plan.settings, protect=None))
        if starts[0].carried is None:
            return _stepped(plan, octaves, begun, [each.weight for each in starts])
        octaves = _with_fewer(octaves, _share(self.film.coherence))
        small, large = _parted(octaves)
        begun = _stepped(plan, small, begun, [each.new for each in starts])
        return _stepped(plan, large, begun, [each.weight for each in starts])

    def _at(
        self, time: float, source: Image, strength: float
    ) -> tuple[DreamPlan, tuple[Region, ...]]:
        """Return how a frame is dreamt at a time, and with what objectives."""
        numbers = {name: keys.number(time) for name, keys in self.keys.items() if name != "layer"}
        numbers["strength"] = strength or 1.0
        layers = self.keys.get("layer")
        if layers is None:
            plan = self._plan(source, numbers)
            return plan, tuple(plan.octaves.regions)
        first, second, share = layers.at(time)
        plan = self._plan(source, numbers | {"layer": first})
        regions = tuple(plan.octaves.regions)
        if share:
            other = self._plan(source, numbers | {"layer": second}).octaves.regions
            ones = torch.ones(1, 1, *source.shape[-2:])
            regions = (
                *(_weighted(each, ones * (1 - share)) for each in regions),
                *(_weighted(each, ones * share) for each in other),
            )
        return plan, regions

    def _plan(self, source: Image, settings: Mapping[str, Any]) -> DreamPlan:
        key = tuple(sorted(settings.items()))
        if key not in self._plans:
            if len(self._plans) > 8:
                self._plans.clear()  # of times that are over
            self._plans[key] = replace(self.dream, photo=source, **settings).plan(self.files)
        return self._plans[key]

    def _finished(self, source: Image, image: Image, time: float) -> Image:
        plan, _ = self._at(time, source, value_at(self.film.strength, time))
        return plan.octaves.finish.applied(Stored(source), Stored(image)).tensor


@dataclass(frozen=True, eq=False)
class _Start:
    """From what a frame's dream begins; by default a dream of that frame alone.

    Args:
        carried: detail of the frame before, at the pixels of this one.
        weight: factors for the steps, (1, 1, height, width); None for 1 everywhere.
        new: the same, of smaller octaves, where detail is carried.
        limit: of the size of the detail; None where a scene begins, whose dream says it.
    """

    carried: Values | None = None
    weight: Tensor | None = None
    new: Tensor | None = None
    limit: float | None = None

    @classmethod
    def of(cls, film: Film, seen: Seen, before: State) -> _Start:
        """Return from what the dream of a frame begins."""
        mask, moved = seen.mask, seen.motion
        if not film.coherence:
            return cls(weight=mask)
        if before.detail is None or moved is None:
            # All is new: written as a map too, so that a dream rounds the same among others.
            ones = torch.ones(1, 1, *seen.frame.pixels.shape[:2])
            return cls(weight=ones if mask is None else ones * mask)
        (limit,) = map(float, before.held)
        share = _share(film.coherence)
        carried = share * moved.visible[..., None] * moved.carried(before.detail)
        visible = torch.from_numpy(moved.visible)[None, None]
        weight = 1 - film.coherence * visible
        new = 1 - film.coherence**_STILL * visible
        if mask is not None:
            weight, new = weight * mask, new * mask
        return cls(carried, weight, new, limit)

    def begun(self, source: Image) -> Image:
        """Return with what the steps begin."""
        return source if self.carried is None else _plus(source, self.carried)


def _share(coherence: float) -> float:
    """Return the share of the detail that is carried.

    All but for the smallest coherences, so that 0 carries nothing.
    """
    return 1 - (1 - coherence) ** 3


def _with_fewer(octaves: Octaves, share: float) -> Octaves:
    """Return octaves of fewer and longer steps, where a share of the detail is carried."""
    steps = max(1, round(octaves.steps * (1 - _FEWER * share)))
    if not octaves.steps or not isinstance(octaves.rule, Steps):
        return octaves  # other rules know no length
    longer = octaves.steps / steps
    return replace(octaves, steps=steps, lengths=[longer * each for each in octaves.lengths])


def _parted(octaves: Octaves) -> tuple[Octaves, Octaves]:
    """Return the smaller octaves, and the largest ones."""
    small, large = (
        replace(octaves, sizes=octaves.sizes[these], lengths=octaves.lengths[these])
        for these in (slice(None, -_LARGEST), slice(-_LARGEST, None))
    )
    return small, large


def _stepped(
    plan: DreamPlan, octaves: Octaves, begun: list[Image], weights: Sequence[Tensor | None]
) -> list[Image]:
    """Return what the steps of octaves make of images, with a weight for each or for none."""
    own = [each for each in weights if each is not None]
    if own:
        regions = tuple(_weighted(each, torch.cat(own)) for each in octaves.regions)
        octaves = replace(octaves, regions=regions)
    steps = replace(plan, octaves=octaves).whole_steps(torch.cat(begun))
    last = deque(steps, maxlen=1)
    return [*torch.split(last[0].image().detach().cpu(), 1)] if last else begun


def _plus(source: Image, detail: Values) -> Image:
    return (source + image_of_values(detail)).clamp(0, 1)


def _weighted(region: Region, weight: Tensor) -> Region:
    return replace(region, weight=weight if region.weight is None else region.weight * weight)


def _size(detail: Values) -> float:
    return float(np.sqrt(np.square(detail).mean()))


def held(source: Image, detail: Values, limit: float, mask: Tensor | None) -> Values:
    """Return detail of a limited size, with which a frame is as bright as its source."""
    size = _size(detail)
    if size > limit:
        detail = detail * np.float32(limit / size)
    pixels = values_of(source)
    changed = np.ones(pixels.shape[:2], np.float32)
    if mask is not None:
        changed = (mask[0, 0] > 0).numpy().astype(np.float32)
    share = max(float(changed.mean()), 1e-9)
    wanted = float((pixels @ _LUMA).mean())
    for _ in range(4):  # what is clipped is made up for by the rest
        shown = np.clip(pixels + detail, 0, 1)
        error = float((shown @ _LUMA).mean()) - wanted
        detail = detail - changed[..., None] * np.float32(error / share)
    found: Values = np.clip(pixels + detail, 0, 1) - pixels
    return found


def first_dream(
    film: Film | Zoom,
    model: Model,
    photo: PictureLike,
    files: Files | None,
    **changes: Any,
) -> DreamPlan:
    """Return how the first frame of a film is dreamt, with the layers of later ones checked.

    Args:
        film: how.
        model: the network.
        photo: the frame before it is dreamt.
        files: reads the files that the objective names.
        changes: other settings of the dream.
    """
    keys = film.keys()
    for layer in keys["layer"].values if "layer" in keys else ():
        model.resolve(layer)
    numbers = {name: each.values[0] for name, each in keys.items() if name != "strength"}
    dream: Dream = replace(film.dream(), model=model, photo=photo, **numbers | changes)
    return dream.plan(files)


def film_job(
    film: Film | Zoom, first: DreamPlan, source: Source, mask: Source | None = None
) -> Job:
    """Return what makes a film.

    Args:
        film: how.
        first: how its first frame is dreamt.
        source: the film that is read, or the photo.
        mask: the film, or the picture, that is its mask.
    """
    # As texts, and regions by the names of their files.
    texts = {name: first.job.settings[name] for name in _TEXTS if getattr(film, name) is not None}
    return replace(
        first.job,
        recipe=film.name,
        settings=film.kept() | texts,
        photo=source,
        guides=first.job.guides if mask is None else (*first.job.guides, mask),
        seed=film.seed,
    )


def with_pictures(film: _Film) -> _Film:
    """Return a film with its guide and the masks of its regions read, once for all frames."""
    given: Any = film
    guide = None if given.guide is None else picture_of(given.guide, "guide")
    region = tuple((picture_of(mask, "mask"), of) for mask, of in given.region)
    found: _Film = replace(given, guide=guide, region=region)
    return found
