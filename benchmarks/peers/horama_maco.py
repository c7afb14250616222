"""horama 0.3: `maco`, at 512 x 512 (as xplique's; its own 1280 x 1280 has six times the pixels).

It downloads its spectrum into the working directory unless it is there. xplique carries the same
file, by the same name, which is laid there. What is said of its `fourier` in
`benchmarks.peers.horama` holds here, too, but for the number of crops.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.peers.network import MACO_CROPS, FromImageNet, Task

_SIDE = 512
_SPECTRUM = "features_visualizations/spectrum_decorrelated.npy"


def steps(evaluations: int) -> tuple[int, int]:
    """How many steps, and how many evaluations each takes."""
    return -(-evaluations // MACO_CROPS), MACO_CROPS


def pictures(
    task: Task, units: Sequence[int], evaluations: int
) -> Iterator[tuple[int, NDArray[np.float32], float]]:
    """Each unit with its picture, (height, width, 3) in [0, 1], and the seconds that it took."""
    from horama import maco

    whole = FromImageNet(task.model).to(task.device).eval()
    assert task.what == "classes", "maco is compared by classes"
    for unit in units:
        torch.manual_seed(unit)
        begin = time.perf_counter()
        with _beside_the_spectrum():
            made, _ = maco(
                lambda images, unit=unit: torch.mean(whole(images)[:, unit]),
                total_steps=steps(evaluations)[0],
                image_size=task.side or _SIDE,
                crops_per_iteration=MACO_CROPS,
                device=task.device,
            )
        seconds = time.perf_counter() - begin
        picture = whole.picture(made.detach()[None].to(task.device)).cpu().clamp(0, 1)[0]
        yield unit, picture.permute(1, 2, 0).numpy(), seconds


@contextlib.contextmanager
def _beside_the_spectrum() -> Iterator[None]:
    found = importlib.util.find_spec("xplique")  # not imported: it wants TensorFlow
    assert found is not None
    assert found.origin is not None
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        shutil.copy(Path(found.origin).parent / _SPECTRUM, ".")
        yield
