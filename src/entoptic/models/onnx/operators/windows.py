"""Operators that slide a window: convolutions and pooling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from entoptic.models.onnx.operators.operation import (
    Node,
    Operation,
    Traced,
    by_rank,
    operator,
    parameter,
)

_AUTO_PADS = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")


@dataclass(frozen=True)
class Window:
    """A sliding window; each tuple has one number per spatial axis.

    Args:
        kernel, stride, dilation: as torch has them.
        begin, end: pixels added before and after; they mean nothing when `same` is set.
        same: "upper" or "lower" where the padding makes the output ceil(size / stride) long,
            the odd pixel after or before; depends on the input's size.
        ceil: the last window may hang over the end.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    begin: tuple[int, ...]
    end: tuple[int, ...]
    same: str = ""
    ceil: bool = False

    @classmethod
    def read(cls, node: Node, kernel: tuple[int, ...]) -> Window:
        """The window that a node's attributes describe."""
        count = len(kernel)
        same = {"SAME_UPPER": "upper", "SAME_LOWER": "lower"}
        auto = node.text("auto_pad", "NOTSET", _AUTO_PADS)
        pads = node.sizes("pads", 2 * count, 0, minimum=0)
        if auto == "VALID":
            pads = (0,) * (2 * count)
        window = cls(
            kernel=kernel,
            stride=node.sizes("strides", count, 1),
            dilation=node.sizes("dilations", count, 1),
            begin=pads[:count],
            end=pads[count:],
            same=same.get(auto, ""),
            ceil=node.flag("ceil_mode"),
        )
        return window._fixed()

    def _fixed(self) -> Window:
        """The same window with plain pads, where SAME doesn't depend on the input's size."""
        if not self.same or any(stride != 1 for stride in self.stride):
            return self
        total = [span - 1 for span in self.spans]
        begin = tuple((t + 1) // 2 if self.same == "lower" else t // 2 for t in total)
        end = tuple(t - b for t, b in zip(total, begin, strict=True))
        return Window(self.kernel, self.stride, self.dilation, begin, end)

    @property
    def spans(self) -> tuple[int, ...]:
        """Pixels from the first to the last tap of a window, both counted."""
        pairs = zip(self.kernel, self.dilation, strict=True)
        return tuple((kernel - 1) * dilation + 1 for kernel, dilation in pairs)

    @property
    def padding(self) -> tuple[int, ...] | None:
        """The padding as torch's modules have it, None where they don't have such a one."""
        return None if self.same or self.begin != self.end else self.begin

    @property
    def pool_padding(self) -> tuple[int, ...] | None:
        """The same for torch's pooling, which pads half a window at most."""
        if self.padding is None:
            return None
        pairs = zip(self.padding, self.kernel, strict=True)
        return self.padding if all(2 * pad <= kernel for pad, kernel in pairs) else None

    def declared(self, sizes: tuple[int, ...]) -> list[tuple[int, int]]:
        """Pixels before and after each axis that the node asks for, at this input size."""
        if not self.same:
            return list(zip(self.begin, self.end, strict=True))
        pads = []
        for size, span, stride in zip(sizes, self.spans, self.stride, strict=True):
            total = max((-(-size // stride) - 1) * stride + span - size, 0)
            less, more = total // 2, total - total // 2
            pads.append((more, less) if self.same == "lower" else (less, more))
        return pads

    def exact(self, sizes: tuple[int, ...]) -> list[tuple[int, int]]:
        """As `declared`, but the end such that the windows, rounded down, just cover it.

        With `ceil` a window that would begin in the padding after the input is dropped.
        """
        pads = []
        rows = zip(sizes, self.declared(sizes), self.spans, self.stride, strict=True)
        for size, (begin, end), span, stride in rows:
            room = begin + size + end - span
            steps = -(-room // stride) if self.ceil else room // stride
            if self.ceil and steps * stride >= begin + size:
                steps -= 1
            pads.append((begin, steps * stride + span - begin - size))
        return pads


def _pad(x: Tensor, pads: list[tuple[int, int]], value: float = 0.0) -> Tensor:
    """Pad the last axes; a negative pad cuts."""
    flat = [pad for pair in reversed(pads) for pad in pair]
    return F.pad(x, flat, value=value) if any(flat) else x


def _sizes(x: Tensor, window: Window) -> tuple[int, ...]:
    return tuple(x.shape[-len(window.kernel) :])


def pad_for(x: Tensor, window: Window) -> Tensor:
    """The input with the zeros around it that the window asks for."""
    return _pad(x, window.declared(_sizes(x, window)))


fx.wrap("pad_for")


class PaddedConv1d(nn.Conv1d):
    """A convolution whose padding differs between the sides, or depends on the input's size."""

    window: Window

    def forward(self, input: Traced) -> Traced:
        return super().forward(pad_for(input, self.window))


class PaddedConv2d(nn.Conv2d):
    """A convolution whose padding differs between the sides, or depends on the input's size."""

    window: Window

    def forward(self, input: Traced) -> Traced:
        return super().forward(pad_for(input, self.window))


class PaddedConv3d(nn.Conv3d):
    """A convolution whose padding differs between the sides, or depends on the input's size."""

    window: Window

    def forward(self, input: Traced) -> Traced:
        return super().forward(pad_for(input, self.window))


@operator("Conv")
def conv(node: Node) -> nn.Module:
    """A convolution of torch with the file's weights."""
    weight, bias = node.constant(1), node.constant(2)
    if weight is None or (node.has(2) and bias is None):
        node.refuse("weights that are computed by the network itself aren't imported")
    window = Window.read(node, _kernel_of(node, weight))
    groups = node.integer("group", 1)
    if groups < 1 or weight.shape[0] % groups:
        node.refuse(f"{weight.shape[0]} filters can't be cut into {groups} groups")
    if window.padding is None:
        kinds: tuple[type[nn.Module], ...] = (PaddedConv1d, PaddedConv2d, PaddedConv3d)
    else:
        kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    kind = by_rank(kinds, weight.dim())
    assert kind is not None
    module = kind(
        weight.shape[1] * groups,
        weight.shape[0],
        window.kernel,
        stride=window.stride,
        padding=window.padding or 0,
        dilation=window.dilation,
        groups=groups,
        bias=bias is not None,
        device="meta",
    )
    if isinstance(module, PaddedConv1d | PaddedConv2d | PaddedConv3d):
        module.window = window
    return _with_weights(node, module, weight, bias)


def _kernel_of(node: Node, weight: Tensor) -> tuple[int, ...]:
    kernel = tuple(weight.shape[2:])
    if not 3 <= weight.dim() <= 5:
        node.refuse(f"weights of shape {list(weight.shape)}; it needs 1 to 3 spatial axes")
    if 0 in weight.shape or (node.integers("kernel_shape") or kernel) != kernel:
        node.refuse(f"weights of shape {list(weight.shape)} don't fit its kernel_shape")
    return kernel


def _with_weights(node: Node, module: nn.Module, weight: Tensor, bias: Tensor | None) -> nn.Module:
    module.weight = parameter(weight)
    if bias is not None:
        if bias.dim() != 1 or bias.numel() != module.out_channels:
            node.refuse(f"a bias of shape {list(bias.shape)} for {module.out_channels} channels")
        module.bias = parameter(bias)
    return module


@operator("ConvTranspose")
def conv_transpose(node: Node) -> nn.Module:
    """A transposed convolution: computed without padding, then cut to the declared size."""
    weight, bias = node.constant(1), node.constant(2)
    if weight is None or (node.has(2) and bias is None):
        node.refuse("weights that are computed by the network itself aren't imported")
    kernel = _kernel_of(node, weight)
    window = Window.read(node, kernel)
    groups = node.integer("group", 1)
    extra = node.sizes("output_padding", len(kernel), 0, minimum=0)
    fixed = node.integers("output_shape")
    if groups < 1 or weight.shape[0] % groups:
        node.refuse(f"{weight.shape[0]} channels can't be cut into {groups} groups")
    plain = window.padding is not None and fixed is None and not any(extra)
    kinds: tuple[type[nn.Module], ...] = (
        (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
        if plain
        else (CutConvTranspose1d, CutConvTranspose2d, CutConvTranspose3d)
    )
    kind = by_rank(kinds, weight.dim())
    assert kind is not None
    module = kind(
        weight.shape[0],
        weight.shape[1] * groups,
        window.kernel,
        stride=window.stride,
        padding=window.padding if plain else 0,
        groups=groups,
        bias=bias is not None,
        dilation=window.dilation,
        device="meta",
    )
    if isinstance(module, CutConvTranspose1d | CutConvTranspose2d | CutConvTranspose3d):
        module.cut = Cut(
            window.begin,
            window.end,
            extra,
            window.stride,
            window.spans,
            fixed[-len(kernel) :] if fixed is not None else None,
            # A SAME window of stride 1 has become plain pads, which mean the same here.
            window.same,
            upper=node.text("auto_pad", "NOTSET") == "SAME_UPPER",
        )
    return _with_weights(node, module, weight, bias)


@dataclass(frozen=True)
class Cut:
    """What of a transposed convolution's full output is kept."""

    begin: tuple[int, ...]
    end: tuple[int, ...]
    extra: tuple[int, ...]
    stride: tuple[int, ...]
    span: tuple[int, ...]
    fixed: tuple[int, ...] | None
    same: str
    upper: bool

    def pads(self, sizes: tuple[int, ...]) -> list[tuple[int, int]]:
        """Negative pads for the full output, at this input size."""
        pads = []
        for axis, size in enumerate(sizes):
            stride, extra = self.stride[axis], self.extra[axis]
            begin, end = self.begin[axis], self.end[axis]
            if self.fixed is not None or self.same:
                wanted = size * stride if self.fixed is None else self.fixed[axis]
                total = max(stride * (size - 1) + extra + self.span[axis] - wanted, 0)
                begin = total // 2 if self.upper else total - total // 2
                end = total - begin
            pads.append((-begin, extra - end))
        return pads


def cut_output(output: Tensor, input: Tensor, cut: Cut, bias: Tensor | None) -> Tensor:
    """The declared part of the full output; what lies beyond the full output is only bias."""
    count = len(cut.stride)
    output = _pad(output, cut.pads(tuple(input.shape[-count:])))
    return output if bias is None else output + bias.reshape(-1, *(1,) * count)


fx.wrap("cut_output")


class CutConvTranspose1d(nn.ConvTranspose1d):
    """A transposed convolution whose output is cut differently on its sides."""

    cut: Cut

    def forward(self, input: Traced, output_size: list[int] | None = None) -> Traced:
        full = F.conv_transpose1d(
            input, self.weight, None, self.stride, 0, 0, self.groups, self.dilation
        )
        return cut_output(full, input, self.cut, self.bias)


class CutConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution whose output is cut differently on its sides."""

    cut: Cut

    def forward(self, input: Traced, output_size: list[int] | None = None) -> Traced:
        full = F.conv_transpose2d(
            input, self.weight, None, self.stride, 0, 0, self.groups, self.dilation
        )
        return cut_output(full, input, self.cut, self.bias)


class CutConvTranspose3d(nn.ConvTranspose3d):
    """A transposed convolution whose output is cut differently on its sides."""

    cut: Cut

    def forward(self, input: Traced, output_size: list[int] | None = None) -> Traced:
        full = F.conv_transpose3d(
            input, self.weight, None, self.stride, 0, 0, self.groups, self.dilation
        )
        return cut_output(full, input, self.cut, self.bias)


_MAX_POOLS: tuple[Callable[..., Tensor], ...] = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
_AVERAGE_POOLS: tuple[Callable[..., Tensor], ...] = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


def _pool_window(node: Node) -> Window:
    kernel = node.integers("kernel_shape") or ()
    if not 1 <= len(kernel) <= 3:
        node.refuse(f"kernel_shape is {list(kernel)}; it needs 1 to 3 numbers")
    return Window.read(node, node.sizes("kernel_shape", len(kernel), 1))


@operator("MaxPool")
def max_pool(node: Node) -> nn.Module:
    """Maximum over a window; what is padded never wins."""
    node.ignore("storage_order")  # concerns only the second output
    window = _pool_window(node)
    kind = by_rank((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), len(window.kernel) + 2)
    if window.pool_padding is None or kind is None:
        return PaddedMaxPool(node, window)
    return kind(
        window.kernel,
        window.stride,
        window.pool_padding,
        window.dilation,
        ceil_mode=window.ceil,
    )


class PaddedMaxPool(Operation):
    """Maximum over a window whose padding torch's own pooling doesn't have."""

    def __init__(self, node: Node, window: Window) -> None:
        super().__init__(node)
        self.window = window

    def compute(self, x: Tensor) -> Tensor:
        window = self.window
        # The lowest finite number: an infinity would give NaN where a window holds nothing else.
        x = _pad(x, window.exact(_sizes(x, window)), torch.finfo(x.dtype).min)
        pool = _MAX_POOLS[len(window.kernel) - 1]
        return pool(x, window.kernel, window.stride, dilation=window.dilation)


@operator("AveragePool")
def average_pool(node: Node) -> nn.Module:
    """Mean over a window, with or without what is padded."""
    window = _pool_window(node)
    if any(dilation != 1 for dilation in window.dilation):
        node.refuse("dilated average pooling isn't imported")
    count_pads = node.flag("count_include_pad")
    kind = by_rank((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), len(window.kernel) + 2)
    if window.pool_padding is None or kind is None:
        return PaddedAveragePool(node, window, count_pads)
    return kind(
        window.kernel,
        window.stride,
        window.pool_padding,
        ceil_mode=window.ceil,
        count_include_pad=count_pads,
    )


class PaddedAveragePool(Operation):
    """Mean over a window whose padding torch's own pooling doesn't have."""

    def __init__(self, node: Node, window: Window, count_pads: bool) -> None:
        super().__init__(node)
        self.window = window
        self.count_pads = count_pads

    def compute(self, x: Tensor) -> Tensor:
        window = self.window
        sizes = _sizes(x, window)
        exact, declared = window.exact(sizes), window.declared(sizes)
        counted = torch.ones((1, 1, *sizes), device=x.device, dtype=x.dtype)
        if self.count_pads:  # what only hangs over the end is never counted
            counted = _pad(counted, declared, 1.0)
            rest = [
                (0, whole - part) for (_, whole), (_, part) in zip(exact, declared, strict=True)
            ]
            counted = _pad(counted, rest)
        else:
            counted = _pad(counted, exact)
        pool = _AVERAGE_POOLS[len(window.kernel) - 1]
        total = pool(_pad(x, exact), window.kernel, window.stride)
        return total / pool(counted, window.kernel, window.stride)


@operator("LpPool")
class LpPool(Operation):
    """The p-norm over a window."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.window = _pool_window(node)
        if any(dilation != 1 for dilation in self.window.dilation):
            node.refuse("dilated norm pooling isn't imported")
        self.power = node.number("p", 2.0)

    def compute(self, x: Tensor) -> Tensor:
        window = self.window
        powers = _pad(x.abs().pow(self.power), window.exact(_sizes(x, window)))
        pool = _AVERAGE_POOLS[len(window.kernel) - 1]
        count = torch.Size(window.kernel).numel()
        return (pool(powers, window.kernel, window.stride) * count).pow(1 / self.power)


_GLOBAL_AVERAGES = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
_GLOBAL_MAXIMA = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)


@operator("GlobalAveragePool")
def global_average_pool(node: Node) -> nn.Module:
    """Mean over all places."""
    kind = by_rank(_GLOBAL_AVERAGES, node.rank())
    return kind(1) if kind is not None else GlobalAveragePool(node)


@operator("GlobalMaxPool")
def global_max_pool(node: Node) -> nn.Module:
    """Maximum over all places."""
    kind = by_rank(_GLOBAL_MAXIMA, node.rank())
    return kind(1) if kind is not None else GlobalMaxPool(node)


class GlobalAveragePool(Operation):
    """Mean over all places, however many axes they have."""

    def compute(self, x: Tensor) -> Tensor:
        return x.mean(tuple(range(2, x.dim())), keepdim=True)


class GlobalMaxPool(Operation):
    """Maximum over all places, however many axes they have."""

    def compute(self, x: Tensor) -> Tensor:
        return x.amax(tuple(range(2, x.dim())), keepdim=True)
