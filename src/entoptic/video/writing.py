"""Films written: frames with their times, the source's sound copied, its colors kept."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from entoptic import images
from entoptic.errors import BadFilm, BadSetting, CannotWrite
from entoptic.paths import make_folder
from entoptic.video.containers import av, video_of
from entoptic.video.deep import for_luma
from entoptic.video.pixels import Bits, Pixels, bits_of, image_of
from entoptic.video.reading import Facts, Frame

FOLDER = "folder"
"""The format of a folder of pictures."""


@dataclass(frozen=True)
class Codec:
    """A way to encode frames.

    Args:
        encoder: FFmpeg's name.
        pixels: FFmpeg's name of the pixel format.
        options: the encoder's.
        even: whether height and width must be even.
        tag: the codec's tag in MP4 and MOV, where the usual one isn't played everywhere.
        hue: whether pixels are luma and chroma, so that a matrix is chosen.
        bits: per channel, of the frames that it is given.
    """

    encoder: str
    pixels: str
    options: Mapping[str, str] = field(default_factory=dict)
    even: bool = True
    tag: str | None = None
    hue: bool = True
    bits: Bits = 8


CODECS: Mapping[str, Codec] = {
    # x264's macroblock tree reads memory that nobody wrote (seen up to 176x144 pixels), so that the
    # same frames became different films; without it they don't. Dreamt films of 640 pixels are then
    # 2 to 13% smaller, and 0.3 to 0.8 dB further from their frames.
    "h264": Codec(
        "libx264", "yuv420p", {"crf": "16", "preset": "medium", "x264-params": "mbtree=0"}
    ),
    "hevc": Codec(
        "libx265",
        "yuv420p",
        {"crf": "18", "preset": "medium", "x265-params": "log-level=none"},
        tag="hvc1",
    ),
    "vp9": Codec("libvpx-vp9", "yuv420p", {"crf": "24", "b": "0", "row-mt": "1", "cpu-used": "3"}),
    "prores": Codec("prores_ks", "yuv422p10le", {"profile": "hq"}, tag="apch", bits=16),
    "gif": Codec("gif", "pal8", even=False, hue=False),
    "webp": Codec("libwebp_anim", "bgra", {"quality": "90", "loop": "0"}, even=False, hue=False),
    "apng": Codec("apng", "rgb24", {"plays": "0"}, even=False, hue=False),
}

_FORMATS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    ".mp4": ("mp4", ("h264", "hevc", "vp9")),
    ".m4v": ("mp4", ("h264", "hevc")),
    ".mov": ("mov", ("h264", "hevc", "prores")),
    ".mkv": ("matroska", ("h264", "hevc", "vp9", "prores")),
    ".webm": ("webm", ("vp9",)),
    ".gif": ("gif", ("gif",)),
    ".webp": ("webp", ("webp",)),
    ".apng": ("apng", ("apng",)),
}

ENDINGS = tuple(_FORMATS)
"""Endings of the files that are written; the first codec of each is its usual one."""

_SILENT = ("gif", "webp", "apng")

# Of H.273's matrices, FFmpeg's numbers for conversions; what isn't said is converted as BT.601.
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}

# Players show what is shorter than 2 hundredths of a second for ten.
_GIF_RATE = 50

JOB_KEY = "comment"
"""The field of a film's metadata that holds its job."""


@dataclass(frozen=True)
class Form:
    """The format of a film that is written.

    Args:
        path: the file, or a folder for pictures.
        container: FFmpeg's name of the format; `FOLDER` for pictures.
        codec: None for pictures.
        bits: per channel, of the frames that are written.
    """

    path: Path
    container: str
    codec: Codec | None
    bits: Bits

    @property
    def silent(self) -> bool:
        """Tell whether the format has no sound."""
        return self.container in (*_SILENT, FOLDER)

    def notes(self, height: int, width: int) -> tuple[str, ...]:
        """Return what the user should know of a film of a size in this format."""
        if self.codec is None or not self.codec.even or not (height % 2 or width % 2):
            return ()
        return ("height and width must be even; the last row or column is there twice",)


@dataclass(frozen=True)
class Sound:
    """The sound of a film, of which another one gets a copy.

    Args:
        path: the film.
        start: seconds of it that are left out.
        end: seconds at which it ends; None for its own end.
    """

    path: Path
    start: Fraction
    end: Fraction | None


def lossless(path: Path, bits: Bits) -> Form:
    """Return the format of frames that are read again as they were."""
    pixels = "bgr0" if bits == 8 else "gbrp16le"
    return Form(path, "matroska", Codec("ffv1", pixels, even=False, hue=False, bits=bits), bits)


def form_of(path: Path, codec: str | None, bits: Bits | None = None) -> Form:
    """Return the format of a film by its ending.

    Args:
        path: the file; a folder of pictures where it ends with `/` or is one.
        codec: one of `CODECS`; by default the format's usual one.
        bits: per channel of pictures; by default 8. Other films have those of their codec.

    Raises:
        BadSetting: there is no such format; or it can't hold that codec, or so many bits.
    """
    suffix = path.suffix.lower()
    if path.is_dir() or not suffix:
        if codec is not None:
            raise BadSetting("codec is of a film; leave it out for a folder of pictures")
        return Form(path, FOLDER, None, bits or 8)
    if suffix not in _FORMATS:
        raise BadSetting(
            f"can't write a film as {suffix!r}; take one of {' '.join(ENDINGS)}, or a name "
            "without an ending for a folder of pictures"
        )
    container, held = _FORMATS[suffix]
    if codec is not None and codec not in held:
        raise BadSetting(f"{suffix} can't hold {codec}; it holds {', '.join(held)}")
    found = CODECS[codec or held[0]]
    if bits == 16 and suffix == ".apng":
        found = replace(found, pixels="rgb48be", bits=16)
    if bits == 16 and found.bits == 8:
        raise BadSetting(
            f"{suffix} has 8 bits; 16 have a folder of pictures and .apng, and prores (.mov, .mkv) "
            "is of 10, made from 16"
        )
    return Form(path, container, found, found.bits)


def write_film(
    form: Form,
    facts: Facts,
    frames: Iterable[Frame],
    *,
    job: str,
    sound: Sound | None = None,
    draft: Path | None = None,
) -> Path:
    """Write a film; a file is replaced in one go or not at all.

    Args:
        form: its format.
        facts: size, rate, pixel aspect and colors.
        frames: in order, of that size.
        job: what made it, which goes into its metadata.
        sound: that is copied as it is.
        draft: the file that takes the film's place at the end, on the same disk; by default one
            beside it.

    Raises:
        CannotWrite: with what to do.
        BadFilm: the format can't hold such frames, or such sound.
    """
    if form.container == FOLDER:
        return _write_pictures(form, frames, job)
    with _replacing(form.path, draft) as temporary:
        _encode(form, temporary, facts, frames, job, sound if not form.silent else None)
    return form.path


@contextmanager
def _replacing(path: Path, draft: Path | None) -> Iterator[Path]:
    """Yield the name of a temporary file, which takes a film's place at the end."""
    temporary = draft or path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, av().FFmpegError) as error:
        said = error.strerror or str(error)
        raise CannotWrite(f"can't write {str(path)!r} ({said}); name another place") from None
    finally:
        temporary.unlink(missing_ok=True)


def _encode(
    form: Form,
    path: Path,
    facts: Facts,
    frames: Iterable[Frame],
    job: str,
    sound: Sound | None,
) -> None:
    module = av()
    assert form.codec is not None
    flags = {"movflags": "+faststart"} if form.container in ("mp4", "mov") else {}
    base = facts.time_base
    with module.open(str(path), "w", format=form.container, options=flags) as container:
        container.metadata[JOB_KEY] = job
        stream = _stream(container, form.codec, facts)
        copied = None if sound is None else _Copied(container, sound)
        painted = _Palettes(facts) if form.codec.encoder == "gif" else None
        last: tuple[int, int] | None = None
        for each in frames:
            frame = _frame(each.pixels, form.codec, facts)
            frame = frame if painted is None else painted.painted(frame)
            start = round(each.time / base)
            if last is not None and start <= last[0]:
                start = last[0] + 1
            length = round((each.duration or 1 / facts.rate) / base)
            frame.pts, frame.time_base, frame.duration = start, base, length
            last = start, length
            container.mux(stream.encode(frame))
            if copied is not None:
                copied.up_to(each.time)
        if last is None:
            raise BadFilm("there are no frames to write")
        packets = stream.encode(None)
        for packet in packets:
            if packet.pts is not None and packet.pts * Fraction(packet.time_base) >= last[0] * base:
                packet.duration = round(last[1] * base / Fraction(packet.time_base))
        container.mux(packets)
        if copied is not None:
            copied.up_to(None)


def _stream(container: Any, codec: Codec, facts: Facts) -> Any:
    """Add the stream of the frames to a film that is written."""
    stream = container.add_stream(codec.encoder, rate=facts.rate)
    height, width = facts.height, facts.width
    if codec.even:
        height, width = height + height % 2, width + width % 2
    stream.height, stream.width, stream.pix_fmt = height, width, codec.pixels
    context = stream.codec_context
    context.options = dict(codec.options)
    context.time_base = stream.time_base = facts.time_base
    context.sample_aspect_ratio = facts.pixel_aspect
    if codec.tag is not None and container.format.name in ("mp4", "mov"):
        context.codec_tag = codec.tag
    if codec.hue:
        context.colorspace, context.color_primaries = facts.matrix, facts.primaries
        context.color_trc = facts.transfer
        context.color_range = 2 if facts.full_range else 1
    return stream


def check_form(form: Form, facts: Facts) -> None:
    """Find out before any work whether a format can hold frames of a size and rate.

    Raises:
        BadSetting: it can't.
    """
    codec = form.codec
    if codec is None:
        return
    if form.container == "gif" and facts.rate > _GIF_RATE:
        raise BadSetting(
            f"a GIF shows {_GIF_RATE} frames per second at most, and these are "
            f"{float(facts.rate):g}; take fewer, or another format"
        )
    with av().open(io.BytesIO(), "w", format=form.container) as container:
        try:
            _stream(container, codec, facts).codec_context.open()
        except av().FFmpegError:
            raise BadSetting(
                f"{codec.encoder} can't encode frames of {facts.width}x{facts.height} (width x "
                "height); take another size or another codec"
            ) from None


def _frame(pixels: Pixels, codec: Codec, facts: Facts) -> Any:
    """Return a frame in the codec's pixels, with the colors that the film says it has."""
    height, width = pixels.shape[:2]
    if codec.even and (height % 2 or width % 2):
        # The edge once more, where the codec takes no odd sizes.
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    deep = bits_of(pixels) == 16
    pixels = for_luma(pixels) if deep and codec.hue else np.ascontiguousarray(pixels)
    frame = av().VideoFrame.from_ndarray(pixels, format="rgb48le" if deep else "rgb24")
    if not codec.hue:
        return frame if codec.pixels == "pal8" else frame.reformat(format=codec.pixels)
    frame = frame.reformat(
        format=codec.pixels,
        dst_colorspace=_MATRICES.get(facts.matrix, 5),
        dst_color_range=2 if facts.full_range else 1,
    )
    frame.colorspace, frame.color_primaries = facts.matrix, facts.primaries
    frame.color_trc = facts.transfer
    return frame


class _Palettes:
    """Frames in 256 colors, each by the palette that suits it best.

    Args:
        facts: of the film.
    """

    def __init__(self, facts: Facts) -> None:
        graph = av().filter.Graph()
        source = graph.add_buffer(
            width=facts.width, height=facts.height, format="rgb24", time_base=facts.time_base
        )
        split = graph.add("split")
        generated = graph.add("palettegen", "stats_mode=single")
        used = graph.add("paletteuse", "new=1:dither=sierra2_4a")
        sink = graph.add("buffersink")
        source.link_to(split)
        split.link_to(used, 0, 0)
        split.link_to(generated, 1, 0)
        generated.link_to(used, 0, 1)
        used.link_to(sink)
        graph.configure()
        self.graph, self.count = graph, 0

    def painted(self, frame: Any) -> Any:
        """Return a frame in 256 colors."""
        frame.pts, self.count = self.count, self.count + 1
        self.graph.push(frame)
        return self.graph.pull()


class _Copied:
    """The sound of a film, copied into another without being encoded again.

    Args:
        container: the film that is written.
        sound: where it comes from.
    """

    def __init__(self, container: Any, sound: Sound) -> None:
        self.container, self.start, self.end = container, sound.start, sound.end
        self.source = av().open(str(sound.path), metadata_errors="ignore")
        found = [*self.source.streams.audio]
        # Film and sound begin together where they did so in the source.
        video = video_of(self.source)
        self.begin = (video.start_time or 0) * Fraction(video.time_base)
        self.streams = {each.index: _copied(container, each) for each in found}
        self.packets = self.source.demux(*found) if found else iter(())
        self.waiting: Any = None

    def up_to(self, time: Fraction | None) -> None:
        """Copy what is heard until a time of the film; None for all."""
        while True:
            packet, self.waiting = self.waiting or next(self.packets, None), None
            if packet is None:
                return
            if packet.dts is None:
                continue
            base = Fraction(packet.time_base)
            heard = packet.dts * base - self.begin
            # Before the first frame an encoder's delay is heard, which a player leaves out.
            if self.start and heard < self.start:
                continue
            if self.end is not None and heard >= self.end:
                continue
            if time is not None and heard - self.start > time + 1:
                self.waiting = packet
                return
            shift = round((self.begin + self.start) / base)
            packet.dts -= shift
            packet.pts = packet.dts if packet.pts is None else packet.pts - shift
            packet.stream = self.streams[packet.stream.index]
            self.container.mux(packet)


def _copied(container: Any, stream: Any) -> Any:
    """Add a stream of sound to a film that is written, as it is in another.

    Raises:
        BadFilm: the format can't hold it.
    """
    try:
        return container.add_stream_from_template(stream)
    except ValueError:
        raise BadFilm(
            f"a film of the format {container.format.name} can't hold the sound, which is "
            f"{stream.codec_context.name}; take a name that ends in .mkv, or leave the sound out"
        ) from None


def check_sound(form: Form, path: Path) -> None:
    """Find out whether a film's sound can be copied into a format.

    Raises:
        BadFilm: it can't.
    """
    with av().open(io.BytesIO(), "w", format=form.container) as container:
        _Copied(container, Sound(path, Fraction(0), None))


def _write_pictures(form: Form, frames: Iterable[Frame], job: str) -> Path:
    """Write each frame as a PNG with the film's job."""
    make_folder(form.path)
    for number, each in enumerate(frames):
        file = form.path / f"frame{number:06}.png"
        images.write(file, image_of(each.pixels), job=job, bits=form.bits, replace=True)
    return form.path
