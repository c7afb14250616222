"""A catalog on disk: its units as a table, its pictures, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entoptic.catalogs.exemplars import Exemplar, exemplars_of
from entoptic.catalogs.index import Index, PictureRow, Unit
from entoptic.checks import path, taking, whole
from entoptic.errors import BadSetting, MissingExtra, did_you_mean
from entoptic.layers import Layer, layer_name

if TYPE_CHECKING:  # they import torch, which takes longer than all that status does
    from entoptic.analysis.record import Record
    from entoptic.types import PathLike

RECORD = "responses.npz"
"""The file, in the folder of a catalog, of what its units do in photographs."""


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
class LayerOfCatalog:
    """A layer of a catalog.

    Args:
        layer: its name.
        folder: of its units' pictures, in the folder of the catalog.
        dream: the file of its DeepDream, likewise; None where it isn't made.
        caricature: likewise.
    """

    layer: str
    folder: str
    dream: str | None
    caricature: str | None


@dataclass(frozen=True)
class Progress:
    """The state of one layer of a catalog.

    Args:
        layer: its name.
        units: their number.
        done: those whose pictures are all made.
        failed: those of which one can't be made.
        seconds: that a picture takes, on average; None before there is one.
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
        with Index(self.folder, checked=False) as index:
            return index.facts()

    def units(self) -> Units:
        """Return all units, made or not, in the order of the catalog."""
        with Index(self.folder, checked=False) as index:
            return Units(index.units())

    @taking(layer=layer_name, number=whole(0))
    def picture(self, layer: str | Layer, number: int) -> Path:
        """Return the file of a unit's picture.

        Raises:
            BadSetting: the catalog has no such unit, or its picture isn't made.
        """
        for each in self.units():
            if (each.layer, each.number) == (str(layer), number) and each.state == "done":
                return self.folder / each.picture
        raise BadSetting(f"the catalog {str(self.folder)!r} has no picture of {layer}:{number}")

    def layers(self) -> tuple[LayerOfCatalog, ...]:
        """Return the layers, in the order of the catalog."""
        with Index(self.folder, checked=False) as index:
            made = {
                (each.layer, each.kind): each.file
                for each in index.pictures()
                if each.number is None and each.state == "done"
            }
            return tuple(
                LayerOfCatalog(
                    layer, folder, made.get((layer, "dream")), made.get((layer, "caricature"))
                )
                for layer, folder in index.folders().items()
            )

    @taking(layer=layer_name)
    def exemplars(self, layer: str | Layer) -> Mapping[int, tuple[Exemplar, ...]]:
        """Return the photographs that excite each unit of a layer most, then least.

        Returns:
            By the number of the unit; empty where no photographs were looked at.

        Raises:
            BadSetting: the catalog has no such layer.
        """
        with Index(self.folder, checked=False) as index:
            if str(layer) not in (layers := index.folders()):
                raise BadSetting(
                    f"the catalog {str(self.folder)!r} has no layer {str(layer)!r}"
                    + (did_you_mean(str(layer), layers) or f"; it has {', '.join(layers)}")
                )
            return exemplars_of(index, str(layer))

    def responses(self) -> Record | None:
        """Return what all units do in all photographs; None where none were looked at.

        Raises:
            BadRecord: it is damaged.
        """
        from entoptic.analysis.record import read_record

        file = self.folder / RECORD
        return read_record(file) if file.exists() and "photographs" in self._facts else None

    def status(self) -> tuple[Progress, ...]:
        """Return how far each layer is."""
        with Index(self.folder, checked=False) as index:
            at_a_time = max(1, index.at_work())
            return tuple(_progress(*row, at_a_time) for row in index.counts())

    def failures(self) -> tuple[PictureRow, ...]:
        """Return the pictures that can't be made, each with its reason."""
        with Index(self.folder, checked=False) as index:
            return tuple(each for each in index.pictures() if each.state == "failed")


def _progress(
    layer: str, units: int, done: int, failed: int, seconds: float | None, todo: int, at_a_time: int
) -> Progress:
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
