"""The rewrites that make a network's graph fast, each in a file of its own, in their order."""

from __future__ import annotations

from collections.abc import Callable

from torch import fx

from entoptic.networks.compile.context import Context
from entoptic.networks.compile.passes.batch_norm import fold_batch_norms
from entoptic.networks.compile.passes.captured import copy_captured
from entoptic.networks.compile.passes.convolution import freeze_convolutions
from entoptic.networks.compile.passes.idle import drop_idle_layers
from entoptic.networks.compile.passes.in_place import rectify_in_place
from entoptic.networks.compile.passes.max_pool import shrink_max_pools
from entoptic.networks.compile.passes.preprocessing import feed_images
from entoptic.networks.compile.passes.products import replace_products
from entoptic.networks.compile.passes.reduced import reduce_precision
from entoptic.networks.compile.passes.stem import join_stem

PASSES: tuple[Callable[[fx.GraphModule, Context], None], ...] = (
    drop_idle_layers,
    fold_batch_norms,
    feed_images,
    shrink_max_pools,
    freeze_convolutions,
    replace_products,
    join_stem,
    rectify_in_place,
    copy_captured,
    reduce_precision,
)
