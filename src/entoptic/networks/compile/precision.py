"""The precision that a network is run in: the fastest that keeps pictures as they are."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Collection
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

# What a precision may cost of the score reached, and how surely that must be known.
_TOLERANCE, _SURE = 0.01, 0.01
# Optimisation is chaotic: after 20 usual steps of 1.5 / 255, images that began a millionth apart
# score 3% apart. So small steps are taken, in which a score grows twofold or so, and the mean over
# several images counts.
_IMAGES, _STEPS, _STEP = 8, 8, 0.25 / 255
# A precision that is less than this much faster isn't worth its rounding.
_WORTH = 1.25

Scores: TypeAlias = Callable[[Tensor], Tensor]
"""From images to a score for each, which is differentiable."""


@functools.cache
def fast_dtype(device: str) -> torch.dtype | None:
    """Return the reduced precision that a device is markedly faster in; None where there is none.

    Measured, by a convolution, if the device says that it has it at all.
    """
    kind = torch.device(device).type
    candidate: torch.dtype
    if kind == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        candidate = torch.bfloat16
    elif kind == "cuda":
        capable = torch.cuda.get_device_capability(device) >= (8, 0)
        candidate = torch.bfloat16 if capable else torch.float16
    else:
        return None
    return candidate if _speedup(candidate, device) > _WORTH else None


def _speedup(dtype: torch.dtype, device: str) -> float:
    """Return how much faster a convolution is than in float32, each the best of several in turn."""
    best: dict[torch.dtype, float] = {}
    for _ in range(9):
        for each in (torch.float32, dtype):
            maps = torch.ones((1, 128, 64, 64), dtype=each, device=device)
            maps = maps.contiguous(memory_format=torch.channels_last)
            weight = torch.ones((128, 128, 3, 3), dtype=each, device=device)
            started = time.perf_counter()
            float(F.conv2d(maps, weight, padding=1)[0, 0, 0, 0])  # waits for the device
            best[each] = min(best.get(each, math.inf), time.perf_counter() - started)
    return best[torch.float32] / best[dtype]


def keeps_the_look(plain: Scores, reduced: Scores, size: tuple[int, int], device: str) -> bool:
    """Return whether optimisations in reduced precision score as high as those in float32.

    Images of noise are optimised, and the results are scored in float32. The mean of the
    logarithms must differ by at most 1%, give or take its standard error, which must itself be at
    most 1%.
    """
    rng = torch.Generator().manual_seed(0)
    start = torch.rand((_IMAGES, 3, *size), generator=rng).to(device)
    with torch.no_grad():
        differ = plain(_optimised(reduced, start)).log() - plain(_optimised(plain, start)).log()
    lost = float(differ.mean().abs())
    error = float(differ.std()) / math.sqrt(_IMAGES)
    # Neither is so where a score isn't finite.
    return error <= _SURE and lost <= _TOLERANCE + error


def _optimised(scores: Scores, images: Tensor) -> Tensor:
    for _ in range(_STEPS):
        images = images.detach().requires_grad_()
        with torch.enable_grad():
            total = scores(images).log().sum()
        (gradient,) = torch.autograd.grad(total, images)
        size = gradient.flatten(1).abs().mean(1).clamp(min=torch.finfo(gradient.dtype).tiny)
        moved = images + _STEP * gradient / size.reshape(-1, 1, 1, 1)
        images = moved.clamp(0, 1)
    return images.detach()


def energies(activations: Collection[Tensor]) -> Tensor:
    """Return how strong activations are, image by image; layers count by how much each changes."""
    logs = [each.float().flatten(1).square().mean(1).log() for each in activations]
    return torch.stack(logs).mean(0).exp()
