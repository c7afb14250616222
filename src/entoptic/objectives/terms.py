"""The terms of an objective: named functions of activations, registered by a decorator."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeAlias, final, get_type_hints

from entoptic.errors import BadExpression, ChannelOutOfRange, EntopticError, one_line
from entoptic.layers import Layer
from entoptic.objectives.algebra import Activations, Network, Objective, Reference
from entoptic.pictures import Picture
from entoptic.registry import Registry
from entoptic.types import Scores

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


@dataclass(frozen=True)
class Term:
    """A registered function and the kinds of its parameters."""

    name: str
    function: Callable[..., Scores]
    kinds: dict[str, Any]
    signature: inspect.Signature


vocabulary: Registry[Callable[..., Leaf]] = Registry("objective", BadExpression)
"""The objectives that `parse` and the command line know, by name."""


@final
@dataclass(frozen=True)
class Leaf(Objective):
    """One term with its arguments, such as `channel('fire7', 3)`."""

    name: str
    arguments: tuple[Any, ...]
    term: Term = field(repr=False, compare=False)

    def layers(self) -> frozenset[Layer]:
        return frozenset(value for _, kind, value in self._items() if kind in (Layer, Map))

    def references(self) -> frozenset[Reference]:
        guides = [value for _, kind, value in self._items() if kind == Guide]
        return frozenset(Reference(guide, layer) for guide in guides for layer in self.layers())

    def bound(self, network: Network) -> Objective:
        layer = next((value for _, kind, value in self._items() if kind in (Layer, Map)), None)
        checked = (_bind(kind, value, layer, network) for _, kind, value in self._items())
        return Leaf(self.name, tuple(checked), self.term)

    def __call__(self, acts: Activations) -> Scores:
        return self.term.function(acts, *self.arguments)

    def __repr__(self) -> str:
        shown = list(self.arguments)
        defaults = [each.default for each in self.term.signature.parameters.values()]
        while shown and shown[-1] is None and defaults[len(shown) - 1] is None:
            shown.pop()
        return f"{self.name}({', '.join(map(_source, shown))})"

    def __reduce__(self) -> tuple[Callable[..., Leaf], tuple[Any, ...]]:
        return vocabulary[self.name], self.arguments

    def _items(self) -> list[tuple[str, Any, Any]]:
        kinds = self.term.kinds.items()
        return [
            (name, kind, value) for (name, kind), value in zip(kinds, self.arguments, strict=True)
        ]


def objective(function: Callable[..., Scores]) -> Callable[..., Leaf]:
    """Register a function of activations as an objective.

    The function is given the activations, then its own arguments, and returns one score per image.
    Its annotations say what is checked before the first step: `Layer`, `Channel`, `Channels`,
    `Row`, `Column`, `Map`, `Label`, `Guide`, `int`, `float`, `str`. A parameter that may be left
    out has a default.

    Returns:
        A function of those arguments that makes the objective.

    Raises:
        ValueError: the name is taken, or a parameter can't be given by position.

    >>> @objective
    ... def loudest(acts: Activations, layer: Layer) -> Scores:
    ...     return acts[layer].flatten(1).amax(1)
    >>> loudest("fire7") + 1
    (loudest('fire7') + 1)
    """
    hints = get_type_hints(function, include_extras=True)
    _, *parameters = inspect.signature(function).parameters.values()
    for each in parameters:
        if each.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            raise ValueError(f"{function.__name__}'s {each.name!r} can't be given by position")
    signature = inspect.Signature(parameters)
    kinds = {each.name: hints.get(each.name, Any) for each in parameters}
    term = Term(function.__name__, function, kinds, signature)

    @functools.wraps(function)
    def make(*args: Any, **kwargs: Any) -> Leaf:
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise BadExpression(f"{term.name}{signature_text(signature)}: {error}") from None
        given.apply_defaults()
        values = tuple(_read(term, name, given.arguments[name]) for name in kinds)
        return Leaf(term.name, values, term)

    # What callers see is the signature without the activations.
    del make.__wrapped__
    make.__annotations__ = {}
    make.__signature__ = signature  # type: ignore[attr-defined]
    vocabulary.add(term.name, make)
    return make


def signature_text(signature: inspect.Signature) -> str:
    """The parameters without their annotations, as a user would write them."""
    plain = [
        each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()
    ]
    return str(inspect.Signature(plain))


def _source(value: Any) -> str:
    if isinstance(value, Picture):
        return repr(str(value.path) if value.path else "a picture without a file")
    return repr(str(value)) if isinstance(value, Layer) else repr(value)


def _read(term: Term, name: str, value: Any) -> Any:
    """One argument in its canonical, hashable form."""
    kind = term.kinds[name]
    wanted, reader = _KINDS.get(kind, ("", None))
    if reader is None:
        return tuple(value) if isinstance(value, list) else value
    try:
        return reader(value)
    except EntopticError:
        raise
    except (TypeError, ValueError, OverflowError, RuntimeError):  # the last is torch's
        given = one_line(repr(value))
        raise BadExpression(f"{term.name} wants {wanted} for {name!r}, got {given}") from None


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
    int: ("a whole number", _whole),
    float: ("a number", _number),
    str: ("a text", _text),
}


def _bind(kind: Any, value: Any, layer: Layer | None, network: Network) -> Any:
    """One argument, checked against the network it is for."""
    if kind == Guide and isinstance(value, str):
        return network.guide(value)
    place = None if layer is None else network.resolve(layer)
    if kind in (Layer, Map):
        value = network.resolve(value)
    if kind == Label:
        value = network.label(value)
    if kind == Map:
        _check_inside(Row, 0, value, network)
    elif kind in (Channel, Row, Column) and place is not None:
        _check_inside(kind, value or 0, place, network)
    elif kind == Channels and place is not None:
        _check_inside(Channel, max(value), place, network)
    elif kind == Label and place is not None:
        _check_inside(Channel, value, place, network)
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
