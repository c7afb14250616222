"""Builds the module of a checked graph: constants first, then one child per node."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from entoptic.errors import BadModelFile
from entoptic.formats.files import reason
from entoptic.formats.onnx.cutting import ending_at, listed, told, without, without_constant_outputs
from entoptic.formats.onnx.dry_run import DryRun, measured
from entoptic.formats.onnx.graph import Graph, GraphNode, read_graph
from entoptic.formats.onnx.layout import channels_second
from entoptic.formats.onnx.module import GraphModule, Step
from entoptic.formats.onnx.operators import OPERATORS, REFUSED, Node, Operand, Operation

if TYPE_CHECKING:
    import onnx

_SIZES = frozenset({"Shape", "Size"})
_SOFTMAXES = frozenset({"Softmax", "LogSoftmax"})
_ONLY_SHAPE = frozenset(
    {"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast", "Dropout"}
)

# The errors that torch raises when the numbers of a file don't make sense together.
_NONSENSE = (ArithmeticError, IndexError, RuntimeError, TypeError, ValueError)

_MAX_GROWN = 2**28
"""The most numbers (1 GiB of them) that are computed from a file beyond those that are in it.

The standard's own VGG-19 makes its 144 million weights from their shapes.
"""

_GUESSED_SIZE = 224
"""Height and width that free axes are given in the dry run: ImageNet's."""

_MOST_CUTS = 16
"""The most times that a graph is cut short, each time before one more node; then it is refused."""

_OTHER_BATCH = 7
"""A batch size that is unlikely to be the length of another axis."""


@dataclass(frozen=True)
class Imported:
    """A network that came from an ONNX graph.

    Args:
        module: takes (batch, channels, height, width); returns a tensor, or a tuple of several.
            Its weights are float32 and frozen, whatever the file's floating type was.
        addresses: name of each node in the file to the path of its submodule in `module`.
        input_shape: as the graph declares it, channels second; None where it is free.
        output: address of the node that makes the first output.
        logits: address of the last node before a softmax at the end; without one, the output.
        metadata: what the exporting program noted.
        notes: what was left off the graph.
    """

    module: nn.Module
    addresses: Mapping[str, str]
    input_shape: tuple[int | None, ...]
    output: str
    logits: str | None
    metadata: Mapping[str, str]
    notes: tuple[str, ...] = ()


def from_graph(model: onnx.ModelProto, output: str | None = None, layout: str = "nchw") -> Imported:
    """Turn an ONNX model into a module of torch.

    Nodes that depend on constants alone are computed here and have no address. A graph that was
    exported for batches of one runs with other batches too, wherever it can be shown that axis 0 of
    a fixed Reshape is the batch. What can't be imported is left off with all that depends on it, as
    long as something of the network remains.

    Args:
        model: as `load_graph` reads it, or as another reader makes it.
        output: name of the node at which the network is to end; None for its own end.
        layout: of the graph's input, `nchw` or `nhwc`; or `GUESS`, for what it looks like.

    Returns:
        The module with one child per node, and where everything is.

    Raises:
        BadModelFile: the graph is damaged or dangerous, or uses operators that aren't imported
            (all of them are named) before anything else.
        BadSetting: there is no such node.
    """
    graph = channels_second(read_graph(model), layout)
    if output is not None:
        graph = ending_at(graph, output)
    left_off: list[str] = []
    while True:
        try:
            imported = _built(graph)
        except _CannotImport as error:
            kept = None if output is not None else without(graph, error.nodes)
            if kept is None or len(left_off) == _MOST_CUTS:
                raise
            left_off.append(error.what)
            graph = kept
        else:
            notes = (told(graph, left_off),) if left_off else ()
            return replace(imported, notes=(*notes, *imported.notes))


class _CannotImport(BadModelFile):
    """Some nodes can't be imported, though the file isn't damaged.

    Args:
        message: what is wrong.
        what: the same, for a list.
        nodes: names of the nodes.
    """

    def __init__(self, message: str, what: str, nodes: Collection[str]) -> None:
        super().__init__(message)
        self.what = what
        self.nodes = nodes


def _built(graph: Graph) -> Imported:
    _check_operators(graph)
    kept = without_constant_outputs(graph)
    builder = _Builder(kept)
    for node in kept.nodes:
        builder.add(node)
    lost = ", ".join(repr(name) for name in graph.outputs if name not in kept.outputs)
    note = f"left off, since it is the same for every picture: the output {lost}"
    return replace(builder.finish(), notes=(note,) if lost else ())


def _check_operators(graph: Graph) -> None:
    """Refuse the operators that aren't known, with their nodes, in one error."""
    unknown: dict[str, list[str]] = {}
    for node in graph.nodes:
        if node.op not in OPERATORS and node.op != "Constant":
            unknown.setdefault(node.op, []).append(node.name)
    if not unknown:
        return
    parts = []
    for op, names in unknown.items():
        why = f"; it {REFUSED[op]}" if op in REFUSED else ""
        parts.append(f"{op} ({listed(names)}{why})")
    raise _CannotImport(
        f"operators that can't be imported: {', '.join(parts)}; "
        "export the network with other operators",
        ", ".join(f"{op} ({listed(names)})" for op, names in unknown.items()),
        [name for names in unknown.values() for name in names],
    )


class _Builder:
    """Collects the children of a graph, node by node."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.constants = dict(graph.constants)
        self.sizes: set[str] = set()  # values that are computed from sizes alone
        self.children: dict[str, nn.Module] = {}
        self.addresses: dict[str, str] = {}
        self.steps: list[Step] = []
        self.asked_for = {name for node in graph.nodes for name in node.inputs} | {*graph.outputs}
        self.grown = 0
        self.last_use = self._last_uses()
        shape = graph.input_shape
        self.is_declared = len(shape) > 0 and None not in shape[1:]
        guess = (1, 3, *(_GUESSED_SIZE,) * max(len(shape) - 2, 0))
        known = [size or guessed for size, guessed in zip(shape, guess, strict=False)]
        self.dry = DryRun(graph.input, known)
        # A graph for batches of one only is watched with another batch too: an axis 0 that goes
        # from 1 to 7 while all else stays as it is, is the batch.
        self.other = DryRun(graph.input, [_OTHER_BATCH, *known[1:]])
        self.is_for_one = len(shape) > 0 and shape[0] == 1

    def _last_uses(self) -> dict[str, str]:
        """Return each value, and the node after which it may be forgotten."""
        last = {}
        for node in self.graph.nodes:
            last.update(dict.fromkeys(filter(None, (*node.outputs, *node.inputs)), node.name))
        return {name: node for name, node in last.items() if name not in self.graph.outputs}

    def add(self, source: GraphNode) -> None:
        """Fold a node into the constants, or make it a child."""
        if source.op == "Constant":
            self.constants[source.outputs[0]] = _constant(source)
            return
        used = [name for name in source.inputs if name]
        if used and all(name in self.constants for name in used):
            self._fold(source)
        else:
            self._add_child(source)

    def _fold(self, source: GraphNode) -> None:
        """Compute a node whose inputs are all constants."""
        first, *others = source.inputs
        known = [self.constants[name] for name in source.inputs if name]
        node = Node(
            source,
            source.opset or self.graph.opset,
            (
                # Given at run time, for the module to have something to run on.
                Operand(shape=tuple(known[0].shape), present=bool(first)),
                *(self._operand(name) for name in others),
            ),
            used=tuple(bool(self._if_used(name)) for name in source.outputs),
        )
        child = _build(node)
        try:
            self._spend(self._growth(child, known))
            with torch.no_grad():
                made = child(known[0])
        except _NONSENSE as error:
            node.refuse(f"its constants don't fit together: {reason(error)}")
        results = made if isinstance(made, tuple) else (made,)
        self.constants.update(zip(source.outputs, results, strict=False))

    def _growth(self, child: nn.Module, given: Sequence[Tensor]) -> int:
        """Count the numbers that a node makes beyond those that it is given."""
        try:
            made = measured(child, given[:1])
        except NotImplementedError:  # depends on the numbers: NonZero, an index per axis at most
            return given[0].numel() * given[0].dim()
        results = made if isinstance(made, tuple) else (made,)
        return max(sum(part.numel() for part in results) - sum(part.numel() for part in given), 0)

    def _spend(self, grown: int) -> None:
        """Count what constants grow by: a small file may not fill the memory."""
        self.grown += grown
        if self.grown > _MAX_GROWN:
            raise BadModelFile(f"its constants grow to more than {_MAX_GROWN} numbers")

    def _operand(self, name: str) -> Operand:
        if not name:
            return Operand(present=False)
        if name in self.constants:
            constant = self.constants[name]
            return Operand(constant=constant, shape=tuple(constant.shape))
        shape, other = self.dry.shape(name), self.other.shape(name)
        is_batch = (
            self.is_for_one
            and shape is not None
            and other is not None
            and shape[:1] == (1,)
            and other == (_OTHER_BATCH, *shape[1:])
        )
        return Operand(shape=shape, is_batch=is_batch)

    def _add_child(self, source: GraphNode) -> None:
        arguments = tuple(name for name in source.inputs if name and name not in self.constants)
        is_host = all(name in self.sizes for name in arguments)
        operands = tuple(self._operand(name) for name in source.inputs)
        used = tuple(self._if_used(name) for name in source.outputs)
        node = Node(
            source, source.opset or self.graph.opset, operands, is_host, tuple(map(bool, used))
        )
        try:
            child = _build(node)
        except BadModelFile as error:
            raise _CannotImport(str(error), str(error), [source.name]) from None
        several = isinstance(child, Operation) and child.several
        if not several and any(used[1:]):
            text = f"node {source.name!r} ({source.op}): its second output isn't imported"
            raise _CannotImport(f"{text}, but the graph uses it", text, [source.name])
        forget = dict.fromkeys(
            name
            for name in (*arguments, *(used if several else used[:1]))
            if self.last_use.get(name) == source.name
        )
        step = Step(
            child=self._child_name(source.name),
            arguments=arguments,
            results=used if several else source.outputs[:1],
            several=several,
            forget=tuple(forget),
        )
        self._try(step, child, node, is_host or source.op in _SIZES)
        self.children[step.child] = child
        self.addresses[source.name] = step.child
        self.steps.append(step)
        if is_host or source.op in _SIZES:
            self.sizes.update(source.outputs)

    def _if_used(self, name: str) -> str:
        """Return the name, empty where neither a node nor the caller asks for the value."""
        return name if name in self.asked_for else ""

    def _try(self, step: Step, child: nn.Module, node: Node, is_host: bool) -> None:
        """Try a step without numbers, and refuse where it is known that it can't run."""
        try:
            self.dry.run(child, step, is_host)
        except _NONSENSE as error:
            # Where sizes are only guessed, a step may fail that would run with others.
            if self.is_declared or isinstance(error, BadModelFile):
                size = list(self.dry.input_shape)
                node.refuse(f"can't run with an input of {size}: {reason(error)}")
        if self.is_for_one:
            with suppress(*_NONSENSE):
                self.other.run(child, step, is_host)
        self.dry.forget(step.forget)
        self.other.forget(step.forget)

    def _child_name(self, address: str) -> str:
        """Return a name that a submodule may have, and that torch.fx can write."""
        name = re.sub(r"\W+", "_", address, flags=re.ASCII).strip("_") or "node"
        if name[0].isdigit() or hasattr(_EMPTY, name):
            name = f"node_{name}"
        number, unique = 2, name
        while unique in self.children:
            unique = f"{name}_{number}"
            number += 1
        return unique

    def finish(self) -> Imported:
        graph = self.graph
        makers = {output: node for node in graph.nodes for output in filter(None, node.outputs)}
        for name in graph.outputs:
            if name not in makers or makers[name].name not in self.addresses:
                raise BadModelFile(f"the output {name!r} doesn't depend on the input")
        steps = tuple(self.steps)
        module = GraphModule(self.children, steps, graph.input, graph.outputs)
        last = makers[graph.outputs[0]]
        return Imported(
            module=module,
            addresses=self.addresses,
            input_shape=graph.input_shape,
            output=last.name,
            logits=self._logits(last, makers),
            metadata=graph.metadata,
        )

    def _logits(self, last: GraphNode, makers: Mapping[str, GraphNode]) -> str | None:
        """Return the address of a final softmax's input; without a softmax, of the last node."""
        node: GraphNode | None = last
        while node is not None and node.op in _ONLY_SHAPE:
            node = makers.get(node.inputs[0])
        if node is None or node.op not in _SOFTMAXES:
            return last.name
        before = makers.get(node.inputs[0])
        return before.name if before is not None and before.name in self.addresses else None


_EMPTY = GraphModule({}, (), "", ())


def _build(node: Node) -> nn.Module:
    """Return the node's module, its attributes checked."""
    try:
        child = OPERATORS[node.source.op](node)
    except BadModelFile:
        raise
    except _NONSENSE as error:
        node.refuse(f"its weights and settings don't fit together: {reason(error)}")
    node.check_all_read()
    _check_inputs(node, child)
    return child.requires_grad_(False).eval()


def _check_inputs(node: Node, child: nn.Module) -> None:
    """Refuse a node that hasn't the inputs that its module needs."""
    if not isinstance(child, Operation):
        computed = [i for i, part in enumerate(node.operands) if part.present and i != 0]
        if not node.has_input(0) or any(node.constant(index) is None for index in computed):
            node.refuse("all its inputs but the first must be in the file")
        return
    try:
        needs = child.inputs().bind(*node.operands).signature.parameters
    except TypeError as error:
        node.refuse(f"it has {len(node.operands)} inputs: {error}")
    for parameter, operand in zip(needs.values(), node.operands, strict=False):
        if parameter.default is inspect.Parameter.empty and not operand.present:
            node.refuse(f"its input {parameter.name!r} is missing")


def _constant(source: GraphNode) -> Tensor:
    """Return the value that a Constant node holds."""
    match dict(source.attributes):
        case {"value": Tensor() as tensor}:
            return tensor
        case {"value_int": int() as number} | {"value_float": float() as number}:
            return torch.tensor(number)
        case {"value_ints": tuple() as numbers}:
            return torch.tensor(numbers, dtype=torch.int64)
        case {"value_floats": tuple() as numbers}:
            return torch.tensor(numbers, dtype=torch.float32)
    raise BadModelFile(f"node {source.name!r} (Constant) holds no value that is imported")
