"""Expressions as text: what is understood, and that nothing else is or does harm."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import example, given, strategies as st

import entoptic as ent
from entoptic.errors import BadExpression, EntopticError
from entoptic.objectives import Objective, vocabulary

UNDERSTOOD = {
    "energy('fire7')": ent.energy("fire7"),
    '  energy("fire7")\n': ent.energy("fire7"),
    "channel('a', 3) - 0.5 * total_variation()": ent.channel("a", 3) - 0.5 * ent.total_variation(),
    "channel('a', index=3)": ent.channel("a", 3),
    "neuron('a', 3, None, 4)": ent.neuron("a", 3, None, 4),
    "mean('a') - mean('b') - mean('c')": (ent.mean("a") - ent.mean("b")) - ent.mean("c"),
    "mean('a') - (mean('b') - mean('c'))": ent.mean("a") - (ent.mean("b") - ent.mean("c")),
    "mean('a') + mean('b') * mean('c')": ent.mean("a") + ent.mean("b") * ent.mean("c"),
    "-mean('a') / 4": -ent.mean("a") / 4,
    "+mean('a')": ent.mean("a"),
    "mean('a') * (2 + 3 * 4 - 6 / 2)": ent.mean("a") * 11,
    "l2('a', -0.25)": ent.l2("a", -0.25),
    "1e3 * mean('a')": 1000 * ent.mean("a"),
    "per_image([mean('a'), mean('b')])": ent.per_image([ent.mean("a"), ent.mean("b")]),
    "per_image((mean('a'), mean('b')))": ent.per_image([ent.mean("a"), ent.mean("b")]),
    "(\nmean('a')\n+ 1)": ent.mean("a") + 1,
    "mean('日本/ü')": ent.mean("日本/ü"),
    "fire7:3": ent.channel("fire7", 3),
    " inception_4a/output:97 ": ent.channel("inception_4a/output", 97),
    "blocks.4.1:0": ent.channel("blocks.4.1", 0),
    "relu#1<in>:12": ent.channel("relu#1<in>", 12),
    "4:1": ent.channel("4", 1),
    "-fire7:3": -ent.channel("fire7", 3),
    "2/fire7:3": 2 / ent.channel("fire7", 3),
    "fire7:3/2": ent.channel("fire7", 3) / 2,
    "fire7:3-fire5:1": ent.channel("fire7", 3) - ent.channel("fire5", 1),
    "fire7:3 - 9": ent.channel("fire7", 3) - 9,
    "fire7:3-9": ent.channels("fire7", [3, 4, 5, 6, 7, 8, 9]),
    "features.0:3-5, 9": ent.channels("features.0", [3, 4, 5, 9]),
    "0:3 + 0.1:2": ent.channel("0", 3) + ent.channel("0.1", 2),
    "res-net/block-1:3 - a:2": ent.channel("res-net/block-1", 3) - ent.channel("a", 2),
    "class:7": ent.log_odds(7),
    "class:7 - fire7:3": ent.log_odds(7) - ent.channel("fire7", 3),
    "class:a - class:b": ent.log_odds("a") - ent.log_odds("b"),
    "class:goldfish + fire7:3": ent.log_odds("goldfish") + ent.channel("fire7", 3),
    "2 * (class:Shih-Tzu) / 3": 2 * ent.log_odds("Shih-Tzu") / 3,
    "-class:jack-o'-lantern": -ent.log_odds("jack-o'-lantern"),
    "class:great white shark, white shark": ent.log_odds("great white shark, white shark"),
    "class:'a - b' - class:7": ent.log_odds("a - b") - ent.log_odds(7),
    "class:*shark*": ent.log_odds("*shark*"),
    "class:* - l2()": ent.log_odds("*") - ent.l2(),
    "per_image([class:a, class:b])": ent.per_image([ent.log_odds("a"), ent.log_odds("b")]),
    "mean('a') ** 2": ent.mean("a") ** 2,
    "-mean('a') ** 2": -(ent.mean("a") ** 2),
    "2 * mean('a') ** -0.5": 2 * ent.mean("a") ** -0.5,
    "abs(mean('a') - mean('b'))": abs(ent.mean("a") - ent.mean("b")),
    "1 - -mean('a')": 1 - -ent.mean("a"),
    "mean('a') / 2 / mean('b') * 3": ent.mean("a") / 2 / ent.mean("b") * 3,
}  # fmt: skip


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_an_expression_is_read_as_python_would(text: str) -> None:
    assert ent.parse(text) == UNDERSTOOD[text]


def test_a_long_sum_is_read_from_the_left() -> None:
    long = ent.parse(" - ".join(["mean('a')"] * 600))
    assert long.depth == 1
    assert ent.parse(repr(long)) == long
    assert float(long({ent.Layer("a"): torch.full((1, 2), 3.0)})) == 3 - 599 * 3
    assert ent.parse("mean('a') * (" + " + ".join(["1"] * 500) + ")") == ent.mean("a") * 500


NOT_UNDERSTOOD = {
    "": "the objective is empty; there are energy, mean",
    " \n": "the objective is empty",
    "energy('a'": "at character 11: it ends too early",
    "energy('a') energy('b')": "can't read the objective",
    "energy": "energy wants its arguments in brackets: energy(...)",
    "fire7": "'fire7' is no number and no objective; there are energy",
    "conv": "; a channel of a layer is written fire7:3, a whole layer energy('fire7')",
    "enrgy('a')": "no objective named 'enrgy'; did you mean 'energy'?",
    "energy(fire7)": "'fire7' is no number and no objective",
    "energy()": "energy(layer): missing a required argument: 'layer'",
    "channel('a', -1)": "channel wants a channel number (0, 1, ...) for 'index', got -1",
    "channel('a', 1.5)": "channel wants a channel number (0, 1, ...) for 'index', got 1.5",
    "channel('a', [1, 2])": "channel wants a channel number (0, 1, ...) for 'index', got [1, 2]",
    "channel('a', energy('b'))": "a channel number (0, 1, ...) for 'index', got energy('b')",
    "l2(constant=1, constant=2)": "l2 is given an argument twice in 'l2(constant=1, constant=2)'",
    "3": "the objective '3' is a number; it can't be optimised",
    "'a'": "the objective \"'a'\" is no objective; there are energy",
    "None": "the objective 'None' is no objective",
    "[energy('a')]": "is no objective; there are energy",
    "1 + 'b'": "'b' stands where a number or an objective belongs in \"1 + 'b'\"",
    "energy('a') * None": "None stands where a number or an objective belongs",
    "-'a'": "'a' stands where a number or an objective belongs",
    "energy('a') + [1]": "[1] stands where a number or an objective belongs",
    "energy('a') / 0": "energy('a') is divided by zero",
    "1 / 0 * energy('a')": "\"1 / 0 * energy('a')\" divides by zero",
    "energy('a') * 1e999": "inf in an objective; use finite numbers",
    "energy('a') * (1e999 - 1e999)": "nan in an objective; use finite numbers",
    "l2('a', 1e999)": "l2 wants a number for 'constant', got inf",
    "energy('a') * 1" + "0" * 400: "is too large",
    "l2('a', 1" + "0" * 400 + ")": "is too large",
    "channel('a', 0x" + "f" * 9000 + ")": "at character 14: '0' isn't understood there",
    "energy('a') * " + "9" * 5000: "is too large",
    "a:" + "9" * 5000: "can't read the objective",
    "energy('a') * (" + "*".join(["999999999"] * 900) + ")": "is too large",
    "per_image(energy('a'))": "per_image wants one list of objectives: per_image([...])",
    "per_image([1, energy('a')])": "per_image wants one list of objectives",
    "per_image([energy('a')], 2)": "per_image wants one list of objectives",
    "per_image(objectives=[energy('a')])": "per_image wants one list of objectives",
    "per_image()": "per_image wants one list of objectives",
    "per_image([])": "per_image wants a list of objectives, got an empty list",
    "energy('')": "a layer's name is empty",
    "energy('a') @ energy('b')": "at character 13: '@' isn't understood there",
    "energy('a') // 2": "at character 14: '/' isn't understood there",
    "energy('a') < 3": "at character 13: '<' isn't understood there",
    "not energy('a')": "'not' is no number and no objective",
    "~energy('a')": "at character 1: '~' isn't understood there",
    "energy('a') if 1 else 2": "at character 13: 'if' isn't understood there",
    "energy(f'{1}')": "'f' is no number and no objective",
    "energy(b'a')": "'b' is no number and no objective",
    "energy('a') * 2j": "at character 15: '2' isn't understood there",
    "energy('a') * True": "'True' is no number and no objective",
    "energy(...)": "at character 8: '.' isn't understood there",
    "energy(*['a'])": "at character 8: '*' isn't understood there",
    "energy(**{'layer': 'a'})": "at character 10: '{' isn't understood there",
    "{'a': 1}": "at character 1: '{' isn't understood there",
    "[energy(i) for i in 'ab']": "'i' is no number and no objective",
    "per_image([energy(i) for i in 'ab'])": "'i' is no number and no objective",
    "(lambda: energy('a'))()": "at character 8: ':' isn't understood there",
    "(a := energy('a'))": "at character 4: ':' isn't understood there",
    "energy('a').term": "at character 12: '.' isn't understood there",
    "energy('a').term.function({})": "at character 12: '.' isn't understood there",
    "energy.__globals__": "at character 7: '.' isn't understood there",
    "vocabulary['mean']": "'vocabulary' is no number and no objective",
    "__import__('os').system('false')": "at character 17: '.' isn't understood there",
    "__import__('os')": "no objective named '__import__'",
    "exit()": "no objective named 'exit'",
    "import os": "'import' is no number and no objective",
    "energy('a'); energy('b')": "can't read the objective",
    "energy('C:\\d')": "can't read the objective",
    "energy('a\0')": "can't read the objective",
    "energy('\ud800')": "can't read the objective",
    "(" * 200 + "1" + ")" * 200: "brackets are nested deeper than 160",
    "-" * 400 + "energy('a')": "nested deeper than 100; use fewer brackets",
    "energy('a') ** energy('b')": "at character 16: an exponent is a number, as in a ** 2",
    "energy('a') ** 2 ** 3 ** 4 +": "it ends too early",
    "channel(index=3, 'a')": "channel has an argument by position after one by name",
    "abs(3)": "abs wants one objective: abs(...)",
    "abs": "abs wants its arguments in brackets: abs(...)",
    "fire7:3-9 + l2()": "'fire7:3-9' in 'fire7:3-9 + l2()' is several channels or a",
    "2 * fire7:3-9": "write channels('fire7', '3-9'), or put spaces around the minus",
    "fire7:9-3": "channels wants different channel numbers (0, 1, ...) for 'indices', got '9-3'",
    "class:": "a class is class:NAME, with spaces around the sign after it",
    "class:a-class:b": "a class is class:NAME, with spaces around the sign after it",
    "class:goldfish +": "it ends too early",
    "(energy('a'), energy('b'))": "is no objective; there are energy",
    "energy('a'),": "at character 12: ',' isn't understood there",
    "(0 - 8) ** 0.5 * energy('a')": "has a root of a negative number",
    "0 ** -1 * energy('a')": "divides by zero",
    "10 ** 400 * energy('a')": "is too large",
    "energy('a')" + " " * 65_000: "an objective of 65011 characters; 65000 is the most",
}  # fmt: skip


@pytest.mark.parametrize("text", NOT_UNDERSTOOD, ids=lambda text: ascii(text[:40]))
def test_whatever_is_not_understood_is_said_on_one_line(text: str) -> None:
    with pytest.raises(EntopticError, match=re.escape(NOT_UNDERSTOOD[text])) as caught:
        ent.parse(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


LONGEST = 65_000
HEAVY = [
    piece * (LONGEST // len(piece) - 1) + end
    for piece, end in [
        ("(", ""), ("[", ""), ("{", ""), ("-", "1"), ("+", "1"), ("not ", "1"), ("~", "1"),
        ("1+", "1"), ("1**", "1"), ("a.", "a"), ("a[0]", ""),
        ("a()", ""), ("lambda:", "1"), ("1 if 1 else ", "1"), ("1<", "1"), ("1,", ""),
        ("l2(),", ""), ("f'{", ""), ("'", ""), ("\\", ""), ("\n", "1"), ("#", ""), ("a#1", ":x"),
        ("1 or ", "1"), ("*", "a"), ("a=", "1"), ("9", ""), ("0x", ""), ("1e9", ""), (":", "1"),
        ("per_image([", ""), ("l2(l2(", ""), ("'a' ", ""), ("\ud800", ""), ("日", ""), ("\0", ""),
    ]
]  # fmt: skip


@pytest.mark.parametrize("text", HEAVY, ids=lambda text: ascii(text[:12]))
def test_the_heaviest_texts_are_understood_or_refused_in_a_sentence(text: str) -> None:
    # Were the time not proportional to the length, this would never end.
    try:
        outcome: Objective | str = ent.parse(text)
    except EntopticError as error:
        outcome = str(error)
    assert isinstance(outcome, Objective) or len(outcome) < 1000


WORDS = st.sampled_from([
    *vocabulary, "per_image", "'a'", "'fire7'", "1", "0", "-1", "2.5", "1e999", "None", "True", "'",
    "+", "-", "*", "/", "**", "//", "(", ")", "[", "]", ",", "=", ":", ".", "#", "<in>", "@", ":=",
    "fire7:3", "-fire7:3", "class:a b", "class:", "abs(", "3-9",
    "lambda", "for", "in", "if", "else", "not", "f'{", "}'", "b'a'", "1j", " ", "\n", "\\", "...",
    "layer=", "index=", "constant=", "*a", "**a", "\t", "9" * 30, "0b1", "1_0", "\x0c",
])  # fmt: skip


@given(st.text() | st.lists(WORDS, max_size=25).map("".join) | st.lists(WORDS).map(" ".join))
@example("energy('a')\r+1")
def test_any_text_makes_an_objective_or_says_why_not(text: str) -> None:
    try:
        objective = ent.parse(text)
    except EntopticError:
        return
    assert isinstance(objective, Objective)
    assert ent.parse(repr(objective)) == objective


@given(st.text(min_size=1))
def test_any_name_of_a_layer_can_be_quoted(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        with pytest.raises(BadExpression):
            ent.parse(f"mean('{name}')")
    else:
        assert ent.parse(f"mean({name!r})") == ent.mean(name)
