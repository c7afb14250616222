"""The window that convolutions and pooling slide, and the padding around the picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from entoptic.formats.onnx.operators.operation import Node

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


def pad(x: Tensor, pads: list[tuple[int, int]], value: float = 0.0) -> Tensor:
    """Pad the last axes; a negative pad cuts."""
    flat = [pad for pair in reversed(pads) for pad in pair]
    return F.pad(x, flat, value=value) if any(flat) else x


def spatial_sizes(x: Tensor, window: Window) -> tuple[int, ...]:
    return tuple(x.shape[-len(window.kernel) :])


def pad_for(x: Tensor, window: Window) -> Tensor:
    """The input with the zeros around it that the window asks for."""
    return pad(x, window.declared(spatial_sizes(x, window)))
