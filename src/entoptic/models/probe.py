"""The layer table, from one run of the network on tensors that have shapes but no values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from entoptic.layers import Layer, LayerInfo, Reach
from entoptic.models.batches import per_picture
from entoptic.models.frozen import frozen_copy
from entoptic.models.geometry import Field, Geometry, Places, places
from entoptic.models.layout import is_grid, layout_of
from entoptic.models.taps import first_tensor

# Modules after which tokens are no longer in reading order, as in timm's Hiera.
_SHUFFLES = ("Unroll",)


@dataclass(frozen=True)
class Table:
    """What one run found out.

    Args:
        rows: inputs and outputs of every call of every layer that ran, in the order in which calls
            end.
        failure: why the network stopped half-way, None where it ran to its end.
    """

    rows: Mapping[Layer, LayerInfo]
    failure: str | None


def table(
    module: nn.Module,
    by_address: Callable[[nn.Module], Mapping[str, nn.Module]],
    shape: tuple[int, int, int],
) -> Table:
    """Run a network on a picture of a size, without computing anything.

    A network that can't work on so small a picture still tells of the layers that it reached: a
    climb up to one of them needs no more.

    Args:
        module: the network; it isn't changed.
        by_address: the submodules of a copy of it by address.
        shape: (channels, height, width) of what it is fed.
    """
    shadow = frozen_copy(module).to("meta")
    rows: dict[Layer, LayerInfo] = {}
    calls: Counter[str] = Counter()
    grids: list[tuple[int, int]] = []

    def record(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            rows[Layer(name, "output", calls[name])] = _info(layer, output, shape[1:], grids)
            rows[Layer(name, "input", calls[name])] = _info(layer, inputs, shape[1:], grids)
            calls[name] += 1
            if type(layer).__name__ in _SHUFFLES:
                grids.clear()

        return hook

    for name, layer in by_address(shadow).items():
        layer.register_forward_hook(record(name))
    dtype = next((each.dtype for each in shadow.parameters()), torch.float32)
    image = torch.empty((1, *shape), device="meta", dtype=dtype)
    try:
        with torch.no_grad(), Geometry(image):
            shadow(image)
    except (RuntimeError, ValueError, AssertionError) as error:
        lines = str(error).splitlines()
        return Table(rows, lines[0] if lines else type(error).__name__)
    return Table(rows, None)


def _info(
    layer: nn.Module, value: Any, size: tuple[int, int], grids: list[tuple[int, int]]
) -> LayerInfo:
    """One row of the table; `grids` are those of the maps so far, and grow by this one."""
    tensor = first_tensor(value)
    shape = tuple(per_picture(tensor, 1).shape) if tensor is not None else ()
    followed = places(tensor) if tensor is not None and len(shape) == 4 else None
    layout, grid = layout_of(shape, followed.axes if followed else None, grids)
    info = LayerInfo(
        kind=type(layer).__name__,
        shape=shape,
        channels=shape[layout.index("C")] if layout else None,
        stride=None,
        receptive_field=None,
        parameters=sum(weight.numel() for weight in layer.parameters()),
        layout=layout,
        grid=grid,
    )
    if followed is not None and info.places is not None:
        if not grids or grids[-1] != info.places:
            grids.append(info.places)
        stride = round(followed.rows.stride), round(followed.columns.stride)
        rows, columns = _reach(followed.rows), _reach(followed.columns)
        reach = (rows, columns) if rows and columns else None
        return replace(info, stride=stride, receptive_field=_seen(followed), reach=reach)
    if info.places is not None and is_grid(info.places, grids):
        height, width = info.places
        return replace(info, stride=(round(size[0] / height), round(size[1] / width)))
    return info


def _seen(followed: Places) -> tuple[int, int] | None:
    sizes = followed.rows.size, followed.columns.size
    if not all(map(math.isfinite, sizes)):
        return None
    return round(sizes[0]), round(sizes[1])


def _reach(field: Field) -> Reach | None:
    if not math.isfinite(field.period):
        return None
    first, last = math.floor(field.first), math.ceil(field.last)
    return Reach(field.stride, first, last, round(field.period))
