"""Time per frame of films, beside dreams of as many photos.

    python -m benchmarks.film_speed CLIP [--size 640] [--frames 8] [--scenes 1] [--coherence 0.75]

Both are made as commands make them, in turns, at the same settings: the film with decoding, flow
and encoding, the photos read from PNG files and written again. Of each pair the ratio is told on
the clock, and of the seconds that all threads of the process compute, which other work on the
machine changes least. With `--scenes N` the clip's frames are cut into scenes, of which the film
has each other one turned upside down, as frames without anything in common.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

import entoptic as ent
from entoptic.images.resize import fit_long_side
from entoptic.jobs.dream_batches import dream_each
from entoptic.jobs.film_frames import at_size
from entoptic.video.pixels import image_of
from entoptic.video.reading import Frame, facts_of, frames_of
from entoptic.video.writing import lossless, write_film


@dataclass(frozen=True)
class Seconds:
    """How long something took: on the clock, and of all threads."""

    clock: float
    threads: float

    def __truediv__(self, other: Seconds) -> Seconds:
        return Seconds(self.clock / other.clock, self.threads / other.threads)


def seconds(work: Callable[[], object]) -> Seconds:
    """Return how long something takes."""
    clock, threads = time.perf_counter(), time.process_time()
    work()
    return Seconds(time.perf_counter() - clock, time.process_time() - threads)


def cut(clip: Path, size: int, count: int, scenes: int, folder: Path) -> tuple[Path, list[Path]]:
    """Write a clip's first frames at a size, as a film and as pictures."""
    facts = facts_of(clip)
    height, width = fit_long_side(facts.height, facts.width, size)
    frames = [
        Frame(n, each.time, each.duration, at_size(each.pixels, height, width))
        for n, each in enumerate(itertools.islice(frames_of(facts), count))
    ]
    long = -(-len(frames) // scenes)
    frames = [
        replace(each, pixels=np.ascontiguousarray(each.pixels[:: -1 if n // long % 2 else 1]))
        for n, each in enumerate(frames)
    ]
    film = folder / "clip.mkv"
    write_film(lossless(film, 8), replace(facts, height=height, width=width), frames, job="")
    photos = [ent.write(folder / f"{each.number:04}.png", image_of(each.pixels)) for each in frames]
    return film, photos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("clip", type=Path)
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scenes", type=int, default=1)
    parser.add_argument("--coherence", type=float, default=0.75)
    given = parser.parse_args()
    model = ent.load()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film, photos = cut(given.clip, given.size, given.frames, given.scenes, folder)

        def dreams() -> None:
            for number, each in enumerate(dream_each(ent.Dream(model), photos)):
                each.save(folder / f"dream{number}.png")

        def made() -> None:
            output = folder / "made.mp4"
            output.unlink(missing_ok=True)
            ent.film(model, film, output=output, coherence=given.coherence, silent=True)

        next(dream_each(ent.Dream(model), photos[:1]))  # the network is prepared once
        ratios = []
        for _ in range(given.rounds):
            for_photos, for_film = seconds(dreams), seconds(made)
            ratios.append(for_film / for_photos)
            rate = 60 * given.frames / for_film.clock
            print(
                f"photos {for_photos.clock / given.frames:.2f} s each, film "
                f"{for_film.clock / given.frames:.2f} s a frame, {rate:.1f} frames a minute; "
                f"{ratios[-1].clock:.2f} on the clock, {ratios[-1].threads:.2f} of all threads",
                flush=True,
            )
    clock, threads = (
        statistics.median(getattr(each, name) for each in ratios) for name in ("clock", "threads")
    )
    print(
        f"median of {given.rounds}: {clock:.2f} on the clock, {threads:.2f} of all threads; "
        f"{torch.get_num_threads()} threads of torch"
    )


if __name__ == "__main__":
    main()
