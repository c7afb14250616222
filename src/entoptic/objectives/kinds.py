"""Kinds of arguments: each is read by its own rule, and checked against a network."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from entoptic.checks import shown
from entoptic.errors import BadExpression, ChannelOutOfRange, EntopticError
from entoptic.formats.sparse_encoder import SparseEncoder
from entoptic.images import Picture, picture_of
from entoptic.layers import Layer
from entoptic.objectives.algebra import NetworkFacts
from entoptic.objectives.from_files import FileRow, counted_or_range, row_of

Map: TypeAlias = Annotated[Layer, "map"]
"""Annotates a layer that must have rows and columns."""

Positions: TypeAlias = Annotated[Layer, "positions"]
"""Annotates a layer with rows and columns, or one of features alone, which is one position."""

LAYERS = (Layer, Map, Positions)

Channel: TypeAlias = Annotated[int, "channel"]
"""Annotates a parameter that is a channel of the term's layer, counted from 0."""

Channels: TypeAlias = Annotated[tuple[int, ...], "channels"]
"""Annotates several channels of the term's layer, counted from 0; a list will do, or "3-9,12"."""

Blur: TypeAlias = Annotated[float, "blur"]
"""Annotates the width of a blur in positions of the term's layer: above 0, at most the layer's."""

Row: TypeAlias = Annotated[int | None, "row"]
"""Annotates a row of the term's layer, counted from 0; None is the middle."""

Column: TypeAlias = Annotated[int | None, "column"]
"""Annotates a column of the term's layer, counted from 0; None is the middle."""

Label: TypeAlias = Annotated[int | str, "label"]
"""Annotates a class of the network: number, label or synset. Bound to its number."""

LabelOrPattern: TypeAlias = Annotated[int | str | tuple[int, ...], "label or pattern"]
"""Annotates a class as `Label` does, or by a text with * or ? all that match. Bound to a number, or
to a tuple of numbers."""

Labels: TypeAlias = Annotated[tuple[int | str, ...], "labels"]
"""Annotates several classes of the network; a text with * or ? is all that match. Bound to their
numbers."""

Guide: TypeAlias = Annotated[str | Picture, "guide"]
"""Annotates another picture, by file name or in any other form, see `picture_of`."""

Matched: TypeAlias = Annotated[str | Picture, "matched"]
"""Annotates a guide all of whose positions are compared with all of the picture's: one whose long
side is above `LONGEST_MATCHED` pixels is shrunk to that."""

LONGEST_MATCHED = 480
"""Larger ones say little more, and the comparisons grow with the number of their positions."""

Overlay: TypeAlias = Annotated[str | Picture, "overlay"]
"""Annotates a guide that is stretched to the size of the picture, so that positions correspond."""

GUIDES = (Guide, Matched, Overlay)

Vector: TypeAlias = Annotated[tuple[float, ...] | FileRow, "vector"]
"""Annotates a number for each channel of the term's layer; lists, arrays and tensors will do, and
the name of a file, with the number of a row behind it as an argument of its own."""

Autoencoder: TypeAlias = Annotated[str | SparseEncoder, "autoencoder"]
"""Annotates the file of a sparse autoencoder; bound to its encoder. A term that has one also has
the parameters `number: Code` and `top_k: TopK`."""

Code: TypeAlias = Annotated[int | str, "code"]
"""Annotates a code of an encoder, counted from 0; a text such as "0-15" stands for several."""

TopK: TypeAlias = Annotated[int | None, "top_k"]
"""Annotates how many codes an encoder keeps at each position; 0 for ReLU, None where its file says
it."""

Matrix: TypeAlias = Annotated[tuple[tuple[float, ...], ...], "matrix"]
"""Annotates rows of numbers, as many of each as the term's layer has channels."""

Block: TypeAlias = Annotated[tuple[tuple[tuple[float, ...], ...], ...], "block"]
"""Annotates numbers for each channel of the term's layer and for positions: channels of rows."""

Positive: TypeAlias = Annotated[float, "positive"]
"""Annotates a number above 0."""

Power: TypeAlias = Annotated[float, "power"]
"""Annotates an exponent, 0 or more."""


_RANGE = re.compile(r"\s*([0-9]{1,9})\s*(?:-\s*([0-9]{1,9})\s*)?")

# No layer has more channels.
_MOST_CHANNELS = 1 << 20

# More channels than this stay ranges until a network says how many it has: a few words of a text
# mustn't fill the memory.
_MOST_LISTED = 1 << 12

# What a number may be that a score is multiplied by, divided by, or raised to.
_LARGEST = 1e6


def read_argument(term: str, name: str, kind: Any, value: Any) -> Any:
    """One argument of a term in its canonical, hashable form.

    Raises:
        BadExpression: it isn't what its kind wants.
    """
    wanted, reader, _ = _KINDS.get(kind, ("", None, ""))
    if reader is None:
        return tuple(value) if isinstance(value, list) else value
    try:
        return reader(value)
    except EntopticError:
        raise
    except (TypeError, ValueError, OverflowError, RuntimeError):  # the last is torch's
        given = shown(value)
        raise BadExpression(f"{term} wants {wanted} for {name!r}, got {given}") from None


def type_taken(kind: Any) -> str:
    """Return the type of what a user may give for a kind of argument, as a stub writes it."""
    return _KINDS[kind][2] if kind in _KINDS else "Any"


def bind_argument(kind: Any, value: Any, layer: Layer | None, network: NetworkFacts) -> Any:
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
    if kind in GUIDES and isinstance(value, str):
        return network.guide(value)
    resolved = None if layer is None else network.resolve(layer)
    if kind in LAYERS:
        value = network.resolve(value)
    if kind == Label:
        value = network.label(value, resolved)
    if kind == Labels:
        value = _numbers_of(value, network, resolved)
    if kind == Channels and isinstance(value, str):
        ranges = _ranges(value)
        if resolved is not None:
            _check_inside(Channel, max(each[-1] for each in ranges), resolved, network)
        value = tuple(number for each in ranges for number in each)
    if kind == LabelOrPattern:
        found = value if isinstance(value, tuple) else _numbers_of((value,), network, resolved)
        value = found if is_pattern(value) or isinstance(value, tuple) else found[0]
    if kind in (Map, Positions):
        _check_inside(kind, 0, value, network)
    elif kind in (Channel, Row, Column) and resolved is not None:
        _check_inside(kind, value or 0, resolved, network)
    elif kind in (Channels, Labels, LabelOrPattern) and resolved is not None:
        last = max(value) if isinstance(value, tuple) else value
        _check_inside(Channel, last, resolved, network)
    elif kind == Label and resolved is not None:
        _check_inside(Channel, value, resolved, network)
    elif kind == Blur and resolved is not None:
        _check_blur(value, resolved, network)
    elif isinstance(value, FileRow):
        value = value.bound(resolved, network)
    elif kind in (Vector, Matrix, Block) and resolved is not None:
        _check_length(value, resolved, network)
        if kind == Matrix:
            _check_length(value[0], resolved, network)
    return value


def _check_inside(kind: Any, value: int, layer: Layer, network: NetworkFacts) -> None:
    info = network.info(layer)
    rows, columns = info.spatial_size or (None, None)
    if kind != Map and info.spatial_size is None and len(info.shape) == 2:
        rows = columns = 1  # of features alone, as for lucid
    noun, count = {
        "channel": ("channel", info.channels),
        "row": ("row", rows),
        "map": ("row", rows),
        "positions": ("row", rows),
        "column": ("column", columns),
    }[kind.__metadata__[0]]
    if count is None:
        raise ChannelOutOfRange(f"{str(layer)!r} has no {noun}s; its output is {info.shape}")
    if value >= count:
        raise ChannelOutOfRange(
            f"{noun} {value} of {str(layer)!r} does not exist; "
            f"the layer has {count} {noun}s (0..{count - 1})"
        )


def _check_blur(sigma: float, layer: Layer, network: NetworkFacts) -> None:
    """Refuse a blur wider than a layer: it leaves nothing of it, and takes memory all the same."""
    widest = max(network.info(layer).spatial_size or (1,))
    if sigma > widest:
        raise ChannelOutOfRange(
            f"a blur of {sigma:g} positions of {str(layer)!r}, which has {widest} in a row; "
            f"take {widest} at most"
        )


def is_pattern(label: Any) -> bool:
    """Return whether a label stands for all that match it."""
    return isinstance(label, str) and ("*" in label or "?" in label)


def _numbers_of(
    labels: tuple[int | str, ...], network: NetworkFacts, resolved: Layer | None
) -> tuple[int, ...]:
    """Numbers of classes, each once, in the order given."""
    numbers: dict[int, None] = {}
    for each in labels:
        several = is_pattern(each)
        found = (
            network.matching(str(each), resolved) if several else (network.label(each, resolved),)
        )
        numbers |= dict.fromkeys(found)
    return tuple(numbers)


def _check_length(vector: tuple[Any, ...], layer: Layer, network: NetworkFacts) -> None:
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


def _group(value: Any) -> tuple[int, ...] | str:
    """Different numbers; very many of them as the text of their ranges."""
    ranges = _ranges(value) if isinstance(value, str) else _runs(map(_counted, _parts(value)))
    ordered = sorted(ranges, key=lambda each: each[0])
    apart = all(one[-1] < other[0] for one, other in itertools.pairwise(ordered))
    count = sum(map(len, ranges))
    if not (0 < count <= _MOST_CHANNELS and apart):
        _refuse()
    if count > _MOST_LISTED:
        return ",".join(f"{each[0]}-{each[-1]}" for each in ranges)
    return tuple(number for each in ranges for number in each)


def _ranges(text: str) -> list[range]:
    """The numbers that a text such as "3-9,12" stands for."""
    found = []
    for part in text.split(","):
        ends = _RANGE.fullmatch(part) or _refuse()
        found.append(range(int(ends[1]), int(ends[2] or ends[1]) + 1) or _refuse())
    return found


def _runs(numbers: Iterable[int]) -> list[range]:
    """Numbers as ranges of those that follow each other."""
    found: list[range] = []
    for each in numbers:
        if found and found[-1].stop == each:
            found[-1] = range(found[-1].start, each + 1)
        else:
            found.append(range(each, each + 1))
    return found


def _labels(value: Any) -> tuple[int | str, ...]:
    listed = [value] if isinstance(value, str) else _parts(value)
    several = tuple(_label(each) for each in listed)
    return several if several and len(set(several)) == len(several) else _refuse()


def _position(value: Any) -> int | None:
    return None if value is None else _counted(value)


def _number(value: Any) -> float:
    if isinstance(value, bool | str) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _positive(value: Any) -> float:
    number = _number(value)
    return number if 0 < number <= _LARGEST else _refuse()


def _power(value: Any) -> float:
    number = _number(value)
    return number if 0 <= number <= _LARGEST else _refuse()


def _vector(value: Any) -> tuple[float, ...] | FileRow:
    row = row_of(value)
    return _numbers(value) if row is None else row


def _numbers(value: Any) -> tuple[float, ...]:
    numbers = tuple(_number(each) for each in _listed(value))
    return numbers or _refuse()


def _matrix(value: Any) -> tuple[tuple[float, ...], ...]:
    rows = tuple(_numbers(each) for each in _parts(value))
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


def _autoencoder(value: Any) -> str | SparseEncoder:
    if isinstance(value, SparseEncoder):
        return value
    return _text(str(Path(value or _refuse())))


def _refuse() -> Any:
    raise TypeError


_KINDS: dict[Any, tuple[str, Callable[[Any], Any], str]] = {
    # What is wanted in words, what reads it, and the type of what a user may give.
    Layer: ("the name of a layer", _layer, "Layer | str"),
    Map: ("the name of a layer", _layer, "Layer | str"),
    Positions: ("the name of a layer", _layer, "Layer | str"),
    Channel: ("a channel number (0, 1, ...)", _counted, "int"),
    Channels: ("different channel numbers (0, 1, ...)", _group, "Iterable[int] | str"),
    Row: ("a row (0, 1, ...) or None", _position, "int | None"),
    Column: ("a column (0, 1, ...) or None", _position, "int | None"),
    Label: ("a class, by number or name,", _label, "int | str"),
    LabelOrPattern: ("a class, by number or name,", _label, "int | str"),
    Labels: ("different classes, by number or name,", _labels, "Iterable[int | str] | str"),
    Guide: ("the file name of a picture", _guide, "PictureLike"),
    Matched: ("the file name of a picture", _guide, "PictureLike"),
    Overlay: ("the file name of a picture", _guide, "PictureLike"),
    Vector: (
        "numbers, one for each channel, or the name of a file and a row,",
        _vector,
        "Sequence[float] | NDArray[Any] | Tensor | PathLike | tuple[PathLike, int | str | None]",
    ),
    Autoencoder: ("the name of a sparse autoencoder's file", _autoencoder, "PathLike"),
    Code: ("the number of a code (0, 1, ...)", counted_or_range, "int | str"),
    TopK: ("a number of codes (0 for ReLU) or None", _position, "int | None"),
    Matrix: (
        "rows of numbers, as many as channels,",
        _matrix,
        "Sequence[Sequence[float]] | NDArray[Any] | Tensor",
    ),
    Block: (
        "numbers for each channel, row and column,",
        _block,
        "Sequence[Sequence[Sequence[float]]] | NDArray[Any] | Tensor",
    ),
    Blur: ("a width above 0", _positive, "float"),
    Positive: (f"a number above 0, at most {_LARGEST:.0f},", _positive, "float"),
    Power: (f"a power (0 to {_LARGEST:.0f})", _power, "float"),
    int: ("a whole number", _whole, "int"),
    float: ("a number", _number, "float"),
    str: ("a text", _text, "str"),
}
