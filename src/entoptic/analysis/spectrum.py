"""Fourier spectra of the user's own photographs, for the canvas `maco`."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from entoptic.analysis.photographs import crops, each_photo, photo_files
from entoptic.canvas import spectrum_of
from entoptic.canvas.maco import check_spectrum
from entoptic.checks import as_given, function, path, several, taking, whole
from entoptic.errors import BadSetting, BadSpectrum, CannotWrite
from entoptic.images import Picture, PictureLike, picture_of
from entoptic.images.writing import write_file
from entoptic.paths import why_missing
from entoptic.types import PathLike

ENDING = ".npz"

_Array: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.generic]]

# How a .npy file begins.
_MAGIC = b"\x93NUMPY"

# Rows and columns of the largest spectrum that is read: it takes 200 MB.
_LONGEST = 4096
_MAX_BYTES = 1 << 28

# What zipfile and NumPy raise for damaged files; RuntimeError is for encrypted ones, and like
# MemoryError for headers that are nested too deeply.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
    KeyError,
    ValueError,
    SyntaxError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    Warning,
)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The mean Fourier magnitude of photographs.

    Args:
        magnitude: (3, rows, columns) float32, as `spectrum_of` gives it: a `spectrum` for `MaCo`,
            of which the unit doesn't matter.
        photos: how many photographs it is the mean of; 0 where the file doesn't say.
        path: the file that it was read from.
        sha256: of that file.
        notes: what the user should know.
    """

    magnitude: Tensor
    photos: int
    path: Path | None = None
    sha256: str | None = None
    notes: tuple[str, ...] = ()

    def save(self, path: PathLike, *, replace: bool = True) -> Path:
        """Write it as a file for `--spectrum`; the file appears whole or not at all.

        Args:
            path: the file, ending in .npz.
            replace: whether an existing one is replaced.

        Returns:
            The path.

        Raises:
            AlreadyThere: the file exists and isn't to be replaced.
            CannotWrite: the name doesn't end in .npz, or the place can't be written to.
        """
        check_spectrum_file(path)
        stream = io.BytesIO()
        values = self.magnitude.float().numpy()
        np.savez(stream, spectrum=values, photos=np.int64(self.photos))
        write_file(path, stream.getvalue(), replace=replace)
        return Path(path)


@taking(
    photos=several(as_given, "files, folders and pictures"),
    size=whole(16, _LONGEST),
    tell=function,
)
def spectrum(
    photos: Sequence[PictureLike],
    *,
    size: int = 224,
    tell: Callable[[str], None] = lambda _: None,
) -> Spectrum:
    """Measure the mean magnitude spectrum of photographs, for the canvas `MaCo`.

    Each photograph has the same weight, as the mean of square crops: of its middle and its ends at
    the height of its shorter side, and of its corners at twice the scale where it is large enough.

    Args:
        photos: files, folders of pictures, or pictures.
        size: side of the crops, in pixels; the spectrum fits pictures of all sizes.
        tell: is told what is being done.

    Raises:
        BadSetting: no photographs, or a size out of its range.
        PictureNotFound, BadPicture: a file isn't a picture.

    Source: Fel et al., "Unlocking Feature Visualization for Deeper Networks with MAgnitude
    Constrained Optimization", 2023, which takes the mean over ImageNet.

    >>> spectrum([Picture.of(torch.rand(3, 40, 60))], size=32).magnitude.shape
    torch.Size([3, 32, 17])
    """
    files = photo_files(each for each in photos if isinstance(each, str | Path))
    given = [picture_of(each, "photos") for each in photos if not isinstance(each, str | Path)]
    count = len(files) + len(given)
    if not count:
        raise BadSetting("no photographs; name files or folders")
    total = torch.zeros(3, size, size // 2 + 1, dtype=torch.float64)
    small = 0
    places: list[Path | Picture] = [*files, *given]

    def measured(picture: Picture) -> tuple[bool, Tensor]:
        return min(picture.height, picture.width) < size, spectrum_of(crops(picture.image, size))

    for number, found in enumerate(each_photo(places, measured), 1):
        tell(f"photograph {number} of {count}")
        if isinstance(found, Exception):
            raise found
        small += found[0]
        total += found[1]
    return Spectrum((total / count).float(), count, notes=_notes(small, count, size))


def _notes(small: int, count: int, size: int) -> tuple[str, ...]:
    if not small:
        return ()
    return (
        f"{small} of {count} photographs are smaller than {size} pixels and were enlarged, so that "
        "their fine grain is missing; leave them out, or choose a smaller size",
    )


def check_spectrum_file(path: PathLike) -> None:
    """Find out before any work whether a name is one for a spectrum.

    Raises:
        CannotWrite: it doesn't end in .npz, or there is no such folder.
    """
    place = Path(path)
    if place.suffix.lower() != ENDING:
        raise CannotWrite(f"a spectrum is a file of NumPy; end {str(path)!r} in {ENDING}")
    if not os.path.isdir(place.parent):  # noqa: PTH112 (never raises)
        raise CannotWrite(f"there is no folder {str(place.parent)!r} to write to; make it first")


@taking(path=path)
def read_spectrum(path: PathLike) -> Spectrum:
    """Read what `Spectrum.save` wrote, or an array of NumPy; the file may come from anyone.

    An array is what Horama, xplique, faccent and dreamlens carry of ImageNet, a .npy file: float32
    of shape (3, rows, columns), in the same axes of colour and laid out as `to_spectrum` does.

    Raises:
        BadSpectrum: it isn't there, is no such file, is damaged or too large.
    """
    data = _bytes(path)
    try:
        with warnings.catch_warnings():
            # NumPy's, of headers that it doesn't write itself.
            warnings.simplefilter("error")
            values, photos = _arrays(io.BytesIO(data))
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise _bad(path, f"can't be read ({reason})") from error
    magnitude = torch.from_numpy(values)
    try:
        check_spectrum(magnitude)
    except BadSetting as error:
        raise _bad(path, f"has wrong numbers ({error})") from None
    return Spectrum(magnitude, photos, Path(path), hashlib.sha256(data).hexdigest())


def _bytes(path: PathLike) -> bytes:
    try:
        # Looked at before it is opened: opening a pipe would wait for its other end.
        found = Path(path).stat()
        if not stat.S_ISREG(found.st_mode):
            raise _bad(path, "is no file")
        if found.st_size > _MAX_BYTES:
            raise _bad(path, f"has {found.st_size} bytes, more than the limit of {_MAX_BYTES}")
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        hint = why_missing(path) if isinstance(error, FileNotFoundError) else ""
        raise _bad(path, f"can't be opened ({reason}){hint}") from None


@runtime_checkable
class _Stream(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


def _arrays(file: io.BytesIO) -> tuple[_Array, int]:
    """Return the spectrum of a file, and the number of photographs that it states."""
    if file.getbuffer()[: len(_MAGIC)] == _MAGIC:
        return _array(file, "spectrum", np.float32, 3), 0
    with zipfile.ZipFile(file) as archive:
        with archive.open("spectrum.npy") as stream:
            values = _array(stream, "spectrum", np.float32, 3)
        with archive.open("photos.npy") as stream:
            return values, int(_array(stream, "photos", np.int64, 0))


def _array(stream: _Stream, name: str, kind: type[np.generic], axes: int) -> _Array:
    """Return one array, whose size is known before any memory is taken for it."""
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"{name} is of an unknown format")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(stream)
    if len(shape) != axes or dtype != np.dtype(kind) or by_columns:
        raise ValueError(f"{name} is {dtype} of shape {shape}")
    if axes and not (shape[0] == 3 and all(0 < side <= _LONGEST for side in shape[1:])):
        raise ValueError(f"{name} is of shape {shape}; at most (3, {_LONGEST}, {_LONGEST})")
    wanted = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    data = stream.read(wanted)
    if len(data) != wanted:
        raise ValueError(f"{name} has {len(data)} bytes instead of {wanted}")
    return np.frombuffer(bytearray(data), dtype).reshape(shape)


def _bad(path: PathLike, what: str) -> BadSpectrum:
    return BadSpectrum(
        f"the spectrum {str(path)!r} {what}; `entoptic spectrum PHOTOS...` makes one"
    )
