"""Reads an ONNX file, and the files with its weights beside it, without trusting them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from entoptic.errors import BadModelFile
from entoptic.formats.files import contents
from entoptic.formats.onnx.tensors import EXTERNAL, MAX_FILE_BYTES, declared_bytes
from entoptic.formats.onnx_graph import onnx_package
from entoptic.types import PathLike

if TYPE_CHECKING:
    import onnx


def load_graph(path: PathLike) -> onnx.ModelProto:
    """Read an ONNX file, and the files with external weights that lie beside it.

    Args:
        path: the .onnx file.

    Returns:
        The model with all its weights inside; nothing of it is checked yet but their sizes.

    Raises:
        MissingExtra: the package `onnx` isn't installed.
        BadModelFile: the file can't be read, is no ONNX model, or points out of its own folder.
    """
    package = onnx_package("ONNX import")
    from google.protobuf.message import DecodeError

    file = Path(path)
    model: onnx.ModelProto = package.ModelProto()
    try:
        model.ParseFromString(contents(file, MAX_FILE_BYTES))
    except DecodeError as error:
        raise BadModelFile(
            f"{file} isn't an ONNX file, or is damaged or cut off: {error}"
        ) from error
    if not model.graph.node:
        raise BadModelFile(f"{file} isn't an ONNX file, or is empty: its graph has no nodes")
    left: dict[Path, int] = {}
    for tensor in _all_tensors(model.graph):
        if tensor.data_location == EXTERNAL:
            _fetch(tensor, file, left)
    return model


def external_files(path: PathLike) -> tuple[Path, ...]:
    """Return the files beside an ONNX file that hold its weights; none where it is no ONNX file."""
    package = onnx_package("ONNX import")
    from google.protobuf.message import DecodeError

    model: onnx.ModelProto = package.ModelProto()
    try:
        model.ParseFromString(Path(path).read_bytes())
    except (OSError, DecodeError):
        return ()
    entries = (entry for each in _all_tensors(model.graph) for entry in each.external_data)
    names = {str(entry.value) for entry in entries if entry.key == "location"}
    return tuple(Path(path).parent / name for name in sorted(names))


def _all_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _fetch(tensor: onnx.TensorProto, model_file: Path, left: dict[Path, int]) -> None:
    """Put an external tensor's bytes into the tensor.

    Args:
        tensor: it is changed.
        model_file: beside which the data lies.
        left: how many bytes of each file haven't been asked for yet: tensors that repeat each
            other's data would need more memory than there is in the files.
    """
    where = f"{model_file}, tensor {tensor.name!r}"
    entries = {str(entry.key): str(entry.value) for entry in tensor.external_data}
    location = entries.get("location", "")
    data = _inside(model_file.parent, location, where)
    wanted = declared_bytes(tensor, where)
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", wanted))
    except ValueError as error:
        raise BadModelFile(f"{where}: offset or length of external data isn't a number") from error
    try:
        size = data.stat().st_size
        if length != wanted or offset < 0 or offset + wanted > size:
            raise BadModelFile(
                f"{where} needs {wanted} bytes, but points at {length} bytes from {offset} "
                f"in {location!r}, which has {size}"
            )
        left[data] = left.get(data, size) - wanted
        if left[data] < 0:
            raise BadModelFile(f"{where} repeats the data in {location!r} beyond its size")
        with data.open("rb") as stream:
            stream.seek(offset)
            tensor.raw_data = stream.read(wanted)
    except OSError as error:
        raise BadModelFile(f"{where}: can't read {data}: {error.strerror or error}") from error
    tensor.ClearField("data_location")
    del tensor.external_data[:]


def _inside(folder: Path, location: str, where: str) -> Path:
    """Return the external file, if it is a real file in the model's folder (or in one below it)."""
    given = Path(location)
    is_outside = not location or "\0" in location or given.is_absolute() or ".." in given.parts
    try:
        real = folder if is_outside else (folder / given).resolve()
        if is_outside or not real.is_relative_to(folder.resolve()):
            raise BadModelFile(
                f"{where}: external data in {location!r} lies outside the model's folder; "
                "put the file beside the model"
            )
        is_there = real.is_file()
    except (OSError, RuntimeError) as error:  # a name that is too long, links in a circle
        raise BadModelFile(f"{where}: {location!r} names no file: {error}") from error
    if not is_there:
        raise BadModelFile(f"{where}: the file {location!r} with external data isn't there")
    return real
