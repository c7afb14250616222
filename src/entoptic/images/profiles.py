"""Colour profiles (ICC): any to sRGB, and the one that our own files carry."""

from __future__ import annotations

import io
from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image as Pillow, ImageCms

_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}


class Converted(NamedTuple):
    """A picture in sRGB, and what to tell the user."""

    image: Pillow.Image
    changed: bool
    note: str | None


def srgb_profile() -> bytes:
    """A small sRGB profile, always of the same bytes."""
    return _srgb()[:24] + b"\x07\xe8\0\1\0\1\0\0\0\0\0\0" + _srgb()[36:]


@cache
def _srgb() -> bytes:
    # Little CMS writes the present time into bytes 24 to 36.
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def to_srgb(image: Pillow.Image, profile: bytes | None) -> Converted:
    """Convert an 8-bit picture of mode L, RGB or CMYK to sRGB, as L or RGB.

    A profile that is damaged, or belongs to another kind of colours, is left aside with a note;
    one that changes no colour by more than 1/255 is sRGB by another name and left aside without.
    """
    if not profile:
        return _plain(image, None)
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        name = "".join(filter(str.isprintable, ImageCms.getProfileDescription(source))).strip()
        if space == "RGB" and image.mode == "L":
            image = image.convert("RGB")
        if space != _SPACES[image.mode]:
            reason = f"is for {space or 'unknown'} colours, not {_SPACES[image.mode]}"
            return _plain(image, f"colour profile {name[:60]!r} {reason}, so it was left aside")
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            image.mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if image.mode != "CMYK" and _changes_nothing(transform, image.mode):
            return _plain(image, None)
        converted = ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return _plain(image, "its colour profile is damaged, so it was left aside")
    assert converted is not None
    return Converted(converted, True, f"colour profile {name[:60]!r} converted to sRGB")


def _plain(image: Pillow.Image, note: str | None) -> Converted:
    if image.mode == "CMYK":
        return Converted(
            image.convert("RGB"), True, note or "CMYK without a colour profile converted to sRGB"
        )
    return Converted(image, False, note)


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Tell whether a lattice of colours comes out as it went in."""
    steps = np.linspace(0, 255, 256 if mode == "L" else 9).round().astype(np.uint8)
    axes = np.meshgrid(*[steps] * len(mode), indexing="ij")
    before = np.stack(axes, axis=-1).reshape(1, -1, len(mode))
    after = ImageCms.applyTransform(
        Pillow.fromarray(before if mode == "RGB" else before[..., 0]), transform
    )
    assert after is not None
    return bool(np.abs(np.asarray(after).astype(int) - before).max() <= 1)
