"""DeepDream: a photo, changed so that what a layer sees in it grows, on several scales."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from entoptic import pictures
from entoptic.ascent import Step, ascend, bind
from entoptic.canvas import Pixels
from entoptic.errors import BadSetting, ChannelOutOfRange, WrongPictureSize
from entoptic.jobs import Job, Result
from entoptic.models import Model, checked_precision, devices, used_precision
from entoptic.objectives import Objective
from entoptic.pictures import Picture
from entoptic.recipes.large import Large
from entoptic.recipes.numbers import real, whole
from entoptic.recipes.photos import (
    check_pixels,
    guides_of,
    notes_on_guides,
    photo_of,
    resized,
    scaled,
    source_of,
)
from entoptic.recipes.plan import Plan, made_with
from entoptic.recipes.tuned import chosen, tuned
from entoptic.resample import octave_sizes, resize
from entoptic.steprules import NORMS, Norm, climb
from entoptic.tiling import Stored, parse_memory, tile_side
from entoptic.transforms import Jitter
from entoptic.types import Alpha, Image, PathLike

# More sizes in a row nobody reads.
_MOST_LISTED = 4

MOST_TOGETHER = 1024
"""How many photos a call of the network may be shown: no limit in practice, but one for a job that
a stranger has written."""


@dataclass(frozen=True)
class DreamSettings:
    """How a dream proceeds; the defaults are the original's.

    Args:
        octaves: how many sizes, the largest being the picture's own.
        octave_scale: from one size to the next.
        steps: of each octave.
        step_size: how far the pixels move in one step, on average; 1 is from black to white.
        norm: what that average is, see `climb`.
        smoothing: of the gradient, in pixels, see `smoothed`: large shapes gain on fine grain.
        jitter: largest shift before each step, in pixels.
        strength: a factor for the step size.
        size: long side of the result in pixels; None keeps the photo's.
        noise: (height, width) of the noise to begin with where there is no photo.
        tile: pictures with more pixels than a square of this side are shown to the network in
            tiles of at most this height and width; `auto` makes tiles as large as memory has room
            for, where the whole has none; `off` makes none.
        memory: what `auto` may use in all, in bytes or as `"4GiB"`; half of what is free by
            default.
        precision: what the network computes in: `fp32`, `bf16`, `fp16`, or `auto`, see `prepare`;
            tiles are computed in `fp32`.
        together: of a photo that was dreamt among others of its size, see `dream_photos`: how many
            they were in all, and which it was, counted from 0. The network is shown as many copies
            of it, since sums of other lengths may round otherwise. For jobs to be made again.

    Raises:
        BadSetting: a value out of its range.

    Source: Mordvintsev, Olah, Tyka, "DeepDreaming with Caffe" notebook, 2015.
    """

    octaves: int = 4
    octave_scale: float = 1.4
    steps: int = 10
    step_size: float = 1.5 / 255
    norm: Norm = "mean_abs"
    smoothing: float = 0.0
    jitter: int = 32
    strength: float = 1.0
    size: int | None = None
    noise: Sequence[int] | None = None
    tile: int | str = "auto"
    memory: int | str | None = None
    precision: str = "fp32"
    together: Sequence[int] | None = None

    def __post_init__(self) -> None:
        checked_precision(self.precision)
        whole("octaves", self.octaves, 1, 100)
        whole("steps", self.steps, 0, 1_000_000)
        whole("jitter", self.jitter, 0, 100_000)
        real("octave scale", self.octave_scale, above=1, most=100)
        real("step size", self.step_size, above=0, most=1000)
        real("strength", self.strength, above=0, most=1000)
        if self.smoothing != 0:
            real("smoothing", self.smoothing, above=0, most=100)
        if self.norm not in NORMS:
            raise BadSetting(f"no norm {self.norm!r}; there are {', '.join(NORMS)}")
        if self.size is not None:
            whole("size", self.size, 1, 100_000)
        if self.noise is not None:
            if not (isinstance(self.noise, list | tuple) and len(self.noise) == 2):
                raise BadSetting(f"noise {self.noise!r}; it wants (height, width)")
            for side in self.noise:
                whole("noise's side", side, 1, 30_000)
            object.__setattr__(self, "noise", tuple(self.noise))
        if self.tile not in ("auto", "off"):
            if not isinstance(self.tile, int):
                raise BadSetting(f"tile {self.tile!r}; it is auto, off, or a number of pixels")
            whole("tile", self.tile, 1, 100_000)
        if self.memory is not None:
            object.__setattr__(self, "memory", parse_memory(self.memory))
        if self.together is not None:
            if not (isinstance(self.together, list | tuple) and len(self.together) == 2):
                raise BadSetting(f"together {self.together!r}; it wants (how many, which)")
            whole("number of photos together", self.together[0], 1, MOST_TOGETHER)
            whole("place among them", self.together[1], 0, self.together[0] - 1)
            object.__setattr__(self, "together", tuple(self.together))


@dataclass(frozen=True, eq=False)
class DreamPlan(Plan):
    """A dream that has been checked and can begin.

    Args:
        photo: the picture to begin with, at its final size.
        settings: how to proceed.
        sizes: (height, width) of the octaves, smallest first.
        large: how a picture is dreamt that the network can't be shown as a whole.
        stored: the photo of such a dream, in a file; `photo` is the same.
    """

    photo: Picture
    settings: DreamSettings
    sizes: Sequence[tuple[int, int]]
    large: Large | None = None
    stored: Stored | None = None

    @property
    def stages(self) -> Sequence[int]:
        return [height * width for height, width in self.sizes]

    @property
    def stage_name(self) -> str:
        return "octave"

    @property
    def stage_steps(self) -> int:
        return self.settings.steps

    @property
    def shape(self) -> tuple[int, int]:
        return self.photo.height, self.photo.width

    @property
    def start(self) -> Image:
        return self.photo.image

    @property
    def alpha(self) -> Alpha | None:
        return self.photo.alpha

    @property
    def inputs(self) -> tuple[Path, ...]:
        pictures_read = (self.photo, *guides_of(self.objective))
        read = (each.path for each in pictures_read if each.path is not None)
        return (*super().inputs, *read)

    def all_steps(self) -> Iterator[Step]:
        how = self.settings
        if self.large is not None and self.stored is not None:
            return self.large.steps(
                self.stored,
                self.sizes,
                step=how.step_size * how.strength,
                norm=how.norm,
                smoothing=how.smoothing,
                jitter=how.jitter,
                steps=how.steps,
                seed=self.job.seed,
            )
        if how.together is None:
            return self.whole_steps(self.photo.image)
        count, place = how.together
        steps = self.whole_steps(self.photo.image.expand(count, -1, -1, -1))
        return (parted(step)[place] for step in steps)

    def among(self, count: int, place: int) -> DreamPlan:
        """The same dream as that of one photo among several of its size."""
        how = replace(self.settings, together=(count, place))
        settings = {**self.job.settings, "together": how.together}
        return replace(self, settings=how, job=replace(self.job, settings=settings))

    def whole_steps(self, photos: Image) -> Iterator[Step]:
        """Every step of every octave of photos of this size, with the same chance for all."""
        how = self.settings
        photo = photos.to(self.device)
        rng = torch.Generator().manual_seed(self.job.seed)
        rule = climb(how.step_size * how.strength, how.norm, how.smoothing)
        detail: Tensor | None = None
        for octave, (height, width) in enumerate(self.sizes):
            base = resized(photo, height, width)
            canvas = Pixels(base if detail is None else _with(base, detail))
            for step in ascend(
                self.model,
                self.objective,
                canvas,
                transforms=[Jitter(how.jitter)],
                optimizer=rule,
                steps=how.steps,
                seed=rng,
                precision=how.precision,
            ):
                render = functools.partial(_whole_picture, photo, canvas, base)
                yield replace(step, octave=octave, image=render)
            detail = canvas.pixels.detach() - base


def dream(
    model: Model,
    photo: Picture | Image | PathLike | None = None,
    *,
    objective: Objective | str | None = None,
    layer: str | None = None,
    guide: PathLike | None = None,
    seed: int = 0,
    device: str = "auto",
    **settings: Any,
) -> Result:
    """Dream a photo.

    Args:
        model: from `load`, or `Model.wrap`.
        photo: a picture from `read`, a tensor (1, 3, height, width) of sRGB in [0, 1], or a file
            name; None begins from noise, whose size `noise` says.
        objective: what is to grow; by default what looks best with this network.
        layer: instead, a layer whose energy is to grow.
        guide: another picture, whose features are to appear.
        seed: of all chance.
        device: `auto`, `cpu`, `cuda`, ...; over several, `cuda:0,cuda:1`, the tiles of a large
            picture are spread; `auto` is all CUDA devices of the machine.
        settings: those of `DreamSettings`; where one isn't given, the network's tuned one holds.

    Returns:
        The picture, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong with the settings, the picture or the objective is said
            before any work.

    Source: Mordvintsev, Olah, Tyka, "Inceptionism", Google Research, 2015.
    """
    plan = plan_dream(
        model,
        photo,
        objective=objective,
        layer=layer,
        guide=guide,
        seed=seed,
        on=device,
        **settings,
    )
    return plan.run()


def plan_dream(
    model: Model,
    photo: Picture | Image | PathLike | None = None,
    *,
    objective: Objective | str | None = None,
    layer: str | None = None,
    guide: PathLike | None = None,
    seed: int = 0,
    on: str = "auto",
    read_guide: Callable[[str], Picture] = pictures.read,
    **settings: Any,
) -> DreamPlan:
    """Check a dream and lay it out, without dreaming it; arguments as for `dream`.

    Guides are read by `read_guide`, which may look for them elsewhere.
    """
    how = _settings(model, settings)
    whole("seed", seed, 0, 2**63 - 1)
    wanted = chosen(model, objective, layer, str(guide) if guide is not None else None)
    places = devices(on)
    where = places[0]
    for each in wanted.layers():
        # A wrong name is found before a photo is decoded at length.
        model.resolve(each)
    start = _start(photo, how, seed)
    height, width = start.image.shape[-2:]
    bound = bind(wanted, model, (height, width), read_guide)
    sizes, left_out = _octaves(model, bound, how, height, width)
    large, said = _large(model, bound, how, places, sizes, _spare(photo, start))
    stored = None if large is None else Stored.copy(start.image)
    if stored is not None:
        start = replace(start, image=stored.tensor)
        how = replace(how, precision="fp32")
    else:
        used = used_precision(model, bound.layers(), where, how.precision)
        how = replace(how, precision=used)
    if how.together is not None:
        check_pixels(how.together[0] * height, width)
    # The size of tiles is kept, since the memory that is free may be another next time.
    kept = asdict(how) | {"memory": None, "tile": large.side if large else how.tile}
    if how.together is None:
        del kept["together"]
    job = Job(
        recipe="dream",
        model=model.source,
        objective=repr(wanted),
        settings=kept,
        photo=None if how.noise else source_of(start),
        guides=tuple(source_of(guide) for guide in guides_of(bound)),
        seed=seed,
        device=",".join(str(each) for each in (places if large else places[:1])),
        made_with=made_with(),
    )
    fit = () if large else model.fit_notes(bound.layers(), (height, width))
    notes = (*model.notes, *start.notes, *notes_on_guides(bound), *left_out, *said, *fit)
    return DreamPlan(model, bound, where, job, notes, start, how, sizes, large, stored)


def _settings(model: Model, given: dict[str, Any]) -> DreamSettings:
    unknown = given.keys() - DreamSettings.__dataclass_fields__.keys()
    if unknown:
        known = ", ".join(DreamSettings.__dataclass_fields__)
        raise BadSetting(f"dream has no setting {min(unknown)!r}; it has {known}")
    best = {key: value for key, value in asdict(tuned(model)).items() if key != "objective"}
    return DreamSettings(**(best | {k: v for k, v in given.items() if v is not None}))


def _large(
    model: Model,
    objective: Objective,
    how: DreamSettings,
    places: tuple[torch.device, ...],
    sizes: Sequence[tuple[int, int]],
    spare: int,
) -> tuple[Large | None, tuple[str, ...]]:
    """How to dream what is too large to be shown as a whole, and what to say of it."""
    if how.tile == "off" or not sizes:
        return None, ()
    own = model.shown(objective.layers(), sizes[-1])
    if isinstance(how.tile, int):
        side: int | None = how.tile
    elif own != sizes[-1]:
        side = max(own)  # in tiles nothing is lost of what the network would see too small
    else:
        memory = how.memory if isinstance(how.memory, int) else None
        side = tile_side(model, objective, sizes[-1], places, memory, spare=spare)
    if side is None:
        return None, ()
    large = Large(model, objective, places, side)
    if large.is_whole(sizes[-1]):
        return None, ()
    return large, large.checked(sizes)


def _spare(photo: Picture | Image | PathLike | None, start: Picture) -> int:
    """Bytes that the start gives back as soon as it lies in a file.

    None at all where the caller keeps it, or where it was read into a file already.
    """
    ours = photo is None or isinstance(photo, str | Path)
    in_file = start.height * start.width > pictures.MAX_PIXELS
    return start.image.nbytes if ours and not in_file else 0


def _start(photo: Picture | Image | PathLike | None, how: DreamSettings, seed: int) -> Picture:
    """The picture to begin with, at its final size."""
    if (photo is None) == (how.noise is None):
        raise BadSetting("a dream begins with a photo, or with noise of a size; give one of them")
    if how.noise is not None:
        check_pixels(*how.noise)
        image = Pixels.noise(*how.noise, seed=seed).pixels.detach()
        return scaled(Picture.of(image), how.size)
    assert photo is not None
    return photo_of(photo, how.size)


def _octaves(
    model: Model, objective: Objective, how: DreamSettings, height: int, width: int
) -> tuple[list[tuple[int, int]], tuple[str, ...]]:
    """The sizes at which the network can work, smallest first, and a note on the others."""
    kept, small = [], []
    for size in octave_sizes(height, width, how.octaves, how.octave_scale):
        try:
            bind(objective, model, size)
        except (WrongPictureSize, ChannelOutOfRange):
            # It fits the whole picture, so that nothing but the size is to blame.
            small.append(size)
        else:
            kept.append(size)
    if not small:
        return kept, ()
    few, are = ("1 octave", "is") if len(small) == 1 else (f"{len(small)} octaves", "are")
    return kept, (f"{few} too small for the network {are} left out ({_listed(small)})",)


def _listed(sizes: Sequence[tuple[int, int]]) -> str:
    """Sizes in words, smallest first; of many, the first and the last."""
    words = [f"{height}x{width}" for height, width in sizes]
    return ", ".join(words) if len(words) <= _MOST_LISTED else f"{words[0]} to {words[-1]}"


def _with(base: Tensor, detail: Tensor) -> Tensor:
    """A photo with the detail that a smaller octave has found."""
    return (base + resize(detail, base.shape[-2], base.shape[-1])).clamp(0, 1)


@torch.no_grad()
def _whole_picture(photo: Tensor, canvas: Pixels, base: Tensor) -> Tensor:
    """The canvas at its final size; at a smaller octave, its detail on the full photo."""
    if base.shape == photo.shape:
        return canvas.pixels.detach().clone()
    return _with(photo, canvas.pixels.detach() - base)


def parted(step: Step) -> list[Step]:
    """A step of several photos as one step of each."""
    images = functools.cache(step.image)
    return [
        replace(step, scores=scores, image=functools.partial(_one, images, place))
        for place, scores in enumerate(torch.split(step.scores, 1))
    ]


def _one(images: Callable[[], Tensor], place: int) -> Tensor:
    return images()[place : place + 1].clone()
