"""Reading Caffe's text format."""

from __future__ import annotations

import random

import pytest

from entoptic.errors import BadModelFile
from entoptic.formats.caffe.prototxt import Message, parse_prototxt


def parsed(text: str) -> Message:
    return parse_prototxt(text, "net.prototxt")


def problem_of(text: str) -> str:
    try:
        parsed(text)
    except BadModelFile as problem:
        return str(problem)
    return "none"


def test_scalars_lists_and_repeated_fields_keep_their_order():
    message = parsed("pad: 1 pad: [2, 3], pad: 0x10; mean_value: -1.5 scale: 2f ok: true pool: AVE")
    assert message.integers("pad") == (1, 2, 3, 16)
    assert message.numbers("mean_value") == (-1.5,)
    assert message.number("scale", 1.0) == 2.0
    assert message.flag("ok", False) is True
    assert message.choice("pool", ("MAX", "AVE"), "MAX") == "AVE"


def test_what_is_not_given_has_its_default():
    message = parsed("")
    assert message.integer("stride", 1) == 1
    assert message.number("alpha", 0.5) == 0.5
    assert message.flag("bias_term", True) is True
    assert message.string("name", "none") == "none"
    assert message.choice("pool", ("MAX", "AVE"), "MAX") == "MAX"
    assert message.message("param").fields == {}


def test_blocks_nest_with_and_without_colon_and_in_angle_brackets():
    message = parsed("a { b: { c: 1 } } a < b < c: 2 > > d: [{ c: 3 }, { c: 4 }] e []")
    assert [a.message("b").integer("c", 0) for a in message.messages("a")] == [1, 2]
    assert [d.integer("c", 0) for d in message.messages("d")] == [3, 4]
    assert message.messages("e") == ()


def test_strings_have_two_quotes_escapes_and_neighbors_that_join():
    message = parsed(
        r"""a: "it's" a: 'a "b"' a: "x" 'y' "z" a: "\t\\\"\x41\101\345\233\276\u00e9" """
    )
    assert message.strings("a") == ("it's", 'a "b"', "xyz", '\t\\"AA图é')


def test_a_backslash_that_escapes_nothing_stays_as_in_paths_of_training_data():
    assert parsed(r'source: "C:\data\lmdb"').string("source") == r"C:\data\lmdb"


@pytest.mark.parametrize("escape", [r"\xzz", r"\777", r"\ud800", r"\U00110000"])
def test_an_escape_that_stands_for_no_byte_is_an_error(escape):
    with pytest.raises(BadModelFile, match="line 2: a string with an end and known escapes"):
        parsed(f'\nname: "{escape}"')


def test_comments_are_skipped_but_not_inside_strings():
    assert parsed('# one { "\nname: "a#b" # two\n').string("name") == "a#b"


def test_a_number_may_stand_for_a_word_of_an_enumeration():
    assert parsed("pool: 1").choice("pool", ("MAX", "AVE"), "MAX") == "AVE"


def test_negative_and_octal_numbers_are_read_as_protobuf_does():
    assert parsed("axis: -1").integer("axis", 0, low=-4) == -1
    assert parsed("dim: 010").integer("dim", 0) == 8


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb {", r"net\.prototxt, line 2: a field's name or '}' should stand where the end"),
        ("a: 1\n}", "line 2: a field's name or the end of the file should stand where '}'"),
        ("a: 1\n\na 2", "line 3: ':' or '{' should stand where '2'"),
        ("a:", "line 1: a value should stand where the end of the file stands"),
        ("a: [1 2]", "line 1: ',' or ']' should stand where '2'"),
        ("a: [1,", "line 1: a value should stand"),
        ('\n\n\na: "b', "line 4: a string with an end and known escapes should stand where '\"b"),
        ("a: 3x3", "line 1: a value should stand where '3x3'"),
        ("a: \x00", "line 1: a value should stand where '.x00'"),
        ("a { b > }", "line 1: ':' or '{' should stand where '>'"),
        ("a {" * 40, "blocks nest deeper than 32"),
    ],
)
def test_text_in_another_format_is_an_error_that_names_the_line(text, problem):
    with pytest.raises(BadModelFile, match=problem) as caught:
        parsed(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "ask", "problem"),
    [
        ("\na: 1.5", lambda m: m.integer("a", 0), "line 2: a: '1.5' is not a whole number"),
        ("a: '1'", lambda m: m.integer("a", 0), "a: '1' is not a whole number"),
        ("a: 089", lambda m: m.integer("a", 0), "a: '089' is not a whole number"),
        ("a: -1", lambda m: m.integer("a", 0, high=9), "a: '-1' is not a whole number from 0 to 9"),
        ("a: 99999999999999999999", lambda m: m.integer("a", 0), "is not a whole number"),
        ("a: 9999999999999999999", lambda m: m.integer("a", 0), "is not a whole number from 0 to"),
        ("a: MAX", lambda m: m.number("a", 0.0), "a: 'MAX' is not a number"),
        ("a: nan", lambda m: m.number("a", 0.0), "a: 'nan' is not a number"),
        ("a: -inf", lambda m: m.number("a", 0.0), "a: '-inf' is not a number"),
        ("a: 1e39", lambda m: m.number("a", 0.0), "a: '1e39' is not a number"),
        ("a: 2", lambda m: m.flag("a", False), "a: '2' is neither true nor false"),
        ("a: SUM", lambda m: m.choice("a", ("MAX", "AVE"), "MAX"), "'SUM' is none of MAX, AVE"),
        ("a: 1\na: 2", lambda m: m.integer("a", 0), "line 2: 'a' is given twice"),
        ("a {}\na {}", lambda m: m.message("a"), "line 2: 'a' is given twice"),
        ("a {}", lambda m: m.integer("a", 0), "'a' must be a single value, not a block"),
        ("a: 1", lambda m: m.messages("a"), "'a' must be a block"),
    ],
)
def test_a_value_of_another_kind_is_an_error_that_names_the_field(text, ask, problem):
    message = parsed(text)
    with pytest.raises(BadModelFile, match=problem):
        ask(message)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "1" * 2_000_000 + "x",
        "a: " + "1" * 2_000_000,
        'a: "' + "b" * 2_000_000,
        'a: "' + "\\n" * 1_000_000 + '"',
        "a: '" + "\\\\" * 1_000_000,
        "{" * 2_000_000,
        "a{" * 1_000_000,
        "a: [" * 500_000,
        " " * 2_000_000 + "\x00",
    ],
    ids=lambda text: text[:5].strip() + "...",
)
def test_long_nonsense_is_told_in_a_short_sentence(text):
    # Were the time not proportional to the length, this would never end.
    assert len(problem_of(text)) < 300


def test_damaged_text_gives_an_error_or_a_message_and_nothing_else():
    text = 'name: "n" layer { name: "a" pad: [1, 2] p < x: -1.5e3 q: "\\101" > } # end'
    rng = random.Random(0)
    for trial in range(2000):
        letters = list(text)
        for _ in range(rng.randint(1, 3)):
            letters[rng.randrange(len(letters))] = rng.choice("{}<>[]:,;\"'\\#-0aé\n\x00")
        damaged = "".join(letters)[: rng.randint(0, len(letters)) if trial % 2 else None]
        assert problem_of(damaged).startswith(("net.prototxt, line", "none"))
