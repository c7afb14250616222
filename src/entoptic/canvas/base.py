"""The canvas: whatever is changed so that the picture changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import nn

from entoptic.checks import instance
from entoptic.types import Image, Planes


class Canvas(nn.Module, ABC):
    """Parameters, and how a picture comes of them.

    The first axis of every parameter is the batch, so that step rules can treat images one by one.
    """

    @abstractmethod
    def forward(self) -> Image:
        """The picture, sRGB in [0, 1], differentiable in the parameters."""

    def planes(self) -> Planes:
        """What the transforms are given, and the layer `canvas` holds.

        It is the picture, with its transparency as a fourth channel where the canvas has any.
        """
        picture: Planes = self()
        return picture

    @abstractmethod
    def resized(self, height: int, width: int) -> Canvas:
        """A new canvas with the same picture at another size."""

    def constrain(self) -> None:
        """Bring the parameters back to where the picture is in range; called after each step."""


def a_canvas(name: str, value: Any) -> Canvas:
    """A canvas, and nothing else."""
    return instance(Canvas, "a canvas, such as Fourier(224, 224)")(name, value)  # type: ignore[no-any-return]
