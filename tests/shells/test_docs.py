"""The pages of the documentation: links lead somewhere, and what is shown there runs.

Numbers of steps and sizes of pictures are made small first; all else runs as it stands.
"""

from __future__ import annotations

import ast
import base64
import doctest
import io
import json
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import numpy as np
import pytest
import torch
from docs.site import api, commands, layout, links, notebooks
from PIL import Image

import entoptic as ent
from entoptic.cli.main import main, outcome
from entoptic.objectives import parse, vocabulary
from entoptic.transforms import transforms
from filming import film, moving
from notebook import begin_notebook

ROOT = layout.ROOT
PAGES = sorted(
    path
    for path in (ROOT / "docs").rglob("*.md")
    if path.parent.name not in {"gallery", "decisions"}
)
GUIDES = [
    path
    for path in PAGES
    if path.name in {"start.md", "coming-from.md"} or path.parent.name in {"how-to", "explanation"}
]
SMALL = (
    (
        r'(ent\.dream\([^()\n]*?(?:"\w+\.(?:jpg|png)"|photo))(?=[,)])(?![^\n]*steps=)',
        r"\1, steps=1",
    ),
    (r"\b(steps|octaves|cells)=\d+", r"\1=1"),
    (r"\bsize=\d+", "size=48"),
    (r"\brange\(\d+\)", "range(2)"),
    (r"\b(128|160|256), (128|160|384)\b", "64, 96"),
    (r"(fire\d:\d+)-\d+\b", r"\1"),
)


def small(code: str) -> str:
    """Python with few steps and small pictures."""
    for pattern, replacement in SMALL:
        code = re.sub(pattern, replacement, code)
    return code


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of code of a page."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    return [str(each) for each in found]


def typed(page: Path) -> list[str]:
    """The commands of a page, without what stands before or behind a pipe."""
    lines = "".join(blocks(page, "")).splitlines()
    parts = (part.strip() for line in lines for part in re.split(r"\s[|>]+\s", line))
    return [part for part in parts if part.startswith("entoptic ")]


COMMANDS = sorted({command for page in PAGES for command in typed(page)})
# Those of the README have a test of their own.
README = set(
    re.findall(r"^entoptic .+?(?=\s{2,}#|$)", (ROOT / "README.md").read_text("utf-8"), re.M)
)
RUN = sorted({command for page in GUIDES for command in typed(page)} - README)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the pages name."""
    folder = tmp_path_factory.mktemp("docs")
    photo = ent.read(ROOT / "docs" / "pictures" / "walkthrough" / "1-photo.jpg").image
    photo = ent.resize(photo, 72, 96).clamp(0, 1)
    for name in ("sky.jpg", "flowers.jpg", "cat.jpg", "panorama.png", "holidays/a.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        ent.write(folder / name, photo)
    for name in ("mask.png", "left.png", "right.png"):
        ent.write(folder / name, photo)
    (mine,) = blocks(ROOT / "docs" / "how-to" / "your-objective.md", 'python title="mine.py"')
    (folder / "mine.py").write_text(mine)
    film(folder / "holiday.mp4", moving(6, 24, 32))
    (folder / "clouds").mkdir()
    for number in range(2):
        ent.write(folder / "clouds" / f"frame{number}.png", photo)
    np.save(folder / "atoms.npy", np.eye(4, 256, dtype=np.float32))
    encoder = {"W_enc": torch.eye(256, 4), "b_enc": torch.zeros(4)}
    with (folder / "sae.pt").open("wb") as file:
        told = {"schema": 2, "cfg": {"activation": {"cls": "Relu", "params": {}}}}
        file.write(json.dumps(told).encode() + b"\n")
        torch.save(encoder, file)
    ent.dream(ent.load(), folder / "sky.jpg", octaves=1, steps=1).save(folder / "sky-dream.png")
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it, the working directory; what a page registers is forgotten afterwards."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT / "examples")
    monkeypatch.setattr("make_clouds.paint", lambda *_, **__: Image.open("sky.jpg"))
    known = {id(registry): set(registry) for registry in (vocabulary, transforms)}
    yield tmp_path
    for registry in (vocabulary, transforms):
        for name in set(registry) - known[id(registry)]:
            registry._things.pop(name)


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    layout.write(folder / "pages")
    return folder


def test_every_link_between_the_pages_of_the_site_leads_somewhere(laid_out: Path) -> None:
    pages = sorted((laid_out / "pages").rglob("*.md"))
    assert len(pages) > 60
    assert list(links.broken(pages)) == []


def test_every_link_between_the_files_of_the_repository_leads_somewhere() -> None:
    folders = ROOT / "docs", ROOT / "integrations"
    files = [*ROOT.glob("*.md"), *(file for each in folders for file in each.rglob("*.md"))]
    assert list(links.broken(files)) == []


@pytest.mark.parametrize("module", [api, links], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_of_the_site_are_true(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '# One two\n[a](#one-two) [b](#three) [c](no.md) <img src="no.png"> `[d](no.md)`\n'
    )
    assert [each.partition(": ")[2] for each in links.broken([page])] == [
        "no heading #three",
        "no file no.md",
        "no file no.png",
    ]


def test_every_page_is_in_the_navigation(laid_out: Path) -> None:
    def names(entry: Any) -> Iterator[str]:
        if isinstance(entry, str):
            yield entry
        else:
            for each in entry.values() if isinstance(entry, dict) else entry:
                yield from names(each)

    pages = laid_out / "pages"
    found = list(names(tomllib.loads(layout.config(laid_out))["project"]["nav"]))
    assert len(found) == len(set(found))
    assert set(found) == {path.relative_to(pages).as_posix() for path in pages.rglob("*.md")}


def test_every_public_name_is_on_one_page_of_the_reference() -> None:
    named = [name for names in api.pages().values() for name in names]
    assert sorted(named) == sorted(dir(ent))


def test_the_page_of_growing_pictures_shows_the_options_of_each_recipe() -> None:
    page = commands.page("grow", main.commands["grow"])
    parts = dict(re.findall(r"^## entoptic grow (\w+)\n(.*?)(?=^## |\Z)", page, re.M | re.S))
    for name, option in (("dream", "--octaves N"), ("visualize", "--canvas C"), ("invert", "-l")):
        assert f"`{option}" in parts[name]
        assert "`--hold-last S`" in parts[name]
    assert "PICTURE" not in parts
    assert "`--canvas C`" not in parts["dream"]


@pytest.mark.parametrize("name", main.commands)
def test_every_option_is_on_the_page_of_its_command(name: str) -> None:
    page = commands.page(name, main.commands[name])
    # Old names, which warn, have no help.
    shown = [each for each in main.commands[name].params if not getattr(each, "hidden", False)]
    options = [option for each in shown for option in each.opts if option[0] == "-"]
    for option in options:
        assert re.search(rf"^`([^`]* )?{option}[ ,`]", page, re.MULTILINE), option


def test_what_pages_name_in_code_is_there() -> None:
    for page in PAGES:
        for name in re.findall(r"`ent\.(\w+)", page.read_text("utf-8")):
            assert hasattr(ent, name), f"{page.name}: ent.{name}"


def test_every_option_that_a_guide_names_is_there() -> None:
    shown = {
        option
        for command in (main, *main.commands.values())
        for each in command.get_params(click.Context(command))  # --help among them
        if not getattr(each, "hidden", False)
        for option in each.opts
    }
    for page in GUIDES:
        for option in re.findall(r"`(--[a-z-]+)", page.read_text("utf-8")):
            assert option in shown, f"{page.name}: {option}"


def test_every_term_of_the_page_of_expressions_is_understood() -> None:
    told = (ROOT / "docs" / "reference" / "expressions.md").read_text("utf-8")
    terms = re.findall(r"`([a-z_0-9]+\(.*?\))`", told)
    assert {parse(each).layers() for each in terms}
    named = {each.partition("(")[0] for each in terms}
    assert len(named) >= 35
    assert named <= set(vocabulary)


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page: Path, folder: Path) -> None:
    code = "\n".join(blocks(page, "python"))
    exec(compile(small(code), str(page), "exec"), {"__name__": "page"})


def equivalents() -> list[tuple[str, str]]:
    """The code in the last column of the tables of `coming-from.md`, with its row."""
    text = (ROOT / "docs" / "coming-from.md").read_text("utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    spans = [(row[0], each) for row in rows for each in re.findall(r"`([^`]+)`", row[-1])]
    return [
        (row, each) for row, each in spans if re.match(r"ent\.|model\.|\[ent|for |entoptic ", each)
    ]


def test_what_stands_for_another_tools_code_runs(folder: Path) -> None:
    (setup,) = blocks(ROOT / "docs" / "coming-from.md", "python")
    names: dict[str, Any] = {"__name__": "page"}
    exec(small(setup), names)
    assert len(equivalents()) > 50
    for row, code in equivalents():
        if code.startswith("entoptic "):
            assert outcome(shlex.split(code)[1:]) == 0, row
        elif code.startswith("for "):
            exec(small(code), names)
        else:
            assert eval(small(code), names) is not None, row


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_pages_is_understood(command: str) -> None:
    context = main.make_context("entoptic", shlex.split(command)[1:])
    name, *arguments = context._protected_args + context.args
    made = main.commands[name].make_context(name, arguments, parent=context)
    if made.params.get("objective") is not None:
        parse(made.params["objective"])


def runs_here(command: str) -> bool:
    """Whether a command ends by itself, without a file of a network, GPU, stdin, or minutes."""
    needs = r"caffe:|python:|timm:|onnx:|cuda| - |completion|--finish|--preview|fires/|studio"
    return not re.search(needs, command)


@pytest.mark.parametrize("command", [each for each in RUN if runs_here(each)])
def test_every_command_of_the_guides_runs(command: str, folder: Path) -> None:
    words = shlex.split(re.sub(SMALL[-1][0], SMALL[-1][1], command))[1:]
    words = [
        each
        for word in words
        for each in (sorted(map(str, Path().glob(word))) if word == "*.jpg" else [word])
    ]
    name = next(word for word in words if word in main.commands)
    options = {each for option in main.commands[name].params for each in option.opts}
    small = {
        "--steps": "1",
        "--size": "48",
        "--octaves": "1",
        "--pictures": "2",
        "--noise": "48x64",
        "--seconds": "0.08",
    }
    for option, value in small.items():
        if option in words:
            words[words.index(option) + 1] = value
    if name != "redo":
        few = {"--steps", "--octaves"} | ({"--size"} if "--method" in options else set())
        words += [each for option in few & options - {*words} for each in (option, small[option])]
    assert outcome([*words]) == 0


@pytest.mark.parametrize(
    "notebook", notebooks.all_of(ROOT / "examples"), ids=lambda each: each.stem
)
def test_a_tutorial_runs(notebook: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_notebook(monkeypatch)
    names: dict[str, Any] = {"__name__": "notebook"}
    for cell in notebooks.code(notebook):
        tree = ast.parse(small(cell))
        exec(compile(tree, notebook.name, "exec"), names)


@pytest.mark.slow
@pytest.mark.parametrize(
    "notebook", notebooks.all_of(ROOT / "examples"), ids=lambda each: each.stem
)
def test_a_tutorial_shows_each_picture_once_in_jupyter(notebook: Path, tmp_path: Path) -> None:
    """In full, by a kernel; what grows under `show=True` makes room for the cell's value."""
    for package in ("nbclient", "nbformat", "ipykernel"):
        pytest.importorskip(package, reason="needs the extra 'docs'")
    for file in (notebook, notebook.parent / "make_clouds.py"):
        shutil.copy(file, tmp_path)
    notebooks.run(tmp_path / notebook.name)
    made, kept = notebooks.cells(tmp_path / notebook.name), notebooks.cells(notebook)
    for new, old in zip(made, kept, strict=True):
        assert shapes(new) == shapes(old), "".join(new["source"])
    assert all(len(shapes(each)) <= 1 for each in made)


def shapes(cell: dict[str, Any]) -> list[tuple[int, int]]:
    """The sizes of the pictures that a cell shows."""
    data = [each.get("data", {}) for each in cell.get("outputs", [])]
    files = ["".join(each["image/jpeg"]) for each in data if "image/jpeg" in each]
    return [Image.open(io.BytesIO(base64.b64decode(each))).size for each in files]


@pytest.mark.parametrize(
    "notebook", notebooks.all_of(ROOT / "examples"), ids=lambda each: each.stem
)
def test_a_tutorial_is_kept_with_its_output_and_is_small(notebook: Path) -> None:
    outputs = [each for cell in notebooks.cells(notebook) for each in cell.get("outputs", [])]
    assert any("image/jpeg" in each.get("data", {}) for each in outputs)
    assert not any(each["output_type"] == "error" for each in outputs)
    assert notebook.stat().st_size < 500_000
