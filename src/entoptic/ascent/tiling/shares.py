"""Objectives split into terms over positions and terms of whole layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from entoptic.layers import Layer
from entoptic.objectives import Combined, Const, Leaf, Objective


@dataclass(frozen=True)
class Part:
    """A term that is a mean or a sum over positions, and its factor."""

    factor: float
    leaf: Leaf

    @property
    def layer(self) -> Layer:
        (layer,) = self.leaf.layers()
        return layer

    def weight(self, share: float) -> float:
        """The weight of the score over a share of the positions in the score of all."""
        return self.factor * (share if self.leaf.term.over_positions == "mean" else 1)


@dataclass(frozen=True)
class Shares:
    """An objective as a sum of parts over positions and of a rest that needs the whole.

    Args:
        parts: whose scores over tiles add up.
        rest: what is added to those; None where there is nothing.
    """

    parts: tuple[Part, ...]
    rest: Objective | None

    @classmethod
    def of(cls, objective: Objective) -> Shares:
        """Take an objective apart.

        >>> import entoptic as ent
        >>> shares = Shares.of(2 * ent.energy("fire7") - ent.l2())
        >>> shares.parts[0].factor, shares.rest
        (2.0, (-1 * l2('input', 0.5)))
        """
        parts: list[Part] = []
        rest: Objective | None = None
        for factor, term in _terms(1.0, objective):
            if isinstance(term, Leaf) and term.term.over_positions and len(term.layers()) == 1:
                parts.append(Part(factor, term))
            else:
                scaled = term if factor == 1 else factor * term
                rest = scaled if rest is None else rest + scaled
        return cls(tuple(parts), rest)

    @property
    def whole_layers(self) -> frozenset[Layer]:
        """The layers that the rest needs as wholes."""
        return frozenset() if self.rest is None else self.rest.layers()


def _terms(factor: float, objective: Objective) -> Iterator[tuple[float, Objective]]:
    """The terms of a sum, and by what each is multiplied."""
    match objective:
        case Combined("+" | "-"):
            first, joined = objective.row()
            yield from _terms(factor, first)
            for sign, each in joined:
                yield from _terms(factor if sign == "+" else -factor, each)
        case Combined("*", Const(value), other) | Combined("*", other, Const(value)):
            yield from _terms(factor * value, other)
        case Combined("/", left, Const(value)):
            yield from _terms(factor / value, left)
        case _:
            yield factor, objective
