"""Reads an MXNet `symbol.json`: the nodes of a network, in order, and which of them are outputs.

Three generations exist: attributes under `param` (and inputs of two numbers), under `attr`,
and under `attrs`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entoptic.errors import BadModelFile
from entoptic.formats.files import contents

_MOST_BYTES = 64 * 2**20
_MOST_NODES = 50_000
_MOST_INPUTS = 4096
_MOST_TEXT = 4096
_VARIABLE = "null"


@dataclass(frozen=True)
class Output:
    """One output of one node."""

    node: int
    index: int


@dataclass(frozen=True)
class Node:
    """One node of the network.

    Args:
        name: its address, as the author of the network gave it.
        kind: MXNet's name of the operator, "null" for a variable.
        inputs: what it is given; only outputs of earlier nodes.
        attributes: as text, all generations alike.
    """

    name: str
    kind: str
    inputs: tuple[Output, ...]
    attributes: Mapping[str, str]

    @property
    def is_variable(self) -> bool:
        """True for the picture, a label, or an array of weights."""
        return self.kind == _VARIABLE


@dataclass(frozen=True)
class Symbol:
    """A network without its weights: nodes, each after all of its inputs, and the outputs."""

    path: Path
    nodes: tuple[Node, ...]
    heads: tuple[Output, ...]


def read_symbol(path: Path) -> Symbol:
    """Read a `symbol.json` of any generation.

    Raises:
        BadModelFile: the file isn't one, or its nodes don't form a network.

    Source: MXNet 1.9.1, 3rdparty/tvm/nnvm/src/pass/saveload_json.cc and
    src/nnvm/legacy_json_util.cc.
    """
    return _Reader(path).symbol()


class _Reader:
    """Checks everything that it takes from the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fail(self, text: str) -> BadModelFile:
        return BadModelFile(f"{self.path}: {text}")

    def symbol(self) -> Symbol:
        document = self.document()
        if not isinstance(document, dict) or not {"nodes", "heads"} <= document.keys():
            raise self.fail("not an MXNet symbol: it lacks 'nodes' or 'heads'")
        nodes: list[Node] = []
        for index, raw in enumerate(self.sequence(document["nodes"], _MOST_NODES, "'nodes'")):
            nodes.append(self.node(raw, index))
        heads = self.outputs(document["heads"], len(nodes), "'heads'")
        if not heads:
            raise self.fail("it has no outputs: 'heads' is empty")
        return Symbol(self.path, tuple(nodes), tuple(dict.fromkeys(heads)))

    def document(self) -> Any:
        text = contents(self.path, _MOST_BYTES)
        try:
            return json.loads(text)
        except RecursionError:
            raise self.fail("not an MXNet symbol: it is nested too deeply") from None
        except ValueError as error:  # not JSON, not UTF-8, or a number with too many digits
            raise self.fail(f"not JSON text: {' '.join(str(error).split())[:200]}") from None

    def node(self, raw: object, index: int) -> Node:
        where = f"node {index}"
        if not isinstance(raw, dict):
            raise self.fail(f"{where} isn't a JSON object")
        kind = self.text(raw.get("op"), f"'op' of {where}")
        name = self.text(raw.get("name"), f"'name' of {where}")
        where = f"node {index} ({name!r})"
        attributes: dict[str, str] = {}
        for key in ("attr", "attrs", "param"):  # the later ones win: `param` is the operator's own
            attributes |= self.attributes(raw.get(key), f"{key!r} of {where}")
        inputs = self.outputs(raw.get("inputs", []), index, f"'inputs' of {where}")
        return Node(name or f"{kind.lower()}{index}", kind, inputs, attributes)

    def attributes(self, raw: object, where: str) -> dict[str, str]:
        if raw is None:
            return {}
        if not isinstance(raw, dict):
            raise self.fail(f"{where} isn't a JSON object")
        return {key: self.text(value, f"{key[:60]!r} in {where}") for key, value in raw.items()}

    def outputs(self, raw: object, bound: int, where: str) -> tuple[Output, ...]:
        return tuple(
            self.output(item, bound, where) for item in self.sequence(raw, _MOST_INPUTS, where)
        )

    def output(self, raw: object, bound: int, where: str) -> Output:
        """[node, output] or, in newer files, [node, output, version]."""
        if (
            not isinstance(raw, list)
            or len(raw) not in (2, 3)
            or not all(type(number) is int for number in raw)
        ):
            raise self.fail(f"{where} must hold [node, output] or [node, output, version]")
        if not 0 <= raw[0] < bound:
            raise self.fail(
                f"{where} points to node {raw[0]}, but only nodes 0..{bound - 1} come before it"
            )
        if not 0 <= raw[1] < _MOST_INPUTS:
            raise self.fail(f"{where} asks for the impossible output {raw[1]} of node {raw[0]}")
        return Output(raw[0], raw[1])

    def sequence(self, raw: object, most: int, where: str) -> list[Any]:
        if not isinstance(raw, list):
            raise self.fail(f"{where} isn't a JSON array")
        if len(raw) > most:
            raise self.fail(f"{where} has {len(raw)} entries; at most {most} are read")
        return raw

    def text(self, raw: object, where: str) -> str:
        if not isinstance(raw, str):
            raise self.fail(f"{where} isn't a text")
        if len(raw) > _MOST_TEXT:
            raise self.fail(f"{where} is longer than {_MOST_TEXT} characters")
        if any("\ud800" <= character <= "\udfff" for character in raw):
            raise self.fail(f"{where} holds half a character (a lone surrogate)")
        return raw
