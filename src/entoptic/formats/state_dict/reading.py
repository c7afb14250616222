"""Files of weights: read without running code, unwrapped, compared with what a network wants."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from entoptic.errors import BadWeights
from entoptic.formats.arrays import safetensors_package
from entoptic.formats.files import ZIP_DAMAGE, reason
from entoptic.formats.state_dict.pickles import check_torch_save, damaged, unsafe
from entoptic.paths import why_missing

# Where training programs put the weights in what they save; averaged weights are the better ones.
_BOXES = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model")

# What wrappers for training put before each name.
_PREFIXES = ("module.", "_orig_mod.", "model.")

# Whatever reading a damaged file has been seen to raise.
_DAMAGE = (*ZIP_DAMAGE, pickle.UnpicklingError, AssertionError, AttributeError, MemoryError)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the weights in a file, by name.

    Args:
        path: a `.safetensors` file, or one that `torch.save` wrote; of the latter only tensors and
            plain containers are read, so that a stranger's file can run nothing.

    Raises:
        BadWeights: the file isn't there, is damaged, or holds no weights.
    """
    if not path.is_file():
        raise BadWeights(
            f"there is no file of weights {str(path)!r}{why_missing(path) or '; check its name'}"
        )
    found = _safetensors(path) if path.suffix == ".safetensors" else _torch_save(path)
    weights = _without_prefixes(_unboxed(found))
    if not weights:
        raise BadWeights(
            f"{path} holds no weights by name; save them so: torch.save(net.state_dict(), FILE)"
        )
    return weights


def mismatch(path: Path, weights: Mapping[str, Tensor], module: nn.Module) -> str:
    """One line on how a file's weights differ from what a network wants; empty where they fit."""
    wanted = module.state_dict()
    parts = _several("missing", [name for name in wanted if name not in weights])
    parts += _several("unexpected", [name for name in weights if name not in wanted])
    shapes = [
        f"{name} ({_times(weights[name].shape)}, not {_times(wanted[name].shape)})"
        for name in wanted
        if name in weights and weights[name].shape != wanted[name].shape
    ]
    parts += _several("of another shape", shapes)
    return f"the weights in {path} don't fit: {'; '.join(parts)}" if parts else ""


def load_into(module: nn.Module, path: Path) -> None:
    """Give a network the weights in a file.

    Raises:
        BadWeights: the file can't be read, or doesn't fit; with the first names.
    """
    weights = read_state_dict(path)
    if problem := mismatch(path, weights, module):
        raise BadWeights(problem)
    module.load_state_dict(weights)


def _safetensors(path: Path) -> Any:
    safetensors = safetensors_package()
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, *_DAMAGE) as error:
        raise BadWeights(f"can't read the weights in {path}: {reason(error)}") from None


def _torch_save(path: Path) -> Any:
    with warnings.catch_warnings():
        # Of damaged texts and of old formats; none says what to do.
        warnings.simplefilter("ignore")
        check_torch_save(path)
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except _DAMAGE as error:
            # In torch's own words it would be advised to read the file without any care.
            raise (unsafe if "GLOBAL" in str(error) else damaged)(path) from None


def _unboxed(found: Any) -> dict[str, Tensor]:
    if not isinstance(found, Mapping):
        return {}
    for box in _BOXES:
        if isinstance(found.get(box), Mapping):
            return _unboxed(found[box])
    return {str(name): value for name, value in found.items() if isinstance(value, Tensor)}


def _without_prefixes(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _PREFIXES:
        if weights and all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
            return _without_prefixes(weights)
    return weights


def _several(what: str, names: Collection[str]) -> list[str]:
    first = next(iter(names), None)
    return [] if first is None else [f"{len(names)} {what}, the first {first}"]


def _times(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "a number"
