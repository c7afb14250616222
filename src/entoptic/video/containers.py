"""Containers: the files of films, opened by PyAV, and the frames in them decoded."""

from __future__ import annotations

import errno
import importlib
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entoptic.errors import BadFilm, MissingExtra, PictureNotFound
from entoptic.paths import why_missing

if TYPE_CHECKING:
    from av import VideoFrame

# A file may be a list of others; those mustn't be fetched from elsewhere.
_LOCAL = {"protocol_whitelist": "file"}


def package(name: str) -> Any:
    """Import what films need.

    Raises:
        MissingExtra: it isn't installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtra("films need PyAV and OpenCV: pip install 'entoptic[film]'") from None


def av() -> Any:
    """Import PyAV; raises as `package` does."""
    return package("av")


def opened(path: Path) -> Any:
    """Open a film.

    Raises:
        PictureNotFound, BadFilm: with what to do.
    """
    module = av()
    try:
        # Looked at before it is opened: opening a pipe would wait for its other end.
        regular = stat.S_ISREG(path.stat().st_mode)
        if regular:
            path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        hint = why_missing(path) or "; name a film"
        raise PictureNotFound(f"there is no file {str(path)!r}{hint}") from None
    except PermissionError:
        raise PictureNotFound(f"{str(path)!r} may not be read; change its permissions") from None
    except (OSError, ValueError) as error:
        raise _bad(path, error) from None
    if not regular:
        raise BadFilm(f"{str(path)!r} is a device or a pipe; save the film to a file")
    try:
        container = module.open(str(path), metadata_errors="ignore", options=_LOCAL)
    except (module.FFmpegError, OSError, ValueError) as error:
        raise _bad(path, error) from None
    video = video_of(container)
    if video is None or video.codec_context is None:
        container.close()
        if video is None:
            said = "has no video; name a film, a GIF or a folder of pictures"
        else:
            said = "is of a kind that this FFmpeg can't decode; convert it"
        raise BadFilm(f"{str(path)!r} {said}")
    video.thread_type = "AUTO"
    return container


def video_of(container: Any) -> Any:
    """Return the stream of a film's frames, which is no cover picture; None where it has none."""
    covers = av().stream.Disposition.attached_pic
    return next((each for each in container.streams.video if not each.disposition & covers), None)


def decoded(path: Path, container: Any, since: int | None = None) -> Iterator[VideoFrame]:
    """Decode the frames of an open film.

    Args:
        path: its file.
        container: as `opened` returns it.
        since: time from which on frames are wanted, in units of the stream; where it was wound,
            those before may lack what they are made from.

    Raises:
        BadFilm: with the number of the frame that is damaged.
    """
    module, count = av(), 0
    try:
        for frame in container.decode(video_of(container)):
            if since is not None and (frame.pts is None or frame.pts < since):
                continue
            if frame.is_corrupt:
                raise BadFilm(
                    f"frame {count} of {str(path)!r} is damaged; convert the film anew, or leave "
                    "the frame out by start and end"
                )
            yield frame
            count += 1
    except module.FFmpegError as error:
        raise _bad(path, error, count) from None


def comment_of(path: Path) -> str | None:
    """Return the comment in a film's metadata.

    Raises:
        PictureNotFound, BadFilm: as `facts_of`.
    """
    with opened(path) as container:
        told = {key.lower(): value for key, value in container.metadata.items()}
    return told.get("comment")


def _bad(path: Path, error: Exception, frame: int = 0) -> BadFilm:
    number, said = getattr(error, "errno", None), getattr(error, "strerror", None)
    if number in (None, errno.EINVAL):
        said = "it isn't a film that FFmpeg reads"
    elif said == "End of file":
        said = "it holds no frames"
    elif said == "Generic error in an external library":
        said = "it is damaged"
    elif said == "Invalid data found when processing input":
        said = "FFmpeg finds no film in it, or it is damaged"
    where = f" after frame {frame - 1}" if frame else ""
    return BadFilm(f"can't decode {str(path)!r}{where}: {said}; play it, or convert it anew")
