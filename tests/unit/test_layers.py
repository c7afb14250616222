"""Addresses of layers, as text and as values."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from entoptic.errors import UnknownLayer
from entoptic.layers import Layer

ADDRESSES = {
    "inception_4c/output": Layer("inception_4c/output"),
    "relu#1": Layer("relu", call=1),
    "relu#12<in>": Layer("relu", "input", 12),
    "blocks.4.1<in>": Layer("blocks.4.1", "input"),
    "a#0": Layer("a#0"),
    "a#b#2": Layer("a#b", call=2),
    "<in>": Layer("<in>"),
    "two\nlines": Layer("two\nlines"),
}


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_is_read_and_written_back(text: str) -> None:
    assert Layer.parse(text) == ADDRESSES[text]
    assert str(ADDRESSES[text]) == text


@given(st.text(min_size=1))
def test_any_text_but_an_empty_one_is_an_address(text: str) -> None:
    assert str(Layer.parse(text)) == text


def test_a_number_of_a_call_that_is_absurd_is_part_of_the_name() -> None:
    absurd = "relu#" + "9" * 5000
    assert Layer.parse(absurd) == Layer(absurd)


def test_a_layer_is_its_own_address() -> None:
    assert Layer.parse(Layer("relu", "input", 3)) == Layer("relu", "input", 3)


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(UnknownLayer, match="name is empty; `entoptic layers` lists"):
        Layer.parse("")
    with pytest.raises(UnknownLayer, match="name is empty"):
        Layer("")


def test_layers_are_ordered_by_name_then_port_then_call() -> None:
    a, b = Layer("a"), Layer("b", "input")
    assert sorted([Layer("b", call=1), Layer("b"), b, a]) == [a, b, Layer("b"), Layer("b", call=1)]
