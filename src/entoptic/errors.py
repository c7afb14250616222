"""The errors that entoptic raises: what was wrong, what was given, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class EntopticError(Exception):
    """Base of all errors that entoptic raises on purpose; its text is one line for the user."""

    def __str__(self) -> str:
        return " ".join(str(arg) for arg in self.args)


class UnknownLayer(EntopticError, LookupError):
    """A layer address that the network doesn't have."""


class ChannelOutOfRange(EntopticError, IndexError):
    """A channel or a position that the layer doesn't have."""


class UnknownLabel(EntopticError, LookupError):
    """A class name or number that the network doesn't know."""


class NotAllowed(EntopticError, PermissionError):
    """Something that a picture's job asks for, and that only the user may ask for."""


class UnknownModel(EntopticError, LookupError):
    """A model specification that no source understands."""


class BadExpression(EntopticError, ValueError):
    """An objective expression that can't be read, or a call with the wrong arguments."""


class BadSetting(EntopticError, ValueError):
    """An option out of its range, or options that exclude each other."""


class NotEnoughMemory(EntopticError, MemoryError):
    """A step that the device has no memory for."""


class BadPicture(EntopticError, ValueError):
    """A file that isn't a picture that can be read, or a tensor that isn't an Image."""


class BadFilm(EntopticError, ValueError):
    """A file that isn't a film that can be decoded, or can't become one."""


class PictureNotFound(EntopticError, FileNotFoundError):
    """A picture that isn't there, or may not be read."""


class WrongPictureSize(EntopticError, ValueError):
    """A picture of a size that the network can't take."""


class BadNetwork(EntopticError, ValueError):
    """A network that can't be run on pictures, whatever their size, or can't be copied."""


class PictureTooSmall(WrongPictureSize):
    """A picture that is too small for the network up to the layer asked for."""


class BadSpectrum(EntopticError, ValueError):
    """A file that isn't a spectrum of photographs that can be read."""


class BadRecord(EntopticError, ValueError):
    """A file that isn't a record of photographs that can be read."""


class CannotWrite(EntopticError, OSError):
    """A file or folder that can't be written."""


class BadCatalog(EntopticError, ValueError):
    """A folder that is no catalog, or whose index can't be read."""


class DamagedIndex(BadCatalog):
    """The index of a catalog that can't be read, and can be made anew from its pictures."""


class WorkerFailed(EntopticError, RuntimeError):
    """A worker process that ended before it could work."""


class JobsFailed(EntopticError, RuntimeError):
    """Jobs of a list that failed; those that didn't have their results here all the same.

    Args:
        message: which jobs failed, and why.
        results: of all jobs in their order, None where one failed.
        reasons: why, by the number of the job in the list.
    """

    def __init__(
        self, message: str, results: Sequence[Any] = (), reasons: Mapping[int, str] | None = None
    ) -> None:
        super().__init__(message)
        self.results, self.reasons = list(results), reasons or {}


class AlreadyThere(CannotWrite, FileExistsError):
    """A file that came to be where the result was to go, and isn't to be replaced."""


class NoJob(EntopticError, LookupError):
    """A picture that doesn't carry the job that made it."""


class BadWeights(EntopticError, ValueError):
    """A weights file that is damaged, changed, or asks for more than plain numbers."""


class BadUnitFile(EntopticError, ValueError):
    """A file of directions, or of a sparse autoencoder, that can't be read."""


class BadModelFile(EntopticError, ValueError):
    """A model file that is damaged, dangerous, or uses something that can't be imported."""


class MissingExtra(EntopticError, ImportError):
    """A feature whose optional packages aren't installed; the text names the extra."""


class NonFiniteGradient(EntopticError, ArithmeticError):
    """A score, or a gradient, with NaN or infinity in it; the text names the layer."""


class DeadGradient(EntopticError, ArithmeticError):
    """A gradient that is zero everywhere, so that no step can be made."""


class NoPath(EntopticError, ValueError):
    """A gradient of something with respect to something that it doesn't depend on."""


def one_line(text: str, most: int = 80) -> str:
    """Return a user's input on one line and not too long for a message.

    >>> one_line("energy('fire7')   + energy('fire9')", most=20)
    "energy('fire7') +..."
    """
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3] + "..."


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """The tail of a message that suggests the nearest known name.

    Returns:
        `"; did you mean 'fire7'?"`, or an empty string where nothing is near.

    >>> did_you_mean("fire77", ["fire6", "fire7", "conv1"])
    "; did you mean 'fire7'?"
    """
    lowered = {name.lower(): name for name in known}
    near = difflib.get_close_matches(given.lower(), lowered, n=1, cutoff=0.5)
    return f"; did you mean {lowered[near[0]]!r}?" if near else ""
