"""TensorFlow 1 frozen graphs, read into ONNX."""

from __future__ import annotations

from entoptic.formats.tensorflow.translate import read_tensorflow

__all__ = ["read_tensorflow"]
