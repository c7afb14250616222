"""Circuits: the weights by which channels of one layer act on channels of the next.

Only where that is one number, or one kernel, for each pair of channels: a convolution (or linear
layer) between the two, and else only what treats each channel by itself, or sets channels beside
each other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import fx, nn

from entoptic.errors import BadSetting
from entoptic.layers import LOGITS, Layer
from entoptic.networks.compile.trace import Untraceable, traced
from entoptic.networks.frozen import frozen_copy
from entoptic.networks.model import Model

# Modules, functions and methods that keep channels apart and in order, by name.
_CHANNELWISE = re.compile(
    r"(leaky_?|p|c|s)?relu[6_]?|[cs]?elu|gelu|silu|mish|hard_?(swish|tanh)|softplus|identity"
    r"|dropout[23]?d?|(adaptive_?)?(max|avg)_?pool2d|globalaverage|flatten|contiguous"
    r"|zeropad2d|samepadding|batchnorm2d",
    re.I,
)
_BESIDE = re.compile(r"concat|cat", re.I)
_CONVOLUTIONS = ("Conv2d", "Conv2dSame")


@dataclass(frozen=True, eq=False)
class Weights:
    """All weights from one layer to another.

    Args:
        source: the layer that is read.
        target: the layer that is written.
        kernels: (target's channels, source's channels, rows, columns); 0 where nothing leads from
            one to the other.
    """

    source: Layer
    target: Layer
    kernels: NDArray[np.float32]

    @property
    def totals(self) -> NDArray[np.float32]:
        """The sum of each kernel, (target's channels, source's channels).

        What a channel adds to another where its activation is 1 everywhere: above 0 it excites,
        below 0 it inhibits.
        """
        totals: NDArray[np.float32] = self.kernels.sum((2, 3))
        return totals


@dataclass(frozen=True, eq=False)
class _Piece:
    """Channels of a value that one convolution has written, each times a factor."""

    convolution: fx.Node
    scale: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Read:
    """Channels of a value that are a whole layer's, each times a factor."""

    layer: Layer
    start: int
    scale: NDArray[np.float32]


class Circuits:
    """The graph of a network, asked for weights between layers.

    Args:
        model: the network.
        layers: between which weights are looked for.

    Raises:
        BadSetting: the network's graph isn't known.
    """

    def __init__(self, model: Model, layers: Collection[Layer]) -> None:
        if model.members:
            raise BadSetting(f"{model.source} is several networks; weights are those of one")
        try:
            self._tracer, _ = traced(frozen_copy(model.module))
        except Untraceable as reason:
            raise BadSetting(
                f"the forward pass of {model.source} can't be traced ({reason})"
            ) from None
        self._model = model
        self._widths: dict[fx.Node, int | None] = {}
        self._nodes: dict[Layer, fx.Node] = {}
        self._layers: dict[fx.Node, list[Layer]] = {}
        for layer in layers:
            if (node := self._node(model.resolve(layer))) is not None:
                self._nodes[layer] = node
                self._layers.setdefault(node, []).append(layer)

    def weights(self) -> Iterator[Weights]:
        """Yield the weights of each pair of layers where they are meaningful, target by target."""
        for target, node in self._nodes.items():
            found: dict[Layer, list[tuple[int, NDArray[np.float32]]]] = {}
            start = 0
            for piece in self._written(node) or ():
                for read in self._read(_argument(piece.convolution)):
                    kernels = self._kernels(piece.convolution)
                    part = kernels[:, read.start : read.start + len(read.scale)]
                    if part.shape[1] == len(read.scale):
                        scale = piece.scale[:, None] * read.scale
                        scaled = (part * scale[..., None, None]).astype(np.float32)
                        found.setdefault(read.layer, []).append((start, scaled))
                start += len(piece.scale)
            for source, parts in found.items():
                yield Weights(source, target, _together(start, parts))

    def classes(self) -> tuple[Layer, ...]:
        """Return the layers whose channels are the scores of the labelled classes."""
        labels, found = self._model.labels, list[Layer]()
        node = self._node(self._model.resolve(LOGITS))
        while node is not None:
            found += self._layers.get(node, ())
            node = _argument(node) if self._is(node, _CHANNELWISE) else None
        table = self._model.layers()
        return tuple(each for each in found if labels and table[each].channels == len(labels))

    def _node(self, layer: Layer) -> fx.Node | None:
        ports = self._tracer.inputs if layer.port == "input" else self._tracer.outputs
        calls = ports[self._model.paths[layer.name]]
        return calls[layer.call] if layer.call < len(calls) else None

    def _written(self, node: fx.Node | None) -> list[_Piece] | None:
        """Return the convolutions that have written a value, in the order of its channels."""
        if node is None:
            return None
        if self._is_convolution(node):
            return [_Piece(node, np.ones(len(self._kernels(node)), np.float32))]
        if self._is(node, _BESIDE):
            pieces: list[_Piece] = []
            for each in node.all_input_nodes:
                if (more := self._written(each)) is None:
                    return None
                pieces += more
            return pieces
        inner = self._written(_argument(node)) if self._is(node, _CHANNELWISE) else None
        if inner is None:
            return None
        scale = self._scale(node, sum(len(each.scale) for each in inner))
        ends = np.cumsum([len(each.scale) for each in inner])[:-1]
        parts = np.split(scale, ends)
        return [
            replace(one, scale=one.scale * part) for one, part in zip(inner, parts, strict=True)
        ]

    def _read(self, node: fx.Node | None) -> list[_Read]:
        """Return the nearest layers whose channels a value holds."""
        if node is None:
            return []
        if node in self._layers:
            width = self._width(node) or 0
            return [_Read(layer, 0, np.ones(width, np.float32)) for layer in self._layers[node]]
        if self._is(node, _BESIDE):
            found, start = list[_Read](), 0
            for each in node.all_input_nodes:
                found += [replace(one, start=start + one.start) for one in self._read(each)]
                if (wide := self._width(each)) is None:
                    break
                start += wide
            return found
        if not self._is(node, _CHANNELWISE):
            return []
        inner = self._read(_argument(node))
        ends = [one.start + len(one.scale) for one in inner]
        scale = self._scale(node, max(ends, default=0))
        return [
            replace(one, scale=one.scale * scale[one.start : end])
            for one, end in zip(inner, ends, strict=True)
        ]

    def _width(self, node: fx.Node) -> int | None:
        """Return the number of channels of a value; None where that isn't known."""
        if node not in self._widths:
            self._widths[node] = self._found_width(node)
        return self._widths[node]

    def _found_width(self, node: fx.Node) -> int | None:
        for layer in self._layers.get(node, ()):
            return self._model.layers()[layer].channels
        if self._is_convolution(node):
            return len(self._kernels(node))
        if self._is(node, _BESIDE):
            parts = [self._width(each) for each in node.all_input_nodes]
            return None if None in parts else sum(each or 0 for each in parts)
        inner = _argument(node) if self._is(node, _CHANNELWISE) else None
        return None if inner is None else self._width(inner)

    def _module(self, node: fx.Node) -> nn.Module | None:
        is_module = node.op == "call_module"
        return self._tracer.root.get_submodule(str(node.target)) if is_module else None

    def _is(self, node: fx.Node, kind: re.Pattern[str]) -> bool:
        """Tell whether a node's module, function or method has such a name."""
        module = self._module(node)
        told = node.target if module is None else type(module)
        name = told if isinstance(told, str) else getattr(told, "__name__", "")
        return bool(kind.fullmatch(name)) and node.op.startswith("call_")

    def _is_convolution(self, node: fx.Node) -> bool:
        """Tell whether a node is a convolution of one value, or a linear layer of its channels."""
        module = self._module(node)
        if type(module).__name__ in _CONVOLUTIONS:
            return True
        if type(module) is not nn.Linear:
            return False
        # After several positions were laid beside each other, it has more inputs than channels.
        inner = _argument(node)
        return inner is not None and self._width(inner) in (None, module.in_features)

    def _kernels(self, node: fx.Node) -> NDArray[np.float32]:
        """Return a convolution's kernels, (outputs, inputs, rows, columns)."""
        module = self._module(node)
        assert isinstance(module, nn.Conv2d | nn.Linear)
        kernels: NDArray[np.float32] = module.weight.detach().float().cpu().numpy()
        if isinstance(module, nn.Linear):
            return kernels[:, :, None, None]
        outputs, inputs = kernels.shape[:2]
        full = np.zeros((outputs, inputs * module.groups, *kernels.shape[2:]), np.float32)
        for group in range(module.groups):
            rows = slice(*(outputs // module.groups * at for at in (group, group + 1)))
            full[rows, inputs * group : inputs * (group + 1)] = kernels[rows]
        return full

    def _scale(self, node: fx.Node, width: int) -> NDArray[np.float32]:
        """Return by which a node multiplies each channel, as far as that is always the same."""
        module = self._module(node)
        if not isinstance(module, nn.BatchNorm2d) or module.running_var is None:
            return np.ones(width, np.float32)
        scale = (module.running_var + module.eps) ** -0.5
        scale = scale if module.weight is None else scale * module.weight
        found: NDArray[np.float32] = scale.detach().float().cpu().numpy()[:width]
        return found


def _argument(node: fx.Node) -> fx.Node | None:
    """Return the first value that a node is fed."""
    return node.all_input_nodes[0] if node.all_input_nodes else None


def _together(
    targets: int, parts: Sequence[tuple[int, NDArray[np.float32]]]
) -> NDArray[np.float32]:
    """Return kernels of several convolutions as those of one: the smaller amid zeros."""
    rows, columns = (max(part.shape[side] for _, part in parts) for side in (2, 3))
    sources = parts[0][1].shape[1]
    whole = np.zeros((targets, sources, rows, columns), np.float32)
    for start, part in parts:
        top, left = (rows - part.shape[2]) // 2, (columns - part.shape[3]) // 2
        end = start + len(part)
        whole[start:end, :, top : top + part.shape[2], left : left + part.shape[3]] += part
    return whole
