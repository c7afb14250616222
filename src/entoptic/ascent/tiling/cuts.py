"""Cuts of a picture: the pixels of each tile, and the positions that are its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from entoptic.errors import BadSetting
from entoptic.layers import FieldExtent, Layer


@dataclass(frozen=True)
class Span:
    """A tile along one axis.

    Args:
        start: first pixel that the network is shown.
        stop: the pixel after the last.
        own: of each layer, the positions (first, after the last) that no other span has, counted in
            the whole picture.
        offset: of each layer, the number of positions before the span's.
    """

    start: int
    stop: int
    own: Mapping[Layer, tuple[int, int]]
    offset: Mapping[Layer, int]

    @property
    def pixels(self) -> slice:
        return slice(self.start, self.stop)

    def places(self, layer: Layer) -> slice:
        """The span's own positions, in the whole."""
        return slice(*self.own[layer])

    def places_in_tile(self, layer: Layer) -> slice:
        """The same positions, among those that the network gives for the span's pixels."""
        first, end = self.own[layer]
        return slice(first - self.offset[layer], end - self.offset[layer])


@dataclass(frozen=True)
class Tile:
    """A part of a picture that is shown to the network at once."""

    rows: Span
    columns: Span

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def share(self, layer: Layer, places: tuple[int, int]) -> float:
        """Return the share of a layer's (rows, columns) that is the tile's own."""
        owned = math.prod(end - first for first, end in (s.own[layer] for s in self._spans))
        return owned / math.prod(places)

    @property
    def _spans(self) -> tuple[Span, Span]:
        return self.rows, self.columns


@dataclass(frozen=True)
class Along:
    """A layer along one axis of a picture: its receptive fields, and the number of positions."""

    extent: FieldExtent
    places: int


def tiles(rows: Sequence[Span], columns: Sequence[Span]) -> Iterator[Tile]:
    """All tiles, row by row."""
    for row in rows:
        for column in columns:
            yield Tile(row, column)


def cut(length: int, side: int, layers: Mapping[Layer, Along], multiple: int = 1) -> list[Span]:
    """Cut one axis of a picture so that nothing is changed by the cuts.

    Each span has the receptive fields of its own positions. It begins at a multiple of the
    network's period, and its length leaves the same remainder as the whole: so padding, rounding
    and grids are those of the whole picture in every layer.

    Args:
        length: of the picture along the axis.
        side: how many pixels the network may be shown at once.
        layers: whose positions are wanted.
        multiple: see `Preprocess`.

    Raises:
        BadSetting: the side leaves no room for positions beside their receptive fields.
    """
    if length <= side:
        own = {layer: (0, along.places) for layer, along in layers.items()}
        return [Span(0, length, own, dict.fromkeys(layers, 0))]
    period = math.lcm(multiple, *(along.extent.period for along in layers.values()))
    before = max(0, *(-along.extent.first for along in layers.values()))
    after = max(0, *(math.ceil(a.extent.last + 1 - a.extent.stride) for a in layers.values()))
    # Its two ends are rounded outwards, by less than a period each.
    room = (side - before - after - 2 * (period - 1)) // period * period
    if room < 1:
        least = before + after + 3 * period - 2
        raise BadSetting(
            f"tiles of {side} pixels are too small: the receptive field of {_named(layers)} has "
            f"{before + after + 1} pixels, so that tiles need at least {least}; choose larger "
            "tiles, more memory, or an earlier layer"
        )
    count = -(-length // room)
    core = -(-length // (count * period)) * period
    starts = range(0, length, core)
    found = [_span(start, min(start + core, length), length, layers, period) for start in starts]
    spans = [each for each in found if each is not None]
    longest = max(span.stop - span.start for span in spans)
    return [_lengthened(span, longest, length, layers) for span in spans]


def _lengthened(span: Span, pixels: int, length: int, layers: Mapping[Layer, Along]) -> Span:
    """The same span, shown more than it needs: alike, tiles use the same memory again and again."""
    stop = min(span.start + pixels, length)
    start = stop - pixels
    return replace(span, start=start, stop=stop, offset=_offsets(start, layers))


def _offsets(start: int, layers: Mapping[Layer, Along]) -> dict[Layer, int]:
    """Return the number of positions before a pixel at which a span may start."""
    return {layer: round(start / along.extent.stride) for layer, along in layers.items()}


def _span(
    first: int, end: int, length: int, layers: Mapping[Layer, Along], period: int
) -> Span | None:
    """Return the span of the positions over some pixels; None where there are none."""
    own: dict[Layer, tuple[int, int]] = {}
    seen: list[int] = []
    for layer, along in layers.items():
        stride = along.extent.stride
        begin = min(round(first / stride), along.places)
        stop = along.places if end == length else min(round(end / stride), along.places)
        own[layer] = begin, max(begin, stop)
        # A layer without positions of its own must still have one, for the network to run at all.
        begin = min(begin, along.places - 1)
        seen.append(math.floor(begin * stride + along.extent.first))
        seen.append(math.ceil((max(stop, begin + 1) - 1) * stride + along.extent.last) + 1)
    if all(first == end for first, end in own.values()):
        return None
    start = max(0, min(seen)) // period * period
    last = length - max(0, length - max(seen)) // period * period
    return Span(start, last, own, _offsets(start, layers))


def _named(layers: Mapping[Layer, Along]) -> str:
    widest = max(layers, key=lambda layer: layers[layer].extent.last - layers[layer].extent.first)
    return repr(str(widest))
