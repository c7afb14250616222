"""Zooms: each frame is the one before, moved by the camera and dreamt again."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from entoptic.errors import BadSetting
from entoptic.images import picture_of
from entoptic.jobs.cameras import back
from entoptic.jobs.film_dreams import Dreamer, film_job, first_dream, with_pictures
from entoptic.jobs.film_frames import Values, image_of_values, values_of
from entoptic.jobs.film_making import Making
from entoptic.jobs.film_parts import State
from entoptic.jobs.inputs import source_of
from entoptic.jobs.loops import Loop
from entoptic.types import Image
from entoptic.video.motion import check_installed, opencv
from entoptic.video.pixels import pixels_of
from entoptic.video.reading import USUAL_RATE, Facts, Frame
from entoptic.video.writing import check_form, form_of

if TYPE_CHECKING:
    from entoptic.networks import Model
    from entoptic.objectives.files import Files
    from entoptic.recipes.zoom import Zoom

# Of the way to where the layer is strongest, the camera goes so much in a second.
_DRIFT = 0.6
# The power by which positions that respond less count less.
_PEAK = 16


@dataclass(frozen=True, eq=False)
class ZoomPlan(Making):
    """A zoom that has been checked and can begin.

    Args:
        model: the network.
        recipe: what is wanted.
        photo: the first frame before it is dreamt, at the size of the film.
        files: reads the files that objectives name.
    """

    model: Model
    recipe: Zoom
    photo: Image
    files: Files | None = None

    @property
    def count(self) -> int:
        return max(1, round(float(self.recipe.seconds) * self.facts.rate))

    @functools.cached_property
    def loop(self) -> Loop | None:
        """How its end goes over into its begin; None where it doesn't."""
        if not self.recipe.loop:
            return None
        size = self.facts.height, self.facts.width
        return Loop.of(self.recipe, size, float(self.facts.rate), self.count)

    @property
    def beyond(self) -> int:
        """Number of frames that are made beyond the end of a loop, for its begin."""
        return 0 if self.loop is None else self.loop.beyond

    def frames(self, state: State | None = None) -> Iterator[tuple[Frame, State]]:
        """See `Making.frames`; those beyond the end of a loop are for its begin."""
        state = state or State()
        dreamer = Dreamer(self.recipe, self.model, self.files)
        length = 1 / self.facts.rate
        for number in range(state.frames, self.count + self.beyond):
            image, state = self._next(dreamer, number, state)
            yield Frame(number, number * length, length, pixels_of(image, self.form.bits)), state

    def arranged(self, frames: Callable[[], Iterator[Frame]]) -> Iterator[Frame]:
        """See `Making.arranged`; a loop's end goes over into its begin."""
        if self.loop is None:
            return itertools.islice(frames(), self.count)
        return self.loop.arranged(frames, self.count)

    def _next(self, dreamer: Dreamer, number: int, before: State) -> tuple[Image, State]:
        """Return a frame, and what the next one needs of it."""
        time = float(number / self.facts.rate)
        if before.detail is None:
            begin, center = self.photo, self._center
        else:
            *_, down, across = before.held
            center = self._drifted(dreamer, before.detail, (down, across), time)
            begin = image_of_values(self._moved(before.detail, center, time))
        found = values_of(dreamer.fresh(begin, time))
        levels = _levels(found) if before.detail is None else before.held[:6]
        found = _steadied(found, levels)
        return image_of_values(found), State(number + 1, found, np.array([*levels, *center]))

    @property
    def _center(self) -> tuple[float, float]:
        center = self.recipe.center
        return (0.5, 0.5) if isinstance(center, str) else center

    def _drifted(
        self, dreamer: Dreamer, frame: Values, center: tuple[float, float], time: float
    ) -> tuple[float, float]:
        """Return the point that the camera goes to."""
        if not isinstance(self.recipe.center, str):
            return center
        layer = dreamer.layer(time, image_of_values(frame))
        values = self.model.activations(image_of_values(frame), [layer])[layer]
        if values.ndim != 4:
            raise BadSetting(f"the layer {layer} has no positions; name a center: 0.5,0.5")
        energy = values.square().mean(1, keepdim=True)
        energy = torch.nn.functional.avg_pool2d(energy, 3, 1, 1)[0, 0]
        # The middle of the strongest positions, so that two that are alike don't take turns.
        weight = (energy / energy.max().clamp(min=1e-12)) ** _PEAK
        rows, columns = weight.sum(1), weight.sum(0)
        wanted = _middle(rows), _middle(columns)
        share = 1 - (1 - _DRIFT) ** float(1 / self.facts.rate)
        moved = tuple(old + share * (new - old) for old, new in zip(center, wanted, strict=True))
        return cast("tuple[float, float]", moved)

    def _moved(self, frame: Values, center: tuple[float, float], time: float) -> Values:
        """Return a frame as the camera has it a frame later."""
        cv2 = opencv()
        height, width = frame.shape[:2]
        way = back(self.recipe, (height, width), center, time, float(1 / self.facts.rate))
        moved: Values = cv2.warpAffine(
            frame,
            way,
            (width, height),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        return np.clip(moved, 0, 1)


def _middle(weight: Tensor) -> float:
    """Return the mean position of weights, as a share of their length."""
    positions = torch.arange(len(weight), dtype=weight.dtype, device=weight.device) + 0.5
    return float((weight * positions).sum() / weight.sum().clamp(min=1e-12)) / len(weight)


def _levels(frame: Values) -> NDArray[np.float64]:
    """Return mean and standard deviation of each color."""
    return np.concatenate([frame.mean((0, 1)), frame.std((0, 1))]).astype(np.float64)


def _steadied(frame: Values, levels: NDArray[np.float64]) -> Values:
    """Return a frame with a mean and a deviation of each color."""
    mean, deviation = levels[:3].astype(np.float32), levels[3:].astype(np.float32)
    for _ in range(3):  # what is clipped is made up for by the rest
        now = np.maximum(frame.std((0, 1)), 1e-6)
        frame = np.clip((frame - frame.mean((0, 1))) * (deviation / now) + mean, 0, 1)
    return frame


def plan_zoom(recipe: Zoom, files: Files | None = None) -> ZoomPlan:
    """Check a zoom and lay it out; see `Recipe.plan`."""
    check_installed()
    output = recipe.destination()
    form = form_of(output, recipe.codec, recipe.bits)
    photo = picture_of(recipe.photo)
    model = recipe.network()
    recipe = with_pictures(replace(cast("Any", recipe), model=model, photo=photo))
    first = first_dream(recipe, model, photo, files)
    height, width = first.shape
    rate = USUAL_RATE if recipe.rate is None else Fraction(recipe.rate)
    if form.codec is not None and form.codec.even:
        # Of a photo nothing is lost if it is a row or a column less.
        height, width = height - height % 2, width - width % 2
    facts = Facts.of_pictures(output, height, width, rate, form.bits)
    check_form(form, facts)
    begin = first.photo.image[..., : facts.height, : facts.width]
    job = film_job(recipe, first, source_of(photo))
    return ZoomPlan(facts, form, job, first.notes, model, recipe, begin, files)
