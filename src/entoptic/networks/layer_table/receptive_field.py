"""Receptive fields and strides of the positions of a layer, followed through a network."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from entoptic.networks.layer_table.shapes import result

aten = torch.ops.aten


@dataclass(frozen=True)
class Field:
    """Receptive field of a position along one axis, in pixels of the image.

    Args:
        stride: from one position to the next.
        size: how many pixels a position depends on; infinite where that is the whole image.
        first: no position i depends on a pixel before `first + i * stride`.
        last: nor on one after `last + i * stride`.
        period: two images, one of which is the other without its first n pixels, have the same
            activations but for their borders where n is a multiple of this; infinite where never.
    """

    stride: float = 1.0
    size: float = 1.0
    first: float = 0.0
    last: float = 0.0
    period: float = 1.0

    def windowed(self, kernel: int, stride: int, dilation: int = 1, padding: int = 0) -> Field:
        """Return the field after a window of `kernel` positions, `padding` before the first."""
        wider = (kernel - 1) * dilation * self.stride
        moved = self.moved(-padding)
        return replace(
            moved,
            stride=self.stride * stride,
            size=self.size + wider,
            last=moved.last + wider,
            period=_common(self.period, self.stride * stride),
        )

    def moved(self, by: int) -> Field:
        """Return the field counted from another position."""
        return self.widened(-by, by)

    def widened(self, before: float, after: float) -> Field:
        """Return the field with so many positions more in its bounds, its usual size the same."""
        return replace(
            self,
            first=self.first - before * self.stride,
            last=self.last + after * self.stride,
        )

    def upsampled(self, kernel: float, factor: float) -> Field:
        """Return the field of `factor` times the positions, each made from `kernel` old ones."""
        steady = factor.is_integer() or (1 / factor).is_integer()
        # Between two old positions lie several new ones, with the field of the older or the newer.
        spread = kernel + max(1, 1 / factor)
        return replace(
            self.widened(spread, spread),
            stride=self.stride / factor,
            size=self.size + (kernel - 1) * self.stride,
            period=_common(self.period, self.stride / factor) if steady else math.inf,
        )

    def joined(self, other: Field) -> Field:
        """Return the field of what depends on both."""
        return Field(
            max(self.stride, other.stride),
            max(self.size, other.size),
            min(self.first, other.first),
            max(self.last, other.last),
            _common(self.period, other.period),
        )

    def everywhere(self) -> Field:
        """Return the field of what depends on the whole image too."""
        return replace(self, size=math.inf, period=math.inf)

    def nowhere_alike(self) -> Field:
        """Return the field of what depends on where in the image it is."""
        return replace(self, period=math.inf)


def _common(period: float, other: float) -> float:
    """Return the least common multiple, of strides that may be parts of a pixel."""
    if not (math.isfinite(period) and math.isfinite(other)):
        return math.inf
    if other < 1 and (1 / other).is_integer():
        return period
    return math.lcm(int(period), int(other)) if float(other).is_integer() else math.inf


@dataclass(frozen=True)
class Positions:
    """The positions of a tensor, and where they are in it.

    Args:
        fields: along rows, and along columns.
        axes: which axes of the tensor are rows and columns; None where (batch, rows, columns) lie
            merged in its first axis, as a linear layer on channels-last maps makes them.
        shape: (batch, rows, columns).
    """

    fields: tuple[Field, Field]
    axes: tuple[int, int] | None
    shape: tuple[int, int, int]

    def at(
        self,
        tensor: Tensor,
        axes: tuple[int, int] | None,
        fields: Iterable[Field] | None = None,
    ) -> Positions | None:
        """Return the positions of a tensor whose size along rows and columns may differ.

        In a tensor of five axes they can only be the last two: its channels lie in groups.
        """
        if axes is None or tensor.ndim not in (4, 5) or (tensor.ndim == 5) != (axes == (3, 4)):
            return None
        shape = (tensor.shape[0], tensor.shape[axes[0]], tensor.shape[axes[1]])
        rows, columns = self.fields if fields is None else fields
        return Positions((rows, columns), axes, shape)

    def everywhere(self) -> Positions:
        """Return the same positions, each of which depends on the whole image."""
        rows, columns = self.fields
        return replace(self, fields=(rows.everywhere(), columns.everywhere()))

    def joined(self, other: Positions) -> Positions:
        """Return the positions of what depends on both, at the same axes."""
        rows, columns = map(Field.joined, self.fields, other.fields)
        return replace(self, fields=(rows, columns))

    @property
    def merged(self) -> int:
        """Length of an axis in which they all lie."""
        return math.prod(self.shape)


class Geometry(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While active, follows the positions of an image through every operation of torch.

    Operations that keep positions or slide windows over them keep the fields; whatever mixes
    positions in another way (a mean over space, attention) has none any more. Where its result
    meets a map again (a gate, a residual connection), the positions are the map's, and each depends
    on everything.
    """

    def __init__(self, image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        shape = image.shape[0], image.shape[2], image.shape[3]
        _mark(image, Positions((Field(), Field()), (2, 3), shape))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Else newer torch imports its compiler at the first operation, only to tell it to keep off.
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = result(func, args, kwargs or {})
        inputs = [each for each in _flat(args) if hasattr(each, _MARK)]
        if inputs:
            for each in _flat([out]):
                if isinstance(each, Tensor):
                    _mark(each, _after(func.overloadpacket, args, inputs, each))
        return out


def positions(tensor: Tensor) -> Positions | None:
    """Return a tensor's positions; None where it has none, or none that can be followed."""
    found: Positions | None = getattr(tensor, _MARK, None)
    return found


_MARK = "_entoptic_positions"


def _mark(tensor: Tensor, found: Positions | None) -> None:
    # An attribute of the tensor object: it lives exactly as long as the tensor.
    setattr(tensor, _MARK, found)


def _after(op: Any, args: tuple[Any, ...], inputs: list[Tensor], out: Tensor) -> Positions | None:
    """Return the positions of an operation's result, of which `inputs` come from the image."""
    known = [found for each in inputs if (found := positions(each)) is not None]
    if not known or any(each.axes != known[0].axes for each in known):
        return None
    first = known[0] if len(known) == len(inputs) else known[0].everywhere()
    return _RULES.get(op, _kept)(functools.reduce(Positions.joined, known[1:], first), args, out)


Rule: TypeAlias = Callable[[Positions, tuple[Any, ...], Tensor], Positions | None]
"""From the positions of an operation's inputs, its arguments and its result to the result's."""


def _kept(found: Positions, args: tuple[Any, ...], out: Tensor) -> Positions | None:
    """Follow what keeps rows and columns where they are: it works position by position."""
    if found.axes is None:
        return found if out.ndim == 2 and out.shape[0] == found.merged else None
    after = found.at(out, found.axes)
    return after if after is not None and after.shape[1:] == found.shape[1:] else None


def _ended(found: Positions, args: tuple[Any, ...], out: Tensor) -> Positions | None:
    return None


def _kept_unless(mixes: Callable[[Positions, tuple[Any, ...], Tensor], bool]) -> Rule:
    """Return the rule of what works position by position, but for arguments by which it mixes."""

    def rule(found: Positions, args: tuple[Any, ...], out: Tensor) -> Positions | None:
        return None if mixes(found, args, out) else _kept(found, args, out)

    return rule


def _over(axes: Iterable[int], found: Positions, out: Tensor) -> bool:
    """Return whether one of some axes is that of the batch, of the rows, or of the columns."""
    return bool({axis % out.ndim for axis in axes} & {0, *(found.axes or ())})


def _averaged(found: Positions, args: tuple[Any, ...], out: Tensor) -> Positions | None:
    """Follow statistics over all positions, which keep them where they are."""
    after = _kept(found, args, out)
    return None if after is None else after.everywhere()


def _padded(
    mirrored: bool, found: Positions, args: tuple[Any, ...], out: Tensor
) -> Positions | None:
    """Follow numbers put around an image: constant ones, or its own, mirrored or repeated."""
    fields = []
    for axis, field in zip(found.axes or (), found.fields, strict=False):
        index = 2 * (out.ndim - 1 - axis)  # torch gives the pads of the last axis first
        before, after = args[1][index : index + 2] or (0, 0)
        field = field.moved(-before)
        fields.append(field.widened(2 * after, 2 * before) if mirrored else field)
    return found.at(out, found.axes, fields)


def _rolled(found: Positions, args: tuple[Any, ...], out: Tensor) -> Positions | None:
    """Follow other positions, with fields of the same size."""
    return found.at(out, found.axes, map(Field.nowhere_alike, found.fields))


def _sliced(found: Positions, args: tuple[Any, ...], out: Tensor) -> Positions | None:
    """Follow a part of the rows or columns, or every second one."""
    usual: tuple[Any, ...] = (0, None, None, 1)
    sliced, begin, end, step = args[1:] + usual[len(args) - 1 :]
    begin = begin or 0

    def after(axis: int, field: Field, count: int) -> Field:
        if axis != sliced % out.ndim:
            return field
        # Counted from the other end, or from this one to no farther than here.
        alike = begin >= 0 and (end is None or end < 0 or end >= count)
        moved = field.windowed(1, step, padding=-begin)
        return moved if alike else moved.nowhere_alike()

    return found.at(out, found.axes, map(after, found.axes or (), found.fields, found.shape[1:]))


def _convolved(found: Positions, args: tuple[Any, ...], out: Tensor) -> Positions | None:
    kernel = tuple(args[1].shape[2:])
    stride, padding, dilation = map(_pair, args[3:6])
    if len(kernel) != 2:
        return None
    if not args[6]:
        return _slid(found, out, kernel, stride, dilation, padding)

    def transposed(field: Field, size: int, step: int, spread: int, pad: int) -> Field:
        wide = (size - 1) * spread
        return field.upsampled(wide // step + 1, float(step)).widened(wide, pad)

    return _moved(transposed, found, out, kernel, stride, dilation, padding)


def _pooled(found: Positions, args: tuple[Any, ...], out: Tensor) -> Positions | None:
    kernel = _pair(args[1])
    stride = _pair(args[2]) if len(args) > 2 and args[2] not in (None, []) else kernel
    padding = _pair(args[3]) if len(args) > 3 else (0, 0)
    # max_pool2d has a dilation as its fifth argument; avg_pool2d has a flag there.
    spread = args[4] if len(args) > 4 and not isinstance(args[4], bool) else 1
    return _slid(found, out, kernel, stride, _pair(spread), padding)


def _moved(
    change: Callable[..., Field], found: Positions, out: Tensor, *settings: tuple[int, ...]
) -> Positions | None:
    """Return positions whose fields are changed by settings of rows and columns."""
    return found.at(out, (2, 3), map(change, found.fields, *settings)) if _is_map(found) else None


_slid = functools.partial(_moved, Field.windowed)


def _is_map(found: Positions) -> bool:
    return found.axes == (2, 3)


def _resized(taps: int, found: Positions, args: tuple[Any, ...], out: Tensor) -> Positions | None:
    """Follow positions that are each made from `taps` neighbors."""
    if not _is_map(found) or out.ndim != 4:
        return None
    factors = (after / before for after, before in zip(out.shape[2:], found.shape[1:], strict=True))
    fields = [each.upsampled(taps, by) for each, by in zip(found.fields, factors, strict=True)]
    if taps > 1 and len(args) > 2 and args[2]:
        # With corners aligned, the spacing depends on the size.
        fields = [each.nowhere_alike() for each in fields]
    return found.at(out, (2, 3), fields)


def _permuted(found: Positions, args: tuple[Any, ...], out: Tensor) -> Positions | None:
    order = [axis % out.ndim for axis in args[1]]
    if found.axes is None or out.ndim != 4 or order[0] != 0:
        return None
    return found.at(out, (order.index(found.axes[0]), order.index(found.axes[1])))


def _viewed(found: Positions, args: tuple[Any, ...], out: Tensor) -> Positions | None:
    """Follow channels-last maps, merged into a matrix for a linear layer, and back."""
    if found.axes in (None, (1, 2)):
        if out.ndim == 2 and out.shape[0] == found.merged:
            return replace(found, axes=None)
        if tuple(out.shape[:3]) == found.shape and out.ndim == 4:
            return found.at(out, (1, 2))
    if found.axes in ((2, 3), (3, 4)) and (out.shape[0], *out.shape[-2:]) == found.shape:
        return found.at(out, (out.ndim - 2, out.ndim - 1))  # channels are put in groups, or back
    return _kept(found, args, out)


_RULES: dict[Any, Rule] = {
    aten.convolution: _convolved,
    aten.max_pool2d_with_indices: _pooled,
    aten.avg_pool2d: _pooled,
    # A mean over neighboring channels, as in local response normalization.
    aten.avg_pool3d: _kept_unless(lambda found, args, out: tuple(args[1][1:]) != (1, 1)),
    # A batch norm by the statistics of the image itself.
    aten.native_batch_norm: _kept_unless(lambda found, args, out: bool(args[5])),
    aten.upsample_nearest2d: functools.partial(_resized, 1),
    aten._upsample_nearest_exact2d: functools.partial(_resized, 1),
    aten.upsample_bilinear2d: functools.partial(_resized, 2),
    aten.upsample_bicubic2d: functools.partial(_resized, 4),
    aten.permute: _permuted,
    aten.view: _viewed,
    aten._unsafe_view: _viewed,
    aten.reshape: _viewed,
    aten.squeeze: _viewed,
    aten.unsqueeze: _viewed,
    aten.cat: _kept_unless(
        lambda found, args, out: found.axes is None or _over(args[1:2] or (0,), found, out)
    ),
    # A layer norm mixes its last axes: the channels, where those are last.
    aten.native_layer_norm: _kept_unless(
        lambda found, args, out: max(found.axes or (-1,)) >= 4 - len(args[1])
    ),
    aten._softmax: _kept_unless(lambda found, args, out: _over(args[1:2], found, out)),
    aten.constant_pad_nd: functools.partial(_padded, False),
    aten.reflection_pad2d: functools.partial(_padded, True),
    aten.replication_pad2d: functools.partial(_padded, True),
    aten.slice: _sliced,
    aten.roll: _rolled,
    aten.flip: _rolled,
    aten.transpose: _kept_unless(
        lambda found, args, out: found.axes is None or _over(args[1:3], found, out)
    ),
    aten.native_group_norm: _averaged,
    aten.bmm: _ended,
    aten.cumsum: _ended,
}


def _pair(value: Any) -> tuple[int, int]:
    return (value[0], value[-1]) if isinstance(value, list | tuple) else (value, value)


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [leaf for each in value for leaf in _flat(each)]
    return [value]
