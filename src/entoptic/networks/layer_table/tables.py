"""The layer tables of one network by the size of its images, each found out once."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor, nn

from entoptic.images.resize import resize
from entoptic.layers import Layer, LayerInfo
from entoptic.networks.frozen import by_address
from entoptic.networks.layer_table import probe
from entoptic.networks.modes import in_usual_modes
from entoptic.networks.preprocess import Preprocess


@dataclass(frozen=True, eq=False)
class Tables:
    """Layer tables of a network, by the size of images.

    Args:
        module: the network.
        paths: of its layers, by address.
        preprocess: how it wants its images.
        found: the tables by (height, width) of the image.
    """

    module: nn.Module
    paths: Mapping[str, str]
    preprocess: Preprocess
    found: dict[tuple[int, int], probe.Table] = field(default_factory=dict)

    def with_preprocess(self, preprocess: Preprocess) -> Tables:
        """Return the tables of the same network under another preprocessing, none found yet."""
        return replace(self, preprocess=preprocess, found={})

    def at(self, size: tuple[int, int]) -> probe.Table:
        """Return the table of images of (height, width), as they are or grown to a multiple."""
        if size not in self.found:
            self.found[size] = self.fed(self.preprocess.grown(size))
        return self.found[size]

    @in_usual_modes
    def fed(self, size: tuple[int, int], *, computed: bool = False) -> probe.Table:
        """Return the table of images that reach the network at (height, width), whatever it takes.

        Args:
            size: that.
            computed: see `probe.table`.
        """
        shape = self.preprocess.channels, *size
        listed = functools.partial(by_address, paths=self.paths)
        return probe.table(self.module, listed, shape, computed=computed)

    def shown(self, layers: Collection[Layer], size: tuple[int, int]) -> tuple[int, int]:
        """Return the size at which images of (height, width) are shown, to reach layers.

        Only a network of one size is shown others than they are.
        """
        how = self.preprocess
        if not how.fixed_size or size == how.size or self.reaches(layers, size):
            return size
        return how.size

    def reaches(self, layers: Collection[Layer], size: tuple[int, int]) -> bool:
        """Return whether the network runs all these layers on such an image as it is."""
        return self.at(size).rows.keys() >= set(layers)

    def row(self, layer: Layer, size: tuple[int, int]) -> LayerInfo | None:
        """Return the row of a layer, None where it isn't reached."""
        shown = self.shown({layer}, size)
        row = self.at(shown).rows.get(layer)
        # Fields of an image that is shown at another size aren't of pixels of its own.
        return row if row is None or shown == size else replace(row, extents=None)

    def rows(self, size: tuple[int, int]) -> Mapping[Layer, LayerInfo]:
        """Return the rows of all layers that are reached, in the order in which they run."""
        how = self.preprocess
        table = self.at(size)
        if not (how.fixed_size and table.failure):
            return table.rows
        found = {layer: self.row(layer, size) for layer in self.at(how.size).rows}
        return {layer: row for layer, row in found.items() if row is not None}

    def fitted(self, image: Tensor, layers: Collection[Layer]) -> Tensor:
        """Return an image at the size at which the network is shown it, to reach some layers."""
        size = image.shape[-2], image.shape[-1]
        shown = self.shown(layers, size)
        return image if shown == size else resize(image, *shown)
