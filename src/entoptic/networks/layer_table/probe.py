"""The layer table, from one run of the network on tensors that have shapes but no values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from entoptic.layers import FieldExtent, Layer, LayerInfo
from entoptic.networks.batches import FAILURES, per_picture
from entoptic.networks.frozen import frozen_copy
from entoptic.networks.layer_table.axes import is_grid, layout_of
from entoptic.networks.layer_table.receptive_field import Field, Geometry, positions
from entoptic.networks.memory import out_of_memory
from entoptic.networks.taps import first_tensor

# Modules after which tokens are no longer in reading order, as in timm's Hiera.
_SHUFFLES = ("Unroll",)


@dataclass(frozen=True)
class Table:
    """Result of one run.

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
    *,
    computed: bool = False,
) -> Table:
    """Run a network on an image of a size, without computing anything where that is possible.

    A network that can't work on so small an image still tells of the layers that it reached: an
    optimisation of one of them needs no more. One whose course depends on values, or that leaves
    torch on its way, is run on an image of noise.

    Args:
        module: the network; it isn't changed.
        by_address: the submodules of a copy of it by address.
        shape: (channels, height, width) of what it is fed.
        computed: run it on noise in any case; the reason of a failure is then the network's own.
    """
    if not computed:
        found, error = _run(frozen_copy(module, "meta"), by_address, shape, computed=False)
        # Without values, torch 2.10's convolutions give maps without positions instead of an error.
        empty = any(0 in row.shape for row in found.values())
        if not empty and (error is None or not _is_of_meta(error)):
            return Table(found, None if error is None else _said(error))
    found, error = _run(frozen_copy(module), by_address, shape, computed=True)
    return Table(found, None if error is None else _said(error))


def _run(
    shadow: nn.Module,
    by_address: Callable[[nn.Module], Mapping[str, nn.Module]],
    shape: tuple[int, int, int],
    *,
    computed: bool,
) -> tuple[dict[Layer, LayerInfo], Exception | None]:
    """Return the rows of one run of a copy, and the error that ended it before its time."""
    rows: dict[Layer, LayerInfo] = {}
    calls: Counter[str] = Counter()
    grids: list[tuple[int, int]] = []

    def record(name: str) -> Callable[[nn.Module, Any, Any, Any], None]:
        def hook(layer: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            inputs = (args, kwargs)
            rows[Layer(name, "output", calls[name])] = _info(layer, output, shape[1:], grids)
            rows[Layer(name, "input", calls[name])] = _info(layer, inputs, shape[1:], grids)
            calls[name] += 1
            if type(layer).__name__ in _SHUFFLES:
                grids.clear()

        return hook

    for name, layer in by_address(shadow).items():
        layer.register_forward_hook(record(name), with_kwargs=True)
    image = _noise(shadow, shape, computed=computed)
    try:
        with torch.no_grad(), Geometry(image):
            shadow(image)
    except FAILURES as error:
        if out_of_memory(error):
            raise
        return rows, error.with_traceback(None)
    return rows, None


def _noise(shadow: nn.Module, shape: tuple[int, int, int], *, computed: bool) -> Tensor:
    """Return one image of noise, of the network's own kind; without values on `meta`."""
    like = next((each for each in shadow.parameters() if each.is_floating_point()), torch.empty(0))
    if not computed:
        return torch.empty((1, *shape), device="meta", dtype=like.dtype)
    noise = torch.rand((1, *shape), generator=torch.Generator().manual_seed(0))
    return noise.to(like.device, like.dtype)


def _is_of_meta(error: Exception) -> bool:
    """Return whether a run failed since its tensors had no values."""
    return isinstance(error, NotImplementedError) or any(
        word in str(error) for word in ("meta", "fake impl", "Meta")
    )


def _said(error: Exception) -> str:
    """Return the first line of an error, with the error's kind where it is no sentence."""
    lines = str(error).splitlines()
    if isinstance(error, LookupError | AttributeError) or not lines or not lines[0].strip():
        return f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(": ")
    return lines[0]


def _info(
    layer: nn.Module, value: Any, size: tuple[int, int], grids: list[tuple[int, int]]
) -> LayerInfo:
    """Return one row of the table; `grids` are those of the maps so far, and grow by this one."""
    tensor = first_tensor(value)
    shape = tuple(per_picture(tensor, 1).shape) if tensor is not None else ()
    followed = positions(tensor) if tensor is not None and len(shape) == 4 else None
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
    sides = info.spatial_size
    if followed is not None and sides is not None:
        if grids[-1:] != [sides]:
            grids.append(sides)
        rows, columns = followed.fields
        local = all(math.isfinite(each.size) for each in followed.fields)
        alike = all(math.isfinite(each.period) for each in followed.fields)
        return replace(
            info,
            stride=(round(rows.stride), round(columns.stride)),
            receptive_field=(round(rows.size), round(columns.size)) if local else None,
            extents=(_extent(rows), _extent(columns)) if alike else None,
        )
    if sides is not None and is_grid(sides, grids):
        return replace(info, stride=(round(size[0] / sides[0]), round(size[1] / sides[1])))
    return info


def _extent(field: Field) -> FieldExtent:
    first, last = math.floor(field.first), math.ceil(field.last)
    return FieldExtent(field.stride, first, last, round(field.period))
