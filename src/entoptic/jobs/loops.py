"""Loops of zooms: the film's begin appears small in the middle of its end, and grows with it.

A cross-fade shows two pictures at once, and where they are mixed both lose their contrast. A zoom
has a better way: what is in its middle becomes the whole frame. So the first frame is put there,
small and with soft edges, and is enlarged as all else is until it fills the frame.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from entoptic.jobs.cameras import Affine, back, forth, scale, then
from entoptic.video.motion import opencv
from entoptic.video.pixels import Pixels
from entoptic.video.reading import Frame

if TYPE_CHECKING:
    from entoptic.recipes.zoom import Zoom

Frames = Callable[[], Iterator[Frame]]
"""Goes through finished frames from the first, each time that it is called."""

# Of the way from the center to the edge of the first frame: inside it is all there, and from there
# to the edge it fades.
_WHOLE = 0.5
# The first frame appears at this share of its size, or at least at the second.
_SMALL, _LARGE = 1 / 12, 1 / 2
# Of a film, the share that may be made beyond its end.
_BEYOND = 0.6
# Seconds in which it appears.
_APPEARS = 0.5
# Where nothing grows, the end fades into the beginning over this share, and at most these seconds.
_FADE, _FADE_SECONDS = 0.25, 2.0

_Mask = NDArray[np.float32]


@dataclass(frozen=True)
class Loop:
    """How the end of a film goes over into its begin.

    Args:
        beyond: number of frames that are made beyond its end, under its first ones.
        places: for each of the first frames, and with negative numbers each of the last, what
            leads from its pixels to those of the first frame; empty for a cross-fade.
        center: (down, across) of the camera, in pixels.
        appears: number of frames in which the first one appears.
    """

    beyond: int
    places: dict[int, Affine]
    center: tuple[float, float]
    appears: int

    @classmethod
    def of(cls, recipe: Zoom, size: tuple[int, int], rate: float, count: int) -> Loop:
        """Return the loop of a zoom.

        Args:
            recipe: how the camera moves.
            size: (height, width).
            rate: frames per second.
            count: number of frames.
        """
        fading = cls(min(int(count * _FADE), round(_FADE_SECONDS * rate)), {}, (0, 0), 0)
        if isinstance(recipe.center, str):
            return fading  # whose place isn't known beforehand
        step = 1 / rate
        height, width = size
        center = recipe.center[0] * (height - 1), recipe.center[1] * (width - 1)
        corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1]], float)
        corners = np.vstack([corners, [width - 1, height - 1, 1]])
        places = {0: np.eye(2, 3)}
        for number in itertools.count(1):
            far = _distance(corners @ places[number - 1].T, size, center)
            if far.max() <= _WHOLE + 1e-6:
                break
            if number > _BEYOND * count:
                return fading
            moved = back(recipe, size, recipe.center, number * step, step)
            places[number] = then(moved, places[number - 1])
        beyond = number - 1
        for number in range(1, count - beyond + 1):
            moved = back(recipe, size, recipe.center, (count - number + 1) * step, step)
            places[-number] = then(forth(moved), places[1 - number])
            if scale(places[-number]) >= 1 / _SMALL:
                break
        if scale(places[-number]) < 1 / _LARGE:
            return fading
        return cls(beyond, places, center, max(1, round(_APPEARS * rate)))

    def arranged(self, frames: Frames, count: int) -> Iterator[Frame]:
        """Yield the frames of the loop.

        Args:
            frames: those of the film, and those beyond its end.
            count: number of the film's.
        """
        beyond = itertools.islice(frames(), count, None)
        first: Frame | None = None
        for frame in itertools.islice(frames(), count):
            first, number = first or frame, frame.number
            if number < self.beyond:
                under = next(beyond, None)  # none, of a film that was stopped
                if under is not None:
                    share = self._share(number, frame.pixels)
                    frame = replace(frame, pixels=_mixed(under.pixels, frame.pixels, share))
            elif number - count in self.places:
                place = self.places[number - count]
                share = self._share(number - count, frame.pixels)
                over = _placed(first.pixels, place)
                frame = replace(frame, pixels=_mixed(frame.pixels, over, share))
            yield frame

    def _share(self, number: int, pixels: Pixels) -> _Mask | float:
        """Return the share of the begin in each pixel of a frame, (height, width, 1)."""
        if not self.places:
            return (number + 1) / (self.beyond + 1)
        size = pixels.shape[0], pixels.shape[1]
        down, across = np.mgrid[: size[0], : size[1]].astype(np.float64)
        points = np.stack([across, down, np.ones(size)], -1) @ self.places[number].T
        shown = _smooth((1 - _distance(points, size, self.center)) / (1 - _WHOLE))
        since = number - min(self.places) + 1
        appeared = min(1.0, since / (self.appears + 1))
        found: _Mask = (shown * appeared).astype(np.float32)[..., None]
        return found


def _distance(
    points: NDArray[np.float64], size: tuple[int, int], center: tuple[float, float]
) -> NDArray[np.float64]:
    """Return how far points are from the center of a frame; at the middle of its edges it is 1."""
    sides = []
    for axis, (length, at) in enumerate(((size[1], center[1]), (size[0], center[0]))):
        offset = points[..., axis] - at
        edge = np.where(offset > 0, length - 1 - at, at)
        sides.append(offset / np.maximum(edge, 1.0))
    found: NDArray[np.float64] = np.hypot(*sides)
    return found


def _smooth(share: NDArray[np.float64]) -> NDArray[np.float64]:
    share = share.clip(0, 1)
    return share * share * (3 - 2 * share)


def _placed(pixels: Pixels, place: Affine) -> Pixels:
    """Return a frame at a place of another one, shrunk without aliasing."""
    cv2 = opencv()
    height, width = pixels.shape[:2]
    # By halves first, so that a pixel in between sees all of those that it stands for.
    halved = max(0, int(math.log2(max(scale(place), 1))))
    small: Any = pixels
    for _ in range(halved):
        size = max(1, small.shape[1] // 2), max(1, small.shape[0] // 2)
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    across, down = small.shape[1] / width, small.shape[0] / height
    shrunk = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2]])
    found: Pixels = cv2.warpAffine(
        small,
        then(place, shrunk),
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return found


def _mixed(under: Pixels, over: Pixels, share: _Mask | float) -> Pixels:
    below = under.astype(np.float32)
    found: Pixels = np.rint(below + share * (over - below)).astype(over.dtype)
    return found
