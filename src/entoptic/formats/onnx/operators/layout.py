"""Operators that move numbers without changing them: shapes, slices, joins, padding."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from entoptic.formats.onnx.operators.operation import (
    MAX_FROM_NOTHING,
    Node,
    Operation,
    bounded,
    operator,
    whole_numbers,
)


@operator("Shape")
class Shape(Operation):
    """The size of each axis, on the CPU."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.start = node.integer("start", 0)
        self.end = node.integer("end", 2**31)

    def compute(self, x: Tensor) -> Tensor:
        sizes = list(x.shape)[self.start : self.end]
        return torch.tensor(sizes, dtype=torch.int64, device="cpu")


@operator("Size")
class Size(Operation):
    """How many numbers there are, on the CPU."""

    def compute(self, x: Tensor) -> Tensor:
        return torch.tensor(x.numel(), dtype=torch.int64, device="cpu")


@operator("ConstantOfShape")
class ConstantOfShape(Operation):
    """One number, repeated."""

    settings = frozenset({0})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        value = node.tensor("value")
        if value is not None and value.numel() != 1:
            node.refuse("its value must be one number")
        self.value = torch.tensor(0.0) if value is None else value.reshape(())

    def compute(self, shape: Tensor) -> Tensor:
        return self.value.expand(bounded(whole_numbers(shape), MAX_FROM_NOTHING)).clone()


@operator("Reshape")
class Reshape(Operation):
    """The same numbers in another shape.

    Many files were exported for batches of one and have a 1 in the target where the batch belongs.
    Where axis 0 is known to be the batch on both sides, it is taken from the input instead; for
    batches of one that is the same.
    """

    settings = frozenset({1})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.zero_is_zero = node.flag("allowzero")
        target = node.constant(1)
        if node.given("shape"):  # opset 1
            target = torch.tensor(node.integers("shape"))
            self._count, self._host = 2, {1: target}
        self.keep_batch = (
            target is not None
            and target.numel() > 0
            and int(target.flatten()[0]) == 1
            and node.operand(0).is_batch
        )

    def compute(self, x: Tensor, target: Tensor) -> Tensor:
        shape = whole_numbers(target)
        if not self.zero_is_zero:
            shape = [x.shape[axis] if size == 0 else size for axis, size in enumerate(shape)]
        if self.keep_batch:
            shape[0] = x.shape[0]
        return x.reshape(shape)


@operator("Flatten")
def flatten(node: Node) -> nn.Module:
    """torch's, where all but the batch becomes one axis."""
    axis = node.integer("axis", 1)
    plain = axis == 1 and node.rank() not in (0, 1)
    return nn.Flatten(1) if plain else Flatten(node, axis)


class Flatten(Operation):
    """Two axes: those before the given one, and the rest."""

    def __init__(self, node: Node, axis: int) -> None:
        super().__init__(node)
        self.axis = axis

    def compute(self, x: Tensor) -> Tensor:
        if not -x.dim() <= self.axis <= x.dim():
            raise IndexError(f"there is no axis {self.axis} among {x.dim()}")
        axis = self.axis + x.dim() if self.axis < 0 else self.axis
        return x.reshape(x.shape[:axis].numel(), x.shape[axis:].numel())


@operator("Transpose")
class Transpose(Operation):
    """The axes in another order."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.order = node.integers("perm")

    def compute(self, x: Tensor) -> Tensor:
        return x.permute(self.order or tuple(reversed(range(x.dim()))))


class AlongAxes(Operation):
    """An operation with axes in an attribute (old opsets) or in its second input."""

    settings = frozenset({1})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.axes = node.integers("axes")

    def chosen(self, axes: Tensor | None) -> list[int] | None:
        """The axes, None where none are given."""
        if axes is not None:
            return whole_numbers(axes)
        return None if self.axes is None else list(self.axes)


@operator("Squeeze")
class Squeeze(AlongAxes):
    """Axes of length 1 taken away."""

    def compute(self, x: Tensor, axes: Tensor | None = None) -> Tensor:
        chosen = self.chosen(axes)
        if chosen is None:
            return x.squeeze()
        wrong = [axis for axis in chosen if x.shape[axis] != 1]
        if wrong:
            raise ValueError(f"axis {wrong[0]} of {tuple(x.shape)} isn't 1, so it can't go")
        return x.squeeze(chosen)


@operator("Unsqueeze")
class Unsqueeze(AlongAxes):
    """Axes of length 1 put in."""

    def compute(self, x: Tensor, axes: Tensor | None = None) -> Tensor:
        chosen = self.chosen(axes) or []
        rank = x.dim() + len(chosen)
        for axis in sorted(axis % rank for axis in chosen):
            x = x.unsqueeze(axis)
        return x


@operator("Concat")
class Concat(Operation):
    """Tensors one after the other along an axis.

    In a file that was exported for batches of one, constants that stand once (a class token) are
    repeated for each picture of the batch.
    """

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.axis = node.integer("axis", 1)
        self.repeat_constants = any(
            part.is_batch and self.axis % len(part.shape or (1,)) != 0 for part in node.operands
        )

    def compute(self, *parts: Tensor) -> Tensor:
        if self.repeat_constants:
            batch = max(part.shape[0] for part in parts)
            parts = tuple(
                part.expand(batch, *part.shape[1:]) if part.shape[0] == 1 else part
                for part in parts
            )
        return torch.cat(parts, self.axis)


@operator("Split")
class Split(Operation):
    """Pieces along an axis."""

    settings = frozenset({1})
    several = True

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.axis = node.integer("axis", 0)
        self.lengths = node.integers("split")
        self.count = node.integer("num_outputs", node.output_count)
        if self.count != node.output_count:
            node.refuse(f"it has {node.output_count} outputs, but num_outputs is {self.count}")

    def compute(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, ...]:
        given = _setting(lengths, self.lengths)
        each = -(-x.shape[self.axis] // self.count)
        return tuple(torch.split(x, each if given is None else given, self.axis))


@operator("Slice")
class Slice(Operation):
    """A part of some axes, every so many."""

    settings = frozenset({1, 2, 3, 4})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.starts = node.integers("starts")
        self.ends = node.integers("ends")
        self.axes = node.integers("axes")

    def compute(
        self,
        x: Tensor,
        starts: Tensor | None = None,
        ends: Tensor | None = None,
        axes: Tensor | None = None,
        steps: Tensor | None = None,
    ) -> Tensor:
        first = _setting(starts, self.starts) or []
        last = _setting(ends, self.ends) or []
        along = _setting(axes, self.axes) or list(range(len(first)))
        by = _setting(steps, None) or [1] * len(first)
        for start, end, axis, step in zip(first, last, along, by, strict=True):
            x = _sliced(x, axis, start, end, step)
        return x


def _setting(given: Tensor | None, attribute: Sequence[int] | None) -> list[int] | None:
    if given is not None:
        return whole_numbers(given)
    return None if attribute is None else list(attribute)


def _sliced(x: Tensor, axis: int, start: int, end: int, step: int) -> Tensor:
    size = x.shape[axis]
    first, last, by = slice(start, end, step).indices(size)
    if end < -size and step < 0:
        last = -1  # beyond the beginning: down to index 0
    if by > 0:
        return x[(slice(None),) * (axis % x.dim()) + (slice(first, max(first, last), by),)]
    indices = torch.arange(first, last, by, device=x.device) if first > last else None
    if indices is None:
        return x.narrow(axis, 0, 0)
    return x.index_select(axis, indices)


@operator("Expand")
class Expand(Operation):
    """Axes of length 1 repeated, on either side."""

    settings = frozenset({1})

    def compute(self, x: Tensor, target: Tensor) -> Tensor:
        shape = whole_numbers(target)
        old = (1,) * (len(shape) - x.dim()) + tuple(x.shape)
        shape = [1] * (len(old) - len(shape)) + shape
        pairs = zip(old, shape, strict=True)
        return x.expand(bounded(size if wanted == 1 else wanted for size, wanted in pairs))


@operator("Tile")
class Tile(Operation):
    """The whole, repeated along each axis."""

    settings = frozenset({1, 2})

    def compute(self, x: Tensor, repeats: Tensor, axis: Tensor | None = None) -> Tensor:
        counts = whole_numbers(repeats)
        if axis is not None:  # opset 1: one count, and the axis that it is of
            along, (number,) = int(axis) % x.dim(), counts
            counts = [number if place == along else 1 for place in range(x.dim())]
        bounded(size * count for size, count in zip(x.shape, counts, strict=True))
        return x.repeat(counts)


@operator("Pad")
class Pad(Operation):
    """Numbers added around, or (negative pads) taken away."""

    settings = frozenset({1, 2, 3})

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.mode = node.text("mode", "constant", ("constant", "reflect", "edge", "wrap"))
        self.pads = node.integers("paddings" if node.given("paddings") else "pads")
        self.value = node.number("value", 0.0)

    def compute(
        self,
        x: Tensor,
        pads: Tensor | None = None,
        value: Tensor | None = None,
        axes: Tensor | None = None,
    ) -> Tensor:
        along = list(range(x.dim())) if axes is None else whole_numbers(axes)
        sizes = _setting(pads, self.pads) or []
        if len(sizes) != 2 * len(along):
            raise ValueError(f"{len(sizes)} pads for {len(along)} axes; it needs two for each")
        around = [(0, 0)] * x.dim()
        for axis, begin, end in zip(along, sizes, sizes[len(along) :], strict=False):
            around[axis] = (begin, end)
        bounded(begin + size + end for size, (begin, end) in zip(x.shape, around, strict=True))
        if self.mode == "constant":
            number = self.value if value is None else value.item()
            return F.pad(x, [pad for pair in reversed(around) for pad in pair], value=number)
        for axis, (begin, end) in enumerate(around):
            if begin or end:
                x = x.index_select(axis, self._indices(x, axis, begin, end))
        return x

    def _indices(self, x: Tensor, axis: int, begin: int, end: int) -> Tensor:
        """For each place of the padded axis, the place of the axis that is shown there."""
        size = x.shape[axis]
        places = torch.arange(-begin, size + end, device=x.device)
        if self.mode == "edge":
            return places.clamp(0, size - 1)
        if self.mode == "wrap":
            return places.remainder(size)
        period = max(2 * (size - 1), 1)
        places = places.remainder(period)
        return torch.minimum(places, period - places) if size > 1 else torch.zeros_like(places)


@operator("DepthToSpace")
def depth_to_space(node: Node) -> nn.Module:
    """torch's pixel shuffle, where the block lies inside the channels."""
    block = node.integer("blocksize", 0)
    if not 1 <= block <= 2**10:
        node.refuse(f"blocksize is {block}; it must be from 1 to {2**10}")
    inside = node.text("mode", "DCR", ("DCR", "CRD")) == "CRD"
    return nn.PixelShuffle(block) if inside else DepthToSpace(node, block)


class DepthToSpace(Operation):
    """Channels laid out as blocks of pixels, the block before the channels."""

    def __init__(self, node: Node, block: int) -> None:
        super().__init__(node)
        self.block = block

    def compute(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        block = self.block
        blocks = x.reshape(batch, block, block, channels // block**2, height, width)
        return blocks.permute(0, 3, 4, 1, 5, 2).reshape(
            batch, channels // block**2, height * block, width * block
        )


@operator("SpaceToDepth")
class SpaceToDepth(Operation):
    """Blocks of pixels laid out as channels, the block before the channels or inside them."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.block = node.integer("blocksize", 0)
        if not 1 <= self.block <= 2**10:
            node.refuse(f"blocksize is {self.block}; it must be from 1 to {2**10}")
        inside = node.text("mode", "DCR", ("DCR", "CRD")) == "CRD"
        self.order = (0, 1, 3, 5, 2, 4) if inside else (0, 3, 5, 1, 2, 4)

    def compute(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        block = self.block
        blocks = x.reshape(batch, channels, height // block, block, width // block, block)
        return blocks.permute(self.order).reshape(
            batch, channels * block**2, height // block, width // block
        )
