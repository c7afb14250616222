"""The oldest transform: roll the picture, by a few pixels or all around."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from entoptic.checks import flag, whole
from entoptic.transforms.base import transform
from entoptic.types import Planes


@transform(pixels=whole(0))
@dataclass(frozen=True)
class Jitter:
    """Roll the picture by up to `pixels` in both directions, wrapping around.

    The gradient rolls back by itself, so that nothing moves in the picture that is optimised.

    Args:
        pixels: largest shift; each is drawn uniformly from -pixels..pixels.

    Raises:
        BadSetting: a negative shift.

    Source: Mordvintsev, Olah, Tyka, "DeepDreaming with Caffe" notebook, 2015.

    >>> Jitter(0)(torch.ones(1, 3, 2, 2), torch.Generator()).sum()
    tensor(12.)
    """

    pixels: int

    def __call__(self, image: Planes, rng: torch.Generator) -> Planes:
        return image if self.pixels == 0 else image.roll(self.drawn(rng), (2, 3))

    def drawn(self, rng: torch.Generator) -> tuple[int, int]:
        """A shift, in (rows, columns)."""
        if self.pixels == 0:
            return 0, 0
        # Drawn on the CPU: the same shifts on every device, and no synchronisation.
        rows, columns = torch.randint(-self.pixels, self.pixels + 1, (2,), generator=rng).tolist()
        return rows, columns


@transform(rows=flag, columns=flag)
@dataclass(frozen=True)
class Roll:
    """Roll the picture by any number of pixels, wrapping around, so that every pixel is as often at
    the border.

    Args:
        rows: whether it is rolled down.
        columns: whether it is rolled to the right.

    >>> Roll()(torch.ones(1, 3, 2, 2), torch.Generator()).sum()
    tensor(12.)
    """

    rows: bool = True
    columns: bool = True

    def __call__(self, image: Planes, rng: torch.Generator) -> Planes:
        for axis, rolls in ((2, self.rows), (3, self.columns)):
            if rolls:
                # Drawn on the CPU, as of `Jitter`.
                shift = int(torch.randint(image.shape[axis], (), generator=rng))
                image = image.roll(shift, axis)
        return image
