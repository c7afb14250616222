"""Damage of films, found by decoding them once before any work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from entoptic.errors import BadFilm
from entoptic.video.containers import av, decoded, opened, video_of
from entoptic.video.reading import Facts, check_same_size, frames_of, is_of_pictures

# Films whose last frame ends so much before they should, in seconds, are cut off.
_LACKING = Fraction(1, 2)


def check_whole(facts: Facts, end: Fraction | None = None) -> None:
    """Decode a film to find out whether it can be, and is as long as it says.

    Args:
        facts: of the film, or the folder of pictures.
        end: seconds beyond which it isn't looked at; None for all of it.

    Raises:
        BadFilm: a frame is damaged or of another size, or the film is cut off.
    """
    if is_of_pictures(facts.path):
        for each in frames_of(facts):
            if end is not None and each.time >= end:
                return
        return
    with opened(facts.path) as container, _checksums(facts.path):
        stream = video_of(container)
        stream.codec_context.options = {"err_detect": "crccheck"}
        start = over = None
        for number, frame in enumerate(decoded(facts.path, container)):
            turned = frame.rotation % 180 != 0
            size = (frame.width, frame.height) if turned else (frame.height, frame.width)
            check_same_size(facts, number, *size)
            if frame.pts is None:
                continue
            time = frame.pts * facts.time_base
            start = time if start is None else start
            if end is not None and time - start >= end:
                return
            over = time + (frame.duration or 0) * facts.time_base
        wanted = _end_of(stream)
        if wanted is None or over is None or start is None or wanted - over <= _LACKING:
            return
    raise BadFilm(
        f"{str(facts.path)!r} is cut off or damaged: it should be {float(wanted - start):.2f} s "
        f"long, and its last frame ends after {float(over - start):.2f} s; get it again, or take "
        f"what there is with --end {float(over - start):.2f}"
    )


# What FFmpeg says of frames whose checksum is wrong, and that it hands out all the same.
_WRONG = ("CRC mismatch", "Incorrect MD5")


@contextmanager
def _checksums(path: Path) -> Iterator[None]:
    """Tell of frames that are decoded inside and whose checksum is wrong.

    Of FFV1, and of other codecs that have checksums, FFmpeg conceals such frames without a flag;
    its log alone tells.

    Raises:
        BadFilm: there are some.
    """
    logging = av().logging
    before = logging.get_level()
    logging.set_level(logging.ERROR)
    try:
        with logging.Capture(local=False) as said:
            yield
    finally:
        logging.set_level(before)
    texts = [" ".join(message.split()) for _, _, message in said]
    for number, text in enumerate(texts):
        if any(each in text for each in _WRONG):
            where = next((each for each in texts[number + 1 :][:1] if each.startswith("at ")), "")
            raise BadFilm(
                f"{str(path)!r} is damaged{' ' * bool(where)}{where}: a checksum is wrong; get it "
                "again, convert it anew, or leave the damage out by start and end"
            )


def _end_of(stream: Any) -> Fraction | None:
    """Return the time at which a stream ends, in seconds, as the file says it."""
    if stream.duration:
        units: int = (stream.start_time or 0) + stream.duration
        return units * Fraction(stream.time_base)
    # Matroska says it in a tag, hours:minutes:seconds.
    parts = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = (Fraction(each) for each in parts)
    except ValueError:
        return None
    return 3600 * hours + 60 * minutes + seconds
