"""Sizes and channels of pictures that a network takes, found by trying."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from torch import nn

from entoptic.errors import BadNetwork
from entoptic.layers import Layer
from entoptic.networks.forward import Fed
from entoptic.networks.frozen import parts
from entoptic.networks.layer_table.probe import Table
from entoptic.networks.layer_table.tables import Tables
from entoptic.networks.network import OUTPUT
from entoptic.networks.preprocess import GUESS, Normalize, Preprocess

_Convolution: TypeAlias = nn.Conv1d | nn.Conv2d | nn.Conv3d

# What networks halve and cut pictures by: strides, patches, and windows of either.
_MULTIPLES = (2, 4, 7, 8, 14, 16, 28, 32, 56, 64, 112, 128, 224, 256)

# Sides that networks were trained at, the usual ones first: for modules that don't say theirs.
_USUAL = (32, 28, 64, 96, 128, 160, 192, 227, 240, 256, 299, 320, 331, 384, 416, 448, 512, 640)

# How sequences may be made of a picture: a row of pixels, a film that stands still.
_RUN_AS = {
    1: "network(image.flatten(2))",
    3: "network(image[:, :, None].expand(-1, -1, 16, -1, -1))",
}


def fitted(tables: Tables) -> Tables:
    """Return tables whose preprocessing knows the sizes that the network takes.

    Nothing is computed: the network runs on shapes alone. What the preprocessing says already is
    left as it is.
    """
    how = tables.preprocess
    if how.fixed_size or how.multiple != 1:
        return tables
    own = tables.at(how.size)
    if own.failure or _takes(tables, own, 1):
        return tables
    # What takes every multiple of something takes those of its own size.
    if not _takes(tables, own, None):
        return tables.with_preprocess(replace(how, fixed_size=True))
    common = (each for each in _MULTIPLES if all(side % each == 0 for side in how.size))
    multiple = next((each for each in common if _takes(tables, own, each)), None)
    if multiple is None:
        return tables.with_preprocess(replace(how, fixed_size=True))
    return tables.with_preprocess(replace(how, multiple=multiple))


def for_pictures(
    module: nn.Module, paths: Mapping[str, str], normalize: Normalize
) -> tuple[Tables, tuple[str, ...]]:
    """Return tables and notes of a module that says nothing of its images: both are found out.

    Nothing is computed: the network runs on shapes alone, first with as many channels as its first
    convolution has.

    Args:
        module: the network.
        paths: of its layers, by address.
        normalize: see `Model.wrap`.

    Raises:
        BadNetwork: its first convolution has one axis, or three, and it isn't said how it is run.
    """
    first = _first_convolution(module)
    for channels in _candidates(first, normalize):
        tables = Tables(module, paths, Preprocess.usual(channels, normalize))
        found = _of_a_usual_size(tables)
        if found is not None:
            return found, _guessed(channels, normalize)
    if first is not None and not isinstance(first, nn.Conv2d) and not isinstance(module, Fed):
        axes = 3 if isinstance(first, nn.Conv3d) else 1
        raise BadNetwork(
            f"the first convolution of {type(module).__name__} is {axes}-D, and it takes no "
            "picture of (batch, channels, height, width); say how it is run on one, such as "
            f"Model.wrap(network, forward=lambda network, image: {_RUN_AS[axes]})"
        )
    channels = _candidates(None, normalize)[0]
    tables = Tables(module, paths, Preprocess.usual(channels, normalize))
    return fitted(tables), _guessed(channels, normalize)


def _guessed(channels: int, normalize: Normalize) -> tuple[str, ...]:
    if normalize != "guess":
        return ()
    what = "ImageNet's mean and deviation"
    if channels != 3:
        what = f"pictures of {channels} channel{'s' * (channels > 1)} in [0, 1] as they are"
    return (
        f"{GUESS}: {what}; say what is right by Model.wrap(..., preprocess=Preprocess(...)), "
        "normalize=(mean, std) or normalize=None, or ?mean=...&std=... after its name",
    )


def _candidates(first: _Convolution | None, normalize: Normalize) -> list[int]:
    """Return numbers of channels that a network may be fed, the likeliest first."""
    if isinstance(normalize, tuple):
        for numbers in normalize:
            if isinstance(numbers, Sequence) and len(numbers) > 1:
                return [len(numbers)]
    own = [] if first is None or first.in_channels == 0 else [first.in_channels]
    return list(dict.fromkeys([*own, 3, 1]))


def _first_convolution(module: nn.Module) -> _Convolution | None:
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    return next((each for _, each in parts(module) if isinstance(each, kinds)), None)


def _of_a_usual_size(tables: Tables) -> Tables | None:
    """Return the tables with the first of the usual sizes on which the network works."""
    how = tables.preprocess
    for size in (how.size, *((side, side) for side in _USUAL)):
        trial = tables
        if size != how.size:
            trial = tables.with_preprocess(replace(how, size=size))
        if _takes_one_picture(trial.at(size)):
            return fitted(trial)
    return None


def _takes_one_picture(table: Table) -> bool:
    """Return whether a network has run to its end, with one result of its one image.

    A reshape of (-1, features) makes several of one that is too large, or has too many channels;
    a 3-D convolution takes the batch of one for a film without a batch.
    """
    if table.failure is not None:
        return False
    shape = table.rows[Layer(OUTPUT)].shape
    films = (
        row
        for layer, row in table.rows.items()
        if layer.port == "input" and row.kind == nn.Conv3d.__name__ and len(row.shape) == 4
    )
    if next(films, None) is not None:
        return False
    # (tokens, batch, features) of networks that count so.
    return not shape or shape[0] == 1 or (len(shape) == 3 and shape[1] == 1)


def _takes(tables: Tables, own: Table, multiple: int | None) -> bool:
    """Return whether the network works on images of other sizes, whose sides are multiples.

    Args:
        tables: of the network.
        own: its table at its own size.
        multiple: of what; None for the sides of its own size.
    """
    trials = _trials(tables.preprocess.size, multiple)
    return all(_is_like(tables.fed(size), own) for size in trials)


def _trials(own: tuple[int, int], multiple: int | None) -> Iterator[tuple[int, int]]:
    """Yield several, since one may happen to suit a shape that is written down in the network."""
    height, width = own
    if multiple is None:
        yield 2 * height, 3 * width
        yield 3 * height, 2 * width
        return
    yield _odd(height + height // 2, multiple), _odd(width + width // 2, multiple) + 2 * multiple
    yield _odd(2 * height, multiple) + 2 * multiple, _odd(width + width // 5, multiple)


def _is_like(table: Table, own: Table) -> bool:
    """Return whether a network has run to its end, and has taken its one image for one."""
    return table.failure is None and _pictures(table) == _pictures(own)


def _pictures(table: Table) -> tuple[int, int]:
    """Return the number of the output's axes, and the first as far as it is the batch's."""
    shape = table.rows[Layer(OUTPUT)].shape
    return len(shape), min(2, shape[0]) if shape else 0


def _odd(side: int, multiple: int) -> int:
    """Return the first odd number of multiples that is larger than a side."""
    times = side // multiple + 1
    return (times + 1 - times % 2) * multiple
