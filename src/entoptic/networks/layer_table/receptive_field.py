"""Where each place of a layer looks: stride and receptive field, followed through a network."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from entoptic.networks.layer_table.shapes import result

aten = torch.ops.aten


@dataclass(frozen=True)
class Field:
    """What one place sees along one axis, in pixels of the picture.

    Args:
        stride: from one place to the next.
        size: how many pixels a place depends on; infinite where that is the whole picture.
        first: no place i depends on a pixel before `first + i * stride`.
        last: nor on one after `last + i * stride`.
        period: two pictures, one of which is the other without its first n pixels, have the same
            places but for their borders where n is a multiple of this; infinite where never.
    """

    stride: float = 1.0
    size: float = 1.0
    first: float = 0.0
    last: float = 0.0
    period: float = 1.0

    def windowed(self, kernel: int, stride: int, dilation: int = 1, padding: int = 0) -> Field:
        """After a window of `kernel` places has slid over, from `padding` before the first."""
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
        """Counted from another place."""
        shift = by * self.stride
        return replace(self, first=self.first + shift, last=self.last + shift)

    def widened(self, before: float, after: float) -> Field:
        """Where a place may depend on so many places more, without its usual size being larger."""
        return replace(
            self,
            first=self.first - before * self.stride,
            last=self.last + after * self.stride,
        )

    def upsampled(self, kernel: float, factor: float) -> Field:
        """After places have been spread by `factor`, each made from `kernel` of the old ones."""
        steady = factor.is_integer() or (1 / factor).is_integer()
        # Between two old places lie several new ones, which see what the older or the newer sees.
        reach = kernel + max(1, 1 / factor)
        return replace(
            self.widened(reach, reach),
            stride=self.stride / factor,
            size=self.size + (kernel - 1) * self.stride,
            period=_common(self.period, self.stride / factor) if steady else math.inf,
        )

    def joined(self, other: Field) -> Field:
        """Of something that depends on both."""
        return Field(
            max(self.stride, other.stride),
            max(self.size, other.size),
            min(self.first, other.first),
            max(self.last, other.last),
            _common(self.period, other.period),
        )

    def everywhere(self) -> Field:
        """Of something that depends on the whole picture too."""
        return replace(self.nowhere_alike(), size=math.inf)

    def nowhere_alike(self) -> Field:
        """Of something that depends on where in the picture it is."""
        return replace(self, period=math.inf)


def _common(period: float, other: float) -> float:
    """The least common multiple, of strides that may be parts of a pixel."""
    if not (math.isfinite(period) and math.isfinite(other)):
        return math.inf
    if other < 1 and (1 / other).is_integer():
        return period
    return math.lcm(int(period), int(other)) if float(other).is_integer() else math.inf


@dataclass(frozen=True)
class Places:
    """The rows and columns of a tensor, and where they are in it.

    Args:
        axes: which axes of the tensor are rows and columns; None where (batch, rows, columns) lie
            merged in its first axis, as a linear layer on channels-last maps makes them.
        shape: (batch, rows, columns).
    """

    rows: Field
    columns: Field
    axes: tuple[int, int] | None
    shape: tuple[int, int, int]

    def at(self, tensor: Tensor, axes: tuple[int, int]) -> Places | None:
        """The same fields on a tensor whose size along rows and columns may differ.

        In a tensor of five axes they can only be the last two: its channels lie in groups.
        """
        if tensor.ndim not in (4, 5) or (tensor.ndim == 5) != (axes == (3, 4)):
            return None
        shape = (tensor.shape[0], tensor.shape[axes[0]], tensor.shape[axes[1]])
        return replace(self, axes=axes, shape=shape)

    def everywhere(self) -> Places:
        """The same places, each of which depends on the whole picture."""
        return replace(self, rows=self.rows.everywhere(), columns=self.columns.everywhere())


class Geometry(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While active, follows the places of a picture through every operation of torch.

    Operations that keep places or slide windows over them keep the fields; whatever mixes places in
    another way (a mean over space, attention) has no places any more. Where its result meets a map
    again (a gate, a residual connection), the places are the map's, and each sees everything.
    """

    def __init__(self, image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        _mark(image, Places(Field(), Field(), (2, 3), _shape(image)))

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


def places(tensor: Tensor) -> Places | None:
    """What is known of a tensor's places; None where it has none, or none that we can follow."""
    found: Places | None = getattr(tensor, _MARK, None)
    return found


_MARK = "_entoptic_places"


def _mark(tensor: Tensor, found: Places | None) -> None:
    # An attribute of the tensor object: it lives exactly as long as the tensor.
    setattr(tensor, _MARK, found)


def _after(op: Any, args: tuple[Any, ...], inputs: list[Tensor], out: Tensor) -> Places | None:
    """The places of an operation's result, of which `inputs` come from the picture."""
    known = [found for each in inputs if (found := places(each)) is not None]
    if not known or any(each.axes != known[0].axes for each in known):
        return None
    rule = _RULES.get(op, _same_places)
    joined = known[0] if len(known) == len(inputs) else known[0].everywhere()
    for other in known[1:]:
        joined = replace(
            joined,
            rows=joined.rows.joined(other.rows),
            columns=joined.columns.joined(other.columns),
        )
    return rule(joined, args, out)


def _same_places(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    """Whatever keeps rows and columns where they are works place by place."""
    if found.axes is None:
        return found if out.ndim == 2 and out.shape[0] == _merged(found) else None
    after = found.at(out, found.axes)
    return after if after is not None and after.shape[1:] == found.shape[1:] else None


def _padded(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    """Constant numbers around a picture."""
    if found.axes is None:
        return None
    rows, columns = (_pads(axis, args[1], out.ndim)[0] for axis in found.axes)
    found = replace(found, rows=found.rows.moved(-rows), columns=found.columns.moved(-columns))
    return found.at(out, found.axes or (2, 3))


def _mirrored(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    """The picture's own numbers around it: places at the border see some behind them."""
    if found.axes is None:
        return None
    fields = []
    for axis, field in zip(found.axes, (found.rows, found.columns), strict=True):
        before, after = _pads(axis, args[1], out.ndim)
        fields.append(field.moved(-before).widened(2 * after, 2 * before))
    return replace(found, rows=fields[0], columns=fields[1]).at(out, found.axes)


def _pads(axis: int, pads: Any, axes: int) -> tuple[int, int]:
    """Before and after an axis, of numbers that torch gives for the last axis first."""
    index = 2 * (axes - 1 - axis)
    return (pads[index], pads[index + 1]) if index < len(pads) else (0, 0)


def _rolled(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    """Other places, with fields of the same size."""
    if found.axes is None:
        return None
    rows, columns = found.rows.nowhere_alike(), found.columns.nowhere_alike()
    return replace(found, rows=rows, columns=columns).at(out, found.axes)


def _sliced(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    """Every second row, or a part of them."""
    axes = found.axes
    if axes is None:
        return None
    axis = args[1] % out.ndim if len(args) > 1 else 0
    begin = (args[2] if len(args) > 2 else 0) or 0
    end = args[3] if len(args) > 3 else None
    step = args[4] if len(args) > 4 else 1

    def sliced(field: Field, places: int) -> Field:
        after = field.windowed(1, step, padding=-begin)
        # Counted from the other end, or from this one to no farther than here.
        alike = begin >= 0 and (end is None or end < 0 or end >= places)
        return after if alike else after.nowhere_alike()

    if axis == axes[0]:
        found = replace(found, rows=sliced(found.rows, found.shape[1]))
    elif axis == axes[1]:
        found = replace(found, columns=sliced(found.columns, found.shape[2]))
    return found.at(out, axes)


def _mixed(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    """Statistics over all places keep them where they are."""
    after = _same_places(found, args, out)
    return None if after is None else after.everywhere()


def _ended(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    return None


def _convolved(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    weight, stride, dilation, transposed = args[1], args[3], args[5], args[6]
    kernel = tuple(weight.shape[2:])
    if found.axes != (2, 3) or len(kernel) != 2:
        return None
    if transposed:
        spread = [
            field.upsampled((k - 1) * d // s + 1, float(s)).widened((k - 1) * d, p)
            for field, k, s, d, p in zip(
                (found.rows, found.columns),
                kernel,
                _pair(stride),
                _pair(dilation),
                _pair(args[4]),
                strict=True,
            )
        ]
        return replace(found, rows=spread[0], columns=spread[1]).at(out, (2, 3))
    return _slid(found, kernel, _pair(stride), _pair(dilation), _pair(args[4]), out)


def _pooled(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    kernel = _pair(args[1])
    stride = _pair(args[2]) if len(args) > 2 and args[2] not in (None, []) else kernel
    padding = _pair(args[3]) if len(args) > 3 else (0, 0)
    # max_pool2d has a dilation as its fifth argument; avg_pool2d has a flag there.
    spread = args[4] if len(args) > 4 and not isinstance(args[4], bool) else 1
    return _slid(found, kernel, stride, _pair(spread), padding, out)


def _slid(
    found: Places,
    kernel: tuple[int, ...],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: tuple[int, int],
    out: Tensor,
) -> Places | None:
    rows = found.rows.windowed(kernel[0], stride[0], dilation[0], padding[0])
    columns = found.columns.windowed(kernel[1], stride[1], dilation[1], padding[1])
    return replace(found, rows=rows, columns=columns).at(out, (2, 3))


def _resized(taps: int, found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    """Each place anew from `taps` neighbours."""
    if found.axes != (2, 3) or out.ndim != 4:
        return None
    rows = found.rows.upsampled(taps, out.shape[2] / found.shape[1])
    columns = found.columns.upsampled(taps, out.shape[3] / found.shape[2])
    if taps > 1 and len(args) > 2 and args[2]:
        # With corners aligned, the spacing depends on the size.
        rows, columns = rows.nowhere_alike(), columns.nowhere_alike()
    return replace(found, rows=rows, columns=columns).at(out, (2, 3))


def _permuted(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    if found.axes is None or out.ndim != 4:
        return None
    order = [axis % 4 for axis in args[1]]
    if order[0] != 0:
        return None
    return found.at(out, (order.index(found.axes[0]), order.index(found.axes[1])))


def _viewed(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    """Channels-last maps are merged into a matrix for a linear layer, and back."""
    if found.axes in (None, (1, 2)):
        if out.ndim == 2 and out.shape[0] == _merged(found):
            return replace(found, axes=None)
        if tuple(out.shape[:3]) == found.shape and out.ndim == 4:
            return found.at(out, (1, 2))
    if found.axes in ((2, 3), (3, 4)) and (out.shape[0], *out.shape[-2:]) == found.shape:
        return found.at(out, (out.ndim - 2, out.ndim - 1))  # channels are put in groups, or back
    return _same_places(found, args, out)


def _transposed(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    if found.axes is None or {axis % out.ndim for axis in args[1:3]} & {0, *found.axes}:
        return None
    return _same_places(found, args, out)


def _pooled_channels(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    """A mean over neighbouring channels, as in local response normalisation."""
    return _same_places(found, args, out) if tuple(args[1][1:]) == (1, 1) else None


def _standardized(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    """A batch norm by the statistics of the picture itself mixes all places."""
    by_own_statistics = args[5]
    return None if by_own_statistics else _same_places(found, args, out)


def _concatenated(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    axis = args[1] % 4 if len(args) > 1 else 0
    if found.axes is None or axis in (0, *found.axes):
        return None
    return _same_places(found, args, out)


def _normalized(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    """A layer norm mixes its last axes: the channels, where those are last."""
    mixed = len(args[1])
    if found.axes is not None and max(found.axes) >= 4 - mixed:
        return None
    return _same_places(found, args, out)


def _softmaxed(found: Places, args: tuple[Any, ...], out: Tensor) -> Places | None:
    if found.axes is not None and args[1] % 4 in found.axes:
        return None
    return _same_places(found, args, out)


Rule = Callable[[Places, tuple[Any, ...], Tensor], Places | None]
_RULES: dict[Any, Rule] = {
    aten.convolution: _convolved,
    aten.max_pool2d_with_indices: _pooled,
    aten.avg_pool2d: _pooled,
    aten.avg_pool3d: _pooled_channels,
    aten.native_batch_norm: _standardized,
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
    aten.cat: _concatenated,
    aten.native_layer_norm: _normalized,
    aten._softmax: _softmaxed,
    aten.constant_pad_nd: _padded,
    aten.reflection_pad2d: _mirrored,
    aten.replication_pad2d: _mirrored,
    aten.slice: _sliced,
    aten.roll: _rolled,
    aten.flip: _rolled,
    aten.transpose: _transposed,
    aten.native_group_norm: _mixed,
    aten.bmm: _ended,
    aten.cumsum: _ended,
}


def _merged(found: Places) -> int:
    batch, rows, columns = found.shape
    return batch * rows * columns


def _shape(image: Tensor) -> tuple[int, int, int]:
    return image.shape[0], image.shape[2], image.shape[3]


def _pair(value: Any) -> tuple[int, int]:
    return (value[0], value[-1]) if isinstance(value, list | tuple) else (value, value)


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [leaf for each in value for leaf in _flat(each)]
    return [value]
