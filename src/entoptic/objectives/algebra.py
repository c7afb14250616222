"""Objectives and their arithmetic; an objective is data: printed, compared, pickled."""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, final, runtime_checkable

import torch
from torch import Tensor

from entoptic.checks import shown
from entoptic.errors import BadExpression, BadSetting, one_line
from entoptic.formats.arrays import Arrays
from entoptic.formats.sparse_encoder import SparseEncoder
from entoptic.images import Picture
from entoptic.layers import Layer, LayerInfo
from entoptic.types import Scores

# What recurses through an objective stays well within Python's own limit.
_DEEPEST = 100

# As many as the largest sheet has pictures, with sixteen terms each.
_MOST_TERMS = 1 << 16


@dataclass(frozen=True)
class Reference:
    """A guide's activations at a layer: the key under which `ascend` provides them.

    Args:
        guide: file name of the other picture, or the picture.
        layer: the layer whose activations are taken.
        fitted: it is stretched to the size of the picture first, so that positions correspond.
        longest: its long side where it is larger, in pixels; None leaves it as large as it is.
    """

    guide: str | Picture
    layer: Layer
    fitted: bool = False
    longest: int | None = None


Activations: TypeAlias = Mapping[Layer | Reference, Tensor]
"""The tensors that an objective asked for: of each layer, and of each guide at a layer."""


@runtime_checkable
class NetworkFacts(Protocol):
    """The facts about a network that an objective is checked against before any work."""

    def resolve(self, layer: Layer) -> Layer:
        """Return the layer itself, or the one that a name such as `logits` stands for."""

    def info(self, layer: Layer) -> LayerInfo:
        """Return the layer table's row of a layer, at the size of the picture to come."""

    def label(self, name: int | str, layer: Layer | None = None) -> int:
        """Return the number of a class, given by number, label or synset; the layer says whose."""

    def matching(self, pattern: str, layer: Layer | None = None) -> tuple[int, ...]:
        """Return the numbers of the classes whose labels match a pattern with * and ?."""

    def guide(self, name: str) -> Picture:
        """Return the picture in a file."""

    def arrays(self, name: str) -> Arrays:
        """Return the arrays in a file."""

    def autoencoder(self, name: str) -> SparseEncoder:
        """Return the encoder of the sparse autoencoder in a file."""


class Objective(ABC):
    """A score for each image, to be maximised.

    Objectives add, subtract, multiply and divide, with each other and with numbers. Their `repr` is
    the expression that makes them again, for `parse` and for Python alike.
    """

    depth: int = 0
    """Depth of the objectives nested in it; a row such as a + b - c has one level."""

    terms: int = 1
    """Number of terms in it, numbers included."""

    @abstractmethod
    def layers(self) -> frozenset[Layer]:
        """The layers whose activations are needed."""

    @abstractmethod
    def references(self) -> frozenset[Reference]:
        """The guides, and the layers at which they are needed."""

    @abstractmethod
    def bound(self, network: NetworkFacts) -> Objective:
        """The same objective with labels made numbers and guides read, checked against a network.

        Raises:
            UnknownLayer, UnknownLabel, ChannelOutOfRange: with what to do.
            PictureNotFound, BadPicture, BadUnitFile: a file can't be read.
        """

    @abstractmethod
    def __call__(self, acts: Activations) -> Scores:
        """One score per image."""

    def __add__(self, other: Objective | float) -> Objective:
        return _combined("+", self, other)

    def __radd__(self, other: float) -> Objective:
        return _combined("+", other, self)

    def __sub__(self, other: Objective | float) -> Objective:
        return _combined("-", self, other)

    def __rsub__(self, other: float) -> Objective:
        return _combined("-", other, self)

    def __mul__(self, other: Objective | float) -> Objective:
        return _combined("*", self, other)

    def __rmul__(self, other: float) -> Objective:
        return _combined("*", other, self)

    def __truediv__(self, other: Objective | float) -> Objective:
        return _combined("/", self, other)

    def __rtruediv__(self, other: float) -> Objective:
        return _combined("/", other, self)

    def __pow__(self, exponent: float) -> Objective:
        return _combined("**", self, _exponent(exponent))

    def __abs__(self) -> Objective:
        return Absolute(self)

    def __neg__(self) -> Objective:
        return _combined("*", -1.0, self)

    def parts(self) -> tuple[Objective, ...]:
        """The objectives that it is made of, one level down."""
        return ()

    def within(self) -> Iterator[Objective]:
        """Itself and all objectives in it, at whatever depth."""
        waiting: list[Objective] = [self]
        while waiting:
            each = waiting.pop()
            yield each
            waiting += each.parts()


@final
@dataclass(frozen=True)
class Const(Objective):
    """A number; it scores every image alike.

    Raises:
        BadExpression: the number isn't finite.
    """

    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise BadExpression(f"{self.value} in an objective; use finite numbers")

    def layers(self) -> frozenset[Layer]:
        return frozenset()

    def references(self) -> frozenset[Reference]:
        return frozenset()

    def bound(self, network: NetworkFacts) -> Objective:
        return self

    def __call__(self, acts: Activations) -> Scores:
        some = next((value for key, value in acts.items() if isinstance(key, Layer)), None)
        if some is None:
            raise BadExpression(f"{self!r} asks for no layer, so that it can't be optimised")
        return some.new_full((some.shape[0],), self.value)

    def __repr__(self) -> str:
        # Whole numbers from 1e16 on are written with an exponent.
        return repr(self.value).removesuffix(".0")


_OPERATORS: Mapping[str, Callable[[Tensor | float, Tensor | float], Tensor]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
}

# Operations of one precedence: what is joined by them from the left is a row, however long.
_ROWS = {"+": "+-", "-": "+-", "*": "*/", "/": "*/", "**": ""}

Joined: TypeAlias = tuple[str, Objective]
"""An operation, and what it joins to what comes before."""


@final
@dataclass(frozen=True, eq=False)
class Combined(Objective):
    """Two objectives joined by `+`, `-`, `*`, `/` or `**`.

    Raises:
        BadExpression: it would be too deep.
    """

    operation: str
    left: Objective
    right: Objective
    depth: int = field(init=False, repr=False, compare=False)
    terms: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        along = isinstance(self.left, Combined) and self.left.operation in _ROWS[self.operation]
        depth = max(self.left.depth, _deeper((self.right,))) if along else None
        depth = _deeper((self.left, self.right)) if depth is None else depth
        object.__setattr__(self, "depth", depth)
        object.__setattr__(self, "terms", _more((self.left, self.right)))

    def row(self) -> tuple[Objective, tuple[Joined, ...]]:
        """Return the first objective of the row, and those joined to it one after the other."""
        joined, first = [(self.operation, self.right)], self.left
        while isinstance(first, Combined) and first.operation in _ROWS[self.operation]:
            joined.append((first.operation, first.right))
            first = first.left
        return first, tuple(reversed(joined))

    def parts(self) -> tuple[Objective, ...]:
        first, joined = self.row()
        return (first, *(each for _, each in joined))

    def layers(self) -> frozenset[Layer]:
        return frozenset().union(*(each.layers() for each in self.parts()))

    def references(self) -> frozenset[Reference]:
        return frozenset().union(*(each.references() for each in self.parts()))

    def bound(self, network: NetworkFacts) -> Objective:
        first, joined = self.row()
        return _from_left(
            first.bound(network), [(sign, each.bound(network)) for sign, each in joined]
        )

    def __call__(self, acts: Activations) -> Scores:
        # A number beside a tensor broadcasts; it needs no tensor of its own.
        first, *others = (
            part.value if isinstance(part, Const) else part(acts) for part in self.parts()
        )
        value: Tensor | float = first
        for (sign, _), other in zip(self.row()[1], others, strict=True):
            value = _OPERATORS[sign](value, other)
        assert isinstance(value, Tensor)
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Combined) and self.row() == other.row()

    def __hash__(self) -> int:
        return hash(self.row())

    def __reduce__(self) -> tuple[Callable[..., Objective], tuple[Any, ...]]:
        return _from_left, self.row()

    def __repr__(self) -> str:
        first, joined = self.row()
        return f"({first!r}{''.join(f' {sign} {each!r}' for sign, each in joined)})"


def _from_left(first: Objective, joined: Iterable[Joined]) -> Objective:
    """A row made anew."""
    for sign, each in joined:
        first = Combined(sign, first, each)
    return first


@final
@dataclass(frozen=True)
class Absolute(Objective):
    """The absolute value of an objective: `abs(a)`."""

    of: Objective
    depth: int = field(init=False, repr=False, compare=False)
    terms: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", _deeper((self.of,)))
        object.__setattr__(self, "terms", _more((self.of,)))

    def parts(self) -> tuple[Objective, ...]:
        return (self.of,)

    def layers(self) -> frozenset[Layer]:
        return self.of.layers()

    def references(self) -> frozenset[Reference]:
        return self.of.references()

    def bound(self, network: NetworkFacts) -> Objective:
        return Absolute(self.of.bound(network))

    def __call__(self, acts: Activations) -> Scores:
        return self.of(acts).abs()

    def __repr__(self) -> str:
        return f"abs({self.of!r})"


@final
@dataclass(frozen=True)
class PerImage(Objective):
    """An objective of its own for each image of a batch."""

    objectives: tuple[Objective, ...]
    depth: int = field(init=False, repr=False, compare=False)
    terms: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", _deeper(self.objectives) + 1)  # it has two brackets
        object.__setattr__(self, "terms", _more(self.objectives))

    def parts(self) -> tuple[Objective, ...]:
        return self.objectives

    def layers(self) -> frozenset[Layer]:
        return frozenset().union(*(each.layers() for each in self.objectives))

    def references(self) -> frozenset[Reference]:
        return frozenset().union(*(each.references() for each in self.objectives))

    def bound(self, network: NetworkFacts) -> Objective:
        return PerImage(tuple(each.bound(network) for each in self.objectives))

    def __call__(self, acts: Activations) -> Scores:
        for key, value in acts.items():
            if isinstance(key, Layer) and value.shape[0] != len(self.objectives):
                raise BadSetting(
                    f"per_image has {len(self.objectives)} objectives for a batch of "
                    f"{value.shape[0]} images; give one for each image"
                )
        images = _images(acts, len(self.objectives))
        return torch.cat([each(image) for each, image in zip(self.objectives, images, strict=True)])

    def __repr__(self) -> str:
        return f"per_image([{', '.join(map(repr, self.objectives))}])"


def objective_like(name: str, value: object) -> Objective:
    """An objective, and nothing else; an expression isn't read here, see `objective_of`."""
    if not isinstance(value, Objective):
        raise BadExpression(f"{name} is {shown(value)}; it must be an objective, or an expression")
    return value


def per_image(objectives: Iterable[Objective]) -> PerImage:
    """Make one objective of those for each image of a batch, in order, as for a sweep of channels.

    Args:
        objectives: as many as the canvas has images.

    Raises:
        BadExpression: there is none, or one isn't an objective.

    >>> from entoptic.objectives import channel
    >>> per_image([channel("fire7", i) for i in (3, 5)])
    per_image([channel('fire7', 3), channel('fire7', 5)])
    """
    if isinstance(objectives, str) or not isinstance(objectives, Iterable):
        raise BadExpression(f"per_image wants a list of objectives, got {shown(objectives)}")
    several = tuple(objectives)
    wrong = [each for each in several if isinstance(each, Const) or not isinstance(each, Objective)]
    if wrong or not several:
        given = shown(wrong[0]) if wrong else "an empty list"
        raise BadExpression(f"per_image wants a list of objectives, got {given}")
    return PerImage(several)


def _deeper(objectives: tuple[Objective, ...]) -> int:
    depth = 1 + max((each.depth for each in objectives), default=0)
    if depth > _DEEPEST:
        raise BadExpression(
            f"an objective whose parts are nested deeper than {_DEEPEST}; use fewer brackets"
        )
    return depth


def _more(objectives: tuple[Objective, ...]) -> int:
    terms = sum(each.terms for each in objectives)
    if terms > _MOST_TERMS:
        raise BadExpression(f"an objective of more than {_MOST_TERMS} terms; leave some out")
    return terms


def _images(acts: Activations, count: int) -> list[Activations]:
    """The activations of each image of a batch; the way back joins theirs in one pass."""
    parts = {
        # A guide that moves with the pictures is another one for each of them.
        key: torch.split(value, 1) if isinstance(key, Layer) or len(value) > 1 else [value] * count
        for key, value in acts.items()
    }
    return [{key: part[index] for key, part in parts.items()} for index in range(count)]


def _combined(operation: str, left: Objective | float, right: Objective | float) -> Objective:
    sides = [side if isinstance(side, Objective) else _constant(side) for side in (left, right)]
    if operation == "/" and sides[1] == Const(0.0):
        raise BadExpression(f"{one_line(repr(sides[0]))} is divided by zero")
    if all(isinstance(side, Const) for side in sides):
        values = [side.value for side in sides if isinstance(side, Const)]
        try:
            return Const(float(_OPERATORS[operation](*values)))
        except (OverflowError, ZeroDivisionError, TypeError):
            told = f" {operation} ".join(map(repr, sides))
            raise BadExpression(f"{told} in an objective is no finite number") from None
    return Combined(operation, *sides)


def _exponent(value: float) -> Const:
    """A power that a score is raised to.

    Raises:
        BadExpression: it isn't a number.
    """
    if isinstance(value, Objective) and not isinstance(value, Const):
        raise BadExpression(
            f"{one_line(repr(value))} as an exponent; raise to a number, as in a ** 2"
        )
    return value if isinstance(value, Const) else _constant(value)


def _constant(value: float) -> Const:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadExpression(
            f"an objective joins objectives and numbers, not {one_line(repr(value))}"
        )
    try:
        return Const(float(value))
    except OverflowError:
        raise BadExpression("a number in the objective is too large for a float") from None
