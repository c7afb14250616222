"""How many photographs a second a record looks at, beside the bare forward pass.

    python -m benchmarks.record PHOTOS [--model efficientnet_lite0] [--layer blocks.5] [--rounds 5]

Both run the same compiled network on one photograph at a time, in turns. The first share is of
seconds on the clock, which also tells whether there are cores for the threads that read. The second
is of the seconds that the thread with the network computes: what a record adds to the forward pass.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch

import entoptic as ent
from entoptic.analysis.photographs import photo_files
from entoptic.networks import Model, compiled


def seconds_bare(model: Model, layer: str, count: int) -> tuple[float, float]:
    """Return the seconds of so many forward passes: on the clock, and of this thread."""
    run = compiled(model, [model.resolve(layer)], torch.device("cpu"))
    image = torch.rand(1, 3, *model.preprocess.size)
    with torch.no_grad():
        run(image)
        clock, own = time.perf_counter(), time.thread_time()
        for _ in range(count):
            run(image)
    return time.perf_counter() - clock, time.thread_time() - own


def seconds_recorded(model: Model, layer: str, files: list[Path]) -> tuple[float, float]:
    """Return the seconds of a record of photographs, likewise."""
    clock, own = time.perf_counter(), time.thread_time()
    ent.record(model, [layer], files, device="cpu")
    return time.perf_counter() - clock, time.thread_time() - own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("photos")
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--layer", default="blocks.5")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    model, files = ent.load(asked.model), list(photo_files([asked.photos], checked=False))
    seconds_recorded(model, asked.layer, files[:2])
    shares = []
    for _ in range(asked.rounds):
        bare = seconds_bare(model, asked.layer, len(files))
        recorded = seconds_recorded(model, asked.layer, files)
        shares.append([one / other for one, other in zip(bare, recorded, strict=True)])
        rates = (len(files) / each[0] for each in (bare, recorded))
        print("bare {:.1f}, recorded {:.1f} photographs a second".format(*rates))
    on_clock, of_thread = (statistics.median(each) for each in zip(*shares, strict=True))
    print(
        f"{model.source} to {asked.layer}, {len(files)} photographs, {torch.get_num_threads()} "
        f"threads: {on_clock:.0%} of the bare rate on the clock, {of_thread:.0%} of the thread's"
    )


if __name__ == "__main__":
    main()
