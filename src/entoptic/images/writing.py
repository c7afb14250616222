"""Images to picture files: all or nothing, the same bytes every time, and carrying their job."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import stat
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from entoptic.checks import flag, instance, one_of, path, planes, taking, whole
from entoptic.errors import AlreadyThere, BadSetting, CannotWrite, EntopticError, did_you_mean
from entoptic.images import png
from entoptic.images.embedding import MAX_JPEG_XMP, checked_job, xmp_packet
from entoptic.images.files import shown
from entoptic.images.given import PictureLike, picture_of
from entoptic.images.large import MAX_PIXELS, write_large
from entoptic.images.picture import to_samples
from entoptic.images.profiles import srgb_profile
from entoptic.types import PathLike

_KINDS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WebP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
# Pixels along a side, by the formats' header fields.
_LONGEST = {"PNG": 2**31 - 1, "JPEG": 65_535, "WebP": 16_383, "TIFF": 2**31 - 1}
_TIFF_XMP = 700


def check_writable(
    path: PathLike,
    *,
    bits: Literal[8, 16] = 8,
    size: tuple[int, int] | None = None,
    not_over: Collection[Path] = (),
) -> None:
    """Find out before any work whether a picture can be written.

    Args:
        path: the file to be written; it may exist.
        bits: per channel, as `write` will be told.
        size: (height, width) of the picture, where it is known.
        not_over: files that must survive, such as those that the picture is made from.

    Raises:
        CannotWrite: no kind of picture has this suffix; the folder isn't there or may not be
            written to; the path is a folder, write-protected, or one of `not_over`; the size is
            too large for the kind of picture.
        BadSetting: no such kind of picture has so many bits.

    >>> check_writable("dream.pgn")
    Traceback (most recent call last):
    entoptic.errors.CannotWrite: no picture can be written to 'dream.pgn': the suffix '.pgn' \
is unknown; did you mean '.png'?
    """
    kind = _kind(path)
    _check_bits(kind, bits)
    if size is not None:
        _check_sides(kind, *size)
    check_place(path, not_over)


def check_place(path: PathLike, not_over: Collection[Path] = ()) -> None:
    """Find out before any work whether a file, of whichever kind, can be written.

    Args:
        path: the file to be written; it may exist.
        not_over: files that must survive.

    Raises:
        CannotWrite: as `check_writable` says, but for what is about pictures.
    """
    target = _target(path)
    try:
        # Also tells of a name that is too long, which is_dir() does before Python 3.13 only.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            target.stat()
        if target.is_dir():
            raise CannotWrite(f"{shown(path)} is a folder; name a file in it")
        if not target.parent.is_dir():
            folder = shown(Path(path).parent)
            raise CannotWrite(f"there is no folder {folder} to write to; make it first")
        for other in not_over:
            if target.exists() and other.exists() and target.samefile(other):
                raise CannotWrite(
                    f"{shown(path)} is a file that is read; choose another name to write to"
                )
    except EntopticError:
        raise
    except (OSError, ValueError) as error:
        raise CannotWrite(_refused(path, error)) from error
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise CannotWrite(
            f"the folder {shown(Path(path).parent)} may not be written to;"
            " choose another, or change its permissions"
        )
    if target.exists() and not os.access(target, os.W_OK):
        raise CannotWrite(f"{shown(path)} is write-protected; choose another name")


@taking(
    path=path,
    alpha=planes,
    job=instance(str, "a text"),
    bits=one_of(8, 16),
    quality=whole(1, 100),
    replace=flag,
)
def write(
    path: PathLike,
    image: PictureLike,
    *,
    alpha: Tensor | None = None,
    job: str | None = None,
    bits: Literal[8, 16] = 8,
    quality: int = 92,
    replace: bool = True,
) -> Path:
    """Write a picture file: PNG, JPEG, WebP or TIFF, by its suffix; BigTIFF where that is needed.

    The file appears complete or not at all, and the same input gives the same bytes. Values are
    rounded to the nearest step, and those outside [0, 1] are clipped.

    Args:
        path: the file; an existing one is replaced, a link's target too.
        image: (1, 3, height, width), sRGB in [0, 1]; or a picture in any other form, with its own
            transparency.
        alpha: (1, 1, height, width). JPEG can't store it: there the picture is laid on white.
        job: text that `read_job` finds again; best JSON.
        bits: per channel; 16 in PNG only.
        quality: of JPEG and WebP, 1 to 100.
        replace: whether an existing file is replaced; it keeps its mode.

    Returns:
        The path, as it was given.

    Raises:
        CannotWrite: see `check_writable`; also a full disk, or a picture too large for the format.
        AlreadyThere: the file exists and isn't to be replaced, whoever has made it meanwhile.
        BadPicture: another shape, or values that are NaN or infinite.
        BadSetting: another number of bits, quality out of range, a job that doesn't fit.
    """
    kind = _kind(path)
    check_writable(path, bits=bits)
    if not isinstance(image, Tensor):
        picture = picture_of(image, "image")
        image, alpha = picture.image, picture.alpha if alpha is None else alpha
    text = None if job is None else checked_job(job)
    xmp = b"" if text is None else xmp_packet(text)
    if kind == "TIFF" and image.shape[-2:].numel() > MAX_PIXELS:
        _check_sides(kind, *image.shape[-2:])
        write_file(path, lambda stream: write_large(stream, image, alpha, xmp), replace=replace)
        return Path(path)
    samples = to_samples(image, alpha, np.uint8 if bits == 8 else np.uint16)
    _check_sides(kind, *samples.shape[:2])
    if kind == "TIFF":
        write_file(path, lambda stream: _tiff(stream, samples, xmp), replace=replace)
    else:
        write_file(path, _encoded(kind, samples, text, quality), replace=replace)
    return Path(path)


def encode_png(image: Tensor, *, alpha: Tensor | None = None, job: str | None = None) -> bytes:
    """Return the bytes of the PNG that `write` would write, with 8 bits per channel."""
    samples = to_samples(image, alpha, np.uint8)
    return png.encode(samples, None if job is None else checked_job(job))


def encode_jpeg(image: Tensor, quality: int) -> bytes:
    """Return the bytes of the JPEG that `write` would write."""
    return _encoded("JPEG", to_samples(image, None, np.uint8), None, quality)


def _kind(path: PathLike) -> str:
    suffix = Path(path).suffix.lower()
    if suffix in _KINDS:
        return _KINDS[suffix]
    hint = did_you_mean(suffix, _KINDS) or f"; use {', '.join(_KINDS)}"
    what = f"the suffix {suffix!r} is unknown" if suffix else "it has no suffix"
    raise CannotWrite(f"no picture can be written to {shown(path)}: {what}{hint}")


def _check_bits(kind: str, bits: int) -> None:
    if bits not in (8, 16):
        raise BadSetting(f"a picture has 8 or 16 bits per channel, not {bits}")
    if bits == 16 and kind != "PNG":
        raise BadSetting(f"{kind} is written with 8 bits per channel; for 16 write .png")


def bits_for(path: PathLike, wanted: Literal[8, 16]) -> Literal[8, 16]:
    """As many bits per channel as wanted, where the kind of picture can hold them.

    >>> bits_for("dream.png", 16), bits_for("dream.jpg", 16)
    (16, 8)
    """
    return wanted if _kind(path) == "PNG" else 8


def _check_sides(kind: str, height: int, width: int) -> None:
    if max(height, width) > _LONGEST[kind]:
        raise CannotWrite(
            f"{width} x {height} is too large for {kind}, whose sides have at most"
            f" {_LONGEST[kind]} pixels; write .png"
        )


def _target(path: PathLike) -> Path:
    """Return the target of a link, so that it stays a link."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        raise CannotWrite(_refused(path, error)) from error


def _refused(path: PathLike, error: OSError | ValueError) -> str:
    reason = getattr(error, "strerror", None) or error
    return f"{shown(path)} can't be written ({reason}); choose another place or make room"


def write_file(
    path: PathLike,
    data: bytes | Callable[[BinaryIO], None],
    *,
    replace: bool = True,
    draft: Path | None = None,
) -> None:
    """Write beside the target, then give it its name: no reader ever sees half a file.

    Args:
        path: the file.
        data: its bytes, or what writes them.
        replace: whether an existing file is replaced. The new one has its mode, and a link to it
            stays a link.
        draft: the file that is written first, on the same disk; by default beside the target.

    Raises:
        CannotWrite: with what to do; the file is as it was.
        AlreadyThere: the file exists and isn't to be replaced. Of several who write it at the same
            time, one does.
    """
    target = _target(path)
    draft = draft or target.with_name(f".entoptic-{secrets.token_hex(8)}.tmp")
    try:
        with draft.open("x+b") as stream:  # libtiff wants to read what it has written
            if callable(data):
                data(stream)
            else:
                stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            _take_mode(draft, target)
            draft.replace(target)
        else:
            _name_anew(draft, target)
    except FileExistsError:
        raise AlreadyThere(
            f"{shown(path)} is there already; choose another name, or let it be replaced"
        ) from None
    except OSError as error:
        raise CannotWrite(_refused(path, error)) from error
    finally:
        draft.unlink(missing_ok=True)


def _take_mode(draft: Path, target: Path) -> None:
    """Give a file the mode of the one that it replaces."""
    with contextlib.suppress(FileNotFoundError):
        draft.chmod(stat.S_IMODE(target.stat().st_mode))


def _name_anew(draft: Path, target: Path) -> None:
    """Give a file a name that none has.

    Raises:
        FileExistsError: another has it.
    """
    try:
        os.link(draft, target)  # which fails where the name is taken, as renaming doesn't
    except FileExistsError:
        raise
    except OSError:
        # Of a file system without links: an empty file takes the name, and is replaced at once.
        target.open("x").close()
        draft.replace(target)


def _encoded(kind: str, samples: NDArray[Any], job: str | None, quality: int) -> bytes:
    if kind == "PNG":
        return png.encode(samples, job)
    xmp = b"" if job is None else xmp_packet(job)
    encode: dict[str, Callable[[NDArray[Any], bytes, int], bytes]] = {
        "JPEG": _jpeg,
        "WebP": _webp,
    }
    return encode[kind](samples, xmp, quality)


def _jpeg(samples: NDArray[Any], xmp: bytes, quality: int) -> bytes:
    if len(xmp) > MAX_JPEG_XMP:
        raise BadSetting(
            f"the job takes {len(xmp)} bytes, and JPEG has room for {MAX_JPEG_XMP}; write .png"
        )
    if samples.shape[2] == 4:
        alpha = samples[..., 3:].astype(np.uint32)
        on_white = samples[..., :3] * alpha + 255 * (255 - alpha)
        samples = ((on_white + 127) // 255).astype(np.uint8)
    # No chroma subsampling: dreams are full of fine colour.
    return _saved(samples, "JPEG", xmp=xmp, quality=quality, subsampling=0)


def _webp(samples: NDArray[Any], xmp: bytes, quality: int) -> bytes:
    # Exact: what is transparent keeps its colour.
    return _saved(samples, "WEBP", xmp=xmp, quality=quality, exact=True)


def _tiff(stream: BinaryIO, samples: NDArray[Any], xmp: bytes) -> None:
    """Straight into the file, since what is packed of a large picture would fill memory."""
    tags = {_TIFF_XMP: xmp} if xmp else {}
    _save(stream, samples, "TIFF", tiffinfo=tags, compression="tiff_adobe_deflate")


def _saved(samples: NDArray[Any], kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    _save(stream, samples, kind, **options)
    return stream.getvalue()


def _save(
    stream: BinaryIO | io.BytesIO, samples: NDArray[Any], kind: str, **options: object
) -> None:
    image = Pillow.fromarray(samples)
    image.save(stream, kind, icc_profile=srgb_profile(), **options)
