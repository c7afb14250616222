"""Things of a user's own on the command line: registered by a file that the user names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import entoptic as ent
from entoptic.canvas import canvases
from entoptic.objectives import vocabulary
from entoptic.transforms import transforms
from shells.command import entoptic

MINE = """
from dataclasses import dataclass

import torch

import entoptic as ent
from entoptic.canvas import canvas
from entoptic.transforms import transform


@ent.objective(compares_images=False)
def loud(acts, layer: ent.Layer, index: int):
    return acts[layer][:, index].flatten(1).amax(1)


@transform
@dataclass(frozen=True)
class PushRight:
    by: int = 1

    def __call__(self, image, rng):
        return image.roll(self.by, 3)


@canvas
class Dull(ent.Canvas):
    def __init__(self, height, width, *, batch=1, seed=0):
        super().__init__()
        self.pixels = torch.nn.Parameter(torch.full((batch, 3, height, width), 0.5))

    def forward(self):
        return self.pixels.clamp(0, 1)

    def resized(self, height, width):
        return Dull(height, width, batch=len(self.pixels))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """With a file mine.py, whose things are forgotten afterwards."""
    (tmp_path / "mine.py").write_text(MINE)
    yield tmp_path
    for registry, name in ((vocabulary, "loud"), (transforms, "push_right"), (canvases, "dull")):
        registry._things.pop(name, None)
    sys.modules.pop("entoptic_user_mine", None)


SMALL = ("--size", "24", "--steps", "2", "--canvas", "dull", "--transforms", "push_right(2) + none")


def test_what_a_named_file_registers_is_used_by_name_and_redone(folder: Path) -> None:
    unit = "loud('fire2', 3)"
    made = entoptic(
        *("--import", "mine.py", "visualize", unit, "-o", "a.png", *SMALL),
        folder=folder,
    )
    assert (made.code, made.err.count("Error")) == (0, 0), made.err
    again = entoptic("--import", "mine.py", "redo", "a.png", "-o", "b.png", folder=folder)
    assert again.code == 0, again.err
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()
    assert ent.read(folder / "a.png").image.shape == (1, 3, 24, 24)


def test_without_the_file_the_names_are_unknown(folder: Path) -> None:
    outcome = entoptic("visualize", "loud('fire2', 3)", folder=folder)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "no objective named 'loud'" in outcome.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (SMALL, "ERROR"),
        (("--transforms", "push_right(-"), "can't read the transforms 'push_right(-'"),
        (("--transforms", "jitter(-1)"), "jitter: pixels is -1; it must be a whole number"),
        (("--canvas", "dul"), "no canvas named 'dul'; did you mean 'dull'"),
    ],
)
def test_an_index_or_a_name_that_is_wrong_is_told_before_work(
    folder: Path, options: tuple[str, ...], told: str
) -> None:
    outcome = entoptic(
        *("--import", "mine.py", "visualize", "loud('fire2', 128)", *options),
        folder=folder,
    )
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    wanted = "indexes what its layer doesn't have: index 128" if told == "ERROR" else told
    assert wanted in outcome.err


def test_a_file_that_is_not_there_is_told(folder: Path) -> None:
    outcome = entoptic("--import", "none.py", "models", folder=folder)
    assert outcome.code == 2
    assert outcome.err == "Error: no Python file 'none.py' to import; give one that ends in .py\n"
