"""What moves from a frame to the next: optical flow, and what is covered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from entoptic.video.containers import av, package
from entoptic.video.pixels import Pixels, eight_bits

Field: TypeAlias = NDArray[np.float32]
"""(height, width, 2): for each pixel an offset, (across, down), in pixels."""

Flow: TypeAlias = Callable[[Pixels, Pixels], Field]
"""Optical flow: of two frames of 8 bits, where each pixel of the first is in the second."""

# Pixels: how far a way there and back may end from its beginning, and a share of its length.
_ERROR, _ERROR_SHARE = 0.7, 0.01
# Where the two frames differ by more, of 0 to 1, a pixel shows something else.
_OTHER = 0.12
# Pixels by which the border between what is carried and what isn't is softened.
_SOFT = 2.0


@dataclass(frozen=True, eq=False)
class Motion:
    """What leads from a frame to the one before it.

    Args:
        back: where each pixel of this frame was in the frame before.
        visible: 1 where it was seen there, 0 where it was covered, outside or something else;
            softened between, (height, width).
    """

    back: Field
    visible: NDArray[np.float32]

    def carried(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values of the frame before at the pixels of this one, (height, width, any)."""
        return warped(values, self.back, opencv().INTER_CUBIC)


def motion(before: Pixels, now: Pixels, flow: Flow) -> Motion:
    """Return what leads from a frame to the one before it.

    A pixel is seen in both where the way back, and from there the way forth, ends where it began
    (Sundaram, Brox, Keutzer, "Dense Point Trajectories by GPU-Accelerated Large Displacement
    Optical Flow", 2010), and where both frames look alike.
    """
    cv2 = opencv()
    before, now = eight_bits(before), eight_bits(now)
    back, forth = flow(now, before), flow(before, now)
    error = np.square(back + warped(forth, back)).sum(-1)
    length = np.square(back).sum(-1) + np.square(forth).sum(-1)
    there = warped(_float(before), back)
    difference = np.abs(there - _float(now)).mean(-1)
    height, width = now.shape[:2]
    across, down = _grid(height, width)
    x, y = across + back[..., 0], down + back[..., 1]
    seen = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    seen &= (error <= _ERROR_SHARE * length + _ERROR**2) & (difference <= _OTHER)
    visible = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), _SOFT)
    return Motion(back, visible)


def dis(first: Pixels, second: Pixels) -> Field:
    """Return the optical flow by dense inverse search.

    Source: Kroeger, Timofte, Dai, Van Gool, "Fast Optical Flow using Dense Inverse Search", 2016,
    as OpenCV has it.
    """
    cv2 = opencv()
    found: Field = _search().calc(
        cv2.cvtColor(first, cv2.COLOR_RGB2GRAY), cv2.cvtColor(second, cv2.COLOR_RGB2GRAY), None
    )
    return found


def _search() -> Any:
    cv2 = opencv()
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)


def warped(
    values: NDArray[np.float32], by: Field, interpolation: int | None = None
) -> NDArray[np.float32]:
    """Return values of a frame where each pixel of another one was in it.

    Args:
        values: (height, width, any).
        by: where it was.
        interpolation: OpenCV's; linear by default.
    """
    cv2 = opencv()
    across, down = _grid(*values.shape[:2])
    found: NDArray[np.float32] = cv2.remap(
        values,
        across + by[..., 0],
        down + by[..., 1],
        cv2.INTER_LINEAR if interpolation is None else interpolation,
        borderMode=cv2.BORDER_REFLECT,
    )
    return found


def _float(pixels: Pixels) -> NDArray[np.float32]:
    return pixels.astype(np.float32) / np.float32(255)


def _grid(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    across, down = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    return across, down


def check_installed() -> None:
    """Find out before any work whether films can be made.

    Raises:
        MissingExtra: PyAV or OpenCV isn't installed.
    """
    av()
    opencv()


def opencv() -> Any:
    """Import OpenCV; raises as `package` does."""
    return package("cv2")
