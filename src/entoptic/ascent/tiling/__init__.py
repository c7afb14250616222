"""Pictures of any size in bounded memory: tiles whose gradients are those of the whole."""

from entoptic.ascent.tiling.budget import check_dream, pictures_at_once, tile_side
from entoptic.ascent.tiling.climb import climb_tiles
from entoptic.ascent.tiling.feathered import FeatheredTiles
from entoptic.ascent.tiling.gradient import ExactTiles, exact_tiles, global_layer, tiled_gradient

__all__ = [
    "ExactTiles",
    "FeatheredTiles",
    "check_dream",
    "climb_tiles",
    "exact_tiles",
    "global_layer",
    "pictures_at_once",
    "tile_side",
    "tiled_gradient",
]
