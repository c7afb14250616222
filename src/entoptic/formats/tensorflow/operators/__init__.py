"""TensorFlow's operators, each with its translation into ONNX."""

from __future__ import annotations

from entoptic.formats.tensorflow.operators import (
    convolution,
    elementwise,
    pooling,
    reductions,
    resizing,
    shapes,
)
from entoptic.formats.tensorflow.operators.table import OPERATORS, Operator

__all__ = [
    "OPERATORS",
    "Operator",
    "convolution",
    "elementwise",
    "pooling",
    "reductions",
    "resizing",
    "shapes",
]
