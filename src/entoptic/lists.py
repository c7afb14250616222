"""Several values as one text: commas between them, but for commas within brackets or quotes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

# A quote begins a text, and is no apostrophe, where no word stands before it.
_PIECES = re.compile(r"""(?<!\w)'[^']*' | (?<!\w)"[^"]*" | [(\[{] | [)\]}] | , | [^,]""", re.X)
_QUOTED = re.compile(r"""'([^']*)'|"([^"]*)\"""")


def split_values(text: str) -> list[str]:
    """Read several values, as they are typed.

    A comma within brackets or quotes is part of a value; quotes around all of a value only keep
    it together. The name of a file that is there is one value, whatever is in it.

    >>> split_values("lucid, maco"), split_values("rotate(-5, 5),none")
    (['lucid', 'maco'], ['rotate(-5, 5)', 'none'])
    >>> split_values("'timm:vgg16?mean=0.5,0.5,0.5', squeezenet1_1")
    ['timm:vgg16?mean=0.5,0.5,0.5', 'squeezenet1_1']
    """
    # Unlike a Path, os.path answers where the text is too long for a file's name.
    if os.path.exists(text):  # noqa: PTH110
        return [text]
    values, depth = [""], 0
    for piece in _PIECES.findall(text):
        depth = max(0, depth + (piece in "([{") - (piece in ")]}"))
        if piece == "," and not depth:
            values.append("")
        else:
            values[-1] += piece
    return [_unquoted(each.strip()) for each in values]


def join_values(values: Iterable[str]) -> str:
    """Write several values so that `split_values` reads them.

    >>> join_values(["timm:vgg16?mean=0.5,0.5,0.5", "squeezenet1_1"])
    "'timm:vgg16?mean=0.5,0.5,0.5',squeezenet1_1"
    """
    return ",".join(each if split_values(each) == [each] else _quoted(each) for each in values)


def _quoted(value: str) -> str:
    mark = '"' if "'" in value else "'"
    return f"{mark}{value}{mark}"


def _unquoted(value: str) -> str:
    found = _QUOTED.fullmatch(value)
    return (found[1] or found[2] or "") if found else value
