"""The gradient of an objective of a picture of any size, tile by tile, the same as of the whole."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from entoptic.ascent.binding import bind
from entoptic.ascent.guides import joined, reference_activations
from entoptic.ascent.loop import check_channels
from entoptic.ascent.tiling.cuts import Along, Tile, cut, tiles
from entoptic.ascent.tiling.shares import Shares
from entoptic.ascent.tiling.sheet import Sheet
from entoptic.ascent.tiling.spread import Site, sites, spread
from entoptic.ascent.watch import no_path
from entoptic.checks import taking, whole
from entoptic.errors import BadSetting
from entoptic.images import Picture, PictureLike, image_of
from entoptic.images.resize import resize
from entoptic.layers import Layer
from entoptic.networks import Model, ModelLike, model_of
from entoptic.networks.modes import in_usual_modes
from entoptic.objectives import Objective, Reference, objective_of
from entoptic.types import Scores


@in_usual_modes
@taking(tile=whole(1, 100_000))
def tiled_gradient(
    model: ModelLike, *, of: Objective | str, at: PictureLike, tile: int
) -> tuple[Tensor, Scores]:
    """The gradient of an objective with respect to a picture, in the memory that one tile takes.

    Each tile has the receptive fields of its own positions, so that the gradient is that of
    the whole picture but for the order of sums. A mean or a sum over positions is scored tile
    by tile; for anything else the layer is first brought together from all tiles.

    Args:
        model: the network.
        of: the objective, or its expression.
        at: the pictures, (batch, 3, height, width), sRGB in [0, 1]; or one in any other form.
        tile: how many pixels in height and in width the network is shown at once, at most.

    Returns:
        The gradient, shaped like `at`, and the scores, one per image.

    Raises:
        BadSetting: a layer without a bounded receptive field, or tiles that are too small.
        UnknownLayer, BadExpression, PictureTooSmall: before any work.
        NoPath: the scores don't depend on the picture.

    >>> import entoptic as ent
    >>> photo = torch.rand(1, 3, 200, 300, generator=torch.Generator().manual_seed(0))
    >>> found, scores = tiled_gradient(ent.load(), of="energy('fire3')", at=photo, tile=128)
    >>> whole = ent.gradient(ent.load(), of="energy('fire3')", at=photo)
    >>> bool((found - whole).abs().max() < 1e-5 * whole.abs().max())
    True
    """
    model, at = model_of(model), image_of(at, "at")
    check_channels(at, model)
    size = (at.shape[-2], at.shape[-1])
    bound = bind(objective_of(of, "of"), model, size)
    tiled = ExactTiles(model, bound, size, tile, [at.device], at.dtype, exact=True)
    gradient = torch.zeros_like(at, memory_format=torch.contiguous_format)
    scores = tiled.climb(Sheet(at.detach()), Sheet(gradient))
    return gradient, scores


def global_layer(model: Model, layers: Iterable[Layer], size: tuple[int, int]) -> Layer | None:
    """The first of some layers that no tile can give exactly; None where all can be."""
    for layer in sorted(layers):
        info = model.info(layer, size)
        if info.extents is None or info.spatial_size is None:
            return layer
    return None


class ExactTiles:
    """An objective, made ready to be scored and differentiated tile by tile.

    Args:
        model: the network.
        objective: bound to it.
        size: (height, width) of the picture.
        side: how many pixels in height and in width the network is shown at once, at most.
        devices: where to compute, several tiles at a time on several; the picture may be elsewhere.
        dtype: of the picture.
        exact: see `compiled`.

    Raises:
        BadSetting: a layer without a bounded receptive field, or tiles that are too small.
    """

    def __init__(
        self,
        model: Model,
        objective: Objective,
        size: tuple[int, int],
        side: int,
        devices: Sequence[torch.device],
        dtype: torch.dtype = torch.float32,
        *,
        exact: bool = False,
    ) -> None:
        self.model = model
        self.objective = objective
        self.shares = Shares.of(objective)
        self.layers = objective.layers()
        self.size = size
        self.places = {layer: _places(model, layer, size) for layer in self.layers}
        self.tiles = exact_tiles(model, self.layers, size, side)
        for tile in self.tiles:
            for layer in self.layers:
                model.info(layer, tile.shape)  # is kept; threads find it there
        self.sites = sites(model, self.layers, devices, exact=exact)
        guides = self._guides(objective, dtype)
        for site in self.sites:
            site.learn(guides)

    def climb(self, picture: Sheet, gradient: Sheet, rng: torch.Generator | None = None) -> Scores:
        """Add the gradient of the score at a picture to a sheet of zeros; nothing is random.

        Returns:
            The scores.

        Raises:
            NoPath: they don't depend on the picture.
        """
        scores, pulls = self._whole(picture)
        leads = False

        def take(tile: Tile, found: tuple[Scores, Tensor | None]) -> None:
            nonlocal scores, leads
            scores = scores + found[0].to(scores.device)
            if found[1] is not None:
                leads = True
                gradient.add(tile.rows.pixels, tile.columns.pixels, found[1])
            gradient.release()

        spread(self.tiles, self.sites, functools.partial(self._climbed, picture, pulls), take)
        if not leads:
            raise no_path(self.objective)
        return scores

    def _climbed(
        self, picture: Sheet, pulls: Mapping[Layer, Tensor], site: Site, tile: Tile
    ) -> tuple[Scores, Tensor | None]:
        """Return a tile's part of the scores, and the gradient at its pixels where there is one."""
        part = picture.read(tile.rows.pixels, tile.columns.pixels, site.device)
        picture.release()
        with torch.enable_grad():
            part.requires_grad_()
            own = self._own(tile, site.activations(part, self.layers))
            scored = self._scored(tile, own, site.guides)
            score = scored
            for layer, pull in pulls.items():
                here = pull[..., tile.rows.places(layer), tile.columns.places(layer)]
                score = score + (own[layer] * here.to(site.device)).flatten(1).sum(1)
            total = score.sum()
        if not total.requires_grad:
            return scored.detach(), None
        (found,) = torch.autograd.grad(total, part)
        return scored.detach(), found.to(picture.tensor.device)

    def _scored(
        self,
        tile: Tile,
        own: Mapping[Layer, Tensor],
        guides: Mapping[Layer | Reference, Tensor],
    ) -> Scores:
        """Return a tile's part of the scores of terms over positions."""
        some = next(iter(own.values()))
        score = some.new_zeros(some.shape[0])
        for part in self.shares.parts:
            share = tile.share(part.layer, self.places[part.layer])
            if share > 0:
                score = score + part.weight(share) * part.leaf(joined(own, guides))
        return score

    def _whole(self, picture: Sheet) -> tuple[Scores, dict[Layer, Tensor]]:
        """Scores of what needs whole layers, and the gradient by those."""
        batch, first = picture.tensor.shape[0], self.sites[0]
        zero = torch.zeros(batch, dtype=picture.tensor.dtype, device=first.device)
        if self.shares.rest is None:
            return zero, {}
        if not self.shares.whole_layers:  # a number that is added
            return zero + self.shares.rest(joined(self._first(picture), first.guides)), {}
        acts = self._assembled(picture, self.shares.whole_layers)
        with torch.enable_grad():
            leaves = {layer: each.requires_grad_() for layer, each in acts.items()}
            scores = self.shares.rest(joined(leaves, first.guides))
            if not scores.requires_grad:
                return scores, {}
            found = torch.autograd.grad(scores.sum(), list(leaves.values()), allow_unused=True)
        pulls = {layer: p for layer, p in zip(leaves, found, strict=True) if p is not None}
        return scores.detach(), pulls

    @torch.no_grad()
    def _first(self, picture: Sheet) -> dict[Layer, Tensor]:
        """Activations of the first tile."""
        tile, site = self.tiles[0], self.sites[0]
        part = picture.read(tile.rows.pixels, tile.columns.pixels, site.device)
        return site.activations(part, self.layers)

    def _assembled(self, picture: Sheet, layers: Collection[Layer]) -> dict[Layer, Tensor]:
        """Whole layers, brought together from all tiles."""
        whole: dict[Layer, Tensor] = {}
        device = self.sites[0].device

        def seen(site: Site, tile: Tile) -> dict[Layer, Tensor]:
            part = picture.read(tile.rows.pixels, tile.columns.pixels, site.device)
            picture.release()
            with torch.no_grad():
                return self._own(tile, site.activations(part, layers))

        def take(tile: Tile, own: Mapping[Layer, Tensor]) -> None:
            for layer, values in own.items():
                if layer not in whole:
                    shape = (*values.shape[:2], *self.places[layer])
                    whole[layer] = torch.empty(shape, dtype=values.dtype, device=device)
                rows, columns = tile.rows.places(layer), tile.columns.places(layer)
                whole[layer][..., rows, columns] = values.to(device)

        spread(self.tiles, self.sites, seen, take)
        return whole

    def _own(self, tile: Tile, acts: Mapping[Layer, Tensor]) -> dict[Layer, Tensor]:
        return {
            layer: value[..., tile.rows.places_in_tile(layer), tile.columns.places_in_tile(layer)]
            for layer, value in acts.items()
        }

    def _guides(
        self, objective: Objective, dtype: torch.dtype
    ) -> Mapping[Layer | Reference, Tensor]:
        """Activations of the guides; of those as large as the picture tile by tile too."""
        references = objective.references()
        small = torch.empty((1, 3, 1, 1), dtype=dtype, device=self.sites[0].device)
        loose = (each for each in references if not each.fitted)
        found: dict[Layer | Reference, Tensor] = dict(
            reference_activations(loose, self.model, small)
        )
        fitted = [each for each in references if each.fitted]
        for guide in {each.guide for each in fitted}:
            assert isinstance(guide, Picture)  # names have been read by binding
            layers = {each.layer for each in fitted if each.guide is guide}
            image = resize(guide.image.to(dtype), *self.size).clamp(0, 1)
            acts = self._assembled(Sheet(image), layers)
            found |= {Reference(guide, layer, True): value for layer, value in acts.items()}
        return found


def _places(model: Model, layer: Layer, size: tuple[int, int]) -> tuple[int, int]:
    places = model.info(layer, size).spatial_size
    assert places is not None  # else it is a global layer
    return places


def exact_tiles(
    model: Model, layers: Iterable[Layer], size: tuple[int, int], side: int
) -> list[Tile]:
    """Return cuts of a picture of (height, width) that change nothing.

    Raises:
        BadSetting: a layer without a bounded receptive field, or tiles that are too small.
    """
    layers = sorted(layers)
    stranger = global_layer(model, layers, size)
    if stranger is not None:
        raise BadSetting(
            f"positions of {str(stranger)!r} depend on the whole picture, so that no tile can "
            "stand for it exactly; choose an earlier layer"
        )
    along: tuple[dict[Layer, Along], dict[Layer, Along]] = ({}, {})
    for layer in layers:
        extents, places = model.info(layer, size).extents, _places(model, layer, size)
        assert extents is not None  # else it is a global layer
        for axis in (0, 1):
            along[axis][layer] = Along(extents[axis], places[axis])
    multiple = model.preprocess.multiple
    rows, columns = (cut(size[axis], side, along[axis], multiple) for axis in (0, 1))
    return list(tiles(rows, columns))
