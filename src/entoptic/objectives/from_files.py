"""Vectors and codes that are given by the name of a file and a number."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from entoptic.errors import BadExpression, BadSetting, ChannelOutOfRange
from entoptic.formats.arrays import Arrays, split_name
from entoptic.formats.sparse_encoder import RELU, Activation, SparseEncoder
from entoptic.layers import Layer
from entoptic.objectives.algebra import NetworkFacts


@dataclass(frozen=True)
class FileRow:
    """A vector in a file: its name, and behind it the number of a row.

    Args:
        name: of the file, where it holds several arrays with that of one behind a colon.
        number: of the row; a text such as `0-15` for several; None for an array of one axis.
        numbers: the vector, once it is read.
        file: it was read from.
    """

    name: str
    number: int | str | None
    numbers: tuple[float, ...] = field(default=(), repr=False)
    file: Arrays | None = field(default=None, repr=False, compare=False)

    def bound(self, layer: Layer | None, network: NetworkFacts) -> FileRow:
        """Return it with its vector, checked against the layer.

        Raises:
            BadUnitFile: the file can't be read, or has no such row.
            ChannelOutOfRange: the layer has another number of channels.
        """
        if self.file is not None:
            return self
        _check_one(self.number, self.name)
        assert not isinstance(self.number, str)
        path, array = split_name(self.name)
        file = network.arrays(path)
        numbers = file.vector(array, self.number)
        channels = None if layer is None else network.info(layer).channels
        if channels is not None and len(numbers) != channels:
            row = "the vector" if self.number is None else f"row {self.number}"
            raise ChannelOutOfRange(
                f"{row} of {self.name!r} has {len(numbers)} numbers, and {str(layer)!r} "
                f"{channels} channels; a row has one for each (if its columns have, save its "
                "transpose)"
            )
        return replace(self, numbers=numbers, file=file)

    def source(self, last: bool) -> str:
        """Return the arguments that make it again."""
        if self.number is None and last:
            return repr(self.name)
        return f"{self.name!r}, {self.number!r}"


def row_of(value: Any) -> FileRow | None:
    """Return the row that a file's name, or a name and a number, stands for; else None.

    Raises:
        TypeError: there is a name, but nothing that could be a number.
    """
    if isinstance(value, FileRow):
        return value
    if isinstance(value, str | Path):
        return FileRow(_checked(str(value)), None)
    if isinstance(value, tuple | list) and value and isinstance(value[0], str | Path):
        name, number = value
        return FileRow(_checked(str(name)), None if number is None else counted_or_range(number))
    return None


def _checked(name: str) -> str:
    split_name(name)
    return name


def counted_or_range(value: Any) -> int | str:
    """Return a number from 0 on, or the text of several.

    Raises:
        TypeError, ValueError: it is neither.
    """
    if isinstance(value, str):
        return ",".join(f"{one}-{last}" for one, last in _ends(value))
    whole = operator.index(value)
    if isinstance(value, bool) or whole < 0:
        raise TypeError
    return whole


_RANGE = re.compile(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?")


def _ends(text: str) -> list[tuple[int, int]]:
    found = []
    for part in text.split(","):
        ends = _RANGE.fullmatch(part)
        if ends is None or int(ends[2] or ends[1]) < int(ends[1]):
            raise ValueError
        found.append((int(ends[1]), int(ends[2] or ends[1])))
    return found


def in_range(text: str, most: int) -> list[int]:
    """Return the numbers that a text such as `0-15,40-40` stands for.

    Raises:
        BadExpression: there are more than so many.
    """
    ends = _ends(text)
    if sum(last - one + 1 for one, last in ends) > most:
        raise BadExpression(f"{text!r} stands for more than {most} units, which is the most")
    return [each for one, last in ends for each in range(one, last + 1)]


def _check_one(number: int | str | None, name: str) -> None:
    if isinstance(number, str):
        raise BadSetting(
            f"{number!r} of {name!r} stands for several units; inside an objective, name one"
        )


def bound_encoder(
    given: str | SparseEncoder,
    others: Mapping[str, Any],
    layer: Layer | None,
    network: NetworkFacts,
) -> SparseEncoder:
    """Return the encoder that a file's name stands for, checked against the layer and the code.

    Args:
        given: the name; or the encoder, once it is read.
        others: the term's arguments: `number` of the code, and `top_k` where the user says it.

    Raises:
        BadUnitFile: the file can't be read.
        ChannelOutOfRange: the layer has another number of channels, or there is no such code.
        BadSetting: the activation function isn't said, or said otherwise in the file.
    """
    found = network.autoencoder(given) if isinstance(given, str) else given
    name = str(found.path)
    number, top_k = others["number"], others["top_k"]
    _check_one(number, name)
    channels = None if layer is None else network.info(layer).channels
    if channels is not None and channels != found.channels:
        raise ChannelOutOfRange(
            f"the encoder in {name!r} is for a layer of {found.channels} channels, and "
            f"{str(layer)!r} has {channels}"
        )
    if number >= found.count:
        raise ChannelOutOfRange(
            f"code {number} of {name!r} does not exist; it has {found.count} codes "
            f"(0..{found.count - 1})"
        )
    said = found.activation
    if top_k is None and said is None:
        raise BadSetting(
            f"{name!r}, a file of {found.layout}, doesn't say its activation function; say "
            "top_k=K of a TopK, or top_k=0 for ReLU"
        )
    if top_k is None:
        return found
    meant = Activation("topk", top_k) if top_k else RELU
    if said is not None and said != meant:
        raise BadSetting(f"{name!r} says itself that it is {_told(said)}; leave out top_k")
    return found.with_activation(meant)


def _told(said: Activation) -> str:
    return said.kind if said.top_k is None else f"{said.kind} of {said.top_k}"


def joined(kinds: Sequence[bool], args: Sequence[Any]) -> list[Any]:
    """Return arguments by position, with the number behind a file's name put to the name.

    Args:
        kinds: for each parameter, whether it is a vector.
        args: as they were given.
    """
    found: list[Any] = []
    rest = list(args)
    while rest:
        each = rest.pop(0)
        vector = len(found) < len(kinds) and kinds[len(found)]
        if vector and isinstance(each, str | Path) and rest and _is_number(rest[0]):
            each = (each, rest.pop(0))
        found.append(each)
    return found


def _is_number(value: Any) -> bool:
    """Tell what is the number of a row, and not the next argument, which then is a float."""
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    return value is None or isinstance(value, str) or whole
