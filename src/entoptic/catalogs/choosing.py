"""The choice of a catalog's exemplars from the record of its units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from entoptic.analysis.photographs import View
from entoptic.analysis.record import Photograph, Record
from entoptic.analysis.responses import receptive_box
from entoptic.analysis.running import Extremes
from entoptic.catalogs.exemplars import Chosen, Exemplar
from entoptic.catalogs.families import unit_of
from entoptic.jobs.exemplars import Box, is_whole
from entoptic.networks import Model

WHOLE = "photos"
"""The folder of photographs that are shown whole, in the folder of the catalog."""

Unit = tuple[str, int]
"""Layer and number."""


def choose(
    found: Record, units: Sequence[Unit], folders: Mapping[str, str], model: Model, count: int
) -> Chosen:
    """Choose photographs that excite each unit most, and half as many that do least.

    Of photographs that excite a unit equally little, as where it is inactive, none is chosen.

    Args:
        found: the record of the units.
        units: in its order.
        folders: of the layers' pictures.
        model: the network.
        count: of those that excite a unit most.
    """
    ends = found.measures["max"]
    chosen: dict[Unit, tuple[Exemplar, ...]] = {}
    for row, unit in enumerate(units):
        of_unit = _OfUnit(found, model, unit, row, f"{folders[unit[0]]}/exemplars/{unit[1]}")
        most = [*of_unit.exemplars("most", ends.top, count)]
        least = [*of_unit.exemplars("least", ends.bottom, count // 2)]
        if inactive := _of_several(ends.bottom, row):
            most = [each for each in most if each.value > inactive[0]]
            least = []
        excited = {each.photo for each in most}
        chosen[unit] = (*most, *(each for each in least if each.photo not in excited))
    return chosen


def _of_several(ends: Extremes, row: int) -> list[float]:
    """Return a unit's smallest value where several photographs have it; nothing else."""
    values = ends.values[row][ends.photos[row] >= 0]
    return [float(values[0])] if len(values) > 1 and values[0] == values[1] else []


@dataclass(frozen=True)
class _OfUnit:
    """One unit of a record.

    Args:
        stem: of the names of its files.
    """

    found: Record
    model: Model
    unit: Unit
    row: int
    stem: str

    def exemplars(
        self, kind: Literal["most", "least"], ends: Extremes, count: int
    ) -> Iterator[Exemplar]:
        """Yield the photographs of one end, the most extreme one first."""
        for rank in range(min(count, ends.photos.shape[1])):
            number = int(ends.photos[self.row, rank])
            if number < 0:
                return  # there are no more photographs
            about = self.found.photos[number]
            row, column = ends.positions[self.row, rank].tolist()
            value = float(ends.values[self.row, rank])
            # What excites a unit least is in no one position.
            position = (row, column) if kind == "most" and row >= 0 else None
            box = None if position is None else field_of(self.model, self.unit, position, about)
            stem = f"{self.stem}-{rank + 1}"
            whole = f"{WHOLE}/{about.sha256[:24]}.jpg"  # one file for all units
            crop = whole if box is None else f"{stem}.jpg"
            drawn = None if position is None else f"{stem}-map.jpg"
            yield Exemplar(kind, rank + 1, about.name, value, position, crop, drawn)


def field_of(model: Model, unit: Unit, position: tuple[int, int], photo: Photograph) -> Box | None:
    """Return the receptive field of a position in a photograph; None where it is all of it."""
    view = View.of(photo.height, photo.width, model.preprocess.size)
    box = receptive_box(model, unit_of(*unit), position, view)
    return None if box is None or is_whole(view, box) else box
