"""Pictures of the units of networks, small ones, made while nothing else is to be done.

They are made a step at a time, in the order in which pages want them, and kept in a folder.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from entoptic import images
from entoptic.catalogs.catalog import Catalog, open_catalog
from entoptic.errors import BadSetting, EntopticError
from entoptic.paths import make_folder, name_for
from entoptic.recipes.visualize import Visualize
from entoptic.studio.networks import Networks

SIDE = 96
"""Of a unit's picture, in pixels."""

_STEPS = 48
# Optimised together: enough to be fast, few enough that the first ones come soon.
_BATCH = 8
# A page wants no more at a time, and what is wanted by none is forgotten.
_MOST_WANTED = 400

Unit = tuple[str, str, int]
"""Network, layer, number of the channel."""


class UnitPictures:
    """Makes and keeps pictures of units.

    Args:
        networks: those that are allowed.
        folder: of the pictures.
        catalogs: folders of catalogs whose pictures are taken where they have them.
    """

    def __init__(self, networks: Networks, folder: Path, catalogs: Sequence[Path] = ()) -> None:
        self._networks, self._folder = networks, folder
        self._wanted: OrderedDict[Unit, None] = OrderedDict()
        self._failed: dict[Unit, str] = {}
        self._lock = threading.Lock()
        self._making: Iterator[None] | None = None
        self._catalogs: dict[str, Catalog] = {}
        for each in catalogs:
            catalog = open_catalog(each)
            self._catalogs.setdefault(catalog.model, catalog)

    def file(self, network: str, layer: str, number: int) -> Path | None:
        """Return the file of a unit's picture; None where it isn't made yet.

        Raises:
            BadSetting: there is no such unit.
        """
        if not 0 <= number < self._networks.channels(network, layer):
            raise BadSetting(f"{network} has no unit {layer}:{number}")
        own = self._file((network, layer, number))
        if own.exists():
            return own
        if network in self._catalogs:
            try:
                return self._catalogs[network].picture(layer, number)
            except BadSetting:
                return None
        return None

    def want(self, network: str, layer: str, numbers: Sequence[int]) -> dict[int, str]:
        """Ask for pictures, before those that were asked for earlier.

        Returns:
            For each number `made`, `wanted`, or why it can't be made.
        """
        found: dict[int, str] = {}
        for number in reversed([*numbers][:_MOST_WANTED]):
            unit = network, layer, number
            if self.file(*unit) is not None:
                found[number] = "made"
            elif unit in self._failed:
                found[number] = self._failed[unit]
            else:
                found[number] = "wanted"
                with self._lock:
                    self._wanted[unit] = None
                    self._wanted.move_to_end(unit, last=False)
                    while len(self._wanted) > _MOST_WANTED:
                        self._wanted.popitem()
        return found

    def step(self) -> bool:
        """Make one step of the pictures that are wanted; see `Idle`."""
        if self._making is None:
            units = self._next()
            if not units:
                return False
            self._making = self._made(units)
        if next(self._making, self) is self:
            self._making = None
        return True

    def _next(self) -> list[Unit]:
        """Return units of one layer that are wanted, the most wanted first."""
        with self._lock:
            if not self._wanted:
                return []
            first = next(iter(self._wanted))
            alike = [each for each in self._wanted if each[:2] == first[:2]][:_BATCH]
            for each in alike:
                del self._wanted[each]
        return [each for each in alike if self.file(*each) is None]

    def _made(self, units: Sequence[Unit]) -> Iterator[None]:
        """Make pictures of units of one layer."""
        if not units:
            return
        network, layer, _ = units[0]
        try:
            plan = Visualize(
                self._networks[network],
                units=[f"{layer}:{number}" for _, _, number in units],
                size=SIDE,
                steps=_STEPS,
            ).plan()
            last, scores = None, list[torch.Tensor]()
            for last in plan.steps():
                scores.append(last.scores)
                yield
            made = plan.result(last, scores).images
        except EntopticError as error:
            self._failed |= dict.fromkeys(units, str(error))
            return
        for unit, picture in zip(units, made, strict=True):
            file = self._file(unit)
            make_folder(file.parent)
            images.write(file, picture[None], quality=90)

    def _file(self, unit: Unit) -> Path:
        network, layer, number = unit
        return self._folder / name_for(network) / name_for(layer) / f"{number}.webp"
