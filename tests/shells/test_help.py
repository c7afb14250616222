"""The help and docs/command.md: complete, and with examples that work."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from entoptic.cli.main import main
from entoptic.objectives import parse
from entoptic.objectives.terms import vocabulary
from shells.command import SOURCE, entoptic

PAGE = SOURCE.parent / "docs" / "command.md"

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation isn't installed")


def section(command: str) -> str:
    """What the page says of a command."""
    pattern = rf"^## entoptic {command}\b.*?(?=^## entoptic |\Z)"
    (found,) = re.findall(pattern, PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


def examples() -> set[str]:
    """All lines of the help and of the page that could be typed, without what is said of them."""
    text = "\n".join(command.epilog or "" for command in (main, *main.commands.values()))
    if PAGE.exists():
        text += "\n".join(
            re.findall(r"^```\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        )
    typed = (re.split(r"\s{2,}|\s[#>]", line.strip())[0] for line in text.splitlines())
    return {line for line in typed if re.match("entoptic [a-z]", line)}


@pytest.mark.parametrize("name", main.commands)
def test_every_option_is_in_the_documentation(name: str) -> None:
    # What several commands share is told of once, and those of redo also with dream.
    told = section(name) + PAGE.read_text().partition("## How pictures climb")[2]
    told += section("dream") if name == "redo" else ""
    for parameter in main.commands[name].params:
        if isinstance(parameter, click.Option):
            for option in parameter.opts:
                assert f"`{option}" in told, option


def test_every_term_is_in_the_documentation() -> None:
    told = PAGE.read_text().partition("## Expressions")[2].partition("## entoptic redo")[0]
    terms = re.findall(r"`([a-z_0-9]+\(.*?\))`", told)
    assert {parse(each).layers() for each in terms}
    assert {each.partition("(")[0] for each in terms} == set(vocabulary)


def test_there_are_examples() -> None:
    assert len(examples()) > 25
    assert "entoptic redo sky-dream.png --seed 2" in examples()


@pytest.mark.parametrize("example", sorted(examples()))
def test_every_example_is_understood(example: str) -> None:
    _, name, *arguments = shlex.split(example)
    parent = main.make_context("entoptic", [name])
    context = main.commands[name].make_context(name, arguments, parent=parent)
    if context.params.get("objective") is not None:
        parse(context.params["objective"])


@pytest.mark.parametrize("name", main.commands)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(name: str, flag: str, tmp_path: Path) -> None:
    done = entoptic(name, flag, folder=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: entoptic {name} ")
    for parameter in main.commands[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help
            assert max(parameter.opts, key=len) in done.out


def test_nothing_typed_shows_the_help_with_all_commands(tmp_path: Path) -> None:
    done = entoptic(folder=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out == entoptic("--help", folder=tmp_path).out
    for name in main.commands:
        assert f"\n  {name} " in done.out
    assert "entoptic dream sky.jpg" in done.out
    assert "130 ended by Ctrl-C" in done.out


def test_the_version_is_told(tmp_path: Path) -> None:
    done = entoptic("--version", folder=tmp_path)
    assert re.fullmatch(r"entoptic, version \d+\.\d+\.\d+\S*\n", done.out)
