"""A catalog on disk: its units as a table, its pictures, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from entoptic.catalogs.index import Index, Unit
from entoptic.checks import path, taking
from entoptic.errors import BadSetting, MissingExtra
from entoptic.layers import Layer
from entoptic.types import PathLike


class Units(tuple[Unit, ...]):
    """Units of a catalog, a row each."""

    def to_frame(self) -> Any:
        """Return the rows as a `pandas.DataFrame`.

        Raises:
            MissingExtra: pandas isn't installed.
        """
        try:
            import pandas
        except ImportError:
            raise MissingExtra("a table needs pandas: pip install pandas") from None
        return pandas.DataFrame([asdict(each) for each in self], columns=[*Unit.__annotations__])


@dataclass(frozen=True)
class Progress:
    """The state of one layer of a catalog.

    Args:
        layer: its name.
        units: their number.
        done: those whose picture is made.
        failed: those that can't be made.
        seconds: that a unit takes, on average; None before there is one.
        left: seconds until the layer is done, with as many batches at a time as now; None where
            nothing says how long a unit takes.
    """

    layer: str
    units: int
    done: int
    failed: int
    seconds: float | None
    left: float | None


@dataclass(frozen=True)
class Catalog:
    """A catalog in a folder; what it says is read from its index each time.

    Args:
        folder: of the index and the pictures.
    """

    folder: Path

    @property
    def model(self) -> str:
        """What `load` is given for the network."""
        return str(self._facts["model"])

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of all pictures."""
        settings: Mapping[str, Any] = self._facts["settings"]
        return settings

    @property
    def _facts(self) -> Mapping[str, Any]:
        with Index(self.folder) as index:
            return index.facts()

    def units(self) -> Units:
        """Return all units, made or not, in the order of the catalog."""
        with Index(self.folder) as index:
            return Units(index.units())

    def picture(self, layer: str | Layer, number: int) -> Path:
        """Return the file of a unit's picture.

        Raises:
            BadSetting: the catalog has no such unit, or its picture isn't made.
        """
        for each in self.units():
            if (each.layer, each.number) == (str(layer), number) and each.state == "done":
                return self.folder / each.picture
        raise BadSetting(f"the catalog {str(self.folder)!r} has no picture of {layer}:{number}")

    def status(self) -> tuple[Progress, ...]:
        """Return how far each layer is."""
        with Index(self.folder) as index:
            return tuple(_progress(*row, max(1, index.at_work())) for row in index.counts())

    def failures(self) -> tuple[Unit, ...]:
        """Return the units that can't be made, each with its reason."""
        return tuple(each for each in self.units() if each.state == "failed")


def _progress(
    layer: str, units: int, done: int, failed: int, seconds: float | None, at_a_time: int
) -> Progress:
    todo = units - done - failed
    left = None if seconds is None else todo * seconds / at_a_time
    return Progress(layer, units, done, failed, seconds, left if todo else 0.0)


@taking(folder=path)
def open_catalog(folder: PathLike) -> Catalog:
    """Open a catalog that `entoptic catalog` has made, or is making.

    Args:
        folder: of the catalog.

    Returns:
        The catalog: `.units()`, `.status()`, `.picture(layer, number)`.

    Raises:
        BadCatalog: there is none, its index is damaged, or it is of a newer entoptic.
    """
    found = Catalog(Path(folder))
    with Index(found.folder):
        return found
