"""Frames of a film as they are dreamt: chosen, resized, compared with the one before."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from entoptic.images.resize import resize
from entoptic.types import Image
from entoptic.video.cuts import is_cut, small
from entoptic.video.motion import Motion, dis, motion
from entoptic.video.pixels import Pixels, bits_of, image_of, pixels_of
from entoptic.video.reading import Facts, Frame, frames_of

if TYPE_CHECKING:
    from entoptic.recipes.film import Film

# Frames that are decoded before they are dreamt.
_AHEAD = 4

_Each = TypeVar("_Each")

Values = NDArray[np.float32]
"""(height, width, 3): sRGB in [0, 1], or what is added to it."""


@dataclass(frozen=True, eq=False)
class Shot:
    """A source frame at the size of the film.

    Args:
        frame: at its time in the film that is made.
        mask: steps' factors, (1, 1, height, width); None for 1 everywhere.
        begins: whether a scene begins with it.
    """

    frame: Frame
    mask: Tensor | None
    begins: bool


@dataclass(frozen=True, eq=False)
class Seen:
    """A source frame with what moved since the one before.

    Args:
        frame: at its time in the film that is made.
        motion: None where a scene begins.
        mask: as in `Shot`.
    """

    frame: Frame
    motion: Motion | None
    mask: Tensor | None


def kept(recipe: Film, frames: Iterable[Frame], place: int = 0) -> Iterator[tuple[int, Frame]]:
    """Yield those source frames of a film that are dreamt, each with its place among them.

    Args:
        recipe: which frames.
        frames: of the source, from its begin or from one that is dreamt.
        place: of the first that is dreamt among them.
    """
    number = place * recipe.every
    for frame in frames:
        if recipe.end is not None and frame.time >= exact(recipe.end):
            return
        if frame.time < exact(recipe.start):
            continue
        if number % recipe.every == 0:
            yield number // recipe.every, frame
        number += 1


def shots(
    recipe: Film,
    frames: Iterable[tuple[int, Frame]],
    facts: Facts,
    mask: Facts | None,
    first: int = 0,
) -> Iterator[Shot]:
    """Yield frames that are dreamt at the size of the film, with their masks.

    Args:
        recipe: how.
        frames: those that are kept.
        facts: of the film that is made.
        mask: the film that is its mask.
        first: the place from which on they are wanted.
    """
    masks = None if mask is None else _masks(mask, facts)
    masked = -1
    before: Pixels | None = None
    for place, frame in frames:
        if place < first - 1:
            continue
        now = small(frame.pixels)
        begins = before is None or (bool(recipe.coherence) and is_cut(before, now))
        before = now
        if place < first:
            continue
        here = None
        while masks is not None and masked < place:
            here, masked = next(masks), masked + 1
        pixels = at_size(frame.pixels, facts.height, facts.width)
        length = None if frame.duration is None else frame.duration * recipe.every
        at = Frame(place, frame.time - exact(recipe.start), length, pixels)
        yield Shot(at, here, begins)


def seen(recipe: Film, taken: Iterable[Shot], before: Shot | None = None) -> Iterator[Seen]:
    """Yield frames with what moves from each to the one before.

    Args:
        recipe: by what flow.
        taken: frames in order.
        before: the one before the first; None for none.
    """
    for each in taken:
        moved = None
        if before is not None and not each.begins and recipe.coherence:
            moved = motion(before.frame.pixels, each.frame.pixels, recipe.flow or dis)
        yield Seen(each.frame, moved, each.mask)
        before = each


def exact(seconds: float) -> Fraction:
    """Return a time as it was typed: 0.04 is a twenty-fifth.

    >>> exact(0.04)
    Fraction(1, 25)
    """
    return Fraction(str(seconds))


def at_size(pixels: Pixels, height: int, width: int) -> Pixels:
    """Return a frame resized; at its own size, itself."""
    if pixels.shape[:2] == (height, width):
        return pixels
    resized = resize(image_of(pixels), height, width).clamp(0, 1)
    return pixels_of(resized, bits_of(pixels))


def image_of_values(values: Values) -> Image:
    """Return numbers for pixels, (height, width, 3), as an image has them."""
    return torch.from_numpy(np.ascontiguousarray(values)).permute(2, 0, 1)[None]


def values_of(image: Image) -> Values:
    """Return an image's numbers for pixels, (height, width, 3)."""
    values: Values = image[0].permute(1, 2, 0).contiguous().numpy()
    return values


def _masks(source: Facts, facts: Facts) -> Iterator[Tensor]:
    """Yield the mask of each frame; after its last frame that one stays."""
    last = None
    for frame in frames_of(source):
        pixels = at_size(frame.pixels, facts.height, facts.width)
        last = image_of(pixels).mean(1, keepdim=True)
        yield last
    assert last is not None
    while True:
        yield last


def ahead(things: Iterable[_Each]) -> Generator[_Each]:
    """Go through what another thread makes meanwhile, a few at most."""
    waiting: queue.Queue[_Each | BaseException | None] = queue.Queue(_AHEAD)
    over = threading.Event()

    def put(each: _Each | BaseException | None) -> None:
        while not over.is_set():
            try:
                waiting.put(each, timeout=0.1)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            for each in things:
                put(each)
                if over.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where the frames are used
            put(error)

    thread = threading.Thread(target=work, name="film", daemon=True)
    thread.start()
    try:
        while True:
            each = waiting.get()
            if isinstance(each, BaseException):
                raise each
            if each is None:
                return
            yield each
    finally:
        over.set()
        thread.join()
