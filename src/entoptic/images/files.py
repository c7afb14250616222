"""Picture files before they are decoded: found, told apart by their first bytes, opened."""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Pillow
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from entoptic.errors import BadPicture, EntopticError, PictureNotFound
from entoptic.images.tiff import NoRange
from entoptic.paths import PICTURES, why_missing
from entoptic.types import PathLike

# A file with more bytes is refused unread: 100 megapixels of 16-bit RGBA are 0.8 GB.
MAX_BYTES = 1 << 30

# What Pillow raises for damaged files (found out by cutting off and changing files of each kind,
# hundreds of thousands of times, with Pillow 11.0 and 13.0), and what zlib and struct do;
# RuntimeError is raised for AVIF, HEIC and JPEG XL, and NotImplementedError, which is one, for
# variants that Pillow knows but can't read.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
    Pillow.DecompressionBombError,
)


def _avif(stream: io.BytesIO) -> ImageFile:
    from PIL.AvifImagePlugin import AvifImageFile

    return AvifImageFile(stream)


def _heic(stream: io.BytesIO) -> ImageFile:
    try:
        from pillow_heif.as_plugin import HeifImageFile
    except ImportError:
        raise BadPicture(_needs_extra("HEIC")) from None
    image: ImageFile = HeifImageFile(stream)  # type: ignore[no-untyped-call]
    return image


def _jpeg_xl(stream: io.BytesIO) -> ImageFile:
    try:
        from pillow_jxl.JpegXLImagePlugin import JXLImageFile
    except ImportError:
        raise BadPicture(_needs_extra("JPEG XL")) from None
    image: ImageFile = JXLImageFile(stream)
    return image


def _needs_extra(kind: str) -> str:
    return (
        f"{kind} pictures need the 'pictures' extra: pip install \"entoptic[pictures]\"; "
        "or convert it to PNG"
    )


_READERS: dict[str, tuple[re.Pattern[bytes], Callable[[io.BytesIO], ImageFile]]] = {
    "PNG": (re.compile(rb"\x89PNG\r\n\x1a\n"), PngImageFile),
    "JPEG": (re.compile(rb"\xff\xd8\xff"), JpegImageFile),
    "WebP": (re.compile(rb"RIFF....WEBP", re.DOTALL), WebPImageFile),
    "TIFF": (re.compile(rb"II[*+]\0|MM\0[*+]"), TiffImageFile),
    "GIF": (re.compile(rb"GIF8[79]a"), GifImageFile),
    "BMP": (re.compile(rb"BM"), BmpImageFile),
    "AVIF": (re.compile(rb"....ftypavi", re.DOTALL), _avif),
    "HEIC": (re.compile(rb"....ftyp(hei|hev|mif|msf)", re.DOTALL), _heic),
    "JPEG XL": (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL ", re.DOTALL), _jpeg_xl),
}
_KNOWN = "PNG, JPEG, WebP, TIFF, GIF, BMP or AVIF"

# Other kinds of files that are likely to be given; the text completes "it looks like ...".
_OTHERS = (
    (re.compile(rb"....ftyp", re.DOTALL), "a video"),
    (re.compile(rb"....jP  |\xff\x4f\xff\x51", re.DOTALL), "a JPEG 2000 picture"),
    (re.compile(rb"8BPS"), "a Photoshop document"),
    (re.compile(rb"%PDF"), "a PDF document"),
    (re.compile(rb"PK\x03\x04"), "a ZIP archive"),
    (re.compile(rb"\x1f\x8b"), "a gzip archive"),
    (re.compile(rb"\s*<(!DOCTYPE html|html)", re.IGNORECASE), "a web page"),
    (re.compile(rb"\s*<(\?xml|svg)", re.IGNORECASE), "an SVG drawing or another XML text"),
    (re.compile(rb"[\t\n\r\x20-\x7e]+\Z"), "a text"),
)


@dataclass(frozen=True, eq=False)
class File:
    """The bytes of a picture file, and which kind of picture they begin like."""

    path: Path
    data: bytes
    kind: str


def shown(path: PathLike) -> str:
    """A path as messages show it: quoted, on one line."""
    return repr(str(path))


def load(path: PathLike) -> File:
    """Read the bytes of a picture file.

    Raises:
        PictureNotFound: there is no such file, it is a folder or a device, or may not be read.
        BadPicture: it is empty, huge, or not a picture of a kind that can be read.
    """
    return _load(path, whole=True)


def beginning(path: PathLike) -> File:
    """Return the kind of picture that a file holds, and its first bytes.

    Raises:
        PictureNotFound, BadPicture: see `load`.
    """
    return _load(path, whole=False)


def check_readable(path: PathLike) -> None:
    """Find out before any work whether there is a picture file that begins as it should.

    Raises:
        PictureNotFound, BadPicture: see `load`.
    """
    beginning(path)


def _load(path: PathLike, whole: bool) -> File:
    try:
        # Looked at before it is opened: opening a pipe would wait for its other end.
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            raise PictureNotFound(f"{shown(path)} is a folder; name one picture file in it")
        if not stat.S_ISREG(mode):
            raise PictureNotFound(f"{shown(path)} is a device or a pipe; save its data to a file")
        with Path(path).open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            start = stream.read(64)
            kind = _kind(path, start, size, whole)
            stream.seek(0)
            return File(Path(path), stream.read() if whole else start, kind)
    except EntopticError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        hint = why_missing(path, PICTURES) or "; check the name and the folder"
        raise PictureNotFound(f"no picture {shown(path)}{hint}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise PictureNotFound(
            f"{shown(path)} can't be opened ({reason}); check its name and its permissions"
        ) from None


def _kind(path: PathLike, start: bytes, size: int, whole: bool) -> str:
    if not start:
        raise BadPicture(f"{shown(path)} is empty (0 bytes); get the file again")
    # TIFF may be read in parts.
    if size > MAX_BYTES and (whole or not _READERS["TIFF"][0].match(start)):
        raise BadPicture(
            f"{shown(path)} has {size} bytes, more than the limit of {MAX_BYTES}; shrink it first"
        )
    for kind, (signature, _) in _READERS.items():
        if signature.match(start):
            return kind
    looks = next((f"looks like {what}" for sign, what in _OTHERS if sign.match(start)), None)
    raise BadPicture(
        f"{shown(path)} {looks or 'is not a picture'} (it begins with {start[:8]!r});"
        f" convert it to {_KNOWN}"
    )


@contextmanager
def opened(file: File) -> Iterator[ImageFile]:
    """Open a picture, its header read and its pixels not yet.

    Pillow's plugins are called directly: its own limit on sizes, a setting of the whole process,
    stays as the user has it, and applies only where a plugin asks for it (WebP, TIFF). Its
    warnings are silenced: what matters of them becomes an error or a note.

    Raises:
        BadPicture: the file is damaged; also in place of anything that Pillow raises inside.
    """
    with warnings.catch_warnings(), damage_told(file):
        warnings.simplefilter("ignore")
        with _READERS[file.kind][1](io.BytesIO(file.data)) as image:
            yield image


@contextmanager
def damage_told(file: File) -> Iterator[None]:
    """Turn whatever is raised inside for a damaged file into one line for the user.

    Raises:
        BadPicture: instead of one of DAMAGE.
    """
    try:
        yield
    except EntopticError:
        raise
    except NoRange as error:
        raise BadPicture(f"{shown(file.path)} {error}") from None
    except Pillow.DecompressionBombError as error:
        reason = " ".join(str(error).split())
        raise BadPicture(f"{shown(file.path)} is too large ({reason}); shrink it first") from error
    except DAMAGE as error:
        # The first sentence; others tell how to build a library anew, and the like.
        reason = " ".join(str(error).split()).split(". ")[0][:100] or type(error).__name__
        raise BadPicture(
            f"{shown(file.path)} can't be read as {file.kind} ({reason});"
            " get the file again, or save it anew as PNG"
        ) from error
