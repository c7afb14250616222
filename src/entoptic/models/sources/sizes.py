"""Which sizes of pictures a network takes, found out by trying."""

from __future__ import annotations

from dataclasses import replace

from entoptic.models import probe
from entoptic.models.model import Model

# What networks halve and cut pictures by: strides, patches, and windows of either.
_MULTIPLES = (2, 4, 8, 14, 16, 32, 64, 56, 128, 112, 256, 224)


def fitted(model: Model) -> Model:
    """A model whose preprocessing knows the sizes that its network takes.

    Nothing is computed: the network runs on shapes alone.
    """
    if _takes(model, 1):
        return model
    multiple = next((each for each in _MULTIPLES if _takes(model, each)), None)
    if multiple is None:
        return replace(model, preprocess=replace(model.preprocess, fixed_size=True))
    return replace(model, preprocess=replace(model.preprocess, multiple=multiple))


def _takes(model: Model, multiple: int) -> bool:
    """Whether the network works on pictures whose sides are odd multiples, far from its own."""
    height, width = (_odd(side + side // 2, multiple) for side in model.preprocess.size)
    shape = model.preprocess.channels, height, width + 2 * multiple
    return probe.table(model.module, model.modules_by_address, shape).failure is None


def _odd(side: int, multiple: int) -> int:
    """The first odd number of multiples that is larger than a side."""
    times = side // multiple + 1
    return (times + 1 - times % 2) * multiple
