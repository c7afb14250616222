"""TensorFlow's operators, translated into ONNX; importing this registers them all."""

from entoptic.formats.tensorflow.operators import (  # noqa: F401
    convolution,
    elementwise,
    pooling,
    reductions,
    resizing,
    shapes,
)
from entoptic.formats.tensorflow.operators.table import OPERATORS

__all__ = ["OPERATORS"]
