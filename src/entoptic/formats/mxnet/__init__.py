"""MXNet files (`NAME-symbol.json` and `NAME-0000.params`), read into one ONNX graph."""

from entoptic.formats.mxnet.translate import read_mxnet

__all__ = ["read_mxnet"]
