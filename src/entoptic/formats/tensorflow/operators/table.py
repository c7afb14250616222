"""The table of operators, and how one is put into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from entoptic.errors import BadModelFile
from entoptic.formats.tensorflow.builder import Builder
from entoptic.formats.tensorflow.values import Value
from entoptic.registry import Registry

Translation = Callable[..., Value | tuple[Value, ...]]


@dataclass(frozen=True)
class Operator:
    """The translation of one operator.

    Args:
        translation: takes the builder and the node's inputs; returns its outputs.
        fewest: inputs that it needs.
        most: inputs that it can have.
    """

    translation: Translation
    fewest: int
    most: int

    def __call__(self, builder: Builder, *inputs: Value) -> tuple[Value, ...]:
        if not self.fewest <= len(inputs) <= self.most:
            raise BadModelFile(f"damaged: it has {len(inputs)} inputs, {self.fewest} are needed")
        result = self.translation(builder, *inputs)
        return result if isinstance(result, tuple) else (result,)


OPERATORS: Registry[Operator] = Registry("TensorFlow operator", BadModelFile)
ANY = 1_000_000
"""As many inputs as there are."""


def operator(
    *names: str, inputs: int, most: int | None = None
) -> Callable[[Translation], Translation]:
    """Register the translation of operators.

    Args:
        names: of the operators.
        inputs: how many inputs they need.
        most: how many they can have, if more.
    """

    def register(translation: Translation) -> Translation:
        for name in names:
            OPERATORS.add(name, Operator(translation, inputs, most or inputs))
        return translation

    return register
