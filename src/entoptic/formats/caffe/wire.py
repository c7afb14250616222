"""Caffe's binary files (.caffemodel): the weights of each layer, read from protobuf's wire format.

Only what carries weights or preprocessing is read; everything else is stepped over. Nothing is
allocated by what the file *says*: a blob is a view of bytes that are there.

Source: protobuf.dev, "Encoding"; the field numbers are those of BVLC Caffe's caffe.proto.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entoptic.errors import BadModelFile
from entoptic.formats.caffe.graph import MOST_AXES, MOST_VALUES
from entoptic.formats.caffe.preprocess import Transform

# Field numbers (caffe.proto).
_NET_LAYERS_V1, _NET_LAYER_V2 = 2, 100
_V1_OLDER_LAYER, _V1_NAME, _V1_BLOBS, _V1_TRANSFORM = 1, 4, 6, 36
_V2_NAME, _V2_BLOBS, _V2_TRANSFORM = 1, 7, 100
_BLOB_LEGACY_DIMS = (1, 2, 3, 4)
_BLOB_DATA, _BLOB_SHAPE, _BLOB_DOUBLE_DATA = 5, 7, 8
_SHAPE_DIM = 1
_TRANSFORM_SCALE, _TRANSFORM_CROP, _TRANSFORM_MEAN_FILE, _TRANSFORM_MEAN_VALUE = 1, 3, 4, 5

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5

# Real files have some thousand fields; stepping through more than this would only take our time.
_MOST_FIELDS = 5_000_000


@dataclass(frozen=True, eq=False)
class Blob:
    """One array of weights in the file.

    Args:
        shape: as declared; legacy files always declare four axes, leading ones included.
        data: the values, little-endian.
        double: whether a value has eight bytes instead of four.
    """

    shape: tuple[int, ...]
    data: memoryview | bytearray
    double: bool

    def array(self) -> NDArray[np.float32]:
        """The values in their declared shape."""
        values = np.frombuffer(self.data, "<f8" if self.double else "<f4")
        with np.errstate(over="ignore"):
            return values.astype(np.float32, copy=False).reshape(self.shape)


@dataclass(frozen=True, eq=False)
class Weights:
    """What a caffemodel holds: blobs by layer name, and the first data layer's preprocessing."""

    file: str
    blobs: Mapping[str, tuple[Blob, ...]]
    transform: Transform | None


@dataclass(frozen=True)
class _Field:
    """One field as it lies in the file; `at` is the offset of its value."""

    number: int
    wire: int
    value: int | memoryview
    at: int


@dataclass(frozen=True, eq=False)
class _Layer:
    name: str
    blobs: tuple[Blob, ...]
    transform: Transform | None


def parse_caffemodel(content: bytes, file: str) -> Weights:
    """Read the weights of a caffemodel, of Caffe's layer format V1 or V2.

    Args:
        content: the file's bytes.
        file: what errors call the file.

    Raises:
        BadModelFile: the file is damaged, of format V0, or a blob's values don't fill its shape;
            the message says the byte offset, and the layer where that is known.
    """
    return _Reader(file).weights(memoryview(content))


class _Reader:
    """Reads messages, each a range of bytes at an offset in the file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.fields_left = _MOST_FIELDS

    def weights(self, content: memoryview) -> Weights:
        blobs: dict[str, tuple[Blob, ...]] = {}
        transform = None
        for entry in self.fields(content, 0):
            if entry.number in (_NET_LAYERS_V1, _NET_LAYER_V2):
                layer = self.layer(entry, v2=entry.number == _NET_LAYER_V2)
                transform = transform or layer.transform
                if layer.blobs:
                    blobs[layer.name] = layer.blobs
        return Weights(self.file, blobs, transform)

    def layer(self, field: _Field, v2: bool) -> _Layer:
        name_number, blobs_number, transform_number = (
            (_V2_NAME, _V2_BLOBS, _V2_TRANSFORM) if v2 else (_V1_NAME, _V1_BLOBS, _V1_TRANSFORM)
        )
        name, bodies, transform = "", [], None
        for entry in self.fields(self.bytes_of(field), field.at):
            if entry.number == name_number:
                name = bytes(self.bytes_of(entry)).decode(errors="replace")
            elif entry.number == blobs_number:
                bodies.append(entry)
            elif entry.number == transform_number:
                transform = self.transform(entry)
            elif entry.number == _V1_OLDER_LAYER and not v2:
                raise BadModelFile(
                    f"{self.file}, byte {entry.at}: the layers are of Caffe's format V0 (before "
                    "2014); convert the file with Caffe's upgrade_net_proto_binary first"
                )
        return _Layer(name, tuple(self.blob(entry, name) for entry in bodies), transform)

    def blob(self, field: _Field, layer: str) -> Blob:
        shape: tuple[int, ...] | None = None
        legacy = [0, 0, 0, 0]
        single: memoryview | bytearray = memoryview(b"")
        double: memoryview | bytearray = memoryview(b"")
        for entry in self.fields(self.bytes_of(field), field.at):
            if entry.number in _BLOB_LEGACY_DIMS and isinstance(entry.value, int):
                legacy[entry.number - 1] = entry.value
            elif entry.number == _BLOB_SHAPE:
                shape = self.shape(entry)
            elif entry.number == _BLOB_DATA:
                single = _appended(single, self.bytes_of(entry))
            elif entry.number == _BLOB_DOUBLE_DATA:
                double = _appended(double, self.bytes_of(entry))
        data, width = (double, 8) if len(double) else (single, 4)
        dims = tuple(legacy) if shape is None else shape
        _check_size(
            dims, len(data), width, f"{self.file}, byte {field.at}: a blob of layer {layer[:80]!r}"
        )
        return Blob(dims, data, width == 8)

    def shape(self, field: _Field) -> tuple[int, ...]:
        dims: list[int] = []
        for entry in self.fields(self.bytes_of(field), field.at):
            if entry.number != _SHAPE_DIM:
                continue
            packed = self.varints(entry) if isinstance(entry.value, memoryview) else [entry.value]
            for dim in packed:
                dims.append(dim)
                if len(dims) > MOST_AXES:
                    raise self.damaged(field.at, f"a shape of more than {MOST_AXES} axes")
        return tuple(dims)

    def transform(self, field: _Field) -> Transform:
        mean, mean_file, scale, crop = bytearray(), False, 1.0, 0
        for entry in self.fields(self.bytes_of(field), field.at):
            if entry.number == _TRANSFORM_MEAN_VALUE:
                mean += self.bytes_of(entry)
            elif entry.number == _TRANSFORM_MEAN_FILE:
                mean_file = True
            elif entry.number == _TRANSFORM_SCALE and entry.wire == _FOUR_BYTES:
                scale = struct.unpack("<f", self.bytes_of(entry))[0]
            elif entry.number == _TRANSFORM_CROP and isinstance(entry.value, int):
                crop = entry.value
        values = struct.unpack(f"<{len(mean) // 4}f", mean[: len(mean) // 4 * 4])
        if len(mean) % 4 or not all(map(math.isfinite, values)):
            raise self.damaged(field.at, "a mean picture that isn't made of numbers")
        return Transform(values, mean_file, scale, crop)

    def fields(self, body: memoryview, base: int) -> Iterator[_Field]:
        """The fields of one message.

        Args:
            body: its bytes.
            base: their offset in the file.
        """
        position = 0
        while position < len(body):
            self.fields_left -= 1
            if self.fields_left < 0:
                raise self.damaged(base + position, f"more than {_MOST_FIELDS} fields")
            tag, start = self.varint(body, position, base)
            number, wire = tag >> 3, tag & 7
            if wire == _VARINT:
                value, position = self.varint(body, start, base)
                yield _Field(number, wire, value, base + start)
                continue
            length, start = self.length(wire, body, start, base)
            left = len(body) - start
            if number == 0 or length > left:
                raise self.damaged(base + position, f"{length} bytes wanted where {left} are left")
            position = start + length
            yield _Field(number, wire, body[start:position], base + start)

    def length(self, wire: int, body: memoryview, start: int, base: int) -> tuple[int, int]:
        """How long a value is, and where it starts."""
        if wire == _LENGTH:
            return self.varint(body, start, base)
        if wire not in (_FOUR_BYTES, _EIGHT_BYTES):
            raise self.damaged(base + start, f"wire type {wire}, which Caffe never writes")
        return (4 if wire == _FOUR_BYTES else 8), start

    def varint(self, body: memoryview, position: int, base: int) -> tuple[int, int]:
        """A number of seven bits a byte, and the position behind it."""
        value = 0
        for index, byte in enumerate(body[position : position + 10]):
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value & (2**64 - 1), position + index + 1
        raise self.damaged(base + position, "a number that doesn't end")

    def varints(self, field: _Field) -> Iterator[int]:
        """Numbers one behind the other."""
        body, position = self.bytes_of(field), 0
        while position < len(body):
            value, position = self.varint(body, position, field.at)
            yield value

    def bytes_of(self, field: _Field) -> memoryview:
        if isinstance(field.value, int):
            raise self.damaged(field.at, f"field {field.number} is a number where bytes belong")
        return field.value

    def damaged(self, at: int, what: str) -> BadModelFile:
        return BadModelFile(
            f"{self.file}, byte {at}: {what}; the file is damaged or isn't a caffemodel"
        )


def _appended(data: memoryview | bytearray, more: memoryview) -> memoryview | bytearray:
    """Values come in one piece (packed, without a copy) or one by one."""
    if not len(data):
        return more
    joined = data if isinstance(data, bytearray) else bytearray(data)
    joined += more
    return joined


def _check_size(dims: tuple[int, ...], length: int, width: int, where: str) -> None:
    """The declared shape must be sensible, and filled exactly by the bytes that are there."""
    shown = "x".join(map(str, dims))
    if any(not 0 < dim <= MOST_VALUES for dim in dims):
        raise BadModelFile(f"{where} says a shape of {shown}; the file is damaged")
    wanted = math.prod(dims) * width
    if wanted != length:
        raise BadModelFile(
            f"{where} says a shape of {shown}, which needs {wanted} bytes; there are {length}"
        )
