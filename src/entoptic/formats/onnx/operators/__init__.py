"""The operators of ONNX, each a small function that registers itself."""

from entoptic.formats.onnx.operators import (  # noqa: F401
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
from entoptic.formats.onnx.operators.operation import OPERATORS, Node, Operand, Operation
from entoptic.formats.onnx.operators.refused import REFUSED

__all__ = ["OPERATORS", "REFUSED", "Node", "Operand", "Operation"]
