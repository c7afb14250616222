"""Results of operations for tensors without values, found without torch's compiler.

For tensors on `meta` torch works out most shapes in Python, and imports its compiler to do so: a
second, before the first step. The operations themselves know the shapes as well, and have nothing
else to do for a batch of no images. So those that treat the images of a batch one by one are asked
with such a batch; all others, and what isn't plain, are left to torch's own way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

aten = torch.ops.aten


def result(op: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return what an operation gives for tensors on `meta`.

    Args:
        op: one of torch.ops.aten, an overload.
        args: its arguments.
        kwargs: those given by name.

    Raises:
        RuntimeError, ValueError, ...: what torch says where they don't fit.
    """
    find = _BATCHES.get(op.overloadpacket)
    batches = find(args) if find else ()
    if not batches or not all(map(_is_plain, batches)) or len({len(each) for each in batches}) > 1:
        return op(*args, **kwargs)
    try:
        return _of_no_images(op, args, kwargs, batches)
    except RuntimeError:
        # They don't fit, or a CPU can't do it; torch's own way tells which.
        return op(*args, **kwargs)


def _is_plain(batch: Any) -> bool:
    return isinstance(batch, Tensor) and batch.is_meta and batch.ndim > 1 and batch.is_contiguous()


def _of_no_images(
    op: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], batches: Sequence[Tensor]
) -> Any:
    """Return the result, by way of real tensors of which the batches hold no image."""
    stand_ins = [torch.empty((0, *each.shape[1:]), dtype=each.dtype) for each in batches]

    def stand_in(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [stand_in(each) for each in value]
        if not isinstance(value, Tensor):
            return value
        for batch, empty in zip(batches, stand_ins, strict=True):
            if value is batch:
                return empty
        # Weights, however many: memory that is never touched takes none.
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="cpu")

    def original(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(original, value))
        for batch, empty in zip(batches, stand_ins, strict=True):
            if value is empty:
                return batch  # changed in place
        # What has but one axis isn't of the images, such as statistics of a batch norm.
        shape = (len(batches[0]), *value.shape[1:]) if value.ndim > 1 else value.shape
        return torch.empty(shape, dtype=value.dtype, device="meta")

    return original(op(*map(stand_in, args), **kwargs))


_Find: TypeAlias = Callable[[tuple[Any, ...]], Sequence[Any]]
"""Returns the arguments that are batches of images; none unless images are treated one by one."""


def _first(args: tuple[Any, ...]) -> Sequence[Any]:
    return args[:1]


def _second(args: tuple[Any, ...]) -> Sequence[Any]:
    return args[1:2]


def _with_statistics(args: tuple[Any, ...]) -> Sequence[Any]:
    of_the_batch = args[5]
    return () if of_the_batch else args[:1]


def _joined(args: tuple[Any, ...]) -> Sequence[Any]:
    tensors, axis = args[0], args[1] if len(args) > 1 else 0
    return tensors if tensors and axis % max(1, tensors[0].ndim) else ()


def _over_axes(args: tuple[Any, ...]) -> Sequence[Any]:
    batch, axes = args[0], args[1] if len(args) > 1 else ()
    return args[:1] if axes and all(axis % max(1, batch.ndim) for axis in axes) else ()


def _place_by_place(args: tuple[Any, ...]) -> Sequence[Any]:
    """All tensors, of which those of fewer axes are the same for each image."""
    tensors = [each for each in args if isinstance(each, Tensor)]
    most = max(each.ndim for each in tensors)
    # The result lies in memory as they do.
    plain = all(each.is_contiguous() for each in tensors)
    return [each for each in tensors if each.ndim == most] if plain else ()


_BATCHES: dict[Any, _Find] = {
    aten.convolution: _first,
    aten.max_pool2d_with_indices: _first,
    aten.avg_pool2d: _first,
    aten.avg_pool3d: _first,
    aten._adaptive_avg_pool2d: _first,
    aten.native_batch_norm: _with_statistics,
    aten.addmm: _second,
    aten.cat: _joined,
    aten.mean: _over_axes,
} | dict.fromkeys(
    (
        aten.add,
        aten.add_,
        aten.sub,
        aten.mul,
        aten.mul_,
        aten.div,
        aten.pow,
        aten.relu,
        aten.relu_,
        aten.leaky_relu,
        aten.elu,
        aten.gelu,
        aten.silu,
        aten.silu_,
        aten.sigmoid,
        aten.tanh,
        aten.hardtanh,
        aten.hardtanh_,
        aten.hardswish,
        aten.hardswish_,
        aten.hardsigmoid,
        aten.clamp,
        aten.threshold,
    ),
    _place_by_place,
)
