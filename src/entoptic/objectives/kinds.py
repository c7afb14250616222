"""The kinds of arguments: how each is read, and how it is checked against a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from entoptic.errors import BadExpression, ChannelOutOfRange, EntopticError, one_line
from entoptic.layers import Layer
from entoptic.objectives.algebra import Network
from entoptic.pictures import Picture

Map: TypeAlias = Annotated[Layer, "map"]
"""Annotates a layer that must have rows and columns."""

Channel: TypeAlias = Annotated[int, "channel"]
"""Annotates a parameter that is a channel of the term's layer, counted from 0."""

Channels: TypeAlias = Annotated[tuple[int, ...], "channels"]
"""Annotates several channels of the term's layer, counted from 0; a list will do."""

Row: TypeAlias = Annotated[int | None, "row"]
"""Annotates a row of the term's layer, counted from 0; None is the middle."""

Column: TypeAlias = Annotated[int | None, "column"]
"""Annotates a column of the term's layer, counted from 0; None is the middle."""

Label: TypeAlias = Annotated[int | str, "label"]
"""Annotates a class of the network: number, label or synset. Bound to its number."""

Guide: TypeAlias = Annotated[str | Picture, "guide"]
"""Annotates another picture, by file name or as a `Picture`."""

Overlay: TypeAlias = Annotated[str | Picture, "overlay"]
"""Annotates a guide that is stretched to the size of the picture, so that places correspond."""

Vector: TypeAlias = Annotated[tuple[float, ...], "vector"]
"""Annotates a number for each channel of the term's layer; lists, arrays and tensors will do."""

Positive: TypeAlias = Annotated[float, "positive"]
"""Annotates a number above 0."""

Power: TypeAlias = Annotated[float, "power"]
"""Annotates an exponent, 0 or more."""


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
        given = one_line(repr(value))
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
    if kind == Map:
        _check_inside(Row, 0, value, network)
    elif kind in (Channel, Row, Column) and place is not None:
        _check_inside(kind, value or 0, place, network)
    elif kind == Channels and place is not None:
        _check_inside(Channel, max(value), place, network)
    elif kind == Label and place is not None:
        _check_inside(Channel, value, place, network)
    elif kind == Vector and place is not None:
        _check_length(value, place, network)
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


def _check_length(vector: tuple[float, ...], layer: Layer, network: Network) -> None:
    _check_inside(Channel, 0, layer, network)
    channels = network.info(layer).channels
    if len(vector) != channels:
        raise ChannelOutOfRange(
            f"{str(layer)!r} has {channels} channels, but the vector has {len(vector)} numbers; "
            "give one for each channel"
        )


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    # __index__ accepts numpy's and torch's whole numbers and refuses every float.
    return int(value.__index__()) if hasattr(value, "__index__") else _refuse()


def _counted(value: Any) -> int:
    whole = _whole(value)
    return whole if whole >= 0 else _refuse()


def _group(value: Any) -> tuple[int, ...]:
    whole = tuple(_counted(each) for each in value)
    return whole if whole and len(set(whole)) == len(whole) else _refuse()


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


def _listed(value: Any) -> Iterable[Any]:
    if isinstance(value, Tensor):
        exact = value.dtype in (torch.float64, torch.int64)
        value = value.detach().cpu().to(torch.float64 if exact else torch.float32).numpy()
    if not isinstance(value, np.ndarray):
        return list(value)
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
    return (
        value
        if isinstance(value, Picture)
        else _text(str(value) if isinstance(value, Path) else value)
    )


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
    Guide: ("the file name of a picture", _guide),
    Overlay: ("the file name of a picture", _guide),
    Vector: ("numbers, one for each channel,", _vector),
    Positive: ("a number above 0", _positive),
    Power: ("a power (0 or more)", _power),
    int: ("a whole number", _whole),
    float: ("a number", _number),
    str: ("a text", _text),
}
