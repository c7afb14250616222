"""Pictures of any size in bounded memory: tiles whose gradients are those of the whole."""

from entoptic.tiling.gradient import tiled_gradient

__all__ = ["tiled_gradient"]
