"""The layer table as users are given it: a mapping that shows itself as a short table."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence

from entoptic.layers import Layer, LayerInfo

# Rows shown from each end of a table that is longer than both together and one more.
_SHOWN = 10

HEADER = ("layer", "kind", "shape", "channels", "stride", "receptive field", "parameters")


class LayerTable(Mapping[Layer, LayerInfo]):
    """Layers and what is known of each, in the order in which the network runs.

    Args:
        rows: of the table.
    """

    def __init__(self, rows: Mapping[Layer, LayerInfo]) -> None:
        self._rows = dict(rows)

    def __getitem__(self, layer: Layer) -> LayerInfo:
        return self._rows[layer]

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        first, between, last = self._cut()
        lines = [HEADER, *first, *last]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = [_line(cells, widths) for cells in lines]
        if between:
            shown.insert(len(first) + 1, f"... {between} more ...")
        return "\n".join([*shown, _count(len(self))])

    def _repr_html_(self) -> str:
        first, between, last = self._cut()
        rows = [*map(_row, first), *map(_row, last)]
        if between:
            rows.insert(len(first), f'<tr><td colspan="{len(HEADER)}">{between} more</td></tr>')
        head = "".join(f"<th>{each}</th>" for each in HEADER)
        return f"<table><tr>{head}</tr>{''.join(rows)}</table><p>{_count(len(self))}</p>"

    def _cut(self) -> tuple[list[Sequence[str]], int, list[Sequence[str]]]:
        """Return the first rows, how many are left out, and the last rows."""
        rows = [(str(layer), *cells(info)) for layer, info in self._rows.items()]
        if len(rows) <= 2 * _SHOWN + 1:
            return list(rows), 0, []
        return list(rows[:_SHOWN]), len(rows) - 2 * _SHOWN, list(rows[-_SHOWN:])


def cells(info: LayerInfo) -> tuple[str, ...]:
    """Return a row of the table as texts, a dash for what there isn't.

    >>> cells(LayerInfo("Conv2d", (1, 64, 9, 14), 64, (2, 2), (3, 3), 1792))
    ('Conv2d', '1x64x9x14', '64', '2x2', '3x3', '1,792')
    """
    return (
        info.kind,
        times(info.shape),
        str(info.channels or "-"),
        times(info.stride or ()),
        times(info.receptive_field or ()),
        f"{info.parameters:,}",
    )


def times(sizes: Sequence[int]) -> str:
    """Return sizes with crosses between them, a dash for none."""
    return "x".join(map(str, sizes)) or "-"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(map(str.ljust, cells, widths)).rstrip()


def _row(cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<td>{html.escape(each)}</td>' for each in cells)}</tr>"


def _count(layers: int) -> str:
    return f"{layers} layer{'s' * (layers != 1)}"
