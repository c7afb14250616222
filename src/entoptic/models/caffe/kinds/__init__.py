"""The layer types of Caffe that are understood; importing this registers them all."""

from entoptic.models.caffe.kinds import pointwise, shaping, spatial
from entoptic.models.caffe.site import KINDS, Kind

__all__ = ["KINDS", "Kind", "pointwise", "shaping", "spatial"]
