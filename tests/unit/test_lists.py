"""Several values typed as one text: where they are parted, and how they are written again."""

from __future__ import annotations

from pathlib import Path

import pytest

from entoptic.lists import join_values, split_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("lucid", ["lucid"]),
        ("lucid, maco", ["lucid", "maco"]),
        ("lucid,", ["lucid", ""]),
        ("rotate(-5, 5),jitter(8) + scale([1, (2, 3)]), none",
         ["rotate(-5, 5)", "jitter(8) + scale([1, (2, 3)])", "none"]),
        ("mine('a,b'),c", ["mine('a,b')", "c"]),
        ("mine(')', 1),c", ["mine(')', 1)", "c"]),
        ("'ensemble:a=x,b=y',c", ["ensemble:a=x,b=y", "c"]),
        ("\"it's, so\",c", ["it's, so", "c"]),
        ("Ann's/,Bob's/", ["Ann's/", "Bob's/"]),
        ("a),b", ["a)", "b"]),
        ("rotate(-5,5", ["rotate(-5,5"]),
        ("", [""]),
    ],
)  # fmt: skip
def test_commas_part_values_but_not_within_brackets_or_quotes(text: str, values: list[str]) -> None:
    assert split_values(text) == values


def test_the_name_of_a_file_that_is_there_is_one_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert split_values("sea, 1.jpg") == ["sea", "1.jpg"]
    Path("sea, 1.jpg").touch()
    assert split_values("sea, 1.jpg") == ["sea, 1.jpg"]


def test_a_text_longer_than_a_name_of_a_file_is_split_too() -> None:
    assert split_values("a" * 300 + ",b") == ["a" * 300, "b"]


@pytest.mark.parametrize(
    "values", [["a", "b"], ["x?mean=1,2,3", "b"], ["it's, so", "f(1, 2)"], ["a "], ["'a'", ""]]
)
def test_what_is_joined_is_read_again(values: list[str]) -> None:
    assert split_values(join_values(values)) == values
