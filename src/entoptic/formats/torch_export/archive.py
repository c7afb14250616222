"""The archive that `torch.export.save` writes: texts of JSON, and tensors as plain bytes."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from entoptic.errors import BadModelFile
from entoptic.formats.files import ZIP_DAMAGE, reason, size_of
from entoptic.formats.torch_export.operators import TYPES

MAX_AXES = 16
"""No tensor of a network has more axes; a longer shape is damage or an attack."""

# The graphs of the largest networks have some megabytes.
_MAX_TEXT_BYTES = 2**26


class Archive:
    """The parts of a file.

    Args:
        path: what `torch.export.save` wrote.

    Raises:
        BadModelFile: it is no archive, or its parts unfold to more than it holds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.left = self.size = size_of(path)
        try:
            self.file = zipfile.ZipFile(path)
        except ZIP_DAMAGE as error:
            raise BadModelFile(f"{path} is no file of torch.export: {reason(error)}") from None
        parts = self.file.infolist()
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
            # torch stores; what is compressed could unfold to any size.
            raise BadModelFile(f"{path} is compressed; save it by torch.export.save")
        if sum(part.file_size for part in parts) > self.size:
            raise BadModelFile(f"{path} is damaged: its parts are larger than the file")
        # torch puts everything into one folder.
        self.parts = {part.filename.partition("/")[2]: part for part in parts}
        self.tensors_read: dict[tuple[object, ...], Tensor] = {}

    def json(self, name: str) -> Any:
        """One text of JSON.

        Raises:
            BadModelFile: there is none, or it is damaged.
        """
        if name not in self.parts:
            raise BadModelFile(
                f"{self.path} has no {name}; write it by torch.export.save of torch 2.9 or later"
            )
        if self.parts[name].file_size > _MAX_TEXT_BYTES:
            raise BadModelFile(f"{self.path}: {name} has more than {_MAX_TEXT_BYTES} bytes")
        text = self.bytes(name)
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise BadModelFile(f"{self.path} is damaged: {name} isn't JSON") from None

    def bytes(self, name: str) -> bytes:
        """One part.

        Raises:
            BadModelFile: there is none, or it is damaged.
        """
        try:
            return self.file.read(self.parts[name])
        except ZIP_DAMAGE as error:
            raise BadModelFile(f"{self.path} is damaged: {reason(error)}") from None

    def tensors(self, folder: str, config: str, wanted: Collection[str]) -> dict[str, Tensor]:
        """Those tensors that are wanted, by name; what shares numbers in the file shares them here.

        Raises:
            BadModelFile: one is a pickle or damaged, or they are larger than the file.
        """
        listed = self.json(f"data/{folder}/{config}")["config"]
        return {
            name: self._tensor(f"data/{folder}/", about)
            for name, about in listed.items()
            if name in wanted
        }

    def _tensor(self, folder: str, about: Mapping[str, Any]) -> Tensor:
        meta, part = about["tensor_meta"], about["path_name"]
        if about["use_pickle"] or meta is None:
            raise BadModelFile(
                f"{self.path} holds {part!r} as a pickle, which could run code; "
                "export the network on a CPU with plain tensors"
            )
        kind = TYPES[meta["dtype"]]
        sizes, strides = (_whole(meta[key]) for key in ("sizes", "strides"))
        (offset,) = _whole([meta["storage_offset"]])
        key = (folder + part, kind, tuple(sizes), tuple(strides), offset)
        if key not in self.tensors_read:
            if len(sizes) > MAX_AXES:
                raise BadModelFile(f"{self.path}: {part!r} has {len(sizes)} axes")
            # Together tensors are no larger than the file, whatever of it they repeat.
            self.left -= math.prod(sizes) * kind.itemsize
            if self.left < 0:
                raise BadModelFile(f"{self.path} repeats {part!r} beyond its size")
            data = bytearray(self.bytes(folder + part))
            flat = torch.frombuffer(data, dtype=kind) if data else torch.empty(0, dtype=kind)
            # torch itself refuses what lies outside of the bytes.
            self.tensors_read[key] = flat.as_strided(sizes, strides, offset).contiguous()
        return self.tensors_read[key]


def _whole(sizes: list[Mapping[str, Any]]) -> list[int]:
    found = [each["as_int"] for each in sizes]
    if not all(type(each) is int and 0 <= each < 2**48 for each in found):
        raise BadModelFile(f"a weight has the shape or strides {str(found)[:60]}")
    return found
