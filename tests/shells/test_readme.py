"""What the README shows works as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch

import entoptic as ent
from entoptic.cli.main import main, outcome
from entoptic.objectives.terms import vocabulary
from filming import film, moving

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"^entoptic (.+?)(?:\s{2,}#.*)?$", README, re.MULTILINE)
BLOCKS = re.findall(r"```python\n(.+?)```", README, re.DOTALL)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = torch.Generator().manual_seed(1)
    for name in ("sky.jpg", "flowers.jpg", "cat.jpg", "mask.png"):
        image = torch.rand((1, 3, 9, 13), generator=rng)
        ent.write(name, ent.Pixels(image).resized(72, 104)().detach())
    film(tmp_path / "holiday.mp4", moving(3))
    ent.dream(ent.load(), "sky.jpg", octaves=1, steps=1).save("sky-dream.png")
    return tmp_path


def test_the_readme_has_commands_and_python() -> None:
    assert len(COMMANDS) >= 10
    assert len(BLOCKS) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_readme_works(command: str, photos: Path) -> None:
    words = shlex.split(command)
    if "--noise" in words:
        words[words.index("--noise") + 1] = "48x64"
    options = {name for each in main.commands[words[0]].params for name in each.opts}
    for option, little in (("--steps", "2"), ("--seconds", "0.1")):
        words += [option, little] if option in options else []
    assert outcome(words) == 0


def test_the_python_of_the_readme_works(photos: Path) -> None:
    namespace: dict[str, object] = {}
    try:
        exec(compile(BLOCKS[0].replace("steps=64", "steps=2"), "README.md", "exec"), namespace)
    finally:
        # The README registers an objective; other tests look at the vocabulary.
        vocabulary._things.pop("loudest", None)
    assert (photos / "dream.png").is_file()
