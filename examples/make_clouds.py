"""Paint summer clouds over a lake out of nothing but noise: the picture that `make dream` dreams.

Light is linear until `develop`. Lengths in the sky are in picture heights, on the ground in metres.
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Array = NDArray[Any]
Shape = tuple[int, int]
Rng = np.random.Generator
Draw = ImageDraw.ImageDraw
Flower = tuple[tuple[int, int, int], int, float, float]


def rgb(red: float, green: float, blue: float) -> Array:
    return np.array([red, green, blue], np.float32)


SUN = rgb(3.2, 2.15, 1.12)  # low sunlight: the air has taken the blue
TO_SUN = (-0.86, 0.32, 0.30)  # right, up, towards us: it stands low on the left
SKYLIGHT = rgb(0.27, 0.40, 0.68)  # what lights the shadows
HAZE = rgb(0.36, 0.39, 0.46)  # what the air adds before far hills
RAYLEIGH = rgb(0.058, 0.135, 0.331)  # what one air mass scatters at 680, 550 and 440 nm
HORIZON = 0.64  # height of the sky, as a part of the picture
SLICES, THICK = 56, 0.62  # the clouds are cut into slices from front to back, so deep in all
EYE, FOCAL = 14.0, 4 / 3  # metres above the lake; focal length in picture heights
RANGES = (  # of hills: distance, thickness, height, length of a hill / 256, slope to the right
    (2500, 900, 120, 9, 0.9),
    (5200, 1500, 300, 17, 0.3),
    (11500, 2600, 1000, 31, -1.1),
)
TOWERS = (  # of cloud: centre (part of the width), base, top, width, spheres
    (0.70, 0.50, 0.08, 0.40, 26),
    (0.47, 0.50, 0.32, 0.24, 20),
    (0.95, 0.50, 0.26, 0.28, 26),
    (0.08, 0.51, 0.40, 0.20, 14),
)
FLOWERS: tuple[Flower, ...] = (  # colour of the petals, dabs, width and height
    ((206, 50, 28), 5, 0.6, 0.35),  # poppy
    ((122, 94, 192), 12, 0.35, 1.8),  # lupin
    ((240, 236, 222), 9, 1.0, 0.3),  # yarrow
    ((238, 196, 52), 3, 0.5, 0.3),  # buttercup
)
FINE = 2  # land and meadow are painted this many times larger, then averaged


def noise(shape: Shape, rng: Rng, slope: float, wave: float = 0, stretch: float = 1) -> Array:
    """Periodic noise of unit variance: frequency**-slope, cut off below a wavelength (pixels)."""
    fy = np.fft.fftfreq(shape[0])[:, None]
    radius = np.hypot(fy, np.fft.rfftfreq(shape[1]) * stretch)
    radius[0, 0] = 1
    gain = radius**-slope * np.exp(-((radius * wave) ** 2))
    gain[0, 0] = 0
    white = rng.standard_normal(shape, np.float32)
    out = np.fft.irfft2(np.fft.rfft2(white) * gain.astype(np.float32), shape)
    return (out / out.std()).astype(np.float32)


def sample(tile: Array, y: Array, x: Array) -> Array:
    """Look up a periodic tile between its pixels (bilinear)."""
    y, x = np.broadcast_arrays(y, x)
    row, col = np.floor(y).astype(np.int32), np.floor(x).astype(np.int32)
    fy, fx = (y - row).astype(np.float32), (x - col).astype(np.float32)
    h, w = tile.shape
    row, col, below, right = row % h * w, col % w, (row + 1) % h * w, (col + 1) % w
    flat = tile.ravel()
    upper = flat[row + col] * (1 - fx) + flat[row + right] * fx
    lower = flat[below + col] * (1 - fx) + flat[below + right] * fx
    return upper + (lower - upper) * fy


def smoothstep(low: float, high: float, x: Array) -> Array:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def enlarged(plane: Array, height: int, width: int) -> Array:
    return np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR))


def clear_sky(height: int, width: int, tall: int) -> Array:
    """Scattered light, through more air towards the horizon, and the glow of the sun (left)."""
    up = 1 - (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    across = (np.arange(width, dtype=np.float32) + 0.5) / tall
    air = RAYLEIGH / (up * 0.9 + 0.12)[..., None]
    blue = (1 - np.exp(-1.25 * air)) * np.exp(-0.26 * air) * rgb(0.66, 0.76, 0.92)
    glow = np.exp(-np.hypot(across + 0.15, (up - 0.1) * 0.9) * 2.4) + 0.45 * np.exp(-up * 7)
    return blue + glow[..., None] * SUN * 0.16


def with_cirrus(sky: Array, rng: Rng) -> Array:
    """Thin ice clouds: noise drawn out along the wind, bent by slower noise."""
    h, w = sky.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32) * (1024 / w)
    slow, fast = noise((512, 512), rng, 2.2), noise((1024, 1024), rng, 1.45, stretch=4)
    bend_y, bend_x = sample(slow, y * 0.3, x * 0.3), sample(slow, y * 0.3 + 200, x * 0.3 + 77)
    streaks = sample(fast, y * 1.3 + x * 0.5 + bend_y * 55, x + bend_x * 110)
    patches = sample(slow, y * 0.5 + 140, x * 0.35 + 300)
    up = 1 - y / y[-1, 0]
    cover = smoothstep(0.2, 3.2, streaks * 0.8 + patches * 1.3) * smoothstep(0.05, 0.6, up) * 0.62
    return sky + (SUN * 0.27 + SKYLIGHT * 0.5 - sky) * cover[..., None]


def tower(
    x: float, base: float, top: float, wide: float, count: int, aspect: float, rng: Rng
) -> list[Array]:
    """Spheres (x, y, z, radius, base) piled up on a flat base, smaller towards the top."""
    pile = []
    for v in np.linspace(0, 1, count) ** 0.8:
        r = wide * (0.36 - 0.20 * v) * rng.uniform(0.8, 1.25)
        dx, z = rng.normal(0, wide * (1 - 0.75 * v), 2) * (0.42, 0.25)
        z = np.clip(z, r - 0.42 * THICK, 0.42 * THICK - r)  # no cloud may stick out of the slices
        y = base - r / 2 - v * (base - top - 1.5 * r)
        pile.append(np.array([x * aspect + dx, y, z, r, base], np.float32))
    return pile


def cumulus(height: int, width: int, tall: int, pile: list[Array], rng: Rng) -> NDArray[np.uint8]:
    """Density (0..255) of piled spheres roughened by billows |noise|, in slices."""
    shape = (height, width)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    swirl = [noise(shape, rng, 1.6) for _ in range(2)]
    hardness = 255 / 0.011 * np.exp(-0.7 * np.maximum(swirl[0], -0.6))  # some edges are softer
    billows = []
    for wave in 0.20 * 0.5 ** np.arange(6):
        push = 0.02 * tall * min(1, wave / 0.05)
        plane = noise(shape, rng, -1, wave * tall)
        plane = sample(plane, y + push * swirl[0], x + push * swirl[1])
        billows.append((wave, np.tile(plane, (2, 2)), rng.integers(0, shape, (200, 2))))
    coarse = max(1, round(tall / 192))
    cy, cx = np.mgrid[0:height:coarse, 0:width:coarse].astype(np.float32) / tall
    volume = np.zeros((SLICES, height, width), np.uint8)
    for k, z in enumerate(np.linspace(0, THICK, SLICES)):
        inside = np.full_like(cy, -1)
        for px, py, pz, r, base in pile:
            ball = r - np.sqrt((cx - px) ** 2 + (cy - py) ** 2 + (z - THICK / 2 - pz) ** 2)
            np.maximum(inside, np.minimum(ball, base - cy), out=inside)
        inside[inside < 0] *= 1.7  # keeps crumbs near their cloud
        filled = np.flatnonzero(inside.max(1) > -0.25) * coarse
        if not filled.size:
            continue
        rows = slice(filled[0], filled[-1] + coarse)
        depth = enlarged(inside, *np.multiply(inside.shape, coarse))[:height, :width][rows].copy()
        for wave, plane, places in billows:
            at = z / (0.6 * wave)  # turn from one random plane to the next
            a, b = (plane[r : r + height, c : c + width] for r, c in places[int(at) : int(at) + 2])
            turn = np.float32(at % 1 * np.pi / 2)
            bump = np.abs(np.cos(turn) * a[rows] + np.sin(turn) * b[rows])
            depth += (bump - 0.8) * np.float32(0.30 * wave)  # 0.8 is the mean of |noise|
        volume[k, rows] = np.clip(depth * hardness[rows], 0, 255)
    return volume


def shaded(volume: NDArray[np.uint8], tall: int) -> tuple[Array, Array]:
    """How much cloud (lengths) lies between each coarse point and the sun, and the zenith."""
    coarse = max(1, round(tall / 192))
    small = volume[:, ::coarse, ::coarse].astype(np.float32) / 255
    step = coarse / tall
    # Light is followed column by column, away from the sun.
    down = np.float32(TO_SUN[1] / -TO_SUN[0])  # rows ... and slices that it goes on for each column
    back = np.float32(TO_SUN[2] / -TO_SUN[0] * step * SLICES / THICK)
    length = step * float(np.linalg.norm(TO_SUN)) / -TO_SUN[0]
    passed = np.empty_like(small)
    so_far: np.ndarray = np.zeros(small.shape[:2], np.float32)
    for i in range(small.shape[2]):
        edged = np.pad(so_far, ((1, 0), (1, 0)))
        edged = edged[:, 1:] + (edged[:, :-1] - edged[:, 1:]) * down
        so_far = edged[1:] + (edged[:-1] - edged[1:]) * back + small[:, :, i] * length
        passed[:, :, i] = so_far - small[:, :, i] * (length / 2)
    return passed, np.cumsum(small, 1) * step


def with_clouds(sky: Array, volume: NDArray[np.uint8], tall: int) -> Array:
    """Look through the slices; sums of exponentials stand for light scattered more than once."""
    h, w = sky.shape[:2]
    through, sunlit, skylit, before = np.zeros((4, h, w), np.float32)
    through += 1
    for density, to_sun, to_zenith in zip(volume, *shaded(volume, tall), strict=True):
        now = density.astype(np.float32) / 255
        stopped = through * (1 - np.exp((now + before) * np.float32(-45 * THICK / SLICES)))
        sun = 0.72 * np.exp(-81 * to_sun) + 0.20 * np.exp(-20 * to_sun)
        sunlit += stopped * enlarged(sun + 0.08 * np.exp(-4.5 * to_sun), h, w)
        zenith = 0.43 * np.exp(-5.4 * to_zenith) + 0.35 * np.exp(-45 * to_zenith)
        skylit += stopped * enlarged(zenith + 0.22, h, w)
        through -= stopped
        before = now
    cloud = sunlit[..., None] * SUN * 0.42 + skylit[..., None] * SKYLIGHT * 0.62
    up = 1 - (np.arange(h, dtype=np.float32)[:, None, None] + 0.5) / h
    veil = 0.75 * np.exp(-up * 5)  # there is more air before what stands low
    return sky + (cloud - sky) * (1 - through)[..., None] * (1 - veil)


def crowns(rng: Rng, size: int = 512, cells: int = 26) -> tuple[Array, Array]:
    """A periodic wood from above: the height of its conifers (0..1), and a tint for each."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) * (cells / size)
    at_y, at_x, tall, tint = rng.uniform(0, 1, (4, cells, cells)).astype(np.float32)
    height, color = np.zeros((2, size, size), np.float32)
    for j in (-1, 0, 1):
        for i in (-1, 0, 1):
            row, col = y.astype(int) + j, x.astype(int) + i
            cell = (row % cells, col % cells)
            gap = np.hypot(row + at_y[cell] - y, col + at_x[cell] - x)
            tree = (0.45 + 0.55 * tall[cell]) * np.clip(1 - gap / 0.62, 0, 1)
            color = np.where(tree > height, tint[cell], color)
            height = np.maximum(height, tree)
    return height, color


class Land(NamedTuple):
    """The far shore, on a fan of distances (rows) by directions (columns)."""

    away: Array  # metres; one column
    across: Array  # metres to the right
    inland: Array  # metres from the water
    height: Array
    top: Array  # height with trees
    wood: Array  # 0 meadow, 1 wood
    tint: Array  # of each tree
    fine: Array  # noise
    shore: Array  # distance of the water's edge; one row


def far_land(columns: int, spread: float, rng: Rng) -> Land:
    """Ranges of hills behind a shore, partly wooded; `spread` is the width seen 1 m away."""
    near, far = np.geomspace(420, 4000, 320), np.geomspace(4020, 16000, 380)
    z = np.r_[near, far].astype(np.float32)[:, None]
    u = ((np.arange(columns, dtype=np.float32) + 0.5) / columns - 0.5) * np.float32(spread)
    x = u * z
    slow, fast = noise((512, 512), rng, 1.9), noise((512, 512), rng, 1.3)
    broad = sample(slow, z / 9.5 + 300, x / 9.5 + 130)  # repeats after 4.9 km
    fine = sample(fast, 70 * np.log(z), 300 * u)  # of one size on the picture, near and far
    shore = 620 + 110 * sample(slow, 0 * u, u * 180 + 20)
    inland = z - shore
    height = smoothstep(600, 1500, z) * (38 + 30 * broad) + smoothstep(0, 12, inland)
    for middle, thick, high, wave, lean in RANGES:
        crest = 0.62 + 0.30 * sample(slow, z / wave / 4 + middle, x / wave + middle) + 0.16 * broad
        crest = np.maximum(crest + lean * np.clip(u, -0.5, 0.5), 0)
        height += high * np.exp(-(((z - middle) / thick) ** 2)) * crest
    height += 0.0022 * np.maximum(z - 900, 0) * fine
    height = np.where(inland > 0, np.maximum(height, 0.3), -1e4)
    wood = sample(slow, z / 3.5 + 70, x / 3.5 + 31) + 0.5 * broad
    wood = smoothstep(-0.5, -0.2, wood + 0.5 * sample(slow, z / 0.8, x / 0.8))
    wood *= (inland > 5) * smoothstep(1100, 650, height)
    trees, tints = (sample(tile, z / 0.3, x / 0.3) for tile in crowns(rng))  # 26 in 154 m
    top = height + 15 * np.sqrt(wood) * trees * smoothstep(9000, 2500, z)
    return Land(z, x, inland, height, top, wood, tints, fine, shore)


def lit_land(land: Land, rng: Rng) -> Array:
    """Colours of the fan: ground, woods, rock and snow in sun and shadow, behind hazy air."""
    z, x = land.away, land.across
    tilt = np.clip(np.gradient(land.top, axis=1) / (x[:, 1:2] - x[:, :1]), -2, 2)
    tilt_away = np.clip(np.gradient(land.top, axis=0) / np.gradient(z, axis=0), -2, 2)
    right, up, near = TO_SUN
    steep = np.hypot(tilt, tilt_away)
    facing = np.maximum(up - right * tilt + near * tilt_away, 0) / np.hypot(steep, 1)
    beam = land.top - up / right * x  # keeps its value along a sunbeam: below the highest is shadow
    lit = np.clip(1 - (np.maximum.accumulate(beam, 1) - beam) / (2 + 0.003 * z), 0, 1)
    clouds = sample(noise((512, 512), rng, 1.9), z / 7, x / 7)
    sun = facing * lit * (0.15 + 0.85 * smoothstep(-0.9, 0.1, clouds))
    rock = smoothstep(0.35, 0.7, steep) * smoothstep(200, 600, land.height)
    rock = np.maximum(rock, smoothstep(600, 900, land.height + 60 * land.fine))
    snow = smoothstep(800, 1000, land.height + 80 * land.fine - 300 * steep)
    mottled, tint = (1 + 0.35 * land.fine)[..., None], (0.6 + 0.8 * land.tint)[..., None]
    color = mottled * rgb(0.17, 0.19, 0.06)
    for part, paint in (
        (smoothstep(10, 5, land.inland), rgb(0.05, 0.05, 0.035)),
        (smoothstep(0, 0.05, land.wood), tint * rgb(0.040, 0.066, 0.026)),
        (rock, mottled * rgb(0.20, 0.18, 0.17)),
        (snow, rgb(0.80, 0.80, 0.82)),
    ):
        color = color + (paint - color) * part[..., None]
    clear = np.exp(-z[..., None] * rgb(0.00005, 0.00007, 0.00011))
    haze = HAZE + np.exp(-np.maximum(x / z + 0.6, 0) * 2.4)[..., None] * SUN * 0.12
    return (color * (sun[..., None] * SUN * 1.05 + SKYLIGHT * 0.45) - haze) * clear + haze


def seen(land: Land, color: Array, horizon: int, focal: float, rows: int) -> tuple[Array, Array]:
    """What hides what: colour and cover of the picture from its upper edge down to `rows`."""
    top = np.maximum.accumulate((land.top - EYE) / land.away, 0) * focal
    count, width = top.shape
    column = np.arange(width)
    first = np.clip(np.ceil(horizon - top - 0.5).astype(int), 0, rows)  # row that it reaches
    reached = np.bincount((first * width + column).ravel(), minlength=(rows + 1) * width)
    hiding = np.cumsum(reached.reshape(rows + 1, width), 0)[:rows]
    k = np.clip(count - hiding, 1, count - 1)
    low, high = top[k - 1, column], top[k, column]  # between two distances, mix their colours
    up = horizon - 0.5 - np.arange(rows, dtype=np.float32)[:, None]
    mix = np.clip((up - low) / np.maximum(high - low, 1e-3), 0, 1)[..., None]
    return color[k - 1, column] * (1 - mix) + color[k, column] * mix, (hiding > 0)[..., None]


def with_land(sky: Array, height: int, rngs: list[Rng]) -> tuple[Array, Array]:
    """Set the far shore under the sky; also the row of the waterline in each column."""
    horizon, width = sky.shape[:2]
    focal = FOCAL * height
    land = far_land(width * FINE, width / focal, rngs[0])
    waterline = (horizon + EYE / land.shore * focal).reshape(width, FINE).mean(1)
    rows = int(np.ceil(waterline.max()))
    color, cover = seen(land, lit_land(land, rngs[1]), horizon * FINE, focal * FINE, rows * FINE)
    color, cover = (
        part.reshape(rows, FINE, width, FINE, -1).mean((1, 3), dtype=np.float32)
        for part in (color * cover, cover)
    )
    picture = np.zeros((height, width, 3), np.float32)
    picture[:horizon] = sky
    picture[:rows] = picture[:rows] * (1 - cover) + color
    return picture, waterline


def with_lake(picture: Array, waterline: Array, rng: Rng) -> Array:
    """Below the waterline, mirror what is above it in rippled water."""
    height, width = picture.shape[:2]
    tile = noise((512, 512), rng, 1.2)
    start = int(waterline.min())
    y = np.arange(start, height, dtype=np.float32)[:, None]
    x = np.arange(width, dtype=np.float32)[None]
    below = (y + 0.5) / height - HORIZON  # is 1 / distance
    v, u = 56 / np.maximum(below, 0.01), (x - width / 2) / height * 16 / np.maximum(below, 0.01)
    ripple = sample(tile, v, u) + 0.6 * sample(tile, v * 3.1 + 50, u * 3.1)
    wobble = sample(tile, v * 2 + 200, u * 2)
    col = np.clip(x + wobble * below * height * 0.03, 0, width - 1)
    mirror = np.zeros((*col.shape, 3), np.float32)
    for smear in (-0.045, -0.015, 0.015, 0.045):  # waves draw reflections out towards us
        row = 2 * waterline - y - 2 - (0.07 * ripple + smear) * below * height
        row = np.clip(row, 0, waterline - 2)
        mirror += np.stack([sample(picture[..., i], row, col) for i in range(3)], -1) / 4
    shine = 0.92 - 1.1 * below - 0.10 * ripple * smoothstep(0.02, 0.2, below)
    shine = np.clip(shine, 0.35, 1)[..., None]  # flat water far away reflects more
    water = mirror * shine * rgb(0.90, 0.95, 1.0) + rgb(0.02, 0.05, 0.06) * (1 - shine)
    wet = (y >= waterline)[..., None]
    return np.r_[picture[:start], np.where(wet, water, picture[start:])]


def grass_colors(shade: Array, dry: Array) -> NDArray[np.int64]:
    """From dark to sunlit, from lush to straw."""
    powers = np.stack([np.ones_like(shade), shade, shade**4], -1)
    lush = powers @ np.array([[20, 36, 18], [108, 108, 40], [70, 50, 40]])
    straw = powers @ np.array([[44, 36, 18], [150, 112, 58], [50, 50, 40]])
    return (lush + (straw - lush) * dry[:, None]).astype(int)


def meadow(height: int, width: int, rng: Rng) -> Image.Image:
    """The near bank: blades of grass and flowers, far ones first, each a few strokes."""
    picture = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(picture)
    tile = noise((256, 256), rng, 1.5)
    count = 4000 * width // height
    x = np.r_[np.linspace(0, 1, 99), rng.uniform(-0.02, 1.02, count)]
    edge = 0.52 - 0.34 * np.abs(x) ** 1.5 + 0.035 * sample(tile, 0 * x, x * width / height * 18)
    bank = list(zip(x[:99] * width, edge[:99] * height, strict=True))
    draw.polygon([(0, height), *bank, (width, height)], fill=(30, 42, 18, 255))
    x, edge = x[99:], edge[99:]
    u, depth = x * width / height, np.sort(rng.uniform(0, 1, count) ** 1.3)  # 1 at our feet
    y = edge + (1.12 - edge) * depth
    patch, clump = sample(tile, depth * 40, u * 12), sample(tile, depth * 200 + 90, u * 50)
    shade = 0.46 - 0.2 * depth + 0.14 * np.tanh(patch) + 0.13 * clump + rng.normal(0, 0.2, count)
    shade = np.clip(shade, 0, 1)
    dry = np.clip(0.35 + 0.45 * sample(tile, depth * 25 + 150, u * 9), 0, 1)
    colors = grass_colors(shade, dry * rng.uniform(0, 1, count))
    size = (0.3 + 1.3 * depth) * rng.uniform(0.5, 1.2, count) * (1 + 0.2 * clump) * height
    lean = (rng.normal(0.25, 0.35, count) + 0.1 * patch) * size
    fields = [sample(tile, depth * 30 + 60 * i, u * 10 + 40 * i) for i in range(len(FLOWERS))]
    kind = np.argmax(fields + rng.normal(0, 0.5, (len(FLOWERS), count)), 0)
    rich = np.clip(0.7 + sample(tile, depth * 50 + 30, u * 14), 0.2, 2)
    blooms = rng.uniform(0, 1, count) < 0.10 * rich
    for i, (px, py, s, dx) in enumerate(np.stack([x * width, y * height, size, lean], 1).tolist()):
        thick = max(0.005 * s, 0.6)
        bend, tip = (px + 0.05 * dx, py - 0.10 * s), (px + 0.18 * dx, py - 0.17 * s)
        blade = [(px - thick, py), bend, tip, (bend[0] + 1.4 * thick, bend[1]), (px + thick, py)]
        draw.polygon(blade, fill=tuple(colors[i].tolist()))
        if blooms[i]:
            light = 0.7 + 0.3 * float(shade[i])
            flower(draw, *tip, max(0.0062 * s, 0.7), FLOWERS[kind[i]], light, rng)
    return picture


def flower(draw: Draw, x: float, y: float, r: float, kind: Flower, light: float, rng: Rng) -> None:
    """A few dabs of one colour, lighter and darker."""
    petals, dabs, wide, high = kind
    for dx, dy in (rng.normal(0, 1, (dabs, 2)) * (wide * r, high * r)).tolist():
        tone = light * rng.uniform(0.55, 1)
        red, green, blue = (int(value * tone) for value in petals)
        box = (x + dx - r, y + dy - 0.8 * r, x + dx + r, y + dy + 0.8 * r)
        draw.ellipse(box, fill=(red, green, blue))


def with_meadow(picture: Array, rng: Rng) -> Array:
    """Paint the near bank over the lower edge."""
    height, width = picture.shape[:2]
    low = round(height * 0.26)
    strokes = meadow(low * FINE, width * FINE, rng).resize((width, low), Image.Resampling.BOX)
    color, cover = np.split(np.asarray(strokes, np.float32) / 255, [3], 2)
    bank = picture[-low:] + (color**2.2 - picture[-low:]) * cover
    return np.r_[picture[:-low], bank]


def develop(light: Array, rng: Rng) -> Image.Image:
    """Film curve (Narkowicz's fit of ACES), sRGB, grain and dither."""
    x = np.maximum(light, 0) * np.float32(0.82)
    x = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1)
    x = np.where(x < 0.0031308, x * 12.92, 1.055 * x ** (1 / 2.4) - 0.055) * 255
    x += rng.normal(0, 1.2, x.shape[:2])[..., None] + rng.random(x.shape)
    return Image.fromarray(np.clip(x, 0, 255).astype(np.uint8))


def paint(height: int, width: int, seed: int) -> Image.Image:
    """The whole picture, from back to front; each part has its own random numbers."""
    rngs = [np.random.default_rng([seed, part]) for part in range(8)]
    horizon = round(height * HORIZON)
    sky = with_cirrus(clear_sky(horizon, width, height), rngs[0])
    pile = [ball for place in TOWERS for ball in tower(*place, width / height, rngs[1])]
    sky = with_clouds(sky, cumulus(horizon, width, height, pile, rngs[2]), height)
    picture, waterline = with_land(sky, height, rngs[3:5])
    picture = with_lake(picture, waterline, rngs[5])
    return develop(with_meadow(picture, rngs[6]), rngs[7])


class OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if not match or not all(64 <= int(side) <= 2048 for side in match.groups()):
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH, 64 to 2048 pixels each")
    return int(match[1]), int(match[2])


def number(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of up to 9 digits")
    return int(text)


def png(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != ".png" or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a .png in a folder that exists")
    return path


def main() -> None:
    parser = OneLineParser(description=__doc__)
    parser.add_argument("out", type=png, metavar="OUT.png")
    parser.add_argument("--size", type=size, default=(768, 1024), metavar="HxW")
    parser.add_argument("--seed", type=number, default=0, metavar="N")
    args = parser.parse_args()
    height, width = args.size
    picture = paint(height, width, args.seed)
    unfinished = args.out.with_name(f".{args.out.name}.{os.getpid()}.part")
    try:
        picture.save(unfinished, "PNG", compress_level=4)
        unfinished.replace(args.out)
    except OSError as error:
        parser.error(f"can't write {args.out}: {error.strerror}")
    finally:
        unfinished.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
