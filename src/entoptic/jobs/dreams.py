"""Dreams laid out, and their octaves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from entoptic import images
from entoptic.ascent.loop import Step, ascend, bind
from entoptic.ascent.optimizers import Norm, climb, optimizer_of
from entoptic.ascent.tiling import Stored, check_dream, tile_side
from entoptic.canvas import Masked, Pixels
from entoptic.errors import BadPicture, BadSetting, ChannelOutOfRange, WrongPictureSize, one_line
from entoptic.images import Picture, PictureLike, picture_of
from entoptic.images.color import luma
from entoptic.images.resize import octave_sizes, resize
from entoptic.jobs.default_layers import chosen
from entoptic.jobs.inputs import (
    check_pixels,
    guides_of,
    notes_on_guides,
    photo_of,
    resized,
    scaled,
    source_of,
)
from entoptic.jobs.job import Job
from entoptic.jobs.large import Large
from entoptic.jobs.plan import Plan, made_with
from entoptic.jobs.visualization import kept_transforms
from entoptic.networks import Model, compiled_precision, devices
from entoptic.objectives import Objective
from entoptic.transforms import Jitter, transforms_of
from entoptic.types import Alpha, Image

if TYPE_CHECKING:
    from entoptic.recipes.dream import Dream

# More sizes in a row nobody reads.
_MOST_LISTED = 4

# Networks of smaller pictures, such as digits and icons, are shown the whole, resized.
_LEAST_TILE = 96

# The share by which a mask's sides may be others than the photo's: whole pixels round.
_OTHER_SHAPE = 0.02

# Of 8 bits: what differs by less is as grey as a file can say.
_HALF_A_LEVEL = 0.5 / 255


@dataclass(frozen=True, eq=False)
class DreamPlan(Plan):
    """A dream that has been checked and can begin.

    Args:
        photo: the picture to begin with, at its final size.
        settings: how to proceed.
        sizes: (height, width) of the octaves, smallest first.
        large: how a picture is dreamt that the network can't be shown as a whole.
        stored: the photo of such a dream, in a file; `photo` is the same.
        mask: 1 where the photo is dreamt, 0 where it stays; of the photo's size.
    """

    photo: Picture
    settings: Dream
    sizes: Sequence[tuple[int, int]]
    large: Large | None = None
    stored: Stored | None = None
    mask: Picture | None = None

    @property
    def stages(self) -> Sequence[int]:
        return [height * width for height, width in self.sizes]

    @property
    def stage_name(self) -> str:
        return "octave"

    @property
    def stage_steps(self) -> int:
        assert self.settings.steps is not None  # filled
        return self.settings.steps

    @property
    def _rule(self) -> tuple[float, Norm, float]:
        """How far a step goes, by which norm, and the gradient's smoothing."""
        how = self.settings
        assert how.step_size is not None  # filled, both
        assert how.smoothing is not None
        return how.step_size * how.strength, how.norm, how.smoothing

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
        masks = () if self.mask is None else (self.mask,)
        pictures_read = (self.photo, *masks, *guides_of(self.objective))
        read = (each.path for each in pictures_read if each.path is not None)
        return (*super().inputs, *read)

    def all_steps(self) -> Iterator[Step]:
        how = self.settings
        if self.large is not None and self.stored is not None:
            length, norm, smoothing = self._rule
            steps = self.large.steps(
                self.stored,
                self.sizes,
                step=length,
                norm=norm,
                smoothing=smoothing,
                jitter=how.jitter,
                steps=self.stage_steps,
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
        rule = climb(*self._rule) if how.optimizer is None else optimizer_of(how.optimizer)
        moves = (Jitter(how.jitter),) if how.transforms is None else transforms_of(how.transforms)
        mask = None if self.mask is None else self.mask.image[:, :1].to(self.device)
        detail: Tensor | None = None
        for octave, (height, width) in enumerate(self.sizes):
            base = resized(photo, height, width)
            canvas = Pixels(base if detail is None else _with(base, detail))
            here = None if mask is None else resized(mask, height, width)
            for step in ascend(
                self.model,
                self.objective,
                canvas if here is None else Masked(canvas, here, base),
                transforms=moves,
                optimizer=rule,
                steps=self.stage_steps,
                seed=rng,
                precision=how.precision,
            ):
                render = functools.partial(_whole_picture, photo, canvas, base, mask)
                yield _in_three_channels(replace(step, octave=octave, image=render))
            detail = canvas.pixels.detach() - base
            detail = detail if here is None else detail * here


def plan_dream(how: Dream, read_guide: Callable[[str], Picture] | None = None) -> DreamPlan:
    """Check a dream and lay it out; see `Recipe.plan`."""
    read_guide = read_guide or images.read
    model = how.network()
    wanted = chosen(model, how.objective, how.layer, how.guide)
    how = replace(how.filled(model), **_kept_texts(how))
    places = devices(how.device)
    where = places[0]
    for each in wanted.layers():
        # A wrong name is found before a photo is decoded at length.
        model.resolve(each)
    if model.preprocess.mean and model.preprocess.shown != 3:
        raise BadSetting(model.preprocess.no_photos())
    start = _start(how)
    if model.preprocess.channels == 1:
        start = _gray(start)
    height, width = start.image.shape[-2:]
    bound = bind(wanted, model, (height, width), read_guide)
    sizes, left_out = _octaves(model, bound, how, height, width)
    mask = None if how.mask is None else _mask(how.mask, model, height, width)
    large, said = _large(model, bound, how, places, sizes, _spare(how.photo, start))
    if large is not None and (mask, how.transforms, how.optimizer) != (None, None, None):
        raise BadSetting(
            "a dream in tiles takes no mask, transforms or optimizer; take a smaller --size, or "
            "--tile off"
        )
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
    kept = how.kept() | {"memory": None, "tile": large.side if large else how.tile}
    if how.together is None:
        del kept["together"]
    for name in ("mask", "transforms", "optimizer"):  # which jobs haven't where they do nothing
        if kept[name] is None:
            del kept[name]
    if mask is not None:
        kept["mask"] = str(mask.path) if mask.path is not None else "(not in a file)"
    job = Job(
        recipe=how.name,
        model=model.source,
        objective=repr(wanted),
        settings=kept,
        photo=None if how.noise else source_of(start),
        guides=tuple(
            source_of(each) for each in (*guides_of(bound), *(() if mask is None else (mask,)))
        ),
        seed=how.seed,
        device=",".join(str(each) for each in (places if large else places[:1])),
        made_with=made_with(),
    )
    fit = () if large else model.fit_notes(bound.layers(), (height, width))
    notes = (*model.notes, *start.notes, *notes_on_guides(bound), *left_out, *said, *fit)
    # The plan holds the photo at its final size, and needs no other.
    how = replace(how, photo=None, guide=None, mask=None)
    return DreamPlan(model, bound, where, job, notes, start, how, sizes, large, stored, mask)


def _kept_texts(how: Dream) -> dict[str, Any]:
    """Return the transforms and the optimizer as a job keeps them.

    Raises:
        BadSetting: there is no such thing; or it can't be kept.
    """
    found: dict[str, Any] = {}
    if how.transforms is not None:
        found["transforms"] = kept_transforms(how.transforms)
        transforms_of(how.transforms)
    if how.optimizer is not None:
        meant = optimizer_of(how.optimizer)
        found["optimizer"] = how.optimizer if isinstance(how.optimizer, str) else repr(meant)
        try:
            optimizer_of(found["optimizer"])
        except BadSetting:
            raise BadSetting(
                f"the optimizer {one_line(repr(how.optimizer))} can't be kept in a job; register "
                "it by @optimizer, or call ascend"
            ) from None
    return found


def _mask(given: PictureLike, model: Model, height: int, width: int) -> Picture:
    """Return a mask in one channel at the photo's size.

    Raises:
        BadPicture: it is of another shape.
        BadSetting: the network is fed one channel.
    """
    if model.preprocess.channels == 1:
        raise BadSetting(f"{model.source} is fed one channel, and its dream takes no mask")
    mask = picture_of(given, "mask")
    if abs(mask.height * width - mask.width * height) > _OTHER_SHAPE * mask.width * height:
        raise BadPicture(
            f"the mask is {mask.height}x{mask.width} (height x width) and the photo "
            f"{height}x{width}; give a mask of the photo's shape"
        )
    gray = luma(mask.image).expand(-1, 3, -1, -1)
    return replace(mask, image=resized(gray, height, width))


def _large(
    model: Model,
    objective: Objective,
    how: Dream,
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


def _start(how: Dream) -> Picture:
    """Return the picture to begin with, at its final size."""
    photo = how.photo
    if (photo is None) == (how.noise is None):
        raise BadSetting("a dream begins with a photo, or with noise of a size; give one of them")
    if how.noise is not None:
        check_pixels(*how.noise)
        image = Pixels.noise(*how.noise, seed=how.seed).pixels.detach()
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
    model: Model, objective: Objective, how: Dream, height: int, width: int
) -> tuple[list[tuple[int, int]], tuple[str, ...]]:
    """The sizes at which the network can work, smallest first, and a note on the others."""
    assert how.octaves is not None  # filled
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
def _whole_picture(photo: Tensor, canvas: Pixels, base: Tensor, mask: Tensor | None) -> Tensor:
    """Return the canvas at its final size; at a smaller octave, its detail on the full photo."""
    if base.shape == photo.shape:
        found = canvas.pixels.detach().clone()
    else:
        found = _with(photo, canvas.pixels.detach() - base)
    return found if mask is None else torch.lerp(photo, found, mask)


def parted(step: Step) -> list[Step]:
    """A step of several photos as one step of each."""
    images = functools.cache(step.image)
    return [
        replace(step, scores=scores, image=functools.partial(_one, images, place))
        for place, scores in enumerate(torch.split(step.scores, 1))
    ]


def _one(images: Callable[[], Tensor], place: int) -> Tensor:
    return images()[place : place + 1].clone()
