"""Networks of Caffe: a prototxt and a caffemodel, read as one ONNX model."""

from entoptic.models.caffe.translate import read_caffe

__all__ = ["read_caffe"]
