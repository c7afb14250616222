"""Pictures larger than memory: TIFF files read into mapped files, and written from them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from entoptic.errors import BadPicture
from entoptic.images import tiff
from entoptic.images.decoding import Span, scaled, span_of
from entoptic.images.files import File, damage_told, shown
from entoptic.images.mapped import mapped_zeros, release
from entoptic.images.picture import Picture, to_samples
from entoptic.images.profiles import srgb_profile, to_srgb
from entoptic.types import PathLike

# 10 000 x 10 000: more than cameras have, and 1.2 GB as an Image.
MAX_PIXELS = 100_000_000
# 64 times what other pictures may have; 77 GB as an Image, which the disk must have room for.
MAX_MAPPED_PIXELS = 6_400_000_000
_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_large(path: PathLike, least_pixels: int, span: Span | None = None) -> Picture | None:
    """A TIFF file with more than some pixels, in a temporary file that is mapped into memory.

    Args:
        path: the file.
        least_pixels: the number of pixels.
        span: see `read`.

    Returns:
        None where it is no TIFF file, or one with no more pixels.

    Raises:
        BadPicture: it is damaged, of a kind that isn't read in parts, or too large.
        CannotWrite: the disk has no room for it.
    """
    with Path(path).open("rb") as stream:
        size = _size_of_large(stream, least_pixels)
        if size is None:
            return None
        with damage_told(File(Path(path), b"", "TIFF")):
            how = tiff.segments(stream, size)
            if how.width * how.height > MAX_MAPPED_PIXELS:
                raise BadPicture(
                    f"{shown(path)} is {how.width} x {how.height}, more than the limit of "
                    f"{MAX_MAPPED_PIXELS / 1e6:.0f} megapixels; shrink it first"
                )
            return _read(stream, how, Path(path), span)


def xmp_of_tiff(path: PathLike) -> bytes | None:
    """The XMP packet of a TIFF file of any size; None where it isn't one."""
    with Path(path).open("rb") as stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        if stream.read(4) not in _SIGNATURES:
            return None
        with damage_told(File(Path(path), b"", "TIFF")):
            return tiff.xmp(stream, size)


def _size_of_large(stream: BinaryIO, least_pixels: int) -> int | None:
    """Bytes of a TIFF file with more than some pixels; None where it isn't one."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if stream.read(4) not in _SIGNATURES or not _is_large(stream, size, least_pixels):
        return None
    return size


def _is_large(stream: BinaryIO, size: int, least_pixels: int) -> bool:
    """Tell whether a file says so; one that is damaged says nothing."""
    try:
        width, height = tiff.dimensions(stream, size)
    except ValueError:
        return False
    return width * height > least_pixels


def _read(stream: io.BufferedReader, how: tiff.Segments, path: Path, span: Span | None) -> Picture:
    if how.orientation != 1:
        raise ValueError("it lies on its side; save it upright")
    if how.premultiplied:
        raise ValueError("its colours are multiplied by alpha; save them as they are")
    low, high = span_of(how, span)
    colors = 3 if how.channels > 2 else 1
    image, mapped = mapped_zeros((1, 3, how.height, how.width))
    alpha, mapped_alpha = None, None
    if how.alpha:
        alpha, mapped_alpha = mapped_zeros((1, 1, how.height, how.width))
    for channels, rows, columns, samples in tiff.parts(stream, how):
        values = scaled(samples, low, high)
        for channel, plane in zip(range(channels.start, channels.stop), values, strict=True):
            if channel >= colors:
                if alpha is not None:
                    alpha[0, 0, rows, columns] = torch.from_numpy(plane)
            elif colors == 1:
                image[0, :, rows, columns] = torch.from_numpy(
                    1 - plane if how.white_is_zero else plane
                )
            else:
                image[0, channel, rows, columns] = torch.from_numpy(plane)
        for each in (mapped, mapped_alpha):
            if each is not None:
                release(each)
    return Picture(image, alpha, path, _digest(stream), _notes(how))


def _digest(stream: io.BufferedReader) -> str:
    stream.seek(0)
    return hashlib.file_digest(stream, "sha256").hexdigest()


def _notes(how: tiff.Segments) -> tuple[str, ...]:
    notes = () if how.kind[-1] == "1" else (f"{8 * int(how.kind[-1])} bits per channel",)
    if how.profile:
        # A pixel tells whether the profile would change anything.
        sample = Pillow.new("RGB", (2, 2), (200, 100, 50))
        if to_srgb(sample, how.profile).changed:
            return (
                *notes,
                "its colour profile isn't sRGB, and isn't applied to so large a picture",
            )
    return notes


def write_large(stream: BinaryIO, image: Tensor, alpha: Tensor | None, xmp: bytes) -> None:
    """Write a BigTIFF file, a few rows in memory at a time."""

    def rows(some: slice) -> NDArray[Any]:
        part = None if alpha is None else alpha[..., some, :]
        return to_samples(image[..., some, :], part, np.uint8)

    shape = (image.shape[-2], image.shape[-1], 3 if alpha is None else 4)
    tiff.write_big(stream, shape, rows, profile=srgb_profile(), xmp=xmp)
