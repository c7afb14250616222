"""Pictures of a catalog's exemplars: what the unit saw, and where it was active."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from torch import Tensor

from entoptic.analysis.maps import over_photo
from entoptic.analysis.photographs import View, each_photo
from entoptic.analysis.record import Photograph
from entoptic.analysis.responses import Watched, watched
from entoptic.analysis.unit_maps import map_of
from entoptic.ascent.binding import bind
from entoptic.catalogs.choosing import Unit, field_of
from entoptic.catalogs.exemplars import Exemplar, all_exemplars, note_written, unwritten
from entoptic.catalogs.families import unit_of
from entoptic.catalogs.files import Files
from entoptic.catalogs.index import Index
from entoptic.errors import BadPicture
from entoptic.images import Picture
from entoptic.images.resize import fit_long_side, resize
from entoptic.images.writing import encode_jpeg
from entoptic.jobs.exemplars import crop
from entoptic.networks import DeviceLike, Model, devices
from entoptic.types import Image

# Long sides in pixels: the least at which JPEG leaves a small field its colors, and what a page
# shows; then most files take one block of a disk, of 4 KiB.
_LEAST_SIDE, _SIDE = 48, 96

# The least at which neither blocks nor rings are visible; chosen by eye.
_QUALITY = 75

# Threads that draw and write; most of their time is waiting for the disk.
_WRITERS = 4


def draw(
    index: Index,
    store: Files,
    model: Model,
    photos: Mapping[str, Photograph],
    files: Mapping[str, Path],
    device: DeviceLike,
    progress: Callable[[str], object],
) -> None:
    """Write the files of the exemplars that aren't written, photograph by photograph.

    Args:
        index: of the catalog, with its exemplars.
        store: of its files.
        model: the network.
        photos: as they were when the record was made, by name.
        files: of the photographs, by name.
        device: where to compute.
        progress: is told what is being done.

    Raises:
        BadPicture, PictureNotFound: a photograph isn't what it was.
        CannotWrite: with what to do.
    """
    todo = unwritten(index)
    of_photo: dict[str, list[tuple[Unit, Exemplar]]] = {}
    for unit, some in all_exemplars(index).items():
        for each in some:
            if {each.crop, each.map} & todo:
                of_photo.setdefault(each.photo, []).append((unit, each))
    if not of_photo:
        return
    units = [
        unit_of(*unit) for unit in {unit: None for some in of_photo.values() for unit, _ in some}
    ]
    size = model.preprocess.size
    network = watched(model, units, size, devices(device)[0], "fp32")
    read = each_photo([files[name] for name in of_photo], lambda picture: picture)
    with ThreadPoolExecutor(_WRITERS, "exemplars") as pool:

        def write(item: tuple[str, Callable[[], Tensor]]) -> tuple[str, str]:
            file, drawn = item
            return file, store.write(file, encode_jpeg(drawn(), _QUALITY))

        for number, (name, picture) in enumerate(zip(of_photo, read, strict=True)):
            if isinstance(picture, Exception):
                raise picture
            if picture.sha256 != photos[name].sha256:
                raise BadPicture(
                    f"{str(files[name])!r} has changed while it was looked at; run it again"
                )
            shown = _Shown(network, photos[name], picture)
            drawn = {file: make for file, make in shown.drawn(of_photo[name]) if file in todo}
            hashes = dict(pool.map(write, drawn.items()))
            store.keep_names(hashes)
            with index.changing() as change:
                note_written(change, hashes)
            todo -= hashes.keys()
            progress(f"exemplars from photograph {number + 1} of {len(of_photo)}")


class _Shown:
    """A photograph as the network is shown it."""

    def __init__(self, network: Watched, photo: Photograph, picture: Picture) -> None:
        self.model, self.photo, self.image = network.model, photo, picture.image
        self.view = View.of(picture.height, picture.width, network.model.preprocess.size)
        whole = self.view.image(picture.image)
        self.acts = network.activations(whole)
        self.small = small(whole)

    def drawn(
        self, exemplars: Sequence[tuple[Unit, Exemplar]]
    ) -> Iterator[tuple[str, Callable[[], Tensor]]]:
        """Yield each file of exemplars with what draws it."""
        for unit, each in exemplars:
            yield each.crop, partial(self._crop, unit, each)
            if each.map is not None:
                yield each.map, partial(self._map, unit)

    def _crop(self, unit: Unit, exemplar: Exemplar) -> Tensor:
        position = exemplar.position
        box = None if position is None else field_of(self.model, unit, position, self.photo)
        return small(crop(self.image, self.view, box))

    def _map(self, unit: Unit) -> Tensor:
        found = map_of(bind(unit_of(*unit), self.model, self.view.size), self.acts)
        assert found is not None  # as units of catalogs have
        return over_photo(self.small, found[0].float().cpu())


def small(image: Image) -> Tensor:
    """Return an image at the size of a crop."""
    long = max(image.shape[-2:])
    side = min(_SIDE, max(_LEAST_SIDE, long))
    return resize(image, *fit_long_side(image.shape[-2], image.shape[-1], side)).clamp(0, 1)
