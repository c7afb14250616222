"""The work of one worker, wherever it is: a batch made, or why not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from entoptic.errors import EntopticError
from entoptic.registry import import_file
from entoptic.runners.runner import Answer, Batch, Done, Failed, Work

Make = Callable[[Any, str], Any]
"""Makes a batch, given its job and a device."""


def begin(work: Work, threads: int, imports: Sequence[str]) -> Make:
    """Prepare a worker, in its own process; return what makes its batches.

    Args:
        work: what it does.
        threads: that torch may use.
        imports: files of the user's that register things.

    Raises:
        EntopticError: something can't be loaded.
    """
    torch.set_num_threads(threads)
    for each in imports:
        import_file(each)
    return work.prepared()


def answer(make: Make, batch: Batch, device: str) -> Answer:
    """Make a batch, or say why not."""
    began = time.perf_counter()
    try:
        made = make(batch.job, device)
    except EntopticError as error:
        return Failed(batch.key, str(error))
    return Done(batch.key, made, time.perf_counter() - began)
