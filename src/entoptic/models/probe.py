"""The layer table, from one run of the network on tensors that have shapes but no values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from entoptic.errors import PictureTooSmall
from entoptic.layers import Layer, LayerInfo
from entoptic.models.frozen import frozen_copy
from entoptic.models.geometry import Geometry, places
from entoptic.models.taps import first_tensor


@dataclass(frozen=True)
class Table:
    """What one run found out.

    Args:
        rows: inputs and outputs of every call of every layer that ran, in the order in which calls
            end.
        failure: why the network stopped half-way, None where it ran to its end.
    """

    rows: Mapping[Layer, LayerInfo]
    failure: PictureTooSmall | None


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

    def record(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            rows[Layer(name, "output", calls[name])] = _info(layer, first_tensor(output))
            rows[Layer(name, "input", calls[name])] = _info(layer, first_tensor(inputs))
            calls[name] += 1

        return hook

    for name, layer in by_address(shadow).items():
        layer.register_forward_hook(record(name))
    dtype = next((each.dtype for each in shadow.parameters()), torch.float32)
    image = torch.empty((1, *shape), device="meta", dtype=dtype)
    try:
        with torch.no_grad(), Geometry(image):
            shadow(image)
    except (RuntimeError, ValueError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Table(
            rows,
            PictureTooSmall(
                f"the network can't work on a picture of {shape[1]}x{shape[2]} "
                f"(height x width): {reason}; try a larger one (--size)"
            ),
        )
    return Table(rows, None)


def _info(layer: nn.Module, output: Tensor | None) -> LayerInfo:
    shape = tuple(output.shape) if output is not None else ()
    found = places(output) if output is not None else None
    spatial = len(shape) == 4 and found is not None
    return LayerInfo(
        kind=type(layer).__name__,
        shape=shape,
        channels=_channels(shape),
        stride=(round(found.rows.stride), round(found.columns.stride))
        if found and spatial
        else None,
        receptive_field=(round(found.rows.size), round(found.columns.size))
        if found and spatial
        else None,
        parameters=sum(weight.numel() for weight in layer.parameters()),
    )


def _channels(shape: tuple[int, ...]) -> int | None:
    if len(shape) in (2, 4):
        return shape[1]
    return shape[-1] if len(shape) == 3 else None
