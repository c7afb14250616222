"""Tiles spread over devices: who computes what, and in which order it is brought together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from typing import TypeVar

import torch
from torch import Tensor

from entoptic.ascent.spreading import Spread
from entoptic.layers import INPUT, Layer
from entoptic.networks import Model, compiled
from entoptic.objectives import Reference

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")
_Worker = TypeVar("_Worker")


class Site:
    """A network made ready on one device, for as many threads as work there.

    Args:
        model: the network.
        layers: the targets.
        device: where to compute.
        exact: see `compiled`.
    """

    def __init__(
        self, model: Model, layers: Collection[Layer], device: torch.device, *, exact: bool = False
    ) -> None:
        self.model = model
        self.device = device
        self.guides: Mapping[Layer | Reference, Tensor] = {}
        self._run = compiled(model, layers, device, exact=exact)

    def learn(self, guides: Mapping[Layer | Reference, Tensor]) -> None:
        """Keep what the objective compares with, on this device."""
        self.guides = {each: value.to(self.device) for each, value in guides.items()}

    def activations(self, part: Tensor, layers: Collection[Layer]) -> dict[Layer, Tensor]:
        """The activations of a tile, as objectives are given them."""
        # A network compiled for more layers than are wanted runs a little too far, no more.
        acts = self._run(part) if set(layers) - {INPUT} else {INPUT: part}
        arranged = self.model.arranged(acts, (part.shape[-2], part.shape[-1]))
        return {layer: arranged[layer] for layer in layers}


def sites(
    model: Model,
    layers: Collection[Layer],
    devices: Iterable[torch.device],
    *,
    exact: bool = False,
) -> tuple[Site, ...]:
    """One for each device, in order; a device that is named twice is the same site twice."""
    devices = tuple(devices)
    made = {each: Site(model, layers, each, exact=exact) for each in dict.fromkeys(devices)}
    return tuple(made[each] for each in devices)


def spread(
    items: Iterable[_Item],
    workers: Sequence[_Worker],
    work: Callable[[_Worker, _Item], _Found],
    take: Callable[[_Item, _Found], None],
) -> None:
    """Let workers work on items.

    What is found is taken in the order of the items, in the caller's thread, so that sums don't
    depend on who was first. A single worker works in that thread too.

    Args:
        items: what there is to do; workers take turns.
        workers: as many threads work as there are; no two of them with the same one of these.
        work: of a worker on an item.
        take: an item and what was found; at most one for each worker waits for it.

    Raises:
        Exception: what goes wrong in any of it; nothing goes on after it.

    >>> found = []
    >>> spread("abc", [1, 2], lambda _, item: item.upper(), lambda *each: found.append(each))
    >>> found
    [('a', 'A'), ('b', 'B'), ('c', 'C')]
    """
    items, count = tuple(items), len(workers)

    def each(number: int, worker: int) -> Generator[tuple[_Found], None, None]:
        for item in items[number::count]:
            yield (work(workers[worker], item),)

    with closing(Spread(each, count, count).items()) as shown:
        # In turns, that is in the order of the items; between them the ends of workers are told.
        found = (one for _, one in shown if one is not None)
        for item, (value,) in zip(items, found, strict=False):
            take(item, value)
