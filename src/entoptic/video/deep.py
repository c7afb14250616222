"""Frames of more than 8 bits per channel, to and from what FFmpeg converts them by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from entoptic.video.pixels import Pixels

if TYPE_CHECKING:
    from av import VideoFrame

_MOST = 65535

# Between luma and RGB of 16 bits FFmpeg takes this for white, 255 of 8 bits moved up.
_WHITE = 255 << 8


def deep_pixels(frame: VideoFrame) -> NDArray[np.uint16]:
    """Return a frame as sRGB of 16 bits, what is clear on black."""
    parts = frame.format.components
    depth = max(each.bits for each in parts)
    if frame.format.has_palette or depth <= 8:
        # FFmpeg's way from 8 bits to 16 loses some.
        small: Any = frame.reformat(format="rgba").to_ndarray()
        return _on_black(small[..., :3] * (_MOST / 255), small[..., 3:] / 255)
    clear = any(each.is_alpha for each in parts)
    found: Any = frame.reformat(format="rgba64le" if clear else "rgb48le").to_ndarray()
    moved = ((1 << depth) - 1) << (16 - depth)
    # Gray and alpha are moved up to 16 bits; RGB is spread over them.
    opaque = _MOST if frame.format.is_rgb else moved
    white = opaque if frame.format.is_rgb or len(parts) < 3 else _WHITE
    alpha = found[..., 3:] / opaque if clear else np.ones(1)
    return _on_black(found[..., :3] * (_MOST / white), alpha)


def _on_black(values: NDArray[np.float64], alpha: NDArray[np.float64]) -> NDArray[np.uint16]:
    found: NDArray[np.uint16] = np.rint((values * alpha).clip(0, _MOST)).astype(np.uint16)
    return found


def for_luma(pixels: Pixels) -> NDArray[np.uint16]:
    """Return sRGB of 16 bits as FFmpeg makes luma and chroma of it."""
    found: NDArray[np.uint16] = np.rint(pixels * (_WHITE / _MOST)).astype(np.uint16)
    return found
