"""Weights that travel inside installed packages, read without running any code of theirs."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from entoptic.errors import BadWeights


def packaged(package: str, file: str, sha256: str) -> bytes:
    """Return a file of an installed package, if it is the one that we know.

    The package isn't imported.

    Args:
        package: name of the package as it is imported.
        file: path of the file inside it.
        sha256: of the file's bytes.

    Raises:
        BadWeights: the package is missing, or the file isn't the one that we know.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise BadWeights(f"the package {package!r} with the weights is missing; reinstall entoptic")
    path = Path(spec.submodule_search_locations[0]) / file
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadWeights(f"can't read {path}: {error.strerror}; reinstall {package!r}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise BadWeights(
            f"{path} isn't the file that entoptic knows (sha256 {found[:12]}..., expected "
            f"{sha256[:12]}...); reinstall {package!r}"
        )
    return data


_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    # numpy moved it in 2.0, and pickles name either place; an array says where it is now.
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
}

# Whatever reading a damaged pickle has been seen to raise.
_DAMAGED = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    SystemError,
    TypeError,
    ValueError,
)


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that can make numpy arrays and Python's own containers, nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise BadWeights(
                f"the pickle asks for {module}.{name}; only numpy arrays are allowed in weights"
            ) from None


def arrays(data: bytes) -> Any:
    """Return numpy arrays out of a pickle.

    Raises:
        BadWeights: the pickle is damaged, or asks for anything but arrays.
    """
    try:
        return _ArraysOnly(io.BytesIO(data), encoding="latin1").load()
    except BadWeights:
        raise
    except _DAMAGED as error:
        raise BadWeights(f"the pickle with the weights is damaged: {error}") from None
