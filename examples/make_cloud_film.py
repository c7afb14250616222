"""Let the clouds of `make_clouds.py` drift over their lake: the frames of a film, in a folder.

Each part of that picture adds light and lets some through, so it is painted once, over black and
over white, and then moved: the clouds by two pixels a frame, the ice clouds above them by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import make_clouds as clouds
import numpy as np
from PIL import Image

NEAR, FAR = 2, 1  # pixels by which clouds and ice clouds move in a frame


class Layer(NamedTuple):
    """A part of the picture: what it adds, and the share of what is behind it that is seen."""

    light: clouds.Array
    clear: clouds.Array

    def over(self, behind: clouds.Array) -> clouds.Array:
        picture: clouds.Array = self.light + behind * self.clear
        return picture

    def moved(self, start: int, width: int) -> Layer:
        return Layer(*(each[:, start : start + width] for each in self))


def layer(paint: Callable[[clouds.Array], clouds.Array], height: int, width: int) -> Layer:
    """Take a part of the picture apart by what it makes of black and of white."""
    black, white = (paint(np.full((height, width, 3), each, np.float32)) for each in (0, 1))
    return Layer(black, white - black)


def frames(height: int, width: int, count: int, seed: int) -> Iterator[Image.Image]:
    """Paint the frames."""

    def rng(part: int) -> clouds.Rng:
        return np.random.default_rng([seed, part])

    horizon, wide = round(height * clouds.HORIZON), width + NEAR * count
    ice = layer(lambda sky: clouds.with_cirrus(sky, rng(0)), horizon, wide)
    random = rng(1)
    towers = [ball for t in clouds.TOWERS for ball in clouds.tower(*t, wide / height, random)]
    volume = clouds.cumulus(horizon, wide, height, towers, rng(2))
    heaps = layer(lambda sky: clouds.with_clouds(sky, volume, height), horizon, wide)
    land = layer(lambda sky: clouds.with_land(sky, height, [rng(3), rng(4)])[0], horizon, width)
    _, waterline = clouds.with_land(np.zeros((horizon, width, 3)), height, [rng(3), rng(4)])
    bank = layer(lambda picture: clouds.with_meadow(picture, rng(6)), height, width)
    blue = clouds.clear_sky(horizon, width, height)
    for number in range(count):
        # The wind blows to the right: what is seen begins ever farther to the left.
        near, far = (speed * (count - number) for speed in (NEAR, FAR))
        sky = heaps.moved(near, width).over(ice.moved(far, width).over(blue))
        behind = np.zeros((height, width, 3), np.float32)
        behind[:horizon] = sky
        picture = clouds.with_lake(land.over(behind), waterline, rng(5))
        yield clouds.develop(bank.over(picture), np.random.default_rng([seed, 7, number]))


def main() -> None:
    parser = clouds.OneLineParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="FOLDER")
    parser.add_argument("--size", type=clouds.size, default=(288, 512), metavar="HxW")
    parser.add_argument("--frames", type=clouds.number, default=96, metavar="N")
    parser.add_argument("--seed", type=clouds.number, default=0, metavar="N")
    args = parser.parse_args()
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        height, width = args.size
        for number, each in enumerate(frames(height, width, args.frames, args.seed)):
            each.save(args.out / f"frame{number:04}.png")
    except OSError as error:
        parser.error(f"can't write to {args.out}: {error.strerror}")


if __name__ == "__main__":
    main()
