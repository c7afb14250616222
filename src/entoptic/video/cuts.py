"""Cuts between the scenes of a film."""

from __future__ import annotations

import numpy as np

from entoptic.video.motion import dis, motion, opencv, warped
from entoptic.video.pixels import Pixels, eight_bits

# A cut: so little is seen in both frames, which differ by so much on average.
_VISIBLE, _DIFFERENCE = 0.45, 0.06
# The long side, in pixels, at which frames are compared: a hundredth of the work.
_SIDE = 160


def small(pixels: Pixels) -> Pixels:
    """Return a frame at the size, and of the bits, at which cuts are found."""
    pixels = eight_bits(pixels)
    height, width = pixels.shape[:2]
    scale = _SIDE / max(height, width)
    if scale >= 1:
        return pixels
    cv2 = opencv()
    size = max(1, round(width * scale)), max(1, round(height * scale))
    found: Pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return found


def is_cut(before: Pixels, now: Pixels) -> bool:
    """Tell whether a scene begins with a frame.

    Args:
        before: the frame before it, as `small` returns it.
        now: the frame, likewise.
    """
    # Where nothing moves far, no flow needs to be found.
    if _difference(before, now) <= _DIFFERENCE:
        return False
    moved = motion(before, now, dis)
    there = warped(before.astype(np.float32), moved.back)
    return bool(moved.visible.mean() < _VISIBLE and np.abs(there - now).mean() / 255 > _DIFFERENCE)


def _difference(before: Pixels, now: Pixels) -> float:
    return float(np.abs(before.astype(np.float32) - now).mean()) / 255
