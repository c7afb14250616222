"""Dreams laid out, and their octaves."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from entoptic import images
from entoptic.analysis.protection import protection
from entoptic.ascent.binding import bind
from entoptic.ascent.loop import Step
from entoptic.ascent.optimizers import Steps, optimizer_of
from entoptic.ascent.shaping import check_channels, shaping_of, shaping_text
from entoptic.ascent.tiling import check_dream, tile_side
from entoptic.canvas import Pixels
from entoptic.errors import BadSetting, ChannelOutOfRange, WrongPictureSize, one_line
from entoptic.images import Picture, PictureLike
from entoptic.images.color import luma
from entoptic.images.finish import Finish
from entoptic.images.resize import fit_long_side, octave_sizes
from entoptic.images.stored import Stored
from entoptic.jobs.default_layers import chosen
from entoptic.jobs.inputs import (
    check_pixels,
    notes_on_guides,
    photo_of,
    scaled,
    source_of,
    sources_of,
)
from entoptic.jobs.job import Job
from entoptic.jobs.large import Large
from entoptic.jobs.octaves import Octaves, Region
from entoptic.jobs.plan import Plan, made_with
from entoptic.jobs.regions import Masks, masks_of, protected
from entoptic.jobs.visualization import kept_transforms
from entoptic.networks import Model, compiled_precision, devices
from entoptic.networks.gradient_rules.by_name import rules_of, rules_text
from entoptic.objectives import Objective
from entoptic.objectives.facts import files_of
from entoptic.objectives.files import ON_DISK, Files
from entoptic.transforms import Jitter, Transform, transforms_of
from entoptic.types import Alpha, Image

if TYPE_CHECKING:
    from entoptic.recipes.dream import Dream

# More sizes in a row nobody reads.
_MOST_LISTED = 4

# Networks of smaller pictures, such as digits and icons, are shown the whole, resized.
_LEAST_TILE = 96

# How steps get shorter where octaves get larger than the detail asked for: by eye, none of the
# features of those sizes then stands out, and lines are sharp all the same.
_FADING = 2
# The long side, in pixels, up to which a picture has as many octaves as the network's defaults say.
_USUAL_SIDE = 1024

# Of 8 bits: what differs by less is as grey as a file can say.
_HALF_A_LEVEL = 0.5 / 255


@dataclass(frozen=True, eq=False)
class DreamPlan(Plan):
    """A dream that has been checked and can begin.

    Args:
        photo: the picture to begin with, at its final size.
        settings: how to proceed.
        octaves: the sizes, and how each is optimised.
        masks: where.
        stored: the photo of a dream in tiles, in a file; `photo` is the same.
    """

    photo: Picture
    settings: Dream
    octaves: Octaves
    masks: Masks
    stored: Stored | None = None

    @property
    def sizes(self) -> Sequence[tuple[int, int]]:
        """(height, width) of the octaves, smallest first."""
        return self.octaves.sizes

    @property
    def large(self) -> Large | None:
        """The tiles of a picture that is too large as a whole; None for others."""
        return self.octaves.large

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
        files_read = (self.photo, *self.masks.pictures, *files_of(self.objective))
        read = (each.path for each in files_read if each.path is not None)
        return (*super().inputs, *read)

    def all_steps(self) -> Iterator[Step]:
        together = self.settings.together
        if together is None:
            return self.whole_steps(self.stored or self.photo.image)
        count, place = together
        steps = self.whole_steps(self.photo.image.expand(count, -1, -1, -1))
        return (parted(step)[place] for step in steps)

    def among(self, count: int, place: int) -> DreamPlan:
        """The same dream as that of one photo among several of its size."""
        how = replace(self.settings, together=(count, place))
        settings = {**self.job.settings, "together": how.together}
        return replace(self, settings=how, job=replace(self.job, settings=settings))

    def whole_steps(self, photos: Image | Stored) -> Iterator[Step]:
        """Return every step of every octave of photos of this size, with the same seed for all."""
        octaves, protect = self.octaves, self.settings.protect
        if protect is not None:
            image = photos.tensor if isinstance(photos, Stored) else photos
            free = protection(protect, self.model, image.to(self.device)).cpu()
            regions = tuple(protected(each, free) for each in octaves.regions)
            octaves = replace(octaves, regions=regions)
        if not isinstance(photos, Stored):
            # What a network of one channel is fed in gray is optimised in gray: three would part.
            fed = photos[:, :1] if self.model.preprocess.channels == 1 else photos
            photos = Stored(fed.to(self.device))
        return map(_in_three_channels, octaves.all_steps(photos))


def plan_dream(how: Dream, files: Files | None = None) -> DreamPlan:
    """Check a dream and lay it out; see `Recipe.plan`."""
    files = files or ON_DISK
    model = how.network()
    usual = how.defaults(model).get("objective")
    wanted = chosen(model, how.objective, how.layer, how.guide, usual)
    by_size = how.octaves is None
    how = replace(how.filled(model), **kept_texts(how))
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
    if by_size and how.detail is None:
        how = replace(how, octaves=_octaves_of(how, max(height, width)))
    size = height, width
    masks = masks_of(how.mask, how.region, height, width)
    regions = masks.bound(bind(wanted, model, size, files), model, size, files)
    bound = functools.reduce(operator.add, (region.objective for region in regions))
    sizes, left_out = _octaves(model, bound, how, height, width)
    large, said = _large(model, bound, how, places, sizes, _spare(how.photo, start))
    if large is not None and (how.transforms, how.optimizer, how.rules) != (None, None, None):
        raise BadSetting(
            "a dream in tiles takes no transforms, optimizer or gradient rules; take a smaller "
            "--size, or --tile off"
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
    check_dream(model, bound, size, where, large.side if large else None, count)
    octaves = _laid_out(model, how, regions, sizes, places, large)
    guides = (*files_of(bound), *masks.pictures)
    job = Job(
        recipe=how.name,
        model=model.source,
        objective=repr(wanted),
        settings=_kept_settings(how, large, masks),
        photo=None if how.noise else source_of(start),
        guides=sources_of(guides),
        seed=how.seed,
        device=",".join(str(each) for each in (places if large else places[:1])),
        made_with=made_with(),
    )
    fit = () if large else model.fit_notes(bound.layers(), size)
    notes = (*model.notes, *start.notes, *notes_on_guides(bound), *left_out, *said, *fit)
    # The plan holds the photo at its final size, and needs no other.
    how = replace(how, photo=None, guide=None, mask=None, region=())
    return DreamPlan(model, bound, where, job, notes, start, how, octaves, masks, stored)


def _octaves_of(how: Dream, long_side: int) -> int:
    """Return how many octaves a picture has where nobody says: the network's, more for large ones.

    So the smallest octave of a large picture is no larger than that of one of 1024 pixels, and its
    largest features have the same share of the picture.
    """
    assert how.octaves is not None  # filled
    more = math.log(max(long_side / _USUAL_SIDE, 1)) / math.log(how.octave_scale)
    return min(how.octaves + round(more), 100)


def _laid_out(
    model: Model,
    how: Dream,
    regions: Sequence[Region],
    sizes: Sequence[tuple[int, int]],
    places: Sequence[torch.device],
    large: Large | None,
) -> Octaves:
    """Return how each octave is optimised, of a dream's settings."""
    assert how.step_size is not None  # filled, all of them
    assert how.smoothing is not None
    assert how.shaping is not None
    assert how.headroom is not None
    assert how.steps is not None
    shaping = shaping_of(how.shaping)
    check_channels(shaping, 1 if model.preprocess.channels == 1 else 3)
    steps = Steps(how.step_size * how.strength, how.norm, how.smoothing, shaping, how.headroom)
    if how.transforms is None:
        transforms: tuple[Transform, ...] = (Jitter(how.jitter),)
    else:
        transforms = transforms_of(how.transforms)
    detail = how.detail or max(sizes[-1], default=0)
    return Octaves(
        model=model,
        regions=regions,
        sizes=sizes,
        lengths=[min(1.0, (detail / max(size)) ** _FADING) for size in sizes],
        rule=steps if how.optimizer is None else optimizer_of(how.optimizer),
        transforms=transforms,
        gradient_rules=() if how.rules is None else rules_of(how.rules),
        steps=how.steps,
        seed=how.seed,
        precision=how.precision,
        devices=places,
        large=large,
        finish=Finish(how.match_histogram, how.keep_colors, how.mix),
    )


def _kept_settings(how: Dream, large: Large | None, masks: Masks) -> dict[str, Any]:
    """Return the settings that the job keeps."""
    # The size of tiles is kept, since the memory that is free may be another next time.
    machine = {"memory": None, "tile": large.side if large else how.tile}
    return how.kept() | machine | masks.kept()


def kept_texts(how: Dream) -> dict[str, Any]:
    """Return the transforms, the optimizer, the shaping and the rules as a job keeps them.

    Raises:
        BadSetting: there is no such thing; or it can't be kept.
    """
    found: dict[str, Any] = {}
    if how.transforms is not None:
        found["transforms"] = kept_transforms(how.transforms)
        transforms_of(how.transforms)
    if how.shaping is not None:
        found["shaping"] = shaping_text(shaping_of(how.shaping))
    if how.rules is not None:
        found["rules"] = rules_text(rules_of(how.rules))
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


def _large(
    model: Model,
    objective: Objective,
    how: Dream,
    places: tuple[torch.device, ...],
    sizes: Sequence[tuple[int, int]],
    spare: int,
) -> tuple[Large | None, tuple[str, ...]]:
    """Return the tiles of a picture that is too large as a whole, with notes."""
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
    """Return a picture as a network of one channel gets it."""
    gray = luma(photo.image).expand(-1, 3, -1, -1)
    if torch.allclose(gray, photo.image, rtol=0, atol=_HALF_A_LEVEL):
        return photo
    said = "the network is fed one channel, so that the dream is in grey"
    return replace(photo, image=gray, notes=(*photo.notes, said))


def _in_three_channels(step: Step) -> Step:
    """Return a step whose picture has three channels, also where it is optimised in gray."""
    render = step.image
    return replace(step, image=lambda: render().expand(-1, 3, -1, -1))


def _octaves(
    model: Model, objective: Objective, how: Dream, height: int, width: int
) -> tuple[list[tuple[int, int]], tuple[str, ...]]:
    """The sizes at which the network can work, smallest first, and a note on the others."""
    assert how.octaves is not None  # filled
    kept, small = [], []
    for size in _sizes(how, height, width):
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


def _sizes(how: Dream, height: int, width: int) -> list[tuple[int, int]]:
    """Return the sizes of all octaves; with `detail`, those of such a picture and then larger ones.

    So a large picture has the octaves of a small one, and its large shapes are the same.
    """
    assert how.octaves is not None  # filled
    scale = how.octave_scale
    if how.detail is None or how.detail >= max(height, width):
        return octave_sizes(height, width, how.octaves, scale)
    small = octave_sizes(*fit_long_side(height, width, how.detail), how.octaves, scale)
    more = max(1, round(math.log(max(height, width) / how.detail) / math.log(scale)))
    between = (max(height, width) / how.detail) ** (1 / more)
    larger = octave_sizes(height, width, more, between) if between > 1 else [(height, width)]
    return [*small, *larger]


def _listed(sizes: Sequence[tuple[int, int]]) -> str:
    """Sizes in words, smallest first; of many, the first and the last."""
    words = [f"{height}x{width}" for height, width in sizes]
    return ", ".join(words) if len(words) <= _MOST_LISTED else f"{words[0]} to {words[-1]}"


def parted(step: Step) -> list[Step]:
    """A step of several photos as one step of each."""
    images = functools.cache(step.image)
    return [
        replace(step, scores=scores, image=functools.partial(_one, images, place))
        for place, scores in enumerate(torch.split(step.scores, 1))
    ]


def _one(images: Callable[[], Tensor], place: int) -> Tensor:
    return images()[place : place + 1].clone()
