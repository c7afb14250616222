"""DeepDream: a photo, changed so that what a layer sees in it grows, on several scales."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from entoptic import images
from entoptic.ascent.loop import Step, ascend, bind
from entoptic.ascent.optimizers import NORMS, Norm, climb
from entoptic.ascent.tiling import Stored, check_dream, parse_memory, tile_side
from entoptic.canvas import Pixels
from entoptic.checks import either, number, one_of, pair, seed as a_seed, taking, whole
from entoptic.errors import BadSetting, ChannelOutOfRange, WrongPictureSize
from entoptic.images import Picture, PictureLike
from entoptic.images.color import luma
from entoptic.images.resize import octave_sizes, resize
from entoptic.jobs.defaults import chosen, tuned
from entoptic.jobs.inputs import (
    check_pixels,
    guides_of,
    notes_on_guides,
    photo_of,
    resized,
    scaled,
    source_of,
)
from entoptic.jobs.job import Job, Result
from entoptic.jobs.large import Large
from entoptic.jobs.plan import Plan, made_with
from entoptic.layers import Layer
from entoptic.networks import (
    DeviceLike,
    Model,
    ModelLike,
    checked_precision,
    compiled_precision,
    devices,
    model_of,
)
from entoptic.objectives import Objective
from entoptic.transforms import Jitter
from entoptic.types import Alpha, Image

# More sizes in a row nobody reads.
_MOST_LISTED = 4

# Networks of smaller pictures, such as digits and icons, are shown the whole, resized.
_LEAST_TILE = 96

# Of 8 bits: what differs by less is as grey as a file can say.
_HALF_A_LEVEL = 0.5 / 255

MOST_TOGETHER = 1024
"""How many photos a call of the network may be shown: no limit in practice, but one for a job that
a stranger has written."""


_TILE = either("auto", "off", otherwise=whole(1, 100_000))


@taking(
    octaves=whole(1, 100),
    octave_scale=number(above=1, most=100),
    steps=whole(0, 1_000_000),
    step_size=number(above=0, most=1000),
    norm=one_of(*NORMS),
    smoothing=number(least=0, most=100),
    jitter=whole(0, 100_000),
    strength=number(above=0, most=1000),
    size=whole(1, 100_000),
    noise=pair(whole(1, 30_000), "(height, width)"),
    tile=_TILE,
    together=pair(whole(0, MOST_TOGETHER), "(how many, which)"),
)
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
        precision: what the network computes in: `fp32`, `bf16`, `fp16`, or `auto`, see `compiled`;
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
        if self.memory is not None:
            object.__setattr__(self, "memory", parse_memory(self.memory))
        if self.together is not None and not self.together[1] < self.together[0]:
            raise BadSetting(f"together is {self.together}; it wants (how many, which)")


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
            steps = self.large.steps(
                self.stored,
                self.sizes,
                step=how.step_size * how.strength,
                norm=how.norm,
                smoothing=how.smoothing,
                jitter=how.jitter,
                steps=how.steps,
                seed=self.job.seed,
            )
            return map(_in_three_channels, steps)
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
        # What a network of one channel sees in grey climbs in grey: three would part.
        photo = (photos[:, :1] if self.model.preprocess.channels == 1 else photos).to(self.device)
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
                yield _in_three_channels(replace(step, octave=octave, image=render))
            detail = canvas.pixels.detach() - base


def dream(
    model: ModelLike,
    photo: PictureLike | None = None,
    *,
    objective: Objective | str | None = None,
    layer: Layer | str | None = None,
    guide: PictureLike | None = None,
    seed: int = 0,
    device: DeviceLike = "auto",
    **settings: Any,
) -> Result:
    """Dream a photo.

    Args:
        model: from `load` or `Model.wrap`; or what `load` takes, or a module of torch.
        photo: a file's name, a picture from `read`, a tensor (1, 3, height, width) of sRGB in
            [0, 1], an array (height, width, 3), or a Pillow image, see `Picture.of`; None begins
            from noise, whose size `noise` says.
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


@taking(seed=a_seed)
def plan_dream(
    model: ModelLike,
    photo: PictureLike | None = None,
    *,
    objective: Objective | str | None = None,
    layer: Layer | str | None = None,
    guide: PictureLike | None = None,
    seed: int = 0,
    on: DeviceLike = "auto",
    read_guide: Callable[[str], Picture] = images.read,
    **settings: Any,
) -> DreamPlan:
    """Check a dream and lay it out, without dreaming it; arguments as for `dream`.

    Guides are read by `read_guide`, which may look for them elsewhere.
    """
    model = model_of(model)
    how = _settings(model, settings)
    wanted = chosen(model, objective, layer, guide)
    places = devices(on)
    where = places[0]
    for each in wanted.layers():
        # A wrong name is found before a photo is decoded at length.
        model.resolve(each)
    if model.preprocess.mean and model.preprocess.shown != 3:
        raise BadSetting(model.preprocess.no_photos())
    start = _start(photo, how, seed)
    if model.preprocess.channels == 1:
        start = _gray(start)
    height, width = start.image.shape[-2:]
    bound = bind(wanted, model, (height, width), read_guide)
    sizes, left_out = _octaves(model, bound, how, height, width)
    large, said = _large(model, bound, how, places, sizes, _spare(photo, start))
    fed = start.image[:, :1] if model.preprocess.channels == 1 else start.image
    stored = None if large is None else Stored.copy(fed)
    if stored is not None:
        start = replace(start, image=stored.tensor.expand(-1, 3, -1, -1))
        how = replace(how, precision="fp32")
    else:
        used = compiled_precision(model, bound.layers(), where, how.precision)
        how = replace(how, precision=used)
    count = 1 if how.together is None else how.together[0]
    if count > 1:
        check_pixels(count * height, width)
    check_dream(model, bound, (height, width), where, large.side if large else None, count)
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
    elif own != sizes[-1] and max(own) >= _LEAST_TILE:
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


def _spare(photo: PictureLike | None, start: Picture) -> int:
    """Bytes that the start gives back as soon as it lies in a file.

    None at all where the caller keeps it, or where it was read into a file already.
    """
    ours = photo is None or isinstance(photo, str | Path)
    in_file = start.height * start.width > images.MAX_PIXELS
    return start.image.nbytes if ours and not in_file else 0


def _start(photo: PictureLike | None, how: DreamSettings, seed: int) -> Picture:
    """The picture to begin with, at its final size."""
    if (photo is None) == (how.noise is None):
        raise BadSetting("a dream begins with a photo, or with noise of a size; give one of them")
    if how.noise is not None:
        check_pixels(*how.noise)
        image = Pixels.noise(*how.noise, seed=seed).pixels.detach()
        return scaled(Picture.of(image), how.size)
    assert photo is not None
    return photo_of(photo, how.size)


def _gray(photo: Picture) -> Picture:
    """A picture as a network of one channel sees it."""
    gray = luma(photo.image).expand(-1, 3, -1, -1)
    if torch.allclose(gray, photo.image, rtol=0, atol=_HALF_A_LEVEL):
        return photo
    said = "the network is fed one channel, so that the dream is in grey"
    return replace(photo, image=gray, notes=(*photo.notes, said))


def _in_three_channels(step: Step) -> Step:
    """A step whose picture has three channels, also where it climbs in grey."""
    render = step.image
    return replace(step, image=lambda: render().expand(-1, 3, -1, -1))


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
