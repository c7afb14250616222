"""The nodes of MXNet's symbol.json, of all generations, and what is wrong with strange ones."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from entoptic.errors import BadModelFile
from entoptic.formats.mxnet.attributes import TextAttributes
from entoptic.formats.mxnet.symbol import Node, Output, Symbol, read_symbol

_DATA: dict[str, Any] = {"op": "null", "name": "data", "inputs": []}
_RELU = {"op": "Activation", "name": "relu1", "inputs": [[0, 0, 0]], "attrs": {"act_type": "relu"}}


def _read(tmp_path: Path, document: object) -> Symbol:
    path = tmp_path / "net-symbol.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return read_symbol(path)


def _network(*nodes: object, heads: object = ((1, 0, 0),)) -> dict[str, object]:
    return {"nodes": [_DATA, *nodes], "arg_nodes": [0], "heads": heads}


def test_all_generations_of_attributes_read_alike(tmp_path: Path) -> None:
    inputs = [[0, 0]]
    old: dict[str, object] = {
        "op": "Activation",
        "name": "relu1",
        "param": {"act_type": "relu"},
        "inputs": inputs,
    }
    old |= {"backward_source_id": -1, "attr": {"ctx_group": "dev1"}}
    middle = {"op": "Activation", "name": "relu1", "attr": {"act_type": "relu"}, "inputs": inputs}
    for node in (old, middle, _RELU):
        symbol = _read(tmp_path, _network(node))
        found = symbol.nodes[1]
        assert (found.name, found.kind, found.inputs) == ("relu1", "Activation", (Output(0, 0),))
        assert found.attributes["act_type"] == "relu"
        assert symbol.heads == (Output(1, 0),)


def test_a_head_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    symbol = _read(tmp_path, _network(_RELU, heads=[[1, 0], [1, 0, 0]]))
    assert symbol.heads == (Output(1, 0),)


def test_a_node_without_a_name_is_called_after_its_operator(tmp_path: Path) -> None:
    assert _read(tmp_path, _network(_RELU | {"name": ""})).nodes[1].name == "activation1"


def test_only_nodes_of_kind_null_are_variables() -> None:
    assert Node("data", "null", (), {}).is_variable
    assert not Node("relu1", "Activation", (), {}).is_variable


_STRANGE: dict[str, object] = {
    "not JSON text: Expecting value": "<html>",
    "not JSON text: Exceeds the limit": '{"nodes": [' + "9" * 5000 + "]}",
    "it is nested too deeply": "[" * 100_000,
    "it lacks 'nodes' or 'heads'": {"nodes": []},
    "'nodes' isn't a JSON array": {"nodes": {}, "heads": []},
    "'nodes' has 50001 entries; at most 50000 are read": {"nodes": [0] * 50001, "heads": []},
    "it has no outputs: 'heads' is empty": _network(_RELU, heads=[]),
    "node 1 isn't a JSON object": _network(7),
    "'op' of node 1 isn't a text": _network({"name": "x"}),
    "'name' of node 1 isn't a text": _network({"op": "x"}),
    "'attrs' of node 1 ('relu1') isn't a JSON object": _network(_RELU | {"attrs": []}),
    "'act_type' in 'attrs' of node 1 ('relu1') isn't a text": _network(
        _RELU | {"attrs": {"act_type": 1}}
    ),
    "'name' of node 1 is longer than 4096 characters": _network(_RELU | {"name": "x" * 5000}),
    "'name' of node 1 holds half a character": _network(_RELU | {"name": "\ud800"}),
    "'inputs' of node 1 ('relu1') isn't a JSON array": _network(_RELU | {"inputs": None}),
    "'inputs' of node 1 ('relu1') must hold [node, output]": _network(_RELU | {"inputs": [[0]]}),
    "must hold [node, output] or [node, output, version]": _network(
        _RELU | {"inputs": [[True, 0]]}
    ),
    "points to node 1, but only nodes 0..0 come before it": _network(_RELU | {"inputs": [[1, 0]]}),
    "'heads' points to node 9, but only nodes 0..1 come before it": _network(_RELU, heads=[[9, 0]]),
    "'heads' points to node -1,": _network(_RELU, heads=[[-1, 0]]),
    "asks for the impossible output 5000 of node 0": _network(_RELU | {"inputs": [[0, 5000]]}),
}


@pytest.mark.parametrize("message", _STRANGE)
def test_a_strange_file_is_refused_with_its_name_and_the_place(
    tmp_path: Path, message: str
) -> None:
    with pytest.raises(BadModelFile) as caught:
        _read(tmp_path, _STRANGE[message])
    assert message in str(caught.value)
    assert str(tmp_path / "net-symbol.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_larger_than_any_symbol_is_not_even_opened(tmp_path: Path) -> None:
    path = tmp_path / "huge-symbol.json"
    path.touch()
    os.truncate(path, 2**26 + 1)  # takes no room on the disk
    with pytest.raises(BadModelFile, match="is larger than 67108864 bytes, the most that is read"):
        read_symbol(path)


def _attributes(**texts: str) -> TextAttributes:
    return TextAttributes("net-symbol.json: node 'conv1' (Convolution)", texts)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("(3, 3)", (3, 3)),
        ("(3,3)", (3, 3)),
        ("[1]", (1,)),
        ("(2,)", (2,)),
        ("()", ()),
        ("[]", ()),
        ("7", (7,)),
        ("(1L, -2L)", (1, -2)),
        ("None", (5, 5)),
    ],
)
def test_whole_numbers_are_read_as_python_writes_them(text: str, numbers: tuple[int, ...]) -> None:
    assert _attributes(kernel=text).integers("kernel", (5, 5)) == numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e-05", 1e-5), (".5", 0.5), ("2.", 2.0), ("-3", -3.0), ("inf", float("inf"))],
)
def test_numbers_are_read_as_python_writes_them(text: str, number: float) -> None:
    assert _attributes(eps=text).real("eps") == number


@pytest.mark.parametrize(
    ("text", "flag"), [("True", True), ("1", True), ("False", False), ("0", False)]
)
def test_flags_are_read_in_words_and_numbers(text: str, flag: bool) -> None:
    assert _attributes(no_bias=text).flag("no_bias", not flag) is flag


def test_some_numbers_may_be_none() -> None:
    assert _attributes(begin="(None, 1, None)").integers_or_none("begin") == (None, 1, None)


def test_an_attribute_that_is_not_there_has_its_default() -> None:
    attributes = _attributes(layout="None")
    assert attributes.text("layout", "NCHW", ("NCHW", "NHWC")) == "NCHW"
    assert attributes.integer("num_group", 1) == 1
    assert attributes.real("eps", 0.5) == 0.5
    assert attributes.flag("no_bias", True) is True


_PLACE = "net-symbol.json: node 'conv1' (Convolution): attribute 'key'"


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("integers", "(3, x)", "is [3, 'x'], but must be whole numbers"),
        ("integers", "__import__('os')", "must be whole numbers"),
        ("integers", "(1, None)", "must be whole numbers"),
        ("integers", "(" + "1," * 65 + ")", "must be whole numbers"),
        ("integers_or_none", "(1, Nine)", "must be whole numbers or None"),
        ("integer", "9" * 20, "must be a whole number"),
        ("integer", "", "is '', but must be a whole number"),
        ("real", "nan", "must be a number that fits in 32 bits"),
        ("real", "1e39", "must be a number that fits in 32 bits"),
        ("flag", "yes", "is 'yes', but must be True or False"),
        ("integer", "None", "is missing"),
    ],
)
def test_an_attribute_of_another_form_is_refused(kind: str, text: str, message: str) -> None:
    read = getattr(_attributes(key=text), kind)
    with pytest.raises(BadModelFile) as caught:
        read("key", False) if kind == "flag" else read("key")
    assert str(caught.value).startswith(_PLACE)
    assert message in str(caught.value)


def test_a_number_out_of_its_range_is_refused() -> None:
    with pytest.raises(BadModelFile, match="'stride' is 0, but must be a whole number from 1 to 9"):
        _attributes(stride="0").integer("stride", low=1, high=9)
    with pytest.raises(BadModelFile, match="'begin' is -1, but must be a whole number, at least 0"):
        _attributes(begin="-1").integer("begin", low=0)


def test_a_word_that_is_no_choice_is_refused() -> None:
    with pytest.raises(BadModelFile, match="'pool_type' is 'lp', but must be one of max, avg"):
        _attributes(pool_type="lp").text("pool_type", options=("max", "avg"))
