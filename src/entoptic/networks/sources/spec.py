"""Specifications of networks: a source, what it needs, and options."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from entoptic.errors import BadModelFile, BadSetting, NotAllowed, did_you_mean, one_line
from entoptic.networks.ensembles import SOURCE as ENSEMBLE
from entoptic.networks.model import Model
from entoptic.networks.preprocess import GUESS, Preprocess
from entoptic.paths import why_missing

# The widest pictures are hyperspectral, of some hundred channels.
_MOST_CHANNELS = 4096

PREPROCESS_OPTIONS = ("size", "mean", "std", "scale", "order", "fill")
"""Options that every source takes; they override what the source says or guesses."""

# Of the pictures that a network was trained on, in pixels; no network's are larger.
_LONGEST = 4096


@dataclass(frozen=True)
class Spec:
    """A network's specification, `SOURCE[:REST][?KEY=VALUE&...]`.

    Args:
        text: all of it, as it is stored in pictures.
        source: name of the source, such as `timm`.
        rest: what the source makes of it: a name, files.
        options: by key.
        stored: whether a picture's job names it, not the user; see `check_stored`.
    """

    text: str
    source: str
    rest: str
    options: Mapping[str, str]
    stored: bool = False

    @classmethod
    def parse(cls, text: str, *, stored: bool = False) -> Spec:
        """Read a specification.

        Raises:
            BadSetting: an option without a value, or given twice.

        >>> Spec.parse("timm:vgg16?weights=my.safetensors").options["weights"]
        'my.safetensors'
        """
        if text.startswith(f"{ENSEMBLE}:"):
            # What follows are specifications with options of their own.
            return cls(text, ENSEMBLE, text.partition(":")[2], {}, stored)
        head, mark, tail = _parted(text)
        source, _, rest = head.partition(":")
        pairs = [_option(part, text) for part in tail.split("&")] if mark else []
        options = dict(pairs)
        if len(options) < len(pairs):
            raise BadSetting(f"an option is given twice in {text!r}")
        return cls(text, source, rest, options, stored)

    def check_stored(self) -> None:
        """Refuse options by which a job would have a file read.

        Raises:
            NotAllowed: one names a file.
        """
        harmless = {*PREPROCESS_OPTIONS} | ({"weights"} if self.random else set())
        if strange := sorted(self.options.keys() - harmless):
            raise NotAllowed(
                f"the network {one_line(self.text)!r} has the option {one_line(strange[0])!r}, "
                "which may be a file"
            )

    def only(self, known: Collection[str] = ()) -> None:
        """Refuse options that the source doesn't know.

        Raises:
            BadSetting: with the nearest one.
        """
        names = (*known, *PREPROCESS_OPTIONS)
        for key in self.options:
            if key not in names:
                hint = did_you_mean(key, names) or f"; there are {', '.join(names)}"
                raise BadSetting(f"{self.source!r} has no option {key!r}{hint}")

    def files(self, count: int, form: str) -> list[Path]:
        """Return the files that the rest names, joined by `+`, which may be in their names too.

        Args:
            count: how many there must be.
            form: how the user should write it, for the message.

        Raises:
            BadModelFile: another number of files, or one that isn't there.
        """
        paths = [Path(part) for part in self.rest.split("+")] if self.rest else []
        paths = next((each for each in _ways(self.rest, count) if all(map(_is_file, each))), paths)
        if len(paths) != count:
            raise BadModelFile(f"{self.text!r} names {len(paths)} files; write {form}")
        for path in paths:
            if not _is_file(path):
                what = "is a folder" if path.is_dir() else "is not there"
                hint = why_missing(path) or f"; write {form}"
                raise BadModelFile(f"the model file {str(path)!r} {what}{hint}")
        return paths

    @property
    def random(self) -> bool:
        """True where weights are asked for that nobody has trained."""
        return self.options.get("weights") == "random"

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for users of a network with such options."""
        return ("its weights are random: nobody has trained it",) if self.random else ()

    @property
    def weights(self) -> Path | None:
        """The file of weights that the options name."""
        given = self.options.get("weights")
        return None if given is None or self.random else Path(given)

    def size(self) -> tuple[int, int] | None:
        """Return the (height, width) that the options ask for.

        Raises:
            BadSetting: it isn't two numbers.
        """
        if "size" not in self.options:
            return None
        sides = _numbers("size", self.options["size"].replace("x", ","), 2)
        if not all(side.is_integer() and 1 <= side <= _LONGEST for side in sides):
            raise BadSetting(
                f"size={self.options['size']} wants HEIGHTxWIDTH, whole numbers from 1 to "
                f"{_LONGEST}"
            )
        return int(sides[0]), int(sides[1])

    def whole(self, key: str, usual: int) -> int:
        """Return a whole number above 0 that the options may name.

        Raises:
            BadSetting: it isn't one.
        """
        text = self.options.get(key, str(usual))
        if not (text.isdecimal() and 0 < int(text) <= _MOST_CHANNELS):
            raise BadSetting(f"{key}={text} wants a whole number from 1 to {_MOST_CHANNELS}")
        return int(text)

    def overridden(self, model: Model) -> Model:
        """Return the model with the preprocessing that the options ask for."""
        notes = model.notes
        if {"mean", "std"} <= self.options.keys():
            notes = tuple(each for each in notes if not each.startswith(GUESS))
        how = self._override(model.preprocess)
        return replace(model, preprocess=how, notes=notes, _tables={})

    def _override(self, how: Preprocess) -> Preprocess:
        changes: dict[str, object] = {}
        options = self.options
        if "size" in options:
            changes["size"] = self.size()
            if how.fixed_size and changes["size"] != how.size:
                raise BadSetting(
                    f"{self.text!r} takes only pictures of {how.size[0]}x{how.size[1]} "
                    "(height x width); leave out the size"
                )
        for key in ("mean", "std"):
            if key in options:
                changes[key] = tuple(_numbers(key, options[key], how.channels))
        if "scale" in options:
            changes["scale"] = _numbers("scale", options["scale"], 1)[0]
        if "fill" in options:
            changes["fill"] = _numbers("fill", options["fill"], 1)[0]
        if "order" in options:
            changes["order"] = options["order"].upper()
        return replace(how, **changes) if changes else how  # type: ignore[arg-type]


def not_here(network: str) -> str:
    """Return the error's text for a job whose hub's network would be downloaded."""
    return (
        f"the weights of {one_line(network)!r} aren't on this machine, and a job downloads nothing"
    )


def _parted(text: str) -> tuple[str, str, str]:
    """Return a specification before its options, the question mark, and the options.

    It is the first question mark, unless a file has one in its name: then what is before it, or
    all of the text, names files that are there.
    """
    marks = [index for index, letter in enumerate(text) if letter == "?"]
    for index in reversed([*marks, len(text)] if marks else []):
        rest = text[:index].partition(":")[2]
        if any(all(map(_is_file, way)) for count in (1, 2) for way in _ways(rest, count)):
            return text[:index], text[index : index + 1], text[index + 1 :]
    return text.partition("?")


def _ways(rest: str, count: int) -> Iterator[list[Path]]:
    """Yield every way to read some text as one or two names of files, joined by `+`."""
    parts = rest.split("+")
    if rest and count == 1:
        yield [Path(rest)]
    elif count == 2:
        for index in range(1, len(parts)):
            yield [Path("+".join(parts[:index])), Path("+".join(parts[index:]))]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or none at all
        return False


def _option(text: str, whole: str) -> tuple[str, str]:
    """Return a key and its value; of the signs of addresses on the web only `%` means another."""
    key, equals, value = map(unquote, text.partition("="))
    if not equals:
        raise BadSetting(f"can't read the options of {whole!r}; write ?KEY=VALUE&KEY=VALUE")
    return key, value


def _numbers(key: str, text: str, count: int) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 1 and key in ("mean", "std"):
        numbers *= count
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise BadSetting(
            f"{key}={text} wants {count} finite numbers, such as {key}={','.join('1' * count)}"
        )
    return numbers
