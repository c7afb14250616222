"""Patterns of several TensorFlow nodes that mean one simpler thing, replaced before translation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from entoptic.formats.tensorflow.graphdef import Node

# What TensorFlow's dropout puts between its random numbers and its mask.
_MASKING = {"Floor", "Cast", "Add", "AddV2", "Sub", "Mul", "GreaterEqual", "Identity"}
_MAX_MASKING = 32  # nodes of one mask; TensorFlow's own have about eight


def simplified(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """Return a graph without dropout, and with space-to-batch tricks as dilated convolutions."""
    return _dilated(_without_dropout(nodes))


def source(reference: str) -> str:
    """Return the node that a value comes from.

    >>> source("split:1")
    'split'
    """
    return reference.partition(":")[0]


def consumers(nodes: Mapping[str, Node]) -> dict[str, list[Node]]:
    """Return the nodes that use each node's values."""
    users: dict[str, list[Node]] = defaultdict(list)
    for node in nodes.values():
        for name in dict.fromkeys(map(source, node.inputs)):
            users[name].append(node)
    return users


def _without_dropout(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """Pass x of `x / keep * mask` on: a trained network keeps everything."""
    result = dict(nodes)
    for node in nodes.values():
        kept = _kept(nodes, node)
        if kept is not None:
            result[node.name] = Node(node.name, "Identity", (kept,))
    return result


def _kept(nodes: Mapping[str, Node], node: Node) -> str | None:
    if node.op == "Mul" and len(node.inputs) == 2:
        orders = [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])]
    elif node.op in ("Select", "SelectV2") and len(node.inputs) == 3:
        orders = [(node.inputs[1], node.inputs[0])]
    else:
        return None
    for scaled, mask in orders:
        scaling = nodes.get(source(scaled))
        if (
            scaling is not None
            and scaling.op in ("RealDiv", "Div", "Mul")
            and len(scaling.inputs) == 2
            and _is_random(nodes, mask)
        ):
            return scaling.inputs[0]
    return None


def _is_random(nodes: Mapping[str, Node], mask: str) -> bool:
    waiting, seen = [source(mask)], set[str]()
    first = nodes.get(waiting[0])
    if first is None or first.op not in ("Floor", "Cast", "GreaterEqual"):
        return False
    while waiting and len(seen) < _MAX_MASKING:
        name = waiting.pop()
        if name in seen or name not in nodes:
            continue
        seen.add(name)
        if nodes[name].op == "RandomUniform":
            return True
        if nodes[name].op in _MASKING:
            waiting += map(source, nodes[name].inputs)
    return False


def _dilated(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """SpaceToBatchND > convolution (> BiasAdd) > BatchToSpaceND is how TensorFlow 1 dilates.

    The convolution takes over the inputs of both: value, kernel, block, paddings, block, crops.
    """
    result = dict(nodes)
    users = consumers(nodes)
    for spread in nodes.values():
        if spread.op != "SpaceToBatchND" or len(spread.inputs) != 3:
            continue
        chain = list(_line(users, spread))
        kinds = [node.op for node in chain]
        if (
            kinds[:1] not in (["Conv2D"], ["DepthwiseConv2dNative"])
            or kinds[1:] not in (["BatchToSpaceND"], ["BiasAdd", "BatchToSpaceND"])
            or len(chain[0].inputs) != 2
            or len(chain[-1].inputs) != 3
        ):
            continue
        convolution, gather = chain[0], chain[-1]
        value, *spreading = spread.inputs
        inputs = (value, convolution.inputs[1], *spreading, *gather.inputs[1:])
        result[convolution.name] = replace(convolution, inputs=inputs)
        result[gather.name] = Node(gather.name, "Identity", gather.inputs[:1])
    return result


def _line(users: Mapping[str, list[Node]], node: Node) -> Iterator[Node]:
    """Yield the next nodes, as long as each has one user that takes it as its first input."""
    for _ in range(3):
        following = users.get(node.name, [])
        if len(following) != 1 or source(following[0].inputs[0]) != node.name:
            return
        node = following[0]
        yield node
        if node.op == "BatchToSpaceND":
            return
