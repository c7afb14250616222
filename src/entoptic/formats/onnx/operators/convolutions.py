"""Convolutions and transposed convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, fx, nn

from entoptic.formats.onnx.operators.operation import (
    Node,
    Traced,
    by_rank,
    operator,
    parameter,
)
from entoptic.formats.onnx.operators.windows import pad, pad_for, window_of
from entoptic.formats.windows import LARGEST, Window

# torch.fx is told by name what it shall not look into, in each file that calls it.
fx.wrap("pad_for")


def _padded(plain: type[nn.Module]) -> type[nn.Module]:
    class PaddedConv(plain):  # type: ignore[valid-type, misc]
        """A convolution whose padding differs between the sides, or depends on the input's size."""

        window: Window

        def forward(self, input: Traced) -> Traced:
            return super().forward(pad_for(input, self.window))

    PaddedConv.__name__ = PaddedConv.__qualname__ = f"Padded{plain.__name__}"
    return PaddedConv


_CONVOLUTIONS = nn.Conv1d, nn.Conv2d, nn.Conv3d
# By their own names, so that they can be pickled.
_PADDED = PaddedConv1d, PaddedConv2d, PaddedConv3d = [*map(_padded, _CONVOLUTIONS)]


@operator("Conv")
def conv(node: Node) -> nn.Module:
    """Make a convolution of torch with the file's weights."""
    weight, bias = _weights(node)
    window = window_of(node, _kernel_of(node, weight)).fixed()
    plain = window.padding is not None
    groups = _groups(node, weight, "filters")
    module = _made(
        _CONVOLUTIONS if plain else _PADDED,
        (weight.shape[1] * groups, weight.shape[0]),
        window,
        window.padding or 0,
        groups,
        weight,
        bias,
    )
    if not plain:
        module.window = window
    return _with_weights(node, module, weight, bias)


def _weights(node: Node) -> tuple[Tensor, Tensor | None]:
    weight, bias = node.constant(1), node.constant(2)
    if weight is None or (node.has_input(2) and bias is None):
        node.refuse("weights that are computed by the network itself aren't imported")
    return weight, bias


def _kernel_of(node: Node, weight: Tensor) -> tuple[int, ...]:
    kernel = tuple(weight.shape[2:])
    if not 3 <= weight.dim() <= 5:
        node.refuse(f"weights of shape {list(weight.shape)}; it needs 1 to 3 spatial axes")
    if 0 in weight.shape or node.integers("kernel_shape", kernel) != kernel:
        node.refuse(f"weights of shape {list(weight.shape)} don't fit its kernel_shape")
    return kernel


def _groups(node: Node, weight: Tensor, noun: str) -> int:
    groups = node.integer("group", 1)
    if groups < 1 or weight.shape[0] % groups:
        node.refuse(f"{weight.shape[0]} {noun} can't be cut into {groups} groups")
    return groups


def _made(
    kinds: Sequence[type[nn.Module]],
    channels: tuple[int, int],
    window: Window,
    padding: tuple[int, ...] | int,
    groups: int,
    weight: Tensor,
    bias: Tensor | None,
) -> Any:
    kind: Any = by_rank(kinds, weight.dim())
    return kind(
        *channels,
        window.kernel,
        stride=window.stride,
        padding=padding,
        dilation=window.dilation,
        groups=groups,
        bias=bias is not None,
        device="meta",
    )


def _with_weights(node: Node, module: nn.Module, weight: Tensor, bias: Tensor | None) -> nn.Module:
    module.weight = parameter(weight)
    if bias is not None:
        if bias.dim() != 1 or bias.numel() != module.out_channels:
            node.refuse(f"a bias of shape {list(bias.shape)} for {module.out_channels} channels")
        module.bias = parameter(bias)
    return module


@operator("ConvTranspose")
def conv_transpose(node: Node) -> nn.Module:
    """Make a transposed convolution: computed without padding, then cut to the declared size."""
    weight, bias = _weights(node)
    kernel = _kernel_of(node, weight)
    window = window_of(node, kernel)
    upper = window.same == "upper"
    if all(stride == 1 for stride in window.stride):  # then plain pads mean the same here
        window = window.fixed()
    groups = _groups(node, weight, "channels")
    count = len(kernel)
    extra = node.integers("output_padding", (0,) * count, 0, LARGEST, count)
    fixed = node.integers("output_shape", None)
    plain = window.padding is not None and fixed is None and not any(extra)
    module = _made(
        _TRANSPOSED if plain else _CUT,
        (weight.shape[0], weight.shape[1] * groups),
        window,
        window.padding or 0 if plain else 0,
        groups,
        weight,
        bias,
    )
    if not plain:
        module.cut = Cut(window, extra, fixed[-count:] if fixed is not None else None, upper)
    return _with_weights(node, module, weight, bias)


@dataclass(frozen=True)
class Cut:
    """The part of a transposed convolution's full output that is kept.

    Args:
        window: the convolution's.
        extra: positions that are added at the end of each axis.
        fixed: lengths of the axes, where they are given.
        upper: of an odd padding the larger half lies after.
    """

    window: Window
    extra: tuple[int, ...]
    fixed: tuple[int, ...] | None
    upper: bool

    def pads(self, sizes: tuple[int, ...]) -> list[tuple[int, int]]:
        """Return negative pads for the full output, at this input size."""
        pads = []
        window = self.window
        for axis, size in enumerate(sizes):
            full = window.stride[axis] * (size - 1) + window.spans[axis]
            begin, length = window.begin[axis], full + self.extra[axis]
            if self.fixed is not None or window.same:
                wanted = size * window.stride[axis] if self.fixed is None else self.fixed[axis]
                total = max(length - wanted, 0)
                begin = total // 2 if self.upper else total - total // 2
            else:
                wanted = length - begin - window.end[axis]
            pads.append((-begin, wanted - full + begin))
        return pads


def cut_output(output: Tensor, input: Tensor, cut: Cut, bias: Tensor | None) -> Tensor:
    """Return the declared part of the full output; beyond the full output there is only bias."""
    count = len(cut.extra)
    output = pad(output, cut.pads(tuple(input.shape[-count:])))
    return output if bias is None else output + bias.reshape(-1, *(1,) * count)


fx.wrap("cut_output")


def _cut(plain: type[nn.Module], run: Callable[..., Tensor]) -> type[nn.Module]:
    class CutConvTranspose(plain):  # type: ignore[valid-type, misc]
        """A transposed convolution whose output is cut differently on its sides."""

        cut: Cut

        def forward(self, input: Traced, output_size: list[int] | None = None) -> Traced:
            full = run(input, self.weight, None, self.stride, 0, 0, self.groups, self.dilation)
            return cut_output(full, input, self.cut, self.bias)

    CutConvTranspose.__name__ = CutConvTranspose.__qualname__ = f"Cut{plain.__name__}"
    return CutConvTranspose


_TRANSPOSED = nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d
_CUT = CutConvTranspose1d, CutConvTranspose2d, CutConvTranspose3d = [
    *map(_cut, _TRANSPOSED, (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d))
]
