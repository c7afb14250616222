"""Output of the commands: text that can't steer the terminal."""

from __future__ import annotations

import click


def echo(text: str, *, err: bool = False) -> None:
    """Print text that may hold a stranger's words: names of layers, labels, notes, errors.

    Args:
        text: of one line or several.
        err: print to stderr.
    """
    click.echo(harmless(text), err=err)


def harmless(text: str) -> str:
    r"""Text of which every character is seen: escape sequences and the like are spelt out.

    >>> harmless("fire7\x1b[2J\u202e")
    'fire7\\x1b[2J\\u202e'
    """
    return "".join(
        each if each.isprintable() or each in "\n\t" else ascii(each)[1:-1] for each in text
    )
