"""The table of named things."""

from __future__ import annotations

import importlib.metadata
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from entoptic.errors import BadSetting, NotAllowed, UnknownModel
from entoptic.registry import Registry, Row, import_file


def numbers() -> Registry[int]:
    registry: Registry[int] = Registry("number", UnknownModel)
    registry.add("three", 3)
    registry.add("seven", 7)
    return registry


def test_things_are_found_by_name_and_listed_in_order_of_registration() -> None:
    registry = numbers()
    assert registry["seven"] == 7
    assert list(registry) == ["three", "seven"]
    assert len(registry) == 2
    assert "three" in registry
    assert "four" not in registry


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownModel, match=r"^no number named 'sven'; did you mean 'seven'\?$"):
        numbers()["sven"]


def test_a_name_that_is_near_to_none_is_answered_with_all() -> None:
    with pytest.raises(UnknownModel, match="no number named 'x'; there are three, seven"):
        numbers()["x"]


def test_nothing_is_replaced_silently_but_the_same_thing_may_come_again() -> None:
    registry = numbers()
    registry.add("three", 3)
    with pytest.raises(ValueError, match="number 'three' is registered already"):
        registry.add("three", 4)
    assert registry["three"] == 3


def test_a_definition_that_runs_again_replaces_itself_and_no_other() -> None:
    def cell(answer: int) -> object:
        def loud() -> int:
            return answer

        return loud

    registry: Registry[object] = Registry("number", UnknownModel)
    registry.add("loud", cell(1), redefined=True)
    again = cell(2)
    registry.add("loud", again, redefined=True)
    assert registry["loud"] is again
    with pytest.raises(ValueError, match="number 'loud' is registered already"):
        registry.add("loud", cell, redefined=True)
    with pytest.raises(ValueError, match="number 'loud' is registered already"):
        registry.add("loud", cell(3))


def test_many_names_are_listed_in_part() -> None:
    registry: Registry[int] = Registry("number", UnknownModel)
    for number in range(20):
        registry.add(f"n{number}", number)
    with pytest.raises(UnknownModel, match=r"there are n0, n1, .* n9 and 10 more$"):
        registry["x"]


def stretched(width: int, *, by: float = 2.0) -> None:
    """Stretch a thing, e.g. a canvas. More is said here.

    Args:
        width: in pixels,
            at least one.
        by: the factor.

    Returns:
        Nothing.

    Source: Somebody, "Something",
    2020.
    """


def test_a_row_has_the_signature_the_first_sentence_the_arguments_and_the_source() -> None:
    registry: Registry[object] = Registry("number", UnknownModel)
    registry.add("stretched", stretched)
    registry.add("three", 3, told="The number three. Odd.")
    assert registry.rows() == [
        Row(
            "stretched",
            "stretched(width, *, by=2.0)",
            "Stretch a thing, e.g. a canvas.",
            {"width": "in pixels, at least one.", "by": "the factor."},
            'Somebody, "Something", 2020.',
        ),
        Row("three", "three", "The number three.", {}, ""),
    ]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[int]:
    """A registry to which an installed package brings five and, without keeping its word, six."""
    brought: Registry[int] = Registry("number", UnknownModel, "entoptic.numbers")
    entries = [EntryPoint(name, "brought_numbers", "entoptic.numbers") for name in ("five", "six")]
    entries.append(EntryPoint("nine", "missing_numbers", "entoptic.numbers"))
    entries += [EntryPoint("two", "brought_numbers", "entoptic.numbers")] * 2

    def entry_points(*, group: str) -> list[EntryPoint]:
        assert group == "entoptic.numbers"
        return entries

    (tmp_path / "brought_numbers.py").write_text(
        "from unit_registry_brought import REGISTRY\nREGISTRY.add('five', 5)\n"
    )
    holder = type(sys)("unit_registry_brought")
    holder.REGISTRY = brought  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "unit_registry_brought", holder)
    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "brought_numbers", raising=False)
    return brought


def test_an_installed_package_is_imported_for_a_name_and_not_before(package: Registry[int]) -> None:
    assert "brought_numbers" not in sys.modules
    with pytest.raises(NotAllowed, match=r"the number 'five' is of the package .* a picture's job"):
        package.check_stored(["seven", "five"])
    assert "brought_numbers" not in sys.modules
    assert package["five"] == 5
    package.check_stored(["five"])  # imported by now


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("six", "the number 'six' of the package brought_numbers isn't registered by importing it"),
        ("nine", "the number 'nine' of the package missing_numbers can't be imported .No module"),
        ("two", "the number 'two' comes from brought_numbers, brought_numbers; remove all but one"),
        ("fiv", "no number named 'fiv'; did you mean 'five'"),
    ],
)
def test_what_is_wrong_with_a_package_is_said(package: Registry[int], name: str, told: str) -> None:
    with pytest.raises(UnknownModel, match=told):
        package[name]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("absent.py", None, "no Python file '.*absent.py' to import"),
        ("notes.txt", "x = 1", "no Python file '.*notes.txt' to import; give one that ends in .py"),
        (
            "bad.py",
            "x = 1\n\ny = x / 0\n",
            r"bad.py can't be imported: ZeroDivisionError: .*line 3",
        ),
        ("odd.py", "def f(:\n", r"odd.py can't be imported: .*\(line 1\)"),
    ],
)
def test_a_file_that_cannot_be_imported_is_told_of_in_one_line(
    tmp_path: Path, name: str, text: str | None, told: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(BadSetting, match=told):
        import_file(tmp_path / name)


def test_a_file_is_run_again_when_it_is_imported_again(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import entoptic as ent\n@ent.objective\ndef of_a_file(acts, layer: ent.Layer):\n"
        "    return acts[layer].flatten(1).sum(1)\n"
    )
    from entoptic.objectives import parse, vocabulary

    try:
        for _ in range(2):
            import_file(tmp_path / "mine.py")
        assert repr(parse("of_a_file('fire7')")) == "of_a_file('fire7')"
    finally:
        vocabulary._things.pop("of_a_file", None)
        sys.modules.pop("entoptic_user_mine", None)
