"""Picture files to Pictures: any depth, profile and orientation to upright sRGB in [0, 1]."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from typing import Literal

from PIL import Image as Pillow

from entoptic.checks import number, pair, path, taking, whole
from entoptic.errors import BadPicture
from entoptic.images import png, tiff
from entoptic.images.decoding import Planes, decode, decode_tiff
from entoptic.images.files import (
    DAMAGE,
    File,
    beginning,
    check_readable,
    damage_told,
    load,
    opened,
    shown,
)
from entoptic.images.large import MAX_PIXELS, read_large
from entoptic.images.picture import Picture
from entoptic.types import PathLike


@taking(path=path, max_pixels=whole(1), span=pair(number(), "(black, white)"))
def read(
    path: PathLike, *, max_pixels: int | None = None, span: tuple[float, float] | None = None
) -> Picture:
    """Read a picture file: PNG, JPEG, WebP, TIFF, GIF, BMP or AVIF, told apart by its contents.

    The picture is turned upright as its EXIF data say, and its colours are converted to sRGB by its
    colour profile. PNG and TIFF are read with all of their 16 bits per channel. Of an animation or
    of several pages the first is read. HEIC and JPEG XL need the extra `pictures`, and so does TIFF
    packed by LZW, PackBits, LZMA or zstd, of which Pillow reads 8 bits at most in colour.

    Args:
        path: the file.
        max_pixels: a picture with more is refused before it is decoded; 100 million by default,
            but for TIFF and BigTIFF, which have 64 times that: a large one is read strip by strip
            into a temporary file, which is mapped into memory.
        span: the samples that are black and white, of a TIFF file of floating-point numbers (by
            default what its tags say, or 0 and 1) or of whole numbers of 32 bits or with a sign.

    Returns:
        The picture; its `notes` say what was done to it that isn't plain.

    Raises:
        PictureNotFound: there is no such file, it is a folder, or it may not be read.
        BadPicture: it is empty, not a picture, damaged, or too large.
        BadSetting: max_pixels is less than 1.
        CannotWrite: there is no room for the temporary file of a large one.

    >>> import tempfile
    >>> import torch
    >>> from entoptic.images import write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write(f"{folder}/grey.png", Picture.of(torch.full((3, 2, 4), 0.2)).image)
    ...     picture = read(path)
    >>> (picture.height, picture.width, round(float(picture.image.mean()), 4))
    (2, 4, 0.2)
    """
    if max_pixels is None:
        check_readable(path)
        large = read_large(path, MAX_PIXELS, span)
        if large is not None:
            return large
        max_pixels = MAX_PIXELS
    file = load(path)
    planes = _of_tiff(file, max_pixels, span) if file.kind == "TIFF" else None
    if planes is None:
        with opened(file) as image:
            _check_size(file, image.size, max_pixels)
            planes = decode(image, file.data)
            planes = replace(planes, notes=planes.notes + _frames(image))
    return Picture.of_planes(planes, file.path, hashlib.sha256(file.data).hexdigest())


def _of_tiff(file: File, max_pixels: int, span: tuple[float, float] | None) -> Planes | None:
    """None where it is read by Pillow."""
    with damage_told(file):
        _check_size(file, tiff.dimensions(io.BytesIO(file.data), len(file.data)), max_pixels)
        return decode_tiff(file.data, span)


def bits_of(path: PathLike) -> Literal[8, 16]:
    """Bits per channel with which a picture is best written again: 16 where it has more than 8.

    Raises:
        PictureNotFound, BadPicture: there is no such picture, or it is damaged.
    """
    file = beginning(path)
    if file.kind not in ("PNG", "TIFF"):
        return 8
    with damage_told(file):
        if file.kind == "PNG":
            return 16 if png.header(file.data).depth == 16 else 8
        with file.path.open("rb") as stream:
            bits = tiff.bits(stream, file.path.stat().st_size)
        return 16 if bits > 8 else 8


def _check_size(file: File, size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise BadPicture(
            f"{shown(file.path)} is {width} x {height}, {width * height / 1e6:.1f} megapixels,"
            f" more than the limit of {max_pixels / 1e6:g}; shrink it first, or raise max_pixels"
        )


def _frames(image: Pillow.Image) -> tuple[str, ...]:
    """Return the notes on an animation; later frames may be damaged, as they aren't used."""
    noun = "pages" if image.format == "TIFF" else "frames"
    try:
        count = int(getattr(image, "n_frames", 1))
    except DAMAGE:
        return (f"first of several {noun}, some of them damaged",)
    return (f"first of {count} {noun}",) if count > 1 else ()
