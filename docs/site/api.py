"""Reference pages of the public Python names, one for each noun."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import entoptic

# A page for each noun: its title, what it says first, and the folders whose names it has.
NOUNS = {
    "recipes": (
        "Recipes",
        "Make pictures: one function for each kind.",
        ("recipes",),
    ),
    "networks": (
        "Networks",
        "Load a network, wrap one of your own, read its layers, change how gradients flow back.",
        ("networks", "layers"),
    ),
    "objectives": (
        "Objectives",
        "What is maximised. Objectives are added, subtracted and scaled as numbers are.",
        ("objectives",),
    ),
    "canvas": (
        "Canvases",
        "What is optimised: modules whose value is an image.",
        ("canvas",),
    ),
    "transforms": (
        "Transforms",
        "Random changes of the image before each step, and sets of them.",
        ("transforms",),
    ),
    "ascent": (
        "Ascent and gradients",
        "The loop itself, its optimizers, and gradients of anything by anything before it.",
        ("ascent",),
    ),
    "images": (
        "Images",
        "Read, write, resize and lay out pictures.",
        ("images",),
    ),
    "jobs": (
        "Jobs, results and measurements",
        "Results and the jobs that they carry, catalogs, spectra of photographs, errors.",
        ("jobs", "catalogs", "analysis", "runners", "checks", "registry", "types", "errors"),
    ),
}


def home(name: str) -> str:
    """The folder of the package in which a public name lives.

    >>> home("dream"), home("Fourier"), home("ROBUST")
    ('recipes', 'canvas', 'transforms')
    """
    value = getattr(entoptic, name)
    if isinstance(value, tuple):
        # A set of transforms; a tuple doesn't know where it was made.
        return "transforms"
    return str(value.__module__).split(".")[1]


def pages() -> dict[str, list[str]]:
    """The public names of each page, in the order of the alphabet.

    Raises:
        KeyError: a name lives in a folder that no page has.
    """
    page_of = {folder: page for page, (_, _, folders) in NOUNS.items() for folder in folders}
    found = defaultdict(list)
    for name in sorted(dir(entoptic), key=str.casefold):
        found[page_of[home(name)]].append(name)
    return {page: found[page] for page in NOUNS}


def write(folder: Path) -> list[str]:
    """Write the page of each noun and one that lists all names.

    Args:
        folder: where the pages go.

    Returns:
        The names of the files, in the order of `NOUNS`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index = ["# Python API", "", "Everything that `import entoptic as ent` gives, by noun.", ""]
    for page, names in pages().items():
        title, says, _ = NOUNS[page]
        lines = [f"# {title}", "", says, ""]
        for name in names:
            lines += [f"::: entoptic.{name}", ""]
        (folder / f"{page}.md").write_text("\n".join(lines), "utf-8")
        links = ", ".join(f"[`{name}`]({page}.md#entoptic.{name})" for name in names)
        index += [f"## [{title}]({page}.md)", "", says, "", links, ""]
    (folder / "index.md").write_text("\n".join(index), "utf-8")
    return [f"{page}.md" for page in NOUNS]


def with_fences(text: str) -> str:
    r"""A docstring whose examples are blocks of code, wherever they stand.

    >>> with_fences("Add.\n\n>" + ">> 1 + 1\n2")
    'Add.\n\n```pycon\n>>> 1 + 1\n2\n```\n'
    """
    found = re.sub(
        r"^>>> (?:.+\n?)+", lambda each: f"```pycon\n{each[0].rstrip()}\n```\n", text, flags=re.M
    )
    # A section of its own in our docstrings, which griffe takes for a box.
    return re.sub(r"^Source: ", "**Source:** ", found, flags=re.M)
