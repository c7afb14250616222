"""Networks of Caffe: a prototxt and a caffemodel, read as one ONNX model."""

from entoptic.formats.caffe.translate import read_caffe

__all__ = ["read_caffe"]
