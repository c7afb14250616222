"""Arguments that several commands read in the same way."""

from __future__ import annotations

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
    # More digits than any picture has, and than int() wants to read.
    if all(each.isascii() and each.isdigit() and len(each) < 10 for each in (height, width)):
        sides = int(height), int(width)
        if all(sides):
            return sides
    raise BadSetting(f"{option} is {text!r}; it wants HEIGHTxWIDTH, such as 512x768")
