"""From an opened file to planes of colour: modes, depths, transparency, profiles, orientation."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image as Pillow

from entoptic.images import png, tiff
from entoptic.images.files import DAMAGE
from entoptic.images.profiles import to_srgb

_TIFF_BITS, _TIFF_PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0

Span = tuple[float, float]
"""The samples that stand for black and for white."""


@dataclass(frozen=True, eq=False)
class Planes:
    """Samples of a picture that has been read.

    Args:
        colour: (height, width, 1 or 3), sRGB, of any of numpy's types.
        alpha: (height, width), None where the picture can't be transparent.
        top: the sample that stands for 1.
        alpha_top: the alpha that stands for 1.
        notes: what the user should be told.
    """

    color: NDArray[Any]
    alpha: NDArray[Any] | None
    top: int
    alpha_top: int
    notes: tuple[str, ...] = ()


def decode(image: Pillow.Image, data: bytes = b"") -> Planes:
    """Decode the current frame of an opened picture, upright and in sRGB.

    Args:
        image: what Pillow opened.
        data: the whole file, where it is one.

    Raises:
        ValueError: samples that can't be understood; and what Pillow raises for damaged files.
    """
    image.load()
    if image.format == "PNG" and png.header(data).depth == 16:
        planes = _png_16_bit(image, data)
    elif image.mode.startswith("I;16"):
        planes = _gray_16_bit(image)
    elif image.mode == "F":
        planes = _float(image)
    else:
        planes = _eight_bit(image, data)
    return _upright(image, planes)


def decode_tiff(data: bytes, span: Span | None = None) -> Planes | None:
    """Decode the first picture of a TIFF file, upright and in sRGB; None where Pillow must do it.

    Args:
        data: the whole file.
        span: of samples of whole numbers without a range of their own, or floating-point ones.

    Raises:
        ValueError: it is damaged, or its samples have no known range.
    """
    found = tiff.decoded(data)
    if found is None:
        return None
    how, planes = found
    planes = planes.astype(np.float32) if planes.dtype == np.float16 else planes
    low, high = span_of(how, span)
    if how.white_is_zero:
        # A sample's distance from white; alpha counts as ever.
        planes[0] = high - (planes[0] - low)
    samples = planes.transpose(1, 2, 0)
    color, alpha = samples[..., : 3 if how.channels > 2 else 1], None
    if how.alpha:
        alpha = samples[..., -1]
        color = _divided(color, alpha, high) if how.premultiplied else color
    read = _profiled(color, alpha, (low, high), how.profile, plain=how.kind[1:] in ("u1", "u2"))
    notes = _pages(data)
    turned = None if read.alpha is None else _turned(read.alpha, how.orientation)
    upright = _turned(read.color, how.orientation)
    return replace(read, color=upright, alpha=turned, notes=(*read.notes, *notes))


def _pages(data: bytes) -> tuple[str, ...]:
    """Return the notes on several pages; later ones may be damaged, as they aren't used."""
    try:
        count = tiff.pages(io.BytesIO(data), len(data))
    except DAMAGE:
        return ("first of several pages, some of them damaged",)
    return (f"first of {count} pages",) if count > 1 else ()


def span_of(how: tiff.Segments, given: Span | None) -> Span:
    """The samples of a TIFF file that stand for black and white.

    Raises:
        NoRange: nothing says so.
    """
    kind = np.dtype(how.kind)
    if kind.kind == "u" and kind.itemsize <= 2:
        return 0, int(np.iinfo(kind).max)
    found = given or how.span or ((0, 1) if kind.kind == "f" else None)
    if found is None or not found[0] < found[1]:
        raise tiff.NoRange(
            f"has samples of {8 * kind.itemsize} bits, which have no known range; "
            "say which are black and white: read(path, span=(0, 4095))"
        )
    return found


def scaled(samples: NDArray[Any], low: float, high: float) -> NDArray[np.float32]:
    """Samples in [0, 1].

    Raises:
        NoRange: some aren't.
    """
    values = (samples.astype(np.float64) - low) / (high - low)
    if not (values.min() >= 0 and values.max() <= 1):
        raise tiff.NoRange(
            f"has numbers from {samples.min():g} to {samples.max():g}, but they must lie in "
            f"{low:g} to {high:g}; if others are black and white, say so: "
            "read(path, span=(low, high))"
        )
    return values.astype(np.float32)


def _divided(color: NDArray[Any], alpha: NDArray[Any], top: float) -> NDArray[Any]:
    """Colours that were multiplied by alpha, as they were before; black where nothing is seen."""
    seen = alpha[..., None].astype(np.float64)
    values = np.divide(color * float(top), seen, out=np.zeros(color.shape), where=seen > 0)
    if color.dtype.kind == "f":
        return values.astype(color.dtype)
    return (np.minimum(values, top) + 0.5).astype(color.dtype)


def _profiled(
    color: NDArray[Any], alpha: NDArray[Any] | None, span: Span, profile: bytes, *, plain: bool
) -> Planes:
    """Samples of a TIFF file in sRGB.

    Args:
        colour, alpha: (height, width, 1 or 3) and (height, width).
        span: see `span_of`.
        profile: maybe empty.
        plain: whether the samples have 8 or 16 bits, of which each value counts.
    """
    if not plain:
        kind = "floating-point numbers" if color.dtype.kind == "f" else "whole numbers"
        note = f"{kind} from {span[0]:g} to {span[1]:g} taken as sRGB"
        alpha = None if alpha is None else scaled(alpha, *span)
        return Planes(scaled(color, *span), alpha, 1, 1, (note,))
    if color.dtype == np.uint16:
        return _sixteen_bit(profile, color, alpha, 65535)
    gray = color.shape[2] == 1
    converted = to_srgb(
        Pillow.fromarray(np.ascontiguousarray(color[..., 0] if gray else color)), profile
    )
    notes = () if converted.note is None else (converted.note,)
    return Planes(_with_channels(np.asarray(converted.image)), alpha, 255, 255, notes)


def _eight_bit(image: Pillow.Image, data: bytes) -> Planes:
    _scale_transparent_gray(image, data)
    notes: tuple[str, ...] = ()
    if 16 in _tiff_bits(image):
        notes = ("16 bits per channel read as 8; PNG keeps 16",)
    if image.mode in {"1", "La", "RGBa"}:
        image = image.convert({"1": "L"}.get(image.mode, image.mode.upper()))
    alpha = None
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
    if image.mode in {"L", "LA"}:
        color = image.convert("L")
    elif image.mode in {"P", "PA", "RGB", "RGBA", "RGBX", "YCbCr"}:
        color = image.convert("RGB")
    elif image.mode == "CMYK":
        color = image
    else:
        raise ValueError(f"samples of the kind {image.mode!r} have no known range")
    converted = to_srgb(color, image.info.get("icc_profile"))
    if converted.note:
        notes += (converted.note,)
    return Planes(_with_channels(np.asarray(converted.image)), alpha, 255, 255, notes)


def _scale_transparent_gray(image: Pillow.Image, data: bytes) -> None:
    """Pillow scales samples of 1, 2 and 4 bits to 8, but not always the transparent one."""
    if image.format == "PNG" and image.mode in {"1", "L"} and "transparency" in image.info:
        scale = 255 // (2 ** png.header(data).depth - 1)
        image.info["transparency"] = min(255, image.info["transparency"] * scale)


def _png_16_bit(image: Pillow.Image, data: bytes) -> Planes:
    samples, transparent = png.decode_16_bit(data)
    alpha = None
    if samples.shape[2] in (2, 4):
        samples, alpha = samples[..., :-1], samples[..., -1]
    elif transparent is not None:
        alpha = np.where((samples == transparent).all(axis=2), 0, 65535).astype(np.uint16)
    return _sixteen_bit(image.info.get("icc_profile"), samples, alpha, 65535)


def _gray_16_bit(image: Pillow.Image) -> Planes:
    top = 2 ** min((16, *_tiff_bits(image))) - 1
    samples = np.asarray(image).astype(np.uint16)[..., None]
    tags = getattr(image, "tag_v2", {})
    if tags.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO:
        samples = top - samples
    return _sixteen_bit(image.info.get("icc_profile"), samples, None, top)


def _sixteen_bit(
    profile: bytes | None, samples: NDArray[np.uint16], alpha: NDArray[np.uint16] | None, top: int
) -> Planes:
    """Little CMS, by way of Pillow, takes 8 bits: a profile that isn't sRGB costs the rest."""
    note = "16 bits per channel" if top == 65535 else f"{top.bit_length()} bits per channel"
    if not profile:
        return Planes(samples, alpha, top, 65535, (note,))
    rounded = (samples.astype(np.uint32) * 255 + top // 2) // top
    gray = samples.shape[2] == 1
    eight = Pillow.fromarray((rounded[..., 0] if gray else rounded).astype(np.uint8))
    converted = to_srgb(eight, profile)
    if not converted.changed:
        notes = (note,) if converted.note is None else (note, converted.note)
        return Planes(samples, alpha, top, 65535, notes)
    notes = (f"{note} read as 8 for the sake of its colour profile", converted.note or "")
    return Planes(_with_channels(np.asarray(converted.image)), alpha, 255, 65535, notes)


def _float(image: Pillow.Image) -> Planes:
    samples = np.asarray(image)
    low, high = float(samples.min()), float(samples.max())
    if not (low >= 0 and high <= 1):
        raise ValueError(f"its numbers go from {low:g} to {high:g}, but must lie in 0 to 1")
    return Planes(samples[..., None], None, 1, 1, ("floating-point numbers taken as sRGB",))


def _tiff_bits(image: Pillow.Image) -> tuple[int, ...]:
    tags = getattr(image, "tag_v2", {})
    return tuple(tags.get(_TIFF_BITS, ()))


def _with_channels(samples: NDArray[Any]) -> NDArray[Any]:
    return samples if samples.ndim == 3 else samples[..., None]


def _upright(image: Pillow.Image, planes: Planes) -> Planes:
    """Turn and mirror as the EXIF data say; Pillow has done so for TIFF already."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except DAMAGE:
        note = "its EXIF data are damaged, so it may lie on its side"
        return replace(planes, notes=(*planes.notes, note))
    alpha = planes.alpha if planes.alpha is None else _turned(planes.alpha, orientation)
    return replace(planes, color=_turned(planes.color, orientation), alpha=alpha)


def _turned(samples: NDArray[Any], orientation: object) -> NDArray[Any]:
    """Undo one of EXIF's eight orientations: 5 to 8 are 2, 1, 4, 3 with rows as columns."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    return samples
