"""Pictures side by side, as one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image as Pillow, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

from entoptic.checks import count, instance, number, several, taking, whole
from entoptic.errors import BadSetting
from entoptic.images import PictureLike, image_of
from entoptic.types import Image

# Of a label, in pixels: its letters, and the strip below a picture that they stand in.
_LETTERS, _STRIP = 13, 20


@taking(
    columns=count,
    gap=whole(0, 10_000),
    background=number(least=0, most=1),
    labels=several(instance(str, "a text"), "texts"),
    titles=several(instance(str, "a text"), "texts"),
)
def sheet(
    images: PictureLike,
    columns: int,
    *,
    gap: int = 4,
    background: float = 1.0,
    labels: Sequence[str] = (),
    titles: Sequence[str] = (),
) -> Tensor:
    """Lay the pictures of a batch side by side, row by row.

    Args:
        images: (batch, 3, height, width), sRGB in [0, 1]; or a picture in any other form.
        columns: how many stand in a row, if there are so many.
        gap: between pictures, in pixels.
        background: grey of the gaps and of places left over, from 0 (black) to 1 (white).
        labels: a text below each picture, or none at all.
        titles: a text above each column, or none at all.

    Returns:
        (1, 3, height, width), on the device of the images.

    Raises:
        BadSetting: no picture, less than one column, a negative gap, a background outside [0, 1],
            or labels for another number of pictures, or titles for another one of columns.

    >>> sheet(torch.zeros(5, 3, 10, 20), 3, gap=2).shape
    torch.Size([1, 3, 22, 64])
    """
    images = image_of(images, "images")
    count = len(images)
    if labels and len(labels) != count:
        raise BadSetting(f"{len(labels)} labels for {count} pictures; give one for each, or none")
    if labels:
        images = torch.cat([images, _strips(labels, images, background)], 2)
    height, width = sheet_size(count, columns, *images.shape[-2:], gap=gap)
    columns = min(columns, count)
    rows = -(-count // columns)
    # Every picture brings its gap, to the right and below; the last ones are cut off again.
    tiles = functional.pad(images, (0, gap, 0, gap), value=background)
    left_over = tiles.new_full((rows * columns - count, *tiles.shape[1:]), background)
    _, channels, down, across = tiles.shape
    grid = torch.cat([tiles, left_over]).reshape(rows, columns, channels, down, across)
    whole = grid.permute(2, 0, 3, 1, 4).reshape(1, channels, rows * down, columns * across)
    whole = whole[..., :height, :width]
    if not titles:
        return whole
    if len(titles) != columns:
        raise BadSetting(f"{len(titles)} titles for {columns} columns; give one for each, or none")
    above = _strips(titles, images, background)
    return torch.cat([sheet(above, columns, gap=gap, background=background), whole], 2)


def sheet_size(
    count: int,
    columns: int,
    height: int,
    width: int,
    *,
    gap: int = 4,
    labelled: bool = False,
    titled: bool = False,
) -> tuple[int, int]:
    """(height, width) of the sheet of so many pictures of a size, without making it.

    >>> sheet_size(5, 3, 10, 20, gap=2)
    (22, 64)
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    tile = height + (_STRIP if labelled else 0)
    above = _STRIP if titled else 0
    return above + rows * (tile + gap) - gap, columns * (width + gap) - gap


def headed(title: str, picture: Image) -> Tensor:
    """Return a picture with a line of text above it, at the left.

    Args:
        title: the text; as much of it as there is room for.
        picture: (1, 3, height, width), on white.
    """
    strip = _strip(title, picture.shape[-1], 1.0, centered=False)
    return torch.cat([strip.to(picture)[None, None].expand(-1, 3, -1, -1), picture], 2)


def headed_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) of a picture of a size with a line of text above it."""
    return size[0] + _STRIP, size[1]


def _strips(labels: Sequence[str], images: Image, background: float) -> Tensor:
    """The labels as pictures to stand below their own, (batch, 3, strip, width)."""
    strips = torch.stack([_strip(label, images.shape[-1], background) for label in labels])
    return strips.to(images)[:, None].expand(-1, 3, -1, -1)


def _strip(label: str, width: int, background: float, *, centered: bool = True) -> Tensor:
    """One label in the middle of its strip, black or white, whichever is seen better."""
    font = ImageFont.load_default(_LETTERS)
    shown = _shortened(label, lambda text: font.getlength(text) <= width)
    coverage = Pillow.new("L", (width, _STRIP))
    start, anchor = (width / 2, "mm") if centered else (2, "lm")
    ImageDraw.Draw(coverage).text((start, _STRIP / 2), shown, 255, font, anchor=anchor)
    ink = 0.0 if background > 0.5 else 1.0
    amount = torch.from_numpy(np.asarray(coverage, np.float32) / 255)
    return background + (ink - background) * amount


def _shortened(label: str, fits: Callable[[str], bool]) -> str:
    """Return as much of a label as fits; of a channel the number is kept as long as it does.

    >>> [_shortened("blocks.4:123", lambda text: len(text) <= most) for most in (12, 9, 5, 4, 2, 0)]
    ['blocks.4:123', 'bloc…:123', '…:123', 'blo…', 'b…', '']
    """
    if fits(label):
        return label
    start, mark, number = label.rpartition(":")
    if mark and number.isdigit():
        kept = [f"{start[:length]}…:{number}" for length in range(len(start) - 1, -1, -1)]
    else:
        kept = []
    plain = [f"{label[:length]}…" for length in range(len(label) - 1, 0, -1)]
    return next((text for text in (*kept, *plain) if fits(text)), "")
