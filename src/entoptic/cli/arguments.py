"""What the user typed, read and shown in the same way by several commands."""

from __future__ import annotations

from pathlib import Path

from entoptic.cli.printing import harmless
from entoptic.errors import BadSetting


def height_and_width(option: str, text: str) -> tuple[int, int]:
    """Two numbers such as `512x768`.

    Args:
        option: what the user calls it, for the message.
        text: what the user typed.

    Raises:
        BadSetting: it isn't two whole numbers above 0.

    >>> height_and_width("--noise", "512x768")
    (512, 768)
    """
    height, _, width = text.lower().partition("x")
    # A million pixels along a side is more than any picture has.
    if all(each.isascii() and each.isdigit() and len(each) < 7 for each in (height, width)):
        sides = int(height), int(width)
        if all(sides):
            return sides
    raise BadSetting(f"{option} is {text!r}; it wants HEIGHTxWIDTH, such as 512x768")


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
