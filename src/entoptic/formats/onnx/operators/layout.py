"""Operators that move numbers without changing them: shapes, slices, joins, padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from entoptic.formats.onnx.operators.operation import (
    MAX_FROM_NOTHING,
    Node,
    bounded,
    operation,
    operator,
    whole_numbers,
)


@operation("Shape")
def shape(x: Tensor, *, start: int = 0, end: int = 2**31) -> Tensor:
    """The size of each axis, on the CPU."""
    return torch.tensor(list(x.shape)[start:end], dtype=torch.int64, device="cpu")


@operation("Size")
def size(x: Tensor) -> Tensor:
    """The number of numbers, on the CPU."""
    return torch.tensor(x.numel(), dtype=torch.int64, device="cpu")


@operator("ConstantOfShape")
def constant_of_shape(node: Node) -> nn.Module:
    """Make a constant; its number is checked first."""
    value = node.tensor("value", torch.tensor(0.0))
    if value.numel() != 1:
        node.refuse("its value must be one number")
    return filled(node, value=value.reshape(()))


@operation(kind="ConstantOfShape", settings=[0])
def filled(shape: Tensor, *, value: Tensor) -> Tensor:
    """One number, repeated."""
    return value.expand(bounded(whole_numbers(shape), MAX_FROM_NOTHING)).clone()


@operator("Reshape")
def reshape(node: Node) -> nn.Module:
    """Make a change of shape that leaves the batch free.

    Many files were exported for batches of one and have a 1 in the target where the batch belongs.
    Where axis 0 is known to be the batch on both sides, it is taken from the input instead; for
    batches of one that is the same.
    """
    target, old = node.constant(1), node.integers("shape", None)  # an attribute in opset 1
    sizes = old if target is None else tuple(whole_numbers(target))
    if sizes is None and not node.has_input(1):
        node.refuse("its input 'target' is missing")
    keep_batch = sizes is not None and sizes[:1] == (1,) and node.operand(0).is_batch
    return reshaped(node, shape=old, keep_batch=keep_batch)


@operation(kind="Reshape", settings=[1])
def reshaped(
    x: Tensor,
    target: Tensor | None = None,
    *,
    shape: tuple[int, ...] | None,
    allowzero: bool = False,
    keep_batch: bool,
) -> Tensor:
    """The same numbers in another shape."""
    wanted = setting(target, shape) or []
    if not allowzero:
        wanted = [x.shape[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    if keep_batch:
        wanted[0] = x.shape[0]
    return x.reshape(wanted)


@operator("Flatten")
def flatten(node: Node) -> nn.Module:
    """Make torch's, where all but the batch becomes one axis."""
    plain = node.integer("axis", 1) == 1 and node.rank() not in (0, 1)
    return nn.Flatten(1) if plain else flattened(node)


@operation(kind="Flatten")
def flattened(x: Tensor, *, axis: int = 1) -> Tensor:
    """Two axes: those before the given one, and the rest."""
    if not -x.dim() <= axis <= x.dim():
        raise IndexError(f"there is no axis {axis} among {x.dim()}")
    axis = axis + x.dim() if axis < 0 else axis
    return x.reshape(x.shape[:axis].numel(), x.shape[axis:].numel())


@operation("Transpose")
def transpose(x: Tensor, *, perm: tuple[int, ...] | None = None) -> Tensor:
    """The axes in another order."""
    return x.permute(perm or tuple(reversed(range(x.dim()))))


def setting(given: Tensor | None, attribute: Sequence[int] | None) -> list[int] | None:
    """Return whole numbers that are an input, or (in old opsets) an attribute; None for neither."""
    if given is not None:
        return whole_numbers(given)
    return None if attribute is None else list(attribute)


@operation("Squeeze", settings=[1])
def squeeze(
    x: Tensor, along: Tensor | None = None, *, axes: tuple[int, ...] | None = None
) -> Tensor:
    """Axes of length 1 taken away."""
    chosen = setting(along, axes)
    if chosen is None:
        return x.squeeze()
    wrong = [axis for axis in chosen if x.shape[axis] != 1]
    if wrong:
        raise ValueError(f"axis {wrong[0]} of {tuple(x.shape)} isn't 1, so it can't go")
    return x.squeeze(chosen)


@operation("Unsqueeze", settings=[1])
def unsqueeze(
    x: Tensor, along: Tensor | None = None, *, axes: tuple[int, ...] | None = None
) -> Tensor:
    """Axes of length 1 put in."""
    chosen = setting(along, axes) or []
    rank = x.dim() + len(chosen)
    for axis in sorted(axis % rank for axis in chosen):
        x = x.unsqueeze(axis)
    return x


@operator("Concat")
def concat(node: Node) -> nn.Module:
    """Make a join along an axis.

    In a file that was exported for batches of one, constants that stand once (a class token) are
    repeated for each picture of the batch.
    """
    axis = node.integer("axis", 1)
    each = any(part.is_batch and axis % len(part.shape or (1,)) != 0 for part in node.operands)
    return joined(node, repeat_constants=each)


@operation(kind="Concat")
def joined(*parts: Tensor, axis: int = 1, repeat_constants: bool) -> Tensor:
    """Tensors one after the other along an axis."""
    if repeat_constants:
        batch = max(part.shape[0] for part in parts)
        parts = tuple(
            part.expand(batch, *part.shape[1:]) if part.shape[0] == 1 else part for part in parts
        )
    return torch.cat(parts, axis)


@operator("Split")
def split(node: Node) -> nn.Module:
    """Make pieces, as many as the node has outputs."""
    outputs = len(node.source.outputs)
    count = node.integer("num_outputs", outputs)
    if count != outputs:
        node.refuse(f"it has {outputs} outputs, but num_outputs is {count}")
    return pieces(node, count=count)


@operation(kind="Split", settings=[1], several=True)
def pieces(
    x: Tensor,
    lengths: Tensor | None = None,
    *,
    axis: int = 0,
    split: tuple[int, ...] | None = None,
    count: int,
) -> tuple[Tensor, ...]:
    """Pieces along an axis."""
    given = setting(lengths, split)
    return tuple(torch.split(x, -(-x.shape[axis] // count) if given is None else given, axis))


@operation("Slice", settings=(1, 2, 3, 4))
def slice_(
    x: Tensor,
    first: Tensor | None = None,
    last: Tensor | None = None,
    along: Tensor | None = None,
    by: Tensor | None = None,
    *,
    starts: tuple[int, ...] | None = None,
    ends: tuple[int, ...] | None = None,
    axes: tuple[int, ...] | None = None,
) -> Tensor:
    """A part of some axes, every so many."""
    begins, stops = setting(first, starts) or [], setting(last, ends) or []
    chosen = setting(along, axes) or list(range(len(begins)))
    steps = setting(by, None) or [1] * len(begins)
    for begin, stop, axis, step in zip(begins, stops, chosen, steps, strict=True):
        x = _sliced(x, axis, begin, stop, step)
    return x


def _sliced(x: Tensor, axis: int, start: int, end: int, step: int) -> Tensor:
    size = x.shape[axis]
    first, last, by = slice(start, end, step).indices(size)
    if end < -size and step < 0:
        last = -1  # beyond the beginning: down to index 0
    if by > 0:
        return x[(slice(None),) * (axis % x.dim()) + (slice(first, max(first, last), by),)]
    if first <= last:
        return x.narrow(axis, 0, 0)
    return x.index_select(axis, torch.arange(first, last, by, device=x.device))


@operation("Expand", settings=[1])
def expand(x: Tensor, target: Tensor) -> Tensor:
    """Axes of length 1 repeated, on either side."""
    shape = whole_numbers(target)
    old = (1,) * (len(shape) - x.dim()) + tuple(x.shape)
    shape = [1] * (len(old) - len(shape)) + shape
    pairs = zip(old, shape, strict=True)
    return x.expand(bounded(size if wanted == 1 else wanted for size, wanted in pairs))


@operation("Tile", settings=(1, 2))
def tile(x: Tensor, repeats: Tensor, axis: Tensor | None = None) -> Tensor:
    """The whole, repeated along each axis."""
    counts = whole_numbers(repeats)
    if axis is not None:  # opset 1: one count, and the axis that it is of
        along, (number,) = int(axis) % x.dim(), counts
        counts = [number if each == along else 1 for each in range(x.dim())]
    bounded(size * count for size, count in zip(x.shape, counts, strict=True))
    return x.repeat(counts)


@operation("Pad", settings=(1, 2, 3))
def pad(
    x: Tensor,
    sizes: Tensor | None = None,
    number: Tensor | None = None,
    axes: Tensor | None = None,
    *,
    mode: Literal["constant", "reflect", "edge", "wrap"] = "constant",
    pads: tuple[int, ...] | None = None,
    paddings: tuple[int, ...] | None = None,
    value: float = 0.0,
) -> Tensor:
    """Numbers added around, or (negative pads) taken away."""
    along = list(range(x.dim())) if axes is None else whole_numbers(axes)
    given = setting(sizes, paddings or pads) or []
    if len(given) != 2 * len(along):
        raise ValueError(f"{len(given)} pads for {len(along)} axes; it needs two for each")
    around = [(0, 0)] * x.dim()
    for axis, begin, end in zip(along, given, given[len(along) :], strict=False):
        around[axis] = (begin, end)
    bounded(begin + size + end for size, (begin, end) in zip(x.shape, around, strict=True))
    if mode == "constant":
        filling = value if number is None else number.item()
        return F.pad(x, [each for pair in reversed(around) for each in pair], value=filling)
    for axis, (begin, end) in enumerate(around):
        if begin or end:
            x = x.index_select(axis, _shown(x, mode, axis, begin, end))
    return x


def _shown(x: Tensor, mode: str, axis: int, begin: int, end: int) -> Tensor:
    """Return for each position of the padded axis the one of the axis that is shown there."""
    size = x.shape[axis]
    positions = torch.arange(-begin, size + end, device=x.device)
    if mode == "edge":
        return positions.clamp(0, size - 1)
    if mode == "wrap":
        return positions.remainder(size)
    period = max(2 * (size - 1), 1)
    positions = positions.remainder(period)
    return torch.minimum(positions, period - positions) if size > 1 else positions * 0


@operator("DepthToSpace")
def depth_to_space(node: Node) -> nn.Module:
    """Make torch's pixel shuffle, where the block lies inside the channels."""
    block = node.integer("blocksize", low=1, high=2**10)
    inside = node.text("mode", "DCR", ("DCR", "CRD")) == "CRD"
    return nn.PixelShuffle(block) if inside else block_shuffle(node)


@operation(kind="DepthToSpace")
def block_shuffle(x: Tensor, *, blocksize: int) -> Tensor:
    """Channels laid out as blocks of pixels, the block before the channels."""
    block = blocksize
    batch, channels, height, width = x.shape
    blocks = x.reshape(batch, block, block, channels // block**2, height, width)
    return blocks.permute(0, 3, 4, 1, 5, 2).reshape(
        batch, channels // block**2, height * block, width * block
    )


@operation("SpaceToDepth")
def space_to_depth(
    x: Tensor, *, blocksize: Annotated[int, 1, 2**10], mode: Literal["DCR", "CRD"] = "DCR"
) -> Tensor:
    """Blocks of pixels laid out as channels, the block before the channels or inside them."""
    block = blocksize
    batch, channels, height, width = x.shape
    blocks = x.reshape(batch, channels, height // block, block, width // block, block)
    order = (0, 1, 3, 5, 2, 4) if mode == "CRD" else (0, 3, 5, 1, 2, 4)
    return blocks.permute(order).reshape(
        batch, channels * block**2, height // block, width // block
    )
