"""Paths and messages, as all commands show them."""

from __future__ import annotations

from pathlib import Path

from entoptic.cli.printing import harmless


def quoted(path: str | Path) -> str:
    """A path as messages show it.

    >>> quoted(Path("sky.jpg"))
    "'sky.jpg'"
    """
    return repr(str(path))


# As long as a message gets; it is its middle that is left out, since its end says what to do.
_START, _END = 400, 160


def one_line(text: str) -> str:
    r"""A message on one line that no terminal stumbles over, and that a screen has room for.

    >>> one_line("no\nlayer \x1b[31m")
    'no layer \\x1b[31m'
    """
    line = " ".join(text.split())
    if len(line) > _START + _END:
        line = f"{line[:_START]} ... {line[-_END:]}"
    return harmless(line)
