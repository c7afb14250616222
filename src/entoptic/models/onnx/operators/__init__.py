"""The operators of ONNX, each a small class or function that registers itself."""

from entoptic.models.onnx.operators import (
    activations,
    arithmetic,
    convolutions,
    layout,
    normalization,
    pooling,
    reductions,
    resize,
)
from entoptic.models.onnx.operators.operation import OPERATORS, Builder, Node, Operand, Operation

__all__ = [
    "OPERATORS",
    "Builder",
    "Node",
    "Operand",
    "Operation",
    "activations",
    "arithmetic",
    "convolutions",
    "layout",
    "normalization",
    "pooling",
    "reductions",
    "resize",
]
