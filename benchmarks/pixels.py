"""Pictures as numbers, decoded apart from entoptic, so that its changes can't hide themselves."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[Any]


def difference(old: Pixels, new: Pixels) -> str:
    """In what two pictures differ; empty if their pixels are the same bytes."""
    if old.shape != new.shape or old.dtype != new.dtype:
        return f"differs: {old.dtype} {old.shape} became {new.dtype} {new.shape}"
    apart = np.abs(old.astype(np.int64) - new.astype(np.int64))
    if not apart.any():
        return ""
    return f"differs: {np.count_nonzero(apart)} of {apart.size} values, by {apart.max()} at most"


def digest(image: Pixels) -> str:
    """The sha256 of a picture's shape, type and values."""
    about = f"{image.shape} {image.dtype} ".encode()
    return hashlib.sha256(about + np.ascontiguousarray(image).tobytes()).hexdigest()


def pixels(path: Path) -> Pixels:
    """Decode a picture, with all of its bits: Pillow makes 8 of 16 in a PNG of three channels."""
    data = path.read_bytes()
    if data.startswith(b"\x89PNG") and data[24] == 16:
        return deep_png(data)
    return np.asarray(Image.open(path))


def deep_png(data: bytes) -> Pixels:
    """Decode a PNG of 16 bits that isn't interlaced."""
    chunks, at = [], 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IDAT":
            chunks.append(data[at + 8 : at + 8 + size])
        at += size + 12
    width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
    step = 2 * {0: 1, 2: 3, 4: 2, 6: 4}[data[25]]
    rows = np.frombuffer(zlib.decompress(b"".join(chunks)), np.uint8).reshape(height, -1)
    above = np.zeros(width * step, np.int64)
    image = []
    for row in rows:
        above = _unfiltered(int(row[0]), row[1:].astype(np.int64), above, step)
        image.append(above.astype(np.uint8))
    return np.stack(image).view(">u2").astype(np.uint16).reshape(height, width, -1)


def _unfiltered(kind: int, row: Pixels, above: Pixels, step: int) -> Pixels:
    """Undo one of PNG's filters in a row of bytes."""
    if kind in (0, 2):
        return (row + above) % 256 if kind else row
    result = row.copy()
    for i in range(0, len(row), step):
        here = slice(i, i + step)
        left = result[i - step : i] if i else np.zeros(step, np.int64)
        corner = above[i - step : i] if i else np.zeros(step, np.int64)
        up = above[here]
        guess = left if kind == 1 else (left + up) // 2
        if kind == 4:
            near = np.stack([left, up, corner])
            nearest = np.abs(left + up - corner - near).argmin(0)
            guess = np.take_along_axis(near, nearest[None], 0)[0]
        result[here] = (row[here] + guess) % 256
    return result
