"""The windows of ONNX's nodes, and the padding of a tensor."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from entoptic.formats.onnx.operators.operation import READERS, Node
from entoptic.formats.windows import LARGEST, Window

_SAME = {"SAME_UPPER": "upper", "SAME_LOWER": "lower"}


def window_of(node: Node, kernel: tuple[int, ...]) -> Window:
    """Return the window that a node's attributes describe."""
    count = len(kernel)
    auto = node.text("auto_pad", "NOTSET", ("NOTSET", "VALID", *_SAME))
    none = (0,) * (2 * count)
    pads = node.integers("pads", none, 0, LARGEST, 2 * count)
    if auto == "VALID":
        pads = none
    return Window(
        kernel=kernel,
        stride=node.integers("strides", (1,) * count, 1, LARGEST, count),
        dilation=node.integers("dilations", (1,) * count, 1, LARGEST, count),
        begin=pads[:count],
        end=pads[count:],
        same=_SAME.get(auto, ""),
        ceil=node.flag("ceil_mode", False),
    )


def pool_window(node: Node) -> Window:
    """Return the window that the attributes of a pooling node describe."""
    kernel = node.integers("kernel_shape", (), 1, LARGEST)
    if not 1 <= len(kernel) <= 3:
        node.refuse(f"kernel_shape is {list(kernel)}; it needs 1 to 3 numbers")
    return window_of(node, kernel).fixed()


READERS[Window] = lambda node, name, default: pool_window(node)


def pad(x: Tensor, pads: list[tuple[int, int]], value: float = 0.0) -> Tensor:
    """Pad the last axes; a negative pad cuts."""
    flat = [pad for pair in reversed(pads) for pad in pair]
    return F.pad(x, flat, value=value) if any(flat) else x


def spatial_sizes(x: Tensor, window: Window) -> tuple[int, ...]:
    return tuple(x.shape[-len(window.kernel) :])


def pad_for(x: Tensor, window: Window) -> Tensor:
    """Add the zeros around the input that the window asks for."""
    return pad(x, window.declared(spatial_sizes(x, window)))
