"""The oldest transform: roll the picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from entoptic.checks import whole
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
