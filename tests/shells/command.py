"""The command, run in this process or in one of its own, and pictures for it."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import entoptic as package
from entoptic.cli.main import outcome

QUICK = ("--octaves", "1", "--steps", "1")
"""A dream of one step."""


def quick(*options: str) -> list[str]:
    """A dream of one step, but for what the options say."""
    pairs = zip(QUICK[::2], QUICK[1::2], strict=True)
    return [each for pair in pairs if pair[0] not in options for each in pair] + [*options]


SAVED = "; saved, and finished by `entoptic redo PICTURE --finish`.\n"
"""How the command ends what it says of a picture that a signal has stopped."""

SOURCE = Path(package.__file__).parents[1]


def picture(seed: int = 0, height: int = 36, width: int = 48, channels: int = 3) -> Image.Image:
    """Blots of colour, in which every network sees something."""
    blots = np.random.default_rng(seed).integers(0, 256, (6, 8, channels), np.uint8)
    return Image.fromarray(blots).resize((width, height), Image.Resampling.BICUBIC)


@dataclass(frozen=True)
class Outcome:
    """Exit code and output of one run."""

    code: int
    out: str
    err: str


def entoptic(*arguments: str | Path, folder: Path) -> Outcome:
    """Run the command in a folder, in this process."""
    with contextlib.chdir(folder), _captured() as (out, err):
        code = outcome([str(each) for each in arguments])
    return Outcome(code, _text(out), _text(err))


def process(*arguments: str | Path, folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Start the command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "entoptic", *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(child: subprocess.Popen[str]) -> Outcome:
    """Wait for the end of a process."""
    out, err = child.communicate(timeout=60)
    return Outcome(child.returncode, out, err)


@contextlib.contextmanager
def _captured() -> Iterator[tuple[io.TextIOWrapper, io.TextIOWrapper]]:
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield out, err


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8", "surrogateescape")
