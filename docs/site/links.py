"""Checks the links of Markdown pages: each leads to a file, and to a heading that is there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

# [text](target), ![text](target), and the same of HTML. Reference-style links aren't used here.
_LINK = re.compile(r'(?<=\]\()([^()\s]+)(?=\))|(?<=\s(?:src|ref)=")([^"]+)(?=")')
_CODE = re.compile(r"^(`{3,}).*?^\1`*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def replaced(text: str, target: Callable[[str], str]) -> str:
    """A page with other targets of its links; code stays as it is.

    >>> replaced("[a](b.md#c) and `[a](b)`", str.upper)
    '[a](B.MD#C) and `[a](b)`'
    """
    kept = [(each.start(), each.end()) for each in _CODE.finditer(text)]

    def one(found: re.Match[str]) -> str:
        inside = any(start <= found.start() < end for start, end in kept)
        return found[0] if inside else target(found[0])

    return _LINK.sub(one, text)


def targets(text: str) -> list[str]:
    """Where a page links to, in the order in which it does."""
    found: list[str] = []
    replaced(text, lambda each: found.append(each) or each)  # type: ignore[func-returns-value]
    return found


def is_internal(target: str) -> bool:
    """Whether a link leads to a file, and not into the net."""
    return re.match(r"[a-z]+:", target) is None


def anchors(text: str) -> set[str]:
    """What can stand behind a `#`: headings, documented objects, and ids of HTML."""
    plain = re.sub(r"^(`{3,}).*?^\1`*$", "", text, flags=re.MULTILINE | re.DOTALL)
    found = {slug(each) for each in re.findall(r"^#+ (.+)$", plain, re.MULTILINE)}
    found |= set(re.findall(r"^::: (\S+)$", plain, re.MULTILINE))
    return found | set(re.findall(r'\bid="([^"]+)"', plain))


def slug(heading: str) -> str:
    """The anchor of a heading, as Python-Markdown makes it.

    >>> slug("Large pictures: `--tile`, and [memory](memory.md)")
    'large-pictures-tile-and-memory'
    """
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    words = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    words = re.sub(r"[^\w\s-]", "", words).strip().lower()
    return re.sub(r"[-\s]+", "-", words)


def broken(pages: Iterable[Path]) -> Iterator[str]:
    """What is wrong with the links of some pages, a line for each link.

    Args:
        pages: files of Markdown.
    """
    for page in pages:
        for target in filter(is_internal, targets(page.read_text("utf-8"))):
            name, _, anchor = target.partition("#")
            file = (page.parent / name) if name else page
            if not file.exists():
                yield f"{page}: no file {target}"
            elif anchor and anchor not in anchors(file.read_text("utf-8")):
                yield f"{page}: no heading {target}"
