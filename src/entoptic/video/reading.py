"""Films read: whatever FFmpeg decodes, or a folder of pictures, frame by frame."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from entoptic import images
from entoptic.errors import BadFilm, BadSetting, EntopticError
from entoptic.video.animations import is_webp, pictures_of
from entoptic.video.containers import av, decoded, opened, video_of
from entoptic.video.deep import deep_pixels
from entoptic.video.pixels import Bits, Pixels, pixels_of

if TYPE_CHECKING:
    from av import VideoFrame

USUAL_RATE = Fraction(25)
"""Frames per second of a folder of pictures."""

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")


@dataclass(frozen=True)
class Facts:
    """A film's properties.

    Args:
        path: the file, or the folder of pictures.
        height: of each frame as it is shown upright, in pixels.
        width: likewise.
        rate: frames per second, on average.
        time_base: seconds of a unit of time.
        pixel_aspect: width of a pixel by its height, as it is shown upright.
        matrix: number of the color matrix (ITU-T H.273), 2 where the file doesn't say.
        primaries: likewise.
        transfer: likewise.
        full_range: whether luma takes all values, 0 to 255.
        frames: how many, as far as the file says.
        audio: number of audio streams.
        bits: per channel, in which frames are read or written.
    """

    path: Path
    height: int
    width: int
    rate: Fraction
    time_base: Fraction
    pixel_aspect: Fraction = Fraction(1)
    matrix: int = 2
    primaries: int = 2
    transfer: int = 2
    full_range: bool = False
    frames: int | None = None
    audio: int = 0
    bits: Bits = 8

    @classmethod
    def of_pictures(cls, path: Path, height: int, width: int, rate: Fraction, bits: Bits) -> Facts:
        """Return the properties of a film that is made of sRGB pictures, at an even rate."""
        return cls(
            path=path,
            height=height,
            width=width,
            rate=rate,
            time_base=1 / rate,
            matrix=1,
            primaries=1,
            transfer=1,
            bits=bits,
        )


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a film.

    Args:
        number: from 0.
        time: seconds from the film's first frame.
        duration: seconds that it is shown; None where the next frame's time says it.
        pixels: (height, width, 3), sRGB, of 8 or 16 bits.
    """

    number: int
    time: Fraction
    duration: Fraction | None
    pixels: Pixels


@dataclass(frozen=True)
class Mark:
    """Where a frame is in a film.

    Args:
        number: of the frame, as `frames_of` counts.
        time: seconds from the film's first frame.
        digest: CRC-32 of its pixels.
    """

    number: int
    time: Fraction
    digest: int

    @classmethod
    def of(cls, frame: Frame) -> Mark:
        """Return the mark of a frame."""
        return cls(frame.number, frame.time, _digest(frame))


def _digest(frame: Frame) -> int:
    return zlib.crc32(frame.pixels.data)


def facts_of(path: Path) -> Facts:
    """Return a film's properties, of its first frame.

    Raises:
        PictureNotFound: there is no such file, or it may not be read.
        BadFilm: it is no film, or has no frames.
        MissingExtra: PyAV isn't installed.
    """
    if _is_folder(path):
        return _facts_of_folder(path)
    if is_webp(path):
        return _facts_of_webp(path)
    with opened(path) as container:
        stream = video_of(container)
        _check_size(path, stream.codec_context.height, stream.codec_context.width)
        first = next(decoded(path, container), None)
        if first is None:
            raise BadFilm(f"{str(path)!r} has no frame that can be decoded")
        rate = stream.average_rate or stream.guessed_rate or USUAL_RATE
        aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
        turned = first.rotation % 180 != 0
        height, width = first.height, first.width
        return Facts(
            path=path,
            height=width if turned else height,
            width=height if turned else width,
            rate=Fraction(rate),
            time_base=Fraction(stream.time_base or 1 / Fraction(rate)),
            pixel_aspect=1 / aspect if turned else aspect,
            matrix=int(first.colorspace),
            primaries=int(first.color_primaries),
            transfer=int(first.color_trc),
            full_range=int(first.color_range) == 2,
            frames=stream.frames or _estimated(container, Fraction(rate)),
            audio=len(container.streams.audio),
        )


def frames_of(facts: Facts) -> Iterator[Frame]:
    """Decode a film's frames in order, each upright and of the first one's size.

    Raises:
        BadFilm: a frame has another size, or the film has turned out to be damaged.
    """
    if is_of_pictures(facts.path):
        yield from _frames_of_pictures(facts)
        return
    with opened(facts.path) as container:
        yield from _timed(facts, decoded(facts.path, container))


def is_of_pictures(path: Path) -> bool:
    """Tell whether a film's frames are read as pictures are, without FFmpeg."""
    return path.is_dir() or is_webp(path)


def frames_since(facts: Facts, mark: Mark) -> Iterator[Frame]:
    """Decode a film's frames from a marked one on; raises as `frames_of` does.

    The film is wound to it. Where that doesn't lead to the very frame, as in films without an
    index, those before it are decoded too.
    """
    if is_of_pictures(facts.path):
        yield from _frames_of_pictures(facts, mark)
        return
    with opened(facts.path) as container:
        frames = _wound(facts, container, mark)
        first = next(frames, None)
        if first is not None and _digest(first) == mark.digest:
            yield first
            yield from frames
            return
    yield from itertools.dropwhile(lambda each: each.number < mark.number, frames_of(facts))


def _wound(facts: Facts, container: Any, mark: Mark) -> Iterator[Frame]:
    """Yield the frames of a film from that which is shown at a mark's time on."""
    first = next(decoded(facts.path, container), None)
    if first is None or first.pts is None:
        return
    wanted = first.pts + round(mark.time / facts.time_base)
    try:
        container.seek(wanted, stream=video_of(container))
    except av().FFmpegError:
        return  # it can't be wound
    after = decoded(facts.path, container, since=wanted)
    yield from _timed(facts, after, mark.number, first.pts * facts.time_base)


def _timed(
    facts: Facts, frames: Iterator[VideoFrame], first: int = 0, start: Fraction | None = None
) -> Iterator[Frame]:
    """Yield decoded frames with their times.

    Args:
        facts: of the film.
        frames: its frames, or those from one on.
        first: number of the first of them.
        start: the time of the film's first frame; by default that of the first of these.
    """
    last: Fraction | None = None
    base = facts.time_base
    for number, each in enumerate(frames, first):
        pixels = _pixels(each, facts.bits)
        check_same_size(facts, number, *pixels.shape[:2])
        if each.pts is None:
            time = number / facts.rate if last is None else last + 1 / facts.rate
        else:
            time = each.pts * base
        start = time if start is None else start
        if last is not None and time <= last:
            continue  # shown at the same time as the one before, so never seen
        last = time
        length = each.duration * base if each.duration else None
        yield Frame(number, time - start, length, pixels)


def check_same_size(facts: Facts, number: int, height: int, width: int) -> None:
    """Refuse a frame of another size than the film's first.

    Raises:
        BadFilm: with its number.
    """
    if (height, width) != (facts.height, facts.width):
        raise BadFilm(
            f"frame {number} of {str(facts.path)!r} is {width}x{height} and the first "
            f"{facts.width}x{facts.height} (width x height); cut the film there"
        )


def _estimated(container: Any, rate: Fraction) -> int | None:
    """Return the number of frames by the duration, where a file doesn't say it."""
    if not container.duration:
        return None
    return max(1, round(Fraction(container.duration, 1_000_000) * rate))


def _check_size(path: Path, height: int, width: int) -> None:
    """Refuse a film of frames that memory may have no room for, before one is decoded."""
    if height * width > images.MAX_PIXELS:
        raise BadFilm(
            f"the frames of {str(path)!r} are {width}x{height} (width x height), more than the "
            f"limit of {images.MAX_PIXELS / 1e6:.0f} megapixels; make them smaller"
        )


def _is_folder(path: Path) -> bool:
    """Tell whether a path names a folder; before Python 3.13 names that are too long are errors."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _pixels(frame: VideoFrame, bits: Bits) -> Pixels:
    """Return a frame as it is shown: sRGB by the file's own matrix and range, upright."""
    if bits == 16:
        return _upright(deep_pixels(frame), frame.rotation)
    if frame.format.has_palette or any(each.is_alpha for each in frame.format.components):
        return _upright(_on_black(frame), frame.rotation)
    pixels: Any = frame.reformat(format="rgb24").to_ndarray()
    return _upright(pixels, frame.rotation)


def _on_black(frame: VideoFrame) -> Pixels:
    """Return a frame with alpha on black, as players show it."""
    values = frame.reformat(format="rgba").to_ndarray().astype(np.uint16)
    covered: Pixels = ((values[..., :3] * values[..., 3:] + 127) // 255).astype(np.uint8)
    return covered


def _upright(pixels: Pixels, rotation: int) -> Pixels:
    """Turn a frame as its file says, counterclockwise in degrees."""
    turned: Pixels = np.ascontiguousarray(np.rot90(pixels, rotation // 90 % 4))
    return turned


def _facts_of_folder(folder: Path) -> Facts:
    files = pictures_in(folder)
    first = images.read(files[0])
    return Facts(
        path=folder,
        height=first.height,
        width=first.width,
        rate=USUAL_RATE,
        time_base=1 / USUAL_RATE,
        frames=len(files),
    )


def _facts_of_webp(path: Path) -> Facts:
    # Of an animation only the whole says how long it is.
    lengths, first = [], None
    for each in pictures_of(path):
        first = first or each.picture
        lengths.append(each.seconds)
    if first is None:
        raise BadFilm(f"{str(path)!r} has no frame that can be decoded")
    return Facts(
        path=path,
        height=first.height,
        width=first.width,
        rate=len(lengths) / sum(lengths, Fraction(0)),
        time_base=Fraction(1, 1000),
        frames=len(lengths),
    )


def _frames_of_pictures(facts: Facts, mark: Mark | None = None) -> Iterator[Frame]:
    """Yield the frames of a folder of pictures, or of an animation, from a marked one on."""
    first = 0 if mark is None else mark.number
    if facts.path.is_dir():
        yield from _frames_of_folder(facts, first)
        return
    time = Fraction(0) if mark is None else mark.time
    for number, each in enumerate(pictures_of(facts.path, first), first):
        yield Frame(number, time, each.seconds, _pixels_of_picture(each.picture, facts.bits))
        time += each.seconds


def _pixels_of_picture(picture: images.Picture, bits: Bits) -> Pixels:
    """Return a picture as players show it: on black."""
    image = picture.image if picture.alpha is None else picture.image * picture.alpha
    return pixels_of(image, bits)


def _frames_of_folder(facts: Facts, first: int = 0) -> Iterator[Frame]:
    for number, file in enumerate(pictures_in(facts.path)[first:], first):
        try:
            picture = images.read(file)
        except EntopticError as error:
            raise BadFilm(f"frame {number} can't be read: {error}") from None
        if (picture.height, picture.width) != (facts.height, facts.width):
            raise BadFilm(
                f"{str(file)!r} is {picture.width}x{picture.height} and the first frame "
                f"{facts.width}x{facts.height} (width x height); make them of one size"
            )
        pixels = _pixels_of_picture(picture, facts.bits)
        yield Frame(number, number / facts.rate, 1 / facts.rate, pixels)


def pictures_in(folder: Path) -> list[Path]:
    """Return a folder's pictures in the order of their names, numbers as numbers.

    Raises:
        BadFilm: there is none.
    """
    found = [
        each
        for each in folder.iterdir()
        # Hidden files are what systems keep for themselves, beside pictures of the same names.
        if each.suffix.lower() in PICTURES and each.name[0] != "." and not each.is_dir()
    ]
    if not found:
        raise BadFilm(f"there are no pictures in the folder {str(folder)!r}")
    return sorted(found, key=lambda file: _natural(file.name))


def _natural(name: str) -> list[tuple[int, str]]:
    """Return what sorts `frame9` before `frame10`."""
    import re

    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def at_rate(facts: Facts, rate: Fraction | None) -> Facts:
    """Return the facts of a folder of pictures that is shown at a rate.

    Raises:
        BadSetting: a film has a rate of its own.
    """
    if rate is None:
        return facts
    if not facts.path.is_dir():
        raise BadSetting("rate is of a folder of pictures; a film keeps its own")
    return replace(facts, rate=rate, time_base=1 / rate)
