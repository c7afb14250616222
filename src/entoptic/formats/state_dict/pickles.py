"""The names that a file of `torch.save` asks for, found out before torch opens it.

`torch.load(weights_only=True)` runs no stranger's code, but it makes some things of any size that
the file names (`bytearray`, `torch.Tensor`), and unfolds compressed archives without a bound.
"""

from __future__ import annotations

import io
import mmap
import pickletools
import re
import zipfile
from pathlib import Path

from entoptic.errors import BadWeights
from entoptic.formats.files import ZIP_DAMAGE

# What a state dict is made of, and what training programs store beside it.
_ALLOWED = re.compile(
    r"collections (OrderedDict|Counter)"
    r"|torch\._utils _rebuild_(tensor|tensor_v2|parameter|parameter_with_state)"
    r"|torch\._tensor _rebuild_from_type_v2"
    r"|torch\.nn\.parameter Parameter"
    r"|torch (Size|device|bool|[a-z]+[0-9]+|(?!Typed|Untyped)[A-Z][A-Za-z0-9]*Storage)"
    r"|torch\.cuda [A-Z][A-Za-z0-9]*Storage"
    r"|_codecs encode"
    r"|(builtins|__builtin__) (set|complex)"
)

# torch.save wrote five pickles before it wrote archives: who wrote it, the object, the storages.
_LEGACY_PICKLES = 5
_LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."

_MOST_PICKLED_BYTES = 2**28


def check_torch_save(path: Path) -> None:
    """Look at a file of weights before torch does.

    Raises:
        BadWeights: it isn't of `torch.save`, is damaged, unfolds to more than it holds, or asks
            for more than tensors and plain containers.
    """
    try:
        with (
            path.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            if data[: len(_LEGACY_START)] != _LEGACY_START:
                _check_archive(path, stream, len(data))
                return
            for _ in range(_LEGACY_PICKLES):
                _check_pickle(path, data)
    except BadWeights:
        raise
    except (*ZIP_DAMAGE, MemoryError):
        raise damaged(path) from None


def check_saved(path: Path, data: bytes) -> None:
    """Look at an archive of `torch.save` in memory, as `check_torch_save` looks at a file.

    Args:
        path: of the file that it is a part of.
        data: the archive.
    """
    try:
        _check_archive(path, io.BytesIO(data), len(data))
    except BadWeights:
        raise
    except (*ZIP_DAMAGE, MemoryError):
        raise damaged(path) from None


def _check_archive(path: Path, stream: io.BufferedIOBase, size: int) -> None:
    with zipfile.ZipFile(stream) as archive:
        parts = {part.filename.partition("/")[2]: part for part in archive.infolist()}
        if sum(part.file_size for part in archive.infolist()) > size:
            # torch stores; what is compressed could unfold to any size.
            raise BadWeights(f"{path} unfolds to more than it holds; save it by torch.save")
        if "constants.pkl" in parts:
            raise BadWeights(
                f"{path} is a program of TorchScript, no file of weights; save only its state "
                "dict, torch.jit.load(PROGRAM).state_dict()"
            )
        if (
            len(parts) < len(archive.infolist())
            or parts["data.pkl"].file_size > _MOST_PICKLED_BYTES
        ):
            raise damaged(path)
        _check_pickle(path, io.BytesIO(archive.read(parts["data.pkl"])))


def _check_pickle(path: Path, stream: io.BytesIO | mmap.mmap) -> None:
    """Read a pickle's opcodes up to its end; nothing of it is made."""
    for opcode, argument, _ in pickletools.genops(stream):  # type: ignore[arg-type]
        if opcode.name == "GLOBAL" and not _ALLOWED.fullmatch(str(argument)):
            raise unsafe(path)


def damaged(path: Path) -> BadWeights:
    """Return the error of a file that can't be read, without a library's own advice."""
    return BadWeights(
        f"can't read the weights in {path}: it is damaged, or torch.save didn't write it"
    )


def unsafe(path: Path) -> BadWeights:
    """Return the error of a file that asks for code to be run."""
    return BadWeights(
        f"{path} holds more than plain weights, which could run code; save only the state "
        "dict: torch.save(net.state_dict(), FILE)"
    )
