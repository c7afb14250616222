"""Activation grids: what a network sees at each place of a photo."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from entoptic.checks import flag, seed as a_seed, taking, whole
from entoptic.errors import BadSetting
from entoptic.images import PictureLike
from entoptic.images.resize import fit_long_side
from entoptic.jobs.inputs import photo_of
from entoptic.jobs.job import Result
from entoptic.jobs.methods import climb_settings
from entoptic.jobs.seen import activations_at, layer_with_places, seen_size, whitened
from entoptic.jobs.sheets import Layout, SheetPlan, plan_sheet
from entoptic.jobs.units import MOST_UNITS
from entoptic.layers import Layer, layer_name
from entoptic.networks import DeviceLike, ModelLike, devices, model_of
from entoptic.objectives import direction, per_image

# Pictures as small as these still hold an eye or a texture, and a hundred of them a photo.
# After more steps they only gain contrast.
GRID_CLIMB = {"method": "gentle", "size": 64, "steps": 80, "batch": 32}

# By eye: neighbouring pictures differ, and belong together all the same.
_LAYERS = {"squeezenet1_1": "fire8", "efficientnet_lite0": "blocks.3"}

# The whole direction counts, not only its strongest channels.
_COSINE_POWER = 1.0


@taking(layer=layer_name, cells=whole(1, 1000), weighted=flag, plain=flag)
@dataclass(frozen=True)
class GridSettings:
    """Which places of a photo are shown, and how.

    Args:
        layer: whose activations; None for the network's own choice.
        cells: pictures along the photo's long side, at most as many as the layer has places.
        weighted: whether a picture fades to grey where the layer holds little.
        plain: whether directions are taken as they are. Otherwise they are whitened: what all
            places of the photo have in common counts less than what tells them apart.

    Raises:
        BadSetting: a value out of its range.
    """

    layer: Layer | str | None = None
    cells: int = 8
    weighted: bool = False
    plain: bool = False


def grid(
    model: ModelLike,
    photo: PictureLike,
    *,
    layer: Layer | str | None = None,
    cells: int = 8,
    weighted: bool = False,
    plain: bool = False,
    seed: int = 0,
    device: DeviceLike = "auto",
    **settings: Any,
) -> Result:
    """What a network sees at each place of a photo: a mosaic of small pictures.

    The layer's activations at a place are a direction among its channels, and the picture in that
    place is what goes furthest in that direction.

    Args:
        model: from `load` or `Model.wrap`; or what `load` takes, or a module of torch.
        photo: a picture in any form, as `dream` takes it.
        layer: whose activations; by default the one that says most of this network.
        cells: pictures along the photo's long side, at most as many as the layer has places.
        weighted: let a picture fade to grey where the layer holds little.
        plain: take directions as they are, unwhitened, see `GridSettings`.
        seed: of all chance.
        device: `auto`, `cpu`, `cuda`, ...; several with commas between share the pictures.
        settings: those of `ClimbSettings`; `size` is each small picture's side.

    Returns:
        The mosaic, with the job that makes it again.

    Raises:
        EntopticError: whatever is wrong is said before any work.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill, 2018.

    >>> import entoptic as ent
    >>> photo = torch.rand(1, 3, 60, 80, generator=torch.Generator().manual_seed(0))
    >>> ent.grid(ent.load(), photo, cells=4, size=32, layer="fire3", steps=1).image.shape
    torch.Size([1, 3, 96, 128])
    """
    own = GridSettings(layer, cells, weighted, plain)
    return plan_grid(model, photo, own, seed=seed, on=device, **settings).run()


@taking(seed=a_seed)
def plan_grid(
    model: ModelLike,
    photo: PictureLike,
    shown: GridSettings | None = None,
    *,
    seed: int = 0,
    on: DeviceLike = "auto",
    **settings: Any,
) -> SheetPlan:
    """Check a grid and lay it out; arguments as for `grid`."""
    model = model_of(model)
    shown = shown or GridSettings()
    how = climb_settings("grid", settings, GRID_CLIMB)
    where = devices(on)[0]
    layer = layer_with_places(model, shown.layer, _LAYERS)
    seen = photo_of(photo, seen_size(model))
    held = activations_at(model, seen, layer, where)
    cells = _cells(held, shown.cells)
    columns = cells.shape[-1]
    if cells[0].numel() > MOST_UNITS:
        raise BadSetting(
            f"{cells[0].numel()} cells are too many for one grid; {MOST_UNITS} at most, which "
            "--cells can see to"
        )
    vectors = cells.flatten(1).T
    lengths = vectors.norm(dim=1)
    if not shown.plain:
        vectors = whitened(vectors, held.flatten(1).T)
    # Where the layer holds nothing there is no direction: whatever is shown there fades to grey.
    vectors = torch.where(lengths[:, None] > 0, vectors, vectors.mean(0))
    units = functional.normalize(vectors, dim=1)
    strengths = lengths / lengths.max() if shown.weighted else lengths > 0
    return plan_sheet(
        "grid",
        model,
        per_image([direction(layer, unit, _COSINE_POWER) for unit in units]),
        len(units),
        how,
        layout=Layout(columns=columns, gap=0, strengths=strengths.float().tolist()),
        photo=seen,
        called=f"grid({str(layer)!r})",
        extras=asdict(shown) | {"layer": str(layer)},
        seed=seed,
        on=on,
    )


def _cells(activations: Tensor, most: int) -> Tensor:
    """Means over as many areas, (channels, rows, columns)."""
    rows, columns = activations.shape[1:]
    size = fit_long_side(rows, columns, min(most, max(rows, columns)))
    means: Tensor = functional.adaptive_avg_pool2d(activations, size)
    return means
