"""Flicker of dreamt films: ours, frame by frame, and the two older ways to carry a dream on.

    python -m benchmarks.film CLIP... [--size 320] [--frames 16]

A film flickers where what is shown differs from the frame before, moved along the *source's*
optical flow, by more than the source does: the warping error, less the source's own, over what is
seen in both frames. All ways are compared at the same mean score of the layers within 5%, which
strength is sought for. `blend` begins each frame from a half of the dream before (DeepDreamVideo),
`whole` from that dream moved along the flow.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import entoptic as ent
from entoptic.jobs.film_frames import at_size
from entoptic.video.motion import Motion, dis, motion
from entoptic.video.pixels import Pixels, image_of
from entoptic.video.reading import facts_of, frames_of

Make = Callable[[float], list[Pixels]]
Begin = Callable[[int, Pixels], NDArray[Any]]


@dataclass(frozen=True)
class Clip:
    """The beginning of a film.

    Args:
        path: of the film.
        frames: at the size at which they are dreamt.
        motions: from each frame but the first to the one before.
    """

    path: Path
    frames: Sequence[Pixels]
    motions: Sequence[Motion]


def read(path: Path, size: int, count: int) -> Clip:
    """Return the first frames of a film."""
    facts = facts_of(path)
    height, width = (
        round(side * size / max(facts.height, facts.width)) for side in (facts.height, facts.width)
    )
    some = itertools.islice(frames_of(facts), count)
    frames = [at_size(each.pixels, height, width) for each in some]
    motions = [motion(before, now, dis) for before, now in itertools.pairwise(frames)]
    return Clip(path, frames, motions)


def flicker(clip: Clip, shown: Sequence[Pixels]) -> float:
    """Return the mean warping error less the source's, in levels of 255."""
    found = []
    for number, moved in enumerate(clip.motions, start=1):
        seen = moved.visible > 0.99
        errors = [
            np.abs(moved.carried(each[number - 1].astype(np.float32)) - each[number])[seen].mean()
            for each in (shown, clip.frames)
        ]
        found.append(errors[0] - errors[1])
    return float(np.mean(found))


def score(model: ent.Model, shown: Sequence[Pixels]) -> float:
    """Return the mean energy of the network's default objective."""
    plan = ent.Dream(model, image_of(shown[0])).plan()
    layers = list(plan.objective.layers())
    found = []
    for each in shown:
        values = model.activations(image_of(each), layers)
        found.append(sum(float(values[layer].square().mean()) for layer in layers))
    return float(np.mean(found))


def brightness(clip: Clip, shown: Sequence[Pixels]) -> float:
    """Return the largest difference of mean luma to the source's, as a share of it."""
    luma = np.array([0.2126, 0.7152, 0.0722])
    pairs = zip(clip.frames, shown, strict=True)
    return max(abs((b @ luma).mean() / (a @ luma).mean() - 1) for a, b in pairs)


def ways(model: ent.Model, clip: Clip) -> dict[str, Make]:
    """Return each way to dream a clip at a strength."""

    def dreamt(image: NDArray[Any], strength: float) -> NDArray[np.float32]:
        photo = (
            torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float().clamp(0, 1)
        )
        made = ent.dream(model, photo, strength=strength).image
        values: NDArray[np.float32] = made[0].permute(1, 2, 0).numpy()
        return values

    def carried(strength: float, begin: Begin) -> list[Pixels]:
        shown: list[Pixels] = []
        for number, frame in enumerate(clip.frames):
            source = frame.astype(np.float32) / 255
            start = begin(number, shown[-1]) if shown else source
            shown.append(np.rint(dreamt(start, strength) * 255).astype(np.uint8))
        return shown

    def source(number: int) -> NDArray[Any]:
        return clip.frames[number].astype(np.float32) / 255

    def whole(number: int, last: Pixels) -> NDArray[Any]:
        moved = clip.motions[number - 1]
        seen = moved.visible[..., None]
        return seen * moved.carried((last / 255).astype(np.float32)) + (1 - seen) * source(number)

    def ours(strength: float) -> list[Pixels]:
        how = {"size": clip.frames[0].shape[:2], "strength": strength, "silent": True}
        plan = ent.Film(model, clip.path, output="unused.mp4", **how).plan()
        return [each.pixels for each, _ in itertools.islice(plan.frames(), len(clip.frames))]

    return {
        "ours": ours,
        "frame by frame": lambda strength: carried(strength, lambda number, _: source(number)),
        "blend": lambda strength: carried(
            strength, lambda number, last: (source(number) + last.astype(np.float32) / 255) / 2
        ),
        "whole": lambda strength: carried(strength, whole),
    }


def at_score(
    model: ent.Model, make: Make, wanted: float, tries: int = 5
) -> tuple[list[Pixels], float, float]:
    """Return what a way makes at a mean score within 5%, with the strength and the score."""
    strength, low, high = 1.0, 0.0, float("inf")
    for _ in range(tries):
        shown = make(strength)
        found = score(model, shown)
        if abs(found / wanted - 1) <= 0.05:
            break
        low, high = (strength, high) if found < wanted else (low, strength)
        strength = strength * (wanted / found) ** 0.7 if high == float("inf") else (low + high) / 2
    return shown, strength, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--frames", type=int, default=16)
    given = parser.parse_args()
    model = ent.load()
    print("clip                 way             flicker  of f.b.f.  strength  score  brightness")
    for path in given.clips:
        clip = read(path, given.size, given.frames)
        made = ways(model, clip)
        shown = made.pop("ours")(1.0)
        wanted = score(model, shown)
        rows = {"ours": (shown, 1.0, wanted)}
        rows |= {name: at_score(model, make, wanted) for name, make in made.items()}
        usual = flicker(clip, rows["frame by frame"][0])
        for name, (shown, strength, found) in rows.items():
            error, bright = flicker(clip, shown), brightness(clip, shown)
            print(
                f"{path.name:20} {name:15} {error:7.2f} {error / usual:9.2f} {strength:9.2f} "
                f"{found / wanted:7.2f} {bright:9.1%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
