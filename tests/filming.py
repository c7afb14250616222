"""Films that tests make, of pictures whose motion is known."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import entoptic as ent
from entoptic.video.pixels import Pixels


def texture(height: int, width: int, seed: int = 0) -> Pixels:
    """Return smooth noise, in which every place can be told from others."""
    rng = torch.Generator().manual_seed(seed)
    small = torch.rand(1, 3, height // 12 + 2, width // 12 + 2, generator=rng)
    image = functional.interpolate(small, (height, width), mode="bicubic").clamp(0, 1)
    pixels: Pixels = (image[0].permute(1, 2, 0) * 200 + 27).byte().contiguous().numpy()
    return pixels


def moving(count: int, height: int = 48, width: int = 64, seed: int = 0) -> list[Pixels]:
    """Return frames that look through a window at a texture, which moves by (1, 2) a frame."""
    whole = texture(height + count, width + 2 * count, seed)
    return [
        np.ascontiguousarray(whole[n : n + height, 2 * n : 2 * n + width]) for n in range(count)
    ]


def film(
    path: Path,
    frames: Sequence[Pixels],
    *,
    times: Sequence[int] | None = None,
    base: Fraction = Fraction(1, 25),
    codec: str = "libx264",
    pixels: str = "yuv444p",
    audio: str | None = None,
    turned: int = 0,
    aspect: Fraction = Fraction(1),
    matrix: int = 2,
    span: int = 1,
) -> Path:
    """Write a film by PyAV alone.

    Args:
        path: the file.
        frames: of one size.
        times: of each frame, in units of `base`.
        base: seconds of a unit.
        codec: FFmpeg's name.
        pixels: FFmpeg's name of their format.
        audio: the codec of a tone as long as the film.
        turned: degrees by which a player turns it.
        aspect: of a pixel.
        matrix: number of the color matrix.
        span: 1 for luma from 16 to 235, 2 for all values.
    """
    import av

    container: Any
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=1 / base)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = stream.time_base = base
        stream.codec_context.sample_aspect_ratio = aspect
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, span
        if codec == "libx264":
            stream.codec_context.options = {"crf": "4"}
        if turned:
            stream.set_display_rotation(turned)
        sound: Any = container.add_stream(audio, rate=44100) if audio else None
        for number, each in enumerate(frames):
            frame: Any = av.VideoFrame.from_ndarray(each, format="rgb24")
            if codec != "ffv1":
                frame = frame.reformat(
                    format=pixels, dst_colorspace=1 if matrix == 1 else 5, dst_color_range=span
                )
                frame.colorspace = matrix
            frame.pts = number if times is None else times[number]
            frame.time_base = base
            container.mux(stream.encode(frame))
        if sound is not None:
            seconds = float((len(frames) if times is None else times[-1] + 1) * base)
            for start in range(0, int(seconds * 44100), 1024):
                tone = np.sin(np.arange(start, start + 1024) * 0.05).astype(np.float32)
                wave: Any = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
                wave.sample_rate, wave.pts = 44100, start
                container.mux(sound.encode(wave))
            container.mux(sound.encode(None))
        container.mux(stream.encode(None))
    return path


def packets(path: Path) -> list[bytes]:
    """Return the packets of a film's sound."""
    import av

    with av.open(str(path)) as container:
        return [bytes(each) for each in container.demux(audio=0) if each.size]


def small_network() -> ent.Model:
    """Return a network of one convolution, of which each step takes milliseconds."""
    torch.manual_seed(0)
    return ent.Model.wrap(
        nn.Sequential(nn.Conv2d(3, 8, 5, padding=2), nn.ReLU()), preprocess=ent.Preprocess()
    )


def frames_in(path: Path) -> list[Any]:
    """Return the pixels of each frame of a film."""
    from entoptic.video.reading import facts_of, frames_of

    return [each.pixels for each in frames_of(facts_of(path))]


def are_same(first: Path, second: Path) -> bool:
    """Tell whether two films have the same frames."""
    one, two = frames_in(first), frames_in(second)
    return len(one) == len(two) and all(map(np.array_equal, one, two))
