"""The window that convolutions and pooling slide over a picture, and the padding around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

LARGEST = 2**16
"""No window, stride, dilation or pad of a network is larger; another is damage or an attack."""


@dataclass(frozen=True)
class Window:
    """A sliding window; each tuple has one number per spatial axis.

    Args:
        kernel, stride, dilation: as torch has them.
        begin, end: pixels added before and after; they mean nothing when `same` is set.
        same: "upper" or "lower" where the padding makes the output ceil(size / stride) long,
            the odd pixel after or before; depends on the input's size.
        ceil: the last window may hang over the end, unless it would begin in the padding there.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    begin: tuple[int, ...]
    end: tuple[int, ...]
    same: str = ""
    ceil: bool = False

    def fixed(self) -> Window:
        """Return the window with plain pads, where SAME doesn't depend on the input's size."""
        pairs = list(zip(self.stride, self.spans, strict=True))
        if not self.same or any(stride != 1 and span != 1 for stride, span in pairs):
            return self
        less = tuple((span - 1) // 2 for span in self.spans)
        more = tuple(span // 2 for span in self.spans)
        begin, end = (more, less) if self.same == "lower" else (less, more)
        return replace(self, begin=begin, end=end, same="", ceil=False)

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

    def attributes(self, *, pools: bool = False) -> dict[str, Any]:
        """Return the window in ONNX's words; only where it pools, it may round up."""
        words: dict[str, Any] = {"kernel_shape": self.kernel, "strides": self.stride}
        if any(step != 1 for step in self.dilation):
            words["dilations"] = self.dilation
        if pools and self.ceil:
            words["ceil_mode"] = 1
        if self.same:
            return words | {"auto_pad": f"SAME_{self.same.upper()}"}
        return words | {"pads": (*self.begin, *self.end)}

    def declared(self, sizes: Sequence[int]) -> list[tuple[int, int]]:
        """Return the pixels before and after each axis that are asked for, at this input size."""
        if not self.same:
            return list(zip(self.begin, self.end, strict=True))
        pads = []
        for size, span, stride in zip(sizes, self.spans, self.stride, strict=True):
            total = max((-(-size // stride) - 1) * stride + span - size, 0)
            less, more = total // 2, total - total // 2
            pads.append((more, less) if self.same == "lower" else (less, more))
        return pads

    def positions(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Return the number of windows along each axis; none or fewer where it is too short.

        With `ceil` a window that would begin in the padding after the input is dropped.
        """
        counts = []
        rows = zip(sizes, self.declared(sizes), self.spans, self.stride, strict=True)
        for size, (begin, end), span, stride in rows:
            room = begin + size + end - span
            steps = -(-room // stride) if self.ceil else room // stride
            if self.ceil and steps * stride >= begin + size:
                steps -= 1
            counts.append(steps + 1)
        return tuple(counts)

    def grown(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Return the lengths of the axes of a transposed convolution's result."""
        rows = zip(sizes, self.declared(sizes), self.spans, self.stride, strict=True)
        return tuple(stride * (size - 1) + span - a - b for size, (a, b), span, stride in rows)

    def exact(self, sizes: Sequence[int]) -> list[tuple[int, int]]:
        """As `declared`, but the end such that the windows, rounded down, just cover it."""
        begins = [begin for begin, _ in self.declared(sizes)]
        rows = zip(sizes, begins, self.positions(sizes), self.spans, self.stride, strict=True)
        return [
            (begin, (count - 1) * stride + span - begin - size)
            for size, begin, count, span, stride in rows
        ]
