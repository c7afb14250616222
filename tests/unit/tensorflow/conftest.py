"""Tiny TensorFlow graphs, written byte by byte, and run once they are ONNX."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

FLOAT, INT32 = 1, 3


def varint(number: int) -> bytes:
    number &= 2**64 - 1
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def part(number: int, value: int | bytes | str) -> bytes:
    """One field: a number as varint, the rest with its length before it."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def shape_message(shape: Sequence[int]) -> bytes:
    return b"".join(part(2, part(1, size)) for size in shape)


def tensor_message(array: np.ndarray) -> bytes:
    code = {"f": FLOAT, "i": INT32}[array.dtype.kind]
    written = array.astype("<f4" if code == FLOAT else "<i4")
    return part(1, code) + part(2, shape_message(array.shape)) + part(4, written.tobytes())


@dataclass(frozen=True)
class Raw:
    """A setting given as the bytes of its AttrValue."""

    message: bytes


def attr_message(value: object) -> bytes:
    match value:
        case Raw():
            return value.message
        case bool():
            return part(5, int(value))
        case int():
            return part(3, value)
        case float():
            return varint(4 << 3 | 5) + struct.pack("<f", value)
        case str():
            return part(2, value)
        case np.ndarray():
            return part(8, tensor_message(value))
        case _:
            return part(1, part(3, b"".join(varint(number) for number in value)))  # type: ignore[attr-defined]


def node_message(name: str, op: str, inputs: Sequence[str] = (), **attrs: object) -> bytes:
    settings = (
        part(5, part(1, key) + part(2, attr_message(value))) for key, value in attrs.items()
    )
    return b"".join([part(1, name), part(2, op), *(part(3, one) for one in inputs), *settings])


class Graph:
    """A graph that grows node by node; its picture is called `in`."""

    raw = staticmethod(Raw)
    part = staticmethod(part)
    shape_message = staticmethod(shape_message)

    def __init__(self, folder: Path) -> None:
        self.path = folder / "frozen.pb"
        self.data = b""

    def node(self, name: str, op: str, inputs: Sequence[str] = (), **attrs: object) -> Graph:
        self.data += part(1, node_message(name, op, inputs, **attrs))
        return self

    def picture(
        self, *shape: int, name: str = "in", dtype: int = FLOAT, op: str = "Placeholder"
    ) -> Graph:
        declared = Raw(part(7, shape_message(shape)))
        return self.node(name, op, dtype=Raw(part(6, dtype)), shape=declared)

    def const(self, name: str, value: object) -> Graph:
        array = np.asarray(value)
        kind = np.float32 if array.dtype.kind == "f" else np.int32
        return self.node(name, "Const", value=array.astype(kind))

    def file(self) -> Path:
        self.path.write_bytes(self.data)
        return self.path

    def model(self, outputs: Sequence[str] | None = None):
        from entoptic.formats.tensorflow import read_tensorflow

        return read_tensorflow(self.file(), outputs=outputs)

    def run(self, picture: np.ndarray, outputs: Sequence[str] | None = None) -> np.ndarray:
        """The first output for an NHWC picture, in TensorFlow's order of axes."""
        import onnx
        import onnxruntime

        model = self.model(outputs)
        onnx.checker.check_model(model, full_check=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        feed = {"in": np.ascontiguousarray(picture.transpose(0, 3, 1, 2))}
        result = session.run(None, feed)[0]
        return result.transpose(0, 2, 3, 1) if result.ndim == 4 else result


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    return Graph(tmp_path)


@pytest.fixture
def noise() -> Callable[..., np.ndarray]:
    """Numbers from a fixed seed, as many as asked for."""
    rng = np.random.default_rng(7)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    return draw
