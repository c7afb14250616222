"""The terms of an objective: named functions of activations, registered by a decorator."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, final, get_args, get_type_hints, overload

from entoptic.checks import flag, function, one_of, taking
from entoptic.errors import BadExpression
from entoptic.formats.arrays import Arrays, split_name
from entoptic.formats.sparse_encoder import SparseEncoder
from entoptic.images import Picture
from entoptic.layers import Layer
from entoptic.objectives.algebra import Activations, NetworkFacts, Objective, Reference
from entoptic.objectives.from_files import FileRow, bound_encoder, in_range, joined
from entoptic.objectives.kinds import (
    GUIDES,
    LAYERS,
    LONGEST_MATCHED,
    Autoencoder,
    Code,
    Matched,
    Overlay,
    Vector,
    bind_argument,
    read_argument,
    type_taken,
)
from entoptic.objectives.trial import check_by_trial
from entoptic.registry import Registry, plain_signature
from entoptic.types import Scores

OverPositions: TypeAlias = Literal["mean", "sum"]
"""Reduction over the positions of a layer by which a score comes of its function."""


@dataclass(frozen=True)
class Facts:
    """Facts that are declared of an objective beside its function; see `objective`."""

    over_positions: OverPositions | None = None
    compares_images: bool | None = None
    needs_alpha: bool = False
    prices_opacity: bool = False


@dataclass(frozen=True)
class Term(Facts):
    """A registered function, the kinds of its parameters, and the facts about it."""

    name: str = field(kw_only=True)
    function: Callable[..., Scores] = field(kw_only=True)
    kinds: dict[str, Any] = field(kw_only=True)
    signature: inspect.Signature = field(kw_only=True)


vocabulary: Registry[Callable[..., Leaf]] = Registry(
    "objective", BadExpression, "entoptic.objectives"
)
"""The objectives that `parse` and the command line know, by name."""


@final
@dataclass(frozen=True)
class Leaf(Objective):
    """One term with its arguments, such as `channel('fire7', 3)`."""

    name: str
    arguments: tuple[Any, ...]
    term: Term = field(repr=False, compare=False)

    def layers(self) -> frozenset[Layer]:
        return frozenset(value for _, kind, value in self._items() if kind in LAYERS)

    def references(self) -> frozenset[Reference]:
        return frozenset(
            Reference(
                value,
                layer,
                fitted=kind == Overlay,
                longest=LONGEST_MATCHED if kind == Matched else None,
            )
            for _, kind, value in self._items()
            if kind in GUIDES
            for layer in self.layers()
        )

    def bound(self, network: NetworkFacts) -> Objective:
        layer = next((value for _, kind, value in self._items() if kind in LAYERS), None)
        checked, given = [], {name: value for name, _, value in self._items()}
        for _, kind, value in self._items():
            # A channel is one of the layer before it; a label may come before its only layer.
            layer = value if kind in LAYERS else layer
            if kind == Autoencoder:
                resolved = None if layer is None else network.resolve(layer)
                value = bound_encoder(value, given, resolved, network)
            checked.append(bind_argument(kind, value, layer, network))
        bound = Leaf(self.name, tuple(checked), self.term)
        check_by_trial(bound, network)
        return bound

    def __call__(self, acts: Activations) -> Scores:
        return self.term.function(acts, *self.arguments)

    def __repr__(self) -> str:
        shown = list(self.arguments)
        defaults = [each.default for each in self.term.signature.parameters.values()]
        while shown and shown[-1] is None and defaults[len(shown) - 1] is None:
            shown.pop()
        last = len(shown) - 1
        texts = [
            each.source(place == last) if isinstance(each, FileRow) else _source(each)
            for place, each in enumerate(shown)
        ]
        return f"{self.name}({', '.join(texts)})"

    def __reduce__(self) -> tuple[Callable[..., Leaf], tuple[Any, ...]]:
        return vocabulary[self.name], self.arguments

    def files(self) -> tuple[Picture | Arrays | SparseEncoder, ...]:
        """Return the files that its arguments were read from, once it is bound."""
        found: list[Picture | Arrays | SparseEncoder] = []
        for each in self.arguments:
            if isinstance(each, Picture | SparseEncoder):
                found.append(each)
            elif isinstance(each, FileRow) and each.file is not None:
                found.append(each.file)
        return tuple(found)

    def named_files(self) -> set[str]:
        """Return the names of the files that its arguments are read from, once it is bound."""
        found = {
            value
            for _, kind, value in self._items()
            if kind in (*GUIDES, Autoencoder) and isinstance(value, str)
        }
        rows = [each for each in self.arguments if isinstance(each, FileRow) and each.file is None]
        return found | {split_name(each.name)[0] for each in rows}

    def each(self, most: int) -> list[Leaf]:
        """Return the units that it stands for, where the number in a file is a text of several.

        Raises:
            BadExpression: there are more than so many.
        """
        for place, value in enumerate(self.arguments):
            before, after = self.arguments[:place], self.arguments[place + 1 :]
            several: list[Any] = []
            if isinstance(value, FileRow) and isinstance(value.number, str):
                several = [replace(value, number=one) for one in in_range(value.number, most)]
            elif list(self.term.kinds.values())[place] == Code and isinstance(value, str):
                several = list(in_range(value, most))
            if several:
                return [replace(self, arguments=(*before, one, *after)) for one in several]
        return [self]

    def _items(self) -> list[tuple[str, Any, Any]]:
        kinds = self.term.kinds.items()
        return [
            (name, kind, value) for (name, kind), value in zip(kinds, self.arguments, strict=True)
        ]


@overload
def objective(function: Callable[..., Scores]) -> Callable[..., Leaf]: ...
@overload
def objective(
    *,
    over_positions: OverPositions | None = None,
    compares_images: bool | None = None,
    needs_alpha: bool = False,
    prices_opacity: bool = False,
    over_places: OverPositions | None = None,
) -> Callable[[Callable[..., Scores]], Callable[..., Leaf]]: ...
@taking(
    function=function,
    over_positions=one_of(*get_args(OverPositions)),
    compares_images=flag,
    needs_alpha=flag,
    prices_opacity=flag,
    over_places=one_of(*get_args(OverPositions)),
)
def objective(
    function: Callable[..., Scores] | None = None,
    *,
    over_positions: OverPositions | None = None,
    compares_images: bool | None = None,
    needs_alpha: bool = False,
    prices_opacity: bool = False,
    over_places: OverPositions | None = None,
) -> Any:
    """Register a function of activations as an objective, with the facts about it.

    The function is given the activations, then its own arguments, and returns one score per image.
    Its annotations say what is checked before the first step: `Layer`, `Channel`, `Channels`,
    `Row`, `Column`, `Map`, `Positions`, `Label`, `Labels`, `LabelOrPattern`, `Guide`, `Matched`,
    `Overlay`, `Vector`, `Matrix`, `Block`, `Blur`, `Positive`, `Power`, `int`, `float`, `str`.
    A channel, a position, a blur or a vector is of the layer named before it. A parameter that may
    be left out has a default. Before the first step the function is also tried once on random
    activations of the layers' shapes, so that an index outside of them is refused in time.

    A function that is defined again in the same module under the same name, as by a notebook's cell
    that runs again, replaces the one before.

    Args:
        over_positions: whether the score is the mean, or the sum, over positions of what the
            function finds at each position by itself; then a large picture is scored tile by tile.
            What isn't either is scored on the whole layer.
        compares_images: whether an image's score depends on the other images of its batch. Where
            this isn't said, several photos are dreamt one by one; where it is False, together,
            which is faster, and it is checked. A score `over_positions` never does.
        needs_alpha: whether it is about transparency, so that only a canvas with an alpha channel
            will do.
        prices_opacity: whether it says itself what opacity costs, so that a recipe doesn't multiply
            the objective by `1 - opacity()`.
        over_places: the old name of `over_positions`, which goes with the next release.

    Returns:
        A function of those arguments that makes the objective.

    Raises:
        ValueError: the name is taken, a parameter can't be given by position, or the facts
            contradict each other.

    >>> @objective
    ... def loudest(acts: Activations, layer: Layer) -> Scores:
    ...     return acts[layer].flatten(1).amax(1)
    >>> loudest("fire7") + 1
    (loudest('fire7') + 1)
    >>> @objective(over_positions="sum")
    ... def squares(acts: Activations, layer: Layer) -> Scores:
    ...     return acts[layer].square().flatten(1).sum(1)
    """
    if over_places is not None:
        warnings.warn(
            "over_places is called over_positions now; the old name goes with the next release",
            DeprecationWarning,
            stacklevel=3,
        )
        over_positions = over_places
    if over_positions is not None and compares_images:
        raise ValueError(
            "an objective over positions doesn't compare images; leave one of the two out"
        )
    alone = False if over_positions is not None else compares_images
    facts = Facts(over_positions, alone, needs_alpha, prices_opacity)
    if function is None:
        return functools.partial(_registered, facts=facts)
    return _registered(function, facts)


def _registered(function: Callable[..., Scores], facts: Facts) -> Callable[..., Leaf]:
    if not function.__name__.isidentifier():
        raise ValueError(f"an objective is registered by its name; define {function!r} with def")
    hints = get_type_hints(function, include_extras=True)
    _, *parameters = inspect.signature(function).parameters.values()
    for each in parameters:
        if each.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            raise ValueError(f"{function.__name__}'s {each.name!r} can't be given by position")
    kinds = {each.name: hints.get(each.name, Any) for each in parameters}
    signature = inspect.Signature(
        [each.replace(annotation=kinds[each.name]) for each in parameters]
    )
    vectors = [kind == Vector for kind in kinds.values()]
    term = Term(
        **vars(facts), name=function.__name__, function=function, kinds=kinds, signature=signature
    )

    @functools.wraps(function)
    def make(*args: Any, **kwargs: Any) -> Leaf:
        try:
            given = signature.bind(*joined(vectors, args), **kwargs)
        except TypeError as error:
            raise BadExpression(f"{term.name}{plain_signature(signature)}: {error}") from None
        given.apply_defaults()
        values = tuple(
            read_argument(term.name, name, kind, given.arguments[name])
            for name, kind in kinds.items()
        )
        return Leaf(term.name, values, term)

    # What callers see is the signature without the activations.
    del make.__wrapped__
    make.__annotations__ = {}
    make.__signature__ = signature  # type: ignore[attr-defined]
    vocabulary.add(term.name, make, redefined=True)
    return make


def stub(name: str) -> str:
    """Return what a stub says of a registered objective: its arguments' types and its sentence."""
    parts, of_file = [], []
    for each in inspect.signature(vocabulary[name]).parameters.values():
        default = (
            "" if each.default is each.empty else f" = {_source(each.default)}".replace("'", '"')
        )
        parts.append(f"{each.name}: {type_taken(each.annotation)}{default}")
        if each.annotation == Vector:
            of_file += [f"{each.name}: PathLike", "number: int | str | None", "/"]
        else:
            of_file.append(parts[-1])
    if "/" not in of_file:
        return _stub(name, parts)
    return f"@overload\n{_stub(name, parts)}\n@overload\n{_stub(name, of_file)}"


def _stub(name: str, parts: Sequence[str]) -> str:
    line = f"def {name}({', '.join(parts)}) -> Leaf:"
    if len(line) > 100:
        listed = "".join(f"    {each},\n" for each in parts)
        line = f"def {name}(\n{listed}) -> Leaf:"
    summary = next(row.summary for row in vocabulary.rows() if row.name == name)
    return f'{line}\n    """{summary}"""\n'


def _source(value: Any) -> str:
    if isinstance(value, Picture):
        return repr(str(value.path) if value.path else "a picture without a file")
    if isinstance(value, SparseEncoder):
        return repr(str(value.path))
    return repr(str(value)) if isinstance(value, Layer) else repr(value)
