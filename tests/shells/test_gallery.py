"""The gallery's page tells what made its pictures, and they can be made."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

import entoptic as ent
from entoptic.cli.main import main
from entoptic.objectives import vocabulary

ROOT = Path(__file__).parents[2]


def loaded() -> ModuleType:
    """examples/gallery.py, which imports its neighbour."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "examples")
        spec = importlib.util.spec_from_file_location("gallery", ROOT / "examples" / "gallery.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        # Where a dataclass looks up what its annotations name.
        patch.setitem(sys.modules, "gallery", module)
        spec.loader.exec_module(module)
    return module


gallery = loaded()
SHOTS = [shot for section in gallery.SECTIONS.values() for shot in section.shots]
COMMANDS = [shot.made_by for shot in SHOTS if isinstance(shot.made_by, str)]


def test_the_page_is_what_the_script_writes() -> None:
    assert (gallery.GALLERY / "README.md").read_text("utf-8") == gallery.page()


def test_every_picture_of_the_page_is_there_and_no_other() -> None:
    there = {path.name for path in gallery.GALLERY.iterdir()}
    assert there == {f"{shot.name}.jpg" for shot in SHOTS} | {"README.md"}


def test_the_pictures_are_small_enough_for_a_page() -> None:
    assert sum(path.stat().st_size for path in gallery.GALLERY.iterdir()) < 4_000_000


def test_every_objective_of_the_gallery_is_there() -> None:
    assert len(gallery.OBJECTIVES) >= 35
    assert gallery.OBJECTIVES.keys() <= set(vocabulary)
    assert all(f"{word}(" in text for word, text in gallery.OBJECTIVES.items())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_is_understood(command: str) -> None:
    name, *words = shlex.split(command)[1:]
    parent = main.make_context("entoptic", [name])
    main.commands[name].make_context(name, words, parent=parent)


def test_a_section_is_made_anew(tmp_path: Path) -> None:
    gallery.make(["canvases"], tmp_path, size=48, steps=1)
    assert {path.name for path in tmp_path.iterdir()} == {"canvases.jpg", "README.md"}
    # Eleven canvases in two rows of six, with gaps of 4 and labels of 20 pixels.
    assert ent.read(tmp_path / "canvases.jpg").image.shape[2:] == (
        2 * (48 + 20) + 4,
        6 * 48 + 5 * 4,
    )


def test_a_commands_own_size_gives_way_to_a_smaller_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ent.write("clouds.png", torch.rand((1, 3, 48, 64), generator=torch.Generator()))
    dream = next(shot for shot in SHOTS if shot.name == "dream")
    assert "--size 512" in str(dream.made_by)
    picture, job = gallery.made(dream, size=48, steps=1)
    assert picture.shape[2:] == (36, 48)
    assert '"size": 48' in str(job)
