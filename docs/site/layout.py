"""Lays out the pages of the site: those of docs/, and those that are made from the package."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from docs.site import api, commands, links, notebooks

from entoptic.cli.main import main

ROOT = Path(__file__).parents[2]

# Pages that have another name in the repository, where GitHub shows them.
ELSEWHERE = {
    "docs/start.md": "index.md",
    "docs/gallery/README.md": "gallery/index.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
}


def sources() -> dict[Path, str]:
    """Every file that the site shows, by its path, with its place on the site."""
    docs = ROOT / "docs"
    found = {
        path: path.relative_to(docs).as_posix()
        for path in sorted(docs.rglob("*"))
        if path.suffix in {".md", ".jpg", ".png"} and "site" not in path.relative_to(docs).parts
    }
    return found | {ROOT / path: place for path, place in ELSEWHERE.items()}


def write(folder: Path) -> None:
    """Write all pages.

    Args:
        folder: where they go; what was in it is lost.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    places = sources()
    for notebook in notebooks.all_of(ROOT / "examples"):
        place = f"tutorials/{notebook.stem}.md"
        places[notebook] = place
        (folder / place).parent.mkdir(exist_ok=True)
        text = notebooks.page(notebook, (folder / place).parent)
        (folder / place).write_text(_linked(text, notebook, places, folder), "utf-8")
    for path, place in places.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            text = path.read_text("utf-8")
            (folder / place).write_text(_linked(text, path, places, folder), "utf-8")
        elif path.suffix != ".ipynb":
            shutil.copyfile(path, folder / place)
    commands.write(folder / "reference" / "commands")
    api.write(folder / "reference" / "api")
    (folder / "decisions" / "index.md").write_text(_decisions(), "utf-8")
    shutil.copyfile(ROOT / "docs" / "site" / "site.css", folder / "site.css")


def config(folder: Path) -> str:
    """The configuration of zensical.

    Args:
        folder: where it will be, beside the folders of pages and of the site.
    """
    text = (ROOT / "docs" / "site" / "zensical.toml").read_text("utf-8")
    for name in re.findall(r'"([\w/-]+)/\*\.md"', text):
        made = {"commands": list(main.commands), "api": list(api.NOUNS)}
        names = made.get(name.rpartition("/")[2]) or sorted(
            each.stem for each in (folder / "pages" / name).glob("*.md")
        )
        pages = [f"{name}/{each}.md" for each in ["index", *(n for n in names if n != "index")]]
        pages = [page for page in pages if (folder / "pages" / page).exists()]
        text = text.replace(f'"{name}/*.md"', ", ".join(f'"{page}"' for page in pages))
    return text.replace("ROOT/", os.path.relpath(ROOT, folder) + "/")


def _linked(text: str, path: Path, places: dict[Path, str], folder: Path) -> str:
    """A page whose links lead to other pages of the site.

    Files of the repository that aren't pages are put beside them, to be read there.
    """
    here = Path(places[path]).parent

    def target(given: str) -> str:
        name, mark, anchor = given.partition("#")
        if not name or not links.is_internal(given):
            return given
        file = Path(os.path.normpath(path.parent / name))
        file = file / "README.md" if (file / "README.md").exists() else file
        if file == ROOT / "docs" / "decisions":
            place = "decisions/index.md"
        elif file in places:
            place = places[file]
        elif file.is_file() and file.is_relative_to(ROOT):
            place = f"files/{file.relative_to(ROOT)}"
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / place)
        else:
            return given
        return os.path.relpath(place, here) + mark + anchor

    text = links.replaced(text, target)
    return _with_references(text, os.path.relpath("reference", here))


def _with_references(text: str, reference: str) -> str:
    """A page on which `ent.NAME` and `entoptic COMMAND` link to the reference."""
    page_of = {name: page for page, names in api.pages().items() for name in names}

    def one(found: re.Match[str]) -> str:
        code, name, command = found[0], found["name"], found["command"]
        if name in page_of:
            return f"[{code}]({reference}/api/{page_of[name]}.md#entoptic.{name})"
        if command in main.commands:
            return f"[{code}]({reference}/commands/{command}.md)"
        return code

    # Neither in blocks of code, nor in headings, nor where there is a link already.
    parts = re.split(r"(^`{3,}.*?^`{3,}$|^#.*?$|\[[^\]]*\]\([^)]*\))", text, flags=re.M | re.S)
    pattern = r"`ent\.(?P<name>\w+)`|`entoptic (?P<command>[a-z]+)`"
    return "".join(part if at % 2 else re.sub(pattern, one, part) for at, part in enumerate(parts))


def _decisions() -> str:
    """A page that lists the decisions."""
    lines = ["# Decisions", "", "Why things are as they are, in the order in which it was decided."]
    for path in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        title = re.search(r"^# (.+)$", path.read_text("utf-8"), re.MULTILINE)
        if title is None:
            raise ValueError(f"{path} has no heading")
        lines.append(f"\n- [{title[1]}]({path.name})")
    return "\n".join([*lines, ""])
