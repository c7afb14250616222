"""Tensors in temporary files that are mapped into memory: pictures larger than memory."""

from __future__ import annotations

import math
import mmap
import os
import tempfile

import numpy as np
import torch
from torch import Tensor

from entoptic.errors import CannotWrite


def mapped_zeros(shape: tuple[int, ...]) -> tuple[Tensor, mmap.mmap]:
    """Numbers of single precision in a file without a name, which goes when the tensor does.

    Returns:
        The tensor, and its file.

    Raises:
        CannotWrite: there is no room for the file.
    """
    size = 4 * math.prod(shape)
    try:
        with tempfile.TemporaryFile() as file:
            if hasattr(os, "posix_fallocate"):
                # Room is taken now: a full disk later on would end the program.
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
            mapped = mmap.mmap(file.fileno(), size)
    except OSError as error:
        raise CannotWrite(
            f"a picture of {shape[-2]}x{shape[-1]} (height x width) needs {size / 1e9:.2g} GB "
            f"in {tempfile.gettempdir()!r} ({error.strerror}); make room there, or name "
            "another folder in the environment variable TMPDIR"
        ) from None
    return torch.from_numpy(np.frombuffer(mapped, np.float32)).reshape(shape), mapped


def release(mapped: mmap.mmap) -> None:
    """Let go of memory that the file gives back when it is asked for."""
    if hasattr(mapped, "madvise"):
        mapped.madvise(mmap.MADV_DONTNEED)
