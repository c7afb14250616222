"""Calls as text: what is read, what is refused, and what is written again."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from entoptic.calls import Call, call_text, read_calls
from entoptic.errors import BadSetting


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("robust", [Call("robust")]),
        (" jitter( 8 ) ", [Call("jitter", (8,))]),
        ("a + b(-1.5, 'x') + c", [Call("a"), Call("b", (-1.5, "x")), Call("c")]),
        ("a, b(1)", [Call("a"), Call("b", (1,))]),
        ("[a, b]", [Call("a"), Call("b")]),
        ("a(x=True, y=(1, [2, None]))", [Call("a", (), (("x", True), ("y", (1, (2, None)))))]),
    ],
)
def test_calls_are_read(text: str, calls: list[Call]) -> None:
    assert read_calls(text, "transforms") == calls


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "can't read the transforms '': "),
        ("jitter(", r"can't read the transforms 'jitter\(': .*; write names with arguments"),
        ("jitter(8).x", r"'jitter\(8\)\.x' isn't understood there"),
        ("jitter(__import__('os'))", r"\"__import__\('os'\)\" is no value"),
        ("jitter(1 + 1)", "'1 [+] 1' is no value"),
        ("a - b", "'a - b' isn't understood there"),
        ("a.b(1)", r"'a.b\(1\)' isn't understood there"),
        ("a(**{'x': 1})", r"\*\* isn't understood there"),
        ("a(*(1, 2))", "is no value"),
        ("a(f'{x}')", "is no value"),
        ("a(1j)", "'1j' is no value"),
        ("3", "'3' isn't understood there"),
        ("lambda: 3", "'lambda: 3' isn't understood there"),
        ("(" * 400, "can't read the transforms"),
        ("-" * 900 + "1", "can't read the transforms"),
        ("a" * 1001, "transforms of 1001 characters; 1000 is the most"),
    ],
)
def test_what_is_no_call_is_refused_in_one_line(text: str, told: str) -> None:
    with pytest.raises(BadSetting, match=told) as caught:
        read_calls(text, "transforms")
    assert "\n" not in str(caught.value)


@dataclass(frozen=True)
class Made:
    low: float
    high: float = 2.0
    name: str = "x"


def test_a_call_makes_a_thing_and_the_thing_writes_its_call() -> None:
    for text in ("made(1)", "made(1, 3.0)", "made(1, name='y')"):
        (call,) = read_calls(text, "things")
        assert call_text("made", call.of(Made)) == text


def only(span: object) -> object:
    return span


def test_the_only_argument_may_be_a_pair_without_brackets() -> None:
    assert Call("only", (-5, 5)).of(only) == (-5, 5)
    assert Call("only", (5,)).of(only) == 5
    with pytest.raises(BadSetting, match=r"made\(low, high=2.0, name='x'\): too many positional"):
        Call("made", (1, 2, "a", "b")).of(Made)
    with pytest.raises(BadSetting, match=r"only\(span\): missing a required argument: 'span'"):
        Call("only").of(only)


def test_what_the_maker_refuses_is_told_with_its_name() -> None:
    with pytest.raises(BadSetting, match="int: invalid literal for int"):
        Call("int", ("x",)).of(lambda text: int(text))


def test_what_is_no_dataclass_is_written_so_that_it_cannot_be_read() -> None:
    text = call_text("wobble", object())
    with pytest.raises(BadSetting, match="is no value"):
        read_calls(text, "transforms")
