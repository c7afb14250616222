"""The layer types of Caffe that are understood; importing this registers them all."""

from entoptic.formats.caffe.kinds import pointwise, shaping, spatial
from entoptic.formats.caffe.site import KINDS, Kind

__all__ = ["KINDS", "Kind", "pointwise", "shaping", "spatial"]
