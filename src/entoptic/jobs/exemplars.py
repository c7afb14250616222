"""Exemplars of units: chosen from a record, cut out, and laid out on a sheet."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from entoptic.analysis.photographs import View, each_photo
from entoptic.analysis.record import TOP, Record
from entoptic.analysis.recording import How, Recording, named_photos, record_named
from entoptic.analysis.responses import receptive_box, watched
from entoptic.errors import BadPicture, BadSetting
from entoptic.images import Picture, read, write
from entoptic.images.contact_sheet import headed, headed_size, sheet, sheet_size
from entoptic.images.resize import fit_long_side, resize
from entoptic.jobs.inputs import check_pixels
from entoptic.jobs.units import label_of, read_all
from entoptic.networks import Model, devices
from entoptic.objectives import Objective
from entoptic.types import Image, PathLike

if TYPE_CHECKING:
    from entoptic.recipes.exemplars import Exemplars

Box = tuple[int, int, int, int]
"""(top, left, height, width), in pixels of a photograph."""

TILE = 128
"""Side of each photograph on a sheet, in pixels."""

_MOST_COLUMNS = 10

# Pixels between the sections of two units.
_BETWEEN = 8

# Beyond a photograph's edge, where a receptive field reaches past it.
_OUTSIDE = 0.88
_OUTLINE = (1.0, 0.85, 0.1)

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Exemplar:
    """A photograph with what a unit does in it.

    Args:
        photo: its name.
        sha256: of its file.
        value: the unit's.
        position: (row, column) of the largest activation; None for a unit without positions.
        box: the receptive field of that position, (top, left, height, width) in pixels of the
            photograph; it may reach past its edges. None where it is the whole image.
        share: of the photographs, the share with smaller values; None where that isn't known.
    """

    photo: str
    sha256: str
    value: float
    position: tuple[int, int] | None
    box: Box | None
    share: float | None


@dataclass(frozen=True)
class UnitExemplars:
    """The exemplars of a unit.

    Args:
        unit: in its short form.
        mean: of its values over all photographs.
        deviation: their standard deviation.
        exemplars: the photographs, in order.
    """

    unit: str
    mean: float
    deviation: float
    exemplars: tuple[Exemplar, ...]


@dataclass(frozen=True, eq=False)
class FoundExemplars:
    """Exemplars of units among photographs.

    Args:
        model: the network's specification.
        order: which photographs: the most or least exciting ones, or a spread over all.
        by: the value: `max` or `mean` over positions.
        size: at which the photographs were shown.
        photos: how many there were.
        broken: files that couldn't be used, with the reason.
        units: a row each.
        whole: whether a sheet shows whole photographs.
        notes: what the user should know.
        record: of all units and photographs.
        given: photographs that are no files, by name.
    """

    model: str
    order: Literal["most", "least", "spread"]
    by: str
    size: tuple[int, int]
    photos: int
    broken: Mapping[str, str]
    units: tuple[UnitExemplars, ...]
    whole: bool
    notes: tuple[str, ...]
    record: Record = field(repr=False)
    given: Mapping[str, Picture] = field(repr=False)

    def to_json(self) -> str:
        """Everything but the record and the pictures."""
        names = ("model", "order", "by", "size", "photos", "notes")
        told: dict[str, Any] = {name: getattr(self, name) for name in names}
        units = [asdict(unit) for unit in self.units]
        return json.dumps(told | {"broken": dict(self.broken), "units": units})

    def image(self, exemplar: Exemplar, *, whole: bool | None = None) -> Image:
        """Return what an exemplar shows, (1, 3, height, width): the receptive field, or all.

        Args:
            exemplar: one of these.
            whole: whether it is the whole photograph as the network is shown it, with the
                receptive field outlined; by default as it was asked for.

        Raises:
            BadPicture: the file has changed since.
        """
        given = self.given.get(exemplar.photo)
        picture = read(Path(exemplar.photo)) if given is None else given
        return self._image(exemplar, picture, self.whole if whole is None else whole)

    def _image(self, exemplar: Exemplar, picture: Picture, whole: bool) -> Image:
        if picture.sha256 is not None and picture.sha256 != exemplar.sha256:
            raise BadPicture(f"{exemplar.photo!r} has changed since it was looked at; run again")
        view = View.of(picture.height, picture.width, self.size)
        # What excites a unit least is in no one position.
        box = None if self.order == "least" else exemplar.box
        if box is None or not whole:
            return crop(picture.image, view, box)
        top, left, height, width = box
        inside = top - view.top, left - view.left, height, width
        return _outlined(view.window(picture.image), inside)

    def sheet(self) -> Image:
        """Lay the exemplars out, a section for each unit, (1, 3, height, width)."""
        check_pixels(*sheet_shape([len(each.exemplars) for each in self.units]))
        tiles, sections = self._tiles(), []
        for unit in self.units:
            some = torch.cat([tiles[each] for each in unit.exemplars])
            labels = [self._label(each) for each in unit.exemplars]
            page = sheet(some, _columns(len(self.units), len(some)), labels=labels)
            sections.append(headed(f"{unit.unit}: {self._told()}", page))
        width = max(each.shape[3] for each in sections)
        padded = [
            functional.pad(each, (0, width - each.shape[3], 0, _BETWEEN), value=1.0)
            for each in sections
        ]
        return torch.cat(padded, 2)[:, :, :-_BETWEEN]

    def _tiles(self) -> dict[Exemplar, Tensor]:
        """Return the tile of each exemplar; each photograph is read once for all units."""
        of_photo: dict[str, list[Exemplar]] = {}
        for unit in self.units:
            for each in unit.exemplars:
                of_photo.setdefault(each.photo, []).append(each)
        photos = [self.given.get(name) or Path(name) for name in of_photo]

        found: dict[Exemplar, Tensor] = {}
        for some, picture in zip(
            of_photo.values(), each_photo(photos, lambda picture: picture), strict=True
        ):
            if isinstance(picture, Exception):
                raise picture
            for each in some:
                found[each] = _tile(self._image(each, picture, self.whole))
        return found

    def _told(self) -> str:
        words = {
            "most": "most exciting",
            "least": "least exciting",
            "spread": "from most to least exciting",
        }[self.order]
        measure = "" if self.by == "max" else ", by their mean"
        return f"{words} of {self.photos} photographs{measure}"

    def _label(self, exemplar: Exemplar) -> str:
        share = ""
        if self.order == "spread" and exemplar.share is not None:
            share = f"{exemplar.share:.0%}: "
        return f"{share}{exemplar.value:.4g} {Path(exemplar.photo).stem}"

    def save(self, path: PathLike, *, replace: bool = True) -> Path:
        """Write the sheet as a picture file; raises as `write` does."""
        return write(path, self.sheet(), replace=replace)

    def _repr_png_(self) -> bytes:
        """Return the sheet, for Jupyter."""
        return Picture(self.sheet())._repr_png_()


@dataclass(frozen=True, eq=False)
class ExemplarsPlan:
    """A search for exemplars that has been checked and can begin.

    Args:
        how: the recipe, with its network.
        model: the network.
        units: to look at.
        photos: files and pictures by name.
    """

    how: Exemplars
    model: Model
    units: tuple[Objective, ...]
    photos: Mapping[str, Path | Picture]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) at which photographs are shown."""
        return self.model.preprocess.size

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the sheet where there are enough photographs."""
        count = min(self.how.count, len(self.photos))
        return sheet_shape([count] * len(self.units))

    def run(self, tell: Tell = lambda _: None) -> FoundExemplars:
        """Go through the photographs, and choose.

        Args:
            tell: is told what is being done.

        Raises:
            BadPicture: none of them can be used.
        """
        how = self.how
        wanted = How(most=max(TOP, how.count))
        recording = Recording.of(self.model, self.units, wanted, how.device)
        found = record_named(recording, self.photos, path=how.record, tell=tell)
        order: Literal["most", "least", "spread"] = "most"
        if how.least or how.spread:
            order = "least" if how.least else "spread"
        means, variances = found.mean(how.by), found.variance(how.by)
        rows = tuple(
            UnitExemplars(
                label_of(unit),
                float(means[number]),
                math.sqrt(variances[number]),
                tuple(self._chosen(found, number, order)),
            )
            for number, unit in enumerate(self.units)
        )
        given = {name: each for name, each in self.photos.items() if isinstance(each, Picture)}
        return FoundExemplars(
            self.model.source, order, how.by, self.size, len(found.photos), found.broken, rows,
            how.whole, (*self.model.notes, *_notes(found, rows)), found, given,
        )  # fmt: skip

    def _chosen(
        self, found: Record, unit: int, order: Literal["most", "least", "spread"]
    ) -> Iterator[Exemplar]:
        if order == "spread":
            yield from self._spread(found, unit)
            return
        measure = found.measures[self.how.by]
        ends = measure.top if order == "most" else measure.bottom
        for place in range(self.how.count):
            if (photo := int(ends.photos[unit, place])) >= 0:
                value, position = ends.values[unit, place], ends.positions[unit, place]
                yield self._exemplar(found, unit, photo, float(value), position.tolist(), None)

    def _spread(self, found: Record, unit: int) -> Iterator[Exemplar]:
        ranked, values = found.ranked(unit, self.how.by), found.values(self.how.by)
        last = len(ranked) - 1
        count = min(self.how.count, len(ranked))
        for step in reversed(range(count)):
            rank = round(step / max(1, count - 1) * last)
            row = ranked[rank]
            yield self._exemplar(
                found,
                unit,
                int(found.sample.photos[row]),
                float(values[row, unit]),
                found.sample.positions[row, unit].tolist(),
                rank / max(1, last),
            )

    def _exemplar(
        self,
        found: Record,
        unit: int,
        photo: int,
        value: float,
        position: Sequence[int],
        share: float | None,
    ) -> Exemplar:
        about = found.photos[photo]
        box = None
        row, column = position
        if row >= 0:
            view = View.of(about.height, about.width, self.size)
            box = receptive_box(self.model, self.units[unit], position, view)
        where = None if row < 0 else (row, column)
        return Exemplar(about.name, about.sha256, value, where, box, share)


def plan_exemplars(how: Exemplars) -> ExemplarsPlan:
    """Check a search for exemplars and lay it out; see `Recipe.plan`."""
    model = how.network()
    units = tuple(read_all(how.units))
    if not how.photos:
        raise BadSetting("no photographs to look at; name files or folders: --photos FOLDER")
    watched(model, units, model.preprocess.size, devices(how.device)[0], "fp32")
    return ExemplarsPlan(replace(how, model=model), model, units, named_photos(how.photos))


def sheet_shape(counts: Sequence[int]) -> tuple[int, int]:
    """Return the (height, width) of a sheet of so many exemplars of each unit."""
    shapes = [
        headed_size(sheet_size(count, _columns(len(counts), count), TILE, TILE, labelled=True))
        for count in counts
    ]
    height = sum(height for height, _ in shapes) + _BETWEEN * (len(shapes) - 1)
    return height, max(width for _, width in shapes)


def _columns(units: int, count: int) -> int:
    """Return the columns of a unit's section: a square for one unit, a row for each of several."""
    return math.ceil(math.sqrt(count)) if units == 1 else min(count, _MOST_COLUMNS)


def _notes(found: Record, rows: Sequence[UnitExemplars]) -> Iterator[str]:
    if found.broken:
        named = ", ".join(map(repr, [*found.broken][:3]))
        more = f" and {len(found.broken) - 3} more" if len(found.broken) > 3 else ""
        count = "1 file" if len(found.broken) == 1 else f"{len(found.broken)} files"
        yield f"{count} left out, not readable as pictures: {named}{more}"
    whole = [row.unit for row in rows if any(e.position and not e.box for e in row.exemplars)]
    if whole:
        yield (
            f"each position of {whole[0]} depends on the whole image, so that photographs are "
            "shown whole"
        )
    if len(found.photos) > found.sampled:
        yield f"a spread is over {found.sampled} of the {len(found.photos)} photographs"


def crop(photo: Image, view: View, box: Box | None) -> Tensor:
    """Return a box of a photograph, and no more of it than a network is shown.

    Args:
        photo: the photograph.
        view: how the network is shown it.
        box: in pixels of the photograph; None, or one that covers all, for all that is shown.
    """
    shown = view.window(photo)
    if box is None or is_whole(view, box):
        return shown
    top, left, height, width = box
    return _cut(shown, (top - view.top, left - view.left, height, width))


def is_whole(view: View, box: Box) -> bool:
    """Tell whether a box is at least as large as what a network is shown of a photograph."""
    return box[2] >= view.height and box[3] >= view.width


def _cut(shown: Image, box: Box) -> Tensor:
    """Return a box of what a network is shown; gray where it reaches past the edges."""
    top, left, height, width = box
    first_row, first_column = max(0, top), max(0, left)
    inside = shown[..., first_row : max(0, top + height), first_column : max(0, left + width)]
    before = first_column - left, first_row - top
    after = width - before[0] - inside.shape[3], height - before[1] - inside.shape[2]
    return functional.pad(inside, (before[0], after[0], before[1], after[1]), value=_OUTSIDE)


def _outlined(shown: Image, box: Box) -> Tensor:
    """Return an image at the size of a tile, with a box of it outlined."""
    size = fit_long_side(shown.shape[-2], shown.shape[-1], TILE)
    tile = resize(shown, *size).clamp(0, 1)
    scale = size[0] / shown.shape[-2]
    top, left = box[0] * scale, box[1] * scale
    edges = (top, top + box[2] * scale - 1, left, left + box[3] * scale - 1)
    upper, lower, first, last = map(round, edges)
    rows, columns = torch.arange(size[0])[:, None], torch.arange(size[1])[None]
    inside = (rows >= upper) & (rows <= lower) & (columns >= first) & (columns <= last)
    edge = (rows == upper) | (rows == lower) | (columns == first) | (columns == last)
    line = torch.tensor(_OUTLINE).reshape(1, 3, 1, 1)
    return torch.where(inside & edge, line, tile)


def _tile(image: Image) -> Tensor:
    """Return an image in the middle of a white square of the sheet's size."""
    height, width = fit_long_side(image.shape[-2], image.shape[-1], TILE)
    tile = resize(image, height, width).clamp(0, 1)
    down, across = TILE - height, TILE - width
    edges = (across // 2, across - across // 2, down // 2, down - down // 2)
    return functional.pad(tile, edges, value=1.0)
