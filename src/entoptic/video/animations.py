"""Animations that FFmpeg doesn't decode, and Pillow does: WebP."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL.WebPImagePlugin import WebPImageFile

from entoptic.errors import BadFilm, BadPicture
from entoptic.images import MAX_PIXELS, Picture
from entoptic.images.decoding import decode
from entoptic.images.files import DAMAGE, damage_told, load
from entoptic.paths import is_file

# Seconds of a frame of no duration, as browsers show it.
_UNSAID = Fraction(1, 10)


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture of an animation.

    Args:
        picture: upright, in sRGB.
        seconds: for which it is shown.
    """

    picture: Picture
    seconds: Fraction


def is_webp(path: Path) -> bool:
    """Tell whether a file begins like WebP; False where there is none."""
    # Looked at before it is opened: opening a pipe would wait for its other end.
    if not is_file(path):
        return False
    try:
        with path.open("rb") as stream:
            start = stream.read(12)
    except (OSError, ValueError):
        return False
    return start[:4] == b"RIFF" and start[8:] == b"WEBP"


def pictures_of(path: Path, first: int = 0) -> Iterator[Shown]:
    """Decode the pictures of an animated WebP file, or the one of another.

    Args:
        path: the file.
        first: number of the first that is wanted.

    Raises:
        BadFilm: it is damaged, or its pictures are too large.
    """
    try:
        file = load(path)
        with damage_told(file):
            image: Any = WebPImageFile(io.BytesIO(file.data))
    except BadPicture as error:
        raise BadFilm(str(error)) from None
    with image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise BadFilm(
                f"the frames of {str(path)!r} are {width}x{height} (width x height), more than the "
                f"limit of {MAX_PIXELS / 1e6:.0f} megapixels; make them smaller"
            )
        for number in range(first, getattr(image, "n_frames", 1)):
            try:
                image.seek(number)
                planes = decode(image)
            except DAMAGE:
                raise BadFilm(
                    f"frame {number} of {str(path)!r} is damaged; convert the film anew, or leave "
                    "the frame out by start and end"
                ) from None
            length = Fraction(int(image.info.get("duration", 0)), 1000)
            yield Shown(Picture.of_planes(planes, path, None), length or _UNSAID)
