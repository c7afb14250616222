"""Errors: one line of text each, catchable as the built-in that they refine."""

from __future__ import annotations

import pytest

from entoptic import errors
from entoptic.errors import EntopticError, did_you_mean, one_line

ALL = [each for each in vars(errors).values() if isinstance(each, type) and each.__module__]
OURS = [each for each in ALL if issubclass(each, EntopticError) and each is not EntopticError]


@pytest.mark.parametrize("error", OURS)
def test_every_error_refines_a_built_in_one_and_shows_its_text_alone(
    error: type[EntopticError],
) -> None:
    builtin = [base for base in error.__mro__ if base.__module__ == "builtins"]
    assert builtin[0] is not Exception
    assert str(error("no layer named 'a'")) == "no layer named 'a'"


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("fire77", "; did you mean 'fire7'?"),
        ("FIRE7", "; did you mean 'fire7'?"),
        ("Conv1", "; did you mean 'conv1'?"),
        ("xyz", ""),
        ("", ""),
    ],
)
def test_the_nearest_name_is_suggested_whatever_its_case(given: str, hint: str) -> None:
    assert did_you_mean(given, ["fire6", "fire7", "conv1"]) == hint


def test_what_was_given_is_shown_on_one_line_of_at_most_80_characters() -> None:
    assert one_line("a\n\tb  c") == "a b c"
    assert one_line("a" * 80) == "a" * 80
    assert one_line("a" * 81) == "a" * 77 + "..."
