"""Caffe's binary files (.caffemodel): the weights of each layer, and preprocessing.

Source: BVLC Caffe, caffe.proto, which has the field numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entoptic.errors import BadModelFile
from entoptic.formats.caffe.preprocess import Transform
from entoptic.formats.files import about
from entoptic.formats.protobuf import Message

# Caffe keeps a blob's number of values in an int, and allows 32 axes (kMaxBlobAxes).
MOST_VALUES, MOST_AXES = 2**31 - 1, 32

# Field numbers (caffe.proto): of a layer in both formats, then of what both consist of.
_LAYERS_V1, _LAYERS_V2 = 2, 100
_V1_NAME, _V1_BLOBS, _V1_TRANSFORM = 4, 6, 36
_V2_NAME, _V2_BLOBS, _V2_TRANSFORM = 1, 7, 100
_V0_LAYER = 1
_BLOB_LEGACY_DIMS = (1, 2, 3, 4)
_BLOB_DATA, _BLOB_SHAPE, _BLOB_DOUBLE_DATA = 5, 7, 8
_SHAPE_DIM = 1
_TRANSFORM_SCALE, _TRANSFORM_CROP, _TRANSFORM_MEAN_FILE, _TRANSFORM_MEAN_VALUE = 1, 3, 4, 5


@dataclass(frozen=True, eq=False)
class Blob:
    """One array of weights in the file.

    Args:
        shape: as declared; legacy files always declare four axes, leading ones included.
        data: the values, little-endian.
        double: a value has eight bytes instead of four.
    """

    shape: tuple[int, ...]
    data: memoryview
    double: bool

    def array(self) -> NDArray[np.float32]:
        """Return the values in their declared shape."""
        values = np.frombuffer(self.data, "<f8" if self.double else "<f4")
        with np.errstate(over="ignore"):
            return values.astype(np.float32, copy=False).reshape(self.shape)


@dataclass(frozen=True, eq=False)
class Weights:
    """Content of a caffemodel: blobs by layer name, and the first data layer's preprocessing."""

    file: str
    blobs: Mapping[str, tuple[Blob, ...]]
    transform: Transform | None


def parse_caffemodel(content: bytes, file: str) -> Weights:
    """Read the weights of a caffemodel, of Caffe's layer format V1 or V2.

    Args:
        content: the file's bytes.
        file: its name in errors.

    Raises:
        BadModelFile: the file is damaged, of format V0, or a blob's values don't fill its shape;
            the message says the byte offset, and the layer where that is known.
    """
    blobs: dict[str, tuple[Blob, ...]] = {}
    transform = None
    with about(file):
        net = Message(memoryview(content))
        for layer in net.messages(_LAYERS_V1):
            if _V0_LAYER in layer:
                raise BadModelFile(
                    f"byte {layer.at}: the layers are of Caffe's format V0 (before 2014); "
                    "convert the file with Caffe's upgrade_net_proto_binary first"
                )
            blobs |= _blobs(layer, _V1_NAME, _V1_BLOBS)
            transform = transform or _transform(layer.message(_V1_TRANSFORM))
        for layer in net.messages(_LAYERS_V2):
            blobs |= _blobs(layer, _V2_NAME, _V2_BLOBS)
            transform = transform or _transform(layer.message(_V2_TRANSFORM))
    return Weights(file, blobs, transform)


def _blobs(layer: Message, name_field: int, blobs_field: int) -> dict[str, tuple[Blob, ...]]:
    """Return the layer's blobs under its name, or nothing where it has none."""
    name = layer.text(name_field)
    blobs = tuple(_blob(message, name) for message in layer.messages(blobs_field))
    return {name: blobs} if blobs else {}


def _blob(message: Message, layer: str) -> Blob:
    shape = message.message(_BLOB_SHAPE)
    dims = (
        tuple(message.integer(number) for number in _BLOB_LEGACY_DIMS)
        if shape is None
        else tuple(shape.integers(_SHAPE_DIM, most=MOST_AXES).tolist())
    )
    double = message.packed(_BLOB_DOUBLE_DATA)
    data, width = (double, 8) if len(double) else (message.packed(_BLOB_DATA), 4)
    where = f"byte {message.at}: a blob of layer {layer[:80]!r}"
    shown = "x".join(map(str, dims))
    if any(not 0 < dim <= MOST_VALUES for dim in dims):
        raise BadModelFile(f"{where} says a shape of {shown}; the file is damaged")
    wanted = math.prod(dims) * width
    if wanted != len(data):
        raise BadModelFile(
            f"{where} says a shape of {shown}, which needs {wanted} bytes; there are {len(data)}"
        )
    return Blob(dims, data, width == 8)


def _transform(message: Message | None) -> Transform | None:
    if message is None:
        return None
    mean = message.packed(_TRANSFORM_MEAN_VALUE)
    values = np.frombuffer(mean[: len(mean) // 4 * 4], "<f4")
    if len(mean) % 4 or not np.isfinite(values).all():
        raise message.error(0, "a mean picture that isn't made of numbers")
    return Transform(
        mean=tuple(values.tolist()),
        mean_file=_TRANSFORM_MEAN_FILE in message,
        scale=message.number(_TRANSFORM_SCALE, 1.0),
        crop=message.integer(_TRANSFORM_CROP),
    )
