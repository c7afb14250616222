"""Pictures of any size in bounded memory: tiles whose gradients are those of the whole."""

from entoptic.ascent.tiling.budget import check_dream, pictures_at_once, tile_side
from entoptic.ascent.tiling.climb import climb_tiles
from entoptic.ascent.tiling.feathered import FeatheredTiles
from entoptic.ascent.tiling.gradient import ExactTiles, exact_tiles, global_layer, tiled_gradient
from entoptic.ascent.tiling.stored import Stored, combine, combined, resized

__all__ = [
    "ExactTiles",
    "FeatheredTiles",
    "Stored",
    "check_dream",
    "climb_tiles",
    "combine",
    "combined",
    "exact_tiles",
    "global_layer",
    "pictures_at_once",
    "resized",
    "tile_side",
    "tiled_gradient",
]
