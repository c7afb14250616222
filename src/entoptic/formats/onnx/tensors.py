"""The numbers of an ONNX file's tensors, once it is known that they are what they say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from entoptic.errors import BadModelFile

if TYPE_CHECKING:
    import onnx

MAX_FILE_BYTES = 2**31 - 1
"""Protobuf's own limit for one message; larger networks keep their weights in external files."""

MAX_AXES = 16
"""No value of a network has more axes; a longer shape is damage or an attack."""

# TensorProto.DataType of what is imported: bytes of a number.
ITEM_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}

EXTERNAL = 1  # TensorProto.DataLocation


def to_tensor(proto: onnx.TensorProto, where: str = "") -> Tensor:
    """Return the numbers of a tensor; all floating types become float32.

    Gradient ascent wants float32 whatever the file saves bytes with; unsigned types that torch
    hardly computes with become the next larger signed type.

    Raises:
        BadModelFile: more numbers are declared than there are bytes, or they are of another kind.
    """
    from onnx import helper, numpy_helper

    where = where or f"tensor {proto.name!r}"
    wanted = declared_bytes(proto, where)
    if proto.data_location == EXTERNAL:
        raise BadModelFile(f"{where}: its external data isn't loaded; read the file by load_graph")
    if proto.HasField("raw_data"):
        if len(proto.raw_data) != wanted:
            raise BadModelFile(f"{where} needs {wanted} bytes, but has {len(proto.raw_data)}")
    else:
        there = len(getattr(proto, helper.tensor_dtype_to_field(proto.data_type)))
        if there != math.prod(proto.dims):
            raise BadModelFile(f"{where} needs {math.prod(proto.dims)} numbers, but has {there}")
    numbers = numpy_helper.to_array(proto)
    if numbers.dtype.kind not in "iub":
        with np.errstate(over="ignore"):
            numbers = numbers.astype(np.float32)
    elif numbers.dtype.kind == "u" and numbers.itemsize > 1:
        numbers = numbers.astype(np.int32 if numbers.itemsize == 2 else np.int64)
    return torch.from_numpy(np.array(numbers))


def declared_bytes(proto: onnx.TensorProto, where: str) -> int:
    """Return the bytes that a tensor needs, if it is one that can be imported."""
    if proto.data_type not in ITEM_BYTES:
        raise BadModelFile(f"{where} holds numbers of type {proto.data_type}, which isn't imported")
    if proto.HasField("segment"):
        raise BadModelFile(f"{where} is cut into segments, which isn't imported")
    if len(proto.dims) > MAX_AXES:
        raise BadModelFile(f"{where} has {len(proto.dims)} axes; at most {MAX_AXES} are imported")
    if any(size < 0 or size > MAX_FILE_BYTES for size in proto.dims):
        raise BadModelFile(f"{where} has an impossible dimension: {list(proto.dims)}")
    return int(math.prod(proto.dims) * ITEM_BYTES[proto.data_type])
