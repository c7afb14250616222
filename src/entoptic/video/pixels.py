"""Pixels of frames, of 8 or of 16 bits, and the images that they are."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from entoptic.types import Image

Pixels: TypeAlias = NDArray[np.unsignedinteger[Any]]
"""(height, width, 3), sRGB, of 8 or 16 bits; all values of their type, from black to white."""

Bits: TypeAlias = Literal[8, 16]
"""Bits per channel."""


def bits_of(pixels: Pixels) -> Bits:
    """Return the bits per channel of a frame."""
    return 16 if pixels.dtype == np.uint16 else 8


def image_of(pixels: Pixels) -> Image:
    """Return a frame as an image.

    >>> image_of(np.full((1, 1, 3), 0x3333, np.uint16)).flatten()
    tensor([0.2000, 0.2000, 0.2000])
    """
    if pixels.dtype == np.uint16:
        return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / 65535
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def pixels_of(image: Image, bits: Bits = 8) -> Pixels:
    """Return an image as a frame."""
    most = 2**bits - 1
    values = (image[0].permute(1, 2, 0) * most).round().contiguous()
    found: Pixels = values.byte().numpy() if bits == 8 else values.numpy().astype(np.uint16)
    return found


def eight_bits(pixels: Pixels) -> NDArray[np.uint8]:
    """Return a frame of 8 bits, for what needs no more.

    >>> eight_bits(np.array([[[0, 257, 65535]]], np.uint16)).tolist()
    [[[0, 1, 255]]]
    """
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return pixels.astype(np.uint8, copy=False)
