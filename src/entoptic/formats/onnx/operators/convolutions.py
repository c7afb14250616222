"""Convolutions and transposed convolutions."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, fx, nn

from entoptic.formats.onnx.operators.operation import (
    Node,
    Traced,
    by_rank,
    operator,
    parameter,
)
from entoptic.formats.onnx.operators.windows import Window, pad, pad_for

# torch.fx is told by name what it shall not look into, in each file that calls it.
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
            full = self.stride[axis] * (size - 1) + self.span[axis]
            begin, length = self.begin[axis], full + self.extra[axis]
            if self.fixed is not None or self.same:
                wanted = size * self.stride[axis] if self.fixed is None else self.fixed[axis]
                total = max(length - wanted, 0)
                begin = total // 2 if self.upper else total - total // 2
            else:
                wanted = length - begin - self.end[axis]
            pads.append((-begin, wanted - full + begin))
        return pads


def cut_output(output: Tensor, input: Tensor, cut: Cut, bias: Tensor | None) -> Tensor:
    """The declared part of the full output; what lies beyond the full output is only bias."""
    count = len(cut.stride)
    output = pad(output, cut.pads(tuple(input.shape[-count:])))
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
