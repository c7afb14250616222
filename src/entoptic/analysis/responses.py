"""Responses of units to photographs: the largest and the mean activation over positions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from entoptic.analysis.photographs import View, ViewSize
from entoptic.analysis.unit_maps import UnitMaps, map_layer, unit_maps
from entoptic.ascent.binding import bind
from entoptic.ascent.guides import guide_activations, joined
from entoptic.ascent.memory import check_picture
from entoptic.errors import BadSetting
from entoptic.layers import Layer
from entoptic.networks import Model, compiled
from entoptic.networks.modes import in_usual_modes
from entoptic.objectives import Objective, PerImage, channel
from entoptic.objectives.facts import hashes_of, may_compare_images, needing_alpha
from entoptic.types import Image


@dataclass(frozen=True, eq=False)
class Responses:
    """Responses of all units to one photograph.

    Args:
        largest: (units,), float32: the spatial maximum.
        mean: likewise: the spatial mean.
        positions: (units, 2): row and column of the maximum, the first in reading order; -1 where
            a unit has no positions.
        drawn: (units,), float32: the value at one position, drawn by the photograph's hash; None
            where it isn't asked for.
    """

    largest: NDArray[np.float32]
    mean: NDArray[np.float32]
    positions: NDArray[np.int32]
    drawn: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class _Bound:
    """Units bound to a network for images of one size.

    Args:
        run: the network, compiled for what they need.
        maps: the units that have a map over the positions of a layer.
        others: the other units, by their place.
    """

    run: Callable[[Tensor], Mapping[Layer, Tensor]]
    maps: Sequence[UnitMaps]
    others: Mapping[int, Objective]


@dataclass(frozen=True, eq=False)
class Watched:
    """A network whose units are watched.

    Args:
        model: the network.
        device: where it runs.
        precision: in which it computes.
        units: objectives, in order; channels, codes and directions among them are looked at
            position by position.
        hashes: sha256 of the files that units were read from.
    """

    model: Model
    device: torch.device
    precision: str
    units: tuple[Objective, ...]
    hashes: tuple[str, ...] = ()
    _by_size: dict[tuple[int, int], _Bound] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The units as expressions."""
        return tuple(map(repr, self.units))

    @in_usual_modes
    @torch.no_grad()
    def activations(self, images: Image) -> Mapping[Layer, Tensor]:
        """Return the activations of all layers that units are of, as objectives take them."""
        size = images.shape[-2], images.shape[-1]
        return self.model.arranged(self._bound(size).run(images.to(self.device)), size)

    @in_usual_modes
    @torch.no_grad()
    def responses(self, images: Image, hashes: Sequence[str] = ()) -> list[Responses | None]:
        """Return the responses to each image of a batch; None where they aren't finite.

        Args:
            images: of one size.
            hashes: sha256 of as many photographs, by which positions are drawn.
        """
        size = images.shape[-2], images.shape[-1]
        bound = self._bound(size)
        images = images.to(self.device)
        acts = self.model.arranged(bound.run(images), size)
        count = len(images), len(self.units)
        largest, mean, drawn = (np.empty(count, np.float32) for _ in range(3))
        positions = np.full((*count, 2), -1, np.int32)
        for place, unit in bound.others.items():
            guides = guide_activations(unit, self.model, images)
            scores = unit(joined(acts, guides)).float().cpu().numpy()
            for each in (largest, mean, drawn):
                each[:, place] = scores
        for maps in bound.maps:
            values = acts[maps.layer]
            projected = maps.project(values)
            top, middle, where = _over_positions(projected)
            largest[:, maps.places], mean[:, maps.places] = top, middle
            if hashes:
                drawn[:, maps.places] = _at_random(projected, hashes)
            if values.ndim == 4:
                positions[:, maps.places] = np.stack(np.divmod(where, values.shape[3]), -1)
        finite = np.isfinite(largest + mean).all(axis=1).tolist()
        return [
            Responses(
                largest[image], mean[image], positions[image], drawn[image] if hashes else None
            )
            if fine
            else None
            for image, fine in enumerate(finite)
        ]

    def _bound(self, size: tuple[int, int]) -> _Bound:
        """Return the units bound for a size, which for many takes longer than a photograph."""
        if size not in self._by_size:
            self._by_size.clear()  # one is enough: most photographs are shown alike
            self._by_size[size] = self._bind(size)
        return self._by_size[size]

    def _bind(self, size: tuple[int, int]) -> _Bound:
        maps, others = unit_maps(bind(each, self.model, size) for each in self.units)
        layers = {layer for unit in others.values() for layer in unit.layers()}
        layers |= {each.layer for each in maps}
        run = compiled(self.model, layers, self.device, precision=self.precision)
        return _Bound(run, maps, others)


def _over_positions(
    values: Tensor,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Return maximum, mean and number of the first position of the maximum, (batch, units)."""
    shape = *values.shape[:2], -1, values.shape[-1] if values.ndim > 2 else 1
    lines = values.float().reshape(shape)
    # The largest of each line is found many times faster than where it is, with channels last.
    row, top = _first_largest(lines.movedim(1, 3).amax(2).movedim(2, 1))
    places = torch.from_numpy(row).to(lines.device)[..., None, None]
    line = lines.gather(2, places.expand(-1, -1, 1, lines.shape[3]))[:, :, 0]
    column, _ = _first_largest(line)
    return top, lines.mean((2, 3)).cpu().numpy(), row * lines.shape[3] + column


def _at_random(values: Tensor, hashes: Sequence[str]) -> NDArray[np.float32]:
    """Return the values at one position of each image, drawn by its hash, (hashes, units)."""
    flat = values.flatten(2) if values.ndim > 2 else values[:, :, None]
    numbers = torch.tensor([int(each[:15], 16) % flat.shape[2] for each in hashes])
    rows = torch.arange(len(hashes), device=flat.device)
    found: NDArray[np.float32] = flat[rows, :, numbers.to(flat.device)].float().cpu().numpy()
    return found


def _first_largest(values: Tensor) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return where the last axis is largest, the first of several, and its value there."""
    array = values.cpu().numpy()  # whose argmax is the first one, which torch's needn't be
    where = array.argmax(-1)
    return where, np.take_along_axis(array, where[..., None], -1)[..., 0]


def watched(
    model: Model,
    layers: Collection[Layer | str | Objective],
    size: ViewSize,
    device: torch.device,
    precision: str,
) -> Watched:
    """Check units, and return the network with them.

    Args:
        layers: for all of their channels; and objectives that score one image.
        size: at which photographs are shown.

    Raises:
        BadSetting: there are none, or one twice; or one that compares images, or wants alpha.
        UnknownLayer, ChannelOutOfRange, UnknownLabel, PictureTooSmall: with what to do.
        NotEnoughMemory: for a photograph of this size.
    """
    trial = (size, size) if isinstance(size, int) else size
    found: list[Objective] = []
    for each in layers:
        if isinstance(each, Objective):
            found += each.objectives if isinstance(each, PerImage) else [each]
            continue
        layer = model.resolve(each)
        channels = model.info(layer, trial).channels
        if channels is None:
            raise BadSetting(f"{str(layer)!r} has no channels; name another layer")
        found += [channel(str(layer), number) for number in range(channels)]
    if not found:
        raise BadSetting("no units; name a layer, or a unit such as channel('fire7', 3)")
    seen: set[Objective] = set()
    hashes: set[str] = set()
    for unit in found:
        if unit in seen:
            raise BadSetting(f"{unit!r} is named twice; name each unit once")
        seen.add(unit)
        if may_compare_images(unit):
            raise BadSetting(f"{unit!r} compares images with each other; photographs come alone")
        if needing_alpha(unit):
            raise BadSetting(f"{unit!r} is about transparency, which photographs don't have")
        hashes |= hashes_of(bind(unit, model, trial))
    needed = {model.resolve(layer) for unit in found for layer in unit.layers()}
    check_picture(model, needed, trial, device)
    return Watched(model, device, precision, tuple(found), tuple(sorted(hashes)))


def receptive_box(
    model: Model, unit: Objective, position: Sequence[int], view: View
) -> tuple[int, int, int, int] | None:
    """Return the receptive field of a position in the photograph, (top, left, height, width).

    It may reach beyond the photograph, where a layer pads. None where the unit has no positions, or
    each depends on the whole image.

    Args:
        position: (row, column); -1 for none.
        view: how the photograph was shown.
    """
    layer = map_layer(bind(unit, model, view.size))
    if layer is None or min(position) < 0:
        return None
    shown = model.shown([layer], view.size)
    extents = model.info(layer, shown).extents
    if extents is None:
        return None
    sides = []
    for each, place, start, window, pixels in zip(
        extents, position, (view.top, view.left), (view.height, view.width), shown, strict=True
    ):
        scale = window / pixels
        first = start + (each.first + place * each.stride) * scale
        last = start + (each.last + 1 + place * each.stride) * scale
        sides.append((round(first), max(1, round(last) - round(first))))
    (top, height), (left, width) = sides
    return top, left, height, width
