"""Reads a network that MXNet saved into one ONNX graph, layer names and all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from entoptic.errors import BadModelFile
from entoptic.formats.mxnet import activations, norms, pointwise, reshape, shaping, windows
from entoptic.formats.mxnet.attributes import TextAttributes
from entoptic.formats.mxnet.graph import OPERATORS, Call, Value
from entoptic.formats.mxnet.params import Array, read_params
from entoptic.formats.mxnet.sizes import checked, input_size
from entoptic.formats.mxnet.symbol import Node, Output, Symbol, read_symbol
from entoptic.formats.onnx_graph import GraphBuilder, onnx_package

if TYPE_CHECKING:
    import onnx

# Each of these registers its operators when it is imported.
_FAMILIES = (activations, norms, pointwise, reshape, shaping, windows)

_LARGEST_GRAPH = 2**31 - 2**20  # protobuf's limit, with room for the nodes
_LOSSES = {
    "SoftmaxOutput",
    "Softmax",
    "LinearRegressionOutput",
    "LogisticRegressionOutput",
    "MAERegressionOutput",
    "SVMOutput",
}
_BATCH_NORMS = {"BatchNorm", "BatchNorm_v1", "CuDNNBatchNorm"}
_STATISTICS = ("moving_mean", "moving_var")
_WEIGHT_ENDINGS = ("_weight", "_bias", "_gamma", "_beta", "_mean", "_var")
_AXES = {3: ("width",), 4: ("height", "width"), 5: ("depth", "height", "width")}
# Operators that cut the channels of the picture into parts, and that leave them as they are.
_CUT_CHANNELS = {"SliceChannel", "split"}
_KEEP_CHANNELS = {
    *("_copy", "identity", "Cast", "cast", "amp_cast", "Dropout", "clip", "Pad", "pad", "Pooling"),
    *("broadcast_add", "broadcast_sub", "broadcast_mul", "broadcast_div", "elemwise_sub", "_sub"),
    *("_plus_scalar", "_minus_scalar", "_mul_scalar", "_div_scalar", "_minus", "_Minus"),
    *("_PlusScalar", "_MinusScalar", "_MulScalar", "_DivScalar"),
}


def read_mxnet(symbol: Path, params: Path) -> onnx.ModelProto:
    """Read an MXNet network and its weights into an ONNX model.

    Each ONNX node bears the name of the MXNet node that it does the work of; where several do
    it, the last one has the plain name and those before it are called `NAME/flatten` and so on.
    The graph computes in float32, works for every batch, and, as far as the operators allow, for
    every height and width. Labels and losses stay behind: a SoftmaxOutput becomes a Softmax.

    Args:
        symbol: the file `NAME-symbol.json`, of any MXNet release.
        params: the file `NAME-0000.params` that belongs to it.

    Returns:
        A model of opset 17, channels second. Its metadata say `entoptic.source` (mxnet),
        `entoptic.preprocess` (guess: MXNet files don't tell) and, where the file says or implies
        one, `entoptic.input_size` as "height,width".

    Raises:
        BadModelFile: a file is damaged or dangerous, they don't belong together, or an operator
            can't be imported and nothing comes before it; else the network ends there.
        MissingExtra: the package onnx isn't installed.

    Source: MXNet 1.9.1, whose answers the operators were compared with.

    >>> read_mxnet(Path("no-symbol.json"), Path("no-0000.params"))
    Traceback (most recent call last):
    entoptic.errors.BadModelFile: can't read no-symbol.json: No such file or directory
    """
    network, left_off = _known(read_symbol(symbol))
    needed = _needed(network)
    helper = onnx_package("MXNet import").helper
    arrays = read_params(params)
    if sum(array.size * 4 for array in arrays.values()) > _LARGEST_GRAPH:
        raise BadModelFile(f"{params}: more than 2 GiB of weights; ONNX can't hold them")
    translator = _Translator(network, needed, arrays, params)
    model: onnx.ModelProto = translator.model()
    notes = {"entoptic.source": "mxnet", "entoptic.preprocess": "guess"}
    if left_off:
        notes["entoptic.left_off"] = left_off
    size = _declared_size(network.nodes[translator.picture]) or input_size(model)
    if size is not None:
        notes["entoptic.input_size"] = f"{size[0]},{size[1]}"
    helper.set_model_props(model, notes)
    return model


class _Translator:
    """Translates the nodes in their order, each one given the values of those before it."""

    def __init__(
        self, symbol: Symbol, needed: list[int], arrays: Mapping[str, Array], params: Path
    ) -> None:
        self.symbol = symbol
        self.needed = needed
        self.arrays = arrays
        self.params = params
        self.graph = GraphBuilder(place=f"{symbol.path}: ")
        self.values: dict[Output, Value] = {}
        self.names = {index: self.graph.claim(symbol.nodes[index].name) for index in needed}
        self.picture = self._find_picture()

    def fail(self, text: str) -> BadModelFile:
        return BadModelFile(f"{self.symbol.path}: {text}")

    def model(self) -> onnx.ModelProto:
        """Return the whole network as an ONNX model whose shapes fit together."""
        axes = self._picture_axes()
        for index in self.needed:
            node = self.symbol.nodes[index]
            if index == self.picture:
                self.values[Output(index, 0)] = Value(self.names[index], len(axes))
            elif node.is_variable:
                self.values[Output(index, 0)] = self._stored(self.names[index], node.name)
            else:
                self._translate(index, node)
        outputs = [self._head(head) for head in self.symbol.heads]
        picture = {self.names[self.picture]: axes}
        return checked(self.graph.model("mxnet", picture, dict.fromkeys(outputs)), self.symbol.path)

    def _find_picture(self) -> int:
        free = [
            index
            for index in self.needed
            if self.symbol.nodes[index].is_variable
            and self.symbol.nodes[index].name not in self.arrays
        ]
        names = [self.symbol.nodes[index].name for index in free]
        lost = [name for name in names if name.endswith(_WEIGHT_ENDINGS)]
        if lost:
            raise BadModelFile(
                f"{self.params}: no array for {_listed(lost)}, which {self.symbol.path} needs; "
                "do the two files belong together?"
            )
        if len(free) != 1:
            raise self.fail(
                f"the network must have one input, the picture, but has {len(free)}: "
                f"{_listed(names) or 'every variable is stored'}"
            )
        return free[0]

    def _stored(self, name: str, array_name: str) -> Value:
        array = self.arrays[array_name]
        with np.errstate(over="ignore", invalid="ignore"):  # a float64 beyond float32 is infinite
            return Value(name, array.ndim, np.ascontiguousarray(array, np.float32))

    def _translate(self, index: int, node: Node) -> None:
        place = f"{self.symbol.path}: node {node.name!r} ({node.kind})"
        inputs = tuple(self._value(output, place) for output in _inputs(node))
        if node.kind in _BATCH_NORMS and len(inputs) == 3:
            inputs += self._statistics(node, place)
        attributes = TextAttributes(place, node.attributes)
        call = Call(self.names[index], node.kind, inputs, attributes, self.graph)
        made = OPERATORS[node.kind](call)
        for output, value in enumerate(made if isinstance(made, tuple) else (made,)):
            self.values[Output(index, output)] = value

    def _value(self, output: Output, place: str) -> Value:
        if output not in self.values:
            raise BadModelFile(
                f"{place}: output {output.index} of node {self.names[output.node]!r}, "
                "which it is given, can't be imported"
            )
        return self.values[output]

    def _statistics(self, node: Node, place: str) -> tuple[Value, ...]:
        """Before MXNet 0.9 a batch norm's statistics weren't nodes; only their names tell."""
        names = [f"{node.name}_{ending}" for ending in _STATISTICS]
        lost = [name for name in names if name not in self.arrays]
        if lost:
            raise BadModelFile(f"{place}: {self.params} has no array for {_listed(lost)}")
        return tuple(self._stored(self.graph.claim(name), name) for name in names)

    def _head(self, head: Output) -> str:
        if self.symbol.nodes[head.node].is_variable:
            raise self.fail(f"its output {self.names[head.node]!r} is a variable, not a layer")
        return self._value(head, f"{self.symbol.path}: 'heads'").name

    def _picture_axes(self) -> list[int | str]:
        """Return names of the picture's axes; the channels' number where the first layer has it."""
        channels: int | str = "channels"
        kept = {self.picture}
        parts = 1  # into which the picture's channels are cut
        for index in self.needed:
            node = self.symbol.nodes[index]
            if not node.inputs or node.inputs[0].node not in kept:
                continue
            if node.kind in _KEEP_CHANNELS | _BATCH_NORMS:
                kept.add(index)
                continue
            if node.kind in _CUT_CHANNELS:
                kept.add(index)
                parts *= self._attributes(node).integer("num_outputs", 1, low=1, high=2**16)
                continue
            array = self._second_input(node)
            if node.kind in {"Convolution", "Convolution_v1"} and array is not None:
                groups = self._attributes(node).integer("num_group", 1)
                channels = array.shape[1] * groups * parts if array.ndim > 1 else channels
            break
        return ["batch", channels, *_AXES[self._picture_rank()]]

    def _picture_rank(self) -> int:
        """Return two more than the axes of the first kernel; 4 where there is none."""
        for index in self.needed:
            node = self.symbol.nodes[index]
            kernel = self._attributes(node).integers("kernel", ())
            if kernel and not node.is_variable:
                return min(max(len(kernel) + 2, 3), 5)
        return 4

    def _attributes(self, node: Node) -> TextAttributes:
        return TextAttributes(str(self.symbol.path), node.attributes)

    def _second_input(self, node: Node) -> Array | None:
        if len(node.inputs) < 2:
            return None
        return self.arrays.get(self.symbol.nodes[node.inputs[1].node].name)


def _inputs(node: Node) -> tuple[Output, ...]:
    """Return a node's inputs; the labels of a loss don't count."""
    return node.inputs[:1] if node.kind in _LOSSES else node.inputs


def _needed(symbol: Symbol) -> list[int]:
    """Return the nodes that the outputs depend on, in order."""
    needed = {head.node for head in symbol.heads}
    for index in range(len(symbol.nodes) - 1, -1, -1):  # inputs always come before
        if index in needed:
            needed.update(output.node for output in _inputs(symbol.nodes[index]))
    return sorted(needed)


def _known(symbol: Symbol) -> tuple[Symbol, str]:
    """Cut the network before operators that can't be imported, and list them.

    Raises:
        BadModelFile: nothing comes before them.
    """
    needed = _needed(symbol)
    unknown: dict[str, list[str]] = {}
    lost: set[int] = set()
    for index in needed:
        node = symbol.nodes[index]
        if not node.is_variable and node.kind not in OPERATORS:
            unknown.setdefault(node.kind, []).append(node.name)
            lost.add(index)
        elif any(output.node in lost for output in _inputs(node)):
            lost.add(index)
    if not unknown:
        return symbol, ""
    heads = [head for head in symbol.heads if head.node not in lost]
    ends = (output for index in needed if index in lost for output in symbol.nodes[index].inputs)
    before = {e for e in ends if e.node not in lost and not symbol.nodes[e.node].is_variable}
    heads += sorted(before - set(heads), key=lambda output: -output.node)
    if not heads:
        listed = "; ".join(f"{kind!r} (node {_listed(names)})" for kind, names in unknown.items())
        raise BadModelFile(
            f"{symbol.path}: these operators can't be imported: {listed}; "
            "export the network up to the layer before them"
        )
    text = ", ".join(f"{kind} ({_listed(names, 3)})" for kind, names in unknown.items())
    return replace(symbol, heads=tuple(heads)), text


def _listed(names: list[str], most: int = 8) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def _declared_size(picture: Node) -> tuple[int, int] | None:
    """Return height and width, where the picture's variable was made with a shape."""
    try:
        attributes = TextAttributes("", picture.attributes)
        shape = attributes.integers("__shape__", (), low=0, high=2**15)
    except BadModelFile:  # a remark for MXNet's own use, not worth a failure
        return None
    return (shape[2], shape[3]) if len(shape) == 4 and min(shape[2:]) > 0 else None
