"""The kinds of arguments: how each is read, and how it is checked against a network."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from entoptic.arguments import shown
from entoptic.errors import BadExpression, ChannelOutOfRange, EntopticError
from entoptic.layers import Layer
from entoptic.objectives.algebra import Network
from entoptic.pictures import Picture, picture_of

Map: TypeAlias = Annotated[Layer, "map"]
"""Annotates a layer that must have rows and columns."""

Channel: TypeAlias = Annotated[int, "channel"]
"""Annotates a parameter that is a channel of the term's layer, counted from 0."""

Channels: TypeAlias = Annotated[tuple[int, ...], "channels"]
"""Annotates several channels of the term's layer, counted from 0; a list will do, or "3-9,12"."""

Row: TypeAlias = Annotated[int | None, "row"]
"""Annotates a row of the term's layer, counted from 0; None is the middle."""

Column: TypeAlias = Annotated[int | None, "column"]
"""Annotates a column of the term's layer, counted from 0; None is the middle."""

Label: TypeAlias = Annotated[int | str, "label"]
"""Annotates a class of the network: number, label or synset. Bound to its number."""

Labels: TypeAlias = Annotated[tuple[int | str, ...], "labels"]
"""Annotates several classes of the network; a text with * or ? is all that match. Bound to their
numbers."""

Guide: TypeAlias = Annotated[str | Picture, "guide"]
"""Annotates another picture, by file name or in any other form, see `picture_of`."""

Overlay: TypeAlias = Annotated[str | Picture, "overlay"]
"""Annotates a guide that is stretched to the size of the picture, so that places correspond."""

Vector: TypeAlias = Annotated[tuple[float, ...], "vector"]
"""Annotates a number for each channel of the term's layer; lists, arrays and tensors will do."""

Matrix: TypeAlias = Annotated[tuple[tuple[float, ...], ...], "matrix"]
"""Annotates rows of numbers, as many of each as the term's layer has channels."""

Block: TypeAlias = Annotated[tuple[tuple[tuple[float, ...], ...], ...], "block"]
"""Annotates numbers for each channel of the term's layer and for places: channels of rows."""

Positive: TypeAlias = Annotated[float, "positive"]
"""Annotates a number above 0."""

Power: TypeAlias = Annotated[float, "power"]
"""Annotates an exponent, 0 or more."""


_RANGE = re.compile(r"\s*([0-9]{1,9})\s*(?:-\s*([0-9]{1,9})\s*)?")

# No layer has more channels; a range without end would fill the memory.
_LONGEST_RANGE = 1 << 20


def read_argument(term: str, name: str, kind: Any, value: Any) -> Any:
    """One argument of a term in its canonical, hashable form.

    Raises:
        BadExpression: it isn't what its kind wants.
    """
    wanted, reader = _KINDS.get(kind, ("", None))
    if reader is None:
        return tuple(value) if isinstance(value, list) else value
    try:
        return reader(value)
    except EntopticError:
        raise
    except (TypeError, ValueError, OverflowError, RuntimeError):  # the last is torch's
        given = shown(value)
        raise BadExpression(f"{term} wants {wanted} for {name!r}, got {given}") from None


def bind_argument(kind: Any, value: Any, layer: Layer | None, network: Network) -> Any:
    """One argument, checked against the network it is for.

    Args:
        kind: as annotated.
        value: as read.
        layer: the layer that the argument is about.
        network: answers what there is.

    Raises:
        UnknownLayer, UnknownLabel, ChannelOutOfRange: with what to do.
        PictureNotFound, BadPicture: a guide can't be read.
    """
    if kind in (Guide, Overlay) and isinstance(value, str):
        return network.guide(value)
    place = None if layer is None else network.resolve(layer)
    if kind in (Layer, Map):
        value = network.resolve(value)
    if kind == Label:
        value = network.label(value, place)
    if kind == Labels:
        value = _numbers_of(value, network, place)
    if kind == Map:
        _check_inside(Row, 0, value, network)
    elif kind in (Channel, Row, Column) and place is not None:
        _check_inside(kind, value or 0, place, network)
    elif kind in (Channels, Labels) and place is not None:
        _check_inside(Channel, max(value), place, network)
    elif kind == Label and place is not None:
        _check_inside(Channel, value, place, network)
    elif kind in (Vector, Matrix, Block) and place is not None:
        _check_length(value, place, network)
        if kind == Matrix:
            _check_length(value[0], place, network)
    return value


def _check_inside(kind: Any, value: int, layer: Layer, network: Network) -> None:
    info = network.info(layer)
    rows, columns = info.places or (None, None)
    noun, count = {
        "channel": ("channel", info.channels),
        "row": ("row", rows),
        "column": ("column", columns),
    }[kind.__metadata__[0]]
    if count is None:
        raise ChannelOutOfRange(f"{str(layer)!r} has no {noun}s; its output is {info.shape}")
    if value >= count:
        raise ChannelOutOfRange(
            f"{noun} {value} of {str(layer)!r} does not exist; "
            f"the layer has {count} {noun}s (0..{count - 1})"
        )


def _numbers_of(
    labels: tuple[int | str, ...], network: Network, place: Layer | None
) -> tuple[int, ...]:
    """Numbers of classes, each once, in the order given."""
    numbers: dict[int, None] = {}
    for each in labels:
        several = isinstance(each, str) and ("*" in each or "?" in each)
        found = network.matching(str(each), place) if several else (network.label(each, place),)
        numbers |= dict.fromkeys(found)
    return tuple(numbers)


def _check_length(vector: tuple[Any, ...], layer: Layer, network: Network) -> None:
    _check_inside(Channel, 0, layer, network)
    channels = network.info(layer).channels
    if len(vector) != channels:
        raise ChannelOutOfRange(
            f"{str(layer)!r} has {channels} channels, but the {_what(vector)}; "
            "give one for each channel"
        )


def _what(vector: tuple[Any, ...]) -> str:
    if isinstance(vector[0], tuple):
        return f"array has {len(vector)} rows"
    return f"vector has {len(vector)} numbers"


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    # __index__ accepts numpy's and torch's whole numbers and refuses every float.
    return int(value.__index__()) if hasattr(value, "__index__") else _refuse()


def _counted(value: Any) -> int:
    whole = _whole(value)
    return whole if whole >= 0 else _refuse()


def _group(value: Any) -> tuple[int, ...]:
    listed = _ranges(value) if isinstance(value, str) else _parts(value)
    whole = tuple(_counted(each) for each in listed)
    return whole if whole and len(set(whole)) == len(whole) else _refuse()


def _ranges(text: str) -> list[int]:
    """The numbers that a text such as "3-9,12" stands for."""
    found: list[int] = []
    for part in text.split(","):
        ends = _RANGE.fullmatch(part) or _refuse()
        first, last = int(ends[1]), int(ends[2] or ends[1])
        if not 0 <= last - first < _LONGEST_RANGE:
            _refuse()
        found += range(first, last + 1)
    return found


def _labels(value: Any) -> tuple[int | str, ...]:
    listed = [value] if isinstance(value, str) else _parts(value)
    several = tuple(_label(each) for each in listed)
    return several if several and len(set(several)) == len(several) else _refuse()


def _place(value: Any) -> int | None:
    return None if value is None else _counted(value)


def _number(value: Any) -> float:
    if isinstance(value, bool | str) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _positive(value: Any) -> float:
    number = _number(value)
    return number if number > 0 else _refuse()


def _power(value: Any) -> float:
    number = _number(value)
    return number if number >= 0 else _refuse()


def _vector(value: Any) -> tuple[float, ...]:
    numbers = tuple(_number(each) for each in _listed(value))
    return numbers or _refuse()


def _matrix(value: Any) -> tuple[tuple[float, ...], ...]:
    rows = tuple(_vector(each) for each in _parts(value))
    return rows if rows and len({len(row) for row in rows}) == 1 else _refuse()


def _block(value: Any) -> tuple[tuple[tuple[float, ...], ...], ...]:
    maps = tuple(_matrix(each) for each in _parts(value))
    return maps if maps and len({(len(each), len(each[0])) for each in maps}) == 1 else _refuse()


def _parts(value: Any) -> Iterable[Any]:
    """The values of a list, the rows of a matrix, the maps of a block."""
    return _refuse() if isinstance(value, str | bytes | dict) else list(value)


def _listed(value: Any) -> Iterable[Any]:
    if isinstance(value, Tensor):
        exact = value.dtype in (torch.float64, torch.int64)
        value = value.detach().cpu().to(torch.float64 if exact else torch.float32).numpy()
    if not isinstance(value, np.ndarray):
        return list(_parts(value))
    if value.ndim != 1:
        _refuse()
    if value.dtype in (np.float16, np.float32):
        # The shortest decimal that is the same number in single precision: written out, half as
        # long as the one that is the same in double precision.
        return [float(str(each)) for each in value.astype(np.float32)]
    return list(value.tolist())


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value else _refuse()


def _label(value: Any) -> int | str:
    return _text(value) if isinstance(value, str) else _counted(value)


def _layer(value: Any) -> Layer:
    return Layer.parse(value) if isinstance(value, str | Layer) else _refuse()


def _guide(value: Any) -> str | Picture:
    if isinstance(value, str | Path):
        return _text(str(value))
    return picture_of(value, "guide")


def _refuse() -> Any:
    raise TypeError


_KINDS: dict[Any, tuple[str, Callable[[Any], Any]]] = {
    Layer: ("the name of a layer", _layer),
    Map: ("the name of a layer", _layer),
    Channel: ("a channel number (0, 1, ...)", _counted),
    Channels: ("different channel numbers (0, 1, ...)", _group),
    Row: ("a row (0, 1, ...) or None", _place),
    Column: ("a column (0, 1, ...) or None", _place),
    Label: ("a class, by number or name,", _label),
    Labels: ("different classes, by number or name,", _labels),
    Guide: ("the file name of a picture", _guide),
    Overlay: ("the file name of a picture", _guide),
    Vector: ("numbers, one for each channel,", _vector),
    Matrix: ("rows of numbers, as many as channels,", _matrix),
    Block: ("numbers for each channel, row and column,", _block),
    Positive: ("a number above 0", _positive),
    Power: ("a power (0 or more)", _power),
    int: ("a whole number", _whole),
    float: ("a number", _number),
    str: ("a text", _text),
}
