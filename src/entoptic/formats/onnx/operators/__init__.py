"""The operators of ONNX, each a small class or function that registers itself."""

from entoptic.formats.onnx.operators import (
    activations,
    arithmetic,
    attention,
    convolutions,
    early,
    indexing,
    layout,
    microsoft,
    normalization,
    pooling,
    quantized,
    recurrent,
    reductions,
    resize,
    sampling,
)
from entoptic.formats.onnx.operators.operation import OPERATORS, Builder, Node, Operand, Operation
from entoptic.formats.onnx.operators.refused import REFUSED

__all__ = [
    "OPERATORS",
    "REFUSED",
    "Builder",
    "Node",
    "Operand",
    "Operation",
    "activations",
    "arithmetic",
    "attention",
    "convolutions",
    "early",
    "indexing",
    "layout",
    "microsoft",
    "normalization",
    "pooling",
    "quantized",
    "recurrent",
    "reductions",
    "resize",
    "sampling",
]
