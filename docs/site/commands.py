"""Reference pages of the commands, made from the help that the command line itself shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from entoptic.cli.main import main


class Markdown(click.HelpFormatter):
    """A help formatter that writes Markdown, so that a page can't differ from the help."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the line that says how the command is typed."""
        self.write(f"```\n{prog} {args}\n```\n\n")

    def write_heading(self, heading: str) -> None:
        """Write the heading of a group of options."""
        self.write(f"## {heading}\n\n")

    def write_text(self, text: str) -> None:
        """Write paragraphs; those that begin with a backspace keep their lines."""
        for paragraph in re.split(r"\n{2,}", text.strip("\n")):
            if paragraph.lstrip().startswith("\b"):
                self.write(_as_typed(paragraph.partition("\b")[2]))
            else:
                self.write(f"{_escaped(' '.join(paragraph.split()))}\n\n")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write a list of options, each with what it does and its default."""
        for name, said in rows:
            text, _, default = said.partition("[default: ")
            told = _escaped(text.strip())
            if default:
                told += f" *Default: {_escaped(default.removesuffix(']'))}*"
            self.write(f"`{name}`\n:   {told}\n\n")

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Write what stands under a heading."""
        self.write_heading(name)
        yield

    @contextmanager
    def indentation(self) -> Iterator[None]:
        """Indent nothing: in Markdown that would be code."""
        yield


def _as_typed(text: str) -> str:
    """Lines of a help that keep their shape: a heading that ends with a colon, and code."""
    lines = text.strip("\n").splitlines()
    heading = lines.pop(0) if lines[0].endswith(":") else ""
    if not any(line.startswith("  ") for line in lines) and "`" in text:
        return f"{_escaped(' '.join(' '.join([heading, *lines]).split()))}\n\n"
    code = "\n".join(line.removeprefix("  ") for line in lines)
    return (f"## {heading.rstrip(':')}\n\n" if heading else "") + f"```\n{code}\n```\n\n"


def _escaped(text: str) -> str:
    """Text of a help without what Markdown would take for markup; code stays code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        each if at % 2 else re.sub(r"([*_<\[\\])", r"\\\1", each) for at, each in enumerate(parts)
    )


def page(name: str, command: click.Command) -> str:
    """A command's page, in Markdown."""
    title = f"entoptic {name}"
    parent = main.make_context("entoptic", [name])
    context = click.Context(command, parent=parent, info_name=name)
    formatter = Markdown()
    command.format_help(context, formatter)
    parts = [f"# {title}\n\n{formatter.getvalue().rstrip()}\n"]
    if isinstance(command, click.Group):
        parts += [
            _below(part(f"{title} {word}", command.commands[word], context))
            for word in command.list_commands(context)
            if not command.commands[word].hidden
        ]
    return "\n".join(parts)


def part(title: str, command: click.Command, parent: click.Context) -> str:
    """Return the help of a command inside of another, with all its options."""
    formatter = Markdown()
    context = click.Context(command, parent=parent, info_name=command.name)
    command.format_help(context, formatter)
    return f"# {title}\n\n{formatter.getvalue().rstrip()}\n"


def _below(text: str) -> str:
    """Return Markdown with its headings one level down; code stays as it is."""
    parts = re.split(r"(```.*?```)", text, flags=re.DOTALL)
    return "".join(
        each if at % 2 else re.sub(r"^#", "##", each, flags=re.MULTILINE)
        for at, each in enumerate(parts)
    )


def write(folder: Path) -> list[str]:
    """Write a page for each command and one that lists them.

    Args:
        folder: where the pages go.

    Returns:
        The names of the files, in the order of the help.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Commands",
        "",
        "`entoptic COMMAND --help` prints the same; these pages are made from it.",
        "",
        "| | |",
        "|---|---|",
    ]
    for name, command in main.commands.items():
        (folder / f"{name}.md").write_text(page(name, command), "utf-8")
        summary = _escaped(command.get_short_help_str(200)).replace("|", "\\|")
        lines.append(f"| [`entoptic {name}`]({name}.md) | {summary} |")
    (folder / "index.md").write_text("\n".join([*lines, ""]), "utf-8")
    return [f"{name}.md" for name in main.commands]
