"""The settings of recipes that look at a network without optimising anything."""

from __future__ import annotations

from abc import ABC
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, ClassVar

from entoptic.jobs.recipe import Recipe, with_default

if TYPE_CHECKING:
    from entoptic.networks import DeviceLike

COMPUTE = "How to compute"


@dataclass(frozen=True)
class Looking(Recipe, ABC):
    """Pictures of what a network holds, or computes; nothing in them is random."""

    optimizes: ClassVar[bool] = False

    _: KW_ONLY
    seed: int = with_default(Recipe, "seed", 0, hidden=True)
    precision: str = with_default(Recipe, "precision", "fp32", hidden=True)
    device: DeviceLike = with_default(Recipe, "device", "auto", heading=COMPUTE)
