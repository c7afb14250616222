"""How many photographs a second a record looks at, beside the bare forward pass.

    python -m benchmarks.record PHOTOS [--model efficientnet_lite0] [--layer blocks.5] [--pairs 9]

Both run the same compiled network on one photograph at a time, in turns; the bare one on images
that are ready in memory, one after the other. What counts is the median
of the pairs' ratios, since whatever else the machine does slows both. A record's first photographs,
before which it binds the units, aren't counted. The first share is of seconds on the clock, which
also tells whether there are cores for the threads that read. The second is of the seconds that the
thread with the network computes: what a record adds to the forward pass.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import torch

import entoptic as ent
from entoptic.analysis.photographs import photo_files
from entoptic.networks import Model, compiled


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.thread_time()


def rates_bare(model: Model, layer: str, count: int) -> list[float]:
    """Return the forward passes a second: on the clock, and of this thread's seconds."""
    run = compiled(model, [model.resolve(layer)], torch.device("cpu"))
    # As many as no cache holds: a record has a new one each time, too.
    images = [torch.rand(1, 3, *model.preprocess.size) for _ in range(64)]
    with torch.no_grad():
        run(images[-1])
        began = _now()
        for number in range(count):
            run(images[number % len(images)])
    return [count / (end - start) for start, end in zip(began, _now(), strict=True)]


def rates_recorded(
    model: Model, layer: str, files: Sequence[Path], covariance: str | None
) -> list[float]:
    """Return the photographs a second of a record, likewise, from its first news to its last."""
    heard: list[tuple[int, tuple[float, float]]] = []

    def tell(text: str) -> None:
        heard.append((int(text.split()[1]), _now()))

    ent.record(model, [layer], files, device="cpu", tell=tell, covariance=covariance)
    (first, began), (last, ended) = heard[0], heard[-1]
    return [(last - first) / (end - start) for start, end in zip(began, ended, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("photos")
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--layer", default="blocks.5")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--covariance", choices=["max", "mean", "position"])
    asked = parser.parse_args()
    model, files = ent.load(asked.model), list(photo_files([asked.photos], checked=False))
    if len(files) < 128:
        parser.error(f"{len(files)} photographs are too few to measure; name 128 or more")
    shares = []
    for _ in range(asked.pairs):
        bare = rates_bare(model, asked.layer, len(files))
        recorded = rates_recorded(model, asked.layer, files, asked.covariance)
        shares.append([one / other for one, other in zip(recorded, bare, strict=True)])
        print(f"bare {bare[0]:.1f}, recorded {recorded[0]:.1f} photographs a second")
    on_clock, of_thread = (statistics.median(each) for each in zip(*shares, strict=True))
    print(
        f"{model.source} to {asked.layer}, {len(files)} photographs, {torch.get_num_threads()} "
        f"threads: {on_clock:.0%} of the bare rate on the clock, {of_thread:.0%} of the thread's"
    )


if __name__ == "__main__":
    main()
