"""Photographs as a yardstick: found in folders, read one after the other, cut to a size."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from entoptic.errors import BadPicture, PictureNotFound
from entoptic.images import Picture, check_readable, read
from entoptic.images.resize import fit_long_side, resize
from entoptic.paths import why_missing
from entoptic.types import Image, PathLike

Made = TypeVar("Made")

_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif", ".bmp")


# Decoders that work beside the network; more wait for it, or take its cores.
_MOST_WORKERS = 8


def photo_files(
    places: Iterable[PathLike], *, nested: bool = False, checked: bool = True
) -> tuple[Path, ...]:
    """Return the picture files of files and folders, each once.

    Of a folder it is those with a picture's ending, by name.

    Args:
        places: files and folders.
        nested: whether files of folders inside a folder count, too.
        checked: whether each file is checked to begin like a picture.

    Raises:
        PictureNotFound: nothing is there, or the folder has no pictures.
        BadPicture: a file isn't one.
    """
    found: dict[Path, None] = {}
    for given in places:
        if not str(given):
            raise PictureNotFound("a photograph's name is empty; name a file or a folder")
        place = Path(given)
        if not checked and not place.exists():
            hint = why_missing(place, _ENDINGS) or "; check the name"
            raise PictureNotFound(f"there is no photograph and no folder {str(given)!r}{hint}")
        inside = (
            sorted(place.rglob("*") if nested else place.iterdir()) if place.is_dir() else [place]
        )
        files = [each for each in inside if each == place or each.suffix.lower() in _ENDINGS]
        if not files:
            raise PictureNotFound(
                f"the folder {str(place)!r} has no pictures ({' '.join(_ENDINGS)}); name another"
            )
        found |= dict.fromkeys(files)
    if checked:
        for file in found:
            check_readable(file)
    return tuple(found)


def each_photo(
    photos: Sequence[Path | Picture],
    prepare: Callable[[Picture], Made],
    *,
    workers: int | None = None,
) -> Iterator[Made | BadPicture | PictureNotFound]:
    """Read photographs in workers beside the caller's work; few of them are in memory at a time.

    Args:
        photos: files, and pictures that are read already.
        prepare: makes of a photograph what is kept of it; runs in the workers.
        workers: threads; by default one for each core, 8 at most.

    Yields:
        What was made of each, in order; of a file that can't be read its error, which whoever needs
        them all raises.
    """
    count = workers or min(_MOST_WORKERS, os.cpu_count() or 1)

    def made(photo: Path | Picture) -> Made | BadPicture | PictureNotFound:
        try:
            return prepare(read(photo) if isinstance(photo, Path) else photo)
        except (BadPicture, PictureNotFound) as error:
            return error

    with ThreadPoolExecutor(count, "photographs") as pool:
        waiting: deque[Future[Made | BadPicture | PictureNotFound]] = deque()
        try:
            for photo in photos:
                waiting.append(pool.submit(made, photo))
                if len(waiting) > 2 * count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()


ViewSize: TypeAlias = int | tuple[int, int]
"""A long side in pixels, or (height, width), for which a photograph's middle is cut out."""


@dataclass(frozen=True)
class View:
    """The window of a photograph that a network is shown, and the size at which.

    Args:
        top: of the window, in pixels of the photograph.
        left: likewise.
        height: of the window.
        width: likewise.
        size: (height, width) of the image that is made of it.
    """

    top: int
    left: int
    height: int
    width: int
    size: tuple[int, int]

    @classmethod
    def of(cls, height: int, width: int, size: ViewSize) -> View:
        """Return the view of a photograph of (height, width) at a size.

        >>> View.of(40, 60, 30)
        View(top=0, left=0, height=40, width=60, size=(20, 30))
        >>> View.of(40, 60, (20, 20))
        View(top=0, left=10, height=40, width=40, size=(20, 20))
        """
        if isinstance(size, int):
            return cls(0, 0, height, width, fit_long_side(height, width, size))
        share = min(height / size[0], width / size[1])
        down, across = max(1, round(size[0] * share)), max(1, round(size[1] * share))
        return cls((height - down) // 2, (width - across) // 2, down, across, size)

    def window(self, photo: Image) -> Tensor:
        """Return the part of a photograph that the network is shown, as large as it is."""
        return photo[..., self.top : self.top + self.height, self.left : self.left + self.width]

    def image(self, photo: Image) -> Tensor:
        """Return what the network is shown of a photograph."""
        return resize(self.window(photo), *self.size).clamp(0, 1)


def crops(photo: Image, size: int) -> Tensor:
    """Squares of a photograph, (count, 3, size, size), which show it whole and in detail.

    The middle square and those at both ends of the longer side, at the height of the shorter side;
    and where that is at least twice the size, the four corners at half of it.

    >>> crops(torch.zeros(1, 3, 30, 50), 20).shape, crops(torch.zeros(1, 3, 40, 40), 20).shape
    (torch.Size([3, 3, 20, 20]), torch.Size([5, 3, 20, 20]))
    """
    height, width = photo.shape[-2:]
    # Cut before they are resized, so that no odd shape explodes.
    cut = [
        resize(photo[..., top : top + side, left : left + side], size, size).clamp(0, 1)
        for top, left, side in _squares(height, width, size)
    ]
    return torch.cat(cut)


def _squares(height: int, width: int, size: int) -> list[tuple[int, int, int]]:
    """(top, left, side) of each square, the middle one first."""
    side = min(height, width)
    down, across = height - side, width - side
    squares = [(down // 2, across // 2, side), (0, 0, side), (down, across, side)]
    if side >= 2 * size:
        half = side // 2
        squares += [(top, left, half) for top in (0, height - half) for left in (0, width - half)]
    return list(dict.fromkeys(squares))
