"""Measures photographs' waves as MaCo's source has measured ImageNet's, for `fourier.natural`.

    python -m benchmarks.natural_spectrum FOLDER...

Every photograph is brought to the size that ImageNet's have, 375 pixels on its shorter side, and
then enlarged to 512 bilinearly, as theirs were: so grain fades from about 0.1 cycles a pixel on. Of
the middle square and those at both ends the mean magnitude is taken, in colours without correlation
and without their sigmoid. What is printed is a table: for each frequency, the magnitude times it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

import entoptic as ent
from entoptic.analysis.photographs import photo_files
from entoptic.images import fourier
from entoptic.images.color import to_decorrelated

SHORT, SIDE = 375, 512

# In cycles a pixel; the bands reach from the middle between two, by their logarithms, to the next.
BANDS = (
    *(0.004, 0.006, 0.009, 0.013, 0.02, 0.03, 0.045, 0.065, 0.09, 0.12, 0.16, 0.2, 0.25, 0.3),
    *(0.35, 0.4, 0.45, 0.5, 0.6, 0.7),
)


def squares(photo: ent.Picture) -> Tensor:
    """The middle square and those at both ends, (1 to 3, 3, 512, 512)."""
    image = ent.resize(photo.image, *ent.fit_short_side(photo.height, photo.width, SHORT))
    size = ent.fit_short_side(image.shape[-2], image.shape[-1], SIDE)
    image = interpolate(image.clamp(0, 1), size, mode="bilinear")
    down, across = (side - SIDE for side in size)
    places = {(down // 2, across // 2), (0, 0), (down, across)}
    return torch.cat([image[..., top : top + SIDE, left : left + SIDE] for top, left in places])


def measured(files: list[Path]) -> Tensor:
    """Magnitude times frequency in each band and axis, (bands, 3); each axis has mean square 1."""
    total = torch.zeros(3, SIDE, SIDE // 2 + 1, dtype=torch.float64)
    for file in files:
        values = to_decorrelated(squares(ent.read(file)).double() - 0.5)
        total += fourier.to_spectrum(fourier.tapered(values)).abs().mean(0)
    # Each axis by itself: by their scale, axes without correlation vary alike in ImageNet, which a
    # few photographs needn't. Whatever the phases are: the sum of squares is the same before and
    # after the transform.
    power = fourier.from_spectrum(total + 0j, SIDE, SIDE).square().mean((1, 2), keepdim=True)
    total /= power.sqrt()
    at = fourier.frequencies(SIDE, SIDE)
    middles = torch.tensor(BANDS, dtype=torch.float64).log()
    band = torch.bucketize(at.log(), (middles[1:] + middles[:-1]) / 2)
    flat, slowest = total * at, at >= 1.5 / SIDE
    return torch.stack([flat[:, (band == n) & slowest].mean(1) for n in range(len(BANDS))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path)
    files = list(photo_files(parser.parse_args().photos))
    print(f"{len(files)} photographs: {', '.join(file.stem for file in files)}")
    for at, row in zip(BANDS, measured(files), strict=True):
        print(f"    ({at}, {', '.join(f'{value:.4f}' for value in row.tolist())}),")


if __name__ == "__main__":
    main()
