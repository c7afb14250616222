"""The page of features names all that there is, and tests that exist."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from pathlib import Path

import pytest

from entoptic import canvas, transforms
from entoptic.cli.main import main
from entoptic.networks import gradient_rules as rules
from entoptic.objectives import vocabulary

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "features.md").read_text("utf-8")
TEST = re.compile(r"`((?:[a-z]+/)+test_\w+\.py)::(\w+)`")
# Cells; a bar that is written \| parts none.
ROWS = [re.split(r"(?<!\\)\|", line)[1:-1] for line in PAGE.splitlines() if line.startswith("|")]
# Those that neither make nor measure anything are left out.
COMMANDS = sorted(set(main.commands) - {"models", "completion"})
RULES = sorted(
    name
    for name, each in vars(rules).items()
    if inspect.isfunction(each) and each.__annotations__.get("return") == "GradientRule"
)


@functools.cache
def functions(path: Path) -> set[str]:
    """Of a file of tests."""
    tree = ast.parse(path.read_text("utf-8"))
    return {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "function"), sorted(set(TEST.findall(PAGE))))
def test_a_test_that_the_page_names_exists(file: str, function: str) -> None:
    assert function in functions(TESTS / file)


def test_every_row_names_a_test_or_says_why_there_is_none_yet() -> None:
    rows = [row for row in ROWS if not set("".join(row)) <= set("-")]
    told = [row for row in rows if row[-1].strip() != "Test"]
    assert len(told) >= 70
    for row in told:
        assert all(cell.strip() for cell in row)
        assert TEST.search(row[-1]) or row[2].strip().startswith("not yet: ")


@pytest.mark.parametrize("name", RULES)
def test_every_gradient_rule_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize(
    ("heading", "known"),
    [
        ("Objectives", {*vocabulary}),
        ("Canvases", {*canvas.__all__}),  # type: ignore[attr-defined]
        ("Transforms", {*transforms.__all__}),  # type: ignore[attr-defined]
    ],
)
def test_the_page_names_nothing_that_is_not_there(heading: str, known: set[str]) -> None:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert len(named) >= 10
    assert named <= known


def test_rules_are_found_to_be_looked_for() -> None:
    assert {"redirected_relu", "guided"} <= set(RULES)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_on_the_page(name: str) -> None:
    assert re.search(f"`entoptic {name}[ `]", PAGE)
