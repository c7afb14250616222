"""Shapes of tensors without values, against those that torch itself gives them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor

from entoptic.networks.layer_table import shapes

aten = torch.ops.aten


def blank(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(shape, device="meta", dtype=dtype)


def normed(x: Tensor, *, training: bool = False) -> tuple[Any, ...]:
    weights = [blank(x.shape[1]) for _ in range(4)]
    return (aten.native_batch_norm.default, x, *weights, training, 0.1, 1e-5)


def convolved(x: Tensor, weight: Tensor, *how: Any, transposed: bool = False) -> tuple[Any, ...]:
    stride, padding, dilation, spare, groups = how
    bias = blank(weight.shape[1] * groups if transposed else weight.shape[0])
    end = (stride, padding, dilation, transposed, spare, groups)
    return (aten.convolution.default, x, weight, bias, *end)


MAPS, PLACES = blank(1, 4, 13, 18), ([1, 1], [0, 0], [1, 1], [0, 0])

# Each an operation and its arguments.
OURS: dict[str, tuple[Any, ...]] = {
    "a filter": convolved(MAPS, blank(6, 4, 3, 5), *PLACES, 1),
    "a strided one": convolved(MAPS, blank(6, 4, 3, 5), [2, 3], [1, 0], [2, 1], [0, 0], 1),
    "one in groups": convolved(MAPS, blank(6, 2, 3, 3), *PLACES, 2),
    "one on tokens": convolved(blank(1, 4, 20), blank(6, 4, 3), [2], [1], [1], [0], 1),
    "one transposed": convolved(
        MAPS, blank(4, 3, 3, 3), [2, 2], [1, 1], [1, 1], [1, 0], 2, transposed=True
    ),
    "several images": convolved(blank(7, 4, 9, 8), blank(6, 4, 3, 3), *PLACES, 1),
    "half precision": convolved(MAPS.half(), blank(6, 4, 3, 3, dtype=torch.half), *PLACES, 1),
    "a pool": (aten.max_pool2d_with_indices.default, MAPS, [3, 3], [2, 2]),
    "a pool that rounds up": (
        aten.max_pool2d_with_indices.default,
        *(MAPS, [3, 3], [2, 2], [0, 0], [1, 1], True),
    ),
    "a mean of places": (aten.avg_pool2d.default, MAPS, [3, 2], [2, 2], [1, 1]),
    "neighbouring channels": (aten.avg_pool3d.default, blank(1, 1, 9, 5, 7), [5, 1, 1], [1]),
    "a mean to a size": (aten._adaptive_avg_pool2d.default, MAPS, [3, 4]),
    "a linear layer": (aten.addmm.default, blank(5), blank(1, 4), blank(5, 4).t()),
    "maps joined": (aten.cat.default, [MAPS, blank(1, 3, 13, 18)], 1),
    "maps joined from the end": (aten.cat.default, [MAPS, blank(1, 4, 13, 2)], -1),
    "a mean over space": (aten.mean.dim, MAPS, [2, 3]),
    "a mean that stays a map": (aten.mean.dim, MAPS, [-1, -2], True),
    "maps added": (aten.add.Tensor, MAPS, blank(1, 4, 13, 18)),
    "a number added": (aten.add.Tensor, MAPS, 2.0),
    "a weight for each channel": (aten.mul.Tensor, blank(4, 1, 1), MAPS),
    "a map for all channels": (aten.mul.Tensor, MAPS, blank(1, 1, 13, 18)),
    "numbers of two precisions": (aten.div.Tensor, MAPS.half(), MAPS),
    "whole numbers": (aten.div.Tensor, MAPS.int(), 2),
    "a power": (aten.pow.Tensor_Scalar, MAPS, 0.75),
    "a rectifier": (aten.relu.default, MAPS),
    "a smooth one": (aten.gelu.default, MAPS),
    "a clipped one": (aten.hardtanh.default, MAPS, 0.0, 6.0),
}

IN_PLACE: dict[str, tuple[Any, ...]] = {
    "a rectifier": (aten.relu_.default, MAPS),
    "a clipped one": (aten.hardtanh_.default, MAPS, 0.0, 6.0),
    "maps added": (aten.add_.Tensor, MAPS, blank(1, 4, 13, 18)),
}

# They mix the images of a batch, or lie in memory in an order of their own.
NOT_OURS: dict[str, tuple[Any, ...]] = {
    "images joined": (aten.cat.default, [MAPS, MAPS]),
    "a mean over all": (aten.mean.default, MAPS),
    "a mean of images": (aten.mean.dim, MAPS, [0, 2]),
    "a batch norm by its batch": normed(MAPS, training=True),
    "channels last": (aten.relu.default, MAPS.permute(0, 2, 3, 1)),
    "weights in an order of their own": (aten.mul.Tensor, blank(18, 13).t(), MAPS),
    "one image for all": (aten.add.Tensor, blank(1, 4, 5, 6), blank(3, 4, 5, 6)),
    "a number": (aten.relu.default, blank()),
    "a shape": (aten.view.default, MAPS, [4, 234]),
}

WRONG: dict[str, tuple[Any, ...]] = {
    "a map smaller than the filter": convolved(blank(1, 4, 2, 2), blank(6, 4, 3, 3), *PLACES, 1),
    "channels that don't fit": convolved(MAPS, blank(6, 5, 3, 3), *PLACES, 1),
    "a map smaller than the pool": (
        aten.max_pool2d_with_indices.default,
        *(blank(1, 4, 2, 2), [3, 3], [2, 2]),
    ),
    "maps of two sizes joined": (aten.cat.default, [MAPS, blank(1, 4, 13, 17)], 1),
    "maps of two sizes added": (aten.add.Tensor, MAPS, blank(1, 4, 13, 17)),
    "a map that would grow in place": (aten.add_.Tensor, blank(1, 4, 1, 1), MAPS),
    "images of two numbers joined": (aten.cat.default, [MAPS, blank(2, 4, 13, 18)], 1),
    "features that don't fit": (aten.addmm.default, blank(5), blank(1, 3), blank(5, 4).t()),
}


class Watched:
    """An operation that tells where it was done: on `meta` in torch's own way, or on the CPU."""

    def __init__(self, op: Any) -> None:
        self.op = op
        self.overloadpacket = op.overloadpacket
        self.done: list[str] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.done += {each.device.type for each in _flat(args) if isinstance(each, Tensor)}
        return self.op(*args, **kwargs)


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [leaf for each in value for leaf in _flat(each)]
    return [value]


def told(value: Any) -> list[Any]:
    """All that there is to know of tensors without values."""
    return [(each.shape, each.stride(), each.dtype, each.device.type) for each in _flat(value)]


@pytest.mark.parametrize("case", OURS)
def test_they_are_those_that_torch_tells(case: str) -> None:
    op, *args = OURS[case]
    watched = Watched(op)
    assert told(shapes.result(watched, tuple(args), {})) == told(op(*args))
    assert watched.done == ["cpu"]


def test_a_batch_norm_by_its_own_statistics_keeps_the_shape() -> None:
    op, *args = normed(MAPS)
    watched = Watched(op)
    normalized, *_ = shapes.result(watched, tuple(args), {})
    assert (told(normalized), watched.done) == (told(MAPS), ["cpu"])


@pytest.mark.parametrize("case", IN_PLACE)
def test_what_is_changed_in_place_stays_the_same_tensor(case: str) -> None:
    op, *args = IN_PLACE[case]
    watched = Watched(op)
    assert shapes.result(watched, tuple(args), {}) is args[0]
    assert watched.done == ["cpu"]


@pytest.mark.parametrize("case", NOT_OURS)
def test_what_mixes_images_or_is_not_plain_is_left_to_torch(case: str) -> None:
    op, *args = NOT_OURS[case]
    watched = Watched(op)
    assert told(shapes.result(watched, tuple(args), {})) == told(op(*args))
    assert watched.done == ["meta"]


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_told_in_torchs_words(case: str) -> None:
    op, *args = WRONG[case]
    with pytest.raises(RuntimeError) as theirs:
        op(*args)
    with pytest.raises(RuntimeError, match=re.escape(str(theirs.value))):
        shapes.result(op, tuple(args), {})
