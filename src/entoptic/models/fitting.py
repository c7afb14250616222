"""Which sizes of pictures a network takes, found out by trying."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from entoptic.layers import Layer
from entoptic.models.model import OUTPUT, Model
from entoptic.models.probe import Table

# What networks halve and cut pictures by: strides, patches, and windows of either.
_MULTIPLES = (2, 4, 7, 8, 14, 16, 28, 32, 56, 64, 112, 128, 224, 256)

# Sides that networks were trained at, the usual ones first: for modules that don't say theirs.
_USUAL = (32, 28, 64, 96, 128, 160, 192, 227, 240, 256, 299, 320, 331, 384, 416, 448, 512, 640)


def fitted(model: Model, *, size_is_known: bool = True) -> Model:
    """A model whose preprocessing knows the sizes that its network takes.

    Nothing is computed: the network runs on shapes alone. What the preprocessing says already is
    left as it is.

    Args:
        model: as it was loaded.
        size_is_known: whether the size of its preprocessing is more than a guess.
    """
    how = model.preprocess
    if how.fixed_size or how.multiple != 1:
        return model
    own = model.tables.at(how.size)
    if own.failure:
        return model if size_is_known else _of_a_usual_size(model)
    if _takes(model, own, 1):
        return model
    # What takes every multiple of something takes those of its own size.
    if not _takes(model, own, None):
        return _changed(model, fixed_size=True)
    common = (each for each in _MULTIPLES if all(side % each == 0 for side in how.size))
    multiple = next((each for each in common if _takes(model, own, each)), None)
    return (
        _changed(model, fixed_size=True) if multiple is None else _changed(model, multiple=multiple)
    )


def _changed(model: Model, **changes: object) -> Model:
    how = replace(model.preprocess, **changes)  # type: ignore[arg-type]
    return replace(model, preprocess=how, _tables={})


def _of_a_usual_size(model: Model) -> Model:
    """The model at the first of the usual sizes on which its network works."""
    for side in _USUAL:
        if model.tables.at((side, side)).failure is None:
            return fitted(_changed(model, size=(side, side)))
    return model


def _takes(model: Model, own: Table, multiple: int | None) -> bool:
    """Whether the network works on pictures whose sides are multiples, far from its own size.

    Args:
        model: the network.
        own: its table at its own size.
        multiple: of what; None for the sides of its own size.
    """
    return all(_is_like(model.tables.fed(size), own) for size in _trials(model, multiple))


def _trials(model: Model, multiple: int | None) -> Iterator[tuple[int, int]]:
    """Several, since one may suit by chance a shape that is written down in the network."""
    height, width = model.preprocess.size
    if multiple is None:
        yield 2 * height, 3 * width
        yield 3 * height, 2 * width
        return
    yield _odd(height + height // 2, multiple), _odd(width + width // 2, multiple) + 2 * multiple
    yield _odd(2 * height, multiple) + 2 * multiple, _odd(width + width // 5, multiple)


def _is_like(table: Table, own: Table) -> bool:
    """Whether a network has run to its end, and has taken its one picture for one."""
    return table.failure is None and _pictures(table) == _pictures(own)


def _pictures(table: Table) -> tuple[int, int]:
    """The number of axes of the output, and the first of them as far as it is the batch's."""
    shape = table.rows[Layer(OUTPUT)].shape
    return len(shape), min(2, shape[0]) if shape else 0


def _odd(side: int, multiple: int) -> int:
    """The first odd number of multiples that is larger than a side."""
    times = side // multiple + 1
    return (times + 1 - times % 2) * multiple
